"""Nothing that a client sends is more than a refusal: never a failure of ours, never half a change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from entrepot.api.docs import SUBJECTS
from entrepot.api.endpoint import Endpoint
from entrepot.api.openapi import describe
from entrepot.operations.log import grow_log
from tests.unit.api.description import ENDPOINTS
from tests.unit.api.world import World

DOCUMENT = describe(SUBJECTS)
DIGEST = "sha256:" + 64 * "0"
PLACES = {
    "namespace": "acme",
    "view": "acme",
    "format": "oci",
    "package": "api",
    "channel": "prod",
    "name": "1.0",
    "version": "1.0",
    "artifact": DIGEST,
    "digest": DIGEST,
    "principal": "ghost",
    "token": "ghost",
    "upstream": "public",
    "publisher": "release",
    "issuer": "ci",
    "signer": "ghost",
    "root": "ghost",
    "webhook": "ghost",
    "source": "attestation",
    "form": "cyclonedx",
    "advisory": "CVE-2021-44228",
}
WITH_BODY = [endpoint for endpoint in ENDPOINTS if endpoint.body is not None]
WITH_QUERY = [endpoint for endpoint in ENDPOINTS if endpoint.query is not None]
WITH_PARTS = [endpoint for endpoint in ENDPOINTS if endpoint.parts]

BODIES = {
    "cut short": b'{"name": "acm',
    "no JSON": b"<xml/>",
    "not UTF-8": b"\xff\xfe\x00",
    "a lone surrogate": b'{"name": "\\ud800", "reason": "\\ud800", "digest": "\\ud800"}',
    "a bare number": b"1",
    "a bare text": b'"acme"',
    "a list": b"[]",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "deep lists in every field": b'{"name":%b,"reason":%b}' % (b"[" * 10_000, b"[" * 10_000),
    "a field that there is not": b'{"\\u0000": 1}',
    "two documents": b"{}{}",
    "NaN": b'{"ttl_seconds": NaN}',
    "a number without end": b'{"ttl_seconds": 1' + b"0" * 5_000 + b"}",
    "many fields": b"{" + b",".join(b'"%d":0' % number for number in range(20_000)) + b"}",
}
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    2**64,
    10**400,
    1e308,
    "",
    " ",
    "x" * 5_000,
    "\x00",
    "\ufeff",
    "\u202e",
    "../../etc/passwd",
    "'; DROP TABLE namespace; --",
    "acme.prod.prod",
    "sha256:" + "A" * 64,
    [],
    [None],
    ["x"] * 200,
    [[]],
    {},
    {"$ref": "#"},
]
SEGMENTS = ["%00", "%ff", "%E2%80%AE", "..", ".", "-", "%2F", "%20", "a" * 3_000, "%27%3B--", "{}", "*", "%F0%9F%92%A9"]


def _path(endpoint: Endpoint, **parts: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda part: (PLACES | parts).get(part[1], "ghost"), endpoint.path)


def _example(endpoint: Endpoint) -> dict[str, Any]:
    operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    example: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["example"]
    return example


async def _filled(world: World) -> int:
    await world.namespace()
    await world.upstream()
    await world.image("1.0", "latest")
    await grow_log(world.registry)
    return await _position(world)


async def _position(world: World) -> int:
    position, _ = await world.registry.catalog.head()
    return position


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.operation)
async def test_a_hostile_body_is_refused_and_changes_nothing(world: World, endpoint: Endpoint) -> None:
    before = await _filled(world)

    for name, content in BODIES.items():
        answer = await world.ask(endpoint.method, _path(endpoint), content=content)
        assert (answer.status, answer.code) == (400, "invalid"), name

    assert await _position(world) == before


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.operation)
async def test_a_body_without_end_is_refused(world: World, endpoint: Endpoint) -> None:
    huge = b'{"name": "' + b"x" * 300_000 + b'"}'

    said = await world.ask(endpoint.method, _path(endpoint), content=huge)
    unsaid = await world.ask(endpoint.method, _path(endpoint), content=huge, headers={"transfer-encoding": "chunked"})
    lied = await world.ask(endpoint.method, _path(endpoint), content=b"{}", headers={"content-length": str(10**18)})

    assert [(answer.status, answer.code) for answer in (said, unsaid, lied)] == [(413, "too-large")] * 3


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.operation)
@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
async def test_a_body_that_a_browser_would_send_anywhere_is_refused(
    world: World, endpoint: Endpoint, media_type: str
) -> None:
    before = await _filled(world)

    answer = await world.ask(endpoint.method, _path(endpoint), _example(endpoint), headers={"content-type": media_type})

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.json["expected"] == "application/json"
    assert await _position(world) == before


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda endpoint: endpoint.operation)
async def test_a_hostile_value_in_any_field_is_no_failure_of_ours(world: World, endpoint: Endpoint) -> None:
    await _filled(world)
    example = _example(endpoint)

    for field in example:
        for value in VALUES:
            content = (
                msgspec.json.encode({**example, field: value})
                if value != 10**400
                else b'{"%b":1%b}' % (field.encode(), b"0" * 400)
            )
            answer = await world.ask(endpoint.method, _path(endpoint), content=content)
            # An issuer that can be asked is asked for its keys; the one of the example does not answer.
            assert answer.status < 500 or (endpoint.operation, answer.status) == ("add_issuer", 502), (field, value)


@pytest.mark.parametrize("endpoint", WITH_QUERY, ids=lambda endpoint: endpoint.operation)
async def test_a_hostile_query_is_no_failure_of_ours(world: World, endpoint: Endpoint) -> None:
    await _filled(world)
    assert endpoint.query is not None

    for name in (*endpoint.query.__struct_fields__, "unknown"):
        for value in [
            *SEGMENTS,
            "",
            "-1",
            "0",
            str(2**63),
            str(2**64),
            "1e400",
            "nan",
            "null",
            "true",
            "%",
            "%zz",
            "&&",
            "[]",
        ]:
            answer = await world.ask(endpoint.method, f"{_path(endpoint)}?{name}={value}")
            assert answer.status < 500, (name, value)


@pytest.mark.parametrize("endpoint", WITH_QUERY, ids=lambda endpoint: endpoint.operation)
async def test_a_parameter_that_there_is_not_is_refused(world: World, endpoint: Endpoint) -> None:
    await _filled(world)

    answer = await world.ask(endpoint.method, f"{_path(endpoint)}?colour=red")

    assert (answer.status, answer.code) == (400, "invalid")


@pytest.mark.parametrize("endpoint", WITH_PARTS, ids=lambda endpoint: endpoint.operation)
async def test_a_hostile_address_is_no_failure_of_ours(world: World, endpoint: Endpoint) -> None:
    await _filled(world)

    for part in endpoint.parts:
        for segment in SEGMENTS:
            body = _example(endpoint) if endpoint.body is not None else None
            answer = await world.ask(endpoint.method, _path(endpoint, **{part: segment}), body)
            assert answer.status < 500, (part, segment)
            assert answer.status < 400 or answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/status", "/api/docs/x", "/api//v1/status"]
)
async def test_an_address_that_there_is_not_is_said_to_be_none(world: World, path: str) -> None:
    answer = await world.ask("GET", path)

    assert (answer.status, answer.code) == (404, "route-unknown")


async def test_a_method_that_an_address_does_not_take_is_refused_with_those_that_it_takes(world: World) -> None:
    for endpoint in ENDPOINTS:
        answer = await world.ask("TRACE", _path(endpoint))

        assert (answer.status, answer.code) == (405, "method-not-allowed")
        assert endpoint.method in answer.headers["allow"].split(", ")


async def test_a_client_that_goes_away_in_the_middle_of_a_body_changes_nothing(world: World) -> None:
    before = await _filled(world)
    messages: Iterator[dict[str, Any]] = iter(
        [
            {"type": "http.request", "body": b'{"name": ', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await world.app(
        {
            "type": "http",
            "method": "POST",
            "path": "/api/v1/namespaces",
            "query_string": b"",
            "headers": [
                (b"authorization", f"Bearer {world.admin}".encode()),
                (b"transfer-encoding", b"chunked"),
                (b"content-type", b"application/json"),
            ],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8080),
            "scheme": "http",
        },
        receive,
        send,
    )

    assert sent == []
    assert await _position(world) == before
