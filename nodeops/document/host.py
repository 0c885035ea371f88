"""Read the document on a host."""

import json
from pathlib import Path

from pydantic import ValidationError

from nodeops.core.errors import HostError
from nodeops.document.models import HostDocument, NodeDocument, PlainDocument
from nodeops.document.resolve import host_paths


def load_node_document(path: Path | None = None) -> NodeDocument:
    """Return this host's node document. Raise HostError when there is none, when it is not whole, or where no ledger runs."""
    found = load_host_document(path)
    if not isinstance(found, NodeDocument):
        where = str(path or Path(host_paths()["document"]))
        raise HostError(f"this host is the {found.title}: it runs no ledger", where=where, hint="this verb is for nodes")
    return found


def load_host_document(path: Path | None = None) -> HostDocument:
    """Return the document of this host, whatever it is for. Raise HostError when there is none or when it is not whole."""
    file = path or Path(host_paths()["document"])
    try:
        return read_document(file.read_bytes())
    except FileNotFoundError as error:
        hint = "run ansible-playbook site.yml from the controller; this verb is for hosts"
        raise HostError("this host has no node document", where=str(file), hint=hint) from error
    except OSError as error:
        raise HostError(f"the node document cannot be read: {error.strerror}", where=str(file), hint="run as root") from error
    except ValidationError as error:
        item = error.errors()[0]
        text = f"the node document is damaged: {'.'.join(map(str, item['loc']))}: {item['msg']}"
        raise HostError(text, where=str(file), hint="run ansible-playbook site.yml to write it anew") from error


def read_document(text: str | bytes) -> HostDocument:
    """Return the document of a node, or of a host that runs no ledger, from its JSON. Raise ValidationError for anything else."""
    return (PlainDocument if _is_plain(text) else NodeDocument).model_validate_json(text)


def _is_plain(text: str | bytes) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and "host" in found
