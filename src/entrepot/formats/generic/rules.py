"""What packages, versions and files may be called, and what may be said of them: pure, for hostile input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NewType
from unicodedata import category, normalize

import msgspec

from entrepot.model.contents import FilePath
from entrepot.model.errors import Invalid, InvalidMetadata, InvalidName, InvalidReference
from entrepot.model.names import FormatName, PackageName, ReferenceName, parse_reference
from entrepot.model.reference import is_fallback

if TYPE_CHECKING:
    from collections.abc import Mapping

GENERIC: Final = FormatName("generic")

MediaType = NewType("MediaType", str)

OCTETS: Final = MediaType("application/octet-stream")
"""What a file is when nobody says."""

_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PATH_SIZE: Final = 1024
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REFUSED_CHARACTERS: Final = frozenset("\\\ufffd\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""A backslash is a separator to some; U+FFFD is what is left of bytes that were not UTF-8; the others turn the
direction of writing, so that a name reads as what it is not."""

_RESTRICTED_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE: Final = re.compile(rf"{_RESTRICTED_NAME}/{_RESTRICTED_NAME}")
_ABOUT_THE_REQUEST: Final = frozenset({"", "application/x-www-form-urlencoded"})
"""What clients send when they were told nothing: curl's ``--data-binary`` says the latter of anything."""
_UNFIT_TYPES: Final = (
    "multipart/",
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)
"""A form wraps the file in something else; the others are OCI's for layers that need not be there."""

_ANNOTATION_KEY: Final = re.compile(r"[!-~]{1,256}")
_MAX_ANNOTATIONS: Final = 100
_MAX_ANNOTATION: Final = 4096
_ALLOWED_CONTROLS: Final = frozenset("\n\t")


class GenericRules:
    """A package's name is one segment of a URL, kept as it is written; a version is any reference."""

    format = GENERIC

    def normalize(self, name: str) -> PackageName:
        """The name as it is: ``Tool`` and ``tool`` are two packages. Raises `InvalidName`."""
        if _PACKAGE.fullmatch(name) is None:
            raise InvalidName(
                name[:200], expected="letters, digits and . _ -, first a letter or digit, at most 128 characters"
            )
        return PackageName(name)

    def parse_version(self, text: str) -> ReferenceName:
        """Read a version. Raises `InvalidReference`.

        A tag that clients keep for a digest (``sha256-9f86….sig``) is none: through the OCI endpoint it moves.
        """
        if is_fallback(text):
            raise InvalidReference(text, expected="a version, not a tag that belongs to a digest")
        return parse_reference(text)


RULES: Final = GenericRules()


def parse_path(text: str) -> FilePath:
    """Read a file's path from a decoded URL. Raises `InvalidName`.

    Segments are separated by single slashes and are not ``.`` or ``..``, so that a path means the same file wherever
    the version is unpacked.
    What is not in Unicode's normal form C is brought into it, because file systems disagree about the form.
    """
    # Size first: what follows takes more than linear time for some input.
    if _size(text) > _PATH_SIZE or _size(path := normalize("NFC", text)) > _PATH_SIZE:
        raise InvalidName(text[:200], expected=f"a path of at most {_PATH_SIZE} bytes of UTF-8")
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        raise InvalidName(path[:200], expected="a path of segments that are not empty, . or ..")
    if not _REFUSED_CHARACTERS.isdisjoint(path) or any(category(each) in _REFUSED_CATEGORIES for each in path):
        raise InvalidName(ascii(path[:200]), expected="UTF-8 without backslashes and control characters")
    return FilePath(path)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def parse_media_type(text: str | None) -> MediaType:
    """Read Content-Type as a file's media type, without parameters (RFC 6838, 4.2). Raises `Invalid`."""
    essence = (text or "").partition(";")[0].strip().lower()
    if essence in _ABOUT_THE_REQUEST:
        return OCTETS
    if _MEDIA_TYPE.fullmatch(essence) is None or essence.startswith(_UNFIT_TYPES):
        raise Invalid(f"Content-Type {essence[:200]}", expected="the type of the file itself, or none")
    return MediaType(essence)


def parse_annotations(text: str | None) -> Mapping[str, str]:
    """Read what ``Entrepot-Annotations`` says: a JSON object of strings, in ASCII. Raises `InvalidMetadata`."""
    if text is None:
        return {}
    if not text.isascii():
        raise InvalidMetadata("Entrepot-Annotations", expected="ASCII, with \\u escapes for other characters")
    try:
        annotations = msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidMetadata("Entrepot-Annotations", expected=f"a JSON object of strings: {error}") from error
    if len(annotations) > _MAX_ANNOTATIONS:
        raise InvalidMetadata("Entrepot-Annotations", expected=f"at most {_MAX_ANNOTATIONS}")
    for key, value in annotations.items():
        _check_annotation(key, value)
    return annotations


def _check_annotation(key: str, value: str) -> None:
    if _ANNOTATION_KEY.fullmatch(key) is None:
        raise InvalidMetadata(ascii(key[:200]), expected="a key of 1 to 256 printable ASCII characters, no spaces")
    if len(value) > _MAX_ANNOTATION:
        raise InvalidMetadata(key, expected=f"a value of at most {_MAX_ANNOTATION} characters")
    if any(category(each) in ("Cc", "Cs") for each in value if each not in _ALLOWED_CONTROLS):
        raise InvalidMetadata(key, expected="a value without control characters")
