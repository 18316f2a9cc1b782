"""What a policy at the first door comes to for the clients of each format."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from entrepot.model.names import View, parse_namespace
from entrepot.model.policy import Door, Mode, Policy
from entrepot.operations.check import check
from entrepot.operations.policies import set_policy
from entrepot.testing.builders import ADMINISTRATOR, World, image, open_world, package
from tests.formats.test_inventories import Publish, cargo, generic, go, helm, maven, npm, pypi

ACME = parse_namespace("acme")


async def oci(client: httpx.AsyncClient) -> httpx.Response:
    built = image(b"layer")
    for blob, digest in zip(built.blobs, (link.target.digest for link in built.artifact.links), strict=True):
        sent = await client.post(f"/v2/acme/tool/blobs/uploads/?digest={digest}", content=blob)
        assert sent.status_code == 201, sent.text
    headers = {"content-type": built.artifact.media_type}
    return await client.put("/v2/acme/tool/manifests/1.0", content=built.content, headers=headers)


CASES: dict[str, tuple[Publish, str, str, str]] = {
    "pypi": (pypi, "tool", "1.0", "/pypi/acme/simple/tool/"),
    "npm": (npm, "@acme/tool", "1.0.0", "/npm/acme/@acme%2ftool"),
    "cargo": (cargo, "hello", "1.0.0", "/cargo/acme/he/ll/hello"),
    "maven": (maven, "org.acme/lib", "1.0", "/maven/acme/org/acme/lib/maven-metadata.xml"),
    "go": (go, "example.com/greet", "v1.0.0", "/go/acme/example.com/greet/@v/list"),
    "helm": (helm, "app", "1.0.0", "/helm/acme/index.yaml"),
    "generic": (generic, "tool", "1.0", "/api/v1/packages/acme/generic/tool/-/references"),
    "oci": (oci, "tool", "1.0", "/v2/acme/tool/tags/list"),
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        await opened.namespace("acme")
        yield opened


@pytest.fixture(params=list(CASES))
def format_(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def _client(world: World) -> httpx.AsyncClient:
    return world.client(await world.token("publisher"))


async def test_a_refused_publication_says_why_and_leaves_nothing(world: World, format_: str) -> None:
    publish, name, version, index = CASES[format_]
    await set_policy(
        world.registry,
        ADMINISTRATOR,
        Policy("nothing-today", Door.ADMISSION, "false", namespace=ACME, description="Come back tomorrow."),
    )

    async with await _client(world) as client:
        try:
            refused = await publish(client)
        except AssertionError:  # One of several requests that make a publication was.
            refused = await client.put("/maven/acme/org/acme/lib/1.0/lib-1.0.jar", content=b"PK\5\6" + bytes(18))
        shown = await client.get(index)

    assert refused.status_code in {400, 403}, refused.text
    said = f"{refused.text} {refused.extensions.get('reason_phrase', b'').decode()}"
    assert "nothing-today: Come back tomorrow." in said
    assert version not in shown.text
    where = package(f"acme/{name}", format=format_)
    assert await world.catalog.find_artifact(View(ACME), where, name=version) is None  # type: ignore[arg-type]  # a name
    assert "admission.refused" in await world.events()
    assert await check(world.registry) == []


async def test_what_must_be_examined_is_in_no_index_before(world: World, format_: str) -> None:
    publish, _, version, index = CASES[format_]
    await set_policy(world.registry, ADMINISTRATOR, Policy("examined", Door.ADMISSION, "sbom.known", namespace=ACME))

    async with await _client(world) as client:
        answer = await publish(client)
        assert answer.is_success, answer.text
        before = await client.get(index)
        await world.settle()
        after = await client.get(index)

    assert 'examined: sbom.known is not known yet"' in answer.headers["warning"]
    assert version not in before.text
    assert after.status_code == 200, after.text
    assert version in after.text
    if before.status_code == 200 and "etag" in after.headers:
        assert before.headers["etag"] != after.headers["etag"]
    assert await check(world.registry) == []


async def test_who_publishes_is_warned(world: World, format_: str) -> None:
    publish, _, version, index = CASES[format_]
    policy = Policy("soon", Door.ADMISSION, "false", namespace=ACME, mode=Mode.WARN, description='From Monday: "no".')
    await set_policy(world.registry, ADMINISTRATOR, policy)

    async with await _client(world) as client:
        answer = await publish(client)
        shown = await client.get(index)

    assert answer.is_success, answer.text
    assert answer.headers["warning"] == '299 - "soon: From Monday: \\"no\\"."'
    assert "warning" not in shown.headers
    assert version in shown.text
