"""Messages out of a stream, as syslog over TLS frames them (RFC 5425): their length in decimal, a blank, the message. Pure."""

# rsyslog cuts what it sends at 8 KiB unless somebody chose otherwise.
MOST_BYTES = 64 << 10
_DIGITS = len(str(MOST_BYTES))


class Frames:
    """What came of a stream, cut into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are whole now. Raise ValueError for what no sender of syslog sends."""
        held, start, found = self._rest + data, 0, list[bytes]()
        while (blank := held.find(b" ", start, start + _DIGITS + 1)) >= 0:
            length = _length(held[start:blank])
            if len(held) < blank + 1 + length:
                break
            found.append(held[blank + 1 : blank + 1 + length])
            start = blank + 1 + length
        self._rest = held[start:]
        if blank < 0 and (len(self._rest) > _DIGITS or not self._rest.isdigit()) and self._rest:
            raise ValueError("a message without its length")
        return found


def _length(digits: bytes) -> int:
    if not digits.isdigit() or digits.startswith(b"0") or int(digits) > MOST_BYTES:
        raise ValueError("a message without its length, or a longer one than is taken")
    return int(digits)
