"""Which questions of a member are new: each number of a run is taken once, so that what is sent again gets nothing. Pure.

As IPsec does it (RFC 4303, 3.4.3): what is newer than all before, or within a window below that and not seen yet, is new.
"""

from dataclasses import dataclass, field

# Packets that overtake each other: with 100 peers a member comes to the same one every hundred numbers.
WINDOW_NUMBERS = 1024
# A run is a start of the member's prober: with one a week, of months.
MOST_RUNS = 16
_ALL = (1 << WINDOW_NUMBERS) - 1


@dataclass
class Once:
    """The questions of one member that were taken."""

    # Run -> its newest number, and a bit for each of the numbers up to it that was seen; the run that was heard last is last.
    _runs: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def take(self, run: bytes, number: int) -> bool:
        """Tell whether a question is new, and take it down."""
        newest, seen = self._runs.get(run, (number, 0))
        if number > newest:
            ahead = min(number - newest, WINDOW_NUMBERS)
            newest, seen = number, (seen << ahead) & _ALL
        behind = newest - number
        if behind >= WINDOW_NUMBERS or seen >> behind & 1:
            return False
        self._runs.pop(run, None)
        self._runs[run] = (newest, seen | 1 << behind)
        if len(self._runs) > MOST_RUNS:
            del self._runs[next(iter(self._runs))]
        return True
