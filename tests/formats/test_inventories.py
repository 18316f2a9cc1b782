"""What is said to be in a version of each format, and needed by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from entrepot.inventory.inventory import Inventory
from entrepot.model.component import Relation
from entrepot.model.names import View, parse_reference
from entrepot.operations.check import check
from entrepot.operations.read_sbom import list_documents, read_inventory
from entrepot.testing.builders import ADMINISTRATOR, World, open_world, package
from tests.formats.cargo.crates import Needs, crate
from tests.formats.go.modules import module
from tests.formats.helm.charts import chart
from tests.formats.maven.artifacts import jar, pom, put
from tests.formats.npm.packages import publication
from tests.formats.pypi.building import wheel

Publish = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        await opened.namespace("acme")
        yield opened


async def pypi(client: httpx.AsyncClient) -> httpx.Response:
    built = wheel(
        "tool",
        "1.0",
        "Classifier: License :: OSI Approved :: MIT License",
        "Requires-Dist: Requests[socks]>=2.31,<3",
        'Requires-Dist: tomli>=2; python_version < "3.11"',
        'Requires-Dist: pytest; extra == "test"',
    )
    return await client.post(
        "/pypi/acme/legacy/",
        data={
            ":action": "file_upload",
            "protocol_version": "1",
            "filetype": "bdist_wheel",
            "pyversion": "py3",
            "metadata_version": "2.1",
            "name": "tool",
            "version": "1.0",
            "sha256_digest": built.sha256,
        },
        files={"content": (built.filename, built.content)},
    )


async def npm(client: httpx.AsyncClient) -> httpx.Response:
    body = publication(
        "@acme/tool",
        "1.0.0",
        license="MIT",
        dependencies={"lodash": "^4.17.0", "inner": "1.0.0", "other": "npm:@scope/real@~2"},
        devDependencies={"mocha": "*"},
        bundleDependencies=["inner"],
    )
    return await client.put("/npm/acme/@acme%2ftool", json=body)


async def cargo(client: httpx.AsyncClient) -> httpx.Response:
    made = crate(
        "hello",
        "1.0.0",
        Needs("serde", "1.0"),
        Needs("renamed", "2", package="real"),
        Needs("criterion", "0.5", kind="dev"),
        license="MIT/Apache-2.0",
    )
    token = client.headers["authorization"].removeprefix("Bearer ")
    return await client.put("/cargo/acme/api/v1/crates/new", content=made.body(), headers={"authorization": token})


async def maven(client: httpx.AsyncClient) -> httpx.Response:
    more = """<licenses><license><name>The Apache Software License, Version 2.0</name></license></licenses>
    <dependencies>
      <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId><version>2.0.9</version></dependency>
      <dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4</version><scope>test</scope></dependency>
      <dependency><groupId>${own.group}</groupId><artifactId>x</artifactId></dependency>
    </dependencies>"""
    assert (await put(client, "org/acme/lib/1.0/lib-1.0.jar", jar())).is_success
    return await put(client, "org/acme/lib/1.0/lib-1.0.pom", pom(more=more))


async def go(client: httpx.AsyncClient) -> httpx.Response:
    go_mod = b"""module example.com/greet

go 1.20

require github.com/pkg/errors v0.9.1
require (
\tgolang.org/x/text v0.3.0 // indirect
\t// github.com/not/this v1.0.0
)
replace golang.org/x/text => ../text
"""
    content = module("example.com/greet", "v1.0.0", go_mod=go_mod)
    return await client.put("/go/acme/example.com/greet/@v/v1.0.0.zip", content=content)


async def helm(client: httpx.AsyncClient) -> httpx.Response:
    content = chart(
        dependencies=[{"name": "redis", "version": "~17", "repository": "https://charts.example.com"}],
        annotations={"artifacthub.io/license": "Apache-2.0"},
    )
    return await client.post("/helm/acme/api/charts", content=content)


async def generic(client: httpx.AsyncClient) -> httpx.Response:
    return await client.put("/files/acme/tool/1.0/bin/tool", content=b"binary")


CASES: dict[str, tuple[Publish, str, str, str, str | None, set[tuple[str, str | None, Relation]]]] = {
    "pypi": (
        pypi,
        "tool",
        "1.0",
        "pkg:pypi/tool@1.0",
        "MIT",
        {
            ("pkg:pypi/requests", "<3,>=2.31", Relation.DEPENDENCY),
            ("pkg:pypi/tomli", '>=2; python_version < "3.11"', Relation.DEPENDENCY),
        },
    ),
    "npm": (
        npm,
        "@acme/tool",
        "1.0.0",
        "pkg:npm/%40acme/tool@1.0.0",
        "MIT",
        {
            ("pkg:npm/lodash", "^4.17.0", Relation.DEPENDENCY),
            ("pkg:npm/inner", "1.0.0", Relation.CONTAINED),
            ("pkg:npm/%40scope/real", "~2", Relation.DEPENDENCY),
        },
    ),
    "cargo": (
        cargo,
        "hello",
        "1.0.0",
        "pkg:cargo/hello@1.0.0",
        "MIT OR Apache-2.0",
        {("pkg:cargo/serde", "^1.0", Relation.DEPENDENCY), ("pkg:cargo/real", "^2", Relation.DEPENDENCY)},
    ),
    "maven": (
        maven,
        "org.acme/lib",
        "1.0",
        "pkg:maven/org.acme/lib@1.0",
        "Apache-2.0",
        {("pkg:maven/org.slf4j/slf4j-api", "2.0.9", Relation.DEPENDENCY)},
    ),
    "go": (
        go,
        "example.com/greet",
        "v1.0.0",
        "pkg:golang/example.com/greet@v1.0.0",
        None,
        {
            ("pkg:golang/github.com/pkg/errors", ">=v0.9.1", Relation.DEPENDENCY),
            ("pkg:golang/golang.org/x/text", ">=v0.3.0", Relation.DEPENDENCY),
        },
    ),
    "helm": (
        helm,
        "web",
        "1.0.0",
        "pkg:helm/web@1.0.0",
        "Apache-2.0",
        {("pkg:helm/redis", "~17", Relation.DEPENDENCY)},
    ),
    "generic": (generic, "tool", "1.0", "pkg:generic/tool@1.0", None, set()),
}


@pytest.mark.parametrize("form", CASES)
async def test_a_version_says_what_it_is_and_needs(world: World, form: str) -> None:
    publish, name, version, purl, licence, needed = CASES[form]
    async with world.client(await world.token("administrator", None)) as client:
        answer = await publish(client)
        assert answer.is_success, answer.text

        await world.settle()

    where = package(f"acme/{name}", format=form)
    known = await list_documents(
        world.registry, ADMINISTRATOR, View.parse("acme"), where, name=parse_reference(version)
    )
    assert [(row.sbom.source, row.sbom.form, row.sbom.problem) for row in known.documents] == [
        ("generated", "CycloneDX 1.6", None)
    ]
    found = await read_inventory(
        world.registry, ADMINISTRATOR, View.parse("acme"), where, name=parse_reference(version)
    )
    assert found.subject is not None
    assert (str(found.subject.purl), found.subject.licence) == (purl, licence)
    assert packages(found) == needed
    assert all(each.version is None for each in found.components if each.relation is Relation.DEPENDENCY)
    files = [each for each in found.components if each.kind == "file"]
    assert files
    assert all(each.hashes[0].startswith("sha256:") for each in files)
    assert await check(world.registry) == []


def packages(inventory: Inventory) -> set[tuple[str, str | None, Relation]]:
    return {
        (str(each.purl), each.constraint, each.relation)
        for each in inventory.components
        if each.purl is not None and each.relation is not Relation.SUBJECT
    }


async def test_what_follows_is_done_once(world: World) -> None:
    async with world.client(await world.token("administrator", None)) as client:
        assert (await cargo(client)).is_success
        await world.settle()
        before = await world.events()
        # As after a crash: the follower sees all of it again.
        await world.catalog.write(lambda transaction: transaction.cursors.move("inventory", transaction.position * 0))

        await world.settle()

        assert await world.events() == before
