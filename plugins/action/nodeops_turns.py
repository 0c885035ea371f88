"""Decide who goes over to another version when, on the controller."""

from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.lifecycle.upgrade.policy import mixed, turns


class ActionModule(ActionBase):
    """A door to nodeops.lifecycle.upgrade.policy."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"answers", "powers"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the `order` of turns, the `canary`, who may step `aside`, and `groups`: pairs of a host and its group."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {"answers": {"type": "dict", "required": True}, "powers": {"type": "dict", "required": True}}
        )
        answers = {str(name): answer for name, answer in given["answers"].items()}
        powers = {str(name): int(power) for name, power in given["powers"].items()}
        if trouble := mixed(answers, powers):
            return {"failed": True, "msg": trouble}
        found = turns(answers, powers)
        planned = sorted(name for name, answer in answers.items() if answer.get("way") in ("wait", "height"))
        pairs = [*((name, "nodeops_turns") for name in found.order), *((name, "nodeops_height") for name in planned)]
        what = {"turns": found.order, "canary": [found.canary or "none"], "by vote": planned}
        said = "; ".join(f"{name}: {', '.join(hosts) or 'none'}" for name, hosts in what.items())
        shown = {"changed": False, "msg": said, "_ansible_verbose_always": True}
        return {**shown, "order": list(found.order), "canary": found.canary, "aside": list(found.aside), "groups": pairs}
