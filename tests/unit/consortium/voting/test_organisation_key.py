"""The key that an organisation votes with, held by a real ssh-agent or a file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_ssh_private_key

from nodeops.consortium.voting.organisation_key import load_organisation_key
from nodeops.core.errors import HostError, InputError
from nodeops.ledger.cosmos.signing_key import SigningKey


def made(folder: Path, name: str, kind: str = "ed25519") -> Path:
    file = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file], check=True)
    return file


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a secret key that a real agent of this test holds."""
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    file = made(tmp_path, "alpha")
    subprocess.run(["ssh-add", "-q", file], check=True)
    yield file
    process.terminate()
    process.wait(10)


def test_the_agent_signs_what_the_file_would(agent: Path) -> None:
    secret = load_ssh_private_key(agent.read_bytes(), None)
    assert isinstance(secret, Ed25519PrivateKey)
    own, held = SigningKey(secret), load_organisation_key(agent.with_suffix(".pub"))
    assert (held.public, held.address, str(held)) == (own.public, own.address, str(own))
    assert held.sign(b"a transaction") == own.sign(b"a transaction")


def test_a_pem_file_is_a_key_as_before(tmp_path: Path) -> None:
    secret = Ed25519PrivateKey.generate()
    file = tmp_path / "alpha.pem"
    file.touch(mode=0o600)
    file.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert load_organisation_key(file).public == SigningKey(secret).public


def test_what_the_agent_no_longer_holds_signs_nothing(agent: Path) -> None:
    held = load_organisation_key(agent.with_suffix(".pub"))
    subprocess.run(["ssh-add", "-q", "-D"], check=True)
    with pytest.raises(HostError, match="did not sign"):
        held.sign(b"a transaction")
    with pytest.raises(InputError, match="is not held by your SSH agent"):
        load_organisation_key(agent.with_suffix(".pub"))


def test_without_an_agent_it_says_so(agent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere")
    with pytest.raises((HostError, InputError), match=r"agent|held"):
        load_organisation_key(agent.with_suffix(".pub"))
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(HostError, match="SSH_AUTH_SOCK is not set"):
        load_organisation_key(agent.with_suffix(".pub"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sk-ssh-ed25519@openssh.com AAAA token", "kind sk-ssh-ed25519@openssh.com: the chain cannot check"),
        ("ecdsa-sha2-nistp256 AAAA x", "kind ecdsa-sha2-nistp256"),
        ("ssh-ed25519 AAAA x", "not a public key of OpenSSH"),
        ("", "not a key that can be used here"),
    ],
)
def test_other_keys_are_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(text)
    with pytest.raises(InputError, match=why):
        load_organisation_key(file)


def test_where_the_library_is_not_it_is_told(agent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(HostError, match="cannot be asked here"):
        load_organisation_key(agent.with_suffix(".pub"))
