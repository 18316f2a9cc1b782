"""Images made from nothing, as OCI layouts on disk, and what is needed to say that two copies are the same."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Descriptor = dict[str, Any]
Contents = dict[str, bytes]


def noise(seed: str, size: int) -> bytes:
    """The same *size* bytes for the same *seed*, which no compression makes smaller."""
    return random.Random(seed).randbytes(size)


def digest_of(content: bytes) -> str:
    """The sha256 digest of *content*."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar(files: Mapping[str, bytes]) -> bytes:
    """An archive of *files* that depends on nothing else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def untar(content: bytes) -> dict[str, bytes]:
    """The regular files of an archive, compressed or not."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers() if member.isfile()]
        return {member.name.removeprefix("./"): file.read() for member, file in members if file}


class Layout:
    """An OCI image layout (image-spec, image-layout.md) in a directory."""

    def __init__(self, root: Path) -> None:
        """Open the layout in *root*, which need not exist yet."""
        self.root = root
        (root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        if not (root / "index.json").exists():
            self._write_names([])

    def add(self, content: bytes, media_type: str) -> Descriptor:
        """Store *content* and describe it."""
        digest = digest_of(content)
        self._file(digest).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def image(self, *layers: Mapping[str, bytes], architecture: str = "amd64") -> Descriptor:
        """Store an image with one layer for each mapping of file names to contents."""
        archives = [tar(files) for files in layers]
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive) for archive in archives]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": self.add(json.dumps(config).encode(), _CONFIG),
            "layers": [self.add(gzip.compress(archive, 1, mtime=0), _LAYER) for archive in archives],
        }
        platform = {"architecture": architecture, "os": "linux"}
        return self.add(json.dumps(manifest).encode(), IMAGE) | {"platform": platform}

    def index(self, manifests: Sequence[Descriptor]) -> Descriptor:
        """Store an index of *manifests*."""
        return self.add(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode(), INDEX)

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """Name what *descriptor* describes, so that a client can push it."""
        # containerd has an annotation of its own for a full name.
        names = {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name}
        self._write_names([*self._names(), descriptor | {"annotations": names}])

    def only(self) -> str:
        """The digest of the one thing that the layout names."""
        (entry,) = self._names()
        return str(entry["digest"])

    def read(self, digest: str) -> bytes:
        """The stored bytes, which must still be those that the digest names."""
        content = self._file(digest).read_bytes()
        assert digest_of(content) == digest
        return content

    def contents(self, digest: str) -> Contents:
        """Everything that is reachable from *digest*."""
        return closure(digest, self.read)

    def _file(self, digest: str) -> Path:
        return self.root / "blobs" / digest.replace(":", "/")

    def _names(self) -> list[Descriptor]:
        names: list[Descriptor] = json.loads((self.root / "index.json").read_text())["manifests"]
        return names

    def _write_names(self, manifests: list[Descriptor]) -> None:
        names = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        (self.root / "index.json").write_text(json.dumps(names))


def closure(digest: str, read: Callable[[str], bytes]) -> Contents:
    """What is reachable from the manifest or index *digest*, each part got by *read*."""
    found = {digest: read(digest)}
    document = json.loads(found[digest])
    for child in document.get("manifests", []):
        found |= closure(child["digest"], read)
    for blob in [document[key] for key in ("config",) if key in document] + document.get("layers", []):
        found[blob["digest"]] = read(blob["digest"])
    return found


def small_image(layout: Layout, seed: str, architecture: str = "amd64") -> Descriptor:
    """An image of two small layers that no other *seed* has."""
    return layout.image(
        {"hello": f"hello from {seed} on {architecture}\n".encode()},
        {"etc/noise": noise(f"{seed} {architecture}", 2_000)},
        architecture=architecture,
    )


def large_image(layout: Layout, seed: str) -> Descriptor:
    """An image with a layer of 5 MiB: more than one chunk, one buffer or one window of any client."""
    return layout.image({"hello": seed.encode()}, {"var/large": noise(seed, 5 << 20)})


def multi_platform(layout: Layout, seed: str) -> Descriptor:
    """An index of images for two architectures."""
    return layout.index([small_image(layout, seed, architecture) for architecture in ("amd64", "arm64")])
