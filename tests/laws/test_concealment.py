"""What a caller may not know answers exactly like what does not exist: byte for byte, whatever is asked.

Each request is sent about a private namespace that is there, and about one that is not, whose name is as long.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.operations.check import check
from entrepot.operations.upload import add_chunk, begin_upload
from entrepot.testing.builders import ADMINISTRATOR, World, image, open_world, package, referrer, stream

PRIVATE, ABSENT = "acme", "zzzz"
LAYER = b"a layer of more than sixty-four bytes, so that it is kept in the blob store"
BUILT = image(LAYER)
SIGNATURE = referrer(BUILT)
DIGESTS = {"manifest": BUILT.digest, "layer": Digest.of(LAYER), "config": Digest.of(b"{}"), "none": Digest.of(b"?")}

JSON = {"content-type": "application/json"}
MANIFEST = {"content-type": BUILT.artifact.media_type}


@dataclass(frozen=True)
class Asked:
    """A request about a namespace, whose name stands for ``NS``."""

    method: str
    target: str
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


def _requests() -> list[Asked]:
    found: list[Asked] = []
    for view in ("NS", "NS.prod", "NS.moon"):
        for name in ("api", "none"):
            at = f"/v2/{view}/{name}"
            for digest in DIGESTS.values():
                found += [
                    Asked(method, f"{at}/{kind}/{digest}")
                    for method in ("GET", "HEAD", "DELETE")
                    for kind in ("blobs", "manifests")
                ]
                found.append(Asked("GET", f"{at}/referrers/{digest}"))
                found.append(Asked("POST", f"{at}/blobs/uploads/?mount={digest}&from=zeta/open"))
                found.append(Asked("POST", f"/v2/zeta/mine/blobs/uploads/?mount={digest}&from={view}/{name}"))
            for tag in ("1.0", "latest", "none"):
                found += [Asked(method, f"{at}/manifests/{tag}") for method in ("GET", "HEAD", "DELETE")]
                found.append(Asked("PUT", f"{at}/manifests/{tag}", BUILT.content, MANIFEST))
            found += [
                Asked("GET", f"{at}/manifests/1.0", headers={"if-none-match": f'"{BUILT.digest}"'}),
                Asked("GET", f"{at}/blobs/{DIGESTS['layer']}", headers={"range": "bytes=0-3"}),
                Asked("GET", f"{at}/tags/list"),
                Asked("GET", f"{at}/tags/list?n=0"),
                Asked("POST", f"{at}/blobs/uploads/"),
                Asked("POST", f"{at}/blobs/uploads/?digest={Digest.of(b'x')}", b"x"),
                *(Asked(method, f"{at}/blobs/uploads/SESSION") for method in ("GET", "PATCH", "DELETE")),
                Asked("PUT", f"{at}/blobs/uploads/SESSION?digest={DIGESTS['layer']}"),
                Asked("GET", f"/token?service=entrepot&scope=repository:{view}/{name}:pull,push"),
            ]
        for path in ("", "tool/", "tool/1.0/", "tool/1.0/bin/a", "tool/2.0/bin/a", "none/1.0/a"):
            found += [
                Asked("GET", f"/files/{view}/{path}"),
                Asked("HEAD", f"/files/{view}/{path}"),
                Asked("PUT", f"/files/{view}/{path}", b"content"),
                Asked("DELETE", f"/files/{view}/{path}"),
                Asked("POST", f"/files/{view}/{path}?upload"),
                Asked("POST", f"/files/{view}/{path}?seal"),
                Asked("POST", f"/files/{view}/{path}?yank", b'{"reason": "broken"}', JSON),
            ]
        for inside in (f"{view}/oci/api", f"{view}/generic/tool", f"{view}/oci/none"):
            at = f"/api/v1/packages/{inside}"
            found += [
                Asked("GET", at),
                Asked("GET", f"{at}/-/references"),
                Asked("GET", f"{at}/-/references/1.0/history"),
                Asked("PUT", f"{at}/-/references/new", b'{"digest": "%s"}' % str(BUILT.digest).encode(), JSON),
                Asked("DELETE", f"{at}/-/references/1.0"),
                Asked("POST", f"{at}/-/versions/1.0/seal"),
                Asked("POST", f"{at}/-/versions/1.0/yank", b'{"reason": "broken"}', JSON),
                Asked("GET", f"{at}/-/artifacts"),
                Asked("GET", f"{at}/-/artifacts/1.0"),
                Asked("GET", f"{at}/-/artifacts/{BUILT.digest}"),
                Asked("DELETE", f"{at}/-/artifacts/{BUILT.digest}"),
                Asked("GET", f"{at}/-/clearances"),
                Asked("PUT", f"{at}/-/clearances/prod/{BUILT.digest}", b"{}", JSON),
                Asked("DELETE", f"{at}/-/clearances/prod/{BUILT.digest}"),
            ]
    found += [
        Asked("GET", "/v2/_catalog?last=NS/api"),
        Asked("GET", "/v2/_catalog"),
        Asked("GET", "/api/v1/namespaces"),
        Asked("GET", "/api/v1/namespaces/NS"),
        Asked("PATCH", "/api/v1/namespaces/NS", b'{"public": true}', JSON),
        Asked("PUT", "/api/v1/namespaces/NS/channels", b'{"channels": []}', JSON),
        Asked("POST", "/api/v1/namespaces", b'{"name": "NS"}', JSON),
        Asked("GET", "/api/v1/packages?namespace=NS"),
        Asked("GET", "/api/v1/packages?view=NS.prod"),
        Asked("GET", "/api/v1/packages"),
        Asked("GET", "/api/v1/journal?namespace=NS"),
        Asked("GET", "/api/v1/search?q=1.0"),
        Asked("GET", f"/api/v1/search?q={BUILT.digest}"),
        Asked("GET", "/api/v1/grants"),
        Asked("POST", "/api/v1/grants", b'{"principal": "reader-robot", "role": "reader", "view": "NS"}', JSON),
        Asked("DELETE", "/api/v1/grants?principal=reader-robot&role=reader&view=NS"),
        Asked("POST", "/api/v1/tokens", b'{"name": "mine", "role": "reader", "view": "NS"}', JSON),
        Asked("GET", "/api/v1/whoami"),
        Asked("GET", "/api/v1/status"),
    ]
    return found


REQUESTS = _requests()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A private namespace full of things, and others to be at home in."""
    async with open_world(tmp_path) as opened:
        await opened.namespace(PRIVATE)
        await opened.namespace("zeta")
        await opened.push("acme/api", BUILT, "1.0", "latest")
        await opened.push("acme/api", SIGNATURE)
        await opened.clear("acme/api", BUILT.digest)
        await opened.push(package("acme/tool", format="generic"), BUILT, "1.0")
        await opened.push_blob("zeta/open", b"open")
        yield opened


async def session(world: World) -> str:
    """An upload that somebody else has begun."""
    upload = await begin_upload(world.registry, ADMINISTRATOR, package("acme/api"))
    await add_chunk(world.registry, upload, stream(LAYER[:10]))
    return upload.seal(world.registry.upload_secret)


def told(answer: httpx.Response) -> tuple[object, ...]:
    """All of an answer, with whichever name it is about."""
    headers = sorted((name, value.replace(ABSENT, PRIVATE)) for name, value in answer.headers.multi_items())
    return answer.status_code, headers, answer.content.replace(ABSENT.encode(), PRIVATE.encode())


@pytest.mark.parametrize(
    "who",
    ["anonymous", "of another namespace", "auditor of another", "another's channel", "access token", "of no packages"],
)
async def test_a_private_namespace_answers_like_one_that_is_not_there(world: World, who: str) -> None:
    token = await _token(world, who)
    sealed = await session(world)

    different = []
    async with world.client(token) as client:
        for asked in REQUESTS:
            before = await world.catalog.head()
            answers = []
            for name in (PRIVATE, ABSENT):
                target = asked.target.replace("NS", name).replace("SESSION", sealed)
                content = asked.content.replace(b"NS", name.encode())
                sent = client.build_request(asked.method, target, content=content, headers=asked.headers)
                answers.append(told(await client.send(sent)))
            if asked.target.startswith("/token"):
                # A token is another one each time; that one is given at all must not differ.
                answers = [answer[0:1] for answer in answers]
            if _makes_something_of_ones_own(asked, answers):
                continue
            if answers[0] != answers[1]:
                different.append((str(asked), *answers))
            assert await world.catalog.head() == before, asked

    assert different == []
    assert await check(world.registry) == []


async def _token(world: World, who: str) -> str | None:
    match who:
        case "anonymous":
            return None
        case "auditor of another":
            return await world.token(Role.AUDITOR, "zeta")
        case "another's channel":
            return await world.token(Role.READER, "zeta.prod")
        case "of no packages":
            return await world.token(Role.MAINTAINER, "zeta", pattern="nothing-*")
    token = await world.token(Role.MAINTAINER, "zeta")
    if who == "access token":
        async with world.client(token) as client:
            scopes = "&".join(f"scope=repository:{name}/api:*" for name in (PRIVATE, ABSENT, "zeta"))
            token = (await client.get(f"/token?{scopes}")).json()["token"]
    return token


def _makes_something_of_ones_own(asked: Asked, answers: list[tuple[object, ...]]) -> bool:
    """Beginning an upload in one's own package is allowed, and its name is another each time."""
    mine = asked.target.startswith("/v2/zeta/mine/blobs/uploads/")
    return mine and {answer[0] for answer in answers} == {202}


async def test_what_a_namespace_holds_is_concealed_from_who_may_read_only_a_channel(world: World) -> None:
    """Through its channel a consumer learns nothing of what was not cleared, not even that it is there."""
    hidden = await world.push("acme/api", image(b"not cleared"), "2.0")
    token = await world.token(Role.READER, "acme.prod")

    async with world.client(token) as client:
        for kind, there, absent in (
            ("manifests", str(hidden.digest), str(Digest.of(b"?"))),
            ("manifests", "2.0", "9.9"),
            ("blobs", str(Digest.of(b"not cleared")), str(Digest.of(b"?"))),
            ("blobs", str(hidden.digest), str(Digest.of(b"?"))),
        ):
            for view in ("acme.prod", "acme.dev", "acme"):
                seen, unseen = [
                    (answer.status_code, answer.text.replace(reference, "…"))
                    for reference in (there, absent)
                    for answer in [await client.get(f"/v2/{view}/api/{kind}/{reference}")]
                ]
                assert seen == unseen, (view, kind)
                assert seen[0] == 404
        shown = await client.get("/v2/acme.prod/api/tags/list")
    assert shown.json()["tags"] == ["1.0", "latest"]
