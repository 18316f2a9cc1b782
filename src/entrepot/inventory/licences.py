"""Licences: the SPDX expression that people mean, and what using it asks of others.

People write ``MIT/Apache-2.0``, ``ASL 2.0``, ``GPLv3+`` or a trove classifier where SPDX has an expression (SPDX 2.3,
annex D). Names are brought to it by a table of ours; what no table knows is no licence that anybody can judge, and is
said to be unknown rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final

from license_expression import (  # type: ignore[import-untyped]  # it has no types
    ExpressionError,
    LicenseWithExceptionSymbol,
    Licensing,
    get_license_index,
    get_spdx_licensing,
)

_LONGEST: Final = 2_000
_LONGEST_TEXT: Final = 100_000
_MOST_PARTS: Final = 100
_DEEPEST: Final = 20
_CACHED: Final = 16_384


class Category(StrEnum):
    """What a licence asks, from the least to the most."""

    PUBLIC_DOMAIN = "public-domain"
    """Nothing."""
    PERMISSIVE = "permissive"
    """To be named."""
    WEAK_COPYLEFT = "weak-copyleft"
    """Changes to the thing itself are published under the same licence."""
    STRONG_COPYLEFT = "strong-copyleft"
    """What contains it is published under the same licence."""
    NETWORK_COPYLEFT = "network-copyleft"
    """Likewise what only serves it over a network."""
    PROPRIETARY = "proprietary"
    """What a contract says, or a licence that is not free."""
    UNKNOWN = "unknown"
    """Nobody can say."""


_ORDER: Final = {category: rank for rank, category in enumerate(Category)}


def normalise(text: str | None) -> str | None:
    """The SPDX expression that *text* means; None when that cannot be told."""
    if text is None or not text.strip() or len(text) > _LONGEST_TEXT:
        return None
    return _normalise(text.strip()) if len(text) <= _LONGEST else _recognise(text)


def normalise_classifiers(classifiers: Iterable[str]) -> str | None:
    """The expression that trove classifiers mean: all of them hold."""
    said = [text.strip() for text in classifiers if text.strip().startswith("License ::")]
    named = [each for each in said if each not in _SECTIONS]
    found = [_TROVE.get(each.rpartition(" :: ")[2]) or normalise(each.rpartition(" :: ")[2]) for each in named]
    return all_of(found) if found and None not in found else None


def all_of(licences: Iterable[str | None]) -> str | None:
    """The expression for something that several licences hold for; None when one of them is not known."""
    found = list(dict.fromkeys(licences))
    if not found or len(found) > _MOST_PARTS or None in found:
        return None
    if len(found) == 1:
        return found[0]
    return _parse(" AND ".join(f"({each})" for each in found))


def category_of(expression: str | None) -> Category:
    """What an SPDX expression asks.

    Of a choice (``OR``) the most permissive counts, of what holds together (``AND``) the most restrictive.
    """
    return Category.UNKNOWN if expression is None or len(expression) > _LONGEST else _category_of(expression)


@lru_cache(maxsize=_CACHED)
def _normalise(text: str) -> str | None:
    if (known := _alias(text)) is not None:
        return known
    expression = _respelled(text, _OPERATORS)
    if expression is None and "," in text:
        # "GPL, MIT" may mean either: who reads it as both does nothing that is forbidden.
        expression = _respelled(text, _OPERATORS_AND_COMMA)
    if expression is None and "\n" in text:
        return _recognise(text)
    return expression


_OPERATORS: Final = re.compile(r"(\(|\)|\s+(?:and|or|with)\s+|\s*(?:/|\|\|?|;|&&?)\s*)", re.IGNORECASE)
_OPERATORS_AND_COMMA: Final = re.compile(r"(\(|\)|\s+(?:and|or|with)\s+|\s*(?:/|\|\|?|;|&&?|,)\s*)", re.IGNORECASE)
_WORDS: Final = {"/": " OR ", "|": " OR ", "||": " OR ", ";": " AND ", "&": " AND ", "&&": " AND ", ",": " AND "}


def _respelled(text: str, operators: re.Pattern[str]) -> str | None:
    """The expression with each licence as SPDX spells it; None when one of them is not known."""
    # Long runs of spaces would take time by the square of their length.
    pieces = operators.split(" ".join(text.split()))
    if len(pieces) > _MOST_PARTS * 2 or text.count("(") > _DEEPEST:
        return None
    spelled = []
    for at, piece in enumerate(pieces):
        bare = piece.strip()
        if at % 2:
            spelled.append(_WORDS.get(bare) or (f" {bare.upper()} " if bare.isalpha() else bare))
        elif bare:
            excepting = at > 0 and pieces[at - 1].strip().lower() == "with"
            name = bare if excepting else _alias(bare) or _known(bare)
            if name is None:
                return None
            # What stands for two licences stays together.
            spelled.append(f"({name})" if " " in name and len(pieces) > 1 else name)
    return _parse("".join(spelled))


def _known(name: str) -> str | None:
    """A licence or exception by its SPDX name, in any case; our own reference to one is kept as it is."""
    if _REFERENCE.fullmatch(name):
        return name
    return _parse(name)


_REFERENCE: Final = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]{1,200}:)?LicenseRef-[A-Za-z0-9.-]{1,200}")


_FAILURES: Final = (ExpressionError, AttributeError, LookupError, ValueError, TypeError, RecursionError)
"""The parser of this library fails in several ways, all of which mean that something is no expression."""


@cache
def _licensing() -> Licensing:
    """The library makes it anew each time, which takes longer than all that is asked of it."""
    return get_spdx_licensing()


def _parse(expression: str) -> str | None:
    """In canonical form; None unless it is a valid expression of licences that SPDX lists, or of references."""
    try:
        parsed = _licensing().parse(expression)
        if parsed is None:
            return None
        unknown = _licensing().unknown_license_keys(parsed)
        if any(_REFERENCE.fullmatch(key) is None for key in unknown):
            return None
        # A licence is no exception, nor the other way round.
        for symbol in _licensing().license_symbols(parsed, decompose=False):
            pair = isinstance(symbol, LicenseWithExceptionSymbol)
            base = symbol.license_symbol if pair else symbol
            if base.is_exception or (pair and not symbol.exception_symbol.is_exception):
                return None
        return str(parsed.render())
    except _FAILURES:
        return None


# --- categories ---


@lru_cache(maxsize=_CACHED)
def _category_of(expression: str) -> Category:
    try:
        parsed = _licensing().parse(expression)
        return Category.UNKNOWN if parsed is None else _judge(parsed)
    except _FAILURES:
        return Category.UNKNOWN


def _judge(node: Any) -> Category:
    if isinstance(node, LicenseWithExceptionSymbol):
        return _excepted(_by_key(node.license_symbol.key), _by_key(node.exception_symbol.key))
    operator = getattr(node, "operator", "").strip()
    if operator in ("AND", "OR"):
        judged = [_judge(each) for each in node.args]
        return (min if operator == "OR" else max)(judged, key=_ORDER.__getitem__)
    return _by_key(node.key)


def _excepted(licence: Category, exception: Category) -> Category:
    """An exception takes from a copyleft what it reaches, never all of it."""
    if licence not in (Category.STRONG_COPYLEFT, Category.NETWORK_COPYLEFT) or exception is Category.UNKNOWN:
        return licence
    return min(licence, max(exception, Category.WEAK_COPYLEFT, key=_ORDER.__getitem__), key=_ORDER.__getitem__)


def _by_key(key: str) -> Category:
    if key.startswith(_NETWORK):
        return Category.NETWORK_COPYLEFT
    return _FAMILIES.get(key) or _categories().get(key, Category.UNKNOWN)


_NETWORK: Final = ("AGPL-", "SSPL-", "OSL-", "RPL-", "EUPL-1.", "CPAL-", "APSL-2.0", "Parity-")
"""Those that reach who only serves the thing; the list that names the other categories has them among copyleft."""

_NAMES: Final[Mapping[str, Category]] = {
    "Public Domain": Category.PUBLIC_DOMAIN,
    "Permissive": Category.PERMISSIVE,
    "Copyleft Limited": Category.WEAK_COPYLEFT,
    "Copyleft": Category.STRONG_COPYLEFT,
    "Commercial": Category.PROPRIETARY,
    "Proprietary Free": Category.PROPRIETARY,
    "Free Restricted": Category.PROPRIETARY,
    "Source-available": Category.PROPRIETARY,
}


@cache
def _categories() -> dict[str, Category]:
    found: dict[str, Category] = {}
    for row in get_license_index():
        category = _NAMES.get(row["category"])
        if category is not None:
            for key in (row.get("spdx_license_key"), *row.get("other_spdx_license_keys", ())):
                if key:
                    found[key] = category
    return found


# --- names ---

_FAMILIES: Final[Mapping[str, Category]] = {
    "LicenseRef-Apache": Category.PERMISSIVE,
    "LicenseRef-BSD": Category.PERMISSIVE,
    "LicenseRef-MPL": Category.WEAK_COPYLEFT,
    "LicenseRef-Public-Domain": Category.PUBLIC_DOMAIN,
    "LicenseRef-Proprietary": Category.PROPRIETARY,
}
"""Families of licences, where people do not say which version: what they ask is known, the text is not."""

_IGNORED: Final = frozenset({"the", "license", "licence", "licensed", "version", "under", "software", "of"})
_SIGNS: Final = re.compile(r"[^a-z0-9+]+")
_GLUED: Final = re.compile(r"([a-z])v?(\d)")


def _alias(text: str) -> str | None:
    if len(text) > _LONGEST // 10:
        return None
    key = _key(text)
    return _ALIASES.get(key) or _listed().get(key)


@cache
def _listed() -> dict[str, str]:
    """What SPDX lists, by its name as people may write it: ``MIT License`` for ``MIT``."""
    found: dict[str, str] = {}
    for row in get_license_index():
        name = row.get("spdx_license_key")
        if name and not row["is_exception"] and not row["is_deprecated"] and not name.startswith("LicenseRef-"):
            found.setdefault(_key(name), name)
    return found


def _key(text: str) -> str:
    """The same for spellings that mean one licence: ``Apache License, Version 2.0`` and ``apache 2.0``."""
    words = _SIGNS.sub(" ", _GLUED.sub(r"\1 \2", text.lower())).split()
    return " ".join(word for word in words if word not in _IGNORED and word != "v")


_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "Apache-2.0": ("Apache 2", "Apache 2.0", "Apache2", "ASL 2.0", "AL2", "Apache Software License 2.0", "ASF 2.0"),
    "Apache-1.1": ("Apache 1.1", "ASL 1.1", "Apache Software License 1.1"),
    "LicenseRef-Apache": ("Apache", "ASL", "Apache Software"),
    "MIT": ("Expat", "MIT X11", "X11 MIT", "MIT/X11", "MIT Expat", "Expat MIT"),
    "MIT-0": ("MIT No Attribution",),
    "BSD-2-Clause": ("BSD 2", "BSD 2 clause", "Simplified BSD", "FreeBSD", "2 clause BSD", "BSD simplified"),
    "BSD-3-Clause": (
        "BSD 3",
        "BSD 3 clause",
        "3 clause BSD",
        "New BSD",
        "Modified BSD",
        "Revised BSD",
        "BSD new",
        "EDL 1.0",
        "Eclipse Distribution License 1.0",
    ),
    "BSD-4-Clause": ("BSD 4", "BSD 4 clause", "Original BSD", "BSD old"),
    "LicenseRef-BSD": ("BSD", "BSD style", "BSD like"),
    "ISC": ("ISCL", "ISC ISCL"),
    "MPL-1.1": ("MPL 1.1", "Mozilla Public License 1.1"),
    "MPL-2.0": ("MPL 2", "MPL 2.0", "Mozilla Public License 2.0", "Mozilla Public License 2"),
    "LicenseRef-MPL": ("MPL", "Mozilla Public License"),
    "GPL-1.0-or-later": ("GPL", "GNU GPL", "GNU General Public License", "General Public License", "GPL-1+"),
    "GPL-2.0-only": ("GPL 2", "GPL 2.0", "GNU GPL 2", "GNU General Public License 2", "GNU GPL 2.0"),
    "GPL-2.0-or-later": (
        "GPL 2+",
        "GPL 2.0+",
        "GNU GPL 2+",
        "GPL 2 or later",
        "GPL >= 2",
        "GPL 2 or newer",
        "GNU General Public License 2 or later",
    ),
    "GPL-3.0-only": ("GPL 3", "GPL 3.0", "GNU GPL 3", "GNU General Public License 3", "GNU GPL 3.0"),
    "GPL-3.0-or-later": (
        "GPL 3+",
        "GPL 3.0+",
        "GNU GPL 3+",
        "GPL 3 or later",
        "GNU General Public License 3 or later",
    ),
    "LGPL-2.0-or-later": (
        "LGPL",
        "GNU LGPL",
        "LGPL 2+",
        "LGPL 2.0+",
        "GNU Lesser General Public License",
        "GNU Library General Public License",
    ),
    "LGPL-2.0-only": ("LGPL 2", "LGPL 2.0"),
    "LGPL-2.1-only": ("LGPL 2.1", "GNU LGPL 2.1", "GNU Lesser General Public License 2.1"),
    "LGPL-2.1-or-later": ("LGPL 2.1+", "LGPL 2.1 or later", "GNU Lesser General Public License 2.1 or later"),
    "LGPL-3.0-only": ("LGPL 3", "LGPL 3.0", "GNU LGPL 3", "GNU Lesser General Public License 3"),
    "LGPL-3.0-or-later": ("LGPL 3+", "LGPL 3.0+", "GNU LGPL 3+", "LGPL 3 or later"),
    "AGPL-3.0-only": ("AGPL 3", "AGPL 3.0", "GNU AGPL 3", "GNU Affero General Public License 3"),
    "AGPL-3.0-or-later": (
        "AGPL",
        "AGPL 3+",
        "AGPL 3.0+",
        "GNU AGPL 3+",
        "GNU AGPL",
        "GNU Affero General Public License 3 or later",
    ),
    "GPL-2.0-only WITH Classpath-exception-2.0": (
        "GPL2 w/ CPE",
        "GPL 2 with classpath exception",
        "GPLv2+CE",
        "GNU General Public License, version 2 with the GNU Classpath Exception",
        "GPL 2.0 with classpath exception",
    ),
    "CDDL-1.0": ("CDDL", "CDDL 1", "CDDL 1.0", "Common Development and Distribution License 1.0"),
    "CDDL-1.1": ("CDDL 1.1",),
    "CDDL-1.1 OR GPL-2.0-only WITH Classpath-exception-2.0": ("CDDL+GPL", "CDDL + GPLv2 with classpath exception"),
    "EPL-1.0": ("EPL", "EPL 1.0", "EPL 1", "Eclipse Public License 1.0", "Eclipse Public License"),
    "EPL-2.0": ("EPL 2.0", "EPL 2", "Eclipse Public License 2.0", "Eclipse Public License 2"),
    "EUPL-1.1": ("EUPL 1.1",),
    "EUPL-1.2": ("EUPL", "EUPL 1.2"),
    "PSF-2.0": ("PSF", "PSFL", "Python Software Foundation License", "PSF 2", "PSF 2.0", "PSF License 2"),
    "Python-2.0": ("Python", "Python License 2.0"),
    "ZPL-2.1": ("ZPL", "ZPL 2.1", "Zope Public License", "Zope Public License 2.1"),
    "Zlib": ("zlib libpng", "zlib/libpng"),
    "Unlicense": ("The Unlicense", "Unlicense", "Unlicensed public domain"),
    "CC0-1.0": ("CC0", "CC0 1.0", "CC0 1.0 Universal", "Creative Commons Zero"),
    "WTFPL": ("WTFPL 2", "Do What The F*ck You Want To Public License"),
    "BSL-1.0": ("Boost", "Boost Software License", "Boost Software License 1.0", "BSL 1.0"),
    "BUSL-1.1": ("BUSL 1.1", "Business Source License 1.1"),
    "Artistic-2.0": ("Artistic 2.0", "Artistic 2"),
    "Artistic-1.0-Perl OR GPL-1.0-or-later": ("Perl", "Same as Perl"),
    "Ruby": ("Ruby",),
    "HPND": ("HPND", "Historical Permission Notice and Disclaimer"),
    "LicenseRef-Public-Domain": ("Public Domain", "public-domain"),
    "LicenseRef-Proprietary": (
        "Proprietary",
        "UNLICENSED",
        "All rights reserved",
        "Commercial",
        "Other/Proprietary License",
        "Closed source",
    ),
}
"""Each licence, and how people write it beside the name that SPDX has for it."""

_ALIASES: Final[Mapping[str, str]] = {_key(text): name for name, texts in _SPELLINGS.items() for text in texts}

_SECTIONS: Final = frozenset({"License :: OSI Approved", "License :: DFSG approved"})
_TROVE: Final[Mapping[str, str]] = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Apache Software License": "LicenseRef-Apache",
    "BSD License": "LicenseRef-BSD",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "Academic Free License (AFL)": "AFL-3.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License (GPL)": "GPL-1.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "Zope Public License": "ZPL-2.1",
    "zlib/libpng License": "Zlib",
    "Public Domain": "LicenseRef-Public-Domain",
    "Other/Proprietary License": "LicenseRef-Proprietary",
}
"""The last part of trove classifiers; without a version where the classifier has none."""


# --- texts ---


def _recognise(text: str) -> str | None:
    """The licence whose text this is: some put all of it where a name belongs."""
    plain = " ".join(text.lower().split())
    return next(iter(_recognised(plain)), None)


def _recognised(plain: str) -> Iterator[str]:
    for marks, name in _MARKS:
        if all(mark in plain for mark in marks):
            yield name


_MARKS: Final = (
    (("apache license", "version 2.0", "january 2004"), "Apache-2.0"),
    (("gnu affero general public license", "version 3"), "AGPL-3.0-only"),
    (("gnu lesser general public license", "version 3"), "LGPL-3.0-only"),
    (("gnu lesser general public license", "version 2.1"), "LGPL-2.1-only"),
    (("gnu general public license", "version 3"), "GPL-3.0-only"),
    (("gnu general public license", "version 2"), "GPL-2.0-only"),
    (("mozilla public license", "version 2.0"), "MPL-2.0"),
    (("redistribution and use in source and binary forms", "neither the name"), "BSD-3-Clause"),
    (("redistribution and use in source and binary forms",), "BSD-2-Clause"),
    (("permission is hereby granted, free of charge", "the above copyright notice and this permission"), "MIT"),
    (("permission to use, copy, modify, and/or distribute this software for any purpose",), "ISC"),
)
