"""What an organisation chooses for its monitors, the variables `monitoring_*`, and every mistake in them."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from cryptography import x509

from nodeops.core.errors import InputError

# Faster costs every host, and slower than half a minute leaves rules of a minute without two samples to compare.
LEAST_SCRAPE_SECONDS, MOST_SCRAPE_SECONDS = 5, 30
_DURATION = re.compile(r"(?=.*[1-9])(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_WINDOW = ("from", "until", "why", "nodes")
_PEOPLE = ("monitoring_receiver", "monitoring_dead_man_receiver", "monitoring_critical_receiver")
# Keys of Alertmanager and Prometheus that hold a secret, wherever they stand, and the key that names a file instead.
_SECRETS = {
    **{
        name: f"{name}_file" for name in ("api_key", "auth_password", "auth_secret", "bearer_token", "bot_token", "client_secret")
    },
    **{name: f"{name}_file" for name in ("credentials", "password", "service_key", "token", "user_key", "webhook_url")},
    "api_secret": "api_secret_file",
    "key": "key_file",
    "secret_key": "profile",
}
# The same words mean no secret, or one only there.
_SECRETS_OF = {"pagerduty_configs": {"routing_key": "routing_key_file"}, "slack_configs": {"api_url": "api_url_file"}}
_WITH_PASSWORD = re.compile(r"^[a-z]+://[^/@\s]+:[^/@\s]+@")


def check_monitoring(settings: Mapping[str, Any], organisations: Collection[str], hosts: Collection[str]) -> None:
    """Raise InputError with every mistake in a monitor's settings, by the name of its variable; secrets are not said.

    `organisations` and `hosts` are those of the consortium file. A setting that is not given is not looked at.
    """
    problems = [
        *_numbers(settings),
        *_clients(settings.get("monitoring_clients", [])),
        *_organisations(settings.get("monitoring_organisations", {}), organisations),
        *_windows(settings.get("monitoring_maintenance", []), hosts),
        *_told(settings),
    ]
    if problems:
        raise InputError.of_all(problems)


def _numbers(settings: Mapping[str, Any]) -> Iterator[InputError]:
    name, seconds = "monitoring_scrape_seconds", settings.get("monitoring_scrape_seconds", LEAST_SCRAPE_SECONDS)
    allowed = f"a whole number from {LEAST_SCRAPE_SECONDS} to {MOST_SCRAPE_SECONDS}"
    if not isinstance(seconds, int | str) or not str(seconds).isdecimal():
        yield InputError(f"{seconds!r} is no number of seconds", name, allowed)
    elif not LEAST_SCRAPE_SECONDS <= int(seconds) <= MOST_SCRAPE_SECONDS:
        yield InputError(f"{seconds} seconds: rules that look back a minute would be blind, or hosts busy", name, allowed)
    retention = settings.get("monitoring_retention", "90d")
    if not isinstance(retention, str) or not _DURATION.fullmatch(retention):
        allowed = "numbers with a unit, the longest first: y w d h m s ms, such as 90d"
        yield InputError(f"{retention!r} is no duration, Prometheus would not start", "monitoring_retention", allowed)


def _clients(clients: Any) -> Iterator[InputError]:
    if not isinstance(clients, list):
        yield InputError("is no list", "monitoring_clients", "a list of certificates in PEM")
        return
    for number, text in enumerate(clients):
        if not _is_certificate(text):
            yield InputError(
                "is no certificate",
                f"monitoring_clients[{number}]",
                "PEM: from BEGIN CERTIFICATE to END CERTIFICATE, nothing else",
                "write {{ lookup('file', 'NAME.pem') }} to take it from a file; a key belongs to nobody but its owner",
            )


def _is_certificate(text: Any) -> bool:
    if not isinstance(text, str) or "PRIVATE KEY" in text:
        return False
    try:
        return bool(x509.load_pem_x509_certificates(text.encode()))
    except ValueError:
        return False


def _organisations(receivers: Any, known: Collection[str]) -> Iterator[InputError]:
    if not isinstance(receivers, Mapping):
        yield InputError("is no table", "monitoring_organisations", "a receiver for each organisation, by its name")
        return
    for name in sorted(set(map(str, receivers)) - set(known)):
        what = f"the consortium file has no organisation {name}; its people would never be told"
        yield InputError(what, "monitoring_organisations", ", ".join(sorted(known)))


def _windows(windows: Any, hosts: Collection[str]) -> Iterator[InputError]:
    if not isinstance(windows, list) or not all(isinstance(one, Mapping) for one in windows):
        yield InputError("is no list of windows", "monitoring_maintenance", f"a list with {', '.join(_WINDOW)}")
        return
    for number, window in enumerate(windows):
        yield from _window(window, f"monitoring_maintenance[{number}]", hosts)


def _window(window: Mapping[str, Any], where: str, hosts: Collection[str]) -> Iterator[InputError]:
    for key in sorted(set(map(str, window)) - set(_WINDOW)):
        yield InputError(f"unknown key {key}", where, ", ".join(_WINDOW))
    if not isinstance(window.get("why"), str) or not window["why"].strip():
        yield InputError("says nothing", f"{where}.why", "what is done, in words")
    nodes = window.get("nodes") or []
    if not isinstance(nodes, list):
        yield InputError("is no list", f"{where}.nodes", "a list of hosts of the consortium file")
    else:
        for name in sorted(set(map(str, nodes)) - set(hosts)):
            yield InputError(f"the consortium file has no host {name}", f"{where}.nodes", ", ".join(sorted(hosts)))
    begins, ends = (_moment(window.get(key)) for key in ("from", "until"))
    for key, moment in (("from", begins), ("until", ends)):
        if not moment:
            yield InputError(
                f"{window.get(key)!r} is no time", f"{where}.{key}", "in UTC, in quotes, such as 2026-12-01T20:00:00Z"
            )
    if begins and ends and ends <= begins:
        yield InputError(f"ends at {window['until']}, which is not after it begins", where, f"until later than {window['from']}")


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.strptime(text, _MOMENT)  # noqa: DTZ007 - only compared with another of the same kind
    except (TypeError, ValueError):
        return None


def _told(settings: Mapping[str, Any]) -> Iterator[InputError]:
    for name in (*_PEOPLE, "monitoring_organisations", "monitoring_remote_write"):
        yield from _secrets(settings.get(name), name, {})


def _secrets(value: Any, where: str, here: Mapping[str, str]) -> Iterator[InputError]:
    """Yield the secrets that stand in a receiver, or in its parts; `here` are keys that are secret only in this part."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _secrets(one, f"{where}[{number}]", here)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            files = {**_SECRETS, **here}
            if key in files and one:
                yield _in_a_file(f"{where}.{key}", files[key])
            else:
                yield from _secrets(one, f"{where}.{key}", _SECRETS_OF.get(key, here))
    elif isinstance(value, str) and _WITH_PASSWORD.match(value):
        yield _in_a_file(where, "basic_auth with username and password_file")


def _in_a_file(where: str, instead: str) -> InputError:
    hint = "put it into a file on the monitor that only root and the group prometheus read (0640), and name that"
    return InputError("a secret stands here, and would stand in files, logs and the inventory", where, instead, hint)
