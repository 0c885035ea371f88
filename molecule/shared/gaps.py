"""The times between blocks, by the chain's own clock, as one node has them; and blocks that hold evidence against a validator."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from statistics import median

import hosts

# timeout_propose of CometBFT.
ROUND_SECONDS = 3.0
_NO_EVIDENCE = sha256(b"").hexdigest().upper()
_HEADERS = """
import json, sys, urllib.request as u
ask = lambda path: json.loads(u.urlopen("http://127.0.0.1:26657/" + path, timeout=10).read())["result"]
last = int(ask("status")["sync_info"]["latest_block_height"])
found = {}
for low in range(int(sys.argv[1]), last + 1, 20):
    metas = ask("blockchain?minHeight=%d&maxHeight=%d" % (low, min(low + 19, last)))["block_metas"]
    found.update({int(one["header"]["height"]): (one["header"]["time"], one["header"]["evidence_hash"]) for one in metas})
print(json.dumps({"last": last, "blocks": found}))
"""


@dataclass(frozen=True)
class Gap:
    """The longest time between two blocks and the usual one, the median, in seconds; `height` is that of the later block."""

    longest: float
    usual: float
    height: int = 0

    @property
    def ratio(self) -> float:
        """Return the longest gap over what one node that is away may cost: three blocks, and the timeout of a round."""
        return self.longest / (3 * self.usual + ROUND_SECONDS)

    def __str__(self) -> str:
        return f"longest gap {self.longest:.1f} s, usual {self.usual:.1f} s, {self.ratio:.2f} of three blocks and a round"


def height(node: str) -> int:
    """Return the newest height that a node has."""
    return int(json.loads(hosts.script(node, _HEADERS, str(1 << 40)))["last"])


def gap(node: str, first: int) -> Gap:
    """Return the gaps between blocks since a height. The first block of a chain bears the time of its genesis: it is left out."""
    blocks = _blocks(node, max(first, 2))
    gaps = {
        later: (datetime.fromisoformat(blocks[later][0]) - datetime.fromisoformat(blocks[earlier][0])).total_seconds()
        for earlier, later in pairwise(sorted(blocks))
    }
    longest = max(gaps, key=lambda at: gaps[at])
    return Gap(gaps[longest], median(gaps.values()), longest)


def with_evidence(node: str) -> list[int]:
    """Return the heights of all blocks that hold evidence that a validator signed twice."""
    blocks = _blocks(node, 1)
    assert sorted(blocks) == list(range(1, len(blocks) + 1)), "a block is not there"
    return [at for at, (_, digest) in blocks.items() if digest != _NO_EVIDENCE]


def _blocks(node: str, first: int) -> dict[int, tuple[str, str]]:
    found = json.loads(hosts.script(node, _HEADERS, str(first)))["blocks"]
    return {int(at): (row[0], row[1]) for at, row in found.items()}
