"""Frozen dataclasses as Protocol Buffers messages, both ways. Pure.

A field is declared as `Annotated[type, number]`. A text, a number or bytes that hold their default are left out; a message
is written even when it is empty, unless its type allows None; a tuple repeats the field.

Reading is strict: bytes that this module would not have written for what it read are refused. So what is shown to a person
is all that was signed: no field that we do not know, no field twice, no other spelling of a number.

A text may hold bytes that are no UTF-8: the chain keeps them, so a member could make everybody's lists unreadable by one. Each
such byte is read as a lone surrogate, which no printed or signed text of ours has, and written as it was.
"""

import dataclasses
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from nodeops.ledger.cometbft.protowire import blob, fields, integer, message

M = TypeVar("M")
_SIGN, _RANGE = 1 << 63, 1 << 64
# For bytes that are no UTF-8, both ways (PEP 383).
_FOREIGN = "surrogateescape"


class FormError(ValueError):
    """Bytes that are not a message of the type that was asked for."""


@dataclasses.dataclass(frozen=True)
class _Field:
    name: str
    kind: type
    repeated: bool
    optional: bool


def encode(value: Any) -> bytes:
    """Return a dataclass as bytes, its fields in the order of their numbers."""
    known = _fields(cast(Hashable, type(value)))
    return b"".join(_written(number, known[number], getattr(value, known[number].name)) for number in sorted(known))


def decode(shape: type[M], data: bytes) -> M:
    """Return the dataclass that bytes hold. Raise FormError for any bytes that `encode` would not make of it."""
    try:
        found = _read(shape, data)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormError(f"is no {shape.__name__}: {error}") from error
    if encode(found) != data:
        raise FormError(f"is no {shape.__name__}: its bytes say more than it, or in another way")
    return found


def is_unicode(text: str) -> bool:
    """Tell whether a text was UTF-8 when it was read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _written(number: int, field: _Field, value: Any) -> bytes:
    if field.repeated:
        return b"".join(message(number, _bytes(field.kind, one)) for one in value)
    if value is None:
        return b""
    if field.kind is int:
        return integer(number, value)
    return (blob if field.kind in (str, bytes) else message)(number, _bytes(field.kind, value))


def _bytes(kind: type, value: Any) -> bytes:
    if kind is str:
        return str(value).encode(errors=_FOREIGN)
    return bytes(value) if kind is bytes else encode(value)


def _read(shape: type[M], data: bytes) -> M:
    known = _fields(cast(Hashable, shape))
    found: dict[int, list[Any]] = {}
    for number, raw in fields(data):
        if number not in known:
            raise FormError(f"it has an unknown field {number}")
        found.setdefault(number, []).append(_value(known[number], raw))
    return shape(**dict(_arguments(known, found)))


def _arguments(known: Mapping[int, _Field], found: Mapping[int, list[Any]]) -> Iterable[tuple[str, Any]]:
    for number, field in known.items():
        values = found.get(number, [])
        if field.repeated:
            yield field.name, tuple(values)
        elif values:
            yield field.name, values[-1]
        else:
            yield field.name, None if field.optional else field.kind()


def _value(field: _Field, raw: int | bytes) -> Any:
    if isinstance(raw, int):
        if field.kind is not int:
            raise FormError(f"{field.name} is a number")
        return raw - _RANGE if raw >= _SIGN else raw
    if field.kind is int:
        raise FormError(f"{field.name} is no number")
    if field.kind is str:
        return raw.decode(errors=_FOREIGN)
    return raw if field.kind is bytes else _read(field.kind, raw)


@cache
def _fields(shape: Any) -> Mapping[int, _Field]:
    """Return what a dataclass declares, by number."""
    return {hint.__metadata__[0]: _declared(name, get_args(hint)[0]) for name, hint in _hints(shape).items()}


def _hints(shape: type) -> Mapping[str, Any]:
    every = get_type_hints(shape, include_extras=True)
    return {field.name: every[field.name] for field in dataclasses.fields(shape)}


def _declared(name: str, kind: Any) -> _Field:
    parts = get_args(kind)
    if get_origin(kind) is tuple:
        return _Field(name, parts[0], repeated=True, optional=False)
    if isinstance(kind, UnionType):
        return _Field(name, next(part for part in parts if part is not NoneType), repeated=False, optional=True)
    return _Field(name, kind, repeated=False, optional=False)
