"""A contract as two organisations would write it, and blocks and leases without a chain."""

import copy
from typing import Any

from ruamel.yaml import YAML

from nodeops.document.load import plain
from nodeops.ledger.cometbft.double_votes import NO_EVIDENCE
from nodeops.ledger.cometbft.votes import Votes
from nodeops.quorum.lease.policy import Lease
from nodeops.sla.contract import Contract
from nodeops.sla.period import Period
from nodeops.sla.statement import Mark, Measured
from nodeops.sla.tally import Tally

ONE, TWO, OTHER = "1" * 40, "2" * 40, "3" * 40
ALL = frozenset({ONE, TWO, OTHER})
CONTRACT = """\
schema: nodeops.sla/1
contract: gamma-alpha
chain: loopback-1
provider: gamma
customer: alpha
service:
  kind: peer-nodes
  nodes: {gamma-1: "1111111111111111111111111111111111111111", gamma-2: "2222222222222222222222222222222222222222"}
valid: {since: 2026-10-01, until: 2027-10-01}
period: {unit: month, zone: Asia/Shanghai}
slice_seconds: 60
indicator: {validator: {votes: "1/2"}}
objective: "99.9"
combine: each-node
maintenance: {notice_minutes: 30, most_minutes: 240}
network_halt: excluded
unmeasured: bad
duplicate_vote_credit: "100"
credits:
  - {below: "99.9", percent: "10"}
  - {below: "99.0", percent: "25"}
  - {below: "95.0", percent: "100"}
claim_days: 30
"""
# Ten slices of ten seconds.
PERIOD = Period("2026-11", "UTC", 1_800_000_000, 1_800_000_100, 10)


def contract(**changed: Any) -> Contract:
    """Return the contract with other values of its keys."""
    tree = copy.deepcopy(plain(YAML(typ="rt").load(CONTRACT)))
    return Contract.model_validate({**tree, **changed})


def block(second: int, *voted: str, validators: frozenset[str] = ALL, kept_by: str = OTHER) -> Votes:
    """Return a block of a second of the period, whose height is a thousand more."""
    return Votes(1000 + second, PERIOD.start + second, "A" * 64, validators, frozenset(voted), kept_by, NO_EVIDENCE)


def tally(*blocks: Votes) -> Tally:
    found = Tally(PERIOD, [ONE, TWO])
    for one in blocks:
        found.add(one)
    return found


def lease(since: int, until: int, node: str = "gamma-1") -> Lease:
    """Return a lease from one second of the period until another, which need not be in it."""
    return Lease(node, "gamma", "meter", "a disk", PERIOD.start + since, PERIOD.start + until, 900, 0, 1, "0" * 16)


def measured(found: Tally, *leases: Lease) -> Measured:
    mark = Mark(1100, "B" * 64, PERIOD.end)
    return Measured(found, None, mark, mark, mark, leases)
