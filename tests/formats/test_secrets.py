"""A secret that is published by mistake is found in every format, through the requests that its clients send."""

from __future__ import annotations

import json
import random
import string
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from entrepot.model.names import parse_reference
from entrepot.operations.check import check
from entrepot.operations.secrets import SecretState, list_secrets
from entrepot.testing.builders import ADMINISTRATOR, Image, World, image, open_world, package
from entrepot.wire.asgi import Options
from tests.formats.cargo.crates import crate
from tests.formats.go.modules import module
from tests.formats.helm.charts import chart
from tests.formats.maven.artifacts import jar, pom, put
from tests.formats.npm.packages import publication, tarball
from tests.formats.pypi.building import FORM, wheel, zipped
from tests.unit.inventory.images import layer

CHANCE = random.Random(20)
SECRET = "ghp_" + "".join(CHANCE.choice(string.ascii_letters + string.digits) for _ in range(36))
PLANTED = f"# settings\nTOKEN = '{SECRET}'\n".encode()

Publish = Callable[[World, httpx.AsyncClient, bytes], Awaitable[None]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        await opened.namespace("acme")
        yield opened


async def pypi(_: World, client: httpx.AsyncClient, planted: bytes) -> None:
    built = wheel("tool", "1.0", inside={"tool/settings.py": planted})
    (await client.post("/pypi/acme/legacy/", content=built.form(), headers=FORM)).raise_for_status()


async def npm(_: World, client: httpx.AsyncClient, planted: bytes) -> None:
    body = publication("tool", "1.0.0", content=tarball("tool", "1.0.0", files={"package/settings.py": planted}))
    (await client.put("/npm/acme/tool", json=body)).raise_for_status()


async def maven(_: World, client: httpx.AsyncClient, planted: bytes) -> None:
    files = {"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n", "settings.py": planted.decode()}
    (await put(client, "org/acme/tool/1.0/tool-1.0.jar", jar(files))).raise_for_status()
    (await put(client, "org/acme/tool/1.0/tool-1.0.pom", pom("tool"))).raise_for_status()


async def cargo(_: World, client: httpx.AsyncClient, planted: bytes) -> None:
    token = client.headers["authorization"].removeprefix("Bearer ")
    made = crate("tool", "1.0.0", files={"settings.py": planted})
    answer = await client.put("/cargo/acme/api/v1/crates/new", content=made.body(), headers={"authorization": token})
    answer.raise_for_status()


async def go(_: World, client: httpx.AsyncClient, planted: bytes) -> None:
    content = module("example.com/tool", "v1.0.0", {"settings.py": planted})
    (await client.put("/go/acme/example.com/tool/@v/v1.0.0.zip", content=content)).raise_for_status()


async def helm(_: World, client: httpx.AsyncClient, planted: bytes) -> None:
    content = chart("tool", "1.0.0", values=planted.decode())
    (await client.post("/helm/acme/api/charts", content=content)).raise_for_status()


async def generic(_: World, client: httpx.AsyncClient, planted: bytes) -> None:
    (await client.put("/files/acme/tool/1.0/settings.py", content=planted)).raise_for_status()


async def oci(world: World, _: httpx.AsyncClient, planted: bytes) -> None:
    lower, upper = layer({"app/settings.py": planted}, "gzip"), layer({"app/.wh.settings.py": b""}, "gzip")
    plain = image(lower, upper, config=b'{"architecture": "amd64", "os": "linux"}')
    document = json.loads(plain.content)
    document["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    for each in document["layers"]:
        each["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
    built = type(plain.artifact).parse(json.dumps(document).encode(), plain.artifact.media_type)
    await world.push("acme/tool", Image(built, blobs=plain.blobs), "1.0")


CASES: dict[str, tuple[Publish, str, str, str, str]] = {
    "pypi": (pypi, "tool", "1.0", "tool-1.0-py3-none-any.whl", "tool/settings.py"),
    "npm": (npm, "tool", "1.0.0", "tool-1.0.0.tgz", "package/settings.py"),
    "maven": (maven, "org.acme/tool", "1.0", "tool-1.0.jar", "settings.py"),
    "cargo": (cargo, "tool", "1.0.0", "tool-1.0.0.crate", "tool-1.0.0/settings.py"),
    "go": (go, "example.com/tool", "v1.0.0", "v1.0.0.zip", "example.com/tool@v1.0.0/settings.py"),
    "helm": (helm, "tool", "1.0.0", "tool-1.0.0.tgz", "tool/values.yaml"),
    "generic": (generic, "tool", "1.0", "settings.py", ""),
    # A layer above hides the file; who pulls the image has it nevertheless.
    "oci": (oci, "tool", "1.0", "layer 1", "app/settings.py"),
}


@pytest.mark.parametrize("form", CASES)
async def test_a_secret_is_found_in_what_was_published(world: World, form: str) -> None:
    publish, name, version, file, path = CASES[form]
    async with world.client(await world.token("administrator", None)) as client:
        await publish(world, client, PLANTED)

        await world.settle()

    known = await list_secrets(
        world.registry, ADMINISTRATOR, package(f"acme/{name}", format=form), parse_reference(version)
    )
    assert [(each.found.rule, each.state, each.file, each.found.path, each.found.line) for each in known.secrets] == [
        ("github-token", SecretState.CERTAIN, file, path, 2)
    ]
    assert (known.searched, known.unread) == (True, 0)
    assert SECRET not in repr(known)
    assert (await world.events()).count("secrets.found") == 1
    assert await check(world.registry) == []


@pytest.mark.parametrize("form", CASES)
async def test_a_token_of_this_registry_works_no_more_once_it_was_published(world: World, form: str) -> None:
    publish, name, version, *_ = CASES[form]
    leaked = await world.token("publisher", name="careless")
    async with world.client(await world.token("administrator", None)) as client:
        await publish(world, client, PLANTED.replace(SECRET.encode(), leaked.encode()))

        await world.settle()

    async with world.client(leaked) as client:
        assert (await client.get("/api/v1/whoami")).status_code == 401
    known = await list_secrets(
        world.registry, ADMINISTRATOR, package(f"acme/{name}", format=form), parse_reference(version)
    )
    assert {each.state for each in known.secrets} == {SecretState.DEAD}
    assert leaked not in repr(known)


async def test_no_output_and_no_table_has_what_was_found(tmp_path: Path) -> None:
    lines: list[object] = []
    async with open_world(tmp_path, options=Options(log_request=lines.append)) as world:
        await world.namespace("acme")
        leaked = await world.token("publisher", name="careless")
        packed = zipped({f"keys/{leaked}.txt": PLANTED, f"broken-{SECRET}.zip": b"PK\x03\x04" + b"\x00" * 200})
        content = packed + b"\n"  # So that the whole is no sound archive, either.
        places = "/api/v1/packages/acme/generic/tool/-"
        async with world.client(await world.token("administrator", None)) as client:
            for name, sent in (("sound.zip", packed), ("broken.zip", content), ("plain.txt", PLANTED * 3)):
                (await client.put(f"/files/acme/tool/1.0/{name}", content=sent)).raise_for_status()
            await world.settle()
            answers = [
                await client.get(path)
                for path in (
                    f"{places}/secrets/1.0",
                    f"{places}/why/1.0",
                    f"{places}/promotions/prod/1.0",
                    f"{places}/artifacts/1.0",
                    f"{places}/artifacts/1.0/sbom/components",
                    f"{places}/accepted-secrets",
                    "/api/v1/journal?limit=1000",
                    "/api/v1/tokens",
                    "/api/v1/search?q=tool",
                )
            ]
            found = answers[0].json()

    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert {each["kind"] for each in found["secrets"]} == {"entrepot-token", "github-token"}
    assert found["unread"] > 0
    told = "\n".join([*(answer.text for answer in answers), repr(lines)])
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    for secret in (SECRET, leaked):
        assert secret not in told
        assert secret.encode() not in kept
