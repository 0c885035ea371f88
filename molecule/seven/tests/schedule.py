"""A random schedule of operations and faults for real hosts, drawn from its number alone. Pure.

As tests/unit/lifecycle/schedules draws them for a model. A node that lies and a full disk are there only: the one needs another
program, the other a filesystem for each host.
"""

from dataclasses import dataclass
from random import Random

import hosts

SECONDS, STEP = 120, 4
# Any two of seven may be hurt: with a third the chain stands by itself.
MOST_HURT = 2
FAULTS = ("dead", "isolated", "slow", "paused", "killed")
OPERATIONS = ("upgrade", "upgrade to what crashes", "rollback", "restart", "patch", "restart under a lease that ends")


@dataclass(frozen=True)
class Event:
    """What happens at a second: `what` is a fault, an operation or "controller killed"; `who` a node or an organisation."""

    at: int
    what: str
    who: str
    seconds: int = 0

    def __str__(self) -> str:
        return f"{self.at} s {self.who}: {self.what}" + (f" for {self.seconds} s" if self.seconds else "")


def drawn(number: int) -> list[Event]:
    """Return the events of a schedule, in their order. Who is hurt is whole again before the next is hurt in its place."""
    dice, found = Random(number), list[Event]()
    ends: dict[str, int] = {}
    organisations = sorted({node.split("-")[0] for node in hosts.NODES})
    # Something is always begun, so no schedule is without work.
    found.append(Event(0, dice.choice(OPERATIONS), dice.choice(organisations)))
    for at in range(STEP, SECONDS, STEP):
        ends = {node: end for node, end in ends.items() if end > at}
        if dice.random() < 0.12 and len(ends) < MOST_HURT:
            node, seconds = dice.choice([one for one in hosts.NODES if one not in ends]), dice.randint(10, 60)
            found.append(Event(at, dice.choice(FAULTS), node, seconds))
            # A while for it to come back.
            ends[node] = at + seconds + 20
        if dice.random() < 0.12:
            found.append(Event(at, dice.choice(OPERATIONS), dice.choice(organisations)))
        if dice.random() < 0.04:
            found.append(Event(at, "controller killed", dice.choice(organisations)))
    return found
