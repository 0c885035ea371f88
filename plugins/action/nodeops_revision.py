"""Refuse a revision of the consortium file that is not in force, on the controller, before anything is changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.consortium.force import Known, judged, waived
from nodeops.consortium.kept import keep, kept_mark, newest_kept
from nodeops.consortium.signatures.ssh_keygen import signed_step
from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.check import checked_consortium
from nodeops.document.profile import load_profile
from nodeops.ledger.cosmos.revision import Mark, mark_of, read_mark
from nodeops.ledger.founding.gather import read_folder
from nodeops.ledger.founding.genesis import founding_mark


class ActionModule(ActionBase):
    """A door to nodeops.consortium.force."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"inventory", "answers", "unagreed"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return in `msg` what is in force; fail when the file at hand is not."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "inventory": {"type": "path", "required": True},
                "answers": {"type": "dict", "required": True},
                "unagreed": {"type": "bool", "default": False},
            }
        )
        try:
            found = self._judged(Path(given["inventory"]), given["answers"], bool(given["unagreed"]))
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}
        if found.verdict is Verdict.WAIVED:
            self._display.warning(f"NOT AGREED BY THE CONSORTIUM: {found.actual}. {found.hint}")
        text = f"{found.id}: {found.actual}" + (f"\n  do: {found.hint}" if found.verdict is Verdict.FAIL else "")
        return {"changed": False, "failed": found.verdict is Verdict.FAIL, "msg": text}

    def _judged(self, folder: Path, answers: Mapping[str, Any], unagreed: bool) -> Finding:
        consortium, _ = checked_consortium(folder)
        governed = load_profile(consortium.ledger.platform).founding == "group"
        genesis = read_folder(folder).genesis if governed else None
        nodes = {name: _mark(answer) for name, answer in answers.items()}
        known = Known(
            nodes=nodes,
            founding=founding_mark(genesis) if genesis else None,
            founded=genesis is not None,
            kept=kept_mark(folder, consortium.revision),
            before=kept_mark(folder, consortium.revision - 1),
            newest=newest_kept(folder),
            heights={name: height for name, answer in answers.items() if (height := _height(answer))},
            votes=governed and (not any(nodes.values()) or any(_moves(answer) for answer in answers.values())),
            signed=signed_step(folder, consortium),
        )
        found = judged(mark_of(consortium), known)
        if found.verdict is Verdict.PASS and not self._task.check_mode and (any(nodes.values()) or not governed):
            keep(folder, consortium)
        return waived(found) if unagreed else found


def _moves(answer: Any) -> bool:
    return isinstance(answer, Mapping) and answer.get("moving") is True


def _height(answer: Any) -> int:
    """Return the block at which a node said so, 0 where it names none."""
    height = answer.get("height") if isinstance(answer, Mapping) else None
    return height if isinstance(height, int) else 0


def _mark(answer: Any) -> Mark | None:
    """Return what a node said, None for one that cannot tell, or says what is no revision."""
    if not isinstance(answer, Mapping):
        return None
    return read_mark(f"revision {answer.get('revision')} digest {answer.get('digest')}")
