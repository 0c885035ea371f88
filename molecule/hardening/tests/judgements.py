"""What the witnesses' reports say, as figures. Pure."""

import re
from collections import Counter
from typing import Any

# A container has its machine's kernel and one filesystem. What these rules ask, no software inside can change; they are
# counted in "percent", and left out in "percent_here".
_NOT_HERE = re.compile(
    r"^(partition_for_|mount_option_(?!tmp_|var_tmp_|dev_shm_)|grub2_|apparmor_configured|service_auditd_|prefer_64bit_os"
    r"|sysctl_(kernel|fs|vm)_|sysctl_net_core_bpf)"
)
_RULE = "xccdf_org.ssgproject.content_rule_"


def lynis(report: str) -> dict[str, Any]:
    """Return the index, the points behind it, and what is still suggested, of a lynis-report.dat."""
    rows = [line.partition("=")[::2] for line in report.splitlines() if "=" in line]
    named = dict(rows)
    return {
        "version": named.get("lynis_version", "?"),
        "index": int(named["hardening_index"]),
        "tests": int(named["lynis_tests_done"]),
        "warnings": sorted(_text(value) for key, value in rows if key == "warning[]"),
        "suggestions": sorted(_text(value) for key, value in rows if key == "suggestion[]"),
    }


def lynis_here(log: str) -> float:
    """Return the index of Lynis without the points that only the machine of a container can give: its kernel and auditd."""
    points = (
        r"Hardening: assigned (?:partial|maximum) number of hardening points.*?\. Currently having (\d+) points \(out of (\d+)\)"
    )
    got, of = map(int, re.findall(points, log)[-1])
    partial = r".*assigned partial number of hardening points \((\d+) of (\d+)\)"
    kernel = r"sysctl key (?:kernel|fs|dev|vm)\.\S+ has a different value.*\n" + partial
    auditd = r"Result: auditd not active\n.*\n" + partial
    lost = sum(int(most) - int(some) for some, most in [*re.findall(kernel, log), *re.findall(auditd, log)])
    return round(100 * got / (of - lost), 1)


def _text(value: str) -> str:
    parts = [part for part in value.split("|") if part and part != "-"]
    return ": ".join(parts[:3])


def openscap(said: str) -> dict[str, Any]:
    """Return the counts of `oscap xccdf eval`, and the share of passes among rules that passed or failed."""
    found = dict(re.findall(rf"^Rule\s+{_RULE}(\S+)$.*?^Result\s+(\S+)$", said, re.MULTILINE | re.DOTALL))
    counts = Counter(found.values())
    failed = sorted(rule for rule, result in found.items() if result == "fail")
    here = [rule for rule in found if not _NOT_HERE.search(rule)]
    return {
        "passed": counts["pass"],
        "failed": counts["fail"],
        "not_applicable": counts["notapplicable"],
        "not_checked": counts["notchecked"],
        "percent": _percent(counts["pass"], counts["fail"]),
        "percent_here": _percent(*(sum(found[rule] == result for rule in here) for result in ("pass", "fail"))),
        "failing": [rule for rule in failed if rule in here],
        "failing_not_here": [rule for rule in failed if rule not in here],
    }


def _percent(passed: int, failed: int) -> float:
    return round(100 * passed / (passed + failed), 1) if passed + failed else 0.0


def exposures(table: str) -> dict[str, float]:
    """Return the exposure of each unit in the table of `systemd-analyze security`."""
    return {unit: float(value) for unit, value in re.findall(r"^(\S+\.service)\s+(\d+\.\d)\s", table, re.MULTILINE)}


def exposures_asked(lines: str) -> dict[str, float]:
    """Return the exposure of units that were asked for one by one: the unit's name, then the last line about it."""
    return {unit: float(value) for unit, value in re.findall(r"^(\S+) .*: (\d+\.\d) ", lines, re.MULTILINE)}


def ssh_audit(answer: dict[str, Any]) -> dict[str, Any]:
    """Return whether the SSH server passes a policy of ssh-audit, and the fields that do not match."""
    return {
        "policy": answer["policy"],
        "passed": bool(answer["passed"]),
        "mismatches": sorted(error["mismatched_field"] for error in answer["errors"]),
    }
