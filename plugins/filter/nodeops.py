"""Filters: doors from Jinja to the pure parts of nodeops."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Verdict
from nodeops.document.check import checked_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.preflight import HostFacts, judge_host
from nodeops.document.resolve import resolve
from nodeops.document.waivers import load_waivers
from nodeops.hardening.controls.catalogue import catalogue
from nodeops.ledger.founding.gather import read_folder
from nodeops.ledger.network.judge import judge
from nodeops.ledger.node.status import parse_status


def _plain(data: Any) -> Any:
    """Return Ansible's tagged and lazy values as plain data, as strict models want them."""
    return json.loads(json.dumps(data, default=str))


def _door(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*map(_plain, arguments), **_plain(options))
        except NodeopsError as error:
            raise AnsibleFilterError(str(error)) from error

    return call


def node_document(node: str, inventory: str, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node document of one host."""
    consortium, _ = checked_consortium(Path(inventory))
    waivers = load_waivers(Path(inventory), consortium, catalogue())
    return resolve(consortium, node, choices, waivers).model_dump(mode="json")


def preflight(answer: Mapping[str, Any], document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the findings on a host that has not been changed yet, from the answer of `nodeops_observe`."""
    parsed = NodeDocument.model_validate_json(json.dumps(document))
    facts = HostFacts.model_validate_json(json.dumps(answer["observed"]))
    return [finding.as_dict() for finding in judge_host(parsed, facts, answer["controller_clock"])]


def network(answers: Mapping[str, Any], inventory: str) -> dict[str, Any]:
    """Return the judgement of many nodes' statuses: the summary and the findings. An empty answer is a dead node."""
    consortium, _ = checked_consortium(Path(inventory))
    published = read_folder(Path(inventory)).published
    addresses = {name: identity.validator_address for name, identity in published.items()}
    statuses = {name: parse_status(json.dumps(answer).encode(), name) if answer else None for name, answer in answers.items()}
    view = judge(consortium, statuses, addresses)
    return {"summary": view.summary, "findings": [finding.as_dict() for finding in view.findings]}


def failures(findings: list[Mapping[str, str]]) -> list[str]:
    """Return one line for each finding that fails."""
    failing = (finding for finding in findings if finding["verdict"] == Verdict.FAIL)
    return [f"{item['id']}: {item['actual']} (expected {item['expected']}). {item['hint']}" for item in failing]


class FilterModule:
    """What Jinja may call."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        doors = {
            "nodeops_document": node_document,
            "nodeops_preflight": preflight,
            "nodeops_network": network,
            "nodeops_failures": failures,
        }
        return {name: _door(function) for name, function in doors.items()}
