"""Take a lab down: see, decide, do; and stop the engine when it was ours and nobody uses it."""

from pathlib import Path

import docker

from nodeops.core.result import Result
from nodeops.lab import act, plan
from nodeops.lab.engine import HOME, Say, our_process, reach, stop_if_ours
from nodeops.lab.observe import observe
from nodeops.lab.state import Act, Step


def down(lab: str, folder: Path, declared: frozenset[str], purge: bool, dry_run: bool, say: Say) -> Result:
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
    steps += _engine_step(client, dry_run, lines)
    return Result({"lab": lab, "dry_run": dry_run, "images_kept": kept}, lines=lines, changes=[step.change for step in steps])


def _engine_step(client: docker.DockerClient | None, dry_run: bool, lines: list[str]) -> list[Step]:
    """Stop the engine when it is ours and idle, and say what became of it."""
    if client is None or our_process(HOME) is None:
        return []
    if dry_run or not stop_if_ours(client, HOME):
        lines.append("the Docker engine was started by nodeops; it is stopped once it has no container left")
        return []
    return [Step(Act.STOP_ENGINE, "", "nodeops started it, and it has no container left")]
