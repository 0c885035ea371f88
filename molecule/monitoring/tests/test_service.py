"""What a service level counts, with promtool on the installed rules: silence of a dead host counts, planned work does not."""

import re
from typing import Any

import hosts
import test_rules
import yaml

# The scenario's second window, which touches one of these nodes, brought to where promtool's clock is: 1970.
PLANNED = (600, 1200)
HOSTS = {
    # Name: up, ledger_up, catching_up; an empty string is a series that is not there.
    "alpha-1": ("1x100", "1x100", "0x100"),
    "dead": ("0x100", "", ""),
    "no-ledger": ("1x100", "0x100", ""),
    "behind": ("1x100", "1x100", "1x100"),
    # Its host dies after five minutes: its other series go with it, its target's says 0.
    "dies": ("1x10 0x90", "1x10 stale", "0x10 stale"),
}
NAMES = ("up", "nodeops_ledger_up", "nodeops_ledger_catching_up")


def series() -> list[dict[str, str]]:
    found = []
    for node, values in HOSTS.items():
        job = ',job="nodeops",organisation="o"'
        found += [
            {"series": f'{name}{{network="n",node="{node}"{job}}}', "values": text}
            for name, text in zip(NAMES, values, strict=True)
            if text
        ]
    head = 'nodeops_ledger_head_timestamp_seconds{{network="n",node="{}"{}}}'
    return [
        *found,
        # Blocks for twenty minutes, then none. One says that there are, as often as it likes; three are behind.
        {"series": head.format("alpha-1", ""), "values": "0+30x40 1200x60"},
        {"series": head.format("alpha-2", ""), "values": "0+30x40 1200x60"},
        *({"series": head.format("evil", f',x="{number}"'), "values": "0+30x100"} for number in range(5)),
        *({"series": head.format(f"behind-{number}", ""), "values": "0x100"} for number in range(3)),
        *(
            {"series": f'nodeops_ledger_lag_blocks{{network="n",node="behind-{number}"}}', "values": "21x100"}
            for number in range(3)
        ),
    ]


def asked(expression: str, minutes: int, wanted: dict[str, float]) -> dict[str, Any]:
    samples = [{"labels": labels, "value": value} for labels, value in wanted.items()]
    return {"expr": expression, "eval_time": f"{minutes}m", "exp_samples": samples}


def by_node(**served: float) -> dict[str, float]:
    return {f'{{node="{name.replace("_", "-")}"}}': value for name, value in served.items()}


def test_what_is_served_what_moves_and_what_is_planned() -> None:
    rules = hosts.must(test_rules.MONITOR, "cat /etc/prometheus/nodeops/service.yml")
    windows = re.findall(r">= \d+ < \d+", rules)
    assert len(windows) == 2
    rules = rules.replace(windows[1], f">= {PLANNED[0]} < {PLANNED[1]}")
    served = "sum by (node) (nodeops:served:bool)"
    cases = [
        asked(served, 3, by_node(alpha_1=1, dead=0, no_ledger=0, behind=0, dies=1)),
        asked(served, 9, by_node(alpha_1=1, dead=0, no_ledger=0, behind=0, dies=0)),
        asked(served, 15, by_node(dead=0, no_ledger=0, behind=0, dies=0)),
        asked(served, 25, by_node(alpha_1=1, dead=0, no_ledger=0, behind=0, dies=0)),
        # Ten minutes of planned work are neither good nor bad.
        asked(
            'avg_over_time(nodeops:served:bool{node="alpha-1"}[30m])', 30, {'{network="n",node="alpha-1",organisation="o"}': 1}
        ),
        asked("sum by (node) (nodeops:planned:bool)", 15, by_node(alpha_1=1)),
        asked("nodeops:moving:bool", 15, {'{network="n"}': 1}),
        asked("nodeops:moving:bool", 25, {'{network="n"}': 0}),
    ]
    for case in cases:
        for sample in case["exp_samples"]:
            if case["expr"] == "nodeops:moving:bool":
                sample["labels"] = f"nodeops:moving:bool{sample['labels']}"
    group = {"interval": "30s", "input_series": series(), "promql_expr_test": cases}
    tests = yaml.safe_dump({"rule_files": ["RULES"], "evaluation_interval": "30s", "tests": [group]})
    said = test_rules.promtool({"service": (rules, tests)})["service"]
    assert "SUCCESS" in said, said
