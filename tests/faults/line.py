"""One client's connection to the server: plain, quick, and honest about being cut."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

Body = bytes | Iterable[bytes]


class Cut(Exception):
    """The connection ended before there was a whole answer: nobody knows what became of the request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def location(self) -> str:
        """Where it points, as a path."""
        parts = urlsplit(self.headers["location"])
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def received(self) -> int:
        """How many bytes an upload's answer says that it has; 0 and 1 look alike on this wire."""
        last = int(self.headers["range"].rpartition("-")[2])
        return last + 1 if last else 0


class Line:
    """A connection, made when it is needed and again after it was cut."""

    def __init__(self, address: tuple[str, int], token: str | None = None, *, timeout: float = 60.0) -> None:
        self._address = address
        self._timeout = timeout
        self._credentials = {"Authorization": f"Basic {_basic(token)}"} if token else {}
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, method: str, path: str, body: Body = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request, and wait for all of the answer. A body that is no bytes goes out in chunks.

        Raises `Cut`.
        """
        connection = self._connection
        if connection is None:
            connection = self._connection = http.client.HTTPConnection(*self._address, timeout=self._timeout)
        try:
            connection.connect() if connection.sock is None else None
            # Requests go out in two writes; waiting for the first one's acknowledgement would cost 40 ms each.
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            whole = isinstance(body, bytes)
            sent = {**self._credentials, **(headers or {})}
            if whole and (body or method in ("POST", "PUT", "PATCH")):
                sent["Content-Length"] = str(len(body))  # type: ignore[arg-type]
            elif not whole:
                sent["Transfer-Encoding"] = "chunked"
            connection.request(method, path, body or None, sent, encode_chunked=not whole)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Cut(f"{method} {path}: {error!r}") from error
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- whole steps, which must succeed ---

    def push(self, package: str, content: bytes) -> str:
        """Push a blob, and return its digest."""
        digest = digest_of(content)
        begun = self.must(202, "POST", f"/v2/{package}/blobs/uploads/")
        self.must(201, "PUT", f"{begun.location}?digest={digest}", content)
        return digest

    def tag(self, package: str, tag: str, manifest: bytes) -> str:
        """Push a manifest by tag, and return its digest."""
        self.must(201, "PUT", f"/v2/{package}/manifests/{tag}", manifest, {"Content-Type": MANIFEST})
        return digest_of(manifest)

    def must(
        self, status: int, method: str, path: str, body: Body = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """The same as `ask`, when there is only one good answer."""
        reply = self.ask(method, path, body, headers)
        assert reply.status == status, f"{method} {path}: {reply.status} {reply.body[:500]!r}"
        return reply


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    """The name of *content*."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def manifest_of(config: bytes, *layers: bytes, **more: object) -> bytes:
    """An image manifest over some blobs."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(config, CONFIG),
        "layers": [descriptor(layer, LAYER) for layer in layers],
        **more,
    }
    return json.dumps(document).encode()


def descriptor(content: bytes, media_type: str) -> dict[str, object]:
    """Media type, digest and size."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _basic(token: str) -> str:
    return base64.b64encode(f"any:{token}".encode()).decode()
