"""The plan of x/upgrade, as a node says that it is: what the chain decided on, what it carried out. Nothing here is proven."""

from dataclasses import dataclass
from typing import Annotated

from nodeops.ledger.cosmos.group import asked
from nodeops.ledger.cosmos.messages import Plan
from nodeops.ledger.driver import Driver

_CURRENT, _APPLIED = "/cosmos.upgrade.v1beta1.Query/CurrentPlan", "/cosmos.upgrade.v1beta1.Query/AppliedPlan"


@dataclass(frozen=True)
class _Nothing:
    """cosmos.upgrade.v1beta1.QueryCurrentPlanRequest."""


@dataclass(frozen=True)
class _Current:
    plan: Annotated[Plan | None, 1]


@dataclass(frozen=True)
class _Named:
    name: Annotated[str, 1]


@dataclass(frozen=True)
class _Height:
    height: Annotated[int, 1]


def planned(driver: Driver) -> Plan | None:
    """Return the plan that the chain will carry out, None without one. Raise HostError for an answer that is none."""
    return asked(driver, _CURRENT, _Nothing(), _Current).plan


def carried_out(driver: Driver, name: str) -> int:
    """Return the height at which the chain went over to a version by a plan, 0 when it never did. Raise as `planned`."""
    return asked(driver, _APPLIED, _Named(name), _Height).height
