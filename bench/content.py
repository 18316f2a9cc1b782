"""What is pushed and pulled: blobs of any size, each with a digest of its own, and small images."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from bench.scale import MIB

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"

_BLOCK_SIZE = 16 * MIB
_TAIL_SIZE = 32


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with their digest: the file *head*, if any, then *tail*."""

    digest: str
    size: int
    tail: bytes
    head: Path | None = None

    @classmethod
    def of(cls, content: bytes) -> Blob:
        return cls(digest_of(content), len(content), content)


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest with its config and layers."""

    manifest: bytes
    digest: str
    blobs: tuple[Blob, ...]

    @classmethod
    def of(cls, config: bytes, layers: list[bytes], annotations: dict[str, str] | None = None) -> Image:
        blobs = (Blob.of(config), *map(Blob.of, layers))
        types = (CONFIG_TYPE, *(LAYER_TYPE for _ in layers))
        descriptors = [
            {"mediaType": kind, "digest": blob.digest, "size": blob.size}
            for kind, blob in zip(types, blobs, strict=True)
        ]
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": descriptors[0],
            "layers": descriptors[1:],
            **({"annotations": annotations} if annotations else {}),
        }
        manifest = json.dumps(document).encode()
        return cls(manifest, digest_of(manifest), blobs)


class Payload:
    """A large file from which any number of distinct blobs of one size are made for the price of one hash.

    The blobs differ in their last bytes alone, so that the hash of what comes before is shared.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self._size = size
        self._hash = hashlib.sha256()
        head_size = size - _TAIL_SIZE
        block = os.urandom(min(_BLOCK_SIZE, head_size))
        with path.open("wb") as file:
            for start in range(0, head_size, len(block)):
                piece = block[: head_size - start]
                self._hash.update(piece)
                file.write(piece)

    def blob(self) -> Blob:
        """A blob that no server has seen."""
        tail = os.urandom(_TAIL_SIZE)
        whole = self._hash.copy()
        whole.update(tail)
        return Blob(f"sha256:{whole.hexdigest()}", self._size, tail, self.path)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def small_image() -> Image:
    """A config and two tiny layers that no server has seen."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {"Labels": {"nonce": os.urandom(16).hex()}},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    return Image.of(json.dumps(config).encode(), [os.urandom(700), os.urandom(2300)])
