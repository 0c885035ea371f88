"""Shapes of genesis.json and of a published identity. Unknown keys are refused."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from nodeops.document.fields import MAX_POWER, ChainId, Instant
from nodeops.document.keys import PublicKey
from nodeops.document.models import Model
from nodeops.ledger.identity.identity import Identity, ValidatorAddress, address_of

# CometBFT writes 64-bit integers as JSON strings (libs/json).
Whole = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,18})$")]


class PublishedIdentity(Identity):
    """identities/<node>.yml: an identity, and the revision of consortium.yml at which it was published."""

    revision: Annotated[int, Field(ge=1)]

    @property
    def identity(self) -> Identity:
        """Return the identity alone, as the host shows it."""
        return Identity.model_validate(self.model_dump(exclude={"revision"}))


class GenesisKey(Model):
    """A validator's public key as CometBFT writes it."""

    type: Literal["tendermint/PubKeyEd25519"] = "tendermint/PubKeyEd25519"
    value: PublicKey


class GenesisValidator(Model):
    """One founding validator."""

    address: ValidatorAddress
    name: str
    power: Whole
    pub_key: GenesisKey

    @model_validator(mode="after")
    def _can_vote(self) -> "GenesisValidator":
        if self.address != address_of(self.pub_key.value):
            raise ValueError("address is not that of pub_key")
        # CometBFT starts on no genesis that names one without power (types/genesis.go, ValidateAndComplete).
        if not 1 <= int(self.power) <= MAX_POWER:
            raise ValueError(f"power is {self.power}; a founder has 1 to {MAX_POWER}")
        return self


class Genesis(Model):
    """genesis.json: what every node of a chain must hold, byte for byte alike in meaning."""

    genesis_time: Instant
    chain_id: ChainId
    initial_height: Whole
    consensus_params: dict[str, Any]
    validators: Annotated[list[GenesisValidator], Field(min_length=1)]
    app_hash: str
    app_state: Any = None
