"""What every request goes through, whatever its protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from entrepot.model.errors import UpstreamInvalid
from entrepot.testing.builders import open_world
from entrepot.testing.transport import InProcess
from entrepot.wire.asgi import Application, Options
from entrepot.wire.format import Surface
from entrepot.wire.metrics import Metrics
from entrepot.wire.reply import Reply
from entrepot.wire.routes import Route
from entrepot.wire.server import ClientDisconnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.testing.builders import World
    from entrepot.wire.call import Call


def challenge(answer: Any) -> str:
    return str(answer.headers["www-authenticate"])


async def test_a_bug_is_500_in_the_protocols_form_and_shows_nothing_of_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        message = "something secret"
        raise KeyError(message)

    monkeypatch.setattr(world.catalog, "find_artifact", broken)
    async with world.client(await world.token("reader")) as client:
        answer = await client.get("/v2/acme/api/manifests/1.0")

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["code"] == "UNKNOWN"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/v2/acme/api/blobs/x?y", 414, lambda body: body["errors"][0]["code"]),
        ("/files/acme/api/1/x", 431, lambda body: body["code"]),
        ("", 408, lambda body: body["code"]),
    ],
)
async def test_what_the_server_refuses_by_itself_has_the_form_of_its_target(
    world: World, target: str, status: int, code: Any
) -> None:
    headers, body = world.app.render_refusal(status, target, "request-1")

    assert code(json.loads(body))
    assert b"request-1" in body
    assert dict(headers)[b"content-type"].startswith(b"application/")


@pytest.mark.parametrize("pieces", [0, 1])
async def test_a_body_that_fails_is_refused_before_it_begins_and_cut_afterwards(world: World, pieces: int) -> None:
    async def failing() -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield b"piece"
        raise UpstreamInvalid("a file")

    async def handle(_: Call) -> Reply:
        return Reply(200, body=failing(), size=100)

    surface = Surface(name="tested", prefix="tested", routes=(Route("GET", "/tested", handle, "fail"),))
    app = Application(
        world.registry, [surface], gate=world.app.gate, epochs=world.epochs, metrics=Metrics(), options=Options()
    )
    async with httpx.AsyncClient(transport=InProcess(app), base_url="http://localhost") as client:
        if pieces:
            with pytest.raises(ClientDisconnected):
                await client.get("/tested")
        else:
            answer = await client.get("/tested")

            assert (answer.status_code, answer.json()["code"]) == (502, "upstream-invalid")


async def test_too_many_requests_at_once_are_asked_to_come_again(tmp_path: Path) -> None:
    async with open_world(tmp_path, options=Options(concurrency=0)) as world, world.client() as client:
        answer = await client.get("/livez")

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


async def test_each_request_is_one_line_of_the_log_with_who_what_and_how_much(tmp_path: Path) -> None:
    lines: list[Any] = []
    async with open_world(tmp_path, options=Options(log_request=lines.append)) as world:
        await world.namespace("acme")
        async with world.client(await world.token("reader")) as client:
            await client.get("/v2/acme/api/manifests/1.0")

    (line,) = lines
    told = {"method": "GET", "format": "oci", "operation": "get_manifest", "status": 404, "code": "NAME_UNKNOWN"}
    assert line.items() >= {**told, "principal": "reader-robot", "target": "/v2/acme/api/manifests/1.0"}.items()
    assert line["request_id"]


@pytest.mark.parametrize(
    ("options", "headers", "told"),
    [
        (Options(public_url="https://public.example.com"), {"host": "inside:8080"}, "https://public.example.com"),
        (Options(), {"host": "registry.example.com:8080"}, "http://registry.example.com:8080"),
        (Options(), {"host": 'evil" , realm="http://x'}, "http://127.0.0.1:8080"),
        (Options(), {"host": "a.example.com", "x-forwarded-proto": "https"}, "http://a.example.com"),
        (
            Options(trusted_proxies=frozenset({"127.0.0.1"})),
            {"host": "a.example.com", "x-forwarded-proto": "https"},
            "https://a.example.com",
        ),
        (
            Options(trusted_proxies=frozenset({"127.0.0.1"})),
            {"host": "a.example.com", "x-forwarded-proto": "gopher"},
            "http://a.example.com",
        ),
    ],
)
async def test_clients_are_sent_where_they_came_from_or_to_the_public_address(
    tmp_path: Path, options: Options, headers: dict[str, str], told: str
) -> None:
    async with open_world(tmp_path, options=options) as world, world.client() as client:
        answer = await client.get("/v2/", headers=headers)

    assert challenge(answer).startswith(f'Bearer realm="{told}')


async def test_only_a_trusted_proxy_says_who_the_client_is(tmp_path: Path) -> None:
    lines: list[Any] = []
    trusting = Options(trusted_proxies=frozenset({"127.0.0.1"}), log_request=lines.append)
    for options in (Options(log_request=lines.append), trusting):
        folder = tmp_path / str(len(lines))
        folder.mkdir()
        async with open_world(folder, options=options) as world, world.client() as client:
            await client.get("/livez", headers={"x-forwarded-for": "10.0.0.1, 192.0.2.7"})

    assert [line["address"] for line in lines] == ["127.0.0.1", "192.0.2.7"]


async def test_the_lifespan_runs_each_step_at_the_start_and_at_the_end(world: World) -> None:
    told: list[bool] = []
    sent: list[str] = []

    async def step(starting: bool) -> None:
        told.append(starting)

    async def receive() -> dict[str, str]:
        return {}

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    app = Application(
        world.registry,
        [],
        gate=world.app.gate,
        epochs=world.epochs,
        metrics=world.app._metrics,
        options=Options(),
        lifespan=[step],
    )
    await app({"type": "lifespan"}, receive, send)

    assert told == [True, False]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
