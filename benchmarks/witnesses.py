"""Print what judges that are not ours said of hosts before and after hardening, as a table for RESULTS.md.

The figures are those that the scenario molecule/hardening left in build/witnesses; nothing is measured here.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

BUILD = Path(__file__).resolve().parents[1] / "build/witnesses"
Figures = Mapping[str, Any]
Row = tuple[str, str, str]


def table(build: Path = BUILD) -> str:
    """Return the Markdown of all releases that were measured both before and after; empty when there is none."""
    parts = [_part(*pair) for pair in _measured(build)]
    return "\n\n".join(parts)


def section(build: Path = BUILD) -> list[str]:
    """Return the section of RESULTS.md; empty when the scenario has not run on this machine."""
    text = table(build)
    note = "Left by the last run of `NODEOPS_FULL=1 molecule test -s hardening`, on Docker hosts; reports are in build/witnesses."
    return ["## Judges that are not ours", "", note, "", text, ""] if text else []


def _measured(build: Path) -> Iterator[tuple[Figures, Figures]]:
    for folder in sorted(build.glob("debian*")):
        files = [folder / "before.json", folder / "after.json"]
        if all(file.is_file() for file in files):
            before, after = (json.loads(file.read_text(encoding="utf-8")) for file in files)
            # All judge a stock host in full only.
            if "lynis" in before:
                yield before, after


def _part(before: Figures, after: Figures) -> str:
    head = f"| {before['release']}: judged by | stock | hardened |\n|---|---|---|"
    return "\n".join([head, *(f"| {name} | {was} | {now} |" for name, was, now in _rows(before, after))])


def _rows(before: Figures, after: Figures) -> Iterator[Row]:
    was, now = before["lynis"], after["lynis"]
    yield f"Lynis {now['version']}, index", str(was["index"]), str(now["index"])
    yield "Lynis, index without the points of the machine's kernel and auditd", str(was["index_here"]), str(now["index_here"])
    yield "Lynis, suggestions", str(len(was["suggestions"])), str(len(now["suggestions"]))
    yield from _openscap(before["openscap"], after["openscap"])
    was, now = before["ssh_audit"], after["ssh_audit"]
    yield f"ssh-audit, {now['policy']}", _passed(was), _passed(now)
    for unit in sorted(after["exposure"]):
        if unit in ("ssh.service", "cron.service") or unit.startswith(("nodeops", "ledger")):
            yield f"systemd-analyze security {unit}", str(before["exposure"].get(unit, "-")), str(after["exposure"][unit])


def _openscap(before: Figures | str, after: Figures | str) -> Iterator[Row]:
    if isinstance(before, str) or isinstance(after, str):
        text = str(after if isinstance(after, str) else before)
        yield "OpenSCAP", text, "-"
        return
    for profile in after:
        yield f"OpenSCAP ANSSI-BP-028 {profile}", _share(before[profile]), _share(after[profile])


def _share(one: Figures) -> str:
    evaluated = one["passed"] + one["failed"]
    return (
        f"{one['percent']} % of {evaluated} ({one['percent_here']} % of what a container can show; {one['not_applicable']} n/a)"
    )


def _passed(one: Figures) -> str:
    return "passes" if one["passed"] else "fails: " + ", ".join(one["mismatches"])


if __name__ == "__main__":
    print(table())  # noqa: T201 - its only purpose
