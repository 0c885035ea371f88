"""Decide whether this controller makes the genesis, and refuse where one is known to be elsewhere. Pure.

A genesis holds a time. Where members wrote it into the consortium file, each controller makes the genesis, and all make the same
bytes. Else it is the time at which it was made, and two controllers that each made one would found two chains: exactly one makes
it, that of the organisation whose name sorts first among those with validators. All others wait for its file.
"""

from collections.abc import Mapping
from datetime import datetime

from nodeops.core.errors import Refused
from nodeops.document.inventory import AGREED_GENESIS, GENESIS_FILE
from nodeops.document.models import Consortium
from nodeops.ledger.founding.gather_models import Folder, Situation
from nodeops.ledger.founding.genesis import content_digest, founding_powers, genesis_text, has_group, make_genesis
from nodeops.ledger.founding.genesis_models import Genesis
from nodeops.ledger.identity.identity import Identity


def plan_genesis(at: Situation, known: Mapping[str, Identity]) -> tuple[Genesis, str] | str:
    """Return the genesis with its text, or why there is none yet. Raise Refused when a host has one that is not ours."""
    founded = {name: str(answer["genesis_digest"]) for name, answer in at.answers.items() if answer.get("genesis_digest")}
    if at.folder.genesis is not None and at.folder.text is not None:
        _hosts_agree(at.folder, at.folder.text, founded)
        return at.folder.genesis, at.folder.text
    if founded:
        raise _lost(at.folder, founded)
    reason = _why_not_made(at, known)
    if reason:
        return f"{GENESIS_FILE}: {reason}"
    genesis = make_genesis(at.consortium, known, at.consortium.ledger.genesis_time or at.genesis_time)
    return genesis, genesis_text(genesis)


def _lost(folder: Folder, founded: Mapping[str, str]) -> Refused:
    text = f"{GENESIS_FILE} is gone, but {', '.join(sorted(founded))} has one: the chain was founded before"
    hint = f"copy it back from the host {min(founded)}; a second genesis would be a second chain"
    return Refused(text, where=folder.where, hint=hint)


def _hosts_agree(folder: Folder, text: str, founded: Mapping[str, str]) -> None:
    ours = content_digest(text.encode())
    others = sorted(name for name, digest in founded.items() if digest != ours)
    if others:
        what = f"{', '.join(others)} holds another genesis than this folder: it belongs to another chain"
        hint = f"find out which of them the network runs and keep that {GENESIS_FILE}. A lab: make its hosts anew too"
        raise Refused(what, where=f"{folder.where}/{GENESIS_FILE}", hint=hint)


def _why_not_made(at: Situation, known: Mapping[str, Identity]) -> str | None:
    """Return why this controller does not make the genesis now, or None when it does."""
    consortium, powers = at.consortium, founding_powers(at.consortium)
    if not powers:
        return "there is no validator in consortium.yml"
    when = consortium.ledger.genesis_time
    if when and datetime.fromisoformat(when) > datetime.fromisoformat(at.genesis_time):
        return f"made once its time has come: {when}"
    if at.agreed and not when:
        return f"one was agreed on already ({AGREED_GENESIS} in group_vars/all.yml): get the file from another member"
    if consortium.revision > 1 and not at.found:
        return (
            f"not made at revision {consortium.revision}, when the chain should have been founded already: get the file "
            "from another member; only if the chain was never started may it be founded now (found)"
        )
    founder = min(consortium.nodes[name].organisation for name in powers)
    if not when and founder not in {consortium.nodes[name].organisation for name in at.managed}:
        return f"{founder} makes it once (its name sorts first among the organisations with validators) and must publish it"
    if has_group(consortium):
        return _waits_for_record_keys(consortium, known)
    waiting = [name for name in powers if name not in known]
    return f"made as soon as all validators' identities are here; waiting for {', '.join(waiting)}" if waiting else None


def _waits_for_record_keys(consortium: Consortium, known: Mapping[str, Identity]) -> str | None:
    """Return what the accounts of all nodes' keys for records wait for, None for nothing."""
    waiting = [name for name in sorted(consortium.nodes) if name not in known]
    if waiting:
        return f"made as soon as all nodes' identities are here; waiting for {', '.join(waiting)}"
    without = [name for name in sorted(consortium.nodes) if known[name].record_key is None]
    if without:
        return f"{', '.join(without)} published no key for records: run nodeops ledger identity --ensure there, then site.yml"
    return None
