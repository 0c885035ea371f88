"""The rules with promtool, on the monitor: each alert fires, stays quiet, and does what is meant when series vanish; and each
way to break a rule is noticed by these cases. What one host says of its own alone raises or hides no alert of all.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import hosts
import pytest
import yaml
from rule_cases import BLIND, CASES
from rule_forgeries import FORGERIES
from rule_series import Case
from tier import FULL

MONITOR = "mon-1"
# Of the ways to break a rule every third, another one of the next rule; in full all.
STRIDE = 1 if FULL else 3
FILES = sorted((hosts.ROOT / "roles/monitoring/files").glob("*rules.yml"))
GROUPS = [found for file in FILES for found in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
RULES = [rule for found in GROUPS for rule in found["rules"]]
OPPOSITE = {"==": "!=", ">=": "<", "<=": ">", ">": "<", "<": ">"}
# Runs promtool once on all pairs of files on the monitor; prints what it says of each pair.
RUN = """
import json, os, subprocess, tempfile
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    cases = json.load(open("/tmp/promtool-cases.json"))
    for number, (rules, tests) in enumerate(cases.values()):
        open(f"rules-{number}.yml", "w").write(rules)
        open(f"{number}.yml", "w").write(tests.replace("RULES", f"rules-{number}.yml"))
    words = ["promtool", "test", "rules", *(f"{number}.yml" for number in range(len(cases)))]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
said = done.stdout.split("Unit Testing:")[1:]
print(json.dumps(dict(zip(cases, said, strict=True))))
"""


def test_every_alert_has_its_cases() -> None:
    assert {rule["alert"] for rule in RULES} == set(CASES)
    assert set(FORGERIES) <= set(CASES)


def lasting(values: str, steps: int) -> str:
    """Return values that go on until a step: the last part of what is written is as long as it takes."""
    *before, last = values.split()
    taken = sum(int(part.rpartition("x")[2]) + 1 for part in before)
    return " ".join([*before, last.replace("x400", f"x{steps - taken}")])


def group(series: dict[str, str], case: Case, until: int, asked: dict[int, int], alert: str, which: str = "") -> dict[str, Any]:
    """Return a group of tests on series that last until a second: how many of an alert (with labels) fire at which second."""
    count = f'count(ALERTS{{alertname="{alert}",alertstate="firing",{which}}}) or vector(0)'
    found = {name: lasting(values, until // case.step) for name, values in series.items()}
    return {
        "interval": f"{case.step}s",
        "input_series": [{"series": name, "values": values} for name, values in found.items()],
        "promql_expr_test": [
            {"expr": count, "eval_time": f"{at}s", "exp_samples": [{"labels": "{}", "value": wanted}]}
            for at, wanted in asked.items()
        ],
    }


def groups(alert: str, case: Case) -> list[dict[str, Any]]:
    """Return the tests of a case: not yet, then, never, and after the series have ended."""
    early = {(case.begins + case.holds // 2) // case.step * case.step: 0} if case.holds else {}
    end = case.late * 5 // 6
    return [
        group(case.fires, case, case.late, {**early, case.late: case.firing}, alert),
        group(case.quiet, case, case.late, {case.late: 0 if alert != "DeadMansSwitch" else 1}, alert),
        # Five minutes after its last sample a series has vanished.
        group(case.fires, case, end, {end + 1200: case.vanished}, alert),
    ]


def cases_of(alert: str) -> str:
    """Return the test file of one alert."""
    case = CASES[alert]
    found = groups(alert, case)
    if alert == "CollectorFailed":
        found.append(group(BLIND.fires, BLIND, BLIND.late, {BLIND.late: 1}, alert))
    found += [group(one.series, case, case.late, {case.late: one.firing}, alert, one.which) for one in FORGERIES.get(alert, [])]
    return str(yaml.safe_dump({"rule_files": ["RULES"], "evaluation_interval": f"{case.step}s", "tests": found}))


def promtool(cases: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return what promtool says of pairs of rules and tests, by name."""
    hosts.must(MONITOR, "cat > /tmp/promtool-cases.json", given=json.dumps(cases).encode())
    answers: dict[str, str] = json.loads(hosts.script(MONITOR, RUN, seconds=600))
    return answers


def only(rule: dict[str, Any]) -> str:
    """Return a file with one rule."""
    return str(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}))


def mutants(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ways to break a rule."""
    expression = str(rule["expr"])
    yield "never", {"expr": f"({expression}) unless ({expression})"}
    if rule["alert"] != "DeadMansSwitch":
        yield "always", {"expr": 'label_replace(vector(1), "node", "x", "", "")'}
    for number, found in enumerate(re.finditer(r" (==|>=|<=|>|<) ", expression)):
        yield f"opposite-{number}", {"expr": f"{expression[: found.start(1)]}{OPPOSITE[found[1]]}{expression[found.end(1) :]}"}
    for number, found in enumerate(re.finditer(r" \+ rate\([^)]*\)", expression)):
        yield f"without-{number}", {"expr": expression[: found.start()] + expression[found.end() :]}
    for number, found in enumerate(re.finditer(r"\b(max|min|group) by \(network, node[^)]*\) ", expression)):
        yield f"each-series-{number}", {"expr": expression[: found.start()] + expression[found.end() :]}
    if "for" in rule:
        yield "at once", {"for": "0s"}
        yield "too late", {"for": f"{CASES[rule['alert']].late * 3 // 2}s"}


def way(name: str) -> str:
    """Return in which way a rule is broken, wherever in it."""
    return name.partition("-")[0]


def test_the_rules_do_what_their_cases_say() -> None:
    answers = promtool({rule["alert"]: (only(rule), cases_of(rule["alert"])) for rule in RULES})
    assert {name: said for name, said in answers.items() if "SUCCESS" not in said} == {}


def test_a_rule_that_is_broken_in_any_of_these_ways_is_noticed() -> None:
    cases, every = {}, {way(name) for rule in RULES for name, _ in mutants(rule)}
    for number, rule in enumerate(RULES):
        for name, change in list(mutants(rule))[number % STRIDE :: STRIDE]:
            cases[f"{rule['alert']}: {name}"] = (only({**rule, **change}), cases_of(rule["alert"]))
    assert len(cases) > 3 * len(CASES) // STRIDE
    assert {way(name.partition(": ")[2]) for name in cases} == every
    assert {name for name, said in promtool(cases).items() if "FAILED" not in said} == set()


@pytest.mark.parametrize(
    "checked",
    [
        "rules rules.yml",
        "rules ledger_rules.yml",
        "rules host_rules.yml",
        "rules monitor_rules.yml",
        "rules service.yml",
        "config --syntax-only prometheus.yml",
    ],
)
def test_what_is_installed_is_valid(checked: str) -> None:
    hosts.must(MONITOR, f"cd /etc/prometheus/nodeops && promtool check {checked}")
