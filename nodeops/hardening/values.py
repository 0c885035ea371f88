"""What the placeholders in the values of controls stand for on one host. Pure."""

from nodeops.document.models import NodeDocument
from nodeops.hardening.catalogue import Control
from nodeops.hardening.settings import Setting


def expanded(control: Control, document: NodeDocument) -> Control:
    """Return a control with the placeholders of all its texts filled in: {banner}, {operators} and others."""
    return control.model_copy(update={"sets": [_setting(setting, document) for setting in control.sets]})


def _setting(setting: Setting, document: NodeDocument) -> Setting:
    filled = {key: _value(value, document) for key, value in setting.model_dump().items()}
    return setting.model_copy(update=filled)


def _value(value: object, document: NodeDocument) -> object:
    if isinstance(value, list):
        return [_value(one, document) for one in value]
    return _text(value, document) if isinstance(value, str) else value


def _text(text: str, document: NodeDocument) -> str:
    choices = document.limits
    values = {
        "{banner}": choices.hardening.banner,
        "{operators}": ",".join(choices.firewall.operators) or "127.0.0.1",
        "{operators_spaced}": " ".join(choices.firewall.operators),
        "{ssh_port}": str(choices.firewall.ssh_port),
        "{ledger_unit}": document.ledger.unit,
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return text
