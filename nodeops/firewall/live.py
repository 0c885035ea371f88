"""Ask nft: what is loaded, how nft itself would write a script, how often each rule was hit; and load a script."""

import json
from pathlib import Path

from nodeops.core.errors import HostError, Refused
from nodeops.firewall.ruleset import CLEAR, FAMILY, TABLE
from nodeops.host.command import run

NFT = "/usr/sbin/nft"
_SECONDS = 20
# Without what changes by itself: counters (-s) and the sources that the limits remember (-t).
_LIST = f"{NFT} -s -t list table {FAMILY} {TABLE}"
# nft answers in its own spelling only for what is loaded, so the script is loaded where nobody is: a namespace of its own.
_NOWHERE = ["unshare", "--net"]
_NORMALISE = [*_NOWHERE, "sh", "-c", f"{NFT} -f - && {_LIST}"]


def normalised(script: str) -> str:
    """Return a script as nft lists it once it is loaded; nothing is loaded here. Raise Refused when nft cannot read it."""
    return _in_nowhere(_NORMALISE, script)


def require_readable(script: str) -> None:
    """Raise Refused when nft cannot load a script; nothing is loaded here. An undo that cannot be read is none."""
    _in_nowhere([*_NOWHERE, NFT, "-f", "-"], script)


def _in_nowhere(argv: list[str], script: str) -> str:
    try:
        return run(argv, timeout_seconds=_SECONDS, stdin=script.encode()).stdout.decode()
    except HostError as error:
        hint = "nothing was loaded; the rules of this host stay as they are"
        raise Refused(f"nft does not accept the rules: {error.what}", where="firewall", hint=hint) from error


def loaded() -> str | None:
    """Return our table as it is loaded in the kernel; None when it is not."""
    done = run(_LIST.split(), timeout_seconds=_SECONDS, allowed_codes=(0, 1))
    if done.returncode == 0:
        return done.stdout.decode()
    said = done.stderr.decode(errors="replace")
    if "No such file or directory" in said:
        return None
    raise HostError(f"nft does not answer: {said.strip()}", where=NFT, hint="run as root")


def load(script: Path) -> None:
    """Load a script in one transaction. Raise HostError when the kernel refuses it: then nothing changed."""
    if not Path(NFT).exists():
        hint = "apt-get install nftables, then run this again; until then the rules that are loaded stay"
        raise HostError("is gone, and nothing else can change the rules", where=NFT, hint=hint)
    run([NFT, "-f", script], timeout_seconds=_SECONDS)


def script_of(table: str | None) -> str:
    """Return the script that puts a listed table back, or removes ours when there was none."""
    return CLEAR + (table or "")


def hits() -> dict[str, int]:
    """Return how many packets each counted rule met since the rules were loaded, by its comment and chain."""
    done = run([NFT, "-j", "list", "table", FAMILY, TABLE], timeout_seconds=_SECONDS, allowed_codes=(0, 1))
    found: dict[str, int] = {}
    rows = json.loads(done.stdout or b"{}").get("nftables", [])
    for rule in (row["rule"] for row in rows if "rule" in row):
        for step in rule["expr"]:
            if isinstance(step, dict) and isinstance(step.get("counter"), dict):
                name = f"{rule['chain']}: {rule.get('comment', '-')}"
                found[name] = found.get(name, 0) + int(step["counter"]["packets"])
    return found
