"""An operator's key comes from the organisation's key and nowhere else."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodeops.consortium.enlist import COINS, creation, fund, operator_address, operator_key
from nodeops.ledger.cosmos.app_state import DUST
from nodeops.ledger.cosmos.messages import CreateValidator, PublicKey, Send, unpack
from nodeops.ledger.cosmos.signing_key import SigningKey
from tests.unit.ledger.made_keys import pair

VALIDATOR = pair("beta-2")[1]


def key(name: str) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def test_the_same_organisation_makes_the_same_operator_again():
    assert operator_key(key("beta"), "c-1", VALIDATOR).public == operator_key(key("beta"), "c-1", VALIDATOR).public


def test_no_other_organisation_chain_or_node_has_it():
    every = [
        operator_key(key("beta"), "c-1", VALIDATOR),
        operator_key(key("alpha"), "c-1", VALIDATOR),
        operator_key(key("beta"), "c-2", VALIDATOR),
        operator_key(key("beta"), "c-1", pair("beta-3")[1]),
    ]
    assert len({one.public for one in every}) == len(every)


def test_a_validator_begins_without_power():
    account, operator = key("beta"), operator_key(key("beta"), "c-1", VALIDATOR)
    made = unpack(creation(operator, "beta-2", VALIDATOR))
    assert isinstance(made, CreateValidator)
    assert (made.operator, made.value.amount, made.description.moniker) == (operator_address(operator), "1", "beta-2")
    assert made.key is not None
    assert unpack(made.key) == PublicKey(base64.b64decode(VALIDATOR))
    given = unpack(fund(account, operator))
    assert isinstance(given, Send)
    assert (given.sender, given.receiver) == (account.address, operator.address)
    assert COINS < DUST
