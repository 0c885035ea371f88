"""How a node goes over to another version: in its turn, at the height that was voted on, or not at all. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nodeops.document.profile import Profile
from nodeops.ledger.jumps import jump

Way = Literal["none", "turn", "wait", "height", "refused"]


@dataclass(frozen=True)
class Planned:
    """An upgrade that the chain will carry out, or did: the version's name, and the height at which all others stop."""

    name: str
    height: int


@dataclass(frozen=True)
class Standing:
    """A node before it goes over.

    `installed` is the version that its next start would take, `runs` that of the process that listens; None where there is none.
    `height` is its newest block. `planned` is what the chain decided and has not done yet, `reached` what its data say that it
    stopped for; both are None where the platform has no votes.
    """

    installed: str | None
    runs: str | None
    height: int = 0
    planned: Planned | None = None
    reached: Planned | None = None


@dataclass(frozen=True)
class Going:
    """What is to be done with a node.

    "none": it runs the version. "turn": when its turn comes. "wait": all nodes go over at `height`, which is not there yet;
    "height": it is there. "refused": nothing may be done, and `why` and `hint` say what stands against it.
    """

    way: Way
    why: str
    hint: str = ""
    height: int = 0


def going(profile: Profile, seen: Standing, target: str) -> Going:
    """Return how a node goes over to a version, from what its chain and its host say."""
    before = seen.runs or seen.installed
    if before is None:
        return Going("refused", "no version is installed here", "run site.yml, which installs nodes")
    if seen.runs == target:
        # A run that was killed before its restart may have left another version's files, which a boot would start.
        left = f"{target} runs, and {seen.installed} would be started next"
        return Going("none", f"{target} runs") if seen.installed == target else Going("turn", left)
    if seen.reached and seen.reached.name == target and seen.runs is None:
        return Going(
            "height", f"the node stands at height {seen.reached.height}, where it was to go over", "", seen.reached.height
        )
    if seen.runs is None:
        return _silent(seen, target)
    found = jump(profile, before, target)
    if seen.planned and seen.planned.name == target:
        return _voted(seen.planned, seen.height)
    if found.how == "rolling":
        return Going("turn", f"{found}: {found.why}")
    hint = "name a version of the same series, or found a new chain"
    if found.how == "vote":
        hint = f"vote on it first: nodeops consortium propose --upgrade-height HEIGHT, with version {target} in consortium.yml"
        if seen.planned:
            hint = f"the chain's plan is {seen.planned.name} at height {seen.planned.height}: name that version, or vote anew"
    return Going("refused", f"{found}: {found.why}", hint)


def _silent(seen: Standing, target: str) -> Going:
    """Return what may be done with a ledger that does not listen: it cannot be asked, and starting it is no upgrade."""
    if seen.installed == target:
        return Going("turn", f"{target} is installed and does not run")
    hint = "start it (nodeops lifecycle restart), go back (nodeops lifecycle rollback), or leave it out (--limit)"
    return Going("refused", f"{seen.installed} is installed and does not run", hint)


def _voted(plan: Planned, height: int) -> Going:
    words = f"all nodes go over to {plan.name} at height {plan.height}"
    if height >= plan.height:
        return Going("height", f"{words}, and this one stands there", "", plan.height)
    return Going("wait", f"{words}; this one is at {height}", "", plan.height)


@dataclass(frozen=True)
class Known:
    """Versions that a host knows: installed (the next start takes it), running, the last that took part, the one before that."""

    installed: str
    runs: str | None
    last: str | None
    former: str | None


def way_back(known: Known, only_from: str = "") -> tuple[str, str | None] | None:
    """Return the version that a node goes back from, and the one that it goes back to; None where it is not on `only_from`.

    To what took part last, unless that is what it comes from. A run that was killed after its first file is gone on with, also
    without `only_from`: the former version is installed, and the process or what is kept as the last is the other one still.
    """
    start = only_from or _begun_from(known) or known.installed
    goal = next((one for one in (known.last, known.former) if one and one != start), known.former)
    begun = known.runs == start or (known.last == start and known.installed == goal)
    return (start, goal) if known.installed == start or begun else None


def _begun_from(known: Known) -> str | None:
    """Return from which version a run began to go back that has not ended: what is installed took part before, and something
    else runs, or took part after it. None where there was no such run."""
    if known.installed not in (known.last, known.former):
        return None
    if known.runs and known.runs != known.installed:
        return known.runs
    return known.last if known.installed == known.former else None


def going_back(profile: Profile, runs: str, former: str | None, carried: Planned | None) -> Going:
    """Return whether a node may go back to the version that it took part with before.

    `carried` is the plan of the version that runs, if the chain went over by one.
    """
    if former is None:
        hint = "name the version in consortium.yml and run playbooks/upgrade.yml"
        return Going("refused", "no former version is kept here", hint)
    if former == runs:
        return Going("none", f"{runs} runs, and nothing that worked later is kept")
    if carried:
        why = f"the chain went over to {carried.name} at height {carried.height} by vote, and {former} stops there"
        return Going("refused", why, "vote on a version that mends it: a chain does not go back")
    found = jump(profile, runs, former)
    if found.how != "rolling":
        return Going("refused", f"{found}: {found.why}", "vote on a version that mends it: a chain does not go back")
    return Going("turn", f"{found}: {found.why}")


@dataclass(frozen=True)
class Turns:
    """Who goes over, in what order; the canary, whose work with the others is watched first; who may step aside for that."""

    order: Sequence[str]
    canary: str | None
    aside: Sequence[str]


def turns(answers: Mapping[str, Mapping[str, Any]], powers: Mapping[str, int], way: str = "turn") -> Turns:
    """Return the order of a roll: no vote first, then the least voting power.

    `answers` is what each node of the run says. A proposer is not kept for last: it changes with every block, and nobody is away
    for less. The canary is the first that votes, also when it went over in an earlier run; there is none once all of them did.
    """
    waiting = [name for name in answers if answers[name].get("way") == way]
    order = _by_power(waiting, powers)
    voters = [name for name in _by_power(answers, powers) if powers[name]]
    old = [name for name in voters if name in waiting]
    gone = [name for name in voters if answers[name].get("way") == "none"]
    canary = (gone or old)[0] if old else None
    if canary in gone:
        # Witnesses keep their place in front of it.
        order = [*(name for name in order if not powers[name]), str(canary), *old]
    aside = [name for name in reversed(old) if name != canary]
    return Turns(order, canary, aside)


def mixed(answers: Mapping[str, Mapping[str, Any]], powers: Mapping[str, int]) -> str:
    """Return what is wrong where some validators wait for a height and others would go in their turn; "" where nothing is."""
    voters = [name for name in sorted(answers) if powers[name]]
    turn = [name for name in voters if answers[name].get("way") == "turn"]
    planned = [name for name in voters if answers[name].get("way") in ("wait", "height")]
    if not (turn and planned):
        return ""
    waits = f"{', '.join(planned)} wait for the height that was voted on"
    return f"{waits}, and {', '.join(turn)} would go before: start or mend these first, or leave them out (--limit)"


def _by_power(names: Iterable[str], powers: Mapping[str, int]) -> list[str]:
    return sorted(names, key=lambda name: (powers[name], name))


@dataclass
class Distance:
    """How far a node is from a height, and for how long it may still take. Times are seconds of one steady clock."""

    until: float
    first: tuple[int, float] | None = None

    def said(self, height: int, goal: int, now: float) -> str | None:
        """Return it in words, with the time that is left at the pace so far; None when the time is over."""
        if now >= self.until:
            return None
        self.first = self.first or (height, now)
        blocks, seconds = height - self.first[0], now - self.first[1]
        left = f", about {(goal - height) * seconds / blocks:.0f} s left" if blocks else ""
        return f"height {height} of {goal}{left}"
