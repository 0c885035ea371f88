"""Times and durations as people write them: 13:00, yesterday, -2h, 1h30m. Pure."""

import re
from datetime import datetime, timedelta, tzinfo

from nodeops.core.errors import InputError

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPOKEN = "'2026-11-25 13:00', 13:00, 2026-11-25T13:00:00+01:00, -2h (30m, 1d, ...), today, yesterday, now"


def moment(text: str, now: float, zone: tzinfo, where: str) -> float:
    """Return the Unix seconds of a moment as people write it; without an offset it is of `zone`.

    `now` are Unix seconds, `where` is the option it was written for. Raise InputError when it is none.
    """
    spoken = text.strip()
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    words = {"now": now, "today": today.timestamp(), "yesterday": (today - timedelta(days=1)).timestamp()}
    if spoken in words:
        return words[spoken]
    try:
        if spoken.startswith("-"):
            return now - duration(spoken[1:], where)
        if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", spoken):
            spoken = f"{today.date()} {spoken:0>{5 if spoken.count(':') == 1 else 8}}"
        found = datetime.fromisoformat(spoken)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError, InputError) as error:
        raise InputError(f"'{text}' is not a time", where=where, allowed=_SPOKEN) from error


def duration(text: str, where: str) -> float:
    """Return the seconds of a duration such as 30m, 2h or 1h30m. Raise InputError for anything else, or for none at all."""
    found = re.fullmatch(r"(?:[0-9]{1,6}[smhdw])+", text.strip(), re.ASCII)
    seconds = sum(int(piece[:-1]) * _UNIT_SECONDS[piece[-1]] for piece in re.findall(r"[0-9]+[smhdw]", text)) if found else 0
    if not seconds:
        raise InputError(f"'{text}' is not a duration", where=where, allowed="such as 45s, 30m, 2h, 1h30m, 1d")
    return float(seconds)
