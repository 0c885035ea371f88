"""Ask this host's own exporter over its socket, as its unit answers a monitor; only its user and root may."""

import http.client
import socket
from pathlib import Path

from nodeops.core.errors import HostError

_SECONDS = 20.0
# Hundreds of times what a host exports.
_MOST_BYTES = 8 << 20


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


def asked(path: Path, page: str) -> tuple[int, str]:
    """Return status and text of a page of the exporter. Raise HostError when it does not answer."""
    connection = _Connection(path)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST_BYTES).decode("utf-8")
    except PermissionError as error:
        raise HostError("the exporter's socket is for its user and root", where=str(path), hint="run with sudo") from error
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        hint = "systemctl status nodeops-exporter; this verb is for hosts"
        raise HostError(f"the exporter of this host does not answer: {error}", where=str(path), hint=hint) from error
    finally:
        connection.close()
