"""One node at a glance: the JSON that `nodeops status --json` prints and others read, and what is judged from it. Pure.

A status may come from a node of another organisation, so reading one back checks every field.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from nodeops.core.errors import HostError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.fields import Duty, Name
from nodeops.ledger.answers import MAX_INTEGER

# Commits over which signing is counted, and how many of the newest a live validator may miss in a row.
SIGNED_WINDOW = 20
LIVE_WINDOW = 5

Whole = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=1000)]
Hex = Annotated[str, StringConstraints(pattern=r"^([0-9A-F]{2})*$", max_length=2048)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ValidatorId = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{40}$")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False, defer_build=True)


class SignedShare(_Part):
    """This node's own votes: how many of the last `of` commits hold its signature."""

    signed: Whole = 0
    of: Whole = 0


class SignerShare(SignedShare):
    """One validator's votes over the same commits, and the height of its last one."""

    last_height: Whole | None = None


class ValidatorPower(_Part):
    """A member of the validator set."""

    address: ValidatorId
    power: Whole


class RecentBlock(_Part):
    """A block this node has stored. `app_hash` is that of its header: the state after the block below it."""

    height: Whole
    hash: Hex
    app_hash: Hex
    time: datetime


class DiskUse(_Part):
    """How full the filesystem of a path is, as `df` counts, in percent, and what is free for ordinary users, in bytes."""

    path: Line
    filesystem_used_percent: Annotated[float, Field(ge=0, le=100)]
    free_bytes: Whole


class NodeStatus(_Part):
    """The whole answer. Fields that cannot be known while the ledger does not answer are None or empty.

    `error` says what did not answer. `version` is what the running ledger calls itself; `release` is the version
    directory that its process was started from, None when this user may not see that process. `earliest_height` is the oldest
    block that it has: above 1 on a node that joined by state sync. `lag_blocks` is the
    height that half of the peers claim minus this node's own: one that boasts changes nothing. `peers` are the names of members,
    ids of peers that are none.
    `signers` and `signed_recent` cover the same SIGNED_WINDOW commits. `guards` says in a word how each capability that
    protects the host is doing, `troubles` what of them fails, a line each. `clock` is the host's time, seconds since 1970.
    """

    node: Name
    organisation: Name
    duty: Duty
    agent: Line
    running: bool
    error: Line | None = None
    version: Line | None = None
    release: Line | None = None
    chain: Line | None = None
    node_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    validator_address: ValidatorId | None = None
    voting_power: Whole | None = None
    height: Whole | None = None
    earliest_height: Whole | None = None
    block_time: datetime | None = None
    block_age_seconds: float | None = None
    lag_blocks: Whole | None = None
    catching_up: bool | None = None
    peers: Annotated[list[Line], Field(max_length=1000)] = []
    signed_recent: SignedShare = SignedShare()
    signers: Annotated[dict[ValidatorId, SignerShare], Field(max_length=10_000)] = {}
    validators: Annotated[list[ValidatorPower], Field(max_length=10_000)] = []
    recent: Annotated[list[RecentBlock], Field(max_length=100)] = []
    disk: Annotated[list[DiskUse], Field(max_length=100)] = []
    revision: Whole
    document_digest: Digest
    genesis_digest: Digest | None = None
    guards: Annotated[dict[Name, Line], Field(max_length=100)] = {}
    troubles: Annotated[list[Line], Field(max_length=100)] = []
    clock: float

    def signs(self, address: str) -> bool:
        """Tell whether a validator signed one of the last LIVE_WINDOW commits this node knows."""
        return address in live_signers(self.signers)

    def fresh(self, block_seconds: float) -> bool:
        """Tell whether the newest block is young enough for a chain that moves. Clocks may differ in either direction."""
        return self.block_age_seconds is not None and abs(self.block_age_seconds) <= stale_after(block_seconds)


def live_signers(shares: Mapping[str, SignerShare]) -> frozenset[str]:
    """Return the addresses that signed one of the newest LIVE_WINDOW commits."""
    newest = max((share.last_height or 0 for share in shares.values()), default=0)
    lasts = {address: share.last_height for address, share in shares.items()}
    return frozenset(address for address, last in lasts.items() if last is not None and last > newest - LIVE_WINDOW)


def half_claim(claims: Iterable[int]) -> int | None:
    """Return the height that half of the peers claim or more, None without a peer: of three or more, one that boasts changes
    nothing."""
    ordered = sorted(claims)
    return ordered[len(ordered) // 2] if ordered else None


def most_claim(claims: Iterable[int]) -> int | None:
    """Return the height that more than half of the peers claim or more, None without a peer: of two, one that boasts changes
    nothing."""
    ordered = sorted(claims)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def parse_status(text: bytes, where: str) -> NodeStatus:
    """Return the status that `nodeops status --json` printed on a host. Raise HostError when it is none."""
    try:
        return NodeStatus.model_validate_json(text)
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        # Keys come from the other side as well: repr keeps control characters off the terminal.
        place = ".".join(map(str, item["loc"]))[:100]
        raise HostError(f"is not a node status: {place!r}: {item['type']}", where=where, hint="ship the agent again") from error


def stale_after(block_seconds: float) -> float:
    """Return the age of the newest block, in seconds, from which a chain counts as halted.

    Ten blocks, and never under 30 s: a few rounds with absent proposers are slow, yet normal.
    """
    return max(30.0, 10 * block_seconds)


def findings(status: NodeStatus, block_seconds: float) -> list[Finding]:
    """Judge one node by its own status: fail when it does not run or its chain stands, warn when it does not take part."""
    if not status.running:
        hint = "look at the state of the ledger's unit, then at the end of its log"
        return [Finding("ledger.running", Verdict.FAIL, "the ledger answers", status.error or "no answer", hint)]
    return [_running(status), _block_age(status, block_seconds), *_taking_part(status)]


def _running(status: NodeStatus) -> Finding:
    if status.error:
        return Finding("ledger.running", Verdict.WARN, "every question is answered", status.error, "read the ledger's log")
    return Finding("ledger.running", Verdict.PASS, "the ledger answers", f"{status.chain} at height {status.height}")


def _block_age(status: NodeStatus, block_seconds: float) -> Finding:
    expected = f"newest block at most {stale_after(block_seconds):g} s old"
    if status.block_age_seconds is None:
        return Finding("ledger.block_age", Verdict.FAIL, expected, "no block yet", "the chain starts once a quorum is connected")
    actual = f"{status.block_age_seconds:.1f} s old"
    if status.fresh(block_seconds):
        return Finding("ledger.block_age", Verdict.PASS, expected, actual)
    hint = "nodeops fleet status shows whether the chain is halted or only this node; check the clock too"
    return Finding("ledger.block_age", Verdict.WARN if status.catching_up else Verdict.FAIL, expected, actual, hint)


def _taking_part(status: NodeStatus) -> Iterator[Finding]:
    if status.catching_up:
        lag = "" if status.lag_blocks is None else f", {status.lag_blocks} blocks behind"
        yield Finding("ledger.synced", Verdict.WARN, "caught up", f"catching up{lag}", "nodeops ledger wait --synced")
    if status.duty == "validator":
        yield _signing(status)


def _signing(status: NodeStatus) -> Finding:
    share, expected = status.signed_recent, "a validator in the set, signing"
    actual = f"signed {share.signed} of the last {share.of} commits"
    if not status.voting_power:
        hint = "the members must give it voting power, or the file must call it a witness"
        return Finding("ledger.signing", Verdict.WARN, expected, "not in the validator set", hint)
    if status.signs(status.validator_address or ""):
        return Finding("ledger.signing", Verdict.PASS, expected, actual)
    return Finding("ledger.signing", Verdict.WARN, expected, actual, "it signs once it is caught up and has peers")
