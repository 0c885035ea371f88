"""What controllers do to hosts: each run is a generator that is asked for its next second, and may be killed at any of them."""

from collections.abc import Callable, Generator
from random import Random

from nodeops.document.profile import load_profile
from nodeops.lifecycle.upgrade import policy as upgrades
from nodeops.quorum.policy import Request, elsewhere
from tests.unit.lifecycle.schedules.world import Node, World
from tests.unit.quorum.lease.samples import acquire, release

PROFILE = load_profile("cosmos")
# Seconds: how long a turn is waited for, a "no" is asked again, and a node may take to vote again.
_PATIENCE, _CLOSED, _REJOIN = 900, 45, 40
_DOWN, _SLOW = 3, 25

Steps = Generator[None, None, str]
Run = Callable[[World, str], Steps]


def turn(world: World, node: Node, version: str, request: Request) -> Steps:
    """Write, ask the gate, restart, wait until the node votes again; or put it back. Return how it ended."""
    kept = node.last
    node.installed = version
    yield
    began, refused = world.now, world.now
    while (found := world.asked(node, request)).verdict != "open":
        refused = refused if found.verdict in ("closed", "stands", "silent") else world.now
        if world.now - refused >= _CLOSED or world.now - began >= _PATIENCE:
            node.installed = node.runs or kept
            return f"refused: {found.why}"
        yield
    if "dead" in node.away:
        return "unreachable"
    took_part = node.signs
    world.stop(node, found)
    if (yield from _started(world, node, took_part)):
        return "done"
    node.installed = kept
    node.away.add("ours")
    yield from _started(world, node, took_part)
    return "put back"


def _started(world: World, node: Node, took_part: bool) -> Generator[None, None, bool]:
    """Start what is installed; tell whether the node votes again in time. Who took no part is not waited for, nor remembered."""
    for _ in range(_SLOW if node.slow else _DOWN):
        yield
    if "dead" in node.away:
        return False
    node.boot()
    return not took_part or (yield from _watched(world, node))


def _keep(node: Node) -> None:
    """Remember what it took part with, as `worked` does: what was gone back from is nothing to go back to."""
    if node.runs is None or node.runs == node.last:
        return
    node.former = node.former if node.former == node.runs else node.last
    node.last = node.runs


def _rolled(world: World, organisation: str) -> Request:
    return Request(elsewhere=elsewhere(world.members, {organisation}), chain_stands=world.word)


def _own(world: World, organisation: str) -> dict[str, Node]:
    return {name: one for name, one in world.nodes.items() if one.organisation == organisation}


def upgrade_to(version: str) -> Run:
    """Return a run of upgrade.yml."""

    def upgrade(world: World, organisation: str) -> Steps:
        own = _own(world, organisation)
        if any("dead" in one.away for one in own.values()):
            return "unreachable"
        answers = {name: {"way": upgrades.going(PROFILE, _seen(world, one), version).way} for name, one in own.items()}
        if "refused" in {one["way"] for one in answers.values()}:
            return "refused"
        for name in upgrades.turns(answers, world.powers).order:
            # Who runs it already has no turn but is watched, as the canary of a run that was killed.
            runs_it = own[name].installed == own[name].runs == version
            ended = "done" if runs_it else (yield from turn(world, own[name], version, _rolled(world, organisation)))
            if ended == "done" and not (yield from _watched(world, own[name])):
                ended = yield from _gone_back(world, own[name], version)
            if ended != "done":
                return ended
        return "done"

    return upgrade


def _watched(world: World, node: Node) -> Generator[None, None, bool]:
    """Watch until the chain shows that a node works, and remember that, as `lifecycle watch` does."""
    until = world.now + _REJOIN
    while not world.takes_part(node):
        if world.now >= until:
            return False
        yield
    _keep(node)
    return True


def _known(node: Node) -> upgrades.Known:
    return upgrades.Known(node.installed, node.runs, node.last, node.former)


def _gone_back(world: World, node: Node, leaves: str) -> Steps:
    """Go back from a version, where this node is on it."""
    way = upgrades.way_back(_known(node), leaves)
    if way is None or way[0] == way[1]:
        return "nothing to go back from"
    if way[1] is None:
        return "refused: nothing is kept"
    ended = yield from turn(world, node, way[1], _rolled(world, node.organisation))
    return "went back" if ended == "done" else ended


def _seen(world: World, node: Node) -> upgrades.Standing:
    return upgrades.Standing(node.installed, node.runs, world.height)


def restart(world: World, organisation: str) -> Steps:
    """Restart every node of an organisation: what is installed runs then."""
    for node in _own(world, organisation).values():
        if "dead" in node.away:
            return "unreachable"
        ended = yield from turn(world, node, node.installed, _rolled(world, organisation))
        if ended != "done":
            return ended
    return "done"


def roll_back(world: World, organisation: str, leaves: str) -> Steps:
    """Go back from a version, as rollback.yml does: whoever is not on it has nothing to go back from."""
    for node in _own(world, organisation).values():
        if "dead" in node.away:
            return "unreachable"
        ended = yield from _gone_back(world, node, leaves)
        if ended == "went back" and not (yield from _watched(world, node)):
            return "not seen to work"
        if ended not in ("went back", "nothing to go back from"):
            return ended
    return "done"


def patch(dice: Random) -> Run:
    """Return a run of patch.yml: a lease, work that may last longer than it, a restart of what is installed."""
    held, work = dice.randint(30, 90), dice.randint(1, 120)

    def patched(world: World, organisation: str) -> Steps:
        for node in _own(world, organisation).values():
            if "dead" in node.away:
                return "unreachable"
            if world.moves() and not world.write(organisation, acquire(node.name, held, terms=world.terms)):
                return "no lease"
            for _ in range(work):
                yield
            ended = yield from turn(world, node, node.installed, Request())
            if world.moves():
                world.write(organisation, release(node.name, terms=world.terms))
            if ended != "done":
                return ended
        return "done"

    return patched
