"""What two organisations agree on about the service of nodes, and how it is read: strictly, each mistake with its line."""

from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, field_validator, model_validator
from ruamel.yaml.comments import CommentedMap

from nodeops.core.digest import sha256
from nodeops.core.errors import InputError
from nodeops.document.fields import ChainId, Name
from nodeops.document.load import all_problems, plain, read_source
from nodeops.document.models import Model
from nodeops.quorum.lease.bounds import LONGEST_SECONDS
from nodeops.sla.fractions import percent

SCHEMA = "nodeops.sla/1"
_HINT = "docs/sla.md says what each key means"
_MOST_BYTES = 1 << 20
_MONITORS = (
    "needs monitors whose probes stand on the ledger, which this version does not have: only votes of validators are measured"
)
_HALTED = "pivotal: while the chain stands no vote is kept, so no block says who was away; allowed: excluded, counts"
_LATEST_NOTICE = LONGEST_SECONDS // 60 - 1
_NOTICE = f"a lease begins with its own block and ends after 4 h at most; say notice_minutes, 0 to {_LATEST_NOTICE}"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError("is no time zone that this host knows, such as Asia/Shanghai (package tzdata)") from error
    return name


def _share(text: str) -> str:
    if Fraction(text) > 1:
        raise ValueError("is more than the whole")
    return text


def _first_of_month(day: date) -> date:
    if day.day != 1:
        raise ValueError("is no first of a month: periods are whole months")
    return day


Percent = Annotated[str, StringConstraints(pattern=r"^(100(\.0{1,4})?|[1-9]?[0-9](\.[0-9]{1,4})?)$")]
Share = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,2}/[1-9][0-9]{0,2}$"), AfterValidator(_share)]
# A name in the tz database; "localtime" and the like are another zone on each host.
Zone = Annotated[
    str, StringConstraints(pattern=r"^(UTC|[A-Z][A-Za-z_]{1,30}(/[A-Z][A-Za-z0-9_+-]{0,30}){1,2})$"), AfterValidator(_zone)
]
ValidatorAddress = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{40}$")]
FirstOfMonth = Annotated[date, AfterValidator(_first_of_month)]


def _refuse(data: Any, key: str, why: str) -> Any:
    if isinstance(data, dict) and key in data:
        raise ValueError(f"{key}: {why}")
    return data


class Service(Model):
    """Which nodes are served: each validator by its name, with the address (40 upper-case hex digits) of its key for votes."""

    kind: Literal["peer-nodes"]
    nodes: Annotated[dict[Name, ValidatorAddress], Field(min_length=1, max_length=100)]

    @field_validator("kind", mode="before")
    @classmethod
    def _measured(cls, kind: Any) -> Any:
        if kind in ("gateway", "network"):
            raise ValueError(f"{kind} {_MONITORS}")
        return kind

    @field_validator("nodes")
    @classmethod
    def _each_its_own(cls, nodes: dict[str, str]) -> dict[str, str]:
        if len(set(nodes.values())) < len(nodes):
            raise ValueError("two nodes have one address")
        return nodes


class Valid(Model):
    """From which day on the contract holds, and from which on no more."""

    since: FirstOfMonth
    until: FirstOfMonth

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since >= self.until:
            raise ValueError("until: is not after since")
        return self


class Calendar(Model):
    """What is accounted at once: calendar months, which begin and end by the clock of a time zone."""

    unit: Literal["month"]
    zone: Zone


class ValidatorIndicator(Model):
    """`votes`: a slice is good when a validator voted for at least this share of its blocks."""

    votes: Share


class Indicator(Model):
    """What is measured."""

    validator: ValidatorIndicator

    @model_validator(mode="before")
    @classmethod
    def _measured(cls, data: Any) -> Any:
        return _refuse(data, "other", _MONITORS)


class Maintenance(Model):
    """A slice that is bad is no fault under a lease on the node that stood on the ledger so many minutes before the slice began;
    of such slices as many as fit into so many minutes of a period."""

    notice_minutes: Annotated[int, Field(ge=0, le=_LATEST_NOTICE)]
    most_minutes: Annotated[int, Field(ge=1, le=44640)]

    @model_validator(mode="before")
    @classmethod
    def _announced(cls, data: Any) -> Any:
        return _refuse(data, "notice_hours", _NOTICE)


class Band(Model):
    """With an availability below so many percent, so many percent of the price are given back."""

    below: Percent
    percent: Percent


class Contract(Model):
    """A contract on service levels. Numbers with a point are text, in quotes."""

    schema_name: Annotated[Literal["nodeops.sla/1"], Field(alias="schema")]
    contract: Name
    chain: ChainId
    provider: Name
    customer: Name
    service: Service
    valid: Valid
    period: Calendar
    slice_seconds: Literal[10, 12, 15, 20, 30, 60, 100, 150, 180, 300, 450, 900]
    indicator: Indicator
    objective: Percent
    combine: Literal["each-node", "worst", "mean"]
    maintenance: Maintenance | None = None
    network_halt: Literal["excluded", "counts"]
    unmeasured: Literal["bad", "excluded"]
    duplicate_vote_credit: Percent
    credits: Annotated[list[Band], Field(min_length=1, max_length=20)]
    claim_days: Annotated[int, Field(ge=1, le=366)]

    @field_validator("network_halt", mode="before")
    @classmethod
    def _provable(cls, rule: Any) -> Any:
        if rule == "pivotal":
            raise ValueError(_HALTED)
        return rule

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.provider == self.customer:
            raise ValueError("customer: is the provider itself")
        if percent(self.credits[0].below) > percent(self.objective):
            raise ValueError("credits: the first is owed although the objective was met")
        pairs = zip(self.credits, self.credits[1:], strict=False)
        if any(percent(a.below) <= percent(b.below) or percent(a.percent) >= percent(b.percent) for a, b in pairs):
            raise ValueError("credits: each has a lower `below` and a higher `percent` than the one before")
        return self


def load_contract(path: Path) -> tuple[Contract, str]:
    """Return the contract in a file, and the SHA-256 of its bytes. Raise InputError that lists every mistake with its line."""
    digest = sha256(_bytes_of(path))
    source = read_source(path)
    if not isinstance(source.tree, CommentedMap):
        raise InputError("is not a mapping of keys", where=f"{path}:1", hint=_HINT)
    try:
        return Contract.model_validate(plain(source.tree)), digest
    except ValidationError as error:
        raise all_problems(source, error, Contract, _HINT) from error


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), hint=_HINT) from error
    if len(data) > _MOST_BYTES:
        raise InputError(f"has more than {_MOST_BYTES} bytes", where=str(path), hint=_HINT)
    return data
