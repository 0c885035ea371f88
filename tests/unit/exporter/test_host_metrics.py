"""The host's own metrics beside Debian's node_exporter: what both would say is said by one."""

from nodeops.exporter import host_metrics
from tests.unit.firewall.samples import document


def test_what_node_exporter_says_is_left_to_it_while_it_runs(tmp_path, monkeypatch):
    node = document()
    unit = tmp_path / "invocation:prometheus-node-exporter.service"
    monkeypatch.setattr(host_metrics, "_NODE_EXPORTER", unit)
    whole = {one.name: one.value for one in host_metrics.look(node)}
    assert whole["host_left_to_node_exporter"] == 0
    # As systemd writes it: it leads nowhere.
    unit.symlink_to("0123abcd")
    left = {one.name: one.value for one in host_metrics.look(node)}
    assert left["host_left_to_node_exporter"] == 1
    # What alerts and dashboards of ours ask for is there still.
    assert set(left) == {"host_left_to_node_exporter", "boot_timestamp_seconds", "clock_timestamp_seconds"}
    unit.unlink()
    assert {one.name for one in host_metrics.look(node)} == set(whole)
