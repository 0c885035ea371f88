"""The signing state of a validator while a test works on its node. It may never fall: what was signed could be signed again."""

import json
from itertools import pairwise

# A shell line. The file is replaced in one go, so it is always there, and whole; what stays for some milliseconds is seen.
WATCH = """python3 -u -c '
import json, time
last = None
while True:
    try:
        found = json.load(open("/var/lib/ledger/data/priv_validator_state.json"))
        now = [int(found["height"]), found["round"], found["step"]]
    except (OSError, ValueError):
        now = [0, 0, 0]
    if now != last:
        print(json.dumps(now))
    last = now
    time.sleep(0.005)
'"""


def seen(said: str) -> list[list[int]]:
    """Return the states that `WATCH` said: height, round and step of each."""
    return [json.loads(line) for line in said.split("\n") if line]


def falls(states: list[list[int]]) -> list[tuple[list[int], list[int]]]:
    """Return each two states of which the later is the lower one. One that is gone is the lowest of all."""
    return [(earlier, later) for earlier, later in pairwise(states) if later < earlier]


def assert_never_fell(states: list[list[int]]) -> None:
    """Fail unless a signing state was watched that rose, and never fell."""
    assert len(states) > 3, states
    assert states[-1] > states[0], states
    assert falls(states) == []
