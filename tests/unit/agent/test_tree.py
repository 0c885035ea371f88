"""The trees of a host: shown, verified, rolled back."""

import json
import os
import py_compile
from collections.abc import Callable
from pathlib import Path

import pytest

from nodeops import cli
from nodeops.agent import tree
from nodeops.core.errors import HostError, Refused
from nodeops.core.finding import Verdict, failed
from tests.unit.agent.small_trees import Host, Packed

Make = Callable[..., Packed]


@pytest.fixture
def two(host: Host, make: Make) -> tuple[Packed, Packed]:
    packed = make("one"), make("two")
    for each in packed:
        host.install(each)
    return packed


def test_a_rollback_swaps_the_trees_and_a_second_one_comes_back(host: Host, two: tuple[Packed, Packed]) -> None:
    one, other = two
    assert tree.rollback(host.root) == (other.digest, one.digest)
    assert host.links == (one.digest, other.digest)
    assert tree.rollback(host.root) == (one.digest, other.digest)
    assert host.links == (other.digest, one.digest)


def _state(current: str, previous: str, *names: str) -> tree.State:
    return tree.State(Path("/opt/nodeops"), current, previous, tuple(tree.Tree(name, "1", "3.11") for name in names))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (_state("a", "", "a"), "no previous tree"),
        (_state("", "", "a"), "no previous tree"),
        (_state("a", "a", "a"), "no previous tree"),
        (_state("a", "b", "a"), "is gone"),
    ],
)
def test_a_rollback_to_nowhere_is_refused(state: tree.State, says: str) -> None:
    with pytest.raises(Refused, match=says):
        tree.rollback_target(state)


def test_a_rollback_to_a_changed_tree_is_refused(host: Host, two: tuple[Packed, Packed]) -> None:
    (host.root / two[0].digest / "lib/package/module.py").write_text("import os\n")
    with pytest.raises(Refused, match="was changed"):
        tree.rollback(host.root)
    assert host.links == (two[1].digest, two[0].digest)


def test_a_host_without_an_agent_is_a_clear_error(tmp_path: Path) -> None:
    for ask in (tree.observe, tree.rollback):
        with pytest.raises(HostError, match="no agent tree"):
            ask(tmp_path / "absent")


def test_what_was_delivered_passes(host: Host, two: tuple[Packed, Packed]) -> None:
    findings = tree.verify(host.root, host.command)
    assert len(findings) == 8
    assert not failed(findings)


def _module(folder: Path) -> Path:
    return folder / "lib/package/module.py"


def _pyc(folder: Path) -> Path:
    return next((folder / "lib/package/__pycache__").glob("module.*"))


def _compiled_from_elsewhere(folder: Path) -> None:
    evil = folder.parent / "evil.py"
    evil.write_text("TEXT = 'evil'\n")
    py_compile.compile(str(evil), cfile=str(_pyc(folder)), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


TAMPERING: dict[str, tuple[Callable[[Path], object], str]] = {
    "a line more": (lambda folder: _module(folder).write_text("TEXT = 'two'\nimport os\n"), "agent.files"),
    "another mode": (lambda folder: (folder / "bin/nodeops").chmod(0o4755), "agent.files"),
    "a file more": (lambda folder: (folder / "lib/evil.py").write_text(""), "agent.files"),
    "a file less": (lambda folder: (folder / "lib/package/data.toml").unlink(), "agent.files"),
    "a file renamed": (lambda folder: _module(folder).rename(folder / "lib/package/m.py"), "agent.files"),
    "a link to a file": (lambda folder: (folder / "lib/link.py").symlink_to("/etc/passwd"), "agent.files"),
    "a link to a folder": (lambda folder: (folder / "lib/link").symlink_to("/etc"), "agent.files"),
    "bytecode of other code": (_compiled_from_elsewhere, "agent.bytecode"),
    "a folder that others may write to": (lambda folder: (folder / "lib/package").chmod(0o777), "agent.modes"),
    "the tree open to its group": (lambda folder: folder.chmod(0o775), "agent.modes"),
    "bytecode that others may write to": (lambda folder: _pyc(folder).chmod(0o666), "agent.modes"),
    "bytecode cut short": (lambda folder: _pyc(folder).write_bytes(_pyc(folder).read_bytes()[:30]), "agent.bytecode"),
    "bytecode of no source": (lambda folder: _pyc(folder).with_name("more.cpython-311.pyc").write_bytes(b""), "agent.bytecode"),
    "something else there": (lambda folder: _pyc(folder).with_name("module.txt").write_bytes(b""), "agent.bytecode"),
}


@pytest.mark.parametrize(("tamper", "finding"), TAMPERING.values(), ids=TAMPERING.keys())
def test_tampering_is_found(tamper: Callable[[Path], object], finding: str, host: Host, two: tuple[Packed, Packed]) -> None:
    tamper(host.root / two[1].digest)
    bad = {judged.id for judged in tree.verify(host.root, host.command) if judged.verdict is Verdict.FAIL}
    assert f"{finding}.{two[1].digest}" in bad
    assert not any(two[0].digest in name for name in bad)


def test_links_that_lead_elsewhere_are_found(host: Host, two: tuple[Packed, Packed]) -> None:
    host.command.unlink()
    (host.root / "current").unlink()
    (host.root / "current").symlink_to("/tmp")
    bad = {judged.id for judged in tree.verify(host.root, host.command) if judged.verdict is Verdict.FAIL}
    assert bad == {"agent.command", "agent.current"}


def nodeops(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, dict[str, object]]:
    with pytest.raises(SystemExit) as left:
        cli.main(["agent", *arguments, "--json"])
    return left.value.code or 0, json.loads(capsys.readouterr().out)


def test_the_verbs_show_plan_and_do(host: Host, two: tuple[Packed, Packed], capsys: pytest.CaptureFixture[str]) -> None:
    root = ("--root", str(host.root))
    code, shown = nodeops(capsys, "show", *root)
    assert (code, shown["current"], shown["previous"], len(shown["trees"])) == (0, two[1].digest, two[0].digest, 2)  # type: ignore[arg-type]
    code, planned = nodeops(capsys, "rollback", "--dry-run", *root)
    assert (code, planned["changed"], host.links[0]) == (0, True, two[1].digest)
    code, done = nodeops(capsys, "rollback", *root)
    assert (code, done["changes"], host.links[0]) == (0, planned["changes"], two[0].digest)
    (host.root / "previous").unlink()
    assert nodeops(capsys, "rollback", *root)[0] == 4
    assert nodeops(capsys, "verify", *root)[0] == 1
    assert nodeops(capsys, "show", "--root", str(host.root / "absent"))[0] == 3


def test_a_folder_above_the_trees_that_others_may_write_to_is_found(host: Host, two: tuple[Packed, Packed]) -> None:
    host.root.chmod(0o777)
    bad = {judged.id for judged in tree.verify(host.root, host.command) if judged.verdict is Verdict.FAIL}
    assert bad == {f"agent.modes.{one.digest}" for one in two}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_of_another_user_is_found(host: Host, two: tuple[Packed, Packed]) -> None:
    os.chown(host.root / two[1].digest / "lib", 12345, 0)
    bad = {judged.id for judged in tree.verify(host.root, host.command) if judged.verdict is Verdict.FAIL}
    assert bad == {f"agent.modes.{two[1].digest}"}
