"""The SSH server of this host: its files, what it makes of lines, and who has an account. Looks, changes nothing."""

import grp
import pwd
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from nodeops.hardening.host.sshd_config import MAIN, Account, Line, options_of, read
from nodeops.host.command import run
from nodeops.host.units.unit_settings import unit_settings

_SECONDS = 30
_UNIT, _DEFAULTS = "ssh.service", Path("/etc/default/ssh")
_OPTIONS = re.compile(r"""^SSHD_OPTS=["']?(.*?)["']?\s*$""", re.MULTILINE)
_NO_SHELLS = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/sync")

# What sshd says, by keyword in lower case. "error" alone when it refuses.
Said = dict[str, list[str]]


def lines() -> list[Line]:
    """Return all lines of sshd's files, in its order."""
    return list(read(_included))


def files_read() -> list[Path]:
    """Return the files that sshd reads, and the folders that they are taken from."""
    found = {Path(MAIN)}

    def noted(pattern: str) -> list[tuple[str, str]]:
        files = _included(pattern)
        found.update(Path(file) for file, _ in files)
        found.update({Path(pattern).parent} if "*" in pattern else {Path(pattern)})
        return files

    list(read(noted))
    return sorted(found)


def lines_with(texts: Mapping[str, str | None]) -> list[Line]:
    """Return all lines as they would be with other texts of some files; None for one that goes."""

    def changed(pattern: str) -> list[tuple[str, str]]:
        known = {**dict(_included(pattern)), **{path: text for path, text in texts.items() if PurePath(path).match(pattern)}}
        return [(path, text) for path, text in sorted(known.items()) if text is not None]

    return list(read(changed))


def started_with() -> list[str]:
    """Return the options with which the server was started, and those that Debian's unit gives it at its next start."""
    now = options_of(_text(Path("/proc", str(unit_settings(_UNIT).main), "cmdline")).replace("\0", " "))
    later = [option for line in _OPTIONS.findall(_text(_DEFAULTS)) for option in options_of(f"sshd {line}")]
    return now if later == now else [*now, *later]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def for_login(account: str, address: str, text: str | None = None) -> Said:
    """Return what sshd says of a login of an account from an address; with `text`, as that file has it."""
    context = f"user={account},host={address},addr={address},laddr=192.0.2.2,lport=22"
    return dump(["-C", context]) if text is None else meaning(text, ["-C", context])


def keys_of(account: str, said: Said) -> str:
    """Return the text of all files of keys that an account has."""
    home = pwd.getpwnam(account).pw_dir
    files = [name for value in said.get("authorizedkeysfile", [".ssh/authorized_keys"]) for name in value.split()]
    paths = [Path(home, name.replace("%h", home).replace("%u", account).replace("%%", "%")) for name in files if name != "none"]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file())


def _included(pattern: str) -> list[tuple[str, str]]:
    paths = sorted(Path("/").glob(pattern.lstrip("/")))
    return [(str(path), path.read_text(encoding="utf-8", errors="replace")) for path in paths if path.is_file()]


def meaning(text: str, options: Sequence[str] = ()) -> Said:
    """Return what sshd makes of a file with this text."""
    with tempfile.NamedTemporaryFile("w", prefix="nodeops-sshd-", dir="/run") as file:
        file.write(text)
        file.flush()
        return dump(["-f", file.name, *options])


def dump(options: Sequence[str] = ()) -> Said:
    """Return what `sshd -T` says."""
    done = run(["/usr/sbin/sshd", "-T", *options], timeout_seconds=_SECONDS, allowed_codes=range(256))
    found: Said = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value)
    if done.returncode or not found:
        return {"error": [done.stderr.decode(errors="replace").strip()[-300:]]}
    return found


def accounts() -> list[Account]:
    """Return all accounts of this host that are listed."""
    members = {group.gr_name: set(group.gr_mem) for group in grp.getgrall()}
    names = {group.gr_gid: group.gr_name for group in grp.getgrall()}
    found = []
    for one in pwd.getpwall():
        own = {name for name, inside in members.items() if one.pw_name in inside} | {names.get(one.pw_gid, str(one.pw_gid))}
        found.append(Account(one.pw_name, frozenset(own), one.pw_uid == 0 or one.pw_shell not in _NO_SHELLS))
    return found
