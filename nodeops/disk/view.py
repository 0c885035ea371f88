"""The guard's status and plans as text for people. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Table
from nodeops.core.units import size
from nodeops.disk.model import Stage

_BAR_CELLS = 20


def bar(percent: float) -> str:
    """Return a share as a bar."""
    full = min(_BAR_CELLS, max(0, round(percent * _BAR_CELLS / 100)))
    return "█" * full + "░" * (_BAR_CELLS - full)


def filesystems_table(said: Mapping[str, Any]) -> Table:
    """Return a row for each filesystem."""
    columns = ("filesystem", "used", "", "free", "inodes", "stage", "forecast", "for", "what fills it")
    return Table(columns, [_row(one) for one in said["filesystems"]])


def _row(one: Mapping[str, Any]) -> Sequence[str]:
    largest = sorted(one["classes"].items(), key=lambda row: -row[1])[:3]
    return (
        one["mount"],
        bar(one["used_percent"]),
        f"{one['used_percent']:.1f} %",
        size(one["free"]),
        f"{one['inodes_used_percent']:.0f} %",
        one["stage"],
        one["forecast"]["text"],
        ", ".join(one["uses"]),
        ", ".join(f"{name} {size(used)}" for name, used in largest if used),
    )


def log_lines(said: Mapping[str, Any]) -> list[str]:
    """Return the log's state, what was done last, and whether the node was stopped."""
    log = said["log"]
    lines = [
        f"log: {size(log['live_bytes'])} live, {log['segments']} segments of {size(log['sealed_bytes'])}, "
        f"{size(log['stream_end'])} since the beginning",
        f"sealed by: {log['method']} ({log['reason']})",
    ]
    if log["rebuilding"]:
        lines.append("the index is made anew from the segments; nothing is purged meanwhile")
    if said["node_stopped"]:
        lines.append("the node was stopped before its disk was full; it starts again by itself once there is room")
    return [*lines, *(f"{text}" for text in said["done"][-5:])]


def findings(said: Mapping[str, Any]) -> list[Finding]:
    """Judge a status: a filesystem at flood or above fails, one at watch or above warns, and so does every alarm."""
    return [*(_filesystem(one) for one in said["filesystems"]), *_log(said), *(_alarm(text) for text in said["alarms"])]


def _filesystem(one: Mapping[str, Any]) -> Finding:
    stage = Stage[one["stage"].upper()]
    verdict = Verdict.FAIL if stage >= Stage.FLOOD else Verdict.WARN if stage >= Stage.WATCH else Verdict.PASS
    actual = f"{one['used_percent']:.1f} % used, {size(one['free'])} free: {one['stage']}"
    hint = "" if verdict is Verdict.PASS else "nodeops logs stats says what writes most; nodeops disk plan what would be freed"
    return Finding(f"disk.{one['mount']}", verdict, "below its watermarks", actual, hint)


def _log(said: Mapping[str, Any]) -> list[Finding]:
    log = said["log"]
    found = [_gaps(log)]
    if log["method"] == "refused":
        found.append(Finding("disk.sealing", Verdict.WARN, "the log can be sealed without losing a line", log["reason"]))
    if said["node_stopped"]:
        found.append(Finding("disk.node", Verdict.FAIL, "the node runs", "stopped before its disk was full", "make room"))
    return found


def _gaps(log: Mapping[str, Any]) -> Finding:
    expected = "nobody replaced or shortened the log"
    if not log["gaps"]:
        return Finding("disk.gaps", Verdict.PASS, expected, "nobody did")
    actual = f"{log['gaps']} times, last: {log.get('lost') or 'nodeops disk verify says when'}"
    return Finding("disk.gaps", Verdict.FAIL, expected, actual, "find out who did it; nodeops disk verify lists rules of others")


def _alarm(text: str) -> Finding:
    return Finding("disk.alarm", Verdict.WARN, "every step succeeds", text)


def plan_changes(plan: Mapping[str, Any]) -> list[Change]:
    """Return a plan as changes."""
    return [Change(f"{one['kind']} {one['target']}", one["rule"], "", f"frees {size(one['frees'])}") for one in plan["actions"]]


def plan_line(plan: Mapping[str, Any]) -> str:
    """Return a plan in a line."""
    if not plan["actions"]:
        return "nothing to do"
    short = f"; {size(plan['short'])} cannot be had: held, newest or not shipped" if plan["short"] else ""
    return f"{len(plan['actions'])} actions, frees {size(plan['frees'])}{short}"
