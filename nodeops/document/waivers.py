"""Read waivers.yml: which controls an organisation leaves out, who answers for it, and until when."""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from nodeops.core.errors import InputError
from nodeops.document.load import Source, all_problems, plain, read_source
from nodeops.document.models import Consortium, Model, Waiver

WAIVERS_FILE = "waivers.yml"
# A waiver is looked at again at least once a year.
MOST_DAYS = 366
_HINT = "see docs/hardening.md"


class _File(Model):
    waivers: list[Waiver]


def load_waivers(
    folder: Path, consortium: Consortium, known: Collection[str] | None = None, today: date | None = None
) -> list[Waiver]:
    """Return the waivers of an inventory folder; none when it has no waivers.yml.

    Raise InputError, with the line, for a key that is unknown or missing, for a scope that the consortium does not have,
    for a control that is not in `known` (None: not looked at), and for an end more than MOST_DAYS after `today` (UTC);
    all of them at once.
    """
    path = folder / WAIVERS_FILE
    if not path.exists():
        return []
    source = read_source(path)
    try:
        found = _File.model_validate(plain(source.tree)).waivers
    except ValidationError as error:
        raise all_problems(source, error, _File, hint=_HINT) from error
    scopes = {"all", *consortium.organisations, *consortium.nodes, *consortium.monitors, *consortium.repositories}
    last = (today or datetime.now(UTC).date()) + timedelta(days=MOST_DAYS)
    problems = [
        problem
        for number, waiver in enumerate(found)
        for problem in _problems(waiver, scopes, known, last, _Place(source, number))
    ]
    if problems:
        raise InputError.of_all(problems)
    return found


class _Place:
    """Where in the file a waiver stands."""

    def __init__(self, source: Source, number: int) -> None:
        self._source, self._number = source, number

    def wrong(self, key: str, what: str, allowed: str) -> InputError:
        """Return the error of one key."""
        where = self._source.where(["waivers", self._number, key])
        return InputError(f"{key}: {what}", where=where, allowed=allowed, hint=_HINT)


def _problems(
    waiver: Waiver, scopes: Collection[str], known: Collection[str] | None, last: date, place: _Place
) -> Iterator[InputError]:
    if waiver.scope not in scopes:
        yield place.wrong("scope", f"'{waiver.scope}' is no organisation or host of the consortium", ", ".join(sorted(scopes)))
    if known is not None and waiver.control not in known:
        yield place.wrong("control", f"there is no control '{waiver.control}'", "what `nodeops hardening list` shows")
    if waiver.expires > last:
        text = f"{waiver.expires} is too far away for {waiver.control}"
        yield place.wrong("expires", text, f"a date until {last}: a waiver is looked at again once a year")
