"""What a bundle says it has, and who vouches for that: an OCI image layout's index, and a seal over it.

The index is what every program reads (OCI image specification, "Image Layout"); each descriptor says besides, in
annotations, in which package its artifact is and by which name. The seal is an envelope (`entrepot.trust.dsse`) by the
registry that wrote the bundle, and names the index by its digest, and so everything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from entrepot.model.artifact import IMAGE_INDEX, MANIFEST_TYPES
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidBundle, InvalidEvidence, RegistryError
from entrepot.model.names import FormatName, ReferenceName, parse_reference
from entrepot.model.oci_name import decode, encode
from entrepot.trust.dsse import Envelope
from entrepot.trust.signing import sign_envelope

if TYPE_CHECKING:
    from entrepot.model.names import PackageName
    from entrepot.trust.keys import PublicKey
    from entrepot.trust.signing import Signing

PAYLOAD_TYPE: Final = "application/vnd.entrepot.bundle.v1+json"
LAYOUT_FILE: Final = "oci-layout"
INDEX_FILE: Final = "index.json"
SEAL_FILE: Final = "entrepot-seal.json"
LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'
LARGEST_INDEX: Final = 64 * 1024 * 1024

_REFERENCE: Final = "org.opencontainers.image.ref.name"
_FORMAT: Final = "dev.entrepot.format"
_PACKAGE: Final = "dev.entrepot.package"
_NAME: Final = "dev.entrepot.name"
_KIND: Final = "dev.entrepot.kind"
_IMAGES: Final = "oci"
_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Exported:
    """An artifact of a bundle, in a package of some namespace, by one name or none."""

    digest: Digest
    media_type: str
    size: int
    namespace: str
    format: FormatName
    package: PackageName
    name: ReferenceName | None = None
    is_version: bool = False
    sealed: bool = True
    """Whether the version was complete."""

    @property
    def document(self) -> dict[str, Any]:
        """The descriptor in the index."""
        annotations = {_FORMAT: self.format, _PACKAGE: f"{self.namespace}/{encode(self.package)}"}
        if self.name is not None:
            kind = "tag" if not self.is_version else "sealed version" if self.sealed else "open version"
            # What it is pulled by, which is a word for other programs, too (image layout, "ref.name").
            pulled = [self.namespace, *([] if self.format == _IMAGES else [self.format]), encode(self.package)]
            annotations |= {_NAME: self.name, _KIND: kind, _REFERENCE: f"{'/'.join(pulled)}:{self.name}"}
        return {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
            "annotations": annotations,
        }

    @classmethod
    def of(cls, found: object) -> Exported:
        """Read a descriptor. Raises `InvalidBundle`."""
        try:
            read = msgspec.convert(found, _Descriptor)
        except msgspec.ValidationError as error:
            raise InvalidBundle(INDEX_FILE, expected="descriptors", actual=str(error)[:300]) from error
        annotations = read.annotations
        if read.media_type not in MANIFEST_TYPES or not {_FORMAT, _PACKAGE} <= annotations.keys():
            raise InvalidBundle(INDEX_FILE, expected="manifests, with the format and package that they are of")
        namespace, _, encoded = annotations[_PACKAGE].partition("/")
        name, kind = annotations.get(_NAME), annotations.get(_KIND)
        if name is not None and kind not in _KINDS:
            raise InvalidBundle(INDEX_FILE, expected="names of a kind", actual=str(kind)[:100])
        try:
            return cls(
                digest=Digest.parse(read.digest),
                media_type=read.media_type,
                size=read.size,
                namespace=namespace,
                format=FormatName(annotations[_FORMAT]),
                package=decode(encoded),
                name=None if name is None else parse_reference(name),
                is_version=kind != "tag",
                sealed=kind != "open version",
            )
        except RegistryError as error:
            raise InvalidBundle(INDEX_FILE, expected="digests and names", actual=str(error)[:300]) from error


class _Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    digest: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    annotations: dict[str, str]


_KINDS: Final = ("tag", "sealed version", "open version")


def write_index(exported: Sequence[Exported]) -> bytes:
    """The index of a bundle."""
    document = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [each.document for each in exported]}
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def read_index(content: bytes) -> list[Exported]:
    """What `write_index` was given. Raises `InvalidBundle`."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidBundle(INDEX_FILE, expected="JSON", actual=str(error)[:200]) from error
    match document:
        case {"schemaVersion": 2, "manifests": [*manifests]} if len(manifests) <= _MOST:
            return [Exported.of(each) for each in manifests]
    raise InvalidBundle(INDEX_FILE, expected=f"an image index with at most {_MOST} manifests")


def seal_index(index: bytes, signing: Signing) -> bytes:
    """The seal over an index. Raises `Unavailable` while the key store does not sign."""
    payload = json.dumps({"index": str(Digest.of(index)), "signer": signing.public_key.pem}).encode()
    return json.dumps(sign_envelope(signing, payload, PAYLOAD_TYPE).to_document()).encode()


def require_seal(index: bytes, seal: bytes, keys: Sequence[PublicKey]) -> PublicKey:
    """Who of *keys* has sealed an index. Raises `InvalidBundle`."""
    try:
        envelope = Envelope.parse(seal)
    except InvalidEvidence as error:
        raise InvalidBundle(SEAL_FILE, expected="a signed envelope", actual=str(error)[:300]) from error
    signer = next((key for key in keys if envelope.is_signed_by(key)), None)
    if envelope.payload_type != PAYLOAD_TYPE or signer is None:
        raise InvalidBundle(SEAL_FILE, expected=f"a seal by {' or '.join(key.fingerprint for key in keys)}")
    said = msgspec.json.decode(envelope.payload)
    if not isinstance(said, Mapping) or said.get("index") != str(Digest.of(index)):
        raise InvalidBundle(INDEX_FILE, expected=str(said)[:100], actual=Digest.of(index))
    return signer
