"""How Go names modules and versions ("Module paths", "Versions" in the Go Modules Reference).

Upper-case letters count, and stand in URLs as ``!`` and the lower-case letter, for file systems that ignore case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import InvalidName, InvalidReference
from entrepot.model.names import FormatName, PackageName, ReferenceName, parse_reference

if TYPE_CHECKING:
    from typing import Self

GO: Final = FormatName("go")

_LONGEST: Final = 255
_ELEMENT: Final = re.compile(r"[A-Za-z0-9_~-](?:[A-Za-z0-9._~-]*[A-Za-z0-9_~-])?")
_FIRST: Final = re.compile(r"[a-z0-9.-]+")
_SHORT_NAME: Final = re.compile(r"[^.]*~[0-9]+(?:\..*)?")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE | re.DOTALL)
_MAJOR_LIKE: Final = re.compile(r".*/v(?P<number>[0-9.]+)", re.DOTALL)
_MAJOR: Final = re.compile(r"[1-9][0-9]*")

BY_DOT: Final = "gopkg.in/"
"""The one host whose modules say their major version behind a dot: the reference names it."""
_DOTTED: Final = re.compile(r".*[^/]\.v(?P<number>0|[1-9][0-9]*)(?:-unstable)?", re.DOTALL)

_ESCAPED: Final = re.compile(r"(?:[^A-Z!]|![a-z])*", re.DOTALL)

_NUMBER: Final = r"0|[1-9][0-9]{0,19}"
_WORD: Final = r"[0-9A-Za-z-]+"
_VERSION: Final = re.compile(
    rf"v(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<pre>{_WORD}(?:\.{_WORD})*))?(?P<incompatible>\+incompatible)?"
)
# "Pseudo-versions": vX.0.0-yyyymmddhhmmss-abcdef, vX.Y.Z-pre.0.yyyymmddhhmmss-abcdef, vX.Y.Z-0.yyyymmddhhmmss-abcdef.
_PSEUDO: Final = re.compile(
    r"v[0-9]+\.(?:0\.0-|[0-9]+\.[0-9]+-(?:[^+]*\.)?0\.)(?P<time>[0-9]{14})-[A-Za-z0-9]+(?:\+incompatible)?"
)


class GoRules:
    """A module's path is a package's name, as it is written."""

    format = GO

    def normalize(self, name: str) -> PackageName:
        """The module path as it is: ``Foo`` and ``foo`` are two modules. Raises `InvalidName`."""
        return parse_module(name)

    def parse_version(self, text: str) -> ReferenceName:
        """Read a canonical version. Raises `InvalidReference`."""
        return parse_reference(str(Version.parse(text)))


RULES: Final = GoRules()


def is_device(element: str) -> bool:
    """Whether Windows takes an element of a path for a device, whatever its suffix."""
    return _DEVICE.fullmatch(element) is not None


def parse_module(text: str) -> PackageName:
    """Read a module path. Raises `InvalidName`."""
    if len(text) > _LONGEST:
        raise InvalidName(text[:200], expected=f"a module path of at most {_LONGEST} characters")
    elements = text.split("/")
    if "." not in elements[0] or _FIRST.fullmatch(elements[0]) is None or text.startswith("-"):
        raise InvalidName(text, expected="a module path that begins with a host name in lower case")
    for element in elements:
        if _ELEMENT.fullmatch(element) is None or is_device(element) or _SHORT_NAME.fullmatch(element) is not None:
            raise InvalidName(text, expected="elements of letters, digits and - . _ ~ that every file system can have")
    if _major_of(text) is None:
        raise InvalidName(text, expected="a major version suffix from /v2 on, or none")
    return PackageName(text)


def _major_of(module: str) -> str | None:
    """The major version that the path says, without leading letters: empty for none, None for one that cannot be."""
    if module.startswith(BY_DOT):
        dotted = _DOTTED.fullmatch(module)
        return None if dotted is None else dotted["number"]
    like = _MAJOR_LIKE.fullmatch(module)
    if like is None:
        return ""
    number = like["number"]
    return number if _MAJOR.fullmatch(number) is not None and number != "1" else None


@dataclass(frozen=True, slots=True)
class Version:
    """A canonical version."""

    text: str
    major: int
    order: tuple[object, ...]
    """What versions are sorted by (semver.org, 11)."""
    is_prerelease: bool
    is_incompatible: bool
    """Whether it is of a module that has not heard of major versions in paths."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a canonical version. Raises `InvalidReference`."""
        match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
        words = (match["pre"] or "").split(".") if match is not None else []
        if match is None or any(len(word) > 1 and word[0] == "0" and word.isdigit() for word in words):
            raise InvalidReference(text[:200], expected="a canonical version such as v1.2.3 or v1.2.3-rc.1")
        numbers = int(match["major"]), int(match["minor"]), int(match["patch"])
        pre = tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in words if word)
        return cls(text, numbers[0], (*numbers, not pre, pre, text), bool(pre), match["incompatible"] is not None)

    @property
    def pseudo_time(self) -> datetime | None:
        """When the commit of a pseudo-version was made; None for a version that was given."""
        match = _PSEUDO.fullmatch(self.text)
        if match is None:
            return None
        try:
            return datetime.strptime(match["time"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None

    @property
    def is_pseudo(self) -> bool:
        """Whether it stands for a commit that nobody gave a version."""
        return _PSEUDO.fullmatch(self.text) is not None

    def __str__(self) -> str:
        return self.text


def check_version(module: str, version: Version) -> None:
    """Raise `InvalidReference` unless the path says the version's major, or need not, and a commit's time is one."""
    if version.is_pseudo and version.pseudo_time is None:
        raise InvalidReference(version, expected="a time of the form yyyymmddhhmmss in a pseudo-version")
    said = _major_of(module) or ""
    if not said:
        if version.major <= 1 and not version.is_incompatible:
            return
        if version.major > 1 and version.is_incompatible:
            return
        raise InvalidReference(
            version,
            expected=f"v0, v1 or {module}/v{max(version.major, 2)}; from v2 on +incompatible if there is no go.mod",
        )
    # Once, such modules got pseudo-versions of v0.
    is_old_bug = module.startswith(BY_DOT) and said == "1" and str(version).startswith("v0.0.0-")
    if version.is_incompatible or (str(version.major) != said and not is_old_bug):
        raise InvalidReference(version, expected=f"a version of v{said}, as the path {module} says")


def escape(text: str) -> str:
    """A path or version as URLs have it."""
    return re.sub("[A-Z]", lambda match: f"!{match[0].lower()}", text)


def unescape(text: str) -> str:
    """What `escape` wrote. Raises `InvalidName`."""
    if _ESCAPED.fullmatch(text) is None:
        raise InvalidName(text[:200], expected="each upper-case letter as ! and the lower-case letter")
    return re.sub("!([a-z])", lambda match: match[1].upper(), text)
