"""For every alert: series under which it fires, under which it stays quiet, and what it does when its series vanish."""

from rule_series import DAY, HOST, HOUR, MINUTE, UP, Case, answers, closed, followed, one, own, path, power, told, two, votes

COLLECTOR = one("collector_up", 'collector="disk"')
BACKUP, FAILED = one("backup_last_timestamp_seconds"), one("backup_failed")
AHEAD, FUTURE = two("backup_last_timestamp_seconds"), f"{30 * DAY}x400"
DRILLED, DRILL_FAILED = one("backup_drill_timestamp_seconds"), one("backup_drill_failed")
DRILLED_LATE, DRILLED_AHEAD = (DRILLED.replace('"a"', f'"{node}"') for node in "bc")
ASKED = 'nodeops_exporter_asked_timestamp_seconds{{network="n",node="{}",client="mon-2"}}'
MISSED, SIGNED = one("consensus_missed_total"), one("consensus_signed_total")
RTT = one("mesh_rtt_seconds", 'peer="b",quantile="0.99"')
HALF_RTT = one("mesh_rtt_seconds", 'peer="b",quantile="0.5"')
HOSTS = "nodeops:hosts:count"
UNDELIVERED = own("alertmanager_notifications_failed_total", 'instance="m:9093",integration="email"')
DROPPED = own("prometheus_notifications_dropped_total", 'instance="m:9090"')
UNJUDGED = own("prometheus_rule_evaluation_failures_total", 'instance="m:9090",rule_group="x"')
OF_MONITORS = (UNDELIVERED, DROPPED, UNJUDGED)
LAG, MARGIN = one("ledger_lag_blocks"), one("quorum_margin_power")
HEIGHT, HEAD, STAGE = one("ledger_height_blocks"), one("ledger_head_timestamp_seconds"), one("disk_stage", 'mountpoint="/"')
END, FULL = (
    one("certificate_not_after_timestamp_seconds", 'subject="a",purpose="exporter"'),
    one("disk_time_to_full_seconds", 'mountpoint="/"'),
)
OTHER_END = one("certificate_not_after_timestamp_seconds", 'subject="b",purpose="exporter"')
OTHER_FULL = one("disk_time_to_full_seconds", 'mountpoint="/var"')
OLDEST = one("patch_oldest_security_timestamp_seconds")
REBOOT, STALE = one("patch_reboot_required"), two("patch_stale_services")
SIZE = one("backup_size_bytes")
GUARD, LEDGER_UNIT = one("service_active", 'unit="nodeops-disk.service"'), one("service_active", 'unit="ledger.service"')
LOG_HOST_UNIT, REPOSITORY_UNIT = (one("service_active", f'unit="nodeops-{name}.service"') for name in ("log-host", "repository"))
LEFT_OUT, WAITING = one("log_host_left_out_lines_total", 'sender="b"'), one("log_host_waiting_bytes")
FREE, SIZE_OF = one("store_free_bytes", 'store="backups"'), one("store_size_bytes", 'store="backups"')


def heard(sender: str) -> str:
    """Return the series of when a log host heard a node."""
    return one("log_host_heard_timestamp_seconds", f'sender="{sender}"')


CASES: dict[str, Case] = {
    "ExporterDown": Case(
        {UP: "0x400", UP.replace("nodeops", "hosts"): "0x400"}, {UP: "1x400", 'up{job="monitor"}': "0x400"}, MINUTE, firing=2
    ),
    "CollectorFailed": Case({COLLECTOR: "0x400", UP: "1x400"}, {COLLECTOR: "1x400", UP: "1x400"}, 5 * MINUTE),
    "FirewallOff": Case({one("firewall_loaded"): "0x400"}, {one("firewall_loaded"): "1x400"}, MINUTE),
    "GuardDown": Case({GUARD: "0x400"}, {GUARD: "1x400", LEDGER_UNIT: "0x400"}, 2 * MINUTE),
    "ClockOff": Case({one("clock_timestamp_seconds"): "6+15x400"}, {one("clock_timestamp_seconds"): "4+15x400"}, 5 * MINUTE),
    "CertificateEnds": Case({END: f"{29 * DAY}x400"}, {END: f"{31 * DAY}x400", OTHER_END: f"{7 * DAY}x400"}, 10 * MINUTE),
    # One that has ended already is said as well.
    "CertificateEndsSoon": Case(
        {END: f"{7 * DAY}x400", OTHER_END: f"-{DAY}x400"}, {END: f"{7 * DAY + HOUR}x400"}, 10 * MINUTE, firing=2
    ),
    # Of another network nothing is said; a node that changes follows both files for a while; a scrape may fail.
    "RevisionsDiffer": Case(
        {followed("a", "x"): "1x400", followed("b", "y"): "1x200 _x2 1x400"},
        {
            followed("a", "x"): "1x400",
            followed("b", "y"): "1x200",
            followed("b", "x"): "_x200 1x400",
            followed("c", "y", "other"): "1x400",
        },
        DAY,
        late=36 * HOUR,
        step=4 * MINUTE,
    ),
    "CustomMetricsRefused": Case(
        {one("text_file_up", 'file="x.prom"'): "0x400", one("text_files_left_out"): "1x400"},
        {one("text_file_up", 'file="x.prom"'): "1x400", one("text_files_left_out"): "0x400"},
        15 * MINUTE,
        firing=2,
    ),
    # The clock of another host was ahead when it made its last one.
    "BackupOld": Case({BACKUP: f"{-27 * HOUR}x400", AHEAD: FUTURE}, {BACKUP: f"{-24 * HOUR}x400"}, 10 * MINUTE, firing=2),
    "BackupFailed": Case(
        {FAILED: "1x400", BACKUP: f"{-4 * HOUR}x400", two("backup_failed"): "1x400", AHEAD: FUTURE},
        {FAILED: "1x400", BACKUP: f"{-HOUR}x400"},
        10 * MINUTE,
        firing=2,
    ),
    "RestoreNotProven": Case(
        {DRILL_FAILED: "1x400", DRILLED: "0x400", DRILLED_LATE: f"-{15 * DAY + 1}x400", DRILLED_AHEAD: FUTURE},
        {DRILL_FAILED: "0x400", DRILLED: f"-{14 * DAY}x400"},
        10 * MINUTE,
        firing=3,
    ),
    "DiskFilling": Case({STAGE: "3x400"}, {STAGE: "2x400"}, MINUTE),
    "DiskFullSoon": Case({FULL: f"{DAY - 1}x400"}, {FULL: f"{DAY + 1}x400"}, 15 * MINUTE),
    "DiskFullInAWeek": Case(
        {FULL: f"{7 * DAY - 1}x400", OTHER_FULL: f"{DAY}x400"},
        {FULL: f"{7 * DAY}x400", OTHER_FULL: f"{DAY - 1}x400"},
        HOUR,
        firing=2,
        late=2 * HOUR,
        step=MINUTE,
    ),
    "GuardFails": Case({one("disk_alarms"): "1x400"}, {one("disk_alarms"): "0x400"}, 15 * MINUTE),
    "NodeStoppedByGuard": Case({one("disk_node_stopped"): "1x400"}, {one("disk_node_stopped"): "0x400"}, 0),
    "PatchesOverdue": Case(
        {OLDEST: f"-{14 * DAY + 1}x400", two("patch_lists_timestamp_seconds"): f"-{14 * DAY + 1}x400"},
        {OLDEST: f"-{13 * DAY}x400", two("patch_lists_timestamp_seconds"): f"-{13 * DAY}x400"},
        15 * MINUTE,
        firing=2,
    ),
    # A scrape may fail within the three days. A reboot in time, and services that were restarted, end it.
    "PatchNotInForce": Case(
        {REBOOT: "1x500 _x2 1x400", STALE: "2x400"},
        {REBOOT: "1x1000 0x400", STALE: "2x1000 0x400"},
        3 * DAY,
        firing=2,
        late=4 * DAY,
        step=4 * MINUTE,
    ),
    "LedgerDown": Case(
        {one("ledger_up"): "0x400", two("ledger_up"): "1x400", 'nodeops_ledger_up{network="n",node="c"}': "1x400"},
        {one("ledger_up"): "0x400", one("disk_node_stopped"): "1x400"},
        MINUTE,
    ),
    # One of three says that blocks come; of three two know that they are behind.
    "NetworkHalted": Case(
        {HEAD: "-61x400", two("ledger_head_timestamp_seconds"): "-90x400", HEAD.replace('"a"', '"c"'): "0+15x400"},
        {
            HEAD: "0+15x400",
            **{HEAD.replace('"a"', f'"{node}"'): "-90x400" for node in "bc"},
            **{LAG.replace('"a"', f'"{node}"'): "21x400" for node in "bc"},
        },
        MINUTE,
    ),
    # One behind two others, one behind its peers; one far above two others makes nobody stalled.
    "NodeStalled": Case(
        {
            HEIGHT: "79x400",
            **{HEIGHT.replace('"a"', f'"{node}"'): "100x400" for node in "bc"},
            LAG.replace('"a"', '"b"'): "21x400",
        },
        {HEIGHT: "80x400", two("ledger_height_blocks"): "100x400", HEIGHT.replace('"a"', '"c"'): "900000x400", LAG: "20x400"},
        5 * MINUTE,
        firing=2,
    ),
    # Two of three; one of three: a node that has not read the newest commits, or lies.
    "QuorumMarginZero": Case(
        {MARGIN: "0x400", two("quorum_margin_power"): "-1x400", MARGIN.replace('"a"', '"c"'): "1x400"},
        {MARGIN: "0x400", two("quorum_margin_power"): "1x400", MARGIN.replace('"a"', '"c"'): "1x400"},
        MINUTE,
    ),
    # One that was away for 90 blocks is back for six minutes.
    "ValidatorMissesBlocks": Case(
        {MISSED: "0+1x400", SIGNED: "0+14x400"},
        {MISSED: "0+1x400", SIGNED: "0+24x400", **votes("b", "0x95 90x400", "0+15x400")},
        5 * MINUTE,
    ),
    # Two of three count one round lost in eight blocks; of three one that caught up does, and a witness counts no votes. In the
    # other network rounds were lost until five minutes ago.
    "RoundsLost": Case(
        {
            **votes("a", "0x400", "0+16x400", "0+2x400"),
            **votes("b", "0+1x400", "0+15x400", "0+2x400"),
            **votes("c", "0x400", "0+16x400"),
        },
        {
            **votes("a", "0x400", "0+16x400", "0+1x400"),
            **votes("b", "0+1x400", "0+15x400", "0+1x400"),
            **votes("c", "0x400", "0+90x400", "0+80x400"),
            **votes("d", "0x400", "0x400", "0+16x400"),
            **votes("a", "0x400", "0+16x400", "0+3x100 303x400", "m"),
        },
        5 * MINUTE,
        begins=15 * MINUTE,
    ),
    # Neither a witness, nor who catches up.
    "NodeWithoutVote": Case(
        power("a", "validator", 0),
        {**power("a", "validator", 5), **power("b", "witness", 0), **power("c", "validator", 0, catching_up=1)},
        15 * MINUTE,
    ),
    # Node a misses 3.2 % for ten hours, which is 1.4 % of a day; b misses 2 % for two days. What is burnt stays in its windows.
    "VotesBudgetBurns": Case(
        {**votes("a", "0x560 3.2+3.2x400", "0+96.8x400"), **votes("b", "0+2x400", "0+98x400")},
        {
            # Good; bad until three hours ago; bad for three hours until half an hour ago; bad for 16 minutes; new, and bad since.
            **votes("a", "0+1.4x400", "0+98.6x400"),
            **votes("b", "0+5x670 3350x400", "0+95x400"),
            **votes("c", "0x660 8+8x50 408x400", "0+92x400"),
            **votes("d", "0x716 30+30x400", "0+60x400"),
            **votes("e", "_x640 0+90x400", "_x640 0+10x400"),
        },
        0,
        firing=2,
        vanished=1,
        late=2 * DAY,
        step=4 * MINUTE,
    ),
    # After nine samples of 100 and four of 40 the mean is 81.5.
    "BackupShrunk": Case(
        {SIZE: "100x120 40x400"},
        {SIZE: "100x120 42x400", two("backup_size_bytes"): "10x120 100x400"},
        10 * MINUTE,
        begins=8 * HOUR,
        late=12 * HOUR,
        step=4 * MINUTE,
    ),
    "HardeningDrift": Case(
        {one("hardening_lost_controls"): "1x400"},
        {one("hardening_lost_controls"): "0x400", two("hardening_lost_controls"): "2x10 0x400"},
        HOUR,
        # More than a week later it still fires: only mending or a waiver ends it.
        late=8 * DAY,
        step=4 * MINUTE,
    ),
    "MeshNodeIsolated": Case(
        {**path("a", "c", 3), **path("b", "c", 2), **path("a", "d", 3), **closed("b", "d"), **answers("c"), **answers("d")},
        # One of two that lose, and the only one that asks, name nobody. 0.77 of 15.77 is below a twentieth, of 15 above. Of g,
        # which was off for four minutes and is back for one, ExporterDown has said it.
        {
            **path("a", "c", 3),
            **path("b", "c", 0.5),
            **path("d", "e", 3),
            **closed("a", "f"),
            **path("b", "f", unsent=0.77),
            **{name: values for asks in "ab" for name, values in path(asks, "g", "0x100 15+15x16 255x400").items()},
            UP.replace('"a"', '"g"'): "1x100 0x15 1x400",
            **{name: values for node in "cef" for name, values in answers(node).items()},
        },
        2 * MINUTE,
        firing=2,
    ),
    # Whoever else loses; one lost in a hundred is none. 0.303 of 15.303 is below a fiftieth, of 15 above; 0.1505 of 15.1505 below
    # a hundredth. Either end may be told of itself, now or two minutes ago. What was cut until four minutes ago is over.
    "MeshPathLossy": Case(
        {**path("a", "c", 3), **path("b", "c", 0.45), **closed("a", "d"), told("ExporterDown", "c"): "1x80 _x400"},
        {
            **path("a", "c", 3),
            **path("c", "d", 3),
            told("MeshNodeIsolated", "c"): "1x400",
            **closed("a", "e"),
            **path("e", "d", 3),
            told("ExporterDown", "e"): "1x112 _x400",
            **path("a", "d", 0.15),
            **path("a", "f", unsent=0.303),
            **path("a", "h", unsent="0+1x111 112+0.1505x400"),
            **path("a", "i", "0x90 15+15x14 225x400"),
        },
        5 * MINUTE,
        firing=3,
    ),
    "MeshPathSlow": Case({RTT: "0.8x400", HALF_RTT: "0.8x400"}, {RTT: "0.7x400", HALF_RTT: "0.8x400"}, 5 * MINUTE),
    "MonitorSilent": Case(
        # Two of three nodes have not seen it for long; then one of three: it, or its way there, is ill.
        {ASKED.format("a"): "-301x400", ASKED.format("b"): "-301x400", ASKED.format("c"): "0+15x400"},
        {ASKED.format("a"): "-301x400", ASKED.format("b"): "0+15x400", ASKED.format("c"): "0+15x400"},
        MINUTE,
    ),
    # Of one node nothing came for an hour, of one nothing ever did; one is down, of one the lines wait, one spoke 50 minutes ago.
    "LogHostSilent": Case(
        {heard("b"): "-3601x400", heard("c"): "-7200x400", heard("d"): "-7200x400", told("ExporterDown", "a"): "1x400"},
        {
            heard("b"): "-3600+15x400",
            heard("c"): "-7200x400",
            told("ExporterDown", "c"): "1x400",
            heard("d"): "-7200x400",
            told("LogsWait", "d"): "1x400",
        },
        15 * MINUTE,
        firing=3,
    ),
    # What was left out stays told for an hour.
    "LogHostLeavesOut": Case(
        {LEFT_OUT: "0x10 1x400", LEFT_OUT.replace('"b"', '"c"'): "5+5x400"}, {LEFT_OUT: "5x400"}, 0, firing=2, vanished=2
    ),
    "LogHostDown": Case({LOG_HOST_UNIT: "0x400"}, {LOG_HOST_UNIT: "1x400", GUARD: "0x400"}, 2 * MINUTE),
    # The last file of a queue stays; of another node lines waited for a quarter of an hour.
    "LogsWait": Case(
        {WAITING: "1572865x400"},
        {WAITING: "1200000x400", two("log_host_waiting_bytes"): "9000000x60 0x400"},
        30 * MINUTE,
        late=HOUR,
    ),
    "RepositoryDown": Case({REPOSITORY_UNIT: "0x400"}, {REPOSITORY_UNIT: "1x400", LOG_HOST_UNIT: "0x400"}, 2 * MINUTE),
    "StoreFills": Case({FREE: "9x400", SIZE_OF: "100x400"}, {FREE: "10x400", SIZE_OF: "100x400"}, 15 * MINUTE),
    "MonitorPartDown": Case({'up{job="monitor"}': "0x400"}, {'up{job="monitor"}': "1x400", UP: "0x400"}, 2 * MINUTE),
    # Each of the three; one message that failed and then did not; and what a host calls the same.
    "MonitorFails": Case(
        dict.fromkeys(OF_MONITORS, "0+1x400"),
        {UNDELIVERED: "0x100 1x400", DROPPED: "7x400", UNJUDGED.replace('job="monitor"', HOST): "0+1x400"},
        5 * MINUTE,
        firing=3,
    ),
    # Four in the file, one asked; of two both are asked, though one does not answer.
    "HostsUnwatched": Case(
        {HOSTS: "4x400", UP: "1x400", 'up{job="monitor"}': "1x400"},
        {HOSTS: "2x400", UP: "1x400", UP.replace("nodeops", "hosts"): "0x400"},
        30 * MINUTE,
        late=HOUR,
    ),
    "DeadMansSwitch": Case({UP: "1x400"}, {}, 0, vanished=1),
}
# The whole exporter answers and says nothing of its collectors.
BLIND = Case({UP: "1x400"}, {}, 5 * MINUTE)
