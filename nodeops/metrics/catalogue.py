"""The catalogue: which metrics there are, what each means, why it is there and who fills it. Pure.

Every collector has a file in `collectors/` with a table [NAME] for each of its metrics, exported with the prefix `nodeops_`:
base units, and the name says which; a time is a `_timestamp_seconds`. Who the host is (node, organisation, site) are labels of
the target, never of a metric: the monitor says them. `cost` is the most series of one host; N: mount points, D: network
devices, U: units, F: files, C: certificates, P: peers, S: nodes that send their logs.
"""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from nodeops.core.errors import InputError
from nodeops.document.models import Model

PREFIX = "nodeops_"
CATALOGUE = "nodeops/metrics/collectors"
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]
_Text = Annotated[str, Field(min_length=3, max_length=200)]
# Units that a name may end in; a counter's name has _total after it. Others (milli, percent) are for people, not for metrics.
_UNITS = ("seconds", "bytes", "ratio", "blocks")
_NO_UNITS = ("ms", "milliseconds", "minutes", "hours", "days", "kb", "mb", "gb", "kilobytes", "megabytes", "percent", "time")
# Collectors that run on nodes alone, and those that run only where there is no ledger; all others run on every host.
OF_NODES = frozenset({"backup", "disk", "ledger", "mesh", "rounds"})
OF_PLAIN_HOSTS = frozenset({"stores"})


class Metric(Model):
    """One metric. `name` is without the prefix; `cost` the most series of one host; `collector` fills it."""

    name: _Name
    type: Literal["gauge", "counter", "info"]
    collector: _Name
    help: _Text
    why: _Text
    cost: Annotated[str, Field(pattern=r"^[0-9NDUFCPS]+$")]
    labels: list[_Name] = Field(default_factory=list)

    @model_validator(mode="after")
    def _name_says_type_and_unit(self) -> Self:
        end = {"counter": "_total", "info": "_info", "gauge": ""}[self.type]
        if not self.name.endswith(end) or (self.type == "gauge" and self.name.endswith(("_total", "_info"))):
            raise ValueError(f"{self.name}: the name of a {self.type} ends in '{end or 'neither _total nor _info'}'")
        if self._last_word in _NO_UNITS:
            raise ValueError(f"{self.name}: '{self._last_word}' is no base unit; allowed: {', '.join(_UNITS)}")
        return self

    @property
    def _last_word(self) -> str:
        return self.name.removesuffix("_total").rpartition("_")[2]

    @property
    def unit(self) -> str | None:
        """Return the base unit that the name says, None for a plain number."""
        return self._last_word if self._last_word in _UNITS else None

    @property
    def full_name(self) -> str:
        """Return the name as it is exported."""
        return PREFIX + self.name


@cache
def catalogue() -> Mapping[str, Metric]:
    """Return all metrics by their name without the prefix, collector by collector."""
    folder = resources.files("nodeops.metrics") / "collectors"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return joined(parsed(file.name.removesuffix(".toml"), file.read_text(encoding="utf-8")) for file in files)


def joined(parts: Iterable[dict[str, Metric]]) -> dict[str, Metric]:
    """Return the metrics of all collectors. Raise InputError for one that two of them have."""
    found: dict[str, Metric] = {}
    for part in parts:
        for name, row in part.items():
            if name in found:
                raise InputError(f"{name} stands twice, in {found[name].collector} and {row.collector}", where=CATALOGUE)
            found[name] = row
    return found


def parsed(collector: str, text: str) -> dict[str, Metric]:
    """Return the metrics of one collector's file. Raise InputError for one that is not whole."""
    where = f"{CATALOGUE}/{collector}.toml"
    try:
        rows = tomllib.loads(text).items()
        return {name: Metric.model_validate({"name": name, "collector": collector, **row}) for name, row in rows}
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not TOML: {error}", where=where) from error
    except ValidationError as error:
        item = error.errors()[0]
        name = item["input"].get("name", "?") if isinstance(item["input"], dict) else ".".join(map(str, item["loc"]))
        raise InputError(f"{name}: {item['msg'].removeprefix('Value error, ')}", where=where) from error


def collectors(*, ledger: bool) -> list[str]:
    """Return the names of all collectors of a host, which runs a ledger or none."""
    elsewhere = {"exporter", *(OF_PLAIN_HOSTS if ledger else OF_NODES)}
    return sorted({one.collector for one in catalogue().values()} - elsewhere)


def metric(name: str) -> Metric:
    """Return one metric, named with or without the prefix. Raise InputError for one that is not in the catalogue."""
    found = catalogue().get(name.removeprefix(PREFIX))
    if found is None:
        near = [known for known in catalogue() if known.split("_")[0] == name.removeprefix(PREFIX).split("_")[0]]
        raise InputError(
            f"there is no metric '{name}'",
            where=CATALOGUE,
            allowed=", ".join(near or sorted({one.split("_")[0] + "_..." for one in catalogue()})),
            hint="nodeops metrics show",
        )
    return found
