"""Decide what is published of the nodes' identities, who is whose peer, and what is still missing. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from nodeops.core.errors import InputError, Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change
from nodeops.document.inventory import GENESIS_FILE
from nodeops.document.models import Consortium
from nodeops.ledger.authors import authors_of
from nodeops.ledger.founding.gather_models import IDENTITIES, Gathered, Situation
from nodeops.ledger.founding.genesis import compare, has_group
from nodeops.ledger.founding.genesis_plan import plan_genesis
from nodeops.ledger.founding.genesis_trust import agreement
from nodeops.ledger.identity.identity import Identity


def plan(at: Situation) -> Gathered:
    """Return what is known and what is to be written.

    Raise InputError or Refused for an identity that is damaged, copied, or not the one that was published.
    """
    shown = {name: _shown(at.consortium, name, answer) for name, answer in at.answers.items() if answer.get("node_id")}
    published, shown = _published(at), {name: _counting(at.consortium, one) for name, one in shown.items()}
    for name in sorted(shown.keys() & published.keys()):
        _same(at, shown[name], published[name])
    known = dict(sorted({**shown, **published}.items()))
    # A key that came after the identity was published.
    late = {name: shown[name] for name in shown.keys() & published.keys() if shown[name] != published[name]}
    known |= late
    _all_different(at, known)
    new = {name: shown[name] for name in sorted(shown.keys() - published.keys())}
    files = {file_of(name): identity_text(identity, at.consortium.revision) for name, identity in new.items()}
    files |= {file_of(name): identity_text(late[name], at.folder.published[name].revision) for name in sorted(late)}
    missing = [_missing(at, name) for name in sorted(at.consortium.nodes.keys() - known.keys())]
    return _with_genesis(at, known, files, missing)


def file_of(node: str) -> str:
    """Return where a node's identity is published, relative to the inventory folder."""
    return f"{IDENTITIES}/{node}.yml"


def _with_genesis(at: Situation, known: Mapping[str, Identity], files: dict[str, str], missing: list[str]) -> Gathered:
    planned = plan_genesis(at, known)
    findings = [*_strangers(at), *_awaited(at)]
    genesis, text = (None, None) if isinstance(planned, str) else planned
    if isinstance(planned, str):
        missing = [*missing, planned]
    elif at.folder.genesis is None:
        files = {**files, GENESIS_FILE: planned[1]}
    if genesis is not None:
        findings += compare(genesis, at.consortium, known, f"{at.folder.where}/{GENESIS_FILE}")
        findings += agreement(at, genesis, text or "", known)
    return Gathered(
        changes=[_change(path) for path in files],
        peers={name: identity.node_id for name, identity in known.items()},
        genesis=genesis.model_dump(mode="json", exclude_none=True) if genesis else None,
        genesis_text=text,
        missing=missing,
        findings=findings,
        files=files,
        authors_text=authors_of(at.consortium, known).text() if has_group(at.consortium) else "",
        replaced=_replaced(at),
        replaced_ids={name: one.node_id for name, one in _own(at).items() if _let_go(at.consortium, one)},
        renewed={name: known[name].node_id for name in at.managed if name in known and at.consortium.nodes[name].former_node_id},
    )


def _change(path: str) -> Change:
    return Change(path, "the chain is founded now" if path == GENESIS_FILE else "this public identity was not published yet")


def _shown(consortium: Consortium, name: str, answer: Mapping[str, Any]) -> Identity:
    """Return the identity a host shows. Raise InputError when it is not one, or is that of another node."""
    try:
        identity = Identity.model_validate({key: answer[key] for key in Identity.model_fields if key in answer})
    except ValidationError as error:
        item = error.errors(include_input=False)[0]
        text = f"the host did not answer with an identity: {'.'.join(map(str, item['loc']))}: {item['msg']}"
        raise InputError(text, where=name, hint=f"see what nodeops ledger identity says on {name}") from error
    _belongs(consortium, name, identity, where=name)
    return identity


def _published(at: Situation) -> dict[str, Identity]:
    """Return the published identities of members. Raise InputError for one that is filed under another node or organisation."""
    found = {name: file.identity for name, file in at.folder.published.items() if name in at.consortium.nodes}
    for name, identity in found.items():
        _belongs(at.consortium, name, identity, where=f"{at.folder.where}/{file_of(name)}")
    return {name: _counting(at.consortium, identity) for name, identity in found.items()}


def _counting(consortium: Consortium, identity: Identity) -> Identity:
    """Return an identity without a key for records that members agreed to let go: the host makes another, and shows it."""
    gone = {one.record_key for one in consortium.former if (one.organisation, one.name) == (identity.organisation, identity.node)}
    return identity.model_copy(update={"record_key": None}) if identity.record_key in gone else identity


def _replaced(at: Situation) -> dict[str, str]:
    """Return the keys for records of our nodes that were published and count no more."""
    own = _own(at).items()
    return {name: one.record_key for name, one in own if one.record_key and not _counting(at.consortium, one).record_key}


def _own(at: Situation) -> dict[str, Identity]:
    return {name: at.folder.published[name].identity for name in at.managed if name in at.folder.published}


def _let_go(consortium: Consortium, identity: Identity) -> bool:
    """Tell whether members agreed to know a node by another key for peers than this one."""
    return consortium.nodes[identity.node].former_node_id == identity.node_id


def _belongs(consortium: Consortium, name: str, identity: Identity, where: str) -> None:
    organisation = consortium.nodes[name].organisation
    if identity.node != name:
        raise InputError(f"this is the identity of {identity.node}, not of {name}", where=where)
    if identity.organisation != organisation:
        raise InputError(f"says it is of {identity.organisation}; in consortium.yml {name} is of {organisation}", where=where)


def _same(at: Situation, shown: Identity, published: Identity) -> None:
    """Raise Refused for another identity than the published one. A key for records that came since is none, nor a key for peers
    in the place of one that was let go.
    """
    folder, name, bare = at.folder, shown.node, {"record_key": None}
    like = published.model_copy(update={"node_id": shown.node_id}) if _let_go(at.consortium, published) else published
    if shown.model_copy(update=bare) == like.model_copy(update=bare):
        if published.record_key in (None, shown.record_key):
            return
        text = f"{name} shows {'another key' if shown.record_key else 'no key'} for records than the one it published"
        hint = "bring its keys back from their archive: nodeops backup restore; members know the published one only"
        raise Refused(text, where=f"{folder.where}/{file_of(name)}", hint=hint)
    text = (
        f"{name} shows node id {shown.node_id} and validator {shown.validator_address}, but has published {published.node_id} "
        f"and {published.validator_address}: the host was rebuilt, or is an impostor"
    )
    hint = (
        f"look at the host. Rebuilt: restore its keys from its backup, or let it join anew under another name. "
        f"A lab made anew: remove {IDENTITIES}/ and {GENESIS_FILE} of its inventory"
    )
    raise Refused(text, where=f"{folder.where}/{file_of(name)}", hint=hint)


def _all_different(at: Situation, known: Mapping[str, Identity]) -> None:
    """Raise InputError when two nodes have one key: a copied disk, and a validator that would sign twice."""
    folder, owner = at.folder, _named_keys(at.consortium)
    for name, identity in known.items():
        keys = (
            ("node key", identity.node_id),
            ("validator key", identity.validator_key.value),
            ("key for records", identity.record_key),
        )
        for what, value in keys:
            if value is None:
                continue
            if value in owner:
                text = f"{owner[value]} and {name} have the same {what}: one host is a copy of the other"
                hint = (
                    "stop one of them now, two validators with one key sign twice; then give it keys of its own as a new member"
                )
                raise InputError(text, where=f"{folder.where}/{file_of(name)}", hint=hint)
            owner[value] = name


def _named_keys(consortium: Consortium) -> dict[str, str]:
    """Return whose each key is that the consortium file itself names."""
    found = {one.record_key: f"{one.name} ({one.organisation}, which left)" for one in consortium.former}
    for organisation, member in consortium.organisations.items():
        found |= {key: f"{name} ({organisation})" for name, key in member.record_keys.items()}
        if member.account:
            found[member.account] = f"{organisation}, its account,"
    return found


def _strangers(at: Situation) -> Iterator[Finding]:
    for name in sorted(at.folder.published.keys() - at.consortium.nodes.keys()):
        actual = f"{at.folder.where}/{file_of(name)}: consortium.yml has no node of this name"
        yield Finding("identity-unknown", Verdict.WARN, "identities of members only", actual, "remove the file, or add the node")


def _awaited(at: Situation) -> Iterator[Finding]:
    """Yield who of other organisations was to have another key for peers and has not published it."""
    for name, file in sorted(at.folder.published.items()):
        if name in at.consortium.nodes and name not in at.managed and _let_go(at.consortium, file.identity):
            actual = f"{at.folder.where}/{file_of(name)}: node id {file.node_id}, which was let go"
            hint = f"{file.organisation} must publish it anew (its own site.yml writes the file); then run site.yml here"
            yield Finding("identity-former", Verdict.WARN, f"another key for peers of {name}", actual, hint)


def _missing(at: Situation, name: str) -> str:
    organisation = at.consortium.nodes[name].organisation
    if name in at.managed:
        return f"{file_of(name)}: our own {name} has not shown its identity; run site.yml with {name} reachable"
    return f"{file_of(name)}: {organisation} must publish it (its own site.yml writes the file); put it into {IDENTITIES}/"


def identity_text(identity: Identity, revision: int) -> str:
    """Return the text of identities/<node>.yml. Values are quoted: 40 hex digits can look like a number to YAML."""
    values = {**identity.model_dump(mode="json"), "revision": revision}
    order = ("node", "organisation", "revision", "node_id", "validator_key", "validator_address", "record_key")
    head = f"---\n# Public identity of {identity.node}, as its host showed it. Nothing in it is secret: give it to all members.\n"
    return head + "".join(f"{key}: {json.dumps(values[key])}\n" for key in order if key in values)
