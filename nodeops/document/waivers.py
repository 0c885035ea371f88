"""Read waivers.yml: which controls an organisation leaves out, who answers for it, and until when."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from nodeops.core.errors import InputError
from nodeops.document.load import Source, plain, read_source
from nodeops.document.models import Consortium, Model, Waiver

WAIVERS_FILE = "waivers.yml"
# A waiver is looked at again at least once a year.
MOST_DAYS = 366


class _File(Model):
    waivers: list[Waiver]


def load_waivers(
    folder: Path, consortium: Consortium, known: Collection[str] | None = None, today: date | None = None
) -> list[Waiver]:
    """Return the waivers of an inventory folder; none when it has no waivers.yml.

    Raise InputError, with the line, for a key that is unknown or missing, for a scope that the consortium does not have,
    for a control that is not in `known` (None: not looked at), and for an end more than MOST_DAYS after `today` (UTC).
    """
    path = folder / WAIVERS_FILE
    if not path.exists():
        return []
    source = read_source(path)
    try:
        found = _File.model_validate(plain(source.tree)).waivers
    except ValidationError as error:
        item = error.errors()[0]
        text = f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}"
        raise InputError(
            text, where=source.where(item["loc"]), allowed=", ".join(Waiver.model_fields), hint="see docs/hardening.md"
        ) from error
    scopes = {"all", *consortium.organisations, *consortium.nodes}
    for number, waiver in enumerate(found):
        _check(waiver, scopes, known, (today or datetime.now(UTC).date()) + timedelta(days=MOST_DAYS), _Place(source, number))
    return found


class _Place:
    """Where in the file a waiver stands."""

    def __init__(self, source: Source, number: int) -> None:
        self._source, self._number = source, number

    def wrong(self, key: str, what: str, allowed: str) -> InputError:
        """Return the error of one key."""
        where = self._source.where(["waivers", self._number, key])
        return InputError(f"{key}: {what}", where=where, allowed=allowed, hint="see docs/hardening.md")


def _check(waiver: Waiver, scopes: Collection[str], known: Collection[str] | None, last: date, place: _Place) -> None:
    if waiver.scope not in scopes:
        raise place.wrong("scope", f"'{waiver.scope}' is no organisation or node of the consortium", ", ".join(sorted(scopes)))
    if known is not None and waiver.control not in known:
        raise place.wrong("control", f"there is no control '{waiver.control}'", "what `nodeops hardening list` shows")
    if waiver.expires > last:
        text = f"{waiver.expires} is too far away for {waiver.control}"
        raise place.wrong("expires", text, f"a date until {last}: a waiver is looked at again once a year")
