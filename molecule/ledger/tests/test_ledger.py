"""What site.yml leaves on a host, seen from outside: users, keys, unit, sockets, blocks. Run by molecule over SSH."""

import json
from pathlib import Path
from typing import Any

import pytest
from tier import FULL

from nodeops.document.inventory import chosen
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve

SCENARIO = Path(__file__).parents[1]
CONSORTIUM = load_consortium(SCENARIO)
# One of each release and organisation; in full all.
testinfra_hosts = sorted(CONSORTIUM.nodes) if FULL else ["alpha-1", "beta-2"]


@pytest.fixture
def document(host: Any) -> Any:
    return resolve(CONSORTIUM, host.check_output("hostname"), chosen(SCENARIO).choices)


def answer(host: Any, *verb: str) -> Any:
    return json.loads(host.check_output(f"nodeops {' '.join(verb)} --json"))


def test_the_host_holds_the_document_the_controller_resolved(host: Any, document: Any) -> None:
    on_host = json.loads(host.file(document.paths["document"]).content_string)
    assert on_host == document.model_dump(mode="json")


def test_keys_are_root_only(host: Any, document: Any) -> None:
    for name in ("node_key", "validator_key"):
        key = host.file(document.ledger.paths[name])
        assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
    assert host.file(document.ledger.paths["keys"]).mode == 0o700


def test_private_keys_never_reached_the_controller() -> None:
    gathered = "".join(file.read_text() for file in [*SCENARIO.glob("identities/*.yml"), SCENARIO / "genesis.json"])
    assert "priv" not in gathered


def test_the_ledger_user_cannot_log_in_or_read_the_key_files(host: Any, document: Any) -> None:
    user = host.user(document.ledger.user)
    assert user.shell == "/usr/sbin/nologin"
    assert host.run(f"runuser -u {user.name} -- cat {document.ledger.paths['validator_key']}").rc != 0


def test_the_unit_runs_as_its_user_and_is_enabled(host: Any, document: Any) -> None:
    unit = host.service(document.ledger.unit)
    assert unit.is_running
    assert unit.is_enabled
    (process,) = host.process.filter(comm="cometbft")
    assert process.user == document.ledger.user


def test_the_exposure_of_the_unit(host: Any, document: Any) -> None:
    table = host.check_output(f"systemd-analyze security --no-pager {document.ledger.unit} | tail -n 1")
    exposure = float(table.split(":")[1].split()[0])
    assert exposure <= 1.5


def test_the_rpc_listens_on_loopback_only(host: Any, document: Any) -> None:
    port = document.ledger.ports["rpc"].port
    listening = host.check_output("ss -Hltn").splitlines()
    addresses = {line.split()[3] for line in listening if line.split()[3].endswith(f":{port}")}
    assert addresses == {f"127.0.0.1:{port}"}


def test_the_log_goes_to_its_own_file(host: Any, document: Any) -> None:
    assert "committed state" in host.file(document.ledger.paths["log"]).content_string
    assert host.check_output(f"journalctl -u {document.ledger.unit} -o cat | grep -c 'committed state' || true") == "0"


def test_the_agent_answers_for_itself(host: Any, document: Any) -> None:
    status = answer(host, "status")
    assert status["node"] == document.node.name
    assert status["running"]
    assert len(status["peers"]) == len(CONSORTIUM.nodes) - 1
    assert len(status["validators"]) == len(CONSORTIUM.nodes)
    assert status["document_digest"] == document.consortium_digest


def test_blocks_are_made(host: Any) -> None:
    before = answer(host, "ledger", "status")["height"]
    assert answer(host, "ledger", "wait", "--blocks", "2")["height"] >= before + 2


def test_running_ensure_again_keeps_the_identity(host: Any) -> None:
    before = answer(host, "ledger", "identity")
    after = answer(host, "ledger", "identity", "--ensure")
    assert not after["changed"]
    assert after["validator_key"] == before["validator_key"]


def test_a_record_is_proved_and_a_changed_byte_is_caught(host: Any) -> None:
    name = f"charge-of-{host.check_output('hostname')}.csv"
    host.check_output(f"cd /var/tmp && printf 'session,kwh\\n1,20.5\\n' > {name} && nodeops record add {name}")
    assert host.run(f"nodeops record verify /var/tmp/{name}").rc == 0
    host.check_output(f"cd /var/tmp && printf 'session,kwh\\n1,20.6\\n' > /var/tmp/{name}")
    assert host.run(f"nodeops record verify /var/tmp/{name}").rc == 1


@pytest.mark.parametrize("unit", ["nodeops-disk", "nodeops-exporter", "nodeops-mesh"])
def test_what_was_told_to_end_has_not_failed(host: Any, unit: str) -> None:
    ended = f"systemctl stop {unit}; systemctl show -p Result -p ActiveState --value {unit} | sort; systemctl start {unit}"
    assert host.check_output(ended).split() == ["inactive", "success"]
