"""The plan of an upgrade, and what was carried out, as the application answers; the questions are those of x/upgrade."""

import base64
from typing import Any, cast

import pytest

from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.protowire import blob, integer
from nodeops.ledger.cosmos.codec import encode
from nodeops.ledger.cosmos.messages import Moment, Plan
from nodeops.ledger.cosmos.upgrades import carried_out, planned
from nodeops.ledger.driver import Driver


class Answering:
    """A driver whose application has one answer, in bytes; what it was asked is noted."""

    def __init__(self, value: bytes) -> None:
        self.value, self.asked = value, list[tuple[str, bytes]]()

    def state(self, path: str, data: bytes = b"", **_: Any) -> dict[str, Any]:
        self.asked.append((path, data))
        return {"value": base64.b64encode(self.value).decode()}


def driver(node: Answering) -> Driver:
    return cast(Driver, node)


def test_a_plan_is_read() -> None:
    # Go's zero time, as x/upgrade stores it.
    found = Plan("v0.2.0", Moment(-62135596800), 120)
    node = Answering(blob(1, encode(found)))
    assert planned(driver(node)) == found
    assert node.asked == [("/cosmos.upgrade.v1beta1.Query/CurrentPlan", b"")]


def test_no_plan_is_none() -> None:
    assert planned(driver(Answering(b""))) is None


def test_what_was_carried_out_has_a_height() -> None:
    node = Answering(integer(1, 120))
    assert carried_out(driver(node), "v0.2.0") == 120
    assert node.asked == [("/cosmos.upgrade.v1beta1.Query/AppliedPlan", blob(1, b"v0.2.0"))]
    assert carried_out(driver(Answering(b"")), "v0.1.1") == 0


def test_nonsense_is_refused() -> None:
    with pytest.raises(HostError):
        planned(driver(Answering(b"\xff\xff")))
