"""What any ledger family's driver answers, in words that all families share. Plain checked values, nothing raw.

Hashes and addresses are upper-case hex. Times are UTC. Powers and heights are whole numbers within MAX_INTEGER.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nodeops.core.errors import HostError

MAX_INTEGER = (1 << 63) - 1


@dataclass
class ApplicationRefused(HostError):  # noqa: N818 - as Refused, no fault of ours
    """The application refuses a transaction or a question, with a code of its own."""

    code: int = 0

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the code too when the error crosses a process boundary."""
        return (type(self), (self.what, self.where, self.allowed, self.hint, self.code))


@dataclass(frozen=True)
class LedgerStatus:
    """The running ledger about itself. `height` 0 and `block_time` None: no block is stored yet.

    `version` is what the process calls itself, which need not be the release it was built from. `voting_power` is the
    power of this node's own key in the current validator set, 0 for a node that does not vote.
    """

    node_id: str
    chain: str
    version: str
    height: int
    block_hash: str
    app_hash: str
    block_time: datetime | None
    earliest_height: int
    catching_up: bool
    validator_address: str
    voting_power: int


@dataclass(frozen=True)
class Peer:
    """A connected peer: its node id, proved by its key; the IP address at the other end; who dialled."""

    node_id: str
    address: str
    outbound: bool
    moniker: str
    version: str


@dataclass(frozen=True)
class Validator:
    """A member of the validator set: address, raw public key (32 bytes for ed25519) and voting power."""

    address: str
    public_key: bytes
    power: int


@dataclass(frozen=True)
class ValidatorSet:
    """The validators that vote at one height."""

    height: int
    validators: Sequence[Validator]

    @property
    def total_power(self) -> int:
        """Return the voting power of all validators together."""
        return sum(validator.power for validator in self.validators)


@dataclass(frozen=True)
class BlockCommit:
    """A committed block and the addresses of the validators whose votes for it the chain has recorded.

    `proposer` made it; `round` is that in which it was committed: above 0, an earlier one came to nothing.
    """

    height: int
    hash: str
    app_hash: str
    time: datetime
    signers: frozenset[str]
    proposer: str = ""
    round: int = 0


@dataclass(frozen=True)
class StepTime:
    """How long a node was in a step of its rounds, all times together, and how often."""

    seconds: float
    times: float


@dataclass(frozen=True)
class Rounds:
    """What a ledger process measured of its rounds since it began. Times are seconds.

    `proposals` it made, in `proposal_seconds` together. `quorum_seconds`: from its newest proposal until validators with
    a quorum had voted for it, by the clocks of their hosts; None before the first. `steps` by name: propose (the wait for the
    whole proposal, of whomever), prevote, prevote_wait, precommit, commit; only those it was in.
    """

    proposals: float
    proposal_seconds: float
    quorum_seconds: float | None
    steps: Mapping[str, StepTime]


@dataclass(frozen=True)
class Signing:
    """How many of the last `of` commits a validator signed, and the height of its last signature, None without one."""

    signed: int
    of: int
    last_height: int | None


def signing(commits: Sequence[BlockCommit], addresses: Sequence[str]) -> dict[str, Signing]:
    """Return who signed the given commits: every address asked for, and every other signer that is found in them."""
    everyone = {*addresses, *(signer for commit in commits for signer in commit.signers)}
    return {address: _signing_of(address, commits) for address in sorted(everyone)}


def _signing_of(address: str, commits: Sequence[BlockCommit]) -> Signing:
    heights = [commit.height for commit in commits if address in commit.signers]
    return Signing(len(heights), len(commits), max(heights, default=None))
