"""What opens a repository: made once, for this node's own repository, and never shown."""

import base64
import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from nodeops.backup.credential import ensure_credential, wanted
from nodeops.backup.settings import parse_settings
from nodeops.core.errors import InputError
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from tests.contract.rules.tree import ROOT


@pytest.fixture
def document(tmp_path) -> NodeDocument:
    found = resolve(load_consortium(Path(ROOT) / "molecule/backup"), "alpha-1", {})
    return found.model_copy(update={"paths": {**found.paths, "etc": str(tmp_path)}})


def test_it_is_made_once_and_the_repository_learns_a_digest_only(document, tmp_path):
    made, changes = ensure_credential(document, 0, dry_run=False)
    file = tmp_path / "backup.env"
    assert (file.stat().st_mode & 0o777, len(changes)) == (0o600, 1)
    settings = parse_settings(file.read_text(), "x")
    address = urlsplit(settings["RESTIC_REPOSITORY"].removeprefix("rest:"))
    assert (address.scheme, address.username, address.hostname, address.path) == ("https", "alpha-1", "172.30.45.50", "/alpha-1/")
    assert made.entry == "{SHA}" + base64.b64encode(hashlib.sha1(address.password.encode()).digest()).decode()
    assert address.password not in str(changes) + made.entry
    assert ensure_credential(document, 0, dry_run=False) == (made, [])


def test_a_dry_run_writes_nothing(document, tmp_path):
    made, changes = ensure_credential(document, 0, dry_run=True)
    assert (made, len(changes), list(tmp_path.iterdir())) == (None, 1, [])


def test_a_repository_that_moved_is_opened_by_what_opened_it(document):
    before = ensure_credential(document, 0, dry_run=False)[0].settings
    elsewhere = {"alpha-repo": document.repositories["alpha-repo"].model_copy(update={"address": "fd00::1"})}
    after, changes = ensure_credential(document.model_copy(update={"repositories": elsewhere}), 512, dry_run=False)
    assert (after.settings["RESTIC_PASSWORD"], len(changes)) == (before["RESTIC_PASSWORD"], 1)
    assert "@[fd00::1]:" in after.settings["RESTIC_REPOSITORY"]
    assert after.settings["BACKUP_LIMIT_UPLOAD"] == "512"
    assert after.entry == ensure_credential(document, 0, dry_run=True)[0].entry


def test_settings_of_another_repository_are_left_alone(document, tmp_path):
    file = tmp_path / "backup.env"
    file.write_text("RESTIC_REPOSITORY=s3:https://other/x\nRESTIC_PASSWORD=p\n")
    file.chmod(0o600)
    with pytest.raises(InputError, match="another repository"):
        ensure_credential(document, 0, dry_run=False)
    assert "s3:https://other/x" in file.read_text()


def test_a_node_whose_organisation_has_no_repository_is_told_so():
    with pytest.raises(InputError, match="beta has no repository"):
        wanted(resolve(load_consortium(Path(ROOT) / "molecule/backup"), "beta-1", {}), {}, 0)
