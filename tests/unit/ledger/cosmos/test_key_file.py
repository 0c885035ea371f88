"""A signing key is read only when nobody else can, and never shown."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from nodeops.core.errors import InputError
from nodeops.ledger.cosmos.key_file import load_signing_key
from tests.unit.ledger.ledgerd_process import key_file
from tests.unit.ledger.made_keys import seed_of


def test_what_openssl_makes_is_read_and_its_text_form_is_an_address(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    path.touch(mode=0o600)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True, capture_output=True)
    key = load_signing_key(path)
    assert repr(key) == str(key) == f"SigningKey({key.address})"
    assert key.address.startswith("ledger1")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, "alpha")
    path.chmod(mode)
    with pytest.raises(InputError, match=rf"is open to others: mode {mode:04o}"):
        load_signing_key(path)


def other_key(path: Path) -> None:
    path.write_bytes(generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def locked_key(path: Path) -> None:
    key = generate_private_key(SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))


BAD = {
    "nothing": lambda path: path.write_bytes(b""),
    "no key": lambda path: path.write_bytes(b"\0\xff secret"),
    "another kind": other_key,
    "a passphrase": locked_key,
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path, 0o600),
    "not there": lambda path: None,
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_anything_else_is_refused_without_a_word_of_its_content(tmp_path: Path, make) -> None:
    path = tmp_path / "key.pem"
    make(path)
    if path.exists() and stat.S_ISREG(path.stat().st_mode):
        path.chmod(0o600)
    with pytest.raises(InputError) as refused:
        load_signing_key(path)
    assert "secret" not in str(refused.value)
    assert "ed25519 key in PEM" in str(refused.value)


def test_the_secret_is_in_no_error(tmp_path: Path) -> None:
    path = key_file(tmp_path, "alpha")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError) as refused:
        load_signing_key(path)
    assert seed_of("alpha").hex() not in repr(refused.value)
