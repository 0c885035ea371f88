"""Protocol Buffers wire format: the few shapes that CometBFT hashes and signs, and reading fields one by one. Pure.

Source: the Protocol Buffers encoding guide. As proto3 demands, scalar fields that hold their default are left out;
a message field is written even when it is empty, because CometBFT marks those fields as never absent.
"""

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_UINT64 = 1 << 64
# ceil(64 / 7): more groups than this hold no 64-bit integer.
_MOST_GROUPS = 10


def varint(value: int) -> bytes:
    """Return a 64-bit integer in base 128, low group first. Negative numbers take their two's complement."""
    rest, groups = value % _UINT64, bytearray()
    while rest > 0x7F:
        groups.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*groups, rest])


def delimited(data: bytes) -> bytes:
    """Return bytes preceded by their length."""
    return varint(len(data)) + data


def integer(field: int, value: int) -> bytes:
    """Return an int32, int64, uint32, uint64 or enum field; nothing for 0."""
    return _tag(field, _VARINT) + varint(value) if value else b""


def fixed64(field: int, value: int) -> bytes:
    """Return an sfixed64 field, eight bytes little-endian; nothing for 0."""
    return _tag(field, _FIXED64) + (value % _UINT64).to_bytes(8, "little") if value else b""


def blob(field: int, value: bytes) -> bytes:
    """Return a bytes or string field; nothing when it is empty."""
    return message(field, value) if value else b""


def message(field: int, encoded: bytes) -> bytes:
    """Return a field that holds an encoded message, also when that message is empty."""
    return _tag(field, _BYTES) + delimited(encoded)


def _tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field, in the order of the bytes: an unsigned 64-bit integer, or bytes.

    Raise ValueError for bytes that end too early and for wire types that nothing here is written in.
    """
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == _BYTES:
            if value > len(data) - at:
                raise ValueError(f"field {tag >> 3} is longer than what is there")
            yield tag >> 3, data[at : at + value]
            at += value
        elif tag & 7 == _VARINT:
            yield tag >> 3, value
        else:
            raise ValueError(f"field {tag >> 3} has wire type {tag & 7}")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a place, and the place behind it."""
    value = 0
    for group, byte in enumerate(data[at : at + _MOST_GROUPS]):
        value |= (byte & 0x7F) << 7 * group
        if byte < 0x80 and value < _UINT64:
            return value, at + group + 1
    raise ValueError("ends inside an integer, or the integer is too large")
