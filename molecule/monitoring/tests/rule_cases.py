"""For every alert: series under which it fires, under which it stays quiet, and what it does when its series vanish."""

from dataclasses import dataclass

HOST = 'network="n",node="a"'
SECOND = 'network="n",node="b"'
UP = f'up{{job="nodeops",{HOST}}}'
MINUTE = 60
HOUR = 3600
_DAY = 86400


@dataclass(frozen=True)
class Case:
    """Series by name with promtool's notation of values, one value every 15 s. `holds` are the seconds of the rule's `for`.

    `vanished` is how many alerts fire when every series of the firing case has ended: what is not there fires nothing, unless
    another rule is about that.
    """

    fires: dict[str, str]
    quiet: dict[str, str]
    holds: int
    firing: int = 1
    vanished: int = 0


def one(name: str, labels: str = "") -> str:
    """Return a series of the first host."""
    return f"nodeops_{name}{{{HOST}{',' + labels if labels else ''}}}"


def two(name: str) -> str:
    """Return the same of the second host."""
    return f"nodeops_{name}{{{SECOND}}}"


def path(observer: str, peer: str, lost: float = 0, unsent: float = 0, sent: float = 15) -> dict[str, str]:
    """Return the series of a path on which so many questions of 15 seconds are lost, and others could not be sent at all."""
    labels = f'{{network="n",node="{observer}",peer="{peer}"}}'
    return {
        f"nodeops_mesh_probes_sent_total{labels}": f"0+{sent}x400",
        f"nodeops_mesh_probes_lost_total{labels}": f"0+{lost}x400",
        f"nodeops_mesh_probes_unsent_total{labels}": f"0+{unsent}x400",
    }


def closed(observer: str, peer: str) -> dict[str, str]:
    """Return the series of a path on which the kernel sends nothing."""
    return path(observer, peer, unsent=15, sent=0)


COLLECTOR = one("collector_up", 'collector="disk"')
BACKUP, FAILED = one("backup_last_timestamp_seconds"), one("backup_failed")
DRILLED, DRILL_FAILED = one("backup_drill_timestamp_seconds"), one("backup_drill_failed")
MISSED, SIGNED = one("consensus_missed_total"), one("consensus_signed_total")
RTT = one("mesh_rtt_seconds", 'peer="b",quantile="0.99"')
HALF_RTT = one("mesh_rtt_seconds", 'peer="b",quantile="0.5"')
HEIGHT, HEAD, STAGE = one("ledger_height_blocks"), one("ledger_head_timestamp_seconds"), one("disk_stage", 'mountpoint="/"')
END, FULL = one("certificate_not_after_timestamp_seconds", 'subject="a"'), one("disk_time_to_full_seconds", 'mountpoint="/"')
OLDEST = one("patch_oldest_security_timestamp_seconds")
GUARD, LEDGER_UNIT = one("service_active", 'unit="nodeops-disk.service"'), one("service_active", 'unit="ledger.service"')

CASES: dict[str, Case] = {
    "ExporterDown": Case({UP: "0x400"}, {UP: "1x400", 'up{job="monitor"}': "0x400"}, MINUTE),
    "CollectorFailed": Case({COLLECTOR: "0x400", UP: "1x400"}, {COLLECTOR: "1x400", UP: "1x400"}, 5 * MINUTE),
    "FirewallOff": Case({one("firewall_loaded"): "0x400"}, {one("firewall_loaded"): "1x400"}, MINUTE),
    "GuardDown": Case({GUARD: "0x400"}, {GUARD: "1x400", LEDGER_UNIT: "0x400"}, 2 * MINUTE),
    "ClockOff": Case({one("clock_timestamp_seconds"): "6+15x400"}, {one("clock_timestamp_seconds"): "4+15x400"}, 5 * MINUTE),
    "CertificateEnds": Case({END: f"{29 * _DAY}x400"}, {END: f"{31 * _DAY}x400"}, 10 * MINUTE),
    "CustomMetricsRefused": Case(
        {one("text_file_up", 'file="x.prom"'): "0x400"}, {one("text_file_up", 'file="x.prom"'): "1x400"}, 15 * MINUTE
    ),
    "BackupOld": Case({BACKUP: f"{-27 * HOUR}x400"}, {BACKUP: f"{-24 * HOUR}x400"}, 10 * MINUTE),
    "BackupFailed": Case({FAILED: "1x400", BACKUP: f"{-4 * HOUR}x400"}, {FAILED: "1x400", BACKUP: f"{-HOUR}x400"}, 10 * MINUTE),
    "RestoreNotProven": Case(
        {DRILL_FAILED: "1x400", DRILLED: "0x400", two("backup_drill_timestamp_seconds"): f"-{15 * _DAY + 1}x400"},
        {DRILL_FAILED: "0x400", DRILLED: f"-{14 * _DAY}x400"},
        10 * MINUTE,
        firing=2,
    ),
    "DiskFilling": Case({STAGE: "3x400"}, {STAGE: "2x400"}, MINUTE),
    "DiskFullSoon": Case({FULL: f"{_DAY - 1}x400"}, {FULL: f"{_DAY + 1}x400"}, 15 * MINUTE),
    "NodeStoppedByGuard": Case({one("disk_node_stopped"): "1x400"}, {one("disk_node_stopped"): "0x400"}, 0),
    "PatchesOverdue": Case(
        {OLDEST: f"-{14 * _DAY + 1}x400", two("patch_lists_timestamp_seconds"): f"-{14 * _DAY + 1}x400"},
        {OLDEST: f"-{13 * _DAY}x400", two("patch_lists_timestamp_seconds"): f"-{13 * _DAY}x400"},
        15 * MINUTE,
        firing=2,
    ),
    "LedgerDown": Case(
        {one("ledger_up"): "0x400", two("ledger_up"): "1x400", 'nodeops_ledger_up{network="n",node="c"}': "1x400"},
        {one("ledger_up"): "0x400", one("disk_node_stopped"): "1x400"},
        MINUTE,
    ),
    "NetworkHalted": Case({HEAD: "-61x400", two("ledger_head_timestamp_seconds"): "-90x400"}, {HEAD: "0+15x400"}, MINUTE),
    "NodeStalled": Case(
        {HEIGHT: "79x400", two("ledger_height_blocks"): "100x400"},
        {HEIGHT: "80x400", two("ledger_height_blocks"): "100x400"},
        5 * MINUTE,
    ),
    "QuorumMarginZero": Case(
        {one("quorum_margin_power"): "0x400", two("quorum_margin_power"): "1x400"}, {one("quorum_margin_power"): "1x400"}, MINUTE
    ),
    "ValidatorMissesBlocks": Case({MISSED: "0+1x400", SIGNED: "0+14x400"}, {MISSED: "0+1x400", SIGNED: "0+24x400"}, 5 * MINUTE),
    "MeshNodeIsolated": Case(
        {**path("a", "c", 3), **path("b", "c", 2), **path("a", "d", 3), **closed("b", "d")},
        # One of two that lose, and the only one that asks, name nobody. 0.77 of 15.77 is below a twentieth, of 15 above.
        {**path("a", "c", 3), **path("b", "c", 0.5), **path("d", "e", 3), **closed("a", "f"), **path("b", "f", unsent=0.77)},
        2 * MINUTE,
        firing=2,
    ),
    # A peer that two of two lose is not the path; one that one of two loses is; one lost in a hundred is neither. 0.303 of 15.303
    # is below a fiftieth, of 15 above.
    "MeshPathLossy": Case(
        {**path("a", "c", 3), **path("b", "c", unsent=0.303), **closed("a", "d"), **path("b", "d")},
        {
            **path("a", "c", 3),
            **path("b", "c", 3),
            **path("a", "d", 0.15),
            **closed("a", "e"),
            **closed("b", "e"),
            **path("a", "f", unsent=0.303),
        },
        5 * MINUTE,
        firing=2,
    ),
    "MeshPathSlow": Case({RTT: "0.8x400", HALF_RTT: "0.8x400"}, {RTT: "0.7x400", HALF_RTT: "0.8x400"}, 5 * MINUTE),
    "MonitorPartDown": Case({'up{job="monitor"}': "0x400"}, {'up{job="monitor"}': "1x400", UP: "0x400"}, 2 * MINUTE),
    "DeadMansSwitch": Case({UP: "1x400"}, {}, 0, vanished=1),
}
# The whole exporter answers and says nothing of its collectors.
BLIND = Case({UP: "1x400"}, {}, 5 * MINUTE)
