"""The exporter as the role leaves it: what it can do, and who reaches it."""

import time
from collections.abc import Callable
from typing import Any

import hosts
import pytest

MONITOR = "mon-1"
EVERY_HOST = (*hosts.NODES, MONITOR)
WAIT = 240


def port() -> int:
    return int(hosts.controller("document", "show", "alpha-1", "--json")["document"]["ports"]["exporter"]["port"])


def values(node: str, name: str) -> dict[str, float]:
    """Return the values of one metric by its labels."""
    shown = hosts.verb(node, "metrics", "show", name)["values"]
    return {" ".join(one["labels"].values()): one["value"] for one in shown if one["name"] == f"nodeops_{name}"}


def until_exported(node: str, name: str, fits: Callable[[dict[str, float]], bool]) -> None:
    """Wait until a metric is as it should be: on a busy host a collector misses its deadline now and then, and says nothing."""
    end = time.monotonic() + WAIT
    while not fits(seen := values(node, name)):
        assert time.monotonic() < end, (name, seen)
        time.sleep(1)


def not_passed(node: str) -> list[Any]:
    """Return what does not pass, in the end: see `until_exported`."""
    end = time.monotonic() + WAIT
    while (ill := failing(node)) and time.monotonic() < end:
        time.sleep(1)
    return ill


def failing(node: str) -> list[Any]:
    found = hosts.verb(node, "metrics", "check", codes=(0, 1))["findings"]
    assert found, node
    return [one for one in found if one["verdict"] != "pass"]


def test_everything_is_collected_and_is_as_the_catalogue_says() -> None:
    assert hosts.at_once(not_passed, EVERY_HOST) == {host: [] for host in EVERY_HOST}


@pytest.mark.parametrize("unit", ["nodeops-exporter.service", "nodeops-look.service"])
def test_the_exposure_of_its_units(unit: str) -> None:
    line = f"systemd-analyze security --no-pager {unit} | tail -n 1"
    said = hosts.at_once(lambda host: hosts.must(host, line), EVERY_HOST)
    assert max(float(text.split(":")[1].split()[0]) for text in said.values()) <= 1.5


def test_it_is_nobody_and_sees_neither_keys_nor_data() -> None:
    pid = hosts.must("alpha-1", "systemctl show -p MainPID --value nodeops-exporter").strip()
    assert hosts.must("alpha-1", f"stat -c %U /proc/{pid}").strip() == "nodeops-exporter"
    assert int(hosts.must("alpha-1", f"awk '/^CapEff/ {{print $2}}' /proc/{pid}/status"), 16) == 0
    inside = f"nsenter --mount --target {pid}"
    for place in ("/var/lib/ledger/keys", "/var/lib/ledger/data"):
        assert hosts.must("alpha-1", f"ls {place}")
        assert hosts.run("alpha-1", f"{inside} ls {place}").out == ""
    assert hosts.run("alpha-1", f"{inside} touch /etc/nodeops/x /var/lib/nodeops/x").code != 0


def test_its_key_is_roots_alone_and_never_reached_the_controller() -> None:
    assert hosts.must("alpha-1", "stat -c '%a %U' /etc/nodeops/exporter/key.pem").strip() == "600 root"
    published = (hosts.SCENARIO / "certificates/alpha-1.pem").read_text(encoding="ascii")
    assert hosts.must("alpha-1", "cat /etc/nodeops/exporter/certificate.pem") == published
    assert "PRIVATE" not in published
    # A monitor has two: with one it asks the nodes, with the other its own exporter is known.
    own = hosts.must(MONITOR, "cat /etc/nodeops/exporter/certificate.pem")
    assert own == (hosts.SCENARIO / f"exporters/{MONITOR}.pem").read_text(encoding="ascii")
    assert own != (hosts.SCENARIO / f"certificates/{MONITOR}.pem").read_text(encoding="ascii")


def test_on_a_monitor_it_sees_none_of_the_keys_there() -> None:
    pid = hosts.must(MONITOR, "systemctl show -p MainPID --value nodeops-exporter").strip()
    for key in ("/etc/nodeops/monitoring/key.pem", "/etc/nodeops/log_host/key.pem", "/etc/nodeops/exporter/key.pem"):
        assert "PRIVATE" in hosts.must(MONITOR, f"cat {key}")
        assert hosts.run(MONITOR, f"nsenter --mount --target {pid} cat {key}").out == ""


def connects(source: str, target: str) -> bool:
    line = f"timeout 5 bash -c '</dev/tcp/{hosts.ADDRESS[target]}/{port()}'"
    return hosts.run(source, line).code == 0


def test_when_its_monitor_last_asked_is_there_for_other_monitors() -> None:
    until_exported("alpha-2", "exporter_asked_timestamp_seconds", lambda seen: list(seen) == [MONITOR])


def test_only_the_monitor_reaches_its_port() -> None:
    assert connects(MONITOR, "beta-1")
    assert not connects("alpha-1", "beta-1")


def test_custom_metrics_are_exported_and_bad_ones_named() -> None:
    folder = "/var/lib/nodeops/metrics"
    hosts.must("beta-1", f"echo 'charging_stations 12' > {folder}/good.prom; echo 'nodeops_ledger_up 1' > {folder}/bad.prom")
    until_exported("beta-1", "text_file_up", lambda seen: seen == {"good.prom": 1, "bad.prom": 0})
    # The journal has what the exporter says a moment after it said so.
    said = "until journalctl -u nodeops-exporter --no-pager | grep -F 'bad.prom is refused'; do sleep 0.2; done"
    hosts.must("beta-1", said, seconds=WAIT)
    hosts.must("beta-1", f"rm {folder}/good.prom {folder}/bad.prom")


def test_what_node_exporter_says_is_left_to_it_while_it_runs() -> None:
    """With a stand-in for Debian's package: what is looked at is its unit, from within the exporter's sandbox."""
    until_exported("beta-1", "host_left_to_node_exporter", lambda seen: seen == {"": 0})
    hosts.must("beta-1", "systemd-run --quiet --collect --unit prometheus-node-exporter sleep 600")
    try:
        until_exported("beta-1", "host_left_to_node_exporter", lambda seen: seen == {"": 1})
        until_exported("beta-1", "clock_timestamp_seconds", bool)
        assert values("beta-1", "memory_total_bytes") == {}
    finally:
        hosts.must("beta-1", "systemctl stop prometheus-node-exporter")
    until_exported("beta-1", "memory_total_bytes", bool)
