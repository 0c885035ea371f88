"""Words that do not belong into the project: registries chosen for the user, paths of one machine, fields for secrets."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from tests.contract.rules.tree import text_files

# Where packages come from is the choice of each machine (pip.conf, GOPROXY, sources.list, the engine's mirrors).
# docker.io alone is also the name of Debian's package; with a slash it is a registry.
_REGISTRY = re.compile(
    r"\b(?:pypi\.org|files\.pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|registry\.npmjs\.org|deb\.debian\.org"
    r"|security\.debian\.org|galaxy\.ansible\.com|registry-1\.docker\.io|docker\.io/|ghcr\.io|quay\.io)"
)
_MACHINE_PATH = re.compile(r"(?<![\w.~}-])/(?:work|root|tmp/venv)/")
_SECRET = re.compile(r"passw|secret|token|private_?key|passphrase|credential", re.IGNORECASE)


def forbidden_words(root: Path) -> Iterator[str]:
    """Yield registry hosts and machine paths in any text of the project."""
    for path, text in text_files(root):
        for number, line in enumerate(text.splitlines(), 1):
            for found in (*_REGISTRY.finditer(line), *_MACHINE_PATH.finditer(line)):
                yield f"{path.relative_to(root)}:{number} says {found[0]}"


def secret_fields(model: type[BaseModel], place: str = "") -> Iterator[str]:
    """Yield fields of a model, at any depth, whose name promises a secret."""
    for name, field in model.model_fields.items():
        path = f"{place}{name}"
        if _SECRET.search(name):
            yield path
        for inner in _models(field.annotation):
            yield from secret_fields(inner, f"{path}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
