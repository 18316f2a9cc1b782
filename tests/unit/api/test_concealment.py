"""What a caller may not know answers exactly like what does not exist, byte for byte."""

from __future__ import annotations

import re

import pytest

from entrepot.api.docs import SUBJECTS
from entrepot.api.endpoint import Endpoint
from entrepot.api.openapi import describe
from tests.unit.api.description import ENDPOINTS
from tests.unit.api.world import Answered, World

DOCUMENT = describe(SUBJECTS)
PLACED = [endpoint for endpoint in ENDPOINTS if {"view", "namespace"} & set(endpoint.parts)]
ABOUT_A_PACKAGE = [endpoint for endpoint in PLACED if "package" in endpoint.parts]
FOR_WHO_GOVERNS = {
    "list_mirrored_packages",
    "list_publishers",
    "list_policies",
    "list_promotions",
    "list_channel_rules",
    "list_blocks",
    "list_leases",
    "list_holds",
    "list_deployments",
    "list_deployment_records",
    "list_secrets",
    "list_accepted_secrets",
    "list_namespace_secrets",
    "list_trash",
    "read_retention",
    "list_retention_plans",
    "read_usage",
    "read_tiering",
    "plan_tiers",
}
QUERIES = {"list_sbom_changes": "?before={}"}
"""Where there is nothing to answer without one."""

PRIVATE, ABSENT = "acme", "ghos"


def _essence(answer: Answered, namespace: str) -> tuple[object, ...]:
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return answer.status, headers, answer.content.replace(namespace.encode(), b"<namespace>")


async def _ask(world: World, endpoint: Endpoint, namespace: str, token: str | None, digest: str) -> Answered:
    places = {"namespace": namespace, "view": namespace, "format": "oci", "package": "api", "channel": "prod"}
    places |= {"upstream": "public", "publisher": "release", "form": "cyclonedx"}
    names = {"name": "1.0", "version": "1.0", "artifact": digest, "digest": digest}
    path = re.sub(r"\{(\w+)\}", lambda part: (places | names).get(part[1], "ghost"), endpoint.path)
    path += QUERIES.get(endpoint.operation, "").format(digest)
    body = None
    if endpoint.body is not None:
        operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
        body = operation["requestBody"]["content"]["application/json"]["example"]
        if "digest" in body:
            body = {**body, "digest": digest}
    return await world.ask(endpoint.method, path, body, token=token)


@pytest.mark.parametrize("caller", ["anonymous", "reader", "maintainer", "auditor"])
async def test_a_private_namespace_looks_exactly_like_an_absent_one(world: World, caller: str) -> None:
    await world.namespace(PRIVATE)
    await world.namespace("elsewhere")
    await world.upstream(namespace=PRIVATE)
    image = await world.image("1.0", namespace=PRIVATE)
    token = None if caller == "anonymous" else await world.token(caller, "elsewhere")

    for endpoint in PLACED:
        private = await _ask(world, endpoint, PRIVATE, token, str(image.digest))
        absent = await _ask(world, endpoint, ABSENT, token, str(image.digest))

        assert private.status in (401, 403, 404), endpoint.operation
        assert _essence(private, PRIVATE) == _essence(absent, ABSENT), endpoint.operation


@pytest.mark.parametrize("endpoint", ABOUT_A_PACKAGE, ids=lambda endpoint: endpoint.operation)
async def test_a_package_outside_the_callers_pattern_looks_exactly_like_an_absent_one(
    world: World, endpoint: Endpoint
) -> None:
    await world.namespace(PRIVATE)
    image = await world.image("1.0", package="api")
    token = await world.token("maintainer", PRIVATE, "web-*")

    there = await _ask(world, endpoint, PRIVATE, token, str(image.digest))
    await world.ask("DELETE", f"/api/v1/packages/acme/oci/api/-/artifacts/{image.digest}")
    gone = await _ask(world, endpoint, PRIVATE, token, str(image.digest))

    assert there.status in (403, 404)
    assert _essence(there, PRIVATE) == _essence(gone, PRIVATE)


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/packages?namespace={}",
        "/api/v1/packages?view={}",
        "/api/v1/signers?namespace={}",
        "/api/v1/trusted-roots?namespace={}",
        "/api/v1/builds?commit=4f2c1e0&namespace={}",
        "/api/v1/packages?view={}.prod",
        "/api/v1/packages?view={}.nowhere",
        "/api/v1/journal?namespace={}",
        "/api/v1/search?q={}",
    ],
)
@pytest.mark.parametrize("caller", ["anonymous", "reader"])
async def test_a_query_tells_nothing_about_a_private_namespace(world: World, target: str, caller: str) -> None:
    await world.namespace(PRIVATE)
    await world.namespace("elsewhere")
    await world.image("1.0", namespace=PRIVATE, package=PRIVATE)
    token = None if caller == "anonymous" else await world.token(caller, "elsewhere")

    private = await world.ask("GET", target.format(PRIVATE), token=token)
    absent = await world.ask("GET", target.format(ABSENT), token=token)

    assert _essence(private, PRIVATE) == _essence(absent, ABSENT)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/tokens", {"name": "x", "role": "reader", "view": "{}"}),
        ("/api/v1/grants", {"principal": "administrator", "role": "reader", "view": "{}"}),
    ],
)
async def test_handing_on_rights_tells_nothing_about_a_private_namespace(
    world: World, path: str, body: dict[str, str]
) -> None:
    await world.namespace(PRIVATE)
    await world.namespace("elsewhere")
    token = await world.token("maintainer", "elsewhere")

    private = await world.ask("POST", path, {**body, "view": PRIVATE}, token=token)
    absent = await world.ask("POST", path, {**body, "view": ABSENT}, token=token)

    assert private.status == 403
    assert _essence(private, PRIVATE) == _essence(absent, ABSENT)


async def test_a_public_namespace_is_read_by_anybody_and_changed_by_nobody_else(world: World) -> None:
    await world.namespace(public=True)
    await world.upstream()
    image = await world.image("1.0")
    stranger = await world.token("reader", "acme.prod", name="stranger")

    for token in (None, stranger):
        wrong = {}
        for endpoint in PLACED:
            answer = await _ask(world, endpoint, "acme", token, str(image.digest))
            refused = 401 if token is None else 403
            is_open = endpoint.method == "GET" and endpoint.operation not in FOR_WHO_GOVERNS
            if answer.status != (200 if is_open else refused):
                wrong[endpoint.operation] = answer.status
        assert wrong == {}
