"""One random schedule: who is hurt when, who does what, who is killed; then all is mended, and what was begun is gone on with."""

from collections.abc import Callable
from functools import partial
from random import Random

from tests.unit.lifecycle.schedules import runs
from tests.unit.lifecycle.schedules.world import BAD, NEW, OLD, BrokenError, Node, World

_SECONDS, _MORE_RUNS = 500, 6
_FAULTS = ("dead", "partitioned", "full", "slow", "lies")
_SIZES = ((4, 3), (4, 2), (7, 3), (7, 2))


class Schedule:
    """A schedule that follows from its number alone."""

    def __init__(self, number: int) -> None:
        self.dice = Random(number)
        nodes, organisations = self.dice.choice(_SIZES)
        names = [f"n-{place + 1}" for place in range(nodes)]
        owners = [f"{'abc'[place % organisations]}" for place in range(nodes)]
        self.world = World({name: Node(name, owner, 1) for name, owner in zip(names, owners, strict=True)})
        self.work: dict[str, runs.Steps] = {}
        self.goal: dict[str, str] = {}
        self.ends: dict[int, Callable[[], None]] = {}

    def play(self) -> None:
        """Play it. Raise BrokenError with what happened."""
        try:
            for _ in range(_SECONDS):
                self._happen()
                self._step()
            self._mend()
            self._go_on()
        except BrokenError as error:
            raise BrokenError("\n".join([str(error), *self.world.told[-60:]])) from error

    def _happen(self) -> None:
        if self.dice.random() < 0.02:
            self._hurt()
        if self.dice.random() < 0.03:
            self._begin()
        if self.work and self.dice.random() < 0.01:
            self._kill(self.dice.choice(sorted(self.work)))
        if mend := self.ends.pop(self.world.now, None):
            mend()

    def _step(self) -> None:
        """Let every run do what it does in a second, then let it pass."""
        for organisation in sorted(self.work):
            try:
                next(self.work[organisation])
            except StopIteration as ended:
                self.world.say(f"{organisation}'s run ended: {ended.value}")
                del self.work[organisation]
        self.world.tick()

    def _hurt(self) -> None:
        """Hurt somebody for a while; at most as many as the chain can do without, or it stands by itself."""
        whole = [one for one in self.world.nodes.values() if not one.away and not one.slow and not one.lies]
        if len(self.world.nodes) - len(whole) < (len(self.world.nodes) - 1) // 3:
            node, fault = self.dice.choice(whole), self.dice.choice(_FAULTS)
            self._set(node, fault)
            self.ends[self.world.now + self.dice.randint(5, 200)] = partial(self._heal, node)

    def _set(self, node: Node, fault: str) -> None:
        self.world.say(f"{node.name} is {fault}")
        node.slow, node.lies = node.slow or fault == "slow", node.lies or fault == "lies"
        if fault in ("dead", "partitioned", "full"):
            node.away.add(fault)
            node.seen_until = self.world.height
        if fault == "dead":
            node.runs = None

    def _heal(self, node: Node) -> None:
        self.world.say(f"{node.name} is whole again")
        node.slow = node.lies = False
        down = "dead" in node.away
        node.away -= set(_FAULTS)
        if down:
            node.boot()

    def _begin(self) -> None:
        """Begin a run of an organisation that has none."""
        idle = sorted({one.organisation for one in self.world.nodes.values()} - set(self.work))
        if not idle:
            return
        organisation = self.dice.choice(idle)
        name, run = self._chosen(organisation)
        self.world.say(f"{organisation} begins: {name}")
        self.work[organisation] = run(self.world, organisation)

    def _chosen(self, organisation: str) -> tuple[str, runs.Run]:
        back = partial(runs.roll_back, leaves=NEW)
        choices: dict[str, runs.Run] = {
            "upgrade": runs.upgrade_to(NEW),
            "upgrade to what crashes": runs.upgrade_to(BAD),
            "rollback": lambda world, own: back(world, own),
            "restart": runs.restart,
            "patch": runs.patch(self.dice),
        }
        name = self.dice.choice(sorted(choices))
        self.goal[organisation] = {"upgrade": NEW, "rollback": OLD}.get(name, self.goal.get(organisation, OLD))
        return name, choices[name]

    def _kill(self, organisation: str) -> None:
        """Kill a controller and its verb. systemd ends what it has begun: a ledger that was stopped is started."""
        self.world.say(f"{organisation}'s controller is killed")
        self.work.pop(organisation).close()
        for node in self.world.nodes.values():
            if node.organisation == organisation and "ours" in node.away and "dead" not in node.away:
                node.boot()

    def _mend(self) -> None:
        for organisation in sorted(self.work):
            self._kill(organisation)
        for node in self.world.nodes.values():
            self._heal(node)
            if "ours" in node.away or node.runs is None:
                node.boot()
        for _ in range(60):
            self.world.tick()

    def _go_on(self) -> None:
        """Do what each organisation wanted last until it is so: it must come to an end, in few runs."""
        owners = sorted({one.organisation for one in self.world.nodes.values()})
        left = dict.fromkeys(owners, _MORE_RUNS)
        while wrong := [one for one in self.world.nodes.values() if not self._right(one)]:
            for organisation in sorted({one.organisation for one in wrong} - set(self.work)):
                left[organisation] -= 1
                if left[organisation] < 0:
                    raise BrokenError(f"{organisation} cannot come to {self._want(organisation)}: {', '.join(map(str, wrong))}")
                self.work[organisation] = self._again(organisation)
            self._step()
        self._end()

    def _end(self) -> None:
        """Let runs end that have nothing left to do."""
        until = self.world.now + _SECONDS
        while self.work and self.world.now < until:
            self._step()
        if self.work:
            raise BrokenError(f"the runs of {', '.join(self.work)} never end")

    def _want(self, organisation: str) -> str:
        return self.goal.get(organisation, OLD)

    def _again(self, organisation: str) -> runs.Steps:
        """Return the run that a person would begin, with the word for a chain that stands where it does."""
        self.world.word = not self.world.moves()
        self.world.say(f"{organisation} goes on to {self._want(organisation)}{', with the word' if self.world.word else ''}")
        over = self._want(organisation) == NEW
        return runs.upgrade_to(NEW)(self.world, organisation) if over else _back(self.world, organisation)

    def _right(self, node: Node) -> bool:
        return node.signs and node.installed == node.runs == self._want(node.organisation)


def _back(world: World, organisation: str) -> runs.Steps:
    for leaves in (BAD, NEW):
        ended = yield from runs.roll_back(world, organisation, leaves)
        if ended != "done":
            return ended
    return "done"
