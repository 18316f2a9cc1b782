"""OCI artifacts: files as titled layers, pushed and pulled through the distribution API, as ``oras`` does.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md; the numbers ``end-…`` are its end-points.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from entrepot.client.answers import StoredFile
from entrepot.client.connection import escape
from entrepot.client.download import Download, has_content, is_wanted, place_in
from entrepot.client.errors import (
    Conflict,
    Denied,
    LocalFailure,
    Misuse,
    NotFound,
    Refused,
    Unintelligible,
    WrongContent,
)
from entrepot.client.upload import WHOLE_SIZE, SessionStore, SessionUpload, Source, digest_of
from entrepot.model.artifact import (
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MANIFEST_TYPES,
    Artifact,
    Descriptor,
    Link,
    LinkKind,
)
from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid
from entrepot.model.oci_name import encode

if TYPE_CHECKING:
    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.transfer import Transfers

TITLE: Final = "org.opencontainers.image.title"
CREATED: Final = "org.opencontainers.image.created"
REF_NAME: Final = "org.opencontainers.image.ref.name"
UNKNOWN_ARTIFACT: Final = "application/vnd.unknown.artifact.v1"
"""What an artifact is whose type nobody said, by oras's custom."""

_EMPTY_CONFIG: Final = b"{}"
_MAX_DEPTH: Final = 8
_CREATED: Final = 201


@dataclass(frozen=True, slots=True)
class OciPackage:
    """A package as the distribution API shows it."""

    connection: Connection
    transfers: Transfers
    address: Address
    sessions: SessionStore

    @property
    def _path(self) -> str:
        """``/v2/<name>``; a package of another format is addressed with its format's name."""
        address = self.address
        if address.format in (None, "oci"):
            return f"/v2/{address.view}/{escape(address.package)}"
        return f"/v2/{address.view}/{address.format}/{encode(address.package)}"

    # --- push ---

    def push(
        self, sources: Sequence[Source], annotations: Mapping[str, str], *, artifact_type: str | None, media_type: str
    ) -> tuple[Digest, list[StoredFile]]:
        """Push files as one artifact under the address's name.

        The same files again are not an error, even if the annotation of when they were made differs.
        """
        name = self.address.version
        config = Descriptor(EMPTY, Digest.of(_EMPTY_CONFIG), len(_EMPTY_CONFIG))
        self._push_bytes(config.digest, _EMPTY_CONFIG)
        files = self.transfers.run([partial(self._push_file, source, media_type) for source in sources])
        manifest = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": artifact_type or UNKNOWN_ARTIFACT,
            "config": {"mediaType": EMPTY, "digest": str(config.digest), "size": config.size, "data": "e30="},
            "layers": [
                {
                    "mediaType": file.media_type,
                    "digest": str(file.digest),
                    "size": file.size,
                    "annotations": {TITLE: file.path},
                }
                for file in files
            ],
            "annotations": dict(annotations),
        }
        return self._push_manifest(name, manifest), files

    def refer(
        self,
        content: bytes,
        *,
        media_type: str,
        artifact_type: str,
        annotations: Mapping[str, str],
        layer_annotations: Mapping[str, str],
    ) -> Digest:
        """Push *content* as an artifact that refers to the one, or to the file, that the address has the digest of."""
        subject = self._describe()
        layer = {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}
        if layer_annotations:
            layer["annotations"] = dict(layer_annotations)
        for blob in (_EMPTY_CONFIG, content):
            self._push_bytes(Digest.of(blob), blob)
        config = {"mediaType": EMPTY, "digest": str(Digest.of(_EMPTY_CONFIG)), "size": len(_EMPTY_CONFIG)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": artifact_type,
            "config": config,
            "layers": [layer],
            "subject": subject,
            "annotations": dict(annotations),
        }
        pushed = json.dumps(manifest, separators=(",", ":")).encode()
        digest = Digest.of(pushed)
        self.connection.call(
            "PUT", f"{self._path}/manifests/{digest}", content=pushed, headers={"Content-Type": IMAGE_MANIFEST}
        )
        return digest

    def _describe(self) -> dict[str, object]:
        """The descriptor of what the address has the digest of: an artifact, else a file (end-3, end-2)."""
        digest = self.address.reference
        try:
            artifact = self.read(digest)
        except NotFound:
            answer = self.connection.call("HEAD", f"{self._path}/blobs/{digest}")
            size = int(answer.headers.get("Content-Length", "0"))
            return {"mediaType": "application/octet-stream", "digest": digest, "size": size}
        return {"mediaType": artifact.media_type, "digest": digest, "size": len(artifact.content)}

    def _push_manifest(self, name: str, manifest: dict[str, Any]) -> Digest:
        """end-7a."""
        content = json.dumps(manifest, separators=(",", ":")).encode()
        digest = Digest.of(content)
        headers = {"Content-Type": IMAGE_MANIFEST}
        try:
            self.connection.call("PUT", f"{self._path}/manifests/{name}", content=content, headers=headers)
        except (Denied, Conflict) as error:
            present = self._find(name)
            if present is not None and _timeless(present.content) == _timeless(content):
                return present.digest
            if present is not None or _is_about(error, digest):
                error.hint = "It is there with other content, and a version never changes: push under a new one."
            raise
        return digest

    def _push_file(self, source: Source, media_type: str) -> StoredFile:
        tell = self.transfers.tell(source.name, source.size)
        if source.size <= WHOLE_SIZE:
            content = b"".join(source.pieces())
            source.check()
            digest = Digest.of(content)
            self._push_bytes(digest, content)
        else:
            digest = digest_of(source, tell)
            if not self._has_blob(digest):
                self._push_in_session(source, digest)
        self.transfers.finish(source.name, source.size)
        return StoredFile(source.name, digest, source.size, media_type)

    def _push_bytes(self, digest: Digest, content: bytes) -> None:
        """end-2, end-4b, and end-6 where a registry does not take the single POST."""
        if self._has_blob(digest):
            return
        path, query = f"{self._path}/blobs/uploads/", {"digest": str(digest)}
        headers = {"Content-Type": "application/octet-stream"}
        answer = self.connection.call("POST", path, query=query, content=content, headers=headers, repeatable=True)
        if answer.status != _CREATED:
            self.connection.call("PUT", answer.location, query=query, content=content, headers=headers)

    def _push_in_session(self, source: Source, digest: Digest) -> None:
        """end-4a, end-5, end-13, end-6."""
        tell = self.transfers.tell(source.name, source.size)

        def begin() -> str:
            return self.connection.call("POST", f"{self._path}/blobs/uploads/", content=b"", repeatable=True).location

        upload = SessionUpload(self.connection, source, self._path, begin, tell, self.sessions)
        session, sent = upload.send()
        if sent != digest:
            source.check()
            raise WrongContent(f"{source.path} was {digest} when it was read first and {sent} when it was sent")
        with upload.ending():
            try:
                self.connection.call("PUT", session, query={"digest": str(digest)}, content=b"")
            except NotFound:
                # The answer to a first PUT may have been lost after the upload had become a blob.
                if not self._has_blob(digest):
                    raise

    def _has_blob(self, digest: Digest) -> bool:
        try:
            self.connection.call("HEAD", f"{self._path}/blobs/{digest}")
        except NotFound:
            return False
        return True

    # --- pull ---

    def read(self, reference: str) -> Artifact:
        """The manifest or index that a tag, a version or a digest means, verified (end-3)."""
        headers = {"Accept": ", ".join(MANIFEST_TYPES)}
        answer = self.connection.call("GET", f"{self._path}/manifests/{reference}", headers=headers)
        media_type = answer.headers.get("Content-Type", "").partition(";")[0]
        # What the header says is a claim about the very bytes that came with it, so it has to hold too.
        promised = [answer.digest_in("Docker-Content-Digest")] if "Docker-Content-Digest" in answer.headers else []
        if ":" in reference:
            promised.append(Digest.parse(reference))
        for digest in promised:
            actual = Digest.of(answer.content, digest.algorithm)
            if actual != digest:
                raise WrongContent(
                    f"the manifest {reference} is not what it should be: {digest} was asked for, {actual} came",
                    hint="If it happens again, tell the registry's administrator (`entrepot scrub`).",
                )
        try:
            return Artifact.parse(answer.content, media_type, digest=promised[-1] if promised else None)
        except Invalid as error:
            raise Unintelligible(f"{self.address}: {error}") from error

    def pull(self, directory: Path, only: Sequence[str]) -> tuple[Digest, list[StoredFile]]:
        """Write the artifact's titled files, those that match a pattern of *only* if there is one, into a directory."""
        artifact = self.read(self.address.reference)
        if artifact.is_index:
            raise Misuse(
                f"{self.address} is an index of {len(artifact.links)} manifests, not one artifact",
                hint="Pull one of them by its digest, or all of it as an OCI layout: --layout DIR.",
            )
        layers = [link.target for link in artifact.links if link.kind is LinkKind.LAYER]
        titled = [layer for layer in layers if layer.annotations.get(TITLE)]
        if not titled:
            raise Misuse(
                f"{self.address} has no named files in it: it may be a container image",
                hint="Pull it as an OCI layout: --layout DIR.",
            )
        wanted = [layer for layer in titled if is_wanted(layer.annotations[TITLE], only)]
        if not wanted:
            raise Misuse(f"{self.address} has no file that matches {' or '.join(only)}")
        return artifact.digest, self.transfers.run([partial(self._pull_file, directory, layer) for layer in wanted])

    def pull_layout(self, directory: Path) -> tuple[Digest, list[StoredFile]]:
        """Write the artifact, with all that it contains, as an OCI image layout.

        https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md; a layout that is there gains it.
        """
        root = self.read(self.address.reference)
        manifests = self._walk(root)
        blobs: dict[Digest, Link] = {}
        for manifest in manifests:
            for link in manifest.links:
                if link.kind is not LinkKind.MANIFEST:
                    blobs.setdefault(link.target.digest, link)
        files = self.transfers.run([partial(self._pull_blob, directory, link) for link in blobs.values()])
        for manifest in manifests:
            _write(_blob_place(directory, manifest.digest), manifest.content)
        _write(directory / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add_to_index(directory / "index.json", root, self.address.name)
        return root.digest, [file for file in files if file is not None]

    def _walk(self, root: Artifact) -> list[Artifact]:
        """*root* and the manifests below it."""
        found = {root.digest: root}
        level = [root]
        for _ in range(_MAX_DEPTH):
            below = {
                link.target.digest
                for artifact in level
                for link in artifact.links
                if link.kind is LinkKind.MANIFEST and link.target.digest not in found
            }
            level = [self.read(str(digest)) for digest in sorted(below)]
            found |= {artifact.digest: artifact for artifact in level}
            if not level:
                return list(found.values())
        raise Misuse(f"{self.address} is nested deeper than {_MAX_DEPTH} levels")

    def _pull_file(self, directory: Path, layer: Descriptor) -> StoredFile:
        title = layer.annotations[TITLE]
        self._fetch(place_in(directory, title), title, layer)
        return StoredFile(title, layer.digest, layer.size, layer.media_type)

    def _pull_blob(self, directory: Path, link: Link) -> StoredFile | None:
        target = link.target
        try:
            self._fetch(_blob_place(directory, target.digest), str(target.digest)[:19], target)
        except NotFound:
            # A layer that may not be distributed need not be here.
            if link.required:
                raise
            return None
        return StoredFile(f"blobs/{target.digest.algorithm}/{target.digest.hex}", target.digest, target.size)

    def _fetch(self, place: Path, name: str, target: Descriptor) -> None:
        """end-2."""
        tell = self.transfers.tell(name, target.size)
        if not has_content(place, target.digest, target.size, tell):
            path = f"{self._path}/blobs/{target.digest}"
            Download(self.connection, path, place, digest=target.digest, size=target.size, tell=tell).fetch()
        self.transfers.finish(name, target.size)

    def _find(self, reference: str) -> Artifact | None:
        try:
            return self.read(reference)
        except Refused:
            return None


def _is_about(error: Refused, digest: Digest) -> bool:
    """Whether a refusal is about what was pushed, rather than about who pushed it."""
    match error.fields:
        case {"errors": [{"detail": {"actual": str(actual)}}, *_]}:
            return actual == str(digest)
    return False


def _timeless(manifest: bytes) -> dict[str, Any]:
    """A manifest without the annotation of when it was made."""
    document: dict[str, Any] = json.loads(manifest)
    annotations = {key: value for key, value in (document.get("annotations") or {}).items() if key != CREATED}
    return document | {"annotations": annotations}


def _blob_place(directory: Path, digest: Digest) -> Path:
    return directory / "blobs" / digest.algorithm / digest.hex


def _add_to_index(path: Path, root: Artifact, name: str | None) -> None:
    """List *root* in a layout's index, in the place of what had its name."""
    try:
        index = json.loads(path.read_bytes())
        kept = [
            listed
            for listed in index["manifests"]
            if listed["digest"] != str(root.digest)
            and (name is None or listed.get("annotations", {}).get(REF_NAME) != name)
        ]
    except FileNotFoundError:
        index, kept = {"schemaVersion": 2, "mediaType": IMAGE_INDEX}, []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalFailure(f"{path} is not the index of an OCI layout: {error}") from error
    descriptor: dict[str, Any] = {"mediaType": root.media_type, "digest": str(root.digest), "size": len(root.content)}
    if root.artifact_type is not None:
        descriptor["artifactType"] = root.artifact_type
    if name is not None:
        descriptor["annotations"] = {REF_NAME: name}
    _write(path, json.dumps(index | {"manifests": [*kept, descriptor]}, indent=2).encode())


def _write(path: Path, content: bytes) -> None:
    """Write a small file, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}.new")
        new.write_bytes(content)
        new.replace(path)
    except OSError as error:
        raise LocalFailure(f"{path} cannot be written: {error.strerror}") from error
