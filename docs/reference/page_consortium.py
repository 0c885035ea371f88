"""The page of the consortium file, of the choices and of the node document, from their models."""

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nodeops.document.choices.choices import Choices
from nodeops.document.fields import NAME_RULE, Name
from nodeops.document.models import Consortium, NodeDocument

_SIGNS = {
    Ge: ("ge", ">="),
    Gt: ("gt", ">"),
    Le: ("le", "<="),
    Lt: ("lt", "<"),
    MinLen: ("min_length", "at least"),
    MaxLen: ("max_length", "at most"),
}
_KNOWN_PATTERNS = {Name.__metadata__[0].pattern: "a name"}
_CHAPTERS = (
    (Consortium, "consortium.yml", "The membership file; every member holds the same. Unknown keys are refused with their line."),
    (Choices, "nodeops_choices", "What one organisation chooses for its own nodes, in `group_vars/all.yml`."),
    (NodeDocument, "node.json", "What a host is told, resolved from both and from the platform profile."),
)


def lines(root: Path) -> Iterator[str]:  # noqa: ARG001 - all pages are called alike
    """Yield the lines of the page."""
    yield from ("# The consortium file, the choices and the node document", "", f"A name: {NAME_RULE}.", "")
    done: set[type[BaseModel]] = set()
    for model, title, text in _CHAPTERS:
        yield from (f"## {title}", "", text, "")
        for inner in _with_parts(model):
            if inner not in done:
                done.add(inner)
                yield from _table(inner)


def _with_parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in _models(field.annotation):
            yield from _with_parts(part)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _table(model: type[BaseModel]) -> Iterator[str]:
    text = " ".join((model.__doc__ or "").split())
    yield from (f"### {model.__name__}", "", text, "", "| key | type | default | rule |", "|---|---|---|---|")
    yield from (_row(name, field) for name, field in model.model_fields.items())
    yield ""


def _row(name: str, field: FieldInfo) -> str:
    kind, rules = _kind(field.annotation)
    rules = [*rules, *_rules(field.metadata)]
    value = None if field.is_required() else field.get_default(call_default_factory=True)
    default = "required" if field.is_required() else "none" if value is None else f"`{json.dumps(_plain(value))}`"
    return f"| `{name}` | {kind} | {default} | {', '.join(dict.fromkeys(rules))} |"


_WORDS = {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "date": "date such as 2026-12-31"}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _kind(annotation: Any) -> tuple[str, list[str]]:
    """Return a type in words, and the rules that came with it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        kind, rules = _kind(arguments[0])
        return kind, [*rules, *_rules(arguments[1:])]
    if origin is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in arguments), []
    if origin in (Union, types.UnionType):
        return _kind(next(argument for argument in arguments if argument is not type(None)))
    if origin is dict:
        key, value = _kind(arguments[0]), _kind(arguments[1])
        return f"mapping of {key[0]} to {value[0]}", [*(f"each key {rule}" for rule in key[1]), *value[1]]
    if origin is list:
        inner, rules = _kind(arguments[0])
        return f"list of {inner}", rules
    if issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})", []
    return {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "date": "date (2026-12-31)"}[
        annotation.__name__
    ], []


def _rules(metadata: Any) -> list[str]:
    return [rule for item in metadata for rule in _rule(item)]


def _rule(item: Any) -> Iterator[str]:
    if type(item) in _SIGNS:
        attribute, sign = _SIGNS[type(item)]
        yield f"{sign} {getattr(item, attribute)}"
    elif isinstance(item, FieldInfo):
        yield from _rules(item.metadata)
    elif getattr(item, "pattern", None):
        yield _KNOWN_PATTERNS.get(item.pattern, f"`{item.pattern}`").replace("|", "\\|")
    elif hasattr(item, "func"):
        said = (item.func.__doc__ or "").split(". Raise")[0].removeprefix("Return ")
        yield said or item.func.__name__.strip("_").replace("_", " ")
