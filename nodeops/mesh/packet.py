"""One probe and its answer: 64 bytes each, so that an answer is never larger than what asked for it. Pure.

 0  4  magic "nmp1"
 4  1  kind: 1 question, 2 answer
 5  3  zero
 8  8  who sent it: the first bytes of the SHA-256 of its public key
16  8  run: drawn when the asking process starts, so that an answer to an earlier process is not taken for one of this
24  8  number of the question
32  8  hold: nanoseconds between question and answer within the host that answers; 0 in a question
40  8  zero
48 16  tag: HMAC-SHA256 over all before it, by the key that the two share, cut to 128 bits
"""

import hmac
import struct
from dataclasses import dataclass

SIZE = 64
QUESTION, ANSWER = 1, 2
_BODY = struct.Struct("!4sB3x8s8sQQ8x")
_MAGIC = b"nmp1"


@dataclass(frozen=True)
class Packet:
    """What a probe says. `sender` and `run` are 8 bytes each, `hold` is in nanoseconds."""

    kind: int
    sender: bytes
    run: bytes
    number: int
    hold: int = 0


def packed(packet: Packet, key: bytes) -> bytes:
    """Return the 64 bytes of a packet, with the tag that only the two who share the key can make."""
    body = _BODY.pack(_MAGIC, packet.kind, packet.sender, packet.run, packet.number, packet.hold)
    return body + _tag(body, key)


def sender(data: bytes) -> bytes | None:
    """Return who says it sent this, before anything of it is believed; None for what is no probe."""
    if len(data) != SIZE or data[:4] != _MAGIC or data[4] not in (QUESTION, ANSWER):
        return None
    return data[8:16]


def opened(data: bytes, key: bytes) -> Packet | None:
    """Return what was sent by someone who has the key, None when the tag says otherwise."""
    if not hmac.compare_digest(data[-16:], _tag(data[:-16], key)):
        return None
    _, kind, who, run, number, hold = _BODY.unpack(data[:-16])
    return Packet(kind, who, run, number, hold)


def _tag(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:16]
