"""Take a lab down: see, decide, do; and say of an engine that we started that it runs on, or stop it when asked."""

from pathlib import Path

import docker

from nodeops.core.result import Result
from nodeops.lab import act, plan
from nodeops.lab.engine.engine import HOME, EngineHome, Say, our_process, reach, stop_if_ours
from nodeops.lab.observe import observe
from nodeops.lab.state import Act, Step


def down(lab: str, folder: Path, declared: frozenset[str], purge: bool, engine: bool, dry_run: bool, say: Say) -> Result:
    """Take a lab down and return what was removed. Raise HostError, Refused, Timeout."""
    client = reach(say, may_start=not dry_run)
    seen = observe(client, lab, folder)
    steps = plan.plan_down(lab, str(folder), declared, seen, purge)
    if client is not None and not dry_run:
        act.remove(act.Site(client, HOME, folder, seen, say), steps)
    kept = sorted(set(seen.images) - set(act.subjects(steps, Act.REMOVE_IMAGE)))
    lines = [f"lab {lab} is down" if steps else f"lab {lab} was not up"] if not dry_run else []
    lines += [f"images stay as a cache: {', '.join(kept)} (remove them with --purge)"] if kept and not purge else []
    lines += [f"images in use by other labs stay: {', '.join(kept)}"] if kept and purge else []
    steps += engine_step(client, HOME, engine, dry_run, lines)
    return Result({"lab": lab, "dry_run": dry_run, "images_kept": kept}, lines=lines, changes=[step.change for step in steps])


def engine_step(client: docker.DockerClient | None, home: EngineHome, stop: bool, dry_run: bool, lines: list[str]) -> list[Step]:
    """Stop the engine when that is asked for, it is ours and idle; else say that it runs on. Others may be at work with it."""
    if client is None or our_process(home) is None:
        return []
    if not stop:
        lines.append("the Docker engine that nodeops started runs on; nodeops lab down --engine stops it")
        return []
    if dry_run or not stop_if_ours(client, home):
        lines.append("the Docker engine was started by nodeops; it is stopped once it has no container left")
        return []
    return [Step(Act.STOP_ENGINE, "", "nodeops started it, and it has no container left")]
