"""What the placeholders in the values of controls stand for on one host. Pure."""

from collections.abc import Mapping

from nodeops.document.models import HostDocument, NodeDocument
from nodeops.hardening.controls.catalogue import Control
from nodeops.hardening.controls.settings import Setting

_LEDGER = "{ledger_unit}"
# Written by logging.forwarding, where a log host outside of the consortium file is chosen.
_OUTSIDE = "/etc/rsyslog.d/90-nodeops-log-host.pem"


def is_about_ledgers(control: Control) -> bool:
    """Tell whether a control says something of a ledger alone, as the catalogue has it: a host without one has nothing to set."""
    return bool(control.sets) and all(_LEDGER in setting.model_dump_json() for setting in control.sets)


def expanded(control: Control, document: HostDocument) -> Control:
    """Return a control with the placeholders of all its texts filled in: {banner}, {operators} and others.

    A setting whose placeholder stands for nothing is left out: the organisation did not choose it.
    """
    values = _values(document)
    kept = [setting for setting in control.sets if not _chosen_by_nobody(setting.model_dump_json(), values)]
    return control.model_copy(update={"sets": [_setting(setting, values) for setting in kept]})


def _chosen_by_nobody(text: str, values: Mapping[str, str]) -> bool:
    return any(name in text and not value for name, value in values.items())


def _setting(setting: Setting, values: Mapping[str, str]) -> Setting:
    return setting.model_copy(update={key: _value(value, values) for key, value in setting.model_dump().items()})


def _value(value: object, values: Mapping[str, str]) -> object:
    if isinstance(value, list):
        return [_value(one, values) for one in value]
    return _text(value, values) if isinstance(value, str) else value


def _text(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _values(document: HostDocument) -> dict[str, str]:
    choices, patching = document.limits, document.organisations[document.own.organisation].patching
    ends = [*choices.hardening.jump_for, *_own_ends(document)]
    return {
        "{banner}": choices.hardening.banner,
        "{operators}": ",".join(choices.firewall.operators),
        "{operators_spaced}": " ".join(choices.firewall.operators),
        "{ssh_port}": str(choices.firewall.ssh_port),
        "{jump_for}": " ".join(ends),
        "{tcp_forwarding}": "local" if ends else "no",
        "{no_forwarding}": "no" if ends else "yes",
        "{ssh_groups}": " ".join(choices.hardening.ssh_groups),
        _LEDGER: document.ledger.unit if isinstance(document, NodeDocument) else "",
        **_log_host(document),
        # Debian's timer asks for no window: where there are some, patches come by `nodeops patch`, which does.
        "{unattended}": "0" if patching else "1",
    }


def _log_host(document: HostDocument) -> dict[str, str]:
    """Return whom a host sends its logs, and by what each of both is known; nothing of it where none is chosen."""
    chosen, paths = (document.limits.hardening.log_host if document.kind == "node" else None), document.paths
    return {
        "{log_host}": chosen.address if chosen else "",
        "{log_host_port}": str(chosen.port) if chosen else "",
        "{log_host_name}": chosen.certified_name if chosen else "",
        "{log_host_authority}": (chosen.authority or "") if chosen else "",
        "{log_host_trust}": (_OUTSIDE if chosen.authority else paths["log_host_authority"]) if chosen else "",
        "{log_host_queue}": str(chosen.queue_bytes) if chosen else "",
        "{host_certificate}": paths["exporter_certificate"],
        "{host_key}": paths["exporter_key"],
    }


def _own_ends(document: HostDocument) -> list[str]:
    """Return what people reach through a login to a monitor: its services listen on loopback, and SSH is the way to them."""
    if document.kind != "monitor":
        return []
    local = sorted(port.port for port in document.serves.values() if port.scope == "local")
    return [f"{host}:{port}" for port in local for host in ("127.0.0.1", "localhost")]
