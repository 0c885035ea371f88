"""Turn a revision into one proposal, and see that it may be one."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from nodeops.consortium.effects import effects, let_go
from nodeops.consortium.live import despite, forced_text
from nodeops.consortium.orders import Names, contradictions, orders
from nodeops.consortium.review import ahead, left_over
from nodeops.consortium.rules import judged
from nodeops.consortium.session import Session, accounts, ground, node_ids, signing_after
from nodeops.core.errors import HostError, InputError, Refused
from nodeops.core.finding import Finding, failures
from nodeops.document.models import Consortium
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT
from nodeops.ledger.cosmos.account import Sent
from nodeops.ledger.cosmos.address import account_address
from nodeops.ledger.cosmos.codec import decode, encode
from nodeops.ledger.cosmos.group import proposals
from nodeops.ledger.cosmos.group_state import Proposal
from nodeops.ledger.cosmos.messages import Packed, propose
from nodeops.ledger.cosmos.revision import mark_of, read_mark, with_parts
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.founding.genesis import MOST_GAS

_MOST_TEXT = 1024
# Of a transaction, of each message of a proposal, and, because a revision in force ends all other proposals, of each that the
# chain keeps and of each of its bytes: it is read (3 a byte, twice) and written (30 a byte), measured.
_GAS, _GAS_EACH, _GAS_KEPT, _GAS_BYTE = 400_000, 250_000, 20_000, 40


@dataclass(frozen=True)
class Draft:
    """A proposal that may be made: what its messages are, and the files and names that it was made from.

    `forced` says why it is made although those that sign now would be too few, empty where they are enough.
    """

    old: Consortium
    new: Consortium
    messages: tuple[Packed, ...]
    names: Names
    findings: list[Finding]
    forced: str = ""

    @property
    def title(self) -> str:
        """Return what a proposal is called on the chain. It is for people with other tools; nothing here believes it."""
        return f"{self.new.consortium} revision {self.new.revision}"

    @property
    def summary(self) -> str:
        """Return what the proposer's file says that it does, and why it was forced."""
        what = [str(one) for one in effects(self.old, self.new)] or ["nothing on the chain but the digest"]
        # The chain counts bytes, and a reason may have letters of several.
        return "; ".join(filter(None, [self.forced, *what])).encode()[:_MOST_TEXT].decode(errors="ignore")

    def signed_by(self, key: SigningKey) -> Packed:
        """Return the message that an organisation signs to propose it."""
        return propose(key.address, self.messages, with_parts(self.new).text(), self.title, self.summary)


def draft(at: Session, since: Path | None, upgrade_height: int | None, force: str = "") -> Draft:
    """Return the proposal of the working file. Raise Refused, with the reasons, for one that would break something.

    `force` is the reason why it may be one of which those that sign now are too few for blocks.
    """
    old, new = at.before(since), at.working
    found = judged(old, new, at.profile)
    _refuse(found)
    if upgrade_height and not any(one.kind == "upgrade" for one in effects(old, new)):
        hint = "leave it out: nodes go over one at a time, or the version stays"
        raise Refused("this revision has no upgrade that waits for a height", where="--upgrade-height", hint=hint)
    if upgrade_height and failures([near := ahead(upgrade_height, at.driver.status().height)]):
        raise Refused(near.actual, where="--upgrade-height", hint="some hours ahead: all nodes stop there")
    _refuse_fork(at, old)
    if wrong := mistyped(let_go(old, new), node_ids(at.folder)):
        hint = "write the id that the node's identity has, or get the newer identity from its organisation"
        raise Refused("this revision would change nothing:\n  " + "\n  ".join(wrong), where="consortium.yml", hint=hint)
    known, names = ground(at, upgrade_height)
    wrong = contradictions(old, known)
    if wrong:
        hint = "find out who changed the chain: nodeops consortium log"
        raise Refused("the chain is not what the file in force says:\n  " + "\n  ".join(wrong), where="consortium.yml", hint=hint)
    messages = orders(old, new, known)
    live = signing_after(at, known, messages)
    found += [*despite(live, force), *left_over(proposals(at.driver))]
    _refuse(found)
    return Draft(old, new, messages, replace(names, accounts=accounts(old, new)), found, forced_text(live, force))


def _refuse(found: Iterable[Finding]) -> None:
    if failures(found):
        raise Refused("this revision may not be proposed:\n  " + "\n  ".join(failures(found)), where="consortium.yml")


def _refuse_fork(at: Session, old: Consortium) -> None:
    """Refuse a revision that does not follow the one in force."""
    now, before = read_mark(at.policy().text), mark_of(old)
    if now is None:
        raise Refused("the chain does not say which revision is in force", where=at.node, hint="found it with this version")
    if not now.names(before):
        what = f"in force is {now}; the file before the working one is {before}"
        kind = "it was forked from" if now.revision == before.revision else "it does not follow"
        hint = "get the file in force from another member, keep it in revisions/, and change that"
        raise Refused(f"{kind} another revision: {what}", where="consortium.yml", hint=hint)


def mistyped(let_go: Mapping[str, str], published: Mapping[str, str]) -> list[str]:
    """Return what is wrong with ids that peers shall know no longer: each must be the one that the node published."""
    others = {name: published.get(name, "none") for name, one in let_go.items() if published.get(name) != one}
    return [f"former_node_id of {name} is {let_go[name]}, its identity has {other}" for name, other in others.items()]


def gas_for(orders: int, kept: Iterable[Proposal] = ()) -> int:
    """Return the gas that a transaction about a proposal may use: of so many messages, beside those that the chain keeps.

    Without the second part one member's large proposal would keep all others from being executed.
    """
    beside = sum(_GAS_KEPT + _GAS_BYTE * len(encode(one)) for one in kept)
    return min(_GAS + orders * _GAS_EACH + beside, MOST_GAS)


def organisation_of(key: SigningKey, *files: Consortium) -> str:
    """Return whose account a key is. Raise InputError for a key of nobody."""
    found = accounts(*files).get(key.address)
    if found is None:
        known = ", ".join(
            f"{name} ({account_address(one.account)})" for name, one in files[0].organisations.items() if one.account
        )
        raise InputError(f"is the key of {key.address}, which is no organisation's account", where="--key", allowed=known)
    return found


@dataclass(frozen=True)
class _Data:
    """cosmos.base.abci.v1beta1.TxMsgData: an answer to each message of a transaction."""

    responses: Annotated[tuple[Packed, ...], 2]


@dataclass(frozen=True)
class _Submitted:
    """cosmos.group.v1.MsgSubmitProposalResponse."""

    number: Annotated[int, 1]


def number_of(data: str, place: int = 0) -> int:
    """Return the number that the chain gave a proposal, from what its transaction answered (base64). `place` is that of its
    message among all of the transaction's: others may put more into one. Raise ValueError."""
    answers = decode(_Data, base64.b64decode(data, validate=True)).responses
    if place >= len(answers):
        raise ValueError(f"has {len(answers)} answers")
    return decode(_Submitted, answers[place].value).number


def proposed(at: Session, sent: Sent) -> int:
    """Return the number of the proposal that a transaction made. Raise Refused when the chain did not take it."""
    if sent.code:
        raise Refused(f"the chain refuses it with code {sent.code}: {sent.log}", where=f"transaction {sent.hash}")
    raw = at.driver.transaction(sent.hash, prove=False)
    try:
        return number_of(str(raw["tx_result"]["data"]))
    except (ValueError, KeyError, TypeError) as error:
        raise HostError("the answer cannot be true: no proposal has a number in it", where=sent.hash, hint=LIE_HINT) from error
