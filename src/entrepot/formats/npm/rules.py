"""What packages, versions and dist-tags may be called, and how versions are ordered: pure, for hostile input.

Names are those that npm's clients take (validate-npm-package-name); versions are Semantic Versioning 2.0.0 as
node-semver reads it.
"""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidName, InvalidReference
from entrepot.model.names import FormatName, PackageName, ReferenceName, parse_reference
from entrepot.model.reference import is_fallback

NPM: Final = FormatName("npm")

_NAME_SIZE: Final = 214
_PLAIN: Final = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]*")
_SCOPED: Final = re.compile(r"@[A-Za-z0-9-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*")
_NOT_NAMES: Final = frozenset({"-", "node_modules", "favicon.ico"})
"""What stands for something else in a URL, or in a folder."""

_VERSION_SIZE: Final = 128
_SAFE_INTEGER: Final = 2**53 - 1
_NUMBER: Final = r"0|[1-9][0-9]*"
_IDENTIFIER: Final = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION: Final = re.compile(
    rf"(?P<core>(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<prerelease>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?)"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_LOOSE_IDENTIFIER: Final = r"(?:[0-9]*[a-zA-Z-][0-9a-zA-Z-]*|[0-9]+)"
_LOOSE: Final = re.compile(
    r"[v=\s]*(?P<major>[0-9]+)\.(?P<minor>[0-9]+)\.(?P<patch>[0-9]+)"
    rf"(?:-?(?P<prerelease>{_LOOSE_IDENTIFIER}(?:\.{_LOOSE_IDENTIFIER})*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?\s*"
)
"""What clients take for a version beyond the grammar (node-semver, ``LOOSEPLAIN``)."""
_PART: Final = r"(?:[0-9]+|[xX])"
_RANGE: Final = re.compile(rf"[v=]?{_PART}(?:\.{_PART}(?:\.{_PART}(?:-?[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?)?")
"""What of the reference grammar node-semver takes for a range; operators and spaces are not in it."""

LATEST: Final = ReferenceName("latest")

Precedence = tuple[tuple[int, int, int], bool, tuple[tuple[int, int, str], ...]]


class NpmRules:
    """A name is kept as it is written, with its scope (``@scope/name``); a version is without its build metadata."""

    format = NPM

    def normalize(self, name: str) -> PackageName:
        """The name as it is: ``JSONStream`` and ``jsonstream`` are two packages. Raises `InvalidName`."""
        if len(name) > _NAME_SIZE or (_PLAIN.fullmatch(name) or _SCOPED.fullmatch(name)) is None:
            raise InvalidName(
                ascii(name[:_NAME_SIZE]),
                expected="name or @scope/name of letters, digits and . _ -, not beginning with . or _, "
                f"at most {_NAME_SIZE} characters",
            )
        if name.lower() in _NOT_NAMES:
            raise InvalidName(name, expected="a name that means nothing else")
        return PackageName(name)

    def parse_version(self, text: str) -> ReferenceName:
        """Read a version; what differs in build metadata alone is the same version (as for npm). Raises `InvalidReference`."""
        match = _VERSION.fullmatch(text) if len(text) <= _VERSION_SIZE else None
        if match is None or any(int(match[part]) > _SAFE_INTEGER for part in ("major", "minor", "patch")):
            raise InvalidReference(
                ascii(text[:_VERSION_SIZE]), expected=f"a semantic version, at most {_VERSION_SIZE} characters"
            )
        return ReferenceName(match["core"])


RULES: Final = NpmRules()


def parse_loose(text: str) -> ReferenceName:
    """Read a version as clients once wrote it, and still read it where they are not strict.

    `` v1.2.3`` and ``=1.02.3`` are 1.2.3, and ``1.0.0beta`` is 1.0.0-beta. Raises `InvalidReference`.
    """
    match = None if len(text) > _VERSION_SIZE or is_plain(text) else _LOOSE.fullmatch(text)
    if match is None:
        return RULES.parse_version(text)
    release = ".".join(str(int(match[part])) for part in ("major", "minor", "patch"))
    identifiers = [
        str(int(each)) if each.isdigit() else each for each in (match["prerelease"] or "").split(".") if each
    ]
    return RULES.parse_version(f"{release}-{'.'.join(identifiers)}" if identifiers else release)


def is_plain(text: str) -> bool:
    """Whether a version that `parse_loose` reads is written as the grammar has it."""
    return _VERSION.fullmatch(text) is not None


def parse_tag(text: str) -> ReferenceName:
    """Read a dist-tag: never what a client would take for a version or a range of them. Raises `InvalidReference`."""
    if len(text) <= _VERSION_SIZE and _RANGE.fullmatch(text) is not None:
        raise InvalidReference(text, expected="a tag that is not a version or a range of versions")
    if is_fallback(text):
        raise InvalidReference(text, expected="a tag that is not kept for a digest")
    return parse_reference(text)


def precedence(version: str) -> Precedence:
    """The sort key of a version that `NpmRules.parse_version` returned (Semantic Versioning 2.0.0, 11)."""
    core, _, prerelease = version.partition("-")
    major, minor, patch = core.split(".")
    identifiers = tuple(
        (0, int(each), "") if each.isdigit() else (1, 0, each) for each in prerelease.split(".") if prerelease
    )
    return (int(major), int(minor), int(patch)), not prerelease, identifiers


def tarball_name(package: PackageName, version: ReferenceName) -> str:
    """What the file of a version is called: without the scope, as clients expect it."""
    return f"{package.rpartition('/')[2]}-{version}.tgz"


def parse_tarball_name(package: PackageName, text: str) -> ReferenceName | None:
    """The version whose file *text* is, with or without the scope before it; None when it is none of the package's."""
    start, end = f"{package.rpartition('/')[2]}-", ".tgz"
    name = text.rpartition("/")[2]
    if not (name.startswith(start) and name.endswith(end)):
        return None
    try:
        return parse_loose(name[len(start) : -len(end)])
    except InvalidReference:
        return None
