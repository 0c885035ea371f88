"""Platform profiles: the data that describe one ledger family. A TOML file in ledger/profiles is a platform."""

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from nodeops.core.errors import InputError
from nodeops.document.fields import Version
from nodeops.document.log_format import LogFormat
from nodeops.document.models import Model, Port


class Release(Model):
    """One version of a ledger that is known to work: its Go module, the package to build and the module's h1: sum."""

    module: str
    package: str
    sum: Annotated[str, Field(pattern=r"^h1:[A-Za-z0-9+/]{43}=$")]


class OwnSource(Model):
    """A version whose source stands in this repository: `folder`, at its top, is a Go module with a program."""

    folder: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


class Quorum(Model):
    """Blocks are committed while live voting power is more than numerator/denominator of the total."""

    numerator: int
    denominator: int
    why: str


class JumpRule(Model):
    """How a chain goes over between two versions, in either direction, where the rule for all others does not hold."""

    between: Annotated[list[Version], Field(min_length=2, max_length=2)]
    how: Literal["rolling", "vote", "never"]
    why: str


class Upgrades(Model):
    """Which versions of a family may run side by side on one chain.

    Versions whose first `alike` numbers are equal do: nodes go over one at a time, and back. All others go over `otherwise`.
    """

    alike: Annotated[int, Field(ge=1, le=3)]
    why: str
    otherwise: Literal["vote", "never"]
    otherwise_why: str
    exceptions: Annotated[list[JumpRule], Field(default_factory=list)]


class Recompute(Model):
    """How a program takes the state of its newest block back: its words, and what it logs when a state is not the chain's."""

    words: Annotated[list[str], Field(min_length=1)]
    disputed: Annotated[str, Field(min_length=1)]
    why: str


class States(Model):
    """How an application hands out the state of a height to nodes that begin later: at each so many heights, the newest two."""

    every_blocks: Annotated[int, Field(ge=10, le=1_000_000)]
    why: str


class Profile(Model):
    """One ledger family, as read from ledger/profiles/<platform>.toml. `log_levels`: the most talkative first.

    `founding` says who is in a genesis: the validators alone, or a group of all organisations that decides on them too.
    """

    platform: str
    title: str
    driver: str
    binary: str
    application: str
    user: str
    unit: str
    log_levels: list[str]
    log: LogFormat
    quorum: Quorum
    ports: dict[str, Port]
    paths: dict[str, str]
    never_touch: list[str]
    releases: dict[str, Release | OwnSource]
    upgrades: Upgrades
    recompute: Recompute | None = None
    states: States | None = None
    founding: Literal["validators", "group"] = "validators"
    status: Literal["supported", "end-of-life"] = "supported"

    @model_validator(mode="after")
    def _levels_are_known(self) -> Self:
        unknown = sorted(set(self.log.levels.values()) - set(self.log_levels))
        if unknown:
            raise ValueError(f"log.levels: {', '.join(unknown)} is not one of log_levels")
        return self


def known_platforms() -> list[str]:
    """Return the names of all platforms that have a profile, sorted."""
    folder = resources.files("nodeops.ledger") / "profiles"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def load_profile(platform: str) -> Profile:
    """Return the profile of a platform, read once. Raise InputError for a platform without one."""
    if platform not in known_platforms():
        raise InputError(
            f"unknown ledger platform '{platform}'",
            where="ledger.platform",
            allowed=", ".join(known_platforms()),
            hint="name one of these, or add a profile (docs/ledger.md)",
        )
    text = (resources.files("nodeops.ledger") / "profiles" / f"{platform}.toml").read_text(encoding="utf-8")
    try:
        return Profile.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise InputError(f"the profile is not valid: {error}", where=f"profiles/{platform}.toml") from error
