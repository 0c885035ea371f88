"""A verb of the agent as a task of Ansible, without a module: the agent's own start is then the only start of Python there."""

import shlex
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from nodeops.fleet.ansible.words import explained
from nodeops.fleet.reply import Reply, State, json_text, not_run, parsed

# As of a module: ansible.module_utils.common.arg_spec.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "command": {"type": "str", "required": True},
    "verb": {"type": "list", "elements": "str", "required": True},
    "changes": {"type": "bool", "default": False},
    "tolerate": {"type": "list", "elements": "int", "default": []},
    "timeout": {"type": "int", "default": 120},
}
# Without anything to read Ansible opens a terminal for a command, and its two streams would come as one.
_STANDARD_INPUT = b"\n"
_ABSENT = "the agent is not installed here: run site.yml"
_NO_PROGRAM, _STOPPED = 127, 124


def run_verb(action: ActionBase, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run a verb on the host of an action and return the task's result: see `verb_result`. `arguments` are some of ARGUMENTS.

    Raise AnsibleConnectionFailure when the host cannot be reached.
    """
    given = {**{name: spec.get("default") for name, spec in ARGUMENTS.items()}, **arguments}
    check = bool(action._task.check_mode)
    try:
        line = shell_line(given, check, action._compute_environment_string())
        return verb_result(given, check, action._low_level_execute_command(line, in_data=_STANDARD_INPUT))
    except AnsibleConnectionFailure:
        raise
    except AnsibleError as error:
        return explained({"failed": True, "msg": str(error)})


def shell_line(given: Mapping[str, Any], check: bool, environment: str = "") -> str:
    """Return the command for a host's shell. A login shell may have printed something before, and not ended its line."""
    words = ["timeout", str(given["timeout"]), given["command"], *given["verb"], "--json"]
    words += ["--dry-run"] if check and given["changes"] else []
    absent = f"{{ echo {shlex.quote(_ABSENT)} >&2; exit {_NO_PROGRAM}; }}"
    return f"echo; test -e {shlex.quote(given['command'])} || {absent}; {environment} {shlex.join(words)}"


def verb_result(given: Mapping[str, Any], check: bool, done: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's result: `answer`, `failures` (a line for each finding that fails), `rc`, `diff`; or why there is none.

    `done` is what Ansible says of a command: rc, stdout, stderr. A host may have printed anything.
    """
    code, said = int(done["rc"]), str(done["stderr"])
    if code == _NO_PROGRAM and _ABSENT in said:
        if check:
            return {"changed": given["changes"], "answer": {}, "msg": "the verb would run once the agent is installed"}
        return {"failed": True, "answer": {}, "msg": f"{given['command']}: {_ABSENT}"}
    answer = parsed(json_text(str(done["stdout"])) or "")
    if answer is None or (code != 0 and code not in given["tolerate"]):
        return _refusal(given, answer or {}, Reply("", State.ANSWERED, code, str(done["stdout"]), said))
    # Ansible takes any other code than 0 for a failure, unless it is told.
    result = {"changed": bool(answer.get("changed")), "failed": False, "rc": code}
    return {**result, "answer": answer, "failures": _failures(answer), "diff": _differences(answer)}


def _refusal(given: Mapping[str, Any], answer: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """Return the result of a verb that failed, by its failing findings, else its own words; or of one that could not be run."""
    result = {"failed": True, "rc": reply.exit_code}
    ran = not_run(reply)
    if ran.state is State.NOT_RUN:
        return explained({**result, "stderr": reply.stderr, "msg": f"{ran.error}\n  do: {ran.hint}"})
    late = f"the verb did not end within {given['timeout']} s" if reply.exit_code == _STOPPED else ""
    silent = f"the verb left with code {reply.exit_code} and said nothing"
    return {**result, "answer": answer, "msg": "\n".join(_failures(answer)) or reply.stderr.strip() or late or silent}


def _failures(answer: Mapping[str, Any]) -> list[str]:
    failing = [item for item in _entries(answer, "findings") if item["verdict"] == "fail"]
    return [f"{item['id']}: {item['actual']} (expected {item['expected']}). {item['hint']}" for item in failing]


def _differences(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    said = _entries(answer, "changes")
    return [{"before": str(item["before"]), "after": str(item["after"]), "before_header": str(item["what"])} for item in said]


def _entries(answer: Mapping[str, Any], key: str) -> list["_Said"]:
    """Return the objects of a list in an answer; on another's host it may be anything."""
    found = answer.get(key)
    return [_Said(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []


class _Said(dict[str, Any]):
    """What a host said, and nothing where it said nothing."""

    def __missing__(self, key: str) -> str:
        return ""
