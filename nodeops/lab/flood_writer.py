"""Write numbered lines into a log, so many bytes a second: a program for a lab's host, sent to its Python.

    python3 flood_writer.py LOG BYTES_A_SECOND SECONDS [FIRST]

Each line has its number and 32 digits by chance, as a hash would have: it becomes about a tenth when it is compressed, like the
ledger's own at level debug. Prints as JSON how many lines and bytes it wrote, how long that took and the slowest write.
"""

import json
import os
import sys
import time

_LINES = 500
_PADDING = "received message on a channel that everybody talks about at length".ljust(104, ".")
_TEXT = f"] flood %012d {_PADDING} module=flood hash=%s\n"


def chunk(first: int) -> bytes:
    """Return the next lines, numbered from `first`, with the time of now in UTC."""
    now = time.time()
    stamp = f"D[{time.strftime('%Y-%m-%d|%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03d}"
    digits = os.urandom(16 * _LINES).hex()
    values = [value for line in range(_LINES) for value in (first + line, digits[32 * line : 32 * line + 32])]
    return ((stamp + _TEXT) * _LINES % tuple(values)).encode()


def flood(log: str, rate: float, seconds: float, first: int) -> dict[str, float]:
    """Append lines at a rate (bytes a second) until the time is over. A full disk is waited for, as a patient writer would."""
    written, slowest, number, waited = 0, 0.0, first, 0.0
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    begin = time.monotonic()
    while (now := time.monotonic()) - begin < seconds:
        if (ahead := written / rate - (now - begin)) > 0:
            time.sleep(ahead)
        data = chunk(number)
        while data:
            at = time.monotonic()
            try:
                done = os.write(handle, data)
            except OSError:
                waited += 0.05
                time.sleep(0.05)
                continue
            slowest = max(slowest, time.monotonic() - at)
            data, written = data[done:], written + done
        number += _LINES
    os.close(handle)
    taken = time.monotonic() - begin
    return {"lines": number - first, "bytes": written, "seconds": taken, "slowest_write": slowest, "waited_for_room": waited}


if __name__ == "__main__":
    path, rate_text, seconds_text, *more = sys.argv[1:]
    json.dump(flood(path, float(rate_text), float(seconds_text), int(more[0]) if more else 1), sys.stdout)
