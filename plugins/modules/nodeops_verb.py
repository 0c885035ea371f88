#!/usr/bin/python3
"""Run one verb of the agent on a host and hand its JSON answer to Ansible."""

import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: nodeops_verb
short_description: Run a verb of the nodeops agent
description:
  - Runs C(nodeops VERB --json) and returns its answer, findings and changes. A finding that fails fails the task.
options:
  command: {description: Path of the agent's command., type: path, required: true}
  verb: {description: The verb and its arguments., type: list, elements: str, required: true}
  changes: {description: The verb changes the host; check mode adds C(--dry-run)., type: bool, default: false}
  tolerate: {description: Exit codes that are answers too., type: list, elements: int, default: []}
  timeout: {description: Seconds until the verb is stopped., type: int, default: 120}
"""

RETURN = r"""
answer: {description: The JSON answer of the verb., type: dict, returned: always}
failures: {description: One line for each finding that fails., type: list, elements: str, returned: always}
"""


def main() -> None:
    """Run the verb."""
    module = AnsibleModule(
        {
            "command": {"type": "path", "required": True},
            "verb": {"type": "list", "elements": "str", "required": True},
            "changes": {"type": "bool", "default": False},
            "tolerate": {"type": "list", "elements": "int", "default": []},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    parameters: dict[str, Any] = module.params
    if not os.path.exists(parameters["command"]):
        if module.check_mode:
            module.exit_json(changed=parameters["changes"], answer={}, msg="the verb would run once the agent is installed")
        module.fail_json(msg=f"{parameters['command']}: the agent is not installed here: run site.yml", answer={})
    words = [parameters["command"], *parameters["verb"], "--json"]
    if module.check_mode and parameters["changes"]:
        words.append("--dry-run")
    code, out, err = module.run_command(["timeout", str(parameters["timeout"]), *words])
    answer = parse(out)
    if answer is None or (code != 0 and code not in parameters["tolerate"]):
        module.fail_json(msg=reason(answer, code, err), rc=code, answer=answer or {})
    changes = answer.get("changes", [])
    diff = [{"before": item["before"], "after": item["after"], "before_header": item["what"]} for item in changes]
    said = {"answer": answer, "failures": failures(answer), "rc": code, "diff": diff}
    # Ansible takes any other code than 0 for a failure, unless it is told.
    module.exit_json(changed=bool(answer.get("changed")), failed=False, **said)


def parse(out: str) -> "dict[str, Any] | None":
    """Return the JSON object a verb printed, or None."""
    try:
        answer = json.loads(out)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def failures(answer: "dict[str, Any]") -> "list[str]":
    """Return one line for each finding that fails."""
    failing = [item for item in answer.get("findings", []) if item["verdict"] == "fail"]
    return [f"{item['id']}: {item['actual']} (expected {item['expected']}). {item['hint']}" for item in failing]


def reason(answer: "dict[str, Any] | None", code: int, err: str) -> str:
    """Return why the verb failed: its failing findings, else its own words."""
    return "\n".join(failures(answer or {})) or err.strip() or f"the verb left with code {code} and said nothing"


if __name__ == "__main__":
    main()
