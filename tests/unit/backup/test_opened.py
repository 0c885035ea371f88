"""An archive as its custodian opens it, with the real age: whose keys are in it, and who cannot open it."""

import base64
import io
import json
import shutil
import subprocess
import tarfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from nodeops.backup.opened import judged, opened, published
from nodeops.core.errors import HostError, InputError
from nodeops.ledger.identity.identity import address_of, parse_node_key

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="age is not installed: make test-tools")


def key_file(kind: str) -> tuple[bytes, str]:
    """Return a key file of CometBFT with a new key, and its public key in base64."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    whole = base64.b64encode(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()) + public).decode()
    text = base64.b64encode(public).decode()
    body = {"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": whole}}
    if kind == "validator":
        body |= {"address": address_of(text), "pub_key": {"type": "tendermint/PubKeyEd25519", "value": text}}
    return json.dumps(body).encode(), text


@pytest.fixture(scope="module")
def custody(tmp_path_factory):
    """Return a folder with an archive of cu-1, the key that opens it, another, and what members know of cu-1."""
    folder = tmp_path_factory.mktemp("custody")
    for name in ("admin", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    node, (validator, public) = key_file("node")[0], key_file("validator")
    seal(folder, "cu-1", {"node_key.json": node, "priv_validator_key.json": validator, "backup.env": b"X=1\n"})
    seal(folder, "bare", {"node_key.json": node, "priv_validator_key.json": validator})
    seal(folder, "foreign", {"node_key.json": node, "priv_validator_key.json": key_file("validator")[0]})
    body = {"node": "cu-1", "organisation": "china-unicom", "revision": 1, "node_id": parse_node_key(node, "x")}
    body |= {"validator_key": {"type": "ed25519", "value": public}, "validator_address": address_of(public)}
    (folder / "cu-1.yml").write_text(json.dumps(body))
    return folder


def seal(folder, name, files):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for path, data in files.items():
            entry = tarfile.TarInfo(f"var/lib/{path}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    argv = ["age", "--encrypt", "--recipients-file", folder / "admin.pub", "--output", folder / f"{name}.age"]
    subprocess.run(argv, input=plain.getvalue(), check=True)


@pytest.mark.parametrize(("archive", "verdict"), [("cu-1", "pass"), ("bare", "warn"), ("foreign", "fail")])
def test_whose_keys_an_archive_holds(custody, archive, verdict):
    files = opened(custody / f"{archive}.age", custody / "admin")
    found = judged("cu-1", files, published(custody / "cu-1.yml"))
    assert (found.id, found.verdict) == ("cu-1.custody", verdict)
    assert json.loads(files["node_key.json"])["priv_key"]["value"] not in str(found)


def test_another_key_does_not_open_it(custody):
    with pytest.raises(HostError, match="is not opened by this key"):
        opened(custody / "cu-1.age", custody / "other")


def test_what_is_no_identity_is_refused(tmp_path):
    (tmp_path / "cu-1.yml").write_text("node: cu-1")
    with pytest.raises(InputError, match="is not an identity"):
        published(tmp_path / "cu-1.yml")
