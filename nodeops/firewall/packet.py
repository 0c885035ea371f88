"""The bytes of one packet that opens a connection: IPv4 or IPv6, TCP or UDP. Pure."""

import struct
from ipaddress import ip_address

_NUMBERS = {"tcp": 6, "udp": 17}
_FROM_PORT = 40_000
_HOPS = 64
_SYN = 2


def packet(source: str, destination: str, port: int, protocol: str) -> bytes:
    """Return a packet from a source to a port of a destination; both addresses are of one family."""
    ends = ip_address(source).packed, ip_address(destination).packed
    number = _NUMBERS[protocol]
    inner, at = (_tcp(port), 16) if protocol == "tcp" else (_udp(port), 6)
    pseudo = struct.pack("!II", len(inner), number)
    inner = inner[:at] + struct.pack("!H", _checksum(b"".join(ends) + pseudo + inner)) + inner[at + 2 :]
    return _head(ends, number, len(inner)) + inner


def _tcp(port: int) -> bytes:
    return struct.pack("!HHIIBBHHH", _FROM_PORT, port, 1, 0, 5 << 4, _SYN, 64_240, 0, 0)


def _udp(port: int) -> bytes:
    return struct.pack("!HHHH", _FROM_PORT, port, 8, 0)


def _head(ends: tuple[bytes, bytes], number: int, length: int) -> bytes:
    if len(ends[0]) == 16:
        return struct.pack("!IHBB", 6 << 28, length, number, _HOPS) + b"".join(ends)
    plain = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, _HOPS, number, 0) + b"".join(ends)
    return plain[:10] + struct.pack("!H", _checksum(plain)) + plain[12:]


def _checksum(data: bytes) -> int:
    """Return the Internet checksum of RFC 1071."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
