"""Read consortium.yml strictly: every problem is reported with its line, and duplicate keys are refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from nodeops.core.errors import InputError
from nodeops.core.printable import printable
from nodeops.document.fields import NAME_RULE
from nodeops.document.models import Consortium

CONSORTIUM_FILE = "consortium.yml"
# A consortium of a thousand nodes has some ten thousand values.
MAX_VALUES = 100_000


@dataclass(frozen=True)
class Source:
    """A parsed YAML file that still knows the line of each key."""

    path: Path
    tree: Any

    def line(self, location: Sequence[str | int]) -> int:
        """Return the 1-based line of the deepest existing key of a location."""
        node, line = self.tree, 0
        for step in location:
            try:
                line = node.lc.key(step)[0] if isinstance(node, CommentedMap) else node.lc.item(step)[0]
                node = node[step]
            except (KeyError, IndexError, AttributeError, TypeError):
                break
        return line + 1

    def where(self, location: Sequence[str | int]) -> str:
        """Return `file:line` for a location."""
        return f"{self.path}:{self.line(location)}"


def read_source(path: Path) -> Source:
    """Return a YAML file as plain data with line numbers. Raise InputError when it cannot be read or parsed."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path), hint="copy inventories/example to start one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
    tree = _parsed(text, path)
    if _too_large(tree):
        raise InputError(f"holds more than {MAX_VALUES} values", where=str(path), hint="write it without aliases")
    return Source(path, tree)


def _parsed(text: str, path: Path) -> Any:
    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(str(error.problem or "is not YAML").split("\n")[0], where=f"{path}:{line}") from error
    except (YAMLError, ValueError) as error:
        # ValueError: what looks like a date or a number and is none, such as 2026-13-45.
        raise InputError(f"is not YAML: {error}", where=str(path)) from error
    except RecursionError as error:
        raise InputError("is nested too deeply", where=str(path)) from error


def _too_large(tree: Any) -> bool:
    """Tell whether data grows beyond all use once its aliases are followed."""
    left, waiting = MAX_VALUES, [tree]
    while waiting and left:
        node, left = waiting.pop(), left - 1
        if isinstance(node, dict | list):
            waiting.extend(node.values() if isinstance(node, dict) else node)
    return bool(waiting)


def load_consortium(path: Path) -> Consortium:
    """Return the consortium described by a file or by the consortium.yml of a folder.

    Raise InputError that lists every problem with its line.
    """
    consortium, _ = load_with_source(path)
    return consortium


def load_with_source(path: Path) -> tuple[Consortium, Source]:
    """Return the consortium and its source, for callers that report lines of their own. Raise InputError."""
    source = read_source(path / CONSORTIUM_FILE if path.is_dir() else path)
    if not isinstance(source.tree, CommentedMap):
        raise InputError("is not a mapping of keys", where=f"{source.path}:1", allowed=", ".join(Consortium.model_fields))
    try:
        consortium = Consortium.model_validate(plain(source.tree))
    except ValidationError as error:
        raise all_problems(source, error, Consortium, hint="see docs/consortium.md for every key") from error
    return consortium, source


def plain(node: Any) -> Any:
    """Return YAML data as plain dicts, lists and scalars, as strict models want them.

    Raise InputError for a key that stands twice once tags are gone: `a` and `!!str a`.
    """
    if isinstance(node, CommentedMap | dict):
        found = {str(key): plain(value) for key, value in node.items()}
        if len(found) < len(node):
            raise InputError(
                "a key stands twice, with a tag and without", where=", ".join(map(ascii, found)), allowed="each key once"
            )
        return found
    if isinstance(node, CommentedSeq | list):
        return [plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def all_problems(
    source: Source, error: ValidationError, model: type[BaseModel], hint: str, below: tuple[str, ...] = ()
) -> InputError:
    """Return one error that names every problem of a part of a file with its line.

    `model` is what the part was read as, `below` the keys under which it stands in the file.
    """
    problems = sorted({_problem(source, item, model, below) for item in error.errors(include_url=False, include_input=False)})
    (line, text), rest = problems[0], problems[1:]
    more = "".join(f"\n{source.path}:{other}: {what}" for other, what in rest)
    return InputError(text + more, where=f"{source.path}:{line}", hint=hint)


def _problem(source: Source, item: Any, model: type[BaseModel], below: tuple[str, ...]) -> tuple[int, str]:
    return source.line([*below, *_location(item)]), described(item, model, below)


def _location(item: Any) -> list[str | int]:
    return [step for step in item["loc"] if step != "[key]"]


def described(item: Any, model: type[BaseModel], below: tuple[str, ...] = ()) -> str:
    """Return one problem of a validation as `key: what is wrong`. `model` and `below` as for `all_problems`."""
    location = _location(item)
    path = ".".join(printable(step, 60) for step in (*below, *location))
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = f"unknown key '{printable(location[-1], 60)}'; allowed: {', '.join(_allowed_keys(model, location))}"
    elif item["type"] == "missing":
        message = "this key is required"
    elif item["type"] == "string_pattern_mismatch" and item["loc"][-1] in ("[key]", "organisation", "consortium", "platform"):
        message = f"is not a name; allowed: {NAME_RULE}"
    return f"{path}: {message}" if path else message


def _allowed_keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the keys that the model at the parent of a location knows."""
    kind: Any = model
    for step in location[:-1]:
        kind = kind.model_fields[str(step)].annotation if hasattr(kind, "model_fields") else get_args(kind)[-1]
        # An optional one: a model or None.
        kind = (
            next((one for one in get_args(kind) if hasattr(one, "model_fields")), kind) if type(None) in get_args(kind) else kind
        )
    return [field.alias or name for name, field in getattr(kind, "model_fields", {}).items()]
