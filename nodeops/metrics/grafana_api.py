"""Ask a Grafana over its HTTP API."""

import ipaddress
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.metrics.grafana import SOURCE, Answer, Page, asking, judged_health, judged_page, judged_panel, judged_source

_SECONDS = 20.0
_MOST_BYTES = 32 << 20


class Grafana:
    """One server. `pass_file` holds the bearer of a service account; `authority` a certificate to trust, beside the system's."""

    def __init__(self, url: str, pass_file: Path | None, authority: Path | None):
        self._url = _checked(url, bool(pass_file))
        self._bearer = _read(pass_file).strip() if pass_file else ""
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if self._url.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=_context(authority)))
        self._opener = urllib.request.build_opener(*handlers)

    def asked(self, path: str, body: Any = None) -> Answer:
        """Return what Grafana answers to a path; status 0 when it does not answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"})  # noqa: S310 - checked
        if self._bearer:
            request.add_unredirected_header("Authorization", f"Bearer {self._bearer}")
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                return _answer(answer.status, answer.read(_MOST_BYTES))
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(_MOST_BYTES))
        except (OSError, ValueError) as error:
            return Answer(0, str(error))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A login page is not an answer."""

    def redirect_request(self, *_words: Any) -> None:
        return None


def findings(grafana: Grafana, pages: list[Page]) -> Iterator[Finding]:
    """Yield what is to be said of a server, its data source, each dashboard and each panel; nothing more of one that is down."""
    health = judged_health(grafana.asked("/api/health"))
    yield health
    if health.verdict is Verdict.FAIL:
        return
    yield judged_source(grafana.asked(f"/api/datasources/uid/{SOURCE}/health"))
    for page in pages:
        yield judged_page(page, grafana.asked(f"/api/dashboards/uid/{page.uid}"))
        for title, queries in page.panels.items():
            yield judged_panel(page.uid, title, [grafana.asked("/api/ds/query", asking(query)) for query in queries])


def _checked(url: str, secret: bool) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise InputError("is no address of a Grafana", where=url, allowed="https://HOST[:PORT][/PATH], http on loopback")
    if secret and parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise InputError(
            "a service account's bearer does not go over plain HTTP", where=url, allowed="https, or http on loopback"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _context(authority: Path | None) -> ssl.SSLContext:
    try:
        found = ssl.create_default_context()
        if authority:
            found.load_verify_locations(authority)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"cannot be read as certificates: {error}", where=str(authority)) from error
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(file)) from error


def _answer(status: int, text: bytes) -> Answer:
    try:
        found = json.loads(text)
    except ValueError:
        return Answer(status, {"message": "the answer is not JSON"})
    return Answer(status, found if isinstance(found, dict) else {"message": "the answer is no JSON object"})
