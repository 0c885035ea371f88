"""Who is trusted, and how much of their voting power stands behind a commit. Pure.

The first ones are those of this host's genesis.json; all others follow from them (follow.py). What a node's RPC says about
validators is never believed; it is at most explained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, ValidationError

from nodeops.core.errors import HostError
from nodeops.document.fields import MAX_POWER
from nodeops.ledger.answers import Validator
from nodeops.ledger.cometbft import zip215
from nodeops.ledger.cometbft.answers import PublicKey, hexadecimal, validator_address
from nodeops.ledger.cometbft.blocks import Answer, Commit, Flag, Int64, merkle_root, vote_sign_bytes
from nodeops.ledger.cometbft.protowire import blob, integer, message


@dataclass(frozen=True)
class TrustedSet:
    """Validators of a chain that are vouched for: by this host's genesis, for the first block, or by what follows from it."""

    chain: str
    validators: Sequence[Validator]
    first_height: int = 1

    @property
    def power(self) -> int:
        """Return the voting power of all trusted validators together."""
        return sum(validator.power for validator in self.validators)

    def is_quorum(self, power: int) -> bool:
        """Tell whether a voting power is more than 2/3 of the trusted power, in whole numbers."""
        return 3 * power > 2 * self.power

    @property
    def ordered(self) -> list[Validator]:
        """Return them in the chain's order, which is that of the votes in a commit (types/validator_set.go)."""
        return sorted(self.validators, key=lambda validator: (-validator.power, validator.address))

    def hash(self) -> bytes:
        """Return the validators_hash that a header shows while exactly this set validates (types/validator_set.go)."""
        return merkle_root([message(1, blob(1, one.public_key)) + integer(2, one.power) for one in self.ordered])


class _GenesisValidator(Answer):
    pub_key: PublicKey
    power: Annotated[Int64, Field(ge=1, le=MAX_POWER)]


class _Genesis(Answer):
    chain_id: Annotated[str, Field(min_length=1, max_length=50)]
    validators: Annotated[list[_GenesisValidator], Field(min_length=1)]
    # types/genesis.go: what says 0 begins with 1.
    initial_height: Int64 = 1


def trusted_set(genesis: bytes, chain: str, where: str) -> TrustedSet:
    """Return the validators of a genesis file's content.

    Raise HostError when it is not a genesis, belongs to another chain than `chain`, or names a validator twice.
    """
    hint = "run ansible-playbook site.yml: this host's genesis is what proofs are checked against"
    try:
        parsed = _Genesis.model_validate_json(genesis)
    except ValidationError as error:
        item = error.errors()[0]
        text = f"cannot be trusted: {'.'.join(map(str, item['loc']))}: {item['msg']}"
        raise HostError(text, where=where, hint=hint) from error
    validators = tuple(_validator(one) for one in parsed.validators)
    if parsed.chain_id != chain:
        raise HostError("is the genesis of another chain than the node document's", where=where, allowed=chain, hint=hint)
    if len({validator.public_key for validator in validators}) < len(validators):
        raise HostError("names a validator twice", where=where, hint=hint)
    return TrustedSet(chain, validators, parsed.initial_height or 1)


def _validator(one: _GenesisValidator) -> Validator:
    return Validator(validator_address(one.pub_key.value), one.pub_key.value, one.power)


def signers(trusted: TrustedSet, commit: Commit) -> list[Validator]:
    """Return the trusted validators whose signature for exactly this block is valid, each once.

    Votes for nil, absent votes, unknown addresses, second votes of one address and bad signatures do not count. What OpenSSL
    refuses is judged by CometBFT's own rule (zip215.py) when there is no quorum without it: that rule is slow here.
    """
    found, doubtful = [], []
    waiting = {validator.address: validator for validator in trusted.validators}
    for vote in commit.signatures:
        # Each validator has one try: so the work is bounded by the trusted set, however long a commit a node makes up.
        address = hexadecimal(vote.validator_address)
        validator = waiting.pop(address, None) if vote.block_id_flag is Flag.COMMIT else None
        if validator is None:
            continue
        signed = vote_sign_bytes(trusted.chain, commit, vote.timestamp)
        if zip215.openssl_accepts(validator.public_key, signed, vote.signature):
            found.append(validator)
        else:
            doubtful.append((validator, signed, vote.signature))
    if not trusted.is_quorum(sum(validator.power for validator in found)):
        found += [one for one, signed, signature in doubtful if zip215.verify(one.public_key, signed, signature)]
    return found
