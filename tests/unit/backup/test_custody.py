"""The archive of the keys with the real age and ssh-keygen: each admin opens it, nobody else does, and it is written once."""

import base64
import json
import os
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nodeops.backup.custody import archive_file, ensure_archive, intact, own_identity, read_note
from nodeops.backup.custody_rules import judge_archive, judge_ledger, judge_people, recipients
from nodeops.core.errors import InputError
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument, Organisation
from nodeops.document.resolve import resolve
from nodeops.ledger.identity.identity import address_of
from nodeops.ledger.identity.record_key import made_record_key
from tests.contract.rules.tree import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="age is not installed: make test-tools")

ECDSA = "ecdsa-sha2-nistp256 " + "A" * 44 + " someone"


def made_key() -> tuple[str, str]:
    """Return a private key as CometBFT writes it, and its public half."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(key.private_bytes_raw() + public).decode(), base64.b64encode(public).decode()


@pytest.fixture
def admins(tmp_path) -> list[str]:
    for name in ("one", "two", "stranger"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(tmp_path / name)]
        subprocess.run(words, check=True, timeout=30)
    return [(tmp_path / f"{name}.pub").read_text().strip() for name in ("one", "two")]


@pytest.fixture
def document(tmp_path, admins) -> NodeDocument:
    found = resolve(load_consortium(ROOT / "molecule/backup"), "alpha-1", {})
    names = ("keys", "node_key", "validator_key", "data", "validator_state", "record_key")
    ledger = {**found.ledger.paths, **{name: str(tmp_path / name) for name in names}}
    secret, public = made_key()
    private = {"type": "tendermint/PrivKeyEd25519", "value": secret}
    (tmp_path / "node_key").write_text(json.dumps({"priv_key": private}))
    whole = {
        "address": address_of(public),
        "pub_key": {"type": "tendermint/PubKeyEd25519", "value": public},
        "priv_key": private,
    }
    (tmp_path / "validator_key").write_text(json.dumps(whole))
    (tmp_path / "record_key").write_bytes(made_record_key())
    (tmp_path / "backup.env").write_text("RESTIC_REPOSITORY=/x\nRESTIC_PASSWORD=p\n")
    (tmp_path / "backup.env").chmod(0o600)
    paths = {**found.paths, "etc": str(tmp_path), "backup_state": str(tmp_path / "state")}
    alpha = {"alpha": Organisation(admins=[*admins, ECDSA, admins[0] + " again"])}
    plan = found.ledger.model_copy(update={"paths": ledger})
    return found.model_copy(update={"paths": paths, "ledger": plan, "organisations": alpha})


def opened(document: NodeDocument, identity: os.PathLike[str]) -> dict[str, bytes] | None:
    words = ["age", "--decrypt", "--identity", str(identity), str(archive_file(document))]
    done = subprocess.run(words, capture_output=True, timeout=30, check=False)
    if done.returncode:
        return None
    with tarfile.open(fileobj=BytesIO(done.stdout)) as tar:
        return {f"/{member.name}": tar.extractfile(member).read() for member in tar}


def test_each_admin_opens_it_and_nobody_else(document, tmp_path):
    assert len(ensure_archive(document, dry_run=False)) == 1
    paths = document.ledger.paths
    files = [paths["node_key"], paths["validator_key"], paths["record_key"], str(tmp_path / "backup.env")]
    for name in ("one", "two"):
        assert opened(document, tmp_path / name) == {file: Path(file).read_bytes() for file in files}
    assert opened(document, tmp_path / "stranger") is None
    assert archive_file(document).stat().st_mode & 0o777 == 0o600


def test_it_is_written_once_and_anew_when_what_it_is_of_or_for_changes(document, tmp_path, admins):
    assert len(ensure_archive(document, dry_run=True)) == 1
    assert read_note(document) is None
    ensure_archive(document, dry_run=False)
    first = archive_file(document).read_bytes()
    assert ensure_archive(document, dry_run=False) == []
    assert archive_file(document).read_bytes() == first
    (tmp_path / "backup.env").write_text("RESTIC_REPOSITORY=/x\nRESTIC_PASSWORD=q\n")
    assert len(ensure_archive(document, dry_run=False)) == 1
    archive_file(document).write_bytes(b"damaged")
    assert not intact(document, read_note(document))
    assert len(ensure_archive(document, dry_run=False)) == 1
    assert judge_archive(read_note(document).identity, own_identity(document).model_dump(mode="json"), True).verdict == "pass"


@pytest.mark.parametrize("keys", [[], ["one"], ["one", "one"], ["one", ECDSA]])
def test_fewer_than_two_who_can_open_it_are_refused(document, admins, keys):
    chosen = [admins[0] if key == "one" else key for key in keys]
    with pytest.raises(InputError, match="keys that age can use"):
        recipients(document.model_copy(update={"organisations": {"alpha": Organisation(admins=chosen)}}))


@pytest.mark.parametrize(
    ("note", "whole", "verdict"),
    [(None, False, "warn"), ({"a": 1}, False, "fail"), ({"a": 2}, True, "fail"), ({"a": 1}, True, "pass")],
)
def test_the_archive_is_judged(note, whole, verdict):
    assert judge_archive(note, {"a": 1}, whole).verdict == verdict


@pytest.mark.parametrize(
    ("voting", "power", "verdict"),
    [(None, 1, "unknown"), ({"AA": "key"}, 1, "pass"), ({"AA": "other"}, 1, "fail"), ({}, 1, "fail"), ({}, 0, "not_applicable")],
)
def test_the_key_is_compared_with_the_ledgers(voting, power, verdict):
    assert judge_ledger("key", voting, "AA", power).verdict == verdict


@pytest.mark.parametrize(("sealed", "verdicts"), [([], []), (["a", "b"], ["pass"]), (["a", "c"], ["fail"]), (["a"], ["fail"])])
def test_who_can_open_it_is_compared_with_the_file(sealed, verdicts):
    assert [one.verdict for one in judge_people(sealed, ["a", "b"])] == verdicts
