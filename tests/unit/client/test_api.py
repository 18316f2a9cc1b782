"""Each method of the SDK sends what the management API takes; that the server agrees is for tests/cli to show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote_plus

import pytest

from entrepot.client import Client, Misuse, NotFound, Refused
from entrepot.client.administration import UpstreamCredentials
from entrepot.client.answers import Grant
from tests.unit.client.conftest import Open
from tests.unit.client.loopback import Asked, Say, loopback

DIGEST = f"sha256:{'a' * 64}"
PACKAGE = "/api/v1/packages/acme/oci/team/api"
UPSTREAMS = "/api/v1/namespaces/acme/upstreams"


@pytest.mark.parametrize(
    ("call", "line", "document"),
    [
        (
            lambda c: c.namespaces.create("acme", public=True),
            "POST /api/v1/namespaces",
            {"name": "acme", "public": True},
        ),
        (lambda c: c.namespaces.change("acme", movable=("a",)), "PATCH /api/v1/namespaces/acme", {"movable": ["a"]}),
        (lambda c: c.namespaces.change("acme", public=False), "PATCH /api/v1/namespaces/acme", {"public": False}),
        (
            lambda c: c.namespaces.change("acme", reserved=["pkg:npm/@acme/*"]),
            "PATCH /api/v1/namespaces/acme",
            {"reserved": ["pkg:npm/@acme/*"]},
        ),
        (
            lambda c: c.upstreams.add("acme", "public", "https://r.example.com", format="npm"),
            f"POST {UPSTREAMS}",
            {
                "format": "npm",
                "name": "public",
                "url": "https://r.example.com",
                "private": False,
                "allow": [],
                "block": [],
                "exempt": [],
            },
        ),
        (
            lambda c: c.upstreams.change(
                "acme",
                "npm",
                "public",
                block=["pkg:npm/evil"],
                cooldown=timedelta(days=7),
                refresh=timedelta(0),
                credentials=UpstreamCredentials(user="ci", password="x"),
            ),
            f"PATCH {UPSTREAMS}/npm/public",
            {
                "block": ["pkg:npm/evil"],
                "cooldown_seconds": 604_800,
                "refresh_seconds": 0,
                "credentials": {"user": "ci", "password": "x"},
            },
        ),
        (
            lambda c: c.upstreams.change("acme", "npm", "public", credentials=UpstreamCredentials(token="x")),
            f"PATCH {UPSTREAMS}/npm/public",
            {"credentials": {"token": "x"}},
        ),
        (
            lambda c: c.upstreams.change("acme", "npm", "public", forget_credentials=True),
            f"PATCH {UPSTREAMS}/npm/public",
            {"credentials": None},
        ),
        (lambda c: list(c.upstreams.iter("acme", format="npm")), f"GET {UPSTREAMS}?format=npm", None),
        (lambda c: c.upstreams.read("acme", "npm", "public"), f"GET {UPSTREAMS}/npm/public", None),
        (lambda c: c.upstreams.remove("acme", "npm", "public"), f"DELETE {UPSTREAMS}/npm/public", None),
        (lambda c: c.upstreams.test("acme", "npm", "public"), f"POST {UPSTREAMS}/npm/public/test", None),
        (lambda c: c.principals.create("bob"), "POST /api/v1/principals", {"name": "bob", "kind": "user"}),
        (lambda c: c.principals.disable("bob@x"), "POST /api/v1/principals/bob@x/disable", None),
        (
            lambda c: c.grants.add(Grant("bob", "reader", "acme.prod", "team-*")),
            "POST /api/v1/grants",
            {"principal": "bob", "role": "reader", "view": "acme.prod", "pattern": "team-*"},
        ),
        (
            lambda c: c.tokens.create("ci", "publisher", view="acme", pattern="x*", ttl=timedelta(hours=1)),
            "POST /api/v1/tokens",
            {"name": "ci", "role": "publisher", "view": "acme", "pattern": "x*", "ttl_seconds": 3600},
        ),
        (
            lambda c: c.tokens.create("ci", "publisher", actions=["publish"]),
            "POST /api/v1/tokens",
            {"name": "ci", "role": "publisher", "view": None, "pattern": "*", "actions": ["publish"]},
        ),
        (lambda c: c.packages.seal("acme/oci/team/api:1.0"), f"POST {PACKAGE}/-/versions/1.0/seal", None),
        (
            lambda c: c.packages.yank("acme/oci/team/api:1.0", "bad"),
            f"POST {PACKAGE}/-/versions/1.0/yank",
            {"reason": "bad"},
        ),
        (lambda c: c.packages.unyank("acme/oci/team/api:1.0"), f"POST {PACKAGE}/-/versions/1.0/unyank", None),
        (
            lambda c: c.packages.deprecate("acme/oci/team/api:1.0"),
            f"POST {PACKAGE}/-/versions/1.0/deprecate",
            {"reason": ""},
        ),
        (lambda c: c.packages.undeprecate("acme/oci/team/api:1.0"), f"POST {PACKAGE}/-/versions/1.0/undeprecate", None),
        (lambda c: c.packages.untag("acme/oci/team/api:latest"), f"DELETE {PACKAGE}/-/references/latest", None),
        (lambda c: c.packages.delete(f"acme/oci/team/api@{DIGEST}"), f"DELETE {PACKAGE}/-/artifacts/{DIGEST}", None),
        (
            lambda c: c.packages.tag(f"acme/oci/team/api@{DIGEST}", "latest"),
            f"PUT {PACKAGE}/-/references/latest",
            {"digest": DIGEST},
        ),
        (
            lambda c: c.packages.open_clearance(f"acme/oci/team/api@{DIGEST}", "prod", "tested"),
            f"PUT {PACKAGE}/-/clearances/prod/{DIGEST}",
            {"reason": "tested"},
        ),
        (
            lambda c: c.packages.close_clearance(f"acme/oci/team/api@{DIGEST}", "prod", "broken & bad"),
            f"DELETE {PACKAGE}/-/clearances/prod/{DIGEST}?reason=broken & bad",
            None,
        ),
        (
            lambda c: list(c.packages.clearances("acme/oci/team/api", history=True)),
            f"GET {PACKAGE}/-/clearances?history=1",
            None,
        ),
        (
            lambda c: list(c.packages.references("acme/oci/team/api", kind="tag")),
            f"GET {PACKAGE}/-/references?kind=tag",
            None,
        ),
        (lambda c: list(c.packages.history("acme/oci/team/api:1.0")), f"GET {PACKAGE}/-/references/1.0/history", None),
        (lambda c: list(c.packages.artifacts("acme/oci/team/api")), f"GET {PACKAGE}/-/artifacts", None),
        (lambda c: list(c.packages.iter("acme", format="oci")), "GET /api/v1/packages?view=acme&format=oci", None),
        (lambda c: c.search("commit:abc", limit=5), "GET /api/v1/search?q=commit:abc&limit=5", None),
        (lambda c: list(c.journal(namespace="acme", after=5)), "GET /api/v1/journal?after=5&namespace=acme", None),
        (lambda c: c.delete_files("acme/tool:1.0"), "DELETE /files/acme/tool/1.0/", None),
        (
            lambda c: c.grants.remove(Grant("bob", "reader")),
            "DELETE /api/v1/grants?principal=bob&role=reader&pattern=*",
            None,
        ),
    ],
)
def test_sends_what_the_api_takes(connect: Open, call: Callable[[Client], object], line: str, document: object) -> None:
    token = {"token": "ent_x", "id": "1", "principal": "ci", "expires_at": None}
    other = {"name": "acme", "public": True, "kind": "user", "items": [], "next": None}
    upstream = {"namespace": "acme", "format": "npm", "url": "https://r.example.com"}
    with loopback(lambda _: Say.json(token | other | upstream)) as server:
        call(connect(server.url))

    assert [unquote_plus(each) for each in server.lines] == [line]
    assert (server.asked[0].document if server.asked[0].body else None) == document


def test_what_an_upstream_is_asked_with_is_not_printed() -> None:
    assert "hunter2" not in repr(UpstreamCredentials(user="ci", password="hunter2"))
    assert "hunter2" not in repr(UpstreamCredentials(token="hunter2"))


@pytest.mark.parametrize(
    ("status", "code", "command"),
    [
        (404, "upstream-unknown", "entrepot upstream list"),
        (502, "upstream-unavailable", "entrepot upstream test"),
        (502, "upstream-invalid", "entrepot upstream test"),
    ],
)
def test_what_fails_at_an_upstream_says_what_to_do(connect: Open, status: int, code: str, command: str) -> None:
    with loopback(lambda _: Say.problem(status, code, "no")) as server, pytest.raises(Refused) as refused:
        connect(server.url).upstreams.read("acme", "npm", "public")

    assert command in (refused.value.hint or "")


def test_a_grant_that_was_there_is_not_new(connect: Open) -> None:
    answers = iter([Say(201), Say(200)])
    with loopback(lambda _: next(answers)) as server:
        grants = connect(server.url).grants

        assert grants.add(Grant("bob", "reader")) is True
        assert grants.add(Grant("bob", "reader")) is False


def _formats(present: set[str]) -> Callable[[Asked], Say]:
    """A registry that has acme/pkg in the formats *present*; the name is not one that cargo has."""

    def script(asked: Asked) -> Say:
        if asked.path == "/api/v1/status":
            return Say.json({"version": "1", "formats": ["cargo", "generic", "oci"], "storage": None})
        format_ = asked.path.split("/")[5]
        if format_ in present:
            return Say.json({"namespace": "acme", "format": format_, "name": "pkg", "revision": 1})
        if format_ == "cargo":
            return Say.problem(400, "invalid-name", "no")
        return Say.problem(404, "package-unknown", "There is no such package")

    return script


def test_the_format_is_found_where_the_name_is_taken_once(connect: Open) -> None:
    with loopback(_formats({"oci"})) as server:
        assert str(connect(server.url).packages.locate("acme/pkg:1.0")) == "acme/oci/pkg:1.0"


def test_a_name_that_is_taken_twice_has_to_be_said_with_its_format(connect: Open) -> None:
    with loopback(_formats({"oci", "generic"})) as server, pytest.raises(Misuse) as refused:
        connect(server.url).packages.locate("acme/pkg:1.0")

    assert refused.value.hint == "Write acme/generic/pkg:1.0 or acme/oci/pkg:1.0."


def test_a_name_that_is_taken_nowhere_is_not_found(connect: Open) -> None:
    with loopback(_formats(set())) as server, pytest.raises(NotFound, match="no such package"):
        connect(server.url).packages.read("acme/pkg")


def test_a_format_that_was_said_is_not_asked_for(connect: Open) -> None:
    with loopback(_formats({"oci"})) as server:
        connect(server.url).packages.locate("acme/oci/pkg:1.0")

    assert server.asked == []
