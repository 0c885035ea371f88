"""Bring a binary of known SHA-256 from a URL or a file: streamed, bounded in size and time, checked before it counts."""

import hashlib
import time
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, url2pathname, urlopen

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from nodeops.artifacts.cache import Say, opened_file
from nodeops.artifacts.plan import FromFile, FromUrl, origin
from nodeops.core.errors import HostError, InputError

# Ledger binaries are 20 to 200 MB; a source that sends more is not one.
MAX_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 20
_SOCKET_SECONDS = 30
_TRANSFER_SECONDS = 1800
_ATTEMPTS = 3


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes:
        """Return at most so many bytes, as soon as there are any; none at the end."""


def transfer(source: FromUrl | FromFile, target: Path, say: Say) -> None:
    """Write the binary to `target`.

    Raise InputError when the source is not there or its SHA-256 is not the one given, HostError when it cannot be
    reached, breaks off, or is larger than MAX_BYTES.
    """
    where, place = origin(source), _place(source)
    found = _copy_file(place, target, where, say) if isinstance(place, Path) else _download(place, target, where, say)
    if found != source.sha256:
        what = f"has SHA-256 {found}, not the one given"
        raise InputError(
            what, where=where, allowed=source.sha256, hint="nothing was changed; ask whoever published it for its checksum"
        )


def _place(source: FromUrl | FromFile) -> Path | str:
    """Return the path of a local source, the URL of another."""
    if isinstance(source, FromFile):
        return Path(source.path).expanduser()
    parts = urlsplit(source.url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else source.url


def _copy_file(path: Path, target: Path, where: str, say: Say) -> str:
    try:
        with opened_file(path) as file:
            return _stream(file, target, where, say)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where) from error


def _download(url: str, target: Path, where: str, say: Say) -> str:
    attempts = Retrying(
        retry=retry_if_exception(_may_pass), stop=stop_after_attempt(_ATTEMPTS), wait=wait_exponential(0.5, max=10), reraise=True
    )
    try:
        return attempts(_download_once, url, target, where, say)
    except HTTPError as error:
        kind = InputError if 400 <= error.code < 500 else HostError
        raise kind(f"the server answers {error.code}", where=where, hint="check the URL") from error
    except (OSError, HTTPException) as error:
        # URLError carries its cause; only that is worth a line.
        reason = getattr(error, "reason", None) or error
        raise HostError(f"cannot be downloaded: {reason}", where=where, hint="check the network and the URL") from error


def _may_pass(error: BaseException) -> bool:
    """Tell whether trying again may help: lost connections and busy servers, not answers that say no."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code == 429
    return isinstance(error, OSError | HTTPException)


def _download_once(url: str, target: Path, where: str, say: Say) -> str:
    # The scheme was checked when the override was read: https or http.
    with urlopen(Request(url, headers={"User-Agent": "nodeops"}), timeout=_SOCKET_SECONDS) as answer:  # noqa: S310
        length = answer.headers.get("Content-Length", "")
        found = _stream(answer, target, where, say)
    if length.isdigit() and target.stat().st_size != int(length):
        raise HTTPException(f"broke off after {target.stat().st_size} of {length} bytes")
    return found


def _stream(source: _Stream, target: Path, where: str, say: Say) -> str:
    digest, size, end = hashlib.sha256(), 0, time.monotonic() + _TRANSFER_SECONDS
    with target.open("wb") as file:
        # read1 gives what is there: a source that sends a byte a second must meet the end of its time, too.
        while chunk := source.read1(_CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_BYTES:
                raise HostError(f"sends more than {MAX_BYTES >> 20} MiB", where=where, hint="this is not a ledger binary")
            if time.monotonic() > end:
                raise HostError(f"took more than {_TRANSFER_SECONDS} s", where=where, hint="fetch it by hand, use source: file")
            digest.update(chunk)
            file.write(chunk)
            say(f"{where}: {size >> 20} MiB")
    return digest.hexdigest()
