"""Make the genesis of a chain from the founding validators' identities, and compare an existing one with the members. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nodeops.core.digest import digest, sha256
from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.printable import printable
from nodeops.document.fields import Instant
from nodeops.document.models import Consortium
from nodeops.document.profile import load_profile
from nodeops.ledger.authors import authors_of
from nodeops.ledger.cosmos.app_state import Founders, app_state
from nodeops.ledger.cosmos.revision import Mark, mark_of, read_mark
from nodeops.ledger.founding.genesis_models import Genesis, GenesisKey, GenesisValidator
from nodeops.ledger.identity.identity import Identity

# A genesis of a thousand validators is below 1 MB; CometBFT itself stores nothing above 100 MB.
MAX_GENESIS_BYTES = 16 << 20
# CometBFT v0.38, types/params.go, DefaultConsensusParams: blocks up to 21 MiB, no gas limit, evidence for 100 000 blocks
# and 48 hours.
CONSENSUS_PARAMS: dict[str, Any] = {
    "block": {"max_bytes": "22020096", "max_gas": "-1"},
    "evidence": {"max_age_num_blocks": "100000", "max_age_duration": "172800000000000", "max_bytes": "1048576"},
    "validator": {"pub_key_types": ["ed25519"]},
    "version": {"app": "0"},
    "abci": {"vote_extensions_enable_height": "0"},
}
# Most work that one block may ask of an application that counts it: some hundreds of records, about a second of a core.
MOST_GAS = 50_000_000
# Who checks records reads whole blocks; more than this, as an RPC writes it, is not read of one answer.
_MOST_BYTES = str(4 << 20)
_OLD_GENESIS = "a genesis is never changed: put back the consortium.yml it was made from, or the genesis.json of this chain"


def make_genesis(consortium: Consortium, identities: Mapping[str, Identity], genesis_time: str) -> Genesis:
    """Return the genesis of a new chain. `genesis_time` is RFC 3339 in UTC, such as 2026-01-31T08:00:00Z.

    Raise InputError when it is not, or when there is no validator. Every validator must be among the identities.
    """
    powers = founding_powers(consortium)
    if not powers:
        raise InputError("a chain needs a validator", where="consortium.yml", hint="give a node the duty validator")
    try:
        TypeAdapter(Instant).validate_python(genesis_time)
    except ValidationError as error:
        raise InputError(f"'{genesis_time}' is no genesis time", allowed="UTC, such as 2026-01-31T08:00:00Z") from error
    validators = [_validator(name, power, identities[name]) for name, power in powers.items()]
    record_keys = [one.key for one in authors_of(consortium, identities).authors if one.until is None]
    return Genesis(
        genesis_time=genesis_time,
        chain_id=consortium.ledger.chain,
        initial_height="1",
        consensus_params=consensus_params(consortium),
        validators=validators,
        app_hash="",
        app_state=founding_state(consortium, validators, genesis_time, mark_of(consortium), record_keys),
    )


def has_group(consortium: Consortium) -> bool:
    """Tell whether the chain knows its organisations, and the authors of its records."""
    return load_profile(consortium.ledger.platform).founding == "group"


def consensus_params(consortium: Consortium) -> dict[str, Any]:
    """Return the consensus parameters of a new chain. Where the application counts gas, a block has a limit."""
    if not has_group(consortium):
        return CONSENSUS_PARAMS
    return {**CONSENSUS_PARAMS, "block": {"max_bytes": _MOST_BYTES, "max_gas": str(MOST_GAS)}}


def founding_state(
    consortium: Consortium, founders: Sequence[GenesisValidator], when: str, mark: Mark, record_keys: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Return the state that the application starts from, None where it starts from nothing.

    `when` is the genesis time, `mark` names the revision that the chain is founded by, `record_keys` have accounts.
    """
    if not has_group(consortium):
        return None
    validators = {founder.name: (founder.pub_key.value, int(founder.power)) for founder in founders}
    accounts = {name: found.account for name, found in consortium.organisations.items() if found.account}
    return app_state(Founders(validators, accounts, threshold(consortium), when, mark.text(), record_keys))


def founding_mark(genesis: Genesis) -> Mark | None:
    """Return the revision of the consortium file that a chain was founded by, None where its genesis does not say."""
    try:
        (policy,) = (genesis.app_state or {})["group"]["group_policies"]
        return read_mark(str(policy["metadata"]))
    except (KeyError, TypeError, ValueError):
        return None


def threshold(consortium: Consortium) -> int:
    """Return how many organisations must agree: as the consortium file says, else more than half of them."""
    return consortium.threshold or len(consortium.organisations) // 2 + 1


def founding_powers(consortium: Consortium) -> dict[str, int]:
    """Return the voting power of each validator, sorted by name so that everyone makes the same bytes."""
    return {name: node.voting_power for name, node in sorted(consortium.nodes.items()) if node.voting_power}


def _validator(name: str, power: int, identity: Identity) -> GenesisValidator:
    key = GenesisKey(value=identity.validator_key.value)
    return GenesisValidator(address=identity.validator_address, name=name, power=str(power), pub_key=key)


def genesis_text(genesis: Genesis) -> str:
    """Return a genesis as JSON whose bytes depend on its content only: sorted keys, ASCII, a line for each value."""
    tree = genesis.model_dump(mode="json", exclude_none=True)
    return json.dumps(tree, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def content_digest(data: bytes) -> str:
    """Return the SHA-256 that names what a genesis file says, however it is laid out; of its bytes when it is not JSON."""
    try:
        return digest(json.loads(data))
    except (ValueError, RecursionError):
        return sha256(data)


def compare(genesis: Genesis, consortium: Consortium, identities: Mapping[str, Identity], where: str) -> list[Finding]:
    """Return findings on a genesis beside a consortium file.

    A chain that is not ours, and a founding validator whose key or power is another, are InputErrors that name each
    difference. Who joined or left is one too at revision 1; later it is a warning, because a genesis keeps its founders.
    """
    wrong = list(_contradictions(genesis, consortium, identities))
    changed, voted = list(_membership(genesis, consortium)), list(_powers(genesis, consortium))
    # Where organisations vote, power changes while the chain runs; elsewhere nothing of ours could have changed it.
    if has_group(consortium) and consortium.revision > 1:
        changed += voted
    else:
        wrong += voted
    if consortium.revision == 1:
        wrong += changed
    if wrong:
        raise InputError("the genesis disagrees with consortium.yml:\n  " + "\n  ".join(wrong), where=where, hint=_OLD_GENESIS)
    expected = f"the validators of revision {consortium.revision}"
    if not changed:
        return [
            Finding("genesis", Verdict.PASS, expected, f"chain {genesis.chain_id}, {len(genesis.validators)} founding validators")
        ]
    text = f"membership changed since genesis: {'; '.join(changed)}"
    hint = "the ledger's own validator set counts now: nodeops ledger validators"
    return [Finding("genesis-membership", Verdict.WARN, expected, text, hint)]


def _contradictions(genesis: Genesis, consortium: Consortium, identities: Mapping[str, Identity]) -> Iterator[str]:
    if genesis.chain_id != consortium.ledger.chain:
        yield f"chain: genesis has {genesis.chain_id!r}, consortium.yml has {consortium.ledger.chain!r}"
    names: set[str] = set()
    keys: set[str] = set()
    for validator in genesis.validators:
        shown = printable(validator.name, 60)
        if validator.name in names:
            yield f"{shown}: twice in the genesis"
        if validator.pub_key.value in keys:
            yield f"{shown}: has the validator key of another founder"
        names.add(validator.name)
        keys.add(validator.pub_key.value)
        yield from _other_key(validator, identities.get(validator.name))


def _powers(genesis: Genesis, consortium: Consortium) -> Iterator[str]:
    powers = founding_powers(consortium)
    for founder in genesis.validators:
        power = powers.get(founder.name)
        if power is not None and founder.power != str(power):
            yield f"{founder.name}: power {founder.power} in the genesis, {power} in consortium.yml"


def _other_key(founder: GenesisValidator, identity: Identity | None) -> Iterator[str]:
    published = identity.validator_key.value if identity else founder.pub_key.value
    if founder.pub_key.value != published:
        yield f"{founder.name}: validator key {founder.pub_key.value} in the genesis, {published} in its identity"


def _membership(genesis: Genesis, consortium: Consortium) -> Iterator[str]:
    founders, validators = {validator.name for validator in genesis.validators}, set(founding_powers(consortium))
    for name in sorted(validators - founders):
        yield f"{name}: a validator in consortium.yml, not in the genesis"
    for name in sorted(founders - validators):
        yield f"{printable(name, 60)!r}: a validator in the genesis, not in consortium.yml"
