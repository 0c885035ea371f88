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
    """Return all proposals of the chain, oldest first. `names` are organisations by account.

    Raise HostError for an answer that cannot be true. A transaction in a form that nodeops does not write is passed over.
    """
    try:
        return _told(driver, names)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HostError("the answer cannot be true: it is no list of transactions", where="tx_search", hint=LIE_HINT) from error


def _told(driver: CometBft, names: Mapping[str, str]) -> list[Told]:
    book = _Book(names)
    numbers: dict[str, int | None] = {}
    rows = [row for action in _ACTIONS for row in _rows(driver, action) if not row["tx_result"].get("code")]
    for row in sorted(rows, key=lambda one: int(one["height"])):
        done = _read(row)
        if done:
            who = _signer(driver, done, numbers)
            for place, message in enumerate(done.messages):
                book.enter(_order(message), who, row, place)
        for number in _executions(row):
            book.executed.setdefault(number, int(row["height"]))
    return book.told()


class _Book:
    """What transactions say of proposals, put together."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.found: dict[int, Told] = {}
        self.votes: dict[int, dict[str, tuple[str, int]]] = defaultdict(dict)
        self.executed: dict[int, int] = {}

    def enter(self, order: object, who: str, row: Mapping[str, Any], place: int) -> None:
        """Enter a message that this account has signed, at its place in the transaction."""
        height, name = int(row["height"]), self.names.get(who, who)
        if isinstance(order, Propose) and order.proposers == (who,):
            number = number_of(str(row["tx_result"]["data"]), place)
            self.found[number] = Told(number, height, name, read_mark(order.text), order.title)
            if order.execute:
                self.votes[number].setdefault(name, ("yes", height))
        elif isinstance(order, Vote) and order.voter == who:
            self.votes[order.proposal][name] = (OPTIONS.get(order.option, "unknown"), height)

    def told(self) -> list[Told]:
        """Return all proposals, oldest first."""
        for number, one in self.found.items():
            one.votes, one.executed = self.votes[number], self.executed.get(number)
        return [self.found[number] for number in sorted(self.found)]


def _rows(driver: CometBft, action: str) -> Iterator[dict[str, Any]]:
    """Yield the newest _MOST transactions with a message of a kind, newest first."""
    for page in range(1, _MOST // _PAGE + 1):
        query = f"message.action='{action}'"
        answer = driver.rpc.call("tx_search", query=query, prove=False, page=page, per_page=_PAGE, order_by="desc")
        yield from list(answer["txs"])
        if page * _PAGE >= int(answer["total_count"]):
            return


def _read(row: Mapping[str, Any]) -> Transaction | None:
    try:
        return read(base64.b64decode(str(row["tx"]), validate=True))
    except (ValueError, KeyError):
        return None


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
