"""A whole push, pull and deletion by a client that knows a password and otherwise does what it is told.

It goes where locations and links lead, asks for the tokens that challenges name, keeps each for its package and for
reading, writing or deleting, and asks once more after a 401, never twice. So do the clients that people have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from entrepot.testing.builders import HOST
from tests.formats.oci.conversation import Answer, Client, Fields, Registry, deleted, manifest_answer, with_digest
from tests.formats.oci.documents import ALGORITHMS, Document, artifact, digest_of, image, index, some_bytes

ADDRESS = re.compile(
    r"/v2/|/v2/(?P<name>[a-z0-9._/-]+?)/(?:blobs/uploads/[^/]*|(?:blobs|manifests|tags|referrers)/[^/]+)"
)
"""All that such a client ever asks for."""


@dataclass
class Follower:
    """Knows its password, and what it was told."""

    registry: Registry
    who: str
    name: str
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    async def ask(self, method: str, url: str, body: bytes = b"", headers: Fields | None = None) -> Answer:
        """Send a request; after a 401, once more with the token that the challenge asks for."""
        target = urlsplit(urljoin(HOST, url))
        match = ADDRESS.fullmatch(target.path)
        assert match is not None, target.path
        kind = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(method, "write")
        key = (match["name"] or "", kind)
        answer = await self._send(self.tokens.get(key), method, target.geturl(), body, headers)
        if answer.status == 401:
            self.tokens[key] = await self._authenticate(answer.headers["www-authenticate"])
            answer = await self._send(self.tokens[key], method, target.geturl(), body, headers)
        assert answer.status != 401
        return answer

    async def _send(self, token: str | None, method: str, url: str, body: bytes, headers: Fields | None) -> Answer:
        client = self.registry.client(None) if token is None else self.registry.bearer(token)
        return await client.ask(method, url, body, headers)

    async def _authenticate(self, challenge: str) -> str:
        first = challenge.partition("\n")[0]
        scheme = re.fullmatch(r".*(basic|bearer).*", first, re.IGNORECASE)
        assert scheme is not None
        assert scheme[1].lower() == "bearer"
        said = dict(re.findall(r'([a-zA-Z]+)="(.+?)"', first))
        query = urlencode({key: said[key] for key in ("service", "scope") if key in said})
        password: Client = self.registry.client(None, auth=("me", self.registry.tokens[self.who]))
        answer = await password.ask("GET", f"{urljoin(HOST, said['realm'])}?{query}")
        assert answer.status == 200
        return str(answer.json["token"])

    # --- what it wants ---

    def url(self, rest: str) -> str:
        return f"/v2/{self.name}/{rest}"

    async def push_blob(self, content: bytes, algorithm: str) -> str:
        """Look whether it is there, begin, send it in two chunks, close."""
        digest = digest_of(content, algorithm)
        assert (await self.ask("HEAD", self.url(f"blobs/{digest}"))).status == 404
        location = (await self.ask("POST", self.url("blobs/uploads/"))).location
        half = len(content) // 2
        for start, piece in ((0, content[:half]), (half, content[half:])):
            chunk = {"content-range": f"{start}-{start + len(piece) - 1}"}
            location = (await self.ask("PATCH", location, piece, chunk)).location
        answer = await self.ask("PUT", with_digest(location, digest))
        assert (answer.status, answer.headers["docker-content-digest"]) == (201, digest)
        assert (await self.ask("GET", answer.location)).body == content
        return digest

    async def push(self, pushed: Document) -> None:
        """What it needs, then itself by its digest."""
        for blob in pushed.blobs:
            await self.push_blob(blob, pushed.algorithm)
        for child in pushed.children:
            await self.push(child)
        url = self.url(f"manifests/{pushed.digest}")
        answer = await self.ask("PUT", url, pushed.content, {"content-type": pushed.media_type})
        assert answer.status == 201
        assert await self.ask("GET", answer.location) == manifest_answer(pushed)

    async def delete(self, kind: str, reference: str, **headers: str) -> None:
        """Delete it, and look whether it is gone."""
        assert await self.ask("DELETE", self.url(f"{kind}/{reference}")) == deleted(**headers)
        assert (await self.ask("HEAD", self.url(f"{kind}/{reference}"))).status == 404


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("who", "name"), [("maintainer", "acme/team/api"), ("administrator", "api")])
async def test_whoever_follows_what_is_said_gets_there(registry: Registry, who: str, name: str, algorithm: str) -> None:
    """OCI distribution, "Push", "Pull", "Content Discovery", "Content Management"; Docker, "Token Authentication"."""
    client = Follower(registry, who, name)
    subject = index(image(some_bytes(300, 1), algorithm=algorithm, config=some_bytes(90, 2)), algorithm=algorithm)
    referrer = artifact("application/vnd.example", some_bytes(80, 3), algorithm=algorithm, subject=subject)
    referrer = Document(referrer.content, referrer.media_type, algorithm, (b"{}", some_bytes(80, 3)))

    assert (await client.ask("GET", "/v2/")).status == 200
    assert (await client.ask("GET", client.url("tags/list"))).status == 404
    assert (await client.ask("GET", client.url(f"referrers/{subject.digest}"))).json["manifests"] == []
    for pushed in (subject, referrer):
        await client.push(pushed)
    tagged = await client.ask(
        "PUT",
        client.url(f"manifests/{subject.digest}?tag=latest&tag=1.0"),
        subject.content,
        {"content-type": subject.media_type},
    )
    assert tagged.headers["oci-tag"] == "latest, 1.0"
    assert (await client.ask("GET", client.url("tags/list"))).json["tags"] == ["1.0", "latest"]
    assert await client.ask("GET", client.url("manifests/latest")) == manifest_answer(subject)
    listed = await client.ask("GET", client.url(f"referrers/{subject.digest}"))
    assert listed.json["manifests"] == [referrer.listed()]

    for tag in ("1.0", "latest"):
        await client.delete("manifests", tag)
    for gone in (referrer, subject, *subject.children):
        await client.delete("manifests", gone.digest)
    for gone in (referrer, *subject.children):
        for digest in {digest_of(blob, algorithm) for blob in gone.blobs}:
            await client.delete("blobs", digest, **{"docker-content-digest": digest})
    assert (await client.ask("GET", client.url("tags/list"))).json["tags"] == []
    assert (await client.ask("GET", client.url(f"referrers/{subject.digest}"))).json["manifests"] == []


async def test_a_mount_with_the_token_of_the_target_gets_there(registry: Registry) -> None:
    """The token that is kept for writing to the target is sent first; the challenge then names both packages."""
    source = Follower(registry, "maintainer", "acme/source")
    target = Follower(registry, "maintainer", "acme/target")
    named, found = [await source.push_blob(some_bytes(300, seed), "sha256") for seed in (1, 2)]
    await target.push_blob(some_bytes(300, 3), "sha256")

    for query in (f"mount={named}&from=acme/source", f"mount={found}"):
        answer = await target.ask("POST", target.url(f"blobs/uploads/?{query}"))

        assert answer.status == 201
        assert (await target.ask("GET", answer.location)).status == 200
    assert len(target.tokens) == 2


async def test_whoever_may_only_read_is_told_so_at_the_end(registry: Registry) -> None:
    """One token is asked for, and then 403: no client goes round in circles."""
    await registry.client().push(image(b"layer"), "latest")
    client = Follower(registry, "reader", "acme/api")

    assert (await client.ask("GET", client.url("manifests/latest"))).status == 200
    assert (await client.ask("POST", client.url("blobs/uploads/"))).refusal == (403, "DENIED")
    assert (await client.ask("DELETE", client.url("manifests/latest"))).refusal == (403, "DENIED")
