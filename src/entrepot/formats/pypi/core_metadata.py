"""Core metadata: what ``METADATA`` in a wheel and ``PKG-INFO`` in a source distribution say.

The core metadata specification has it in the form of an e-mail's headers, with the description as the body.
It is read here and not by `email`, which knows much that headers never mean here (encodings, several parts) and takes
more than linear time for some input.
As there, a line that is no header ends the headers: some published files have such lines, and their clients cope.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from entrepot.formats.pypi.rules import RULES, parse_version
from entrepot.model.errors import InvalidMetadata, InvalidName, InvalidReference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.version import Version

    from entrepot.model.names import PackageName

_HEADER: Final = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9-]{0,99}):[ \t]*(?P<value>.*)", re.DOTALL)
_METADATA_VERSION: Final = re.compile(r"[12](?:\.[0-9]{1,3}){0,3}")
"""Readers must fail if the major version is greater than those they know, and cope with a minor version that is."""
_HEADERS_SIZE: Final = 1024 * 1024
_MAX_VALUES: Final = 5_000
"""Of one field: classifiers, requirements."""
_MAX_SPECIFIERS: Final = 1_000
_SHOWN: Final = 200

_ONCE: Final = {
    "metadata-version": "metadata_version",
    "name": "name",
    "version": "version",
    "summary": "summary",
    "description": "description",
    "description-content-type": "description_content_type",
    "keywords": "keywords",
    "home-page": "home_page",
    "download-url": "download_url",
    "author": "author",
    "author-email": "author_email",
    "maintainer": "maintainer",
    "maintainer-email": "maintainer_email",
    "license": "license",
    "license-expression": "license_expression",
    "requires-python": "requires_python",
}
"""Fields that are there once, by their names in lower case: what PEP 566 calls them in JSON."""
_DECISIVE: Final = frozenset({"metadata-version", "name", "version", "requires-python"})
"""Where two readers must not take two values; of other fields that are there twice, the first counts."""
_OFTEN: Final = {
    "platform": "platform",
    "supported-platform": "supported_platform",
    "license-file": "license_files",
    "classifier": "classifiers",
    "requires-dist": "requires_dist",
    "requires-external": "requires_external",
    "project-url": "project_urls",
    "provides-extra": "provides_extra",
    "provides-dist": "provides_dist",
    "obsoletes-dist": "obsoletes_dist",
    "dynamic": "dynamic",
}


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """What a file says of itself."""

    name: str
    """As it is written, for people."""
    project: PackageName
    version: Version
    fields: Mapping[str, str | list[str]]
    """All that is known of, by PEP 566's names, but the description."""
    description: str

    @property
    def requires_python(self) -> str | None:
        """For which Pythons it is, if it says so."""
        value = self.fields.get("requires_python")
        return value if isinstance(value, str) else None


def parse_core_metadata(content: bytes, *, tidy: bool = True) -> CoreMetadata:
    """Read ``METADATA`` or ``PKG-INFO``. Raises `InvalidMetadata`.

    Unless it has to be *tidy*, other encodings and requirements that nobody can read are left to its users.
    """
    fields, description = read_fields(content, tidy=tidy)
    missing = [name for name in ("metadata_version", "name", "version") if not fields.get(name)]
    if missing:
        raise InvalidMetadata("metadata", expected=f"the field {missing[0].replace('_', '-').title()}")
    said = str(fields["metadata_version"])
    if _METADATA_VERSION.fullmatch(said) is None:
        raise InvalidMetadata(f"Metadata-Version: {said[:_SHOWN]}", expected="1.x or 2.x")
    try:
        project = RULES.normalize(str(fields["name"]))
        version = parse_version(str(fields["version"]))
    except (InvalidName, InvalidReference) as error:
        raise InvalidMetadata(error.subject, expected=error.expected) from None
    if tidy:
        _check_requirements(fields)
    return CoreMetadata(str(fields["name"]), project, version, fields, description)


def read_fields(content: bytes, *, tidy: bool = False) -> tuple[dict[str, str | list[str]], str]:
    """The fields by PEP 566's names, and the description; what they say is not checked. Raises `InvalidMetadata`.

    What is not UTF-8 is an error only where it has to be *tidy*.
    """
    headers, body = _split(content, "strict" if tidy else "replace")
    once: dict[str, str] = {}
    often: dict[str, list[str]] = {}
    for header, value in headers:
        name = header.lower()
        if name in _ONCE:
            if once.setdefault(_ONCE[name], value) != value and name in _DECISIVE:
                raise InvalidMetadata(header, expected="a field that is there once")
        elif name in _OFTEN:
            values = often.setdefault(_OFTEN[name], [])
            values.append(value)
            if len(values) > _MAX_VALUES:
                raise InvalidMetadata(header, expected=f"at most {_MAX_VALUES} values")
    described = once.pop("description", "")
    return {**once, **often}, body or _unindented(described)


def _split(content: bytes, errors: str) -> tuple[list[tuple[str, str]], str]:
    try:
        text = content.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        raise InvalidMetadata("metadata", expected=f"UTF-8: {error.reason} at byte {error.start}") from None
    headers: list[tuple[str, list[str]]] = []
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if end > _HEADERS_SIZE:
            raise InvalidMetadata("metadata", expected=f"headers of at most {_HEADERS_SIZE} characters")
        line = text[at:end].removesuffix("\r")
        match = _HEADER.fullmatch(line)
        if line[:1] in (" ", "\t") and headers:
            headers[-1][1].append(line)
        elif match is not None:
            headers.append((match["name"], [match["value"]]))
        else:
            break
        at = end + 1
    body = text[at:]
    if body.startswith(("\n", "\r\n")):
        body = body.partition("\n")[2]
    return [(name, "\n".join(lines).strip()) for name, lines in headers], body


def _unindented(described: str) -> str:
    """A description in a header: each of its lines but the first is indented, by eight spaces or with a bar."""
    return re.sub(r"\n {7}[ |]", "\n", described)


def _check_requirements(fields: Mapping[str, str | list[str]]) -> None:
    python = str(fields.get("requires_python") or "")
    try:
        if len(python) > _MAX_SPECIFIERS:
            raise InvalidSpecifier
        SpecifierSet(python)
    except InvalidSpecifier:
        raise InvalidMetadata(
            f"Requires-Python: {python[:_SHOWN]}", expected="version specifiers as PEP 440 has them, such as >=3.11"
        ) from None
    for requirement in fields.get("requires_dist", ()):
        try:
            Requirement(requirement)
        except (InvalidRequirement, RecursionError):
            raise InvalidMetadata(
                f"Requires-Dist: {requirement[:_SHOWN]}", expected="a requirement as PEP 508 has it"
            ) from None
