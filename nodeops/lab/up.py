"""Bring a lab up: see, decide, do, and say what came of it."""

from collections.abc import Mapping, Sequence

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.lab import act, boot, containers, plan
from nodeops.lab.engine import images
from nodeops.lab.engine.engine import HOME, Say, reach
from nodeops.lab.observe import observe
from nodeops.lab.parallel import each
from nodeops.lab.spec import Lab
from nodeops.lab.state import SSH_CONFIG_FILE, Act, Probe, Step


def up(lab: Lab, recreate: bool, dry_run: bool, say: Say) -> Result:
    """Bring a lab up and return its hosts and what was changed. Raise HostError, Refused, Timeout."""
    client = reach(say, may_start=not dry_run)
    seen = observe(client, lab.name, lab.folder, ask_hosts=True)
    tags = images.image_tags()
    steps = plan.plan_up(lab, tags, containers.SETTINGS_DIGEST, seen, recreate)
    if dry_run or client is None:
        engine = [Step(Act.START_ENGINE, "", "none answers")] if client is None else []
        return Result({"lab": lab.name, "dry_run": True}, changes=[step.change for step in (*engine, *steps)])
    site = act.Site(client, HOME, lab.folder, seen, say)
    probes = act.bring_up(site, lab, tags, steps)
    each(lambda host: boot.check_ready(lab.name, host.name, host.address, probes[host.name]), lab.hosts)
    return up_result(lab, steps, probes, site)


def up_result(lab: Lab, steps: Sequence[Step], probes: Mapping[str, Probe], site: act.Site) -> Result:
    """Return what is said of a lab that was brought up: how to reach it, and what of it is not well."""
    hosts = [
        {"name": host.name, "address": host.address, "release": host.release, "state": probes[host.name].state}
        for host in lab.hosts
    ]
    config = str(lab.folder / SSH_CONFIG_FILE)
    surplus = sorted({host.node for host in site.seen.hosts} - {host.name for host in lab.hosts})
    lines = [f"lab {lab.name} is up; reach a host: nodeops lab ssh {lab.hosts[0].name}, or ssh -F {config} {lab.hosts[0].name}"]
    lines += [f"{name} is no longer in consortium.yml and was left as it is; `nodeops lab down` removes it" for name in surplus]
    return Result(
        {"lab": lab.name, "subnet": lab.subnet, "ssh_config": config, "hosts": hosts, "surplus": surplus},
        tables=[Table(("host", "address", "release", "state"), [tuple(host.values()) for host in hosts])],
        lines=lines,
        findings=[
            *(Finding("package cache", Verdict.WARN, "running", what, "hosts fetch from their mirror") for what in site.lacking),
            *(_unwell(name, probe) for name, probe in probes.items() if probe.state != "running"),
        ],
        changes=[step.change for step in steps],
    )


def _unwell(name: str, probe: Probe) -> Finding:
    return Finding(f"host {name}", Verdict.WARN, "running", boot.unwell(probe), f"nodeops lab ssh {name} -- systemctl --failed")
