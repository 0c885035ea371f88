"""Read the node document on a host."""

from pathlib import Path

from pydantic import ValidationError

from nodeops.core.errors import HostError
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import host_paths


def load_node_document(path: Path | None = None) -> NodeDocument:
    """Return this host's node document. Raise HostError when there is none or when it is not whole."""
    file = path or Path(host_paths()["document"])
    try:
        return NodeDocument.model_validate_json(file.read_bytes())
    except FileNotFoundError as error:
        hint = "run ansible-playbook site.yml from the controller; this verb is for hosts"
        raise HostError("this host has no node document", where=str(file), hint=hint) from error
    except OSError as error:
        raise HostError(f"the node document cannot be read: {error.strerror}", where=str(file), hint="run as root") from error
    except ValidationError as error:
        item = error.errors()[0]
        text = f"the node document is damaged: {'.'.join(map(str, item['loc']))}: {item['msg']}"
        raise HostError(text, where=str(file), hint="run ansible-playbook site.yml to write it anew") from error
