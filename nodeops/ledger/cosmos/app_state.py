"""The state that a consortium's chain of Cosmos SDK modules starts from: one group of all organisations, whose policy owns
all voting power and is asked for everything. Public keys only; the same input gives the same state everywhere. Pure.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodeops.core.errors import InputError
from nodeops.ledger.cosmos.address import account_address, founder_operator, module_address, policy_address

DENOMINATION = "upower"
# x/staking, DefaultPowerReduction: so many coins are one unit of voting power.
COINS_PER_POWER = 1_000_000
# What an organisation needs for a transaction that sends one coin to itself. All of them together are far below one unit
# of power, so that no coins but the policy's can ever become a vote.
DUST = 1000
RESERVE = 10**15
# What a key for records needs for the same.
RECORD_DUST = 100
# Keys cost disk on every node for ever; a hundred organisations of one consortium are beyond anything heard of.
MOST_ORGANISATIONS = 100
MOST_RECORD_KEYS = 2000
_NONE = "0.000000000000000000"
GROUP_ID = "1"
_ED25519 = "/cosmos.crypto.ed25519.PubKey"
# Three days for evidence of a double vote to arrive; the consensus parameters take none that is older than two.
_UNBONDING = "259200s"
# A proposal that waits longer is dropped.
VOTING_SECONDS = 1_209_600


@dataclass(frozen=True)
class Founders:
    """Who founds a chain. `validators`: key (base64) and power by node; `accounts`: key (base64) by organisation.

    `record_keys` (base64) are those of nodes and applications, in the order of their accounts' numbers.
    `threshold` organisations must agree. `when` is the genesis time, RFC 3339 in UTC. `mark` names the consortium file that
    they founded it by: the policy's text, which every revision in force replaces.
    """

    validators: Mapping[str, tuple[str, int]]
    accounts: Mapping[str, str]
    threshold: int
    when: str
    mark: str
    record_keys: Sequence[str] = ()


def app_state(founders: Founders) -> dict[str, Any]:
    """Return the genesis state of all modules. Raise InputError for founders that could never decide anything."""
    _refuse_nonsense(founders)
    return {
        "auth": {"params": _AUTH, "accounts": _accounts(founders)},
        "bank": _bank(founders),
        "consensus": None,
        "evidence": {"evidence": []},
        "genutil": {"gen_txs": []},
        "group": _group(founders),
        "slashing": {"params": _SLASHING, "signing_infos": [], "missed_blocks": []},
        "staking": _staking(founders),
        "upgrade": {},
    }


def _refuse_nonsense(founders: Founders) -> None:
    count = len(founders.accounts)
    if len(set(founders.accounts.values())) < count:
        raise InputError("two organisations have the same account key", where="consortium.yml: organisations")
    if not 1 <= count <= MOST_ORGANISATIONS:
        raise InputError(f"{count} organisations", where="consortium.yml", allowed=f"1 to {MOST_ORGANISATIONS}")
    if len({*founders.accounts.values(), *founders.record_keys}) < count + len(founders.record_keys):
        raise InputError("a key for records is also that of another", where="consortium.yml, identities/")
    if len(founders.record_keys) > MOST_RECORD_KEYS:
        text = f"{len(founders.record_keys)} keys for records"
        raise InputError(text, where="consortium.yml, identities/", allowed=f"at most {MOST_RECORD_KEYS}")
    if not 1 <= founders.threshold <= count:
        raise InputError(f"threshold {founders.threshold}", where="consortium.yml: threshold", allowed=f"1 to {count}")


_AUTH = {
    # Room for a record's canonical text.
    "max_memo_characters": "1024",
    "tx_sig_limit": "7",
    "tx_size_cost_per_byte": "10",
    "sig_verify_cost_ed25519": "590",
    "sig_verify_cost_secp256k1": "1000",
}
# Nobody is punished for being down: that is for people to judge. Who signs twice is jailed and loses its vote for good.
_SLASHING = {
    "signed_blocks_window": "10000",
    "min_signed_per_window": _NONE,
    "downtime_jail_duration": "600s",
    "slash_fraction_double_sign": _NONE,
    "slash_fraction_downtime": _NONE,
}


def _accounts(founders: Founders) -> list[dict[str, Any]]:
    """The policy has number 0, organisations follow by name, then keys for records: a signature covers the number."""
    parts = [base64.b64encode(part).decode() for part in (b"\x20", (1).to_bytes(8, "big"))]
    policy = {"@type": "/cosmos.auth.v1beta1.ModuleCredential", "module_name": "group", "derivation_keys": parts}
    found: list[tuple[str, dict[str, Any]]] = [(policy_address(), policy)]
    keys = [*(key for _, key in sorted(founders.accounts.items())), *founders.record_keys]
    found += [(account_address(key), {"@type": _ED25519, "key": key}) for key in keys]
    return [_account(address, number, key) for number, (address, key) in enumerate(found)]


def _account(address: str, number: int, key: dict[str, Any]) -> dict[str, Any]:
    kind = "/cosmos.auth.v1beta1.BaseAccount"
    return {"@type": kind, "address": address, "pub_key": key, "account_number": str(number), "sequence": "0"}


def _bank(founders: Founders) -> dict[str, Any]:
    voting = sum(power for _, power in founders.validators.values()) * COINS_PER_POWER
    held = {policy_address(): RESERVE, module_address("not_bonded_tokens_pool"): voting}
    held |= {account_address(key): DUST for key in founders.accounts.values()}
    held |= {account_address(key): RECORD_DUST for key in founders.record_keys}
    return {
        "params": {"send_enabled": [], "default_send_enabled": True},
        "balances": [{"address": address, "coins": _coins(amount)} for address, amount in sorted(held.items())],
        "supply": _coins(sum(held.values())),
        "denom_metadata": [],
        "send_enabled": [],
    }


def _coins(amount: int) -> list[dict[str, str]]:
    return [{"denom": DENOMINATION, "amount": str(amount)}]


def _staking(founders: Founders) -> dict[str, Any]:
    named = sorted(founders.validators.items())
    owned = [(founder_operator(key), f"{power * COINS_PER_POWER}{_NONE[1:]}") for _, (key, power) in named]
    return {
        "params": {
            "unbonding_time": _UNBONDING,
            "max_validators": 100,
            "max_entries": 7,
            # Old validator sets are for light clients of other chains.
            "historical_entries": 0,
            "bond_denom": DENOMINATION,
            "min_commission_rate": _NONE,
        },
        "last_total_power": "0",
        "last_validator_powers": [],
        "validators": [_validator(name, key, power, founders.when) for name, (key, power) in named],
        "delegations": [
            {"delegator_address": policy_address(), "validator_address": operator, "shares": shares} for operator, shares in owned
        ],
        "unbonding_delegations": [],
        "redelegations": [],
        "exported": False,
    }


def _validator(name: str, key: str, power: int, when: str) -> dict[str, Any]:
    """Return a founding validator. It starts without a bond; the module bonds it while the chain is initialised."""
    coins = power * COINS_PER_POWER
    return {
        "operator_address": founder_operator(key),
        "consensus_pubkey": {"@type": _ED25519, "key": key},
        "jailed": False,
        "status": "BOND_STATUS_UNBONDED",
        "tokens": str(coins),
        "delegator_shares": f"{coins}{_NONE[1:]}",
        "description": {"moniker": name, "identity": "", "website": "", "security_contact": "", "details": ""},
        "unbonding_height": "0",
        "unbonding_time": "1970-01-01T00:00:00Z",
        "commission": {
            "commission_rates": {"rate": _NONE, "max_rate": _NONE, "max_change_rate": _NONE},
            "update_time": when,
        },
        "min_self_delegation": "1",
        "unbonding_on_hold_ref_count": "0",
        "unbonding_ids": [],
    }


def _group(founders: Founders) -> dict[str, Any]:
    policy, when = policy_address(), founders.when
    members = [
        {"address": account_address(key), "weight": "1", "metadata": name, "added_at": when}
        for name, key in sorted(founders.accounts.items())
    ]
    decision = {
        "@type": "/cosmos.group.v1.ThresholdDecisionPolicy",
        "threshold": str(founders.threshold),
        "windows": {"voting_period": f"{VOTING_SECONDS}s", "min_execution_period": "0s"},
    }
    own = {"admin": policy, "version": "1", "created_at": when}
    weight = str(len(members))
    return {
        "group_seq": GROUP_ID,
        "groups": [{**own, "id": GROUP_ID, "metadata": "consortium", "total_weight": weight}],
        "group_members": [{"group_id": GROUP_ID, "member": member} for member in members],
        "group_policy_seq": GROUP_ID,
        "group_policies": [
            {**own, "address": policy, "group_id": GROUP_ID, "metadata": founders.mark, "decision_policy": decision}
        ],
        "proposal_seq": "0",
        "proposals": [],
        "votes": [],
    }
