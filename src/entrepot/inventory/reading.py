"""What readers of SBOMs share: texts kept within limits, package URLs that may be wrong, hashes under one spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from entrepot.inventory.licences import all_of, normalise
from entrepot.model.errors import InvalidName
from entrepot.model.purl import Purl

CONSTRAINT: Final = "entrepot:constraint"
RELATION: Final = "entrepot:relation"
UNREAD: Final = "entrepot:unread"
"""Properties by which we write down what CycloneDX has no word for."""

_HEX: Final = re.compile(r"[0-9a-f]+")
_SIZES: Final = {
    "md5": 32,
    "sha1": 40,
    "sha224": 56,
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "sha3-256": 64,
    "sha3-384": 96,
    "sha3-512": 128,
    "blake2b-256": 64,
    "blake2b-384": 96,
    "blake2b-512": 128,
}
_SHA2: Final = re.compile(r"sha-?(1|2?24|256|384|512)")


def text_of(value: object, limit: int) -> str | None:
    """A text that says something, cut to what is kept of it."""
    return value.strip()[:limit] or None if isinstance(value, str) else None


def purl_of(value: object, name: object = None) -> Purl | None:
    """A package URL; None when it is none: the component is there all the same.

    Some write the end of a Go module's path as a path within it: its *name* says which it is.
    """
    try:
        purl = Purl.parse(value) if isinstance(value, str) and value else None
        if purl is None or purl.type != "golang" or purl.subpath is None:
            return purl
        module = "/".join(part for part in (purl.namespace, purl.name, purl.subpath) if part)
        if not isinstance(name, str) or name.lower() != module.lower():
            return purl
        namespace, _, last = module.rpartition("/")
        return Purl.of("golang", last, purl.version, namespace=namespace, qualifiers=dict(purl.qualifiers))
    except InvalidName:
        return None


def hash_of(algorithm: object, value: object) -> str | None:
    """``sha256:…`` of ``SHA-256`` or ``SHA256``; None when it is no hash of a kind that is compared."""
    if not isinstance(algorithm, str) or not isinstance(value, str):
        return None
    name = algorithm.lower().replace("_", "-")
    if (match := _SHA2.fullmatch(name)) is not None:
        name = f"sha{match[1]}"
    text = value.lower()
    if _SIZES.get(name) != len(text) or _HEX.fullmatch(text) is None:
        return None
    return f"{name}:{text}"


def hashes_of(pairs: Iterable[tuple[Any, Any]]) -> tuple[str, ...]:
    """All that are hashes, in order."""
    return tuple(sorted({found for pair in pairs if (found := hash_of(*pair)) is not None}))


def licence_of(said: Iterable[str], limit: int) -> str | None:
    """One expression for several licences that all hold; as they are written where one of them is not known."""
    texts = list(dict.fromkeys(text for text in said if text))
    if not texts:
        return None
    known = all_of(normalise(text) for text in texts)
    return (known if known is not None else " AND ".join(texts))[:limit]
