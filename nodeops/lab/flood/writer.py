"""Write numbered lines into a log, so many bytes a second: a program for a lab's host, sent to its Python.

    python3 writer.py LOG BYTES_A_SECOND SECONDS [USER]

Each line has its number and 32 digits by chance, as a hash would have: it becomes about a tenth when it is compressed, like the
ledger's own at level debug. The log is opened first and then written as USER: systemd opens it for the ledger in the same way,
and what a filesystem keeps for root is not for a ledger. Prints as JSON how many lines and bytes it wrote, how long that took
and the slowest write.
"""

import json
import os
import pwd
import sys
import time

_LINES = 500
# How long a full disk is waited for after the end, so that the last line is whole.
_PATIENCE_SECONDS = 60
_PADDING = "received message on a channel that everybody talks about at length".ljust(104, ".")
_TEXT = f"] flood %012d {_PADDING} module=flood hash=%s\n"


def chunk(first: int) -> bytes:
    """Return the next lines, numbered from `first`, with the time of now in UTC."""
    now = time.time()
    stamp = f"D[{time.strftime('%Y-%m-%d|%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03d}"
    digits = os.urandom(16 * _LINES).hex()
    values = [value for line in range(_LINES) for value in (first + line, digits[32 * line : 32 * line + 32])]
    return ((stamp + _TEXT) * _LINES % tuple(values)).encode()


def flood(log: str, rate: float, seconds: float, user: str) -> dict[str, float]:
    """Append lines at a rate (bytes a second) until the time is over. A full disk is waited for, but not longer than that."""
    written, slowest, number, waited = 0, 0.0, 1, 0.0
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    if user:
        os.setgroups([])
        os.setuid(pwd.getpwnam(user).pw_uid)
    begin = time.monotonic()
    while (now := time.monotonic()) - begin < seconds:
        if (ahead := written / rate - (now - begin)) > 0:
            time.sleep(ahead)
        data = chunk(number)
        while data and (at := time.monotonic()) - begin < seconds + _PATIENCE_SECONDS:
            try:
                done = os.write(handle, data)
            except OSError:
                waited += 0.05
                time.sleep(0.05)
                continue
            slowest = max(slowest, time.monotonic() - at)
            data, written = data[done:], written + done
        # What a full disk did not take in the end was not written.
        number += _LINES - data.count(b"\n")
    os.close(handle)
    taken = time.monotonic() - begin
    return {"lines": number - 1, "bytes": written, "seconds": taken, "slowest_write": slowest, "waited_for_room": waited}


if __name__ == "__main__":
    path, rate_text, seconds_text, *more = sys.argv[1:]
    json.dump(flood(path, float(rate_text), float(seconds_text), more[0] if more else ""), sys.stdout)
