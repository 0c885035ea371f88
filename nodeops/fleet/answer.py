"""What a host's reply to `nodeops status --json` is worth: a node status, or the reason why there is none; and what its findings
look like in any answer. Pure.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from nodeops.core.errors import HostError
from nodeops.core.finding import Verdict
from nodeops.fleet.reply import Reply, State, json_text, one_line
from nodeops.ledger.node.status import NodeStatus, Whole, parse_status

_WAITING = "asking"
_NO_STATUS = "no valid status"


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is no moment of any calendar") from error


# Figures and moments that can be counted with: one host's nonsense must not take the table of all others away.
Figure = Whole
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class SaidFinding(BaseModel):
    """A finding as a host says it: any text may stand in it."""

    id: str
    verdict: Verdict
    expected: str
    actual: str
    hint: str


@dataclass(frozen=True)
class Answer:
    """One managed node as seen from here. Without a status, `state`, `error` and `hint` say why."""

    node: str
    status: NodeStatus | None = None
    state: str = _WAITING
    error: str = ""
    hint: str = ""
    seconds: float = 0.0

    @property
    def waiting(self) -> bool:
        """Whether the host was asked for the first time and has not answered yet."""
        return self.status is None and self.state == _WAITING

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON data."""
        status = self.status.model_dump(mode="json") if self.status else None
        seconds = round(self.seconds, 3)
        return {"status": status, "state": self.state, "error": self.error, "hint": self.hint, "seconds": seconds}


def answer_of(node: str, reply: Reply | None) -> Answer:
    """Return what a reply says. A host may leave with 1 (its own findings fail) and still have answered in full."""
    if reply is None:
        return Answer(node)
    if reply.state is not State.ANSWERED:
        return Answer(node, None, reply.state.value, reply.error, reply.hint, reply.seconds)
    try:
        status = parse_status((json_text(reply.stdout) or reply.stdout).encode(errors="replace"), node)
    except HostError as error:
        return Answer(node, None, _NO_STATUS, *_why_none(reply, error), reply.seconds)
    if status.node != node:
        hint = "HostName in ssh_config or the address in consortium.yml leads to another host"
        return Answer(node, None, _NO_STATUS, f"the host says that it is {status.node}", hint, reply.seconds)
    return Answer(node, status, State.ANSWERED.value, seconds=reply.seconds)


def _why_none(reply: Reply, error: HostError) -> tuple[str, str]:
    """Return what the host said instead of a status, and what to do."""
    said = one_line(reply.stderr, 200)
    if reply.stdout.strip() and json_text(reply.stdout) is None:
        hint = f"silence what the login shell prints to programs (~/.bashrc of the SSH user); else {error.hint}"
        return f"exit code {reply.exit_code}: it printed '{one_line(reply.stdout, 100)}' instead", hint
    return f"exit code {reply.exit_code}: {said or error.what}", error.hint
