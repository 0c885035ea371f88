"""Which host of the consortium file takes the logs of a node: one of its own organisation, as `log_hosts` names it. Pure."""

from collections.abc import Iterable

from nodeops.core.errors import InputError
from nodeops.document.choices.choices import Choices
from nodeops.document.choices.hardening import LogHost
from nodeops.document.models import Consortium, Monitor, Repository

CHOICE = "log_hosts"


def log_host_of_each(consortium: Consortium, named: Iterable[str], where: str = "nodeops_choices") -> dict[str, str]:
    """Return the log host of each organisation that has one. Raise InputError for a host that cannot be one, and for a second."""
    hosts: dict[str, Monitor | Repository] = {**consortium.monitors, **consortium.repositories}
    found: dict[str, str] = {}
    for name in named:
        if name not in hosts:
            text = f"hardening.{CHOICE} names '{name}', which is no monitor and no repository"
            raise InputError(text, where=where, allowed=", ".join(sorted(hosts)) or "none: consortium.yml names neither")
        organisation = hosts[name].organisation
        if found.setdefault(organisation, name) != name:
            text = f"hardening.{CHOICE} names {found[organisation]} and {name}, both of {organisation}"
            raise InputError(text, where=where, hint="name one log host for each organisation")
    return found


def with_log_host(limits: Choices, consortium: Consortium, organisation: str, port: int) -> Choices:
    """Return the choices for a node of an organisation: its log host is that of `log_hosts`, where these name one of its own.

    Raise InputError for hosts that cannot be log hosts.
    """
    hardening = limits.hardening
    name = log_host_of_each(consortium, hardening.log_hosts).get(organisation)
    if name is None:
        return limits
    hosts: dict[str, Monitor | Repository] = {**consortium.monitors, **consortium.repositories}
    chosen = LogHost(address=hosts[name].address, port=port, name=name)
    return limits.model_copy(update={"hardening": hardening.model_copy(update={"log_host": chosen})})
