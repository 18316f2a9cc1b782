"""What the SDK sends of deployments, leases and holds; that the server agrees is for tests/cli to show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote_plus

import pytest

from entrepot.client import Client
from entrepot.model.digest import Digest
from tests.unit.client.conftest import Open
from tests.unit.client.loopback import Say, loopback

DIGEST = f"sha256:{'a' * 64}"
API = "acme/oci/api:1.0"
PLACE = "/api/v1/packages/acme/oci/api/-"
ANSWER = {
    "id": "1",
    "namespace": "acme",
    "format": "oci",
    "package": "api",
    "digest": DIGEST,
    "kind": "lease",
    "holder": "ci",
    "reason": "r",
    "actor": "ci",
    "environment": "prod",
    "service": "web",
    "status": "deployed",
    "items": [],
    "next": None,
}


@pytest.mark.parametrize(
    ("call", "line", "document"),
    [
        (
            lambda c: c.holds.lease(API, timedelta(hours=1), "a build", holder="ci"),
            f"POST {PLACE}/leases/1.0",
            {"ttl_seconds": 3_600, "reason": "a build", "holder": "ci"},
        ),
        (
            lambda c: c.holds.renew("7", timedelta(minutes=1)),
            "POST /api/v1/leases/7/renew",
            {"ttl_seconds": 60},
        ),
        (lambda c: c.holds.release("7"), "DELETE /api/v1/leases/7", None),
        (lambda c: list(c.holds.leases("acme")), "GET /api/v1/namespaces/acme/leases", None),
        (
            lambda c: c.holds.hold(API, "case 7", legal=True),
            f"POST {PLACE}/holds/1.0",
            {"reason": "case 7", "legal": True, "holder": ""},
        ),
        (lambda c: c.holds.lift("7", reason="closed"), "DELETE /api/v1/holds/7?reason=closed", None),
        (lambda c: list(c.holds.holds("acme", history=True)), "GET /api/v1/namespaces/acme/holds?history=1", None),
        (
            lambda c: list(c.deployments.iter("acme", environment="prod", cluster="eu-1")),
            "GET /api/v1/namespaces/acme/deployments?environment=prod&cluster=eu-1",
            None,
        ),
    ],
)
def test_sends_what_the_api_takes(connect: Open, call: Callable[[Client], object], line: str, document: object) -> None:
    with loopback(lambda _: Say.json(ANSWER)) as server:
        call(connect(server.url))

    assert [unquote_plus(each) for each in server.lines] == [line]
    assert (server.asked[0].document if server.asked[0].body else None) == document


@pytest.mark.parametrize("digest", [None, DIGEST])
def test_a_deployment_is_recorded_and_ended(connect: Open, digest: str | None) -> None:
    with loopback(lambda _: Say.json({**ANSWER, "id": 7})) as server:
        deployments = connect(server.url).deployments
        recorded = deployments.record(
            API, "web", "prod", cluster="eu-1", tags={"team": "pay"}, risks=["sensitive-data"]
        )
        deployments.end("acme", "web", "prod", digest=None if digest is None else Digest.parse(digest))

    assert recorded.digest == Digest.parse(DIGEST)
    assert [unquote_plus(each) for each in server.lines] == [
        f"POST {PLACE}/deployments/1.0",
        "POST /api/v1/namespaces/acme/deployments/end",
    ]
    assert server.asked[0].document == {
        "environment": "prod",
        "service": "web",
        "cluster": "eu-1",
        "region": "",
        "tags": {"team": "pay"},
        "risks": ["sensitive-data"],
        "repository": "",
    }
    assert server.asked[1].document["digest"] == digest
