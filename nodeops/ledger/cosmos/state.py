"""State of a chain's application through one node that may lie: each value, and each absence, is proven."""

from collections.abc import Callable
from dataclasses import dataclass

from nodeops.core.errors import HostError
from nodeops.core.printable import printable
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cosmos.account import BASE_ACCOUNT, BaseAccount
from nodeops.ledger.cosmos.address import address_bytes
from nodeops.ledger.cosmos.codec import FormError, decode
from nodeops.ledger.cosmos.ics23 import prove_state
from nodeops.ledger.cosmos.messages import Packed, PublicKey, unpack
from nodeops.ledger.driver import Driver

# x/auth/types/keys.go of cosmos-sdk at tag v0.53.8.
_ACCOUNTS, _ACCOUNT = "acc", b"\x01"
# The state of block 1 cannot be asked for with a proof: baseapp/abci.go, Query, of the same tag.
FIRST_PROVEN = 2


@dataclass(frozen=True)
class ProvenAccount:
    """An account at a height: its number for good, how many transactions it has had, its ed25519 key or None for none."""

    number: int
    sequence: int
    public_key: bytes | None


class ProvenState:
    """The state that a node shows. `block` proves the block of a height, or raises ProofError.

    A height can be asked for from FIRST_PROVEN to one below the newest block, whose header proves it, while the node keeps it.
    Nothing proves that a node shows the newest height: see which height was asked for.
    """

    def __init__(self, driver: Driver, block: Callable[[int], ProvenBlock]) -> None:
        self.driver = driver
        self.block = block

    def value(self, store: str, key: bytes, height: int) -> bytes | None:
        """Return what a store holds under a key at a height, None when it is proven to hold nothing.

        Raise ProofError with the failed step, HostError when the node does not have that height.
        """
        answer = self.driver.state(f"/store/{store}/key", key, height=height, prove=True)
        return prove_state(answer, store, key, height, self.block(height + 1).app_hash)

    def account(self, address: str, height: int) -> ProvenAccount | None:
        """Return the account of an address at a height, None when it is proven that there was none. Raise as `value` does."""
        found = self.value(_ACCOUNTS, _ACCOUNT + address_bytes(address), height)
        return None if found is None else _account(found, address)


def _account(value: bytes, address: str) -> ProvenAccount:
    """Read what is stored. That it is stored is proven, so what is strange about it is the chain's, not the node's."""
    try:
        packed = decode(Packed, value)
        base = decode(BaseAccount, packed.value)
        key = unpack(base.key) if base.key else PublicKey(b"")
    except FormError as error:
        raise _strange(address, str(error)) from error
    if packed.url != BASE_ACCOUNT or base.address != address or not isinstance(key, PublicKey):
        raise _strange(address, f"is a {packed.url} of {base.address}")
    return ProvenAccount(base.number, base.sequence, key.key or None)


def _strange(address: str, why: str) -> HostError:
    hint = "only accounts with an ed25519 key of their own are known here"
    return HostError(f"the chain's account is not known here: {printable(why)}", where=address, hint=hint)
