"""A registry of OCI artifacts for one test, as small as the distribution API allows, and with faults."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.unit.client.loopback import Asked, Hangup, Say

PREFIX = "/v2/acme/team/art"


def name(content: bytes) -> str:
    """The digest of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(slots=True)
class Depot:
    """What was pushed: blobs by digest, manifests by digest and by tag."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    sessions: dict[str, bytearray] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    single_post: bool = True
    lose_answers: int = 0
    before: Callable[[Asked], Say | None] = lambda _: None

    def __call__(self, asked: Asked) -> Say:
        other = self.before(asked)
        if other is not None:
            return other
        kind, _, rest = asked.path.removeprefix(f"{PREFIX}/").partition("/")
        if kind == "manifests":
            return self._manifest(asked, rest)
        if rest.startswith("uploads/"):
            return self._upload(asked, rest.removeprefix("uploads/"))
        if rest not in self.blobs:
            return Say.json({"errors": [{"code": "BLOB_UNKNOWN", "message": "no such blob"}]}, 404)
        return Say(200, self.blobs[rest])

    def tag(self, tag: str, content: bytes, media_type: str = "application/vnd.oci.image.manifest.v1+json") -> str:
        """Have a manifest, under a tag."""
        self.manifests[tag] = self.manifests[name(content)] = (media_type, content)
        return name(content)

    def _manifest(self, asked: Asked, reference: str) -> Say:
        if asked.method == "PUT":
            if reference in self.manifests and self.manifests[reference][1] != asked.body:
                return Say.json({"errors": [{"code": "DENIED", "message": "The version exists: 1.0"}]}, 403)
            self.tag(reference, asked.body, asked.headers["content-type"])
            return Say(201)
        if reference not in self.manifests:
            return Say.json({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no such manifest"}]}, 404)
        media_type, content = self.manifests[reference]
        return Say(200, content, {"Content-Type": media_type, "Docker-Content-Digest": name(content)})

    def _upload(self, asked: Asked, session: str) -> Say:
        if asked.method == "POST":
            if "digest" in asked.query and self.single_post:
                return self._keep(asked.query["digest"], asked.body)
            session = f"u{len(self.sessions) + 1}"
            self.sessions[session] = bytearray()
            return Say(202, headers={"Location": f"{PREFIX}/blobs/uploads/{session}"})
        if session not in self.sessions:
            return Say.json({"errors": [{"code": "BLOB_UPLOAD_UNKNOWN", "message": "no such upload"}]}, 404)
        held = self.sessions[session]
        if asked.method == "PATCH":
            if self.cuts:
                held += asked.take(self.cuts.pop(0))
                raise Hangup
            held += asked.body
            return Say(202, headers={"Location": f"{PREFIX}/blobs/uploads/{session}"})
        if asked.method == "GET":
            return Say(204, headers={"Range": f"0-{max(0, len(held) - 1)}"})
        say = self._keep(asked.query["digest"], bytes(self.sessions.pop(session)) + asked.body)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Hangup
        return say

    def _keep(self, digest: str, content: bytes) -> Say:
        if digest != name(content):
            return Say.json({"errors": [{"code": "DIGEST_INVALID", "message": "not its digest"}]}, 400)
        self.blobs[digest] = content
        return Say(201, headers={"Location": f"{PREFIX}/blobs/{digest}"})
