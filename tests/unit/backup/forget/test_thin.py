"""Old backups of a real repository: what is removed, what comes back afterwards, and what is refused."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nodeops.backup.forget.plan import Kept
from nodeops.backup.forget.thin import engine_of, look, remove
from nodeops.backup.restic import Restic
from nodeops.core.errors import HostError
from nodeops.core.finding import failed
from tests.tiers import slow
from tests.unit.backup.samples import SECRET as PASSWORD

pytestmark = [slow, pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed: make test-tools")]

NOW = datetime.now(UTC)


@pytest.fixture
def folder(tmp_path: Path, first: Path) -> Path:
    """Return a repository of its own, with all times of arrival."""
    return Path(shutil.copytree(first, tmp_path / "repository"))


@pytest.fixture(scope="module")
def first(empty_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with two backups of one day fifty days ago, and one of now."""
    at = tmp_path_factory.mktemp("first") / "repository"
    shutil.copytree(empty_repository, at)
    day = NOW.replace(hour=12) - timedelta(days=50)
    for number, moment in enumerate((day, day + timedelta(hours=1), NOW)):
        made(at, f"state {number} " * 500, moment, moment)
    return at


def engine_of_new(at: Path) -> Restic:
    return Restic({"RESTIC_REPOSITORY": str(at), "RESTIC_PASSWORD": PASSWORD})


def asked(at: Path, *words: str, given: str = "") -> str:
    environment = {**os.environ, "RESTIC_REPOSITORY": str(at), "RESTIC_PASSWORD": PASSWORD, "TZ": "UTC"}
    done = subprocess.run(
        ["restic", "--no-cache", *words], input=given, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def made(at: Path, text: str, claimed: datetime, arrived: datetime) -> str:
    """Make a whole backup that says one time and arrived at another; return its id."""
    before = set((at / "snapshots").iterdir())
    words = ("backup", "--host=cu-1", "--stdin", f"--time={claimed:%Y-%m-%d %H:%M:%S}", "--json")
    said = asked(at, *words, "--tag=class=b", "--stdin-filename=state", given=text)
    name = str(json.loads(said.splitlines()[-1])["snapshot_id"])[:8]
    asked(at, *words, "--tag=class=mark", f"--tag=of={name}", "--stdin-filename=whole", given=name)
    for new in set((at / "snapshots").iterdir()) - before:
        os.utime(new, (arrived.timestamp(),) * 2)
    return name


def wrong(at: Path) -> set[str]:
    return {one.id for one in look(at, engine_of(at, PASSWORD), NOW, Kept()).findings if failed([one])}


def test_what_is_old_goes_and_all_else_comes_back_as_it_was(folder):
    engine = engine_of(folder, PASSWORD)
    found = look(folder, engine, NOW, Kept())
    assert (found.backups, len(found.going), wrong(folder)) == (3, 2, set())
    before = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    remove(folder, engine, found.going)
    texts = [engine.dump(one.id, "/state").decode()[:7] for one in engine.snapshots("cu-1")]
    assert texts == ["state 0", "state 2"]
    assert look(folder, engine, NOW, Kept()).going == []
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < before


def test_a_flood_with_false_times_is_seen_and_pushes_nothing_out(folder):
    good = {one.id for one in engine_of_new(folder).snapshots("cu-1")}
    for number in range(2):
        made(folder, "nothing", NOW - timedelta(days=50, hours=number), NOW + timedelta(seconds=number + 1))
    found = look(folder, engine_of(folder, PASSWORD), NOW, Kept())
    assert wrong(folder) >= {"forget.times", "forget.sizes"}
    assert len(good & {one[:8] for one in found.going}) == 1


def test_a_pack_that_is_not_what_an_index_says_is_found_before_anything_goes(folder):
    """A pack of nonsense that claims to hold what good backups hold would let a prune drop the good pack."""
    packs = [one for one in (folder / "data").rglob("*") if one.is_file()]
    assert len(packs) > 5
    for pack in sorted(packs, key=lambda one: one.stat().st_size)[::4]:
        data = pack.read_bytes()
        pack.chmod(0o600)
        pack.write_bytes(data[:9] + bytes([data[9] ^ 1]) + data[10:])
        if wrong(folder) != {"forget.integrity"}:
            raise AssertionError(pack)
        pack.write_bytes(data)


def test_another_password_is_refused(folder):
    with pytest.raises(HostError, match="the password does not open it"):
        look(folder, engine_of(folder, "another"), NOW, Kept())
