"""Add records: look at all of them, refuse or plan, then send, wait and prove. Nothing is sent before all is planned."""

from collections.abc import Callable, Sequence

from nodeops.core.errors import Refused
from nodeops.ledger.cometbft.proof import ProofError, Step
from nodeops.records.planned import Outcome, Plan, Planned, Writer, overtaken, plan_add
from nodeops.records.store import Store
from nodeops.records.versions import RECORD_SPACE, FileDigest, History, RecordValue, RecordVersion, ledger_key

# Well below the 5000 transactions a node keeps waiting (CometBFT, mempool.size).
_BATCH = 500
_HINT = "give another key with --key, or put a new version in its place with --revise"


def plan_all(history_of: Callable[[str], History], files: Sequence[FileDigest], revise: bool) -> list[Planned]:
    """Return what adding each file means. Raise Refused when any key holds another hash and `revise` is not set."""
    planned = []
    for file in files:
        key = ledger_key(RECORD_SPACE, file.key)
        history = history_of(key)
        planned.append(Planned(file, key, plan_add(file, history, revise), history))
    refused = [one for one in planned if one.plan is Plan.REFUSE]
    if refused:
        raise Refused("\n".join(map(_refusal, refused)), allowed="an unchanged file, or a key not yet used", hint=_HINT)
    return planned


def _refusal(planned: Planned) -> str:
    current = planned.before.current
    height = current.proven.block.height if current else 0
    return f"{planned.file.key} is on the ledger with another hash since height {height}; nothing was sent"


def send_all(
    store: Store, writer: Writer, planned: Sequence[Planned], timeout_seconds: float, on_file: Callable[[], object]
) -> list[Outcome]:
    """Send what needs sending, wait for each and prove it. Outcomes come in the order of the plan.

    Raise Timeout when a transaction is not committed in time: those before it are, and the same call can be repeated.
    """
    done = {one.file: Outcome(one, one.before.current) for one in planned if not one.sends}
    pending = [one for one in planned if one.sends]
    for start in range(0, len(pending), _BATCH):
        batch = pending[start : start + _BATCH]
        values = [(one, value_of(one, writer)) for one in batch]
        sent = [(one, value, store.broadcast(one.key, value.encoded())) for one, value in values]
        for one, value, tx_hash in sent:
            done[one.file] = _outcome(store, one, value, tx_hash, timeout_seconds)
            on_file()
    return [done[one.file] for one in planned]


def value_of(planned: Planned, writer: Writer) -> RecordValue:
    """Return what is put on the ledger for a file."""
    file, current = planned.file, planned.before.current
    return RecordValue(
        sha256=file.sha256,
        size=file.size,
        organisation=writer.organisation,
        node=writer.node,
        revises=current.proven.hash.lower() if current else None,
    )


def _outcome(store: Store, planned: Planned, value: RecordValue, tx_hash: str, timeout_seconds: float) -> Outcome:
    version = RecordVersion(value, store.wait(tx_hash, timeout_seconds))
    after = store.record_history(planned.key)
    if tx_hash not in {shown.proven.hash for shown in after.versions}:
        raise ProofError(f"{planned.file.key}: the node committed a record and then does not show it", where=Step.ANSWER)
    return Outcome(planned, version, overtaken(planned.before, after, tx_hash))
