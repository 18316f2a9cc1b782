"""What projects, releases and files may be called: pure, for hostile input.

- Projects: PEP 503, "Normalized Names", and the core metadata specification, "Name".
- Releases: PEP 440, in its normal form.
- Files: the binary distribution format, "File name convention", and PEP 625 for sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from entrepot.model.contents import FilePath
from entrepot.model.errors import InvalidName, InvalidReference
from entrepot.model.names import FormatName, PackageName, ReferenceName, parse_reference

PYPI: Final = FormatName("pypi")

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_NAME_LENGTH: Final = 200
_VERSION_LENGTH: Final = 128
_EPOCH: Final = re.compile(r"(?P<epoch>[0-9]+)_(?P<rest>[0-9].*)", re.DOTALL)
_FILENAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]*")
_FILENAME_LENGTH: Final = 255
_WHEEL_SUFFIX: Final = ".whl"
_SDIST_SUFFIXES: Final = (".tar.gz", ".zip")


class PypiRules:
    """PEP 503 for names, PEP 440 for versions."""

    format = PYPI

    def normalize(self, name: str) -> PackageName:
        """The name in lower case, each run of ``-``, ``_`` and ``.`` as one dash. Raises `InvalidName`."""
        if len(name) > _NAME_LENGTH or _NAME.fullmatch(name) is None:
            raise InvalidName(
                name[:200],
                expected="letters, digits and . _ - with a letter or digit at both ends, "
                f"at most {_NAME_LENGTH} characters",
            )
        return PackageName(canonicalize_name(name))

    def parse_version(self, text: str) -> ReferenceName:
        """The reference of a release: its version in PEP 440's normal form. Raises `InvalidReference`.

        References have no ``!``: an epoch is set off by ``_``, which no version in normal form has, so ``1!2.0`` is
        ``1_2.0``. Both spellings are read.
        """
        match = _EPOCH.fullmatch(text)
        return reference_of(parse_version(text if match is None else f"{match['epoch']}!{match['rest']}"))


RULES: Final = PypiRules()


def parse_version(text: str) -> Version:
    """Read a version as PEP 440 lets people write it. Raises `InvalidReference`."""
    # Length first: numbers of any length are numbers.
    if len(text) > _VERSION_LENGTH:
        raise InvalidReference(text[:200], expected=f"a version of at most {_VERSION_LENGTH} characters")
    try:
        return Version(text)
    except InvalidVersion:
        raise InvalidReference(ascii(text), expected="a version as PEP 440 has it, such as 1.0 or 2.0.post1") from None


def reference_of(version: Version) -> ReferenceName:
    """How a release is called in the registry."""
    return parse_reference(str(version).replace("!", "_"))


class FileType(StrEnum):
    """What a file is, in the words of the upload form."""

    WHEEL = "bdist_wheel"
    SDIST = "sdist"


@dataclass(frozen=True, slots=True)
class Filename:
    """A file's name, and what it says."""

    text: FilePath
    kind: FileType
    project: PackageName
    version: Version
    python: str
    """For which Pythons, in the words of the upload form: a wheel's first tag, ``source`` otherwise."""

    @property
    def release(self) -> ReferenceName:
        """The release that it belongs to."""
        return reference_of(self.version)


def parse_filename(text: str) -> Filename:
    """Read the name of a wheel or of a source distribution. Raises `InvalidName`."""
    if len(text) > _FILENAME_LENGTH or _FILENAME.fullmatch(text) is None:
        raise InvalidName(
            ascii(text[:200]), expected=f"a file name of letters, digits and . _ + ! -, at most {_FILENAME_LENGTH}"
        )
    if text.endswith(_WHEEL_SUFFIX):
        return _parse_wheel(text)
    if text.endswith(_SDIST_SUFFIXES):
        return _parse_sdist(text)
    raise InvalidName(text, expected="a wheel (.whl) or a source distribution (.tar.gz, .zip)")


def _parse_wheel(text: str) -> Filename:
    try:
        project, version, _, _ = parse_wheel_filename(text)
    except (InvalidWheelFilename, ValueError) as error:
        raise InvalidName(text, expected=f"a wheel's name (name-version-python-abi-platform.whl): {error}") from None
    python = text.removesuffix(_WHEEL_SUFFIX).split("-")[-3]
    return Filename(FilePath(text), FileType.WHEEL, RULES.normalize(project), _fitting(version, text), python)


def _parse_sdist(text: str) -> Filename:
    try:
        project, version = parse_sdist_filename(text)
    except (InvalidSdistFilename, ValueError) as error:
        raise InvalidName(text, expected=f"a source distribution's name (name-version.tar.gz): {error}") from None
    return Filename(FilePath(text), FileType.SDIST, RULES.normalize(project), _fitting(version, text), "source")


def _fitting(version: Version, text: str) -> Version:
    if len(str(version)) > _VERSION_LENGTH:
        raise InvalidName(text, expected=f"a version of at most {_VERSION_LENGTH} characters")
    return version
