"""Programs that a roll must not spread: a few instructions of x86-64 in an ELF file, so that no compiler is needed."""

import struct
from pathlib import Path

# What the program that crashes says first.
WORDS = b"panic: made to crash\n"
_BASE, _HEADERS = 0x400000, 64 + 56
# write(1, words, len); nanosleep(time, 0); exit(3)
_CRASH = bytes.fromhex(
    "b801000000 bf01000000 be00000000 ba00000000 0f05  b823000000 bf00000000 31f6 0f05  b83c000000 bf03000000 0f05"
)
_AT_WORDS, _AT_LENGTH, _AT_TIME = 11, 16, 28
# pause(), again and again
_HANG = bytes.fromhex("b822000000 0f05 ebf7")


def crashing(file: Path, seconds: int) -> Path:
    """Write a program that says WORDS, goes on for some seconds, and leaves with code 3."""
    code, words = bytearray(_CRASH), _BASE + _HEADERS + len(_CRASH)
    for place, value in ((_AT_WORDS, words), (_AT_LENGTH, len(WORDS)), (_AT_TIME, words + len(WORDS))):
        code[place : place + 4] = struct.pack("<I", value)
    return _written(file, bytes(code) + WORDS + struct.pack("<qq", seconds, 0))


def hanging(file: Path) -> Path:
    """Write a program that does nothing, for ever."""
    return _written(file, _HANG)


def _written(file: Path, code: bytes) -> Path:
    """Write an executable of one segment, as System V ABI and the ELF specification have it."""
    size = _HEADERS + len(code)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    file.write_bytes(ident + header + segment + code)
    file.chmod(0o755)
    return file
