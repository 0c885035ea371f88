"""Ask a host that takes logs whether it takes those of this one: each side proves by its certificate who it is."""

import socket
import ssl
from collections.abc import Iterable
from pathlib import Path

from nodeops.core.printable import printable

_SECONDS = 15.0
# In TLS 1.3 a server refuses a certificate only after the client has taken the connection for made: one trip later, and when
# it gets to it. One that is busy and not waited for would pass for one that takes logs.
_REFUSED_WITHIN_SECONDS = 3.0


def refusal(address: str, port: int, name: str, trust: str, certificate: str, key: str) -> str:
    """Return why a host does not take what this one sends it, empty when it does.

    `name` must stand in its certificate, which the file `trust` vouches for; `certificate` and `key` are files of this host.
    """
    try:
        context = ssl.create_default_context(cafile=trust)
        context.load_cert_chain(certificate, key)
    except OSError as error:
        return f"{trust}, {certificate} or its key cannot be used: {_said(error)}"
    try:
        with (
            socket.create_connection((address, port), _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as link,
        ):
            return _answer(link)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not trusted: {printable(error.verify_message)}"
    except ssl.SSLError as error:
        return f"it does not agree to TLS with this host's certificate: {_said(error)}"
    except OSError as error:
        return f"it cannot be reached: {_said(error)}"


def _answer(link: ssl.SSLSocket) -> str:
    """Return what is wrong when the other side ends a connection on which nothing was sent; one that takes logs is silent."""
    link.settimeout(_REFUSED_WITHIN_SECONDS)
    try:
        link.recv(1)
    except TimeoutError:
        return ""
    except OSError:
        pass
    return "it does not let in this host's certificate"


def _said(error: OSError) -> str:
    return printable(error.strerror or str(error) or type(error).__name__)


def waiting_bytes(files: Iterable[str]) -> int:
    """Return how much waits on the disk in the files of a queue."""
    return sum(file.stat().st_size for file in map(Path, files) if file.is_file())
