"""The TCP connections of this host as its kernel counts them: asked over netlink (sock_diag), which needs no right.

Nothing that Python has says a connection's retransmits or path MTU; `ss -ti` reads the same answer.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import chain, count

from nodeops.mesh.carried import Connection

# include/uapi/linux/{netlink,sock_diag,inet_diag,tcp}.h: part of the kernel's lasting interface.
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _DONE, _ERROR = 4, 20, 3, 2
_REQUEST_DUMP = 0x301
_WITH_INFO, _INFO = 1 << 1, 2
_ESTABLISHED = 1 << 1
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI48x")
_ENDS = struct.Struct("!4xHH16s16s")
_COOKIE = struct.Struct("=Q")
_COOKIE_AT, _ATTRIBUTES_AT = 44, 72
_ATTRIBUTE = struct.Struct("=HH")
# struct tcp_info, which only ever grows at its end.
_MTU_AT, _RETRANSMITTED_AT, _SEGMENTS_AT = 60, 100, 156
_COUNT, _ERRNO = struct.Struct("=I"), struct.Struct("=i")
_MOST_BYTES, _SECONDS = 1 << 16, 2.0


def established() -> list[Connection]:
    """Return the established TCP connections of this network namespace. Raise OSError when the kernel does not say."""
    return [one for family in (socket.AF_INET, socket.AF_INET6) for one in _of(family)]


def _of(family: int) -> Iterator[Connection]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asked:
        asked.settimeout(_SECONDS)
        request = _REQUEST.pack(family, socket.IPPROTO_TCP, _WITH_INFO, _ESTABLISHED)
        asked.sendto(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + request, (0, 0))
        yield from answered(asked.recv(_MOST_BYTES) for _ in count())


def answered(pieces: Iterable[bytes]) -> Iterator[Connection]:
    """Yield the connections of an answer that comes in pieces. Raise OSError when the kernel says it is not whole."""
    for kind, body in chain.from_iterable(map(_messages, pieces)):
        if kind in (_DONE, _ERROR):
            _require_end(kind, body)
            return
        if (found := _connection(body)) is not None:
            yield found
    raise OSError(errno.EPROTO, "the kernel's answer has no end")


def _require_end(kind: int, body: bytes) -> None:
    """Raise OSError unless the last message says that the list is whole: both kinds hold an errno, negative where it is not."""
    if len(body) < _ERRNO.size:
        raise OSError(errno.EPROTO, "the kernel's answer ends in the middle")
    (said,) = _ERRNO.unpack_from(body)
    if kind == _ERROR or said < 0:
        raise OSError(abs(said) or errno.EPROTO, f"the kernel shows no connections: {os.strerror(abs(said) or errno.EPROTO)}")


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        if length < _HEADER.size:
            return
        yield kind, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def _connection(body: bytes) -> Connection | None:
    """Return what one answer says; None for one without the figures, of a kernel or a connection that has none."""
    info = dict(_attributes(body[_ATTRIBUTES_AT:])).get(_INFO, b"")
    if len(info) < _SEGMENTS_AT + _COUNT.size:
        return None
    local, remote, _, address = _ENDS.unpack_from(body)
    (cookie,) = _COOKIE.unpack_from(body, _COOKIE_AT)
    figures = (_COUNT.unpack_from(info, at)[0] for at in (_MTU_AT, _SEGMENTS_AT, _RETRANSMITTED_AT))
    return Connection(cookie, local, remote, _address(body[0], address), *figures)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]


def _address(family: int, raw: bytes) -> str:
    """Return an address as members have it: one of IPv4 is no other for having come through a socket of IPv6."""
    found = ip_address(raw[:4] if family == socket.AF_INET else raw)
    return str(getattr(found, "ipv4_mapped", None) or found)
