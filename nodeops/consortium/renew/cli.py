"""`nodeops consortium lost|rotation`: what playbooks/replace.yml and playbooks/rotate.yml ask before they change a host."""

import base64
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from nodeops.console import JsonFlag, emit
from nodeops.consortium.drift.cli import host_rows
from nodeops.consortium.options import InventoryOption, ViaOption
from nodeops.consortium.proven import proven_policy, proven_signers, proven_validators
from nodeops.consortium.renew.lost import Proven, lost
from nodeops.consortium.renew.rotation import KEYS, Key, Subject, is_due, known, rotation
from nodeops.consortium.session import Session, session
from nodeops.core.errors import InputError, NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result
from nodeops.ledger.answers import Validator
from nodeops.ledger.cosmos.revision import read_mark
from nodeops.ledger.founding.gather import read_folder
from nodeops.ledger.identity.identity import Identity


def lost_node(
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar="NODE", help="A validator of yours whose host is lost.")],
    inventory: InventoryOption = None,
    via: ViaOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell whether a validator may be brought back on a fresh host: proven to validate, and to sign nothing.

    Exits with 1 when it may not. playbooks/replace.yml asks it.
    """
    # Its own host may be behind, and tell of old blocks.
    with session(context, inventory, via, but=node) as at:
        _require_ours("NODE", node, at.asks.nodes)
        published = _published(at, node)
        seen = proven(at, node, published)
        found = lost(node, at.working, published, seen, list(host_rows(at)))
        address = published.validator_address if published else None
        emit(Result({"node": node, "address": address, "said": _said(found)}, findings=found), as_json)


def proven(at: Session, node: str, published: Identity | None) -> Proven:
    """Return what the chain proves of a node and its key. Raise ProofError when our node cannot prove what it shows."""
    policy, validators = at.policy(), proven_validators(at.driver, at.follower)
    signers = proven_signers(at.driver, at.follower)
    signs = published is not None and published.validator_address in signers and _restoring(at, node)
    voting = {*map(_key, validators.now), *map(_key, validators.then)}
    return Proven(read_mark(policy.text), set(map(_key, at.follower.genesis.validators)), voting, signers, signs)


def _key(one: Validator) -> str:
    return base64.b64encode(one.public_key).decode()


def _restoring(at: Session, node: str) -> bool:
    """Tell whether a restore on the host of a node goes on; one that runs with its key, and was not restored, refuses it."""
    return isinstance(at.asks.ask_all(["backup", "restore", "--dry-run"]).get(node), dict)


def _published(at: Session, node: str) -> Identity | None:
    found = read_folder(at.folder).published.get(node)
    return found.identity if found else None


def rotation_of(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is: a node of yours, or your organisation.")],
    key: Annotated[str, typer.Option("--key", metavar="|".join(KEYS), help="Which of its keys.")],
    done: Annotated[bool, typer.Option("--done", help="Ask your other nodes, too, whether they know a node's new one.")] = False,
    inventory: InventoryOption = None,
    via: ViaOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell whether the file in force lets a key go, so that another may take its place; where no host can, who does it how.

    Exits with 1 when it does not. playbooks/rotate.yml asks it.
    """
    kind = next((one for one in KEYS if one == key), None)
    if kind is None:
        raise InputError(f"'{key}' is none of the keys", where="--key", allowed=", ".join(KEYS))
    with session(context, inventory, via) as at:
        nodes = at.asks.nodes
        owners = {at.working.nodes[one].organisation for one in nodes if one in at.working.nodes}
        _require_ours("NAME", name, owners if kind == "organisation" else nodes)
        one = _subject(at, kind, name)
        found = rotation(one)
        if done and kind in _QUESTIONS:
            found.append(known(one, _told(at, one)))
        emit(Result({"name": name, "key": kind, "due": is_due(one), "said": _said(found)}, findings=found), as_json)


def _said(found: Sequence[Finding]) -> list[str]:
    """Return what whoever watches a playbook should see: of findings that fail it is told anyway."""
    return [f"{one.id}: {one.actual}" for one in found if one.verdict is not Verdict.FAIL]


def _require_ours(where: str, name: str, ours: Collection[str]) -> None:
    if name not in ours:
        raise InputError(f"is none of ours: {name!a}", where=where, allowed=", ".join(sorted(ours)))


def _subject(at: Session, key: Key, name: str) -> Subject:
    policy, height = proven_policy(at.driver, at.follower.block)
    try:
        before = at.before(None)
    except NodeopsError:
        before = None
    return Subject(key, name, at.working, read_mark(policy.text), height, _published(at, name), before)


def _told(at: Session, one: Subject) -> dict[str, str]:
    """Return by which key each node of ours that answers knows another."""
    verb, read = _QUESTIONS[one.key]
    answers = {name: answer for name, answer in at.asks.ask_all(verb).items() if name != one.name and isinstance(answer, dict)}
    return {name: next(read(answer, one), "") for name, answer in answers.items()}


def _ids(answer: Mapping[str, Any], one: Subject) -> Iterator[str]:
    for peer in _objects(answer, "peers"):
        if peer.get("name") == one.name:
            yield str(peer.get("node_id"))


def _objects(answer: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of a list in an answer: a host that was taken over may say anything, and the others are still judged."""
    found = answer.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _author_keys(answer: Mapping[str, Any], one: Subject) -> Iterator[str]:
    owner = one.working.nodes[one.name].organisation
    for author in _objects(answer, "authors"):
        same = (author.get("organisation"), author.get("name"), author.get("until")) == (owner, one.name, None)
        if same and author.get("transactions") is not None:
            yield str(author.get("key"))


_QUESTIONS: Mapping[str, tuple[list[str], Callable[[Mapping[str, Any], Subject], Iterator[str]]]] = {
    "node": (["ledger", "peers"], _ids),
    "record": (["record", "authors"], _author_keys),
}
