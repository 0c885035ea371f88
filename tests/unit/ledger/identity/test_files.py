"""Making an identity on a disk, and killing the maker at every step: the keys stay what they are, and nothing can sign twice."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.core.finding import Verdict
from nodeops.ledger.identity.files import Layout, ensure, observe, read_identity
from nodeops.ledger.identity.findings import key_findings
from nodeops.ledger.identity.identity import Identity
from nodeops.ledger.identity.plan import READY
from tests.tiers import slow
from tests.unit.ledger.made_keys import UNUSED_STATE, USED_STATE, identity_of, write_init

ME = (os.getuid(), os.getgid())
WRITE_EVENTS = (
    "open",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.chown",
    "shutil.rmtree",
    "tempfile.mkdtemp",
)


@pytest.fixture
def at(tmp_path) -> Layout:
    home = tmp_path / "home"
    home.mkdir()
    keys, data = home / "keys", home / "data"
    return Layout(
        keys=keys,
        node_key=keys / "node_key.json",
        validator_key=keys / "priv_validator_key.json",
        data=data,
        state=data / "priv_validator_state.json",
        user=ME,
        root=ME,
    )


@pytest.fixture
def binary(tmp_path) -> Path:
    """A program that leaves what `cometbft init --home DIR` leaves, with other keys at each call."""
    for call in range(3):
        write_init(tmp_path / f"made-{call}", f"call {call}")
    script = tmp_path / "cometbft"
    script.write_text(
        f'#!/bin/sh\nset -e\n[ "$1 $2" = "init --home" ]\nn=0\nwhile [ -e {tmp_path}/called-$n ]; do n=$((n + 1)); done\n'
        f'/bin/mkdir {tmp_path}/called-$n\n/bin/cp -r {tmp_path}/made-$n "$3"\n'
    )
    script.chmod(0o755)
    return script


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def shown(at: Layout) -> Identity:
    return read_identity(at, "a1", "org-a")


def test_an_identity_is_made_once(at, binary):
    changes = ensure(at, binary)
    first = shown(at)
    assert [change.what for change in changes] == [str(at.keys)]
    assert first == identity_of("a1", "org-a", "call 0")
    assert ensure(at, binary) == []
    assert shown(at) == first
    assert [(path.name, mode(path)) for path in sorted(at.home.rglob("*"))] == [
        ("data", 0o700),
        ("priv_validator_state.json", 0o600),
        ("keys", 0o700),
        ("node_key.json", 0o600),
        ("priv_validator_key.json", 0o600),
    ]
    assert {finding.verdict for finding in key_findings(at)} == {Verdict.PASS}


def test_empty_folders_with_other_modes_are_taken_over(at, binary):
    for folder in (at.keys, at.data):
        folder.mkdir(0o755)
    (at.data / "lost+found").mkdir()
    ensure(at, binary)
    assert {finding.verdict for finding in key_findings(at)} == {Verdict.PASS}


def test_a_dry_run_says_what_it_would_do_and_does_nothing(at, binary):
    assert [change.what for change in ensure(at, binary, dry_run=True)] == [str(at.keys)]
    assert list(at.home.iterdir()) == []


@pytest.mark.parametrize("lost", ["node_key", "validator_key", "state"])
def test_a_lost_part_is_never_made_anew(at, binary, lost):
    ensure(at, binary)
    getattr(at, lost).unlink()
    before = {path: path.read_bytes() for path in at.home.rglob("*.json")}
    with pytest.raises(Refused, match="not whole"):
        ensure(at, binary)
    assert {path: path.read_bytes() for path in at.home.rglob("*.json")} == before


@pytest.mark.parametrize("name", ["blockstore.db", "state.db", "cs.wal"])
def test_blocks_without_keys_are_refused(at, binary, name):
    (at.data / name).mkdir(parents=True)
    with pytest.raises(Refused, match="was a node before"):
        ensure(at, binary)


def test_a_used_state_in_place_of_the_made_one_is_refused(at, binary):
    ensure(at, binary)
    at.keys.rename(at.ready)
    at.state.write_bytes(USED_STATE)
    with pytest.raises(Refused, match="has signed"):
        ensure(at, binary)
    assert at.ready.is_dir()


BROKEN = {
    "fails": ("exit 7", "left with code 7"),
    "makes nothing": ("exit 0", "No such file"),
    "makes a damaged key": ('/bin/cp -r {made} "$3"; echo > "$3/config/node_key.json"', "is damaged"),
    "makes a used state": (
        '/bin/cp -r {made} "$3"; echo \'{used}\' > "$3/data/priv_validator_state.json"',
        "unused signing state",
    ),
}


@pytest.mark.parametrize(("script", "said"), BROKEN.values(), ids=BROKEN)
def test_a_binary_that_fails_leaves_nothing(at, tmp_path, script, said):
    write_init(tmp_path / "made", "a")
    broken = tmp_path / "broken"
    broken.write_text(
        "#!/bin/sh\n" + script.replace("{made}", str(tmp_path / "made")).replace("{used}", USED_STATE.decode()) + "\n"
    )
    broken.chmod(0o755)
    with pytest.raises(HostError, match=said):
        ensure(at, broken)
    assert list(at.home.iterdir()) == []


def test_a_binary_that_is_not_there_is_named(at, tmp_path):
    with pytest.raises(HostError, match="not installed") as caught:
        ensure(at, tmp_path / "nowhere")
    assert "site.yml" in caught.value.hint


def test_links_are_not_followed_into_other_files(at, binary, tmp_path):
    ensure(at, binary)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(UNUSED_STATE)
    at.state.unlink()
    at.state.symlink_to(elsewhere)
    with pytest.raises(HostError):
        observe(at)
    assert [finding.id for finding in key_findings(at) if finding.verdict is Verdict.FAIL] == [
        "identity-file:priv_validator_state.json",
        "identity-content:priv_validator_state.json",
    ]


SPOILED = {"empty": b"", "blank": b"\n", "nothing in it": b"{}", "half": b'{"height":"12","rou'}


@pytest.mark.parametrize("part", ["node_key", "validator_key", "state"])
@pytest.mark.parametrize("content", SPOILED.values(), ids=SPOILED)
def test_a_file_that_holds_nothing_useful_fails_and_no_old_state_is_advised(at, binary, part, content):
    ensure(at, binary)
    path = getattr(at, part)
    path.write_bytes(content)
    (finding,) = (finding for finding in key_findings(at) if finding.verdict is Verdict.FAIL)
    assert (finding.id, "is damaged" in finding.actual) == (f"identity-content:{path.name}", True)
    assert ("restore" in finding.hint) is (part != "state")
    if part == "state":
        assert "an older state signs twice" in finding.hint
        with pytest.raises(HostError, match="is damaged") as caught:
            ensure(at, binary)
        assert caught.value.hint == finding.hint


@pytest.mark.parametrize(
    ("part", "bits"), [("keys", 0o755), ("node_key", 0o640), ("validator_key", 0o644), ("data", 0o750), ("state", 0o666)]
)
def test_another_mode_is_a_finding_that_fails(at, binary, part, bits):
    ensure(at, binary)
    path = getattr(at, part)
    path.chmod(bits)
    (finding,) = (finding for finding in key_findings(at) if finding.verdict is Verdict.FAIL)
    assert finding.id == f"identity-file:{path.name}"
    assert f"chmod {0o700 if path.is_dir() else 0o600:o} {path}" in finding.hint


def test_another_owner_is_a_finding_that_fails(at, binary):
    ensure(at, binary)
    strict = replace(at, root=(ME[0] + 1, ME[1]))
    failing = {finding.id for finding in key_findings(strict) if finding.verdict is Verdict.FAIL}
    assert failing == {"identity-file:keys", "identity-file:node_key.json", "identity-file:priv_validator_key.json"}


def test_two_at_once_do_not_meet(at, binary):
    code = "import sys; from pathlib import Path; from nodeops.host.lock import held\n"
    code += "with held(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, str(at.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Refused, match="another nodeops"):
            ensure(at, binary)
        other.communicate()
    assert ensure(at, binary)


# --- killed ------------------------------------------------------------------------------------------------------------


def killed_before(number: int, at: Layout, binary: Path) -> bool:
    """Run ensure in a process of its own that dies, without any clean-up, before its n-th step. Return whether it died."""
    child = os.fork()
    if not child:
        _die_before(number)
        try:
            ensure(at, binary)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _die_before(number: int) -> None:
    left = [number]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in WRITE_EVENTS or event == "subprocess.Popen":
            left[0] -= 1
            if not left[0]:
                os._exit(9)

    sys.addaudithook(hook)


def half_states(at: Layout) -> str:
    """Return in which state of its making an identity is; fail for a state that could harm."""
    if at.keys.exists():
        assert (at.validator_key.exists(), at.node_key.exists(), at.state.exists()) == (True, True, True)
        return "in place"
    if at.ready.exists():
        assert (at.ready / at.node_key.name).exists()
        assert at.state.exists() or (at.ready / at.state.name).exists()
        return "state in place" if at.state.exists() else "made"
    assert not at.state.exists()
    return "nothing in use"


@slow
def test_killed_at_any_moment_it_is_completed_with_the_same_keys(tmp_path, at, binary):
    reached, number, died = [], 0, True
    while died:
        number += 1
        fresh = _moved(at, tmp_path / f"home-{number}")
        for call in tmp_path.glob("called-*"):
            call.rmdir()
        died = killed_before(number, fresh, binary)
        reached.append(half_states(fresh))
        made = _any_validator_key(fresh)
        ensure(fresh, binary)
        assert made in (None, fresh.validator_key.read_bytes()), f"another key after a kill before step {number}"
        assert sorted(path.name for path in fresh.home.iterdir()) == ["data", "keys"]
        assert sorted(path.name for path in fresh.keys.iterdir()) == [
            "node_key.json",
            "priv_validator_key.json",
            "record_key.pem",
        ]
        assert sorted(path.name for path in fresh.data.iterdir()) == ["priv_validator_state.json"]
        assert {finding.verdict for finding in key_findings(fresh)} == {Verdict.PASS}
        assert ensure(fresh, binary) == []
    assert list(dict.fromkeys(reached)) == ["nothing in use", "made", "state in place", "in place"]


def _moved(at: Layout, home: Path) -> Layout:
    home.mkdir()
    names = ("keys", "node_key", "validator_key", "data", "state")
    moved = replace(at, **{name: home / getattr(at, name).relative_to(at.home) for name in names})
    return replace(moved, record_key=moved.keys / "record_key.pem")


def _any_validator_key(at: Layout) -> bytes | None:
    """Return the validator key that may be in use or will be: in place, or whole and READY."""
    for folder in (at.keys, at.home / READY):
        if (folder / at.validator_key.name).exists():
            return (folder / at.validator_key.name).read_bytes()
    return None
