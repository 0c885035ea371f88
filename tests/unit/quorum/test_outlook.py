"""The chain as a whole: what it has, who may go, and what is left after that."""

from dataclasses import replace

import pytest

from nodeops.quorum.lease.policy import Lease
from nodeops.quorum.outlook import Outlook, outlook
from nodeops.quorum.policy import Standing
from tests.unit.quorum.lease.samples import MEMBERS, OWNERS, RULE
from tests.unit.quorum.test_policy import NAMES

ADDRESSES = dict(zip(sorted(OWNERS), NAMES, strict=True))
STANDING = Standing(100, True, NAMES[0], dict.fromkeys(NAMES, 1), frozenset(NAMES))


def seen(*silent: str, leases: tuple[str, ...] = (), addresses: dict[str, str] | None = None) -> Outlook:
    live = frozenset(NAMES) - {ADDRESSES[name] for name in silent}
    held = [Lease(name, OWNERS[name], name, "patch", 0, 3600, 10 + place, 0, 1, "") for place, name in enumerate(leases)]
    return outlook(replace(STANDING, live=live), MEMBERS, ADDRESSES if addresses is None else addresses, RULE, held)


@pytest.mark.parametrize(
    ("found", "down", "said"),
    [
        (seen(), ["a-1"], "7 of 7 signing, 5 needed; a-1 may go, after that 1 more voting power"),
        (seen(), ["a-1", "b-1"], "7 of 7 signing, 5 needed; a-1 and b-1 may go, after that none"),
        (seen(), ["a-1", "b-1", "c-1"], "7 of 7 signing, 5 needed; a-1 and b-1 and c-1 may not go together"),
        (seen("c-2"), ["a-1"], "6 of 7 signing, 5 needed; a-1 may go, after that none"),
        (seen("c-1", "c-2"), ["a-1"], "5 of 7 signing, 5 needed; a-1 may not go"),
        (seen("c-1", "c-2"), ["c-1"], "5 of 7 signing, 5 needed; c-1 may go, after that none"),
        (seen("c-1", "c-2", "b-1"), ["c-1"], "4 of 7 signing, 5 needed; c-1 may go, after that none"),
        (seen(leases=("b-1",)), ["a-1"], "7 of 7 signing, 5 needed, 1 under leases of others; a-1 may go, after that none"),
        (seen(leases=("b-1",)), ["b-1"], "7 of 7 signing, 5 needed; b-1 may go, after that 1 more voting power"),
        (seen(leases=("b-1", "c-1")), ["a-1"], "7 of 7 signing, 5 needed, 2 under leases of others; a-1 may not go"),
        (seen("b-1", leases=("b-1", "c-1")), ["a-1"], "6 of 7 signing, 5 needed, 1 under leases of others; a-1 may not go"),
        (seen("c-2", leases=("b-1", "c-1")), ["b-1"], "6 of 7 signing, 5 needed; b-1 may go, after that none"),
        (seen("c-2", leases=("b-1", "c-1")), ["c-1"], "6 of 7 signing, 5 needed, 1 under leases of others; c-1 may not go"),
        (replace(seen(), moving=False), ["a-1"], "the chain stands still at height 100: nobody can tell who is live"),
    ],
)
def test_what_becomes_of_the_chain_is_said_in_numbers(found: Outlook, down: list[str], said: str) -> None:
    assert found.said(down) == said
    assert found.allows(down) == ("may go" in said)


def test_who_may_go() -> None:
    assert seen("c-1", "c-2").may_go() == []
    assert seen("c-2").may_go() == ["a-1", "a-2", "a-3", "b-1", "b-2", "c-1"]
    assert seen(leases=("b-1", "c-1")).may_go() == ["b-1", "c-1"]


def test_a_validator_whose_name_nobody_told_is_counted_and_shown_by_its_address() -> None:
    found = seen(addresses={name: address for name, address in ADDRESSES.items() if name != "c-2"})
    assert (found.live, found.voters[-1].shown) == (7, f"validator {ADDRESSES['c-2'][:12]}")
    assert "c-2" not in found.may_go()
    # Which vote is its own is not known: it may be one that is needed, and a lease on it takes what it may take.
    assert not found.allows(["c-2"])
    assert "c-2 is not told" in found.said(["c-2"])
    leased = seen(addresses={name: address for name, address in ADDRESSES.items() if name != "c-2"}, leases=("c-2",))
    assert leased.promised(["a-1"]) == 1
