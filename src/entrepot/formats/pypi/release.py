"""A release as the registry keeps it: its files, and the config that says what each of them is.

Beside each wheel or source distribution lie, as files of the release too, the metadata from inside it, its signature
and its attestations; so whoever pulls the release as an OCI artifact has all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from packaging.utils import canonicalize_name

from entrepot.formats.pypi.attestations import ATTESTATION_TYPE, subject_of
from entrepot.formats.pypi.rules import PYPI, FileType
from entrepot.model.contents import FilePath, Kind
from entrepot.model.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from entrepot.formats.pypi.core_metadata import CoreMetadata
    from entrepot.formats.pypi.rules import Filename

KIND: Final = Kind.of(PYPI)

_MEDIA_TYPES: Final = {
    ".whl": "application/zip",
    ".zip": "application/zip",
    ".tar.gz": "application/gzip",
    ".metadata": "text/plain",
    ".asc": "application/pgp-signature",
}


class FileFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the indexes say of a file and its manifest does not."""

    filetype: FileType
    python_version: str
    md5: str
    blake2b_256: str
    requires_python: str | None = None


class Release(msgspec.Struct, frozen=True):
    """The config of a release."""

    name: str
    """As people write it."""
    version: str
    """In PEP 440's normal form."""
    described_by: str
    """The file whose core metadata stands for the release: the first wheel, by name; else the source."""
    info: dict[str, str | list[str]]
    """That core metadata, but the description."""
    files: dict[str, FileFacts]


def read_release(metadata: Mapping[str, Any]) -> Release | None:
    """Read a config; None when it is not one that `describing` wrote."""
    try:
        return msgspec.convert(metadata, Release)
    except msgspec.ValidationError:
        return None


def describing(
    filename: Filename, core: CoreMetadata, facts: FileFacts, *, hosted: bool
) -> Callable[[Mapping[str, Any] | None], Mapping[str, Any]]:
    """The release with one file more. It is the same in whatever order its files came.

    When it is *hosted* here, what it makes raises `Conflict` for a second source distribution, and for a file that is
    there, spelt otherwise. Other indexes have releases from before these were rules.
    """

    def describe(before: Mapping[str, Any] | None) -> Mapping[str, Any]:
        release = None if before is None else read_release(before)
        files = {**({} if release is None else release.files), filename.text: facts}
        if hosted:
            _require_alone(filename.text, files)
        describer = min(files, key=lambda name: (files[name].filetype is FileType.SDIST, name))
        if release is None or describer == filename.text:
            release = Release(core.name, str(core.version), filename.text, dict(core.fields), files)
        else:
            release = msgspec.structs.replace(release, files=files)
        return {"format": PYPI, **msgspec.to_builtins(release)}

    return describe


def _require_alone(filename: str, files: Mapping[str, FileFacts]) -> None:
    for other, facts in files.items():
        if other == filename:
            continue
        if _folded(other) == _folded(filename):
            raise Conflict(filename, expected=f"another name: to installers it is {other}, which is there")
        if facts.filetype is FileType.SDIST is files[filename].filetype:
            raise Conflict(filename, expected=f"one source distribution for each release, and {other} is there")


def _folded(filename: str) -> str:
    """The same for file names that installers, or file systems, take for one."""
    return canonicalize_name(filename)


def metadata_path(filename: str) -> FilePath:
    """Where the metadata from inside a file is (PEP 658)."""
    return FilePath(f"{filename}.metadata")


def signature_path(filename: str) -> FilePath:
    """Where the signature of a file is (PEP 503)."""
    return FilePath(f"{filename}.asc")


def media_type(path: str) -> str:
    """What a file of a release is sent as."""
    if subject_of(path) is not None:
        return ATTESTATION_TYPE
    return next((kind for suffix, kind in _MEDIA_TYPES.items() if path.endswith(suffix)), "application/octet-stream")
