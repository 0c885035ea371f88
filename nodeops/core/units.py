"""Bytes as a person says them. Pure."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(number: float) -> str:
    """Return bytes with a unit of 1024."""
    unit = 0
    while abs(number) >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit and abs(number) < 100 else f"{number:.0f} {_UNITS[unit]}"
