"""Proposals and votes as the transactions that they were: the chain forgets a proposal once it is executed, blocks do not.

Each signature is checked here. That a node shows all of them is not: `status` says what is in force.
"""

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nodeops.consortium.propose import number_of
from nodeops.consortium.review import OPTIONS
from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT
from nodeops.ledger.cosmos.account import account
from nodeops.ledger.cosmos.codec import FormError
from nodeops.ledger.cosmos.messages import Propose, Vote, unpack
from nodeops.ledger.cosmos.revision import Mark, read_mark
from nodeops.ledger.cosmos.tx import Transaction, read, signed_by

_PAGE, _MOST = 50, 1000
_ACTIONS = ("/cosmos.group.v1.MsgSubmitProposal", "/cosmos.group.v1.MsgVote", "/cosmos.group.v1.MsgExec")
_EXECUTED = '"PROPOSAL_EXECUTOR_RESULT_SUCCESS"'


@dataclass
class Told:
    """A proposal by its transactions: who made it when, who voted how, at which height it was executed as the node says."""

    number: int
    height: int
    proposer: str
    mark: Mark | None
    title: str
    votes: dict[str, tuple[str, int]] = field(default_factory=dict)
    executed: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        mark = {"revision": self.mark.revision, "digest": self.mark.digest} if self.mark else {}
        votes = {who: {"vote": option, "height": height} for who, (option, height) in self.votes.items()}
        own = {"proposal": self.number, "height": self.height, "proposer": self.proposer, "title": self.title}
        return {**own, **mark, "votes": votes, "executed": self.executed}


def history(driver: CometBft, names: Mapping[str, str]) -> list[Told]:
    """Return all proposals of the chain, oldest first. `names` are organisations by account. Raise HostError for untrue answers."""
    numbers: dict[str, int | None] = {}
    rows = [row for action in _ACTIONS for row in _rows(driver, action)]
    found: dict[int, Told] = {}
    votes: dict[int, dict[str, tuple[str, int]]] = defaultdict(dict)
    executed: dict[int, int] = {}
    for height, row in sorted(((int(row["height"]), row) for row in rows), key=lambda pair: pair[0]):
        if row["tx_result"].get("code"):
            continue
        done = _read(row)
        who = _signer(driver, done, numbers)
        for message in done.messages:
            order = _order(message)
            if isinstance(order, Propose) and order.proposers == (who,):
                number = number_of(str(row["tx_result"]["data"]))
                found[number] = Told(number, height, names.get(who, who), read_mark(order.text), order.title)
                votes[number].setdefault(who, ("yes", height))
            elif isinstance(order, Vote) and order.voter == who:
                votes[order.proposal][who] = (OPTIONS.get(order.option, "unknown"), height)
        executed |= dict.fromkeys(_executions(row), height)
    for number, one in found.items():
        one.votes = {names.get(who, who): vote for who, vote in votes[number].items()}
        one.executed = executed.get(number)
    return [found[number] for number in sorted(found)]


def _rows(driver: CometBft, action: str) -> Iterator[dict[str, Any]]:
    for page in range(1, _MOST // _PAGE + 1):
        query = f"message.action='{action}'"
        answer = driver.rpc.call("tx_search", query=query, prove=False, page=page, per_page=_PAGE, order_by="asc")
        try:
            rows, total = list(answer["txs"]), int(answer["total_count"])
        except (KeyError, TypeError, ValueError) as error:
            raise HostError("the answer cannot be true", where="tx_search", hint=LIE_HINT) from error
        yield from rows
        if page * _PAGE >= total:
            return


def _read(row: Mapping[str, Any]) -> Transaction:
    try:
        return read(base64.b64decode(str(row["tx"]), validate=True))
    except (ValueError, KeyError) as error:
        raise HostError(f"the answer cannot be true: {error}", where="tx_search", hint=LIE_HINT) from error


def _signer(driver: CometBft, done: Transaction, numbers: dict[str, int | None]) -> str:
    """Return the account that signed a transaction. Raise HostError when it did not: the node made it up."""
    for signer in done.signers:
        who = signer.address
        if who not in numbers:
            known = account(driver, who)
            numbers[who] = known.number if known else None
        number = numbers[who]
        if number is not None and signed_by(done, signer, driver.chain, number):
            return who
    raise HostError("the answer cannot be true: nobody signed it", where=f"transaction {done.hash}", hint=LIE_HINT)


def _order(packed: Any) -> object:
    try:
        return unpack(packed)
    except FormError:
        return None


def _executions(row: Mapping[str, Any]) -> Iterator[int]:
    """Yield the proposals that this transaction had executed, as the node's events say."""
    for event in row["tx_result"].get("events") or []:
        if event.get("type") == "cosmos.group.v1.EventExec":
            values = {one.get("key"): str(one.get("value")) for one in event.get("attributes") or []}
            number = values.get("proposal_id", "").strip('"')
            if values.get("result") == _EXECUTED and number.isdecimal():
                yield int(number)
