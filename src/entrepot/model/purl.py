"""Package URLs: the one name that every ecosystem's packages have.

https://github.com/package-url/purl-spec. A purl here is always in its canonical form, so that two that are equal name
one package; names are normalised by the rules of their type (``pkg:pypi/Typing_Extensions`` is
``pkg:pypi/typing-extensions``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from packageurl import PackageURL
from packaging.utils import canonicalize_name

from entrepot.model.errors import InvalidName

_LONGEST: Final = 2_048
_CACHED: Final = 65_536


@dataclass(frozen=True, slots=True)
class Purl:
    """A package, or with its version one release of it: ``pkg:deb/debian/curl@7.88.1-10?arch=amd64``."""

    type: str
    namespace: str | None
    name: str
    version: str | None = None
    qualifiers: tuple[tuple[str, str], ...] = ()
    """Sorted by key."""
    subpath: str | None = None

    @classmethod
    def parse(cls, text: str) -> Purl:
        """Read a package URL. Raises `InvalidName`."""
        return _parse(text)

    @classmethod
    def of(
        cls,
        type: str,
        name: str,
        version: str | None = None,
        *,
        namespace: str | None = None,
        qualifiers: dict[str, str] | None = None,
    ) -> Purl:
        """The canonical purl of these parts. Raises `InvalidName`."""
        try:
            url = PackageURL(type, namespace, name, version, qualifiers)
        except ValueError as error:
            raise InvalidName(f"pkg:{type}/{name}", expected="the parts of a package URL") from error
        return _of(url)

    @property
    def package(self) -> Purl:
        """The package alone: without version, qualifiers and subpath."""
        return replace(self, version=None, qualifiers=(), subpath=None)

    def qualifier(self, key: str) -> str | None:
        """The value of a qualifier, such as ``arch``; None when it has none."""
        return next((value for name, value in self.qualifiers if name == key), None)

    def __str__(self) -> str:
        return PackageURL(
            self.type, self.namespace, self.name, self.version, dict(self.qualifiers), self.subpath
        ).to_string()


@lru_cache(maxsize=_CACHED)
def _parse(text: str) -> Purl:
    if len(text) > _LONGEST:
        raise InvalidName(text[:80], expected=f"a package URL of at most {_LONGEST} characters")
    try:
        return _of(PackageURL.from_string(text))
    except ValueError as error:
        raise InvalidName(text, expected="a package URL, such as pkg:pypi/requests@2.31.0") from error


def _of(url: PackageURL) -> Purl:
    if not url.name:
        # What has nothing but slashes for a name is let through by the library.
        raise InvalidName(f"pkg:{url.type}/", expected="a package URL with a name")
    qualifiers = url.qualifiers if isinstance(url.qualifiers, dict) else {}
    if any("\0" in (part or "") for part in (url.namespace, url.name, url.version, url.subpath, *qualifiers.values())):
        raise InvalidName(url.to_string(), expected="a package URL without NUL, where some would end and others go on")
    return Purl(
        type=url.type,
        namespace=url.namespace or None,
        # One project to every index: PEP 503 takes a dot for a dash, too.
        name=url.name if url.type != "pypi" else canonicalize_name(url.name),
        version=url.version or None,
        qualifiers=tuple(sorted(qualifiers.items())),
        subpath=url.subpath or None,
    )
