from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from entrepot.api import SURFACE
from entrepot.api.docs import SUBJECTS
from entrepot.api.endpoint import PARTS, Endpoint
from entrepot.api.openapi import describe
from entrepot.followers import catch_up
from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, NamespaceName, PackageId, PackageName, ReferenceName, View
from entrepot.operations.attach_sbom import attach_sbom
from entrepot.operations.deliver import deliver_due
from entrepot.operations.signers import establish_own_signer
from entrepot.policy.defaults import DEFAULTS
from entrepot.testing.builders import ADMINISTRATOR, package
from entrepot.testing.elsewhere import Said, elsewhere
from entrepot.testing.identity import Signer
from entrepot.testing.sigstore import Sigstore
from entrepot.trust.signing import LocalKey
from tests.unit.api.description import ENDPOINTS, assert_conforms, find_endpoint
from tests.unit.api.world import World

DOCUMENT = describe(SUBJECTS)

PROMISED = """
GET /api/v1/status
GET /api/v1/whoami
GET /api/v1/namespaces
POST /api/v1/namespaces
GET /api/v1/namespaces/{namespace}
PATCH /api/v1/namespaces/{namespace}
PUT /api/v1/namespaces/{namespace}/channels
GET /api/v1/federation/issuers
POST /api/v1/federation/issuers
DELETE /api/v1/federation/issuers/{issuer}
GET /api/v1/namespaces/{namespace}/publishers
POST /api/v1/namespaces/{namespace}/publishers
DELETE /api/v1/namespaces/{namespace}/publishers/{publisher}
POST /api/v1/namespaces/{namespace}/preview-token
GET /api/v1/namespaces/{namespace}/upstreams
POST /api/v1/namespaces/{namespace}/upstreams
GET /api/v1/namespaces/{namespace}/upstreams/{format}/{upstream}
PATCH /api/v1/namespaces/{namespace}/upstreams/{format}/{upstream}
DELETE /api/v1/namespaces/{namespace}/upstreams/{format}/{upstream}
POST /api/v1/namespaces/{namespace}/upstreams/{format}/{upstream}/test
GET /api/v1/namespaces/{namespace}/upstreams/{format}/{upstream}/packages
POST /api/v1/namespaces/{namespace}/upstreams/{format}/{upstream}/refresh
POST /api/v1/packages/{view}/{format}/{package}/-/fetch
GET /api/v1/principals
POST /api/v1/principals
POST /api/v1/principals/{principal}/disable
GET /api/v1/grants
POST /api/v1/grants
DELETE /api/v1/grants
GET /api/v1/tokens
POST /api/v1/tokens
DELETE /api/v1/tokens/{token}
GET /api/v1/packages
GET /api/v1/packages/{view}/{format}/{package}
GET /api/v1/packages/{view}/{format}/{package}/-/references
PUT /api/v1/packages/{view}/{format}/{package}/-/references/{name}
DELETE /api/v1/packages/{view}/{format}/{package}/-/references/{name}
GET /api/v1/packages/{view}/{format}/{package}/-/references/{name}/history
POST /api/v1/packages/{view}/{format}/{package}/-/versions/{version}/seal
POST /api/v1/packages/{view}/{format}/{package}/-/versions/{version}/yank
POST /api/v1/packages/{view}/{format}/{package}/-/versions/{version}/unyank
POST /api/v1/packages/{view}/{format}/{package}/-/versions/{version}/deprecate
POST /api/v1/packages/{view}/{format}/{package}/-/versions/{version}/undeprecate
GET /api/v1/packages/{view}/{format}/{package}/-/artifacts
GET /api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}
DELETE /api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}
GET /api/v1/packages/{view}/{format}/{package}/-/clearances
PUT /api/v1/packages/{view}/{format}/{package}/-/clearances/{channel}/{digest}
DELETE /api/v1/packages/{view}/{format}/{package}/-/clearances/{channel}/{digest}
GET /api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}/findings
GET /api/v1/advisories/sources
POST /api/v1/advisories/sources
DELETE /api/v1/advisories/sources/{source}
POST /api/v1/advisories/sources/{source}/refresh
POST /api/v1/advisories/import
POST /api/v1/advisories/exploitation
GET /api/v1/advisories/changes
GET /api/v1/advisories/records/{advisory}
GET /api/v1/impact
GET /api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}/attestations
POST /api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}/attestations
GET /api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}/origins
GET /api/v1/builds
GET /api/v1/namespaces/{namespace}/completeness
GET /api/v1/signers
POST /api/v1/signers
GET /api/v1/signers/{signer}
POST /api/v1/signers/{signer}/state
PUT /api/v1/signers/{signer}/scope
GET /api/v1/signers/{signer}/affected
GET /api/v1/trusted-roots
PUT /api/v1/trusted-roots/{root}
DELETE /api/v1/trusted-roots/{root}
GET /api/v1/keys
GET /api/v1/keys.pem
GET /api/v1/namespaces/{namespace}/secrets
GET /api/v1/packages/{view}/{format}/{package}/-/secrets/{artifact}
GET /api/v1/packages/{view}/{format}/{package}/-/accepted-secrets
PUT /api/v1/packages/{view}/{format}/{package}/-/accepted-secrets/{secret}
DELETE /api/v1/packages/{view}/{format}/{package}/-/accepted-secrets/{secret}
GET /api/v1/search
GET /api/v1/journal
GET /api/v1/log
GET /api/v1/log/inclusion
GET /api/v1/log/consistency
GET /api/v1/webhooks
POST /api/v1/webhooks
GET /api/v1/webhooks/{webhook}
PATCH /api/v1/webhooks/{webhook}
DELETE /api/v1/webhooks/{webhook}
POST /api/v1/webhooks/{webhook}/rotate
POST /api/v1/webhooks/{webhook}/test
POST /api/v1/webhooks/{webhook}/replay
GET /api/v1/webhooks/{webhook}/deliveries
GET /api/v1/openapi.json
GET /api/docs
"""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of the document: its method, its path, and what it says."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from nodes(child)


async def test_the_description_is_served_to_anybody(world: World) -> None:
    answer = await world.ask("GET", "/api/v1/openapi.json", token=None)
    again = await world.ask("GET", "/api/v1/openapi.json", headers={"if-none-match": answer.headers["etag"]})

    assert answer.headers["content-type"] == "application/json"
    assert answer.json == DOCUMENT
    assert again.status == 304


def test_what_clients_rely_on_is_there() -> None:
    described = {f"{method} {path}" for method, path, _ in operations()}

    assert described >= set(PROMISED.strip().splitlines())


def test_every_route_is_described_once() -> None:
    described = sorted((method, path) for method, path, _ in operations())
    routed = sorted((endpoint.method, endpoint.path) for endpoint in ENDPOINTS)

    assert described == routed
    assert [(route.method, route.operation) for route in SURFACE.routes] == [
        (endpoint.method, endpoint.operation) for endpoint in ENDPOINTS
    ]


def test_the_document_has_the_shape_of_openapi() -> None:
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    assert len(ids) == len(set(ids))
    for method, path, operation in operations():
        assert operation["summary"], f"{method} {path} has no summary"
        assert set(operation["tags"]) <= tags
        assert all(re.fullmatch(r"[1-5]\d\d|default", status) for status in operation["responses"])
        assert all(response["description"] for response in operation["responses"].values())
        for response in operation["responses"].values():
            assert all(content.keys() <= {"schema", "example"} for content in response.get("content", {}).values())


def test_every_part_of_a_path_is_a_parameter() -> None:
    for method, path, operation in operations():
        parameters = operation.get("parameters", [])
        in_path = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]

        assert in_path == re.findall(r"\{(\w+)\}", path), f"{method} {path}"
        assert all(parameter["required"] for parameter in parameters if parameter["in"] == "path")
        assert all(parameter["schema"]["type"] for parameter in parameters if parameter["in"] == "path")
        assert all(parameter["description"] for parameter in parameters)


def test_no_two_paths_are_the_same_but_for_the_names_of_their_parts() -> None:
    plain = [re.sub(r"\{\w+\}", "{}", path) for path in DOCUMENT["paths"]]

    assert len(plain) == len(set(plain))


def test_everything_that_is_pointed_at_is_there_and_everything_there_is_pointed_at() -> None:
    targets = {node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node}
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}

    assert targets == schemas


def test_an_operation_that_may_be_refused_says_so_as_a_problem() -> None:
    for method, path, operation in operations():
        refusals = {s: r for s, r in operation["responses"].items() if s == "default" or s >= "400"}

        assert refusals.keys() >= {"401", "429", "503", "default"}, f"{method} {path}"
        for response in refusals.values():
            (media_type,) = response["content"]
            assert media_type == "application/problem+json"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.operation)
def test_the_examples_fit_what_they_are_examples_of(endpoint: Endpoint) -> None:
    operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]

    for status, answer in endpoint.answers.items():
        if answer.shape is not None:
            example = operation["responses"][str(status)]["content"]["application/json"]["example"]
            assert_conforms(msgspec.json.encode(example), answer.shape)
    if endpoint.body is not None:
        example = operation["requestBody"]["content"]["application/json"]["example"]
        assert msgspec.convert(example, endpoint.body)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.operation)
def test_the_example_of_an_address_leads_to_its_operation(endpoint: Endpoint) -> None:
    path = endpoint.path
    for name in endpoint.parts:
        path = path.replace(f"{{{name}}}", msgspec.json.schema(PARTS[name])["examples"][0])

    assert find_endpoint(endpoint.method, path) is endpoint


async def _ask_about_promotions(world: World) -> None:
    """Have each operation of policies, promotions and blocks succeed once; a namespace ``acme`` is there."""
    await world.image("1.0", package="promoted")
    place, acme = "/api/v1/packages/acme/oci/promoted/-", "/api/v1/namespaces/acme"
    policy = {"door": "promotion", "condition": "size > 0"}
    for default in DEFAULTS:
        await world.ask("PUT", f"{acme}/policies/{default.name}", {**policy, "mode": "off"})
    await world.ask("GET", "/api/v1/policy-facts")
    await world.ask("PUT", f"{acme}/policies/large", policy)
    await world.ask("GET", f"{acme}/policies")
    await world.ask("POST", f"{acme}/policies/large/replay", {"policy": policy})
    await world.ask("POST", f"{place}/policies/1.0", {"channel": "prod"})
    await world.ask("DELETE", f"{acme}/policies/large")
    await world.ask("GET", f"{acme}/channels")
    await world.ask("PUT", f"{acme}/channels/prod", {"approvals": 1, "self_approval": True})
    await world.ask("GET", f"{place}/promotions/prod/1.0")
    for verb in ("refuse", "approve"):
        proposed = await world.ask("POST", f"{place}/promotions/prod/1.0")
        await world.ask("POST", f"/api/v1/promotions/{proposed.json['id']}/{verb}")
    await world.ask("GET", f"/api/v1/promotions/{proposed.json['id']}")
    await world.ask("GET", f"{place}/promotions")
    await world.ask("GET", f"{acme}/promotions")
    await world.ask("DELETE", f"{place}/promotions/prod/1.0")
    await world.ask("PUT", f"{place}/blocks/1.0", {"reason": "no"})
    await world.ask("GET", f"{acme}/blocks")
    await world.ask("GET", f"{place}/why/1.0")
    await world.ask("DELETE", f"{place}/blocks/1.0")


async def _ask_about_tiers(world: World) -> None:
    """Have each operation of tiers succeed once; a namespace ``acme`` is there."""
    await world.image("1.0", package="old")
    rules, old = "/api/v1/namespaces/acme/tiers", "/api/v1/packages/acme/oci/old/-/tiers/1.0"
    await world.ask("PUT", rules, {"rules": [{"name": "young", "younger_than_seconds": 1}]})
    await world.ask("GET", rules)
    await world.ask("GET", f"{rules}/plan")
    await world.ask("POST", f"{rules}/plan")
    await world.ask("POST", old, {"tier": "cold"})
    await world.ask("GET", old)


async def ask_what_is_kept(world: World) -> None:
    """Have each operation of leases, holds, deployments and tiers succeed once; a namespace ``acme`` is there."""
    digest = str((await world.image("1.0", package="kept")).digest)
    place, acme = "/api/v1/packages/acme/oci/kept/-", "/api/v1/namespaces/acme"
    runs = {"environment": "prod", "service": "web", "cluster": "eu-1"}
    lease = (await world.ask("POST", f"{place}/leases/1.0", {"ttl_seconds": 60, "reason": "a build"})).json["id"]
    hold = (await world.ask("POST", f"{place}/holds/1.0", {"reason": "case 7"})).json["id"]
    await world.ask("POST", f"{place}/deployments/1.0", runs)
    await world.ask("POST", f"/api/v1/leases/{lease}/renew", {"ttl_seconds": 120})
    for what in ("leases", "holds", "deployments"):
        await world.ask("GET", f"{acme}/{what}")
    await world.ask("DELETE", f"/api/v1/leases/{lease}")
    await world.ask("DELETE", f"/api/v1/holds/{hold}")
    await world.ask("POST", f"{acme}/deployments/end", runs)
    github = "/api/v3/orgs/acme/artifacts"
    record = {"name": "kept", "digest": digest, "deployment_name": "web", "status": "deployed"}
    await world.ask("POST", f"{github}/metadata/deployment-record", {**record, "logical_environment": "prod"})
    cluster = {"logical_environment": "prod", "deployments": [record]}
    await world.ask("POST", f"{github}/metadata/deployment-record/cluster/eu-1", cluster)
    await world.ask("GET", f"{github}/{digest}/metadata/deployment-records")
    await _ask_about_tiers(world)


async def _ask_about_secrets(world: World) -> None:
    """Have each operation of secrets succeed once; a namespace ``acme`` is there."""
    await world.image("1.0", package="leaky", annotations={"key": "ghp_" + "q7Rz2LkP9sVbX4mW8nTgY1cH5dJf3aKe6uQi"})
    await catch_up(world.registry)
    place = "/api/v1/packages/acme/oci/leaky/-"
    found, *_ = (await world.ask("GET", f"{place}/secrets/1.0")).json["secrets"]
    assert (await world.ask("GET", "/api/v1/namespaces/acme/secrets")).json["items"]
    reason = {"artifact": "1.0", "reason": "made up", "seconds": 60}
    await world.ask("PUT", f"{place}/accepted-secrets/{found['name']}", reason)
    await world.ask("GET", f"{place}/accepted-secrets")
    await world.ask("DELETE", f"{place}/accepted-secrets/{found['name']}")


async def ask_log_and_webhooks(world: World) -> None:
    """Have each operation of the log and of webhooks succeed once; a namespace ``acme`` is there."""
    await catch_up(world.registry)
    await world.ask("GET", "/api/v1/log")
    await world.ask("GET", "/api/v1/log/inclusion?position=1")
    await world.ask("GET", "/api/v1/log/consistency?old=1")
    async with elsewhere() as receiver:
        receiver.says["/hook"] = Said()
        body = {"url": f"{receiver.url}/hook", "namespace": "acme", "private": True}
        hook = (await world.ask("POST", "/api/v1/webhooks", body)).json["webhook"]["id"]
        await deliver_due(world.registry, hook)
        await world.ask("GET", "/api/v1/webhooks?namespace=acme")
        await world.ask("GET", f"/api/v1/webhooks/{hook}")
        await world.ask("PATCH", f"/api/v1/webhooks/{hook}", {"types": ["dev.entrepot.tag.*"]})
        await world.ask("POST", f"/api/v1/webhooks/{hook}/rotate")
        await world.ask("POST", f"/api/v1/webhooks/{hook}/test")
        await world.ask("POST", f"/api/v1/webhooks/{hook}/replay", {"after": 0})
        await world.ask("GET", f"/api/v1/webhooks/{hook}/deliveries")
        await world.ask("DELETE", f"/api/v1/webhooks/{hook}")


@pytest.mark.usefixtures("socket_enabled")
async def test_every_operation_answers_as_it_is_described(world: World) -> None:
    """The world holds each answer against its description; here each operation succeeds once."""
    api = "/api/v1/packages/acme/oci/api/-"
    await world.ask("POST", "/api/v1/namespaces", {"name": "acme"})
    first, second = await world.image("1.0", sealed=False), await world.image("2.0")
    minted = await world.ask("POST", "/api/v1/tokens", {"name": "ci", "role": "reader", "view": "acme"})
    grant = {"principal": "ada", "role": "reader", "view": "acme"}

    await world.ask("GET", "/api/v1/status")
    await world.ask("GET", "/api/v1/whoami")
    await world.ask("GET", "/api/v1/namespaces")
    await world.ask("GET", "/api/v1/namespaces/acme")
    await world.ask("PATCH", "/api/v1/namespaces/acme", {"public": True})
    await world.ask("PUT", "/api/v1/namespaces/acme/channels", {"channels": ["prod"]})
    await _ask_about_upstreams(world)
    await _ask_about_advisories(world)
    await _ask_about_publishers(world)
    await _ask_about_signers(world)
    await _ask_about_promotions(world)
    await ask_what_is_kept(world)
    await _ask_about_secrets(world)
    await world.ask("POST", "/api/v1/principals", {"name": "ada", "kind": "user"})
    await world.ask("GET", "/api/v1/principals")
    await world.ask("POST", "/api/v1/grants", grant)
    await world.ask("GET", "/api/v1/grants")
    await world.ask("DELETE", "/api/v1/grants?principal=ada&role=reader&view=acme")
    await world.ask("POST", "/api/v1/principals/ada/disable")
    await world.ask("GET", "/api/v1/tokens")
    await world.ask("DELETE", f"/api/v1/tokens/{minted.json['id']}")
    await world.ask("GET", "/api/v1/packages")
    await world.ask("GET", "/api/v1/packages/acme/oci/api")
    await world.ask("PUT", f"{api}/references/latest", {"digest": str(first.digest)})
    await world.ask("GET", f"{api}/references")
    await world.ask("GET", f"{api}/references/latest/history")
    await world.ask("DELETE", f"{api}/references/latest")
    for mark in ("seal", "yank", "unyank", "deprecate", "undeprecate"):
        await world.ask("POST", f"{api}/versions/1.0/{mark}")
    await world.ask("PUT", f"{api}/clearances/prod/{first.digest}")
    await world.ask("GET", f"{api}/clearances")
    await world.ask("GET", f"{api}/artifacts")
    await world.ask("GET", f"{api}/artifacts/1.0")
    for path in ("", "/components", "/changes?before=1.0", "/documents/cyclonedx"):
        await world.ask("GET", f"{api}/artifacts/2.0/sbom{path}")
    await world.ask("DELETE", f"{api}/clearances/prod/{first.digest}")
    await world.ask("DELETE", f"{api}/artifacts/{second.digest}")
    await _ask_about_the_deleted(world, second.digest)
    await world.ask("GET", "/api/v1/search?q=api")
    await world.ask("GET", "/api/v1/journal")
    await world.ask("GET", "/api/v1/journal/followers")
    await ask_log_and_webhooks(world)
    await world.ask("GET", "/api/v1/openapi.json")
    await world.ask("GET", "/api/docs")

    assert [(operation, status) for operation, status in world.asked if status >= 300] == []
    assert {operation for operation, _ in world.asked} == {endpoint.operation for endpoint in ENDPOINTS}


async def _ask_about_the_deleted(world: World, digest: Digest) -> None:
    retention = "/api/v1/namespaces/acme/retention"
    await world.ask("PUT", retention, {"rules": [{"name": "last", "last": 0, "names": "no-such-*"}]})
    await world.ask("GET", retention)
    plan = (await world.ask("POST", f"{retention}/plans")).json["plan"]
    await world.ask("GET", f"{retention}/plans")
    await world.ask("POST", f"{retention}/replay", {"days": 2})
    await world.ask("GET", f"/api/v1/retention-plans/{plan}")
    await world.ask("GET", f"/api/v1/retention-plans/{plan}/items")
    await world.ask("POST", f"/api/v1/retention-plans/{plan}")
    await world.ask("GET", "/api/v1/packages/acme/oci/api/-/retention")
    await world.ask("GET", "/api/v1/namespaces/acme/trash")
    await world.ask("POST", f"/api/v1/packages/acme/oci/api/-/trash/{digest}")
    await world.ask("DELETE", f"/api/v1/packages/acme/oci/api/-/artifacts/{digest}")
    await world.ask("DELETE", f"/api/v1/packages/acme/oci/api/-/trash/{digest}")
    await world.ask("PUT", "/api/v1/namespaces/acme/quota", {"size": 10**9, "versions": 100})
    await world.ask("DELETE", "/api/v1/namespaces/acme/quota")
    await world.ask("GET", "/api/v1/namespaces/acme/usage")
    await world.ask("GET", "/api/v1/packages/acme/oci/api/-/usage")
    await world.ask("GET", "/api/v1/usage")
    await world.ask("GET", "/api/v1/collection")
    await world.ask("POST", "/api/v1/collection")
    await world.ask("GET", f"/api/v1/collection/{digest}")
    leak = f"/api/v1/erasures/{Digest.of(b'a list of customers')}"
    await world.ask("GET", f"{leak}/plan")
    await world.ask("POST", leak, {"reason": "customers' data"})
    await world.ask("GET", leak)
    await world.ask("GET", "/api/v1/erasures")
    await world.ask("POST", f"{leak}/lift", {"reason": "a mistake"})


async def _ask_about_publishers(world: World) -> None:
    signer = Signer("https://issuer.example.com")
    issuer = {"name": "ci", "url": signer.url, "algorithms": [str(signer.algorithm)]}
    issuer |= {"audiences": ["https://registry.example.com"], "keys": json.loads(signer.jwks)}
    await world.ask("POST", "/api/v1/federation/issuers", issuer)
    await world.ask("GET", "/api/v1/federation/issuers")
    publishers = "/api/v1/namespaces/acme/publishers"
    await world.ask("POST", publishers, {"name": "release", "issuer": "ci", "rules": {"sub": "job"}})
    await world.ask("POST", publishers, {"name": "other", "issuer": "ci", "rules": {"sub": "other"}})
    await world.ask("GET", publishers)
    text = signer.sign(signer.claims(world.clock.now(), "https://registry.example.com"))
    found = await world.ask("POST", "/api/v1/namespaces/acme/preview-token", {"token": text})
    assert [each["matches"] for each in found.json["publishers"]] == [True, False]
    held = await world.ask("GET", "/api/v1/grants?principal=publisher:acme/release")
    assert [each["role"] for each in held.json["items"]] == ["publisher"]
    await world.ask("DELETE", f"{publishers}/other")
    await world.ask("DELETE", "/api/v1/federation/issuers/ci")


async def _ask_about_advisories(world: World) -> None:
    api = "/api/v1/advisories"
    affected = {"package": {"ecosystem": "PyPI", "name": "requests"}, "versions": ["2.30.0"]}
    record = {"id": "TEST-1", "modified": "2026-01-01T00:00:00Z", "affected": [affected]}
    content = json.dumps(record).encode()
    async with elsewhere() as other:
        other.says["/all.zip"] = Said(content)
        await world.ask("POST", f"{api}/sources", {"name": "osv", "url": f"{other.url}/all.zip", "private": True})
        await world.ask("POST", f"{api}/sources/osv/refresh")
    await world.ask("GET", f"{api}/sources")
    await world.ask("POST", f"{api}/import?source=files", content=content)
    await world.ask("GET", f"{api}/changes?limit=1")
    await world.ask("POST", f"{api}/exploitation", content=b"CVE-2026-1,0.5,0.9")
    found = await world.ask("GET", f"{api}/records/TEST-1")
    assert found.json == record
    await world.ask("GET", "/api/v1/packages/acme/oci/api/-/artifacts/1.0/findings")
    await world.ask("GET", "/api/v1/impact?q=TEST-1")
    await _ask_about_assessments(world)
    await world.ask("DELETE", f"{api}/sources/osv")


async def _ask_about_assessments(world: World) -> None:
    place = "/api/v1/packages/acme/oci/api/-"
    artifact = f"{place}/artifacts/1.0"
    await establish_own_signer(world.registry)
    digest = (await world.ask("GET", artifact)).json["digest"]
    component = {"type": "library", "name": "requests", "version": "2.30.0", "purl": "pkg:pypi/requests@2.30.0"}
    sbom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [component]}
    await attach_sbom(
        world.registry, ADMINISTRATOR, package("acme/api"), Digest.parse(digest), json.dumps(sbom).encode()
    )
    await catch_up(world.registry)
    sarif = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "lint"}}, "results": [{"ruleId": "one"}]}]}
    await world.ask("POST", f"{artifact}/reports", content=json.dumps(sarif).encode())
    await world.ask("GET", f"{artifact}/reports")
    said = {"vulnerability": {"name": "TEST-1"}, "status": "fixed", "products": [{"@id": digest}]}
    vex = {"@context": "https://openvex.dev/ns/v0.2.0", "author": "Ada", "statements": [said]}
    await world.ask("POST", f"{artifact}/vex", content=json.dumps(vex).encode())
    await catch_up(world.registry)
    await world.ask("GET", f"{artifact}/vex")
    body = {"flaw": "one", "reason": "never called", "until": "2027-01-31T12:00:00Z"}
    exemption = await world.ask("POST", f"{place}/exemptions", body)
    await world.ask("GET", f"{place}/exemptions")
    found = (await world.ask("GET", f"{artifact}/findings")).json
    await world.ask("POST", f"{artifact}/findings/statement")
    await world.ask("DELETE", f"{place}/exemptions/{exemption.json['id']}")

    assert found["complete"]
    assert {each["id"]: each["suppressed"]["status"] for each in found["findings"]} == {
        "TEST-1": "fixed",
        "one": "not_affected",
    }


async def _ask_about_signers(world: World) -> None:
    artifact = "/api/v1/packages/acme/oci/api/-/artifacts/2.0"
    await establish_own_signer(world.registry)
    statement = {"predicate_type": "https://example.com/reviewed/v1", "predicate": {"reviewed": True}}
    await world.ask("POST", f"{artifact}/attestations", statement)
    await catch_up(world.registry)
    found = await world.ask("GET", f"{artifact}/attestations")
    assert [each["verified"] for each in found.json["attestations"]] == [True]
    await world.ask("GET", f"{artifact}/origins")
    await world.ask("GET", "/api/v1/builds?commit=4f2c1e0")
    await world.ask("GET", "/api/v1/namespaces/acme/completeness")
    key = LocalKey.generate().public_key.pem
    await world.ask("POST", "/api/v1/signers", {"name": "ci", "namespace": "acme", "key": key})
    await world.ask("GET", "/api/v1/signers?namespace=acme")
    await world.ask("GET", "/api/v1/signers/ci?namespace=acme")
    await world.ask("PUT", "/api/v1/signers/ci/scope?namespace=acme", {"packages": ["oci/*"]})
    await world.ask("POST", "/api/v1/signers/ci/state?namespace=acme", {"state": "retired"})
    await world.ask("GET", "/api/v1/signers/ci/affected?namespace=acme")
    root = json.loads(Sigstore().trusted_root)
    await world.ask("PUT", "/api/v1/trusted-roots/own?namespace=acme", {"trusted_root": root})
    await world.ask("GET", "/api/v1/trusted-roots?namespace=acme")
    await world.ask("DELETE", "/api/v1/trusted-roots/own?namespace=acme")
    await world.ask("GET", "/api/v1/keys")
    await world.ask("GET", "/api/v1/keys.pem")


async def _ask_about_upstreams(world: World) -> None:
    upstreams = "/api/v1/namespaces/acme/upstreams"
    async with elsewhere() as other:
        other.says["/v2/new/tags/list"] = Said(b'{"name": "new", "tags": ["1.0"]}')
        await world.upstream(url=other.url, private=True)
        await world.ask("GET", upstreams)
        await world.ask("GET", f"{upstreams}/oci/public")
        await world.ask("POST", f"{upstreams}/oci/public/test")
        await world.registry.read_through[FormatName("oci")].list_versions(
            world.registry, ADMINISTRATOR, View.parse("acme"), "new"
        )
        await world.ask("GET", f"{upstreams}/oci/public/packages")
        await world.ask("POST", f"{upstreams}/oci/public/refresh", {"package": "new"})
        await world.ask("POST", "/api/v1/packages/acme/oci/api/-/fetch", {"version": "1.0"})
        gone = PackageId(NamespaceName("acme"), FormatName("oci"), PackageName("new"))
        await world.registry.catalog.write(lambda change: change.tombstones.keep(gone, ReferenceName("1.0")))
        await world.ask("DELETE", "/api/v1/packages/acme/oci/new/-/tombstones/1.0")
        await world.ask("PATCH", f"{upstreams}/oci/public", {"cooldown_seconds": 60})
        await world.ask("DELETE", f"{upstreams}/oci/public")
