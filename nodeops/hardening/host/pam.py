"""The profiles of pam-auth-update: which of ours are in force, and the files that it writes."""

from collections.abc import Iterable
from pathlib import Path

from nodeops.host.command import run

_SECONDS = 60
_KINDS = ("auth", "account", "password", "session", "session-noninteractive")
# Everything that pam-auth-update writes, so that a change of it can be rolled back byte by byte.
FILES = (*(f"/etc/pam.d/common-{kind}" for kind in _KINDS), *(f"/var/lib/pam/{kind}" for kind in (*_KINDS, "seen")))


def enabled(names: Iterable[str]) -> list[str]:
    """Return which profiles are in force: noted by pam-auth-update, and their lines in what PAM reads."""
    found: dict[str, list[bool]] = {}
    for kind in _KINDS:
        live = _squeezed(_read(f"/etc/pam.d/common-{kind}"))
        for block in _read(f"/var/lib/pam/{kind}").split("Module: ")[1:]:
            name, *lines = block.splitlines()
            found.setdefault(name, []).extend(
                line[line.index("pam_") :] in live for line in map(_squeezed, lines) if "pam_" in line
            )
    return sorted(name for name in set(names) if found.get(name) and all(found[name]))


def _squeezed(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def enable(names: Iterable[str]) -> None:
    """Put profiles in force. Raise HostError when pam-auth-update refuses."""
    if chosen := sorted(names):
        run(["pam-auth-update", "--package", "--enable", *chosen], timeout_seconds=_SECONDS)


def disable(names: Iterable[str]) -> None:
    """Take profiles out of force. Called while their files are still there."""
    if chosen := enabled(names):
        run(["pam-auth-update", "--package", "--remove", *chosen], timeout_seconds=_SECONDS)
