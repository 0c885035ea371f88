"""The verbs from the command line to real SSH servers and back."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import paramiko
import pytest

from nodeops.cli import main
from tests.ports import free_ports
from tests.unit.fleet.samples import NODES, consortium, reply
from tests.unit.fleet.ssh_server import Shell, World, new_key, says
from tests.unit.fleet.stopped_clock import StoppedClock

# No limit of these is ever reached, unless a test is about that limit.
PATIENCE = ("--connect-timeout", 60, "--timeout", 60)
STATUS = "sudo -n /usr/local/bin/nodeops status --json"


@pytest.fixture
def inventory(world: World) -> Path:
    """An inventory that manages the first two organisations of the samples."""
    (world.folder / "consortium.yml").write_text(json.dumps(consortium().model_dump(mode="json", exclude_none=True)))
    (world.folder / "group_vars").mkdir()
    (world.folder / "group_vars" / "all.yml").write_text("nodeops_manages: [china-unicom, wanxiang-blockchain]\n")
    return world.folder


def tells(node: str, code: int = 0) -> Shell:
    return says(reply(node).stdout.encode(), code=code)


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["fleet", *map(str, words)])
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def test_status_shows_all_nodes_and_one_dead_host(world: World, inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cu_1 = world.server("cu-1", tells("cu-1", code=1))
    world.server("cu-2", says(b"\x1b[2J[bold]garbage\xff"))
    (closed,) = free_ports(1)
    world.entry("wx-1", "127.0.0.1", closed)
    code, out, _ = call(capsys, "status", "-i", inventory, *PATIENCE, "--json")
    answer = json.loads(out)
    assert code == 1
    assert cu_1.commands == [STATUS]
    assert {name: node["state"] for name, node in answer["nodes"].items()} == {
        "cu-1": "running",
        "cu-2": "no valid status",
        "wx-1": "dead",
        "wi-1": "not managed here",
    }
    assert {finding["id"] for finding in answer["findings"] if finding["verdict"] == "fail"} >= {"network.nodes"}


def test_status_for_people_never_prints_what_a_host_sent_to_steer_the_terminal(
    world: World, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for node in NODES:
        world.server(node, says(b"", b"\x1b]0;owned\x07\x1b[2J[bold]garbage\n", 3))
    code, out, err = call(capsys, "status", "-i", inventory, *PATIENCE)
    assert code == 1
    assert "[bold]garbage" in out
    assert "\x1b" not in out + err


def test_watch_asks_again_on_the_same_connections(
    clock: StoppedClock, world: World, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    servers = [world.server(node, tells(node)) for node in NODES if node != "wi-1"]
    code, out, _ = call(capsys, "status", "-i", inventory, "--watch", "--rounds", 2, *PATIENCE, "--json")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert [len(server.transports) for server in servers] == [1, 1, 1]


def test_run_quotes_every_word(world: World, inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = world.server("cu-1", says(b"done\n"))
    words = ["record", "show", "$(reboot); 'x' \"y\" `z`", "--key=a b"]
    code, out, _ = call(capsys, "run", "-i", inventory, *PATIENCE, "--node", "cu-1", "--", *words)
    assert (code, server.commands) == (0, [f"sudo -n /usr/local/bin/nodeops {shlex.join(words)}"])
    assert out.splitlines()[0].startswith("── cu-1 · exit code 0 · ")
    assert out.splitlines()[1] == "done"


def test_run_answers_with_one_object_and_the_worst_code(
    world: World, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.server("cu-1", says(b'{"height": 7}', code=1))
    world.server("cu-2", says(b"", b"sudo: a password is required\n", 1))
    server = world.server("wx-1", says(b"never"), known=False)
    world.learn(server.known_line.replace(server.host_key.get_base64(), new_key(world.folder / "other").get_base64()))
    code, out, _ = call(capsys, "run", "-i", inventory, *PATIENCE, "--json", "--", "ledger", "status", "--json")
    answer = json.loads(out)
    assert code == 3
    assert (answer["cu-1"]["exit_code"], answer["cu-1"]["answer"]) == (1, {"height": 7})
    assert {node: each["state"] for node, each in answer.items()} == {
        "cu-1": "answered",
        "cu-2": "nodeops cannot be run",
        "wx-1": "host key does not match",
    }


def test_a_slow_host_is_cut_at_the_time_limit(world: World, inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def hang(command: str, channel: paramiko.Channel) -> int | None:
        return None

    world.server("cu-1", hang)
    code, out, _ = call(
        capsys, "run", "-i", inventory, "--node", "cu-1", "--connect-timeout", 60, "--timeout", 0.3, "--json", "--", "status"
    )
    assert (code, json.loads(out)["cu-1"]["state"]) == (5, "no answer in time")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--node", "nobody"], "not a managed node: nobody"),
        (["--node", "wi-1"], "not a managed node: wi-1"),
    ],
)
def test_a_node_that_is_not_managed_is_refused(
    inventory: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    code, _, err = call(capsys, "run", "-i", inventory, *words, "--", "status")
    assert code == 2
    assert said in err
    assert "allowed: cu-1, cu-2, wx-1" in err


def test_a_controller_that_manages_nothing_says_so(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inventory / "group_vars" / "all.yml").write_text("nodeops_manages: []\n")
    code, _, err = call(capsys, "status", "-i", inventory)
    assert code == 2
    assert "nodeops_manages" in err


def test_damaged_identities_do_not_hide_the_network(world: World, inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for node in ("cu-1", "cu-2", "wx-1"):
        world.server(node, tells(node))
    (inventory / "identities").mkdir()
    (inventory / "identities" / "wi-1.yml").write_text("node: [")
    code, out, _ = call(capsys, "status", "-i", inventory, *PATIENCE)
    assert code == 0
    assert "fleet.identities" in out
    assert "running, margin 1" in out


def test_other_verbs_do_not_pay_for_ssh() -> None:
    check = "import sys, nodeops.cli, nodeops.status.cli; sys.exit('fabric' in sys.modules or 'paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
