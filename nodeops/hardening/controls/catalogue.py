"""The controls: what a hardened node looks like, as data. One TOML file a topic in controls/."""

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from nodeops.core.errors import InputError
from nodeops.document.models import Model
from nodeops.hardening.controls.settings import Setting

ControlId = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$", max_length=80)]


class References(Model):
    """Where others ask for the same: numbers of CIS Debian 12 and 13, of ANSSI-BP-028 v2.0, test ids of Lynis."""

    cis12: list[str] = Field(default_factory=list)
    cis13: list[str] = Field(default_factory=list)
    anssi: list[str] = Field(default_factory=list)
    lynis: list[str] = Field(default_factory=list)


class Control(Model):
    """One thing that a hardened host does.

    `applies_when` names facts (facts.py) that must all be true; "not:" before a name means false. `testable` says where its
    live state can be judged: "host" means that a container shows its machine's state or none. `breaks` says what it could
    break for a ledger node.
    """

    id: ControlId
    title: str
    why: str
    severity: Literal["high", "medium", "low"]
    breaks: str
    references: References = References()
    applies_when: list[str] = Field(default_factory=list)
    testable: Literal["everywhere", "host"] = "everywhere"
    sets: Annotated[list[Setting], Field(min_length=1)]

    @property
    def topic(self) -> str:
        """Return the part before the dot, which is the name of the control's file."""
        return self.id.partition(".")[0]


class _Topic(Model):
    controls: list[Control]


@cache
def catalogue() -> dict[str, Control]:
    """Return all controls by id, sorted. Raise InputError for a file that does not follow the shapes."""
    folder = resources.files("nodeops.hardening") / "controls"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    found: dict[str, Control] = {}
    for file in files:
        for control in _topic(file.name, file.read_text(encoding="utf-8")):
            if control.id in found:
                raise InputError(f"the control {control.id} is there twice", where=f"controls/{file.name}")
            found[control.id] = control
    return dict(sorted(found.items()))


def _topic(name: str, text: str) -> list[Control]:
    try:
        controls = _Topic.model_validate(tomllib.loads(text)).controls
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise InputError(f"the controls are not valid: {error}", where=f"controls/{name}") from error
    strangers = [control.id for control in controls if f"{control.topic}.toml" != name]
    if strangers:
        raise InputError(f"belongs into another file: {', '.join(strangers)}", where=f"controls/{name}")
    return controls
