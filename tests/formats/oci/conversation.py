"""What an OCI client says to the registry and hears from it, in this process; answers are compared whole.

A `Client` asks each GET a second time as HEAD, and refuses to go on when that is not the same answer without its body
(OCI distribution, "Checking if content exists in the registry"; RFC 9110, 9.3.2). So every test is a test of that, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.model.names import PackagePattern, parse_channel, parse_namespace, parse_reference
from entrepot.operations.clear import close_clearance, open_clearance
from entrepot.operations.govern import set_namespace
from entrepot.operations.mark import deprecate, yank
from entrepot.operations.token import list_tokens, revoke_token
from entrepot.testing.builders import ADMINISTRATOR, StoppedClock, World, open_world, package
from entrepot.testing.transport import REQUEST_ID, Cut
from tests.formats.oci.documents import INDEX, Document, digest_of

API = {"docker-distribution-api-version": "registry/2.0"}
BYTES = {"content-type": "application/octet-stream"}
NO_STORE = {"cache-control": "no-store"}
REVALIDATE = {"cache-control": "no-cache"}

Fields = Mapping[str, str] | list[tuple[str, str]]
"""Header fields; a list may have one several times."""

ERROR_CODES = {
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
}
"""Those that a 4xx may have (OCI distribution, "Error Codes")."""


@dataclass(frozen=True)
class Answer:
    """A response, whole. Header names are in lower case; what is sent several times is on several lines."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str:
        return self.headers["location"]

    @property
    def refusal(self) -> tuple[int, str]:
        """Its status and code, when it has the form that the specification demands ("Error Codes")."""
        (error,) = self.json["errors"]
        assert set(self.json) == {"errors"}
        assert set(error) == {"code", "message", "detail"}
        assert error["code"] in ERROR_CODES
        assert error["message"]
        assert error["detail"]["request_id"] == REQUEST_ID
        extra = {"www-authenticate"} if self.status == 401 else {"allow"} if self.status == 405 else set()
        extra |= {"content-range"} if "content-range" in self.headers and self.status == 416 else set()
        extra |= {"retry-after"} if self.status in (429, 503) else set()
        assert {name: value for name, value in self.headers.items() if name not in extra} == {
            "content-type": "application/json",
            "content-length": str(len(self.body)),
            **NO_STORE,
            **API,
        }
        assert extra <= set(self.headers)
        return self.status, error["code"]


def answered(response: httpx.Response) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    return Answer(response.status_code, headers, response.content)


class Client:
    """Somebody with a token, or nobody in particular."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] = b"",
        headers: Fields | None = None,
    ) -> Answer:
        """Send a request; a *body* in pieces has no Content-Length."""
        content = body if isinstance(body, bytes) else _stream(body)
        return answered(await self._http.request(method, target, content=content, headers=headers))

    async def get(self, target: str, headers: Fields | None = None) -> Answer:
        answer = await self.ask("GET", target, headers=headers)
        # Range is nothing to HEAD (RFC 9110, 14.2).
        if "range" not in httpx.Headers(headers):
            head = await self.ask("HEAD", target, headers=headers)
            assert head == Answer(answer.status, answer.headers)
        return answer

    async def head(self, target: str, headers: Fields | None = None) -> Answer:
        return await self.ask("HEAD", target, headers=headers)

    async def post(self, target: str, body: bytes | Iterable[bytes] = b"", headers: Fields | None = None) -> Answer:
        return await self.ask("POST", target, body, headers)

    async def patch(self, target: str, body: bytes | Iterable[bytes] = b"", headers: Fields | None = None) -> Answer:
        return await self.ask("PATCH", target, body, headers)

    async def put(self, target: str, body: bytes | Iterable[bytes] = b"", headers: Fields | None = None) -> Answer:
        return await self.ask("PUT", target, body, headers)

    async def delete(self, target: str, headers: Fields | None = None) -> Answer:
        return await self.ask("DELETE", target, headers=headers)

    # --- what every client does first ---

    async def begin(self, name: str = "acme/api", query: str = "") -> str:
        """The location of a new upload."""
        answer = await self.post(f"/v2/{name}/blobs/uploads/{query}")
        assert answer.status == 202, answer
        return answer.location

    async def push_blob(self, content: bytes, name: str = "acme/api", algorithm: str = "sha256") -> str:
        """The digest of a blob that was pushed in one request."""
        digest = digest_of(content, algorithm)
        answer = await self.post(f"/v2/{name}/blobs/uploads/?digest={digest}", content)
        assert answer.status == 201, answer
        return digest

    async def push_parts(self, pushed: Document, name: str = "acme/api") -> None:
        """What a document needs, but not the document itself."""
        for blob in pushed.blobs:
            await self.push_blob(blob, name, pushed.algorithm)
        for child in pushed.children:
            await self.push(child, name=name)

    async def put_manifest(
        self, pushed: Document, reference: str | None = None, name: str = "acme/api", tags: Iterable[str] = ()
    ) -> Answer:
        query = f"?{urlencode([('tag', tag) for tag in tags])}" if tags else ""
        return await self.put(
            f"/v2/{name}/manifests/{reference or pushed.digest}{query}",
            pushed.content,
            {"content-type": pushed.media_type},
        )

    async def push(self, pushed: Document, *tags: str, name: str = "acme/api") -> Document:
        """Push a document with all it needs, by digest and then by each tag, as clients do."""
        await self.push_parts(pushed, name)
        for reference in (pushed.digest, *tags):
            answer = await self.put_manifest(pushed, reference, name)
            assert answer.status == 201, answer
        return pushed

    async def tags(self, name: str = "acme/api", query: str = "") -> list[str]:
        answer = await self.get(f"/v2/{name}/tags/list{query}")
        assert answer.status == 200, answer
        return list(answer.json["tags"])

    async def referrers(self, subject: str, name: str = "acme/api", query: str = "") -> list[dict[str, Any]]:
        answer = await self.get(f"/v2/{name}/referrers/{subject}{query}")
        assert answer.status == 200, answer
        return list(answer.json["manifests"])


async def _stream(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


# --- answers that are expected, with every header ---


def blob_answer(content: bytes, digest: str, *, part: slice | None = None, public: bool = False) -> Answer:
    """The answer to GET of a blob, whole or *part* of it (OCI distribution, "Pulling blobs")."""
    body = content if part is None else content[part]
    ranged = {} if part is None else {"content-range": f"bytes {part.start}-{part.stop - 1}/{len(content)}"}
    return Answer(
        200 if part is None else 206,
        {
            **BYTES,
            **API,
            **ranged,
            "docker-content-digest": digest,
            "etag": f'"{digest}"',
            "accept-ranges": "bytes",
            "cache-control": f"{'public' if public else 'private'}, max-age=31536000, immutable",
            "content-length": str(len(body)),
        },
        body,
    )


def manifest_answer(pulled: Document, **more: str) -> Answer:
    """The answer to GET of a manifest, by tag or digest (OCI distribution, "Pulling manifests")."""
    return Answer(
        200,
        {
            **API,
            **REVALIDATE,
            "content-type": pulled.media_type,
            "docker-content-digest": pulled.digest,
            "etag": f'"{pulled.digest}"',
            "content-length": str(len(pulled.content)),
            **more,
        },
        pulled.content,
    )


def unchanged(answer: Answer) -> Answer:
    """What is answered instead of *answer* to whoever has its content already (RFC 9110, 15.4.5)."""
    return Answer(304, {name: value for name, value in answer.headers.items() if name != "content-length"})


def blob_created(digest: str, name: str = "acme/api") -> Answer:
    """The answer to the end of an upload, or to a mount."""
    return Answer(
        201,
        {"location": f"/v2/{name}/blobs/{digest}", "docker-content-digest": digest, "content-length": "0"},
    )


def manifest_created(pushed: Document, *tags: str, name: str = "acme/api") -> Answer:
    """The answer to PUT of a manifest (OCI distribution, "Pushing Manifests")."""
    subject = pushed.json.get("subject")
    return Answer(
        201,
        {
            "location": f"/v2/{name}/manifests/{pushed.digest}",
            "docker-content-digest": pushed.digest,
            "content-length": "0",
            **({"oci-subject": subject["digest"]} if subject else {}),
            **({"oci-tag": ", ".join(tags)} if tags else {}),
        },
    )


def deleted(**headers: str) -> Answer:
    return Answer(202, {**headers, "content-length": "0"})


_SESSION = re.compile(
    r"/v2/(?P<name>.+)/blobs/uploads/"
    r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.[0-9a-f.]+(sha256|sha512)\.[0-9a-f]{32}"
)


def is_session(answer: Answer, *, held: int, status: int = 202, name: str = "acme/api") -> bool:
    """Whether an answer says of an upload where it is and that it holds so many bytes, and nothing else.

    OCI distribution, "POST then PUT" and "Pushing a blob in chunks"; the location has a UUID in it.
    """
    match = _SESSION.fullmatch(answer.location)
    assert match is not None
    assert match["name"] == name
    expected = {
        "location": answer.location,
        "range": f"0-{max(0, held - 1)}",
        "docker-upload-uuid": match["uuid"],
        **({"content-length": "0"} if status != 204 else {}),
    }
    return answer == Answer(status, expected)


def with_digest(location: str, digest: str) -> str:
    """Where the upload at *location* is closed; clients add the parameter to whatever is there."""
    return f"{location}{'&' if '?' in location else '?'}digest={quote(digest, safe='')}"


def referrers_answer(*listed: dict[str, Any], artifact_type: str | None = None, link: str | None = None) -> Answer:
    """The answer of the referrers API, in the order of digests (OCI distribution, "Listing Referrers")."""
    body = json.dumps(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": sorted(listed, key=lambda each: each["digest"])},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    return Answer(
        200,
        {
            **REVALIDATE,
            "content-type": INDEX,
            "content-length": str(len(body)),
            **({"oci-filters-applied": "artifactType"} if artifact_type is not None else {}),
            **({"link": link} if link is not None else {}),
        },
        body,
    )


# --- the world that they talk in ---

_WHO = {
    **{role.value: (role, "acme") for role in Role if role is not Role.ADMINISTRATOR},
    "administrator": (Role.ADMINISTRATOR, None),
    "consumer": (Role.READER, "acme.prod"),
    "stranger": (Role.MAINTAINER, "other"),
}


@dataclass(frozen=True)
class Template:
    """A registry that was prepared once and is copied for each test.

    It has the private namespaces ``acme``, ``other`` and ``library``, the public one ``open``, and a token for each
    role in ``acme``; a ``consumer`` reads ``acme.prod`` alone, a ``stranger`` maintains ``other`` alone.
    """

    folder: Path
    tokens: Mapping[str, str]

    def open(self, folder: Path, **options: Any) -> AbstractAsyncContextManager[World]:
        copyfile(self.folder / "catalog.sqlite", folder / "catalog.sqlite")
        return open_world(folder, **options)


async def prepare(folder: Path) -> Template:
    clock = StoppedClock()
    for _ in range(1_000):
        clock.new_id()  # Left to the worlds, whose clocks begin anew.
    async with open_world(folder, clock=clock) as world:
        for name in ("acme", "other", "library"):
            await world.namespace(name)
        await world.namespace("open", public=True)
        tokens = {name: await world.token(role, view, name=name) for name, (role, view) in _WHO.items()}
    return Template(folder, tokens)


@dataclass(frozen=True)
class Registry:
    """A world, and everybody who may ask it."""

    world: World
    tokens: Mapping[str, str]

    def client(self, who: str | None = "maintainer", **options: Any) -> Client:
        """Somebody by their role, or nobody in particular."""
        return Client(self.world.client(None if who is None else self.tokens[who], **options))

    def bearer(self, token: str) -> Client:
        """Whoever has this token."""
        return Client(self.world.client(token))

    async def access_token(self, who: str | None, *scopes: str) -> str:
        """What the token end-point gives somebody who asks for *scopes*."""
        answer = await self.client(who).get(f"/token?{urlencode([('scope', scope) for scope in scopes])}")
        assert answer.status == 200, answer
        return str(answer.json["token"])

    async def revoke(self, who: str) -> None:
        """Stop somebody's token."""
        registry = self.world.registry
        (token,) = [token for token in await list_tokens(registry, ADMINISTRATOR) if token.label == who]
        assert await revoke_token(registry, ADMINISTRATOR, token.id)

    async def clear(self, place: str, digest: str, channel: str = "prod", *, format: str = "oci") -> None:
        """Let what a digest names be seen through a channel's view."""
        where, world = package(place, format=format), self.world
        await open_clearance(world.registry, ADMINISTRATOR, where, parse_channel(channel), Digest.parse(digest))

    async def unclear(self, place: str, digest: str, channel: str = "prod") -> None:
        """Take that back."""
        where, world = package(place), self.world
        await close_clearance(world.registry, ADMINISTRATOR, where, parse_channel(channel), Digest.parse(digest))

    async def rule(self, namespace: str, *, movable: Iterable[str]) -> None:
        """Let only some of a namespace's tags move."""
        patterns = [PackagePattern.parse(text) for text in movable]
        await set_namespace(self.world.registry, ADMINISTRATOR, parse_namespace(namespace), movable=patterns)

    async def mark(self, place: str, version: str, *, yanked: str | None = None, deprecated: str | None = None) -> None:
        """Yank a version, deprecate it, or both."""
        for mark, reason in ((yank, yanked), (deprecate, deprecated)):
            if reason is not None:
                where, name = package(place), parse_reference(version)
                await mark(self.world.registry, ADMINISTRATOR, where, name, reason=reason)

    async def send(self, method: str, target: str, body: AsyncIterator[bytes]) -> Answer:
        """Send a request whose body comes when the test lets it."""
        http = self.world.client(self.tokens["maintainer"])
        return answered(await http.request(method, target, content=body))

    async def cut(self, location: str, sent: bytes) -> None:
        """Send a chunk whose end never comes, as when the client's line is cut."""

        async def body() -> AsyncIterator[bytes]:
            yield sent
            raise Cut

        with pytest.raises(httpx.RemoteProtocolError):
            await self.send("PATCH", location, body())


@asynccontextmanager
async def open_registry(template: Template, folder: Path, **options: Any) -> AsyncIterator[Registry]:
    async with template.open(folder, **options) as world:
        yield Registry(world, template.tokens)
