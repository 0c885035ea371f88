"""The page of all controls, from the catalogue."""

from collections.abc import Iterator
from pathlib import Path

from nodeops.hardening.controls.catalogue import Control, catalogue

_REFERENCES = {"cis12": "CIS Debian 12", "cis13": "CIS Debian 13", "anssi": "ANSSI-BP-028", "lynis": "Lynis"}


def lines(_: Path) -> Iterator[str]:
    """Yield the lines of the page."""
    controls = list(catalogue().values())
    yield from (
        "# Controls",
        "",
        f"{len(controls)} controls. `nodeops hardening explain CONTROL` says exactly what one sets.",
        "",
    )
    for topic in sorted({control.topic for control in controls}):
        yield from (f"## {topic}", "", "| control | what and why | could break | also asked by |", "|---|---|---|---|")
        yield from (_row(control) for control in controls if control.topic == topic)
        yield ""


def _row(control: Control) -> str:
    numbers = {name: getattr(control.references, key) for key, name in _REFERENCES.items()}
    asked = "; ".join(f"{name} {', '.join(found)}" for name, found in numbers.items() if found)
    where = f" Where: {', '.join(control.applies_when)}." if control.applies_when else ""
    seen = " Not seen in a container." if control.testable == "host" else ""
    text = f"{control.title}: {control.why}.{where}{seen}"
    return f"| `{control.id}` ({control.severity}) | {_text(text)} | {_text(control.breaks)} | {asked} |"


def _text(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|").replace("*", "\\*")
