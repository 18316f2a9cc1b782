"""Protocols: a folder each, none knowing another. `discover` finds them all."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrepot.wire.format import Format


def discover() -> list[Format]:
    """Every format, by name: each folder here exports ``FORMAT``."""
    names = sorted(module.name for module in iter_modules(__path__) if module.ispkg)
    return [import_module(f"{__name__}.{name}").FORMAT for name in names]
