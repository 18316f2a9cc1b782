"""A registry of plain files for one test, with the upload sessions of the real one, and with faults."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.unit.client.loopback import Asked, Hangup, Say


@dataclass(slots=True)
class Shelf:
    """What was pushed, by path, and what is still on its way."""

    files: dict[str, bytes] = field(default_factory=dict)
    sessions: dict[str, bytearray] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    """After how many bytes of a PATCH the connection breaks; one for each PATCH, then none."""
    lose_answers: int = 0
    """How many PUTs that end a session are done, and their answer is lost."""
    before: Callable[[Asked], Say | None] = lambda _: None
    """Says something else, if it wants to."""

    def __call__(self, asked: Asked) -> Say:
        other = self.before(asked)
        if other is not None:
            return other
        session = asked.query.get("upload")
        if session is None:
            return self._file(asked)
        return self._begin(asked) if session == "" else self._session(asked, session)

    def _file(self, asked: Asked) -> Say:
        if asked.path.endswith("/"):
            return Say.json({"package": "pkg", "version": "1.0", "digest": self.version, "files": []})
        if asked.method == "PUT":
            return self._keep(asked, asked.body)
        if asked.path not in self.files:
            return Say.problem(404, "file-unknown", "no such file")
        content = self.files[asked.path]
        return Say(200, content, {"ETag": f'"{_digest(content)}"'})

    def _begin(self, asked: Asked) -> Say:
        session = f"s{len(self.sessions) + 1}"
        self.sessions[session] = bytearray()
        # An address that the client cannot use: it called the registry by another name.
        return Say(202, headers={"Location": f"https://registry.example.com{asked.path}?upload={session}"})

    def _session(self, asked: Asked, session: str) -> Say:
        if session not in self.sessions:
            return Say.problem(404, "upload-unknown", "no such upload")
        held = self.sessions[session]
        if asked.method == "GET":
            return Say(204, headers={"Upload-Offset": str(len(held))})
        if asked.method == "PATCH":
            first = int(asked.headers["content-range"].partition("-")[0])
            if first != len(held):
                return Say.problem(416, "invalid-content-range", f"starts at {len(held)}")
            if self.cuts:
                held += asked.take(self.cuts.pop(0))
                raise Hangup
            held += asked.body
            return Say(202, headers={"Location": f"{asked.path}?upload={session}"})
        say = self._keep(asked, bytes(self.sessions.pop(session)))
        if self.lose_answers:
            self.lose_answers -= 1
            raise Hangup
        return say

    @property
    def version(self) -> str:
        """What the version is, with all its files."""
        return _digest(repr(sorted(self.files.items())).encode())

    def _keep(self, asked: Asked, content: bytes) -> Say:
        claimed = asked.headers["content-digest"].removeprefix("sha-256=:").removesuffix(":")
        if base64.b64decode(claimed) != hashlib.sha256(content).digest():
            return Say.problem(400, "digest-mismatch", "The content does not have the digest that was given.")
        self.files[asked.path] = content
        path = asked.path.split("/", 5)[5]
        return Say.json({"path": path, "digest": _digest(content), "size": len(content), "artifact": self.version}, 201)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
