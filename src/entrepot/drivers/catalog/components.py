"""How a package URL is spelled in the columns of ``component``."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, unquote

from entrepot.model.purl import Purl

_TELLING: Final = frozenset({"distro", "epoch", "upstream"})
"""The qualifiers that say which package it is; an architecture or a download address does not."""


def columns(purl: Purl) -> dict[str, str]:
    """The row of a component, by column."""
    return {
        "type": purl.type,
        "namespace": purl.namespace or "",
        "name": purl.name,
        "version": purl.version or "",
        "qualifiers": "&".join(f"{key}={quote(value)}" for key, value in purl.qualifiers if key in _TELLING),
    }


def purl_of(row: tuple[Any, ...]) -> Purl:
    """The package URL of ``type, namespace, name, version, qualifiers``."""
    type, namespace, name, version, qualifiers = row
    pairs = [each.partition("=") for each in qualifiers.split("&") if each]
    return Purl(
        type=type,
        namespace=namespace or None,
        name=name,
        version=version or None,
        qualifiers=tuple((key, unquote(value)) for key, _, value in pairs),
    )
