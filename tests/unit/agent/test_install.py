"""Installing with the bare Python: whole or not at all, and nothing done twice."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from nodeops.agent import install
from nodeops.host.lock import held
from tests.unit.agent.small_trees import Host, Packed

Make = Callable[..., Packed]


def test_an_install_unpacks_compiles_links_and_starts(host: Host, make: Make) -> None:
    packed = make("one")
    assert host.install(packed) == {"changed": True, "digest": packed.digest, "unpacked": True, "removed": []}
    assert subprocess.run([host.command], capture_output=True, check=True).stdout == b"one\n"
    assert host.links == (packed.digest, "")
    assert list((host.root / packed.digest / "lib/package/__pycache__").glob("module.*.pyc"))
    assert install.tree_digest(host.root / packed.digest)[:16] == packed.digest


def test_a_second_install_changes_nothing_and_does_not_read_the_archive(host: Host, make: Make) -> None:
    packed = make("one")
    host.install(packed)
    packed.path.unlink()
    assert host.install(packed)["changed"] is False


def test_without_a_digest_the_archive_names_the_tree(host: Host, make: Make) -> None:
    packed = make("one")
    assert host.install(packed, digest="")["digest"] == packed.digest


def test_modes_do_not_depend_on_the_umask_of_the_host(host: Host, make: Make) -> None:
    os.umask(0o077)
    packed = make("one")
    host.install(packed)
    assert all(path.stat().st_mode & 0o055 == 0o055 for path in (host.root / packed.digest).rglob("*") if path.is_dir())
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in (host.root / packed.digest).rglob("*"))


def test_the_one_before_stays_previous_and_the_last_three_are_kept(host: Host, make: Make) -> None:
    packed = [make(text) for text in ("one", "two", "three", "four", "five")]
    for number, each in enumerate(packed):
        host.install(each)
        os.utime(host.root / each.digest, (number, number))
    assert host.links == (packed[4].digest, packed[3].digest)
    assert {path.name for path in install.trees(host.root)} == {each.digest for each in packed[2:]}
    assert host.names == {"current", "previous", *(each.digest for each in packed[2:])}


def test_the_previous_tree_is_kept_however_old(host: Host, make: Make) -> None:
    packed = [make(text) for text in ("one", "two", "three", "four")]
    for each in packed:
        host.install(each)
    host.install(packed[0])
    for number, each in enumerate((packed[3], packed[0])):
        os.utime(host.root / each.digest, (number, number))
    host.install(packed[0])
    assert {packed[0].digest, packed[3].digest} <= {path.name for path in install.trees(host.root)}


def test_a_changed_current_tree_is_unpacked_anew(host: Host, make: Make) -> None:
    packed = make("one")
    host.install(packed)
    module = host.root / packed.digest / "lib/package/module.py"
    module.write_text("import os\n")
    assert host.install(packed)["unpacked"] is True
    assert module.read_text() == "TEXT = 'one'\n"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"python": "3.9"}, "for python 3.9"),
        ({"machine": "vax"}, "for machine vax"),
        ({"launcher": f"#!{sys.executable}\nimport absent_library\n"}, "No module named 'absent_library'"),
        ({"launcher": "#!/bin/sh\nexit 7\n"}, "leaves with 7"),
        ({"launcher": "no program"}, "does not start here"),
    ],
)
def test_a_tree_that_does_not_fit_or_start_is_refused_and_the_old_one_stays(
    wrong: dict[str, str], says: str, host: Host, make: Make
) -> None:
    good = make("good")
    host.install(good)
    with pytest.raises(install.InstallError, match=says):
        host.install(make("bad", **wrong))
    assert host.links == (good.digest, "")
    host.install(good)
    assert host.names == {"current", good.digest}


def test_another_archive_than_the_one_meant_is_refused(host: Host, make: Make) -> None:
    one, two = make("one"), make("two")
    with pytest.raises(install.InstallError, match="has SHA-256"):
        install.install(one.path, two.sha256, host.root, host.command)
    with pytest.raises(install.InstallError, match=f"holds tree {one.digest}"):
        host.install(one, digest=two.digest)
    assert host.links == ("", "")


def test_a_file_where_a_link_belongs_is_left_alone(host: Host, make: Make) -> None:
    host.command.parent.mkdir()
    host.command.write_text("mine")
    with pytest.raises(install.InstallError, match="is not a link"):
        host.install(make("one"))
    assert host.command.read_text() == "mine"
    assert host.links == ("", "")


def test_a_folder_that_cannot_be_made_is_an_install_error(host: Host, make: Make) -> None:
    host.root.parent.write_text("a file")
    with pytest.raises(install.InstallError, match="Not a directory"):
        host.install(make("one"))


def test_two_installs_at_once_are_refused(host: Host, make: Make) -> None:
    packed = make("one")
    host.root.mkdir(parents=True)
    with held(host.root), pytest.raises(install.InstallError, match="at work here"):
        host.install(packed)


def run_alone(packed: Packed, host: Host, *more: str) -> subprocess.CompletedProcess[bytes]:
    """Run the one file as a host without nodeops does: isolated, no site packages."""
    argv = [str(packed.path), "--sha256", packed.sha256, "--root", str(host.root), "--command", str(host.command), *more]
    return subprocess.run([sys.executable, "-IS", install.__file__, *argv], capture_output=True, check=False)


def test_the_file_runs_alone_and_answers_json(host: Host, make: Make) -> None:
    packed = make("one")
    answers = [json.loads(run_alone(packed, host, "--digest", packed.digest).stdout) for _ in range(2)]
    assert [(answer["changed"], answer["digest"]) for answer in answers] == [(True, packed.digest), (False, packed.digest)]


def test_a_failure_is_json_with_a_code_of_its_own(host: Host, make: Make) -> None:
    packed = make("one")
    packed.path.write_bytes(b"other")
    done = run_alone(packed, host)
    assert done.returncode == 3
    assert json.loads(done.stdout)["failed"] is True
    assert "has SHA-256" in json.loads(done.stdout)["msg"]
