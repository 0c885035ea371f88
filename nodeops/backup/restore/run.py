"""Bring a validator's key back in steps. Each compares with what is there, so a run that was killed is completed by the next one.

No step trusts what an earlier run found out about others: the proof that nobody else signs is made anew each time, from the
newest blocks, right before the key is put in place.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from tenacity import Retrying, retry_if_result, stop_before_delay, wait_fixed

from nodeops.backup.policy import Snapshot, by_block
from nodeops.backup.restic import Restic
from nodeops.backup.restore import receipt
from nodeops.backup.restore.evidence import Known, newest_headers, own_known, read_witness, told
from nodeops.backup.restore.plan import ALIVE, ANOTHER, WITHOUT, Decision, Facts, Holder, Mark, Remedy, Told, decide, refusals
from nodeops.backup.restore.quarantine import Journal, Quarantine, mark_of
from nodeops.core.errors import HostError, InputError, NodeopsError, Refused
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host.lock import held
from nodeops.host.units import systemd
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.founding.genesis import content_digest
from nodeops.ledger.identity.files import layout
from nodeops.ledger.node.begin import has_blocks
from nodeops.ledger.node.local import listens_beside
from nodeops.ledger.node.wait import Goal, wait_for

Report = Callable[[str], None]
NO_SNAPSHOT = "none"
_QUESTION_SECONDS = 5.0


class Step(StrEnum):
    """The steps of a restore, in their order."""

    QUARANTINE = "quarantine"
    VERIFY = "verify"
    CATCH_UP = "catch up"
    FENCE = "fence"
    RAISE = "raise"
    ENABLE = "enable"
    WATCH = "watch"


WHY = {
    Step.QUARANTINE: "keys are moved to where the ledger's unit does not find them",
    Step.VERIFY: "keys are those that the genesis names, the backup is of this chain",
    Step.CATCH_UP: "the ledger runs with throw-away keys until it has verified every block; it cannot sign",
    Step.FENCE: "the newest blocks show that nobody else signs with this key",
    Step.RAISE: "the signing state is put above everything that was ever signed",
    Step.ENABLE: "the ledger is stopped, given its keys, started and enabled at boot",
    Step.WATCH: "a block holds this validator's signature",
}


@dataclass(frozen=True)
class Order:
    """What is asked for. `snapshot` "" is the newest, `none` does without; `patience_seconds` is for each wait."""

    document: NodeDocument
    engine: Callable[[], Restic]
    snapshot: str = ""
    because: str = ""
    witnesses: Sequence[Path] = ()
    patience_seconds: float = 3600.0


@dataclass(frozen=True)
class Done:
    """What a restore did: the state it wrote, None where an earlier run had enabled the key; the last block it saw signed."""

    decision: Decision | None
    height: int
    changes: Sequence[Change]


@dataclass(frozen=True)
class Preview:
    """What would be done, and why it would be refused as things are now."""

    changes: Sequence[Change]
    reasons: Sequence[str]


def planned(enabled: bool) -> list[Change]:
    """Return the steps that will be done: all, or the last where the key is in use already."""
    return [Change(step, WHY[step]) for step in Step if not enabled or step is Step.WATCH]


class Restore:
    """One run. `report` is told each step before it is done, and what is waited for."""

    def __init__(self, order: Order, report: Report) -> None:
        self.order, self.report, self.document = order, report, order.document
        self.box = Quarantine(order.document, layout(order.document))
        self.known: Known = own_known(order.document)
        self.driver: Driver = driver_for(order.document, _QUESTION_SECONDS)

    def enabled(self) -> bool:
        """Tell whether an earlier run had come to its last step: the ledger runs with the keys in place."""
        journal, unit = self.box.journal(), systemd.unit(self.document.ledger.unit)
        signs = unit.active and self.box.keys_in_place() and not self.box.observes()
        if signs and journal is None:
            raise Refused("the validator's key is in use on this host", where="holder", hint="nothing is to be restored here")
        return signs

    def run(self) -> Done:
        """Do what is left to do. Raise Refused with the reasons when the key may not be used, Timeout when a wait is over."""
        with held(self.box.at.home):
            enabled = self.enabled()
            changes = planned(enabled)
            decision = None if enabled else self._until_enabled()
            self._tell(Step.WATCH)
            height = self._watch()
            receipt.end(self.document, decision)
            self.box.end()
        return Done(decision, height, changes)

    def _tell(self, step: Step) -> None:
        self.report(f"{step}: {WHY[step]}")

    def preview(self) -> Preview:
        """Return the steps that would be done, and what would be refused as things are now. Changes nothing."""
        enabled, journal = self.enabled(), self.box.journal()
        if enabled:
            return Preview(planned(True), ())
        journal = journal or Journal(self._first_holder())
        asked = replace(journal, because=self.order.because or journal.because, snapshot=self.order.snapshot or journal.snapshot)
        missing = () if self.box.holds_keys() or self.box.keys_in_place() else ("this node's keys are not here yet",)
        backup = None if asked.snapshot == NO_SNAPSHOT else self._backup_state(asked.snapshot)
        found = refusals(self._facts(asked, backup, self._others(), began=(1 << 63) - 1))
        return Preview(planned(False), (*missing, *(one.why for one in found if one.remedy not in _removed(asked))))

    def _until_enabled(self) -> Decision:
        self._tell(Step.QUARANTINE)
        journal = self._quarantine()
        self._tell(Step.VERIFY)
        backup = self._verify(journal)
        self._tell(Step.CATCH_UP)
        self._catch_up()
        self._tell(Step.FENCE)
        facts = self._fence(journal, backup)
        self._doubt(journal, facts)
        decision = decide(facts, journal.because)
        receipt.begin(self.document, facts, decision, journal.because)
        self._tell(Step.RAISE)
        self.box.stop()
        self.box.raise_state(decision.state)
        self._tell(Step.ENABLE)
        self.box.put_keys_in_place()
        # Enabled first: a boot from here on starts it with its keys. Restarted, because somebody may have started it meanwhile.
        systemd.systemctl("enable", self.document.ledger.unit)
        systemd.systemctl("restart", self.document.ledger.unit)
        return decision

    def _quarantine(self) -> Journal:
        old = self.box.journal()
        holder = old.holder if old else self._first_holder()
        if not (self.box.holds_keys() or self.box.keys_in_place()):
            hint = "the custodian streams them here: docs/restore.md, 'The keys'"
            raise HostError("this node's keys are not here", where=str(self.box.at.keys), hint=hint)
        self.box.make()
        journal = Journal(
            holder,
            self.order.because or (old.because if old else ""),
            self.order.snapshot or (old.snapshot if old else ""),
        )
        self.box.write(journal)
        if self.box.keys_in_place():
            self.box.stop()
            self.box.take_keys()
        return journal

    def _first_holder(self) -> Holder:
        """Keys in place beside blocks never left this host, and the unit that has them is about to be stopped. Without blocks the
        node never ran here: somebody put them there by hand."""
        return Holder.HERE if self.box.keys_in_place() and has_blocks(self.document) else Holder.UNKNOWN

    def _verify(self, journal: Journal) -> Mark | None:
        self.box.identity(self.known.own_key)
        if journal.snapshot == NO_SNAPSHOT:
            return None
        return self._backup_state(journal.snapshot)

    def _backup_state(self, wanted: str) -> Mark:
        engine = self.order.engine()
        node, paths = self.document.node.name, self.document.ledger.paths
        snapshot = chosen(engine.snapshots(node), wanted, node)
        genesis = engine.dump(snapshot.id, paths["genesis"])
        if content_digest(genesis) != content_digest(Path(paths["genesis"]).read_bytes()):
            text = "the genesis in the backup is not that of this host: it is of another chain"
            raise Refused(text, where=f"snapshot {snapshot.id}", hint=f"see which repository backup.env names; {ANOTHER}")
        return mark_of(engine.dump(snapshot.id, paths["validator_state"]), f"{paths['validator_state']} of {snapshot.id}")

    def _catch_up(self) -> None:
        if not (self.box.observes() and systemd.unit(self.document.ledger.unit).active):
            self.box.start_observer()
        wait_for(self.driver, Goal(synced=True), self.order.patience_seconds, self.report)

    def _fence(self, journal: Journal, backup: Mark | None) -> Facts:
        """Return the facts once time has taken away what it can. Raise Refused when it has not in the time given."""
        others = self._others()
        began = self.driver.status().height
        waiting = Retrying(
            retry=retry_if_result(lambda facts: _may_change(facts, journal.because)),
            stop=stop_before_delay(self.order.patience_seconds),
            wait=wait_fixed(min(self.document.ledger.block_seconds, 2.0)),
            before_sleep=lambda state: self.report(_waiting(state.outcome.result())) if state.outcome else None,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        facts: Facts = waiting(lambda: self._facts(journal, backup, others, began))
        return facts

    def _doubt(self, journal: Journal, facts: Facts) -> None:
        """Forget who said that the old holder is dead, and that it was this host, where the chain shows that it signs: once it is
        silent, the next run must ask anew."""
        if any(one.id == ALIVE for one in refusals(facts)):
            self.box.write(replace(journal, holder=Holder.UNKNOWN, because=""))

    def _others(self) -> list[Told]:
        return [read_witness(path, self.known) for path in self.order.witnesses]

    def _facts(self, journal: Journal, backup: Mark | None, others: Sequence[Told], began: int) -> Facts:
        return Facts(
            organisation=self.document.node.organisation,
            now=int(time.time()),
            block_seconds=self.document.ledger.block_seconds,
            began=began,
            chain=self._chain(),
            holder=self._now_held(journal.holder),
            backup=backup,
            local=self.box.local_state(),
            others=others,
        )

    def _now_held(self, holder: Holder) -> Holder:
        """Tell where the key is now: a second node on this host, which somebody started by hand, may have it in memory."""
        paths = self.document.ledger.paths
        own = systemd.unit(self.document.ledger.unit).pid
        second = listens_beside(paths["binaries"], Path(paths["binary"]).name, own)
        return Holder.RUNNING if second else holder

    def _chain(self) -> Told:
        try:
            return told(self.document.node.name, newest_headers(self.driver), self.known)
        except NodeopsError as error:
            self.report(error.what)
            return Told(self.document.node.name, ())

    def _watch(self) -> int:
        state = self.box.local_state()
        goal = Goal(vote_above=state.height - 1 if state else 0)
        return wait_for(self.driver, goal, self.order.patience_seconds, self.report).height


def _removed(journal: Journal) -> set[Remedy]:
    return {Remedy.WORDS} if journal.because.strip() else set()


def _may_change(facts: Facts, because: str) -> bool:
    """Tell whether waiting may help: only time stands in the way."""
    remedies = {one.remedy for one in refusals(facts)}
    return Remedy.TIME in remedies and Remedy.NONE not in remedies and (Remedy.WORDS not in remedies or bool(because.strip()))


def _waiting(facts: Facts) -> str:
    return "waiting: " + "; ".join(one.why for one in refusals(facts) if one.remedy is Remedy.TIME)


def chosen(found: Sequence[Snapshot], wanted: str, node: str, tip: int | None = None) -> Snapshot:
    """Return the snapshot that is asked for, "" for the newest by its block, not by the time that it claims.

    `tip` is the chain's height in the words of the node itself, for a drill: one that lies there drills an older backup, which is
    compared with what others say all the same. A restore leaves it out: peers that keep blocks back would make the newest backup
    one of no block yet, and an older one would not betray them. Raise InputError or HostError when it is not there.
    """
    whole = by_block([one for one in found if one.tags.get("class") == "b"], tip)
    if not whole:
        hint = f"nodeops backup list; a restore can go by the chain alone: {WITHOUT}"
        raise HostError(f"holds no backup of {node}", where="repository", hint=hint)
    named = [one for one in whole if one.id.startswith(wanted)]
    if not named:
        raise InputError(f"there is no snapshot {wanted}", where="--snapshot", allowed=", ".join(one.id for one in whole[-10:]))
    return named[-1]
