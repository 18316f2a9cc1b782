"""What an index says of its own images: the attestation manifests that BuildKit puts beside them.

Each is a manifest without a subject; what it is about stands in the index, in the annotations of its descriptor
(https://docs.docker.com/build/metadata/attestations/attestation-storage/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.model.artifact import LinkKind
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.model.artifact import Artifact

REFERENCE_TYPE: Final = "vnd.docker.reference.type"
_REFERENCE_DIGEST: Final = "vnd.docker.reference.digest"
_ATTESTATION: Final = "attestation-manifest"


def iter_attestations(index: Artifact) -> Iterator[tuple[Digest, Digest]]:
    """Each manifest that only says something of another one in the index, with that other one."""
    links = [link.target for link in index.links if link.kind is LinkKind.MANIFEST]
    contained = {target.digest for target in links}
    for target in links:
        if target.annotations.get(REFERENCE_TYPE) != _ATTESTATION:
            continue
        try:
            about = Digest.parse(target.annotations.get(_REFERENCE_DIGEST, ""))
        except InvalidDigest:
            continue
        if about in contained and about != target.digest:
            yield target.digest, about
