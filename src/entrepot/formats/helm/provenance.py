"""Provenance files, looked into: a text signed in the clear that says of which chart's file it is.

https://helm.sh/docs/topics/provenance/, RFC 9580, 7 ("Cleartext Signature Framework").
The signature is whoever pulls the chart's to verify, with the keys that they trust; what is checked here is that the
file is about the chart beside which it will be found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.formats.helm.document import as_mapping, as_text, read_document
from entrepot.formats.helm.metadata import read_metadata
from entrepot.formats.helm.rules import print_file
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest, InvalidMetadata

if TYPE_CHECKING:
    from entrepot.model.names import PackageName, ReferenceName

MAX_SIZE: Final = 512 * 1024
_NAME: Final = "provenance"
_SIGNED: Final = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z-]{1,40}: [^\n]{0,200}\n){0,10}\n(?P<text>.*)\n"
    rb"-----BEGIN PGP SIGNATURE-----\n(?P<signature>[^-]+)-----END PGP SIGNATURE-----\n*",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Of which chart's file it is."""

    name: PackageName
    version: ReferenceName
    digest: Digest


def examine_provenance(file: BinaryIO) -> Provenance:
    """Read a provenance file. Raises `InvalidMetadata`."""
    file.seek(0)
    content = file.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        raise InvalidMetadata(_NAME, expected=f"at most {MAX_SIZE} bytes")
    signed = _SIGNED.fullmatch(content.replace(b"\r\n", b"\n"))
    if signed is None:
        raise InvalidMetadata(_NAME, expected="a text signed in the clear (-----BEGIN PGP SIGNED MESSAGE-----)")
    # RFC 9580, 7.1: a line that begins with a dash is written with "- " before it.
    text = re.sub(rb"^- ", b"", signed["text"], flags=re.MULTILINE)
    chart, separator, sums = text.partition(b"\n...\n")
    if not separator:
        raise InvalidMetadata(_NAME, expected="the chart's metadata, a line of three dots, and checksums")
    said = as_mapping(read_document(chart, _NAME), _NAME)
    metadata = read_metadata(
        {key: as_text(said[key], f"{_NAME}: {key}") for key in ("name", "version") if key in said}, _NAME
    )
    files = as_mapping(as_mapping(read_document(sums, _NAME), _NAME).get("files", {}), f"{_NAME}: files")
    name = print_file(metadata.name, metadata.version)
    if name not in files:
        raise InvalidMetadata(f"{_NAME}: files", expected=f"the checksum of {name}")
    try:
        digest = Digest.parse(as_text(files[name], f"{_NAME}: files"))
    except InvalidDigest as error:
        raise InvalidMetadata(f"{_NAME}: {name}", expected=error.expected, actual=error.subject) from error
    return Provenance(metadata.name, metadata.version, digest)


def check_provenance(provenance: Provenance, chart: Digest) -> None:
    """Raise `InvalidMetadata` unless it is about the chart's file called *chart*."""
    if provenance.digest != chart:
        raise InvalidMetadata(
            f"{_NAME} of {print_file(provenance.name, provenance.version)}", expected=chart, actual=provenance.digest
        )
