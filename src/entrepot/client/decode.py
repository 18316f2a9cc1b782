"""From JSON to the values of `entrepot.client.answers`, by their annotations.

Fields that a value does not have are left out, so that a newer registry may say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest

_SCALARS: Final = (str, bool, int, float)
_WRITTEN: Final = {Digest: Digest.parse, datetime: datetime.fromisoformat, date: date.fromisoformat}
"""What JSON has as a text, and how that is read."""


class UnexpectedShape(ValueError):
    """The JSON is not what it should be."""


def read(shape: Any, value: Any, where: str = "the answer") -> Any:
    """*value* as *shape*: a dataclass, a tuple, a mapping, a union with None, or something simple.

    Raises `UnexpectedShape`.
    """
    if shape is object:
        return value
    if shape in _WRITTEN:
        return _parse(shape, value, where)
    if is_dataclass(shape):
        return _read_fields(shape, value, where)
    if shape in _SCALARS:
        # In JSON, unlike in Python, true is no number.
        if not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
            raise UnexpectedShape(f"{where} is not {shape.__name__}")
        return value
    return _read_generic(shape, value, where)


def _read_generic(shape: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is UnionType and NoneType in arguments:
        return None if value is None else read(arguments[0], value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(read(arguments[0], each, f"{where}[{number}]") for number, each in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {key: read(arguments[1], each, f"{where}.{key}") for key, each in value.items()}
    raise UnexpectedShape(f"{where} is not {shape}")


def _read_fields(shape: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise UnexpectedShape(f"{where} is not an object")
    found = {}
    for name, annotation, required in _hints(shape):
        if name in value:
            found[name] = read(annotation, value[name], f"{where}.{name}")
        elif required:
            raise UnexpectedShape(f"{where} has no {name}")
    return shape(**found)


def _parse(shape: Any, value: Any, where: str) -> Any:
    try:
        return _WRITTEN[shape](value)
    except (InvalidDigest, ValueError, TypeError, AttributeError) as error:
        raise UnexpectedShape(f"{where}: {error}") from error


@lru_cache(maxsize=64)
def _hints(shape: Any) -> list[tuple[str, Any, bool]]:
    """A dataclass's fields: name, type, and whether it must be there."""
    hints = get_type_hints(shape)
    return [
        (field.name, hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(shape)
    ]
