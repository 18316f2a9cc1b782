"""A small registry with something of everything in it, so that hostile requests meet real things."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.hostile.exchange import Answer, Request

MANIFEST = b"application/vnd.oci.image.manifest.v1+json"
INDEX = b"application/vnd.oci.image.index.v1+json"

PACKAGE = "acme/team/api"
PUBLIC = "open/tool"

SMALL = b'{"architecture":"none"}'
LARGE = bytes(range(256)) * 400

Ask = Callable[[Request], "Answer | None"]


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    """The name of *content*."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def basic(token: str, user: str = "any") -> bytes:
    """The value of an Authorization field."""
    return b"Basic " + base64.b64encode(f"{user}:{token}".encode())


def manifest(**changes: object) -> dict[str, object]:
    """An image manifest over `SMALL` and `LARGE`."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST.decode(),
        "config": descriptor(SMALL, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(LARGE, "application/vnd.oci.image.layer.v1.tar")],
        **changes,
    }


def descriptor(content: bytes, media_type: str) -> dict[str, object]:
    """Media type, digest and size of *content*."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def encode(document: object) -> bytes:
    """As JSON."""
    return json.dumps(document).encode()


IMAGE = encode(manifest())
LIST = encode({"schemaVersion": 2, "mediaType": INDEX.decode(), "manifests": [descriptor(IMAGE, MANIFEST.decode())]})
NOTE = encode(manifest(artifactType="application/x.note", layers=[], subject=descriptor(IMAGE, MANIFEST.decode())))

CONTENT = (SMALL, LARGE, IMAGE, LIST, NOTE)
"""All that is in `PACKAGE` and in `PUBLIC`."""


@dataclass(slots=True)
class World:
    """Somebody who may do everything; the namespaces ``acme`` (private) and ``open`` (public) exist already."""

    ask: Ask
    authorization: bytes

    def fill(self) -> None:
        """Push blobs, an image with a version and a tag, an index over it, and a referrer, to both packages."""
        for package in (PACKAGE, PUBLIC):
            for content in (SMALL, LARGE):
                self.put_blob(package, content)
            self.put_manifest(package, "1.0", IMAGE)
            self.put_manifest(package, "latest", IMAGE)
            self.put_manifest(package, "index", LIST, INDEX)
            self.put_manifest(package, digest_of(NOTE), NOTE)

    def write(
        self, method: str, target: str, *, pieces: tuple[bytes, ...] = (), kind: bytes | None = None, expect: int = 0
    ) -> Answer:
        """A request of the administrator's, which must succeed."""
        headers = [(b"host", b"registry.example.com"), (b"authorization", self.authorization)]
        if kind is not None:
            headers.append((b"content-type", kind))
        answer = self.ask(Request(method, target.encode(), tuple(headers), pieces))
        assert answer is not None
        assert answer.status == expect if expect else answer.status < 300, answer
        return answer

    def put_blob(self, package: str, content: bytes) -> None:
        """Push a blob in one request."""
        self.write("POST", f"/v2/{package}/blobs/uploads/?digest={digest_of(content)}", pieces=(content,))

    def put_manifest(self, package: str, reference: str, content: bytes, kind: bytes = MANIFEST) -> None:
        """Push a manifest."""
        self.write("PUT", f"/v2/{package}/manifests/{reference}", pieces=(content,), kind=kind)

    def open_session(self) -> str:
        """The path of a new upload."""
        location = self.write("POST", f"/v2/{PACKAGE}/blobs/uploads/").header(b"location")
        assert location is not None
        return location.decode()
