"""How people write what they mean: ``acme/pkg:1.0``, ``acme.prod/team/api:1.4``, ``acme/pkg@sha256:…``.

Where a name is taken in more than one format, the format comes second: ``acme/generic/pkg:1.0``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

from entrepot.client.errors import Misuse
from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid
from entrepot.model.names import View, parse_reference

if TYPE_CHECKING:
    from typing import Self

_TO_COME: Final = ("huggingface",)
"""Formats that there are not yet, and whose names no package shall begin with meanwhile."""


def _list_formats() -> tuple[str, ...]:
    """A folder each; none is imported, since a client needs their names alone."""
    spec = find_spec("entrepot.formats")
    folders = [] if spec is None else spec.submodule_search_locations
    return (*sorted(module.name for module in iter_modules(folders) if module.ispkg), *_TO_COME)


FORMATS: Final = _list_formats()
"""The names of formats, none of which can be the first part of a package's name."""

_EXAMPLES: Final = "write acme/pkg:1.0, acme.prod/team/api:1.4 or acme/pkg@sha256:…"
_PART: Final = re.compile(r"[^\s/?#%\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Address:
    """A package as seen through a view, and perhaps one thing in it: a tag or version, a digest, or both."""

    view: View
    package: str
    format: str | None = None
    """None while nobody has said it."""
    name: str | None = None
    """A tag or a version."""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, *, format: str | None = None) -> Self:
        """Read what somebody wrote; *format* is what was said beside it. Raises `Misuse`."""
        rest, at, digest = text.partition("@sha")
        head, slash, tail = rest.rpartition("/")
        *named, name = tail.rsplit(":", 1)
        tail = named[0] if named else tail
        view, slash, package = f"{head}{slash}{tail}".partition("/")
        if not slash or "://" in text:
            raise Misuse(
                f"{text!r} is not a package: {_EXAMPLES}",
                hint="The registry's own address is not part of it; that comes from ENTREPOT_URL or `entrepot login`."
                if "://" in text
                else None,
            )
        first, slash, inner = package.partition("/")
        if slash and first in FORMATS:
            if format not in (None, first):
                raise Misuse(f"{text!r} says {first}, and --format says {format}")
            format, package = first, inner
        if format is not None and format not in FORMATS:
            raise Misuse(f"there is no format {format!r}: it is one of {', '.join(FORMATS)}")
        if any(_PART.fullmatch(part) is None or part in (".", "..", "-") for part in package.split("/")):
            raise Misuse(f"{text!r} is not a package: {_EXAMPLES}")
        try:
            return cls(
                view=View.parse(view),
                package=package,
                format=format,
                name=parse_reference(name) if named else None,
                digest=Digest.parse(f"sha{digest}") if at else None,
            )
        except Invalid as error:
            raise Misuse(f"{text!r}: {error}") from error

    def of(self, format: str) -> Self:
        """The same, in a format."""
        return replace(self, format=format)

    @property
    def reference(self) -> str:
        """What names one artifact: the digest if there is one, else the tag or version. Raises `Misuse`."""
        if self.digest is not None:
            return str(self.digest)
        if self.name is None:
            raise Misuse(f"{self} names a package, not one of its versions: write {self}:VERSION")
        return self.name

    @property
    def version(self) -> str:
        """The tag or version. Raises `Misuse`."""
        if self.name is None:
            raise Misuse(f"{self} names no tag or version: write {self.view}/{self.package}:NAME")
        return self.name

    def __str__(self) -> str:
        path = f"{self.view}/{self.format}/{self.package}" if self.format else f"{self.view}/{self.package}"
        name = f":{self.name}" if self.name is not None else ""
        return f"{path}{name}" + (f"@{self.digest}" if self.digest is not None else "")
