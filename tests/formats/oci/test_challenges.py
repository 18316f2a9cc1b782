"""Docker, "Token Authentication Specification": what a 401 tells a client to ask for, on every route.

Clients read the first challenge only, look for the words Basic and Bearer anywhere in it, and repeat its scope as it is;
so there is one, it is Bearer, and its scope is what the request needs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.testing.builders import open_world
from entrepot.wire.asgi import Options
from tests.formats.oci.conversation import Client, Registry
from tests.formats.oci.documents import digest_of

DIGEST = digest_of(b"content")
PULL, PUSH, DELETE = "pull", "pull,push", "delete"


def challenge(scope: str | None) -> str:
    asked = "" if scope is None else f',scope="{scope}"'
    return f'Bearer realm="http://registry.example.com/token",service="entrepot"{asked}'


ROUTES = [
    ("GET", "/v2/", None),
    ("HEAD", "/v2/", None),
    ("GET", "/v2", None),
    ("GET", f"/v2/acme/api/blobs/{DIGEST}", PULL),
    ("HEAD", f"/v2/acme/api/blobs/{DIGEST}", PULL),
    ("DELETE", f"/v2/acme/api/blobs/{DIGEST}", DELETE),
    ("GET", "/v2/acme/api/manifests/latest", PULL),
    ("HEAD", "/v2/acme/api/manifests/latest", PULL),
    ("GET", f"/v2/acme/api/manifests/{DIGEST}", PULL),
    ("PUT", "/v2/acme/api/manifests/latest", PUSH),
    ("PUT", f"/v2/acme/api/manifests/{DIGEST}?tag=a&tag=b", PUSH),
    ("DELETE", "/v2/acme/api/manifests/latest", DELETE),
    ("POST", "/v2/acme/api/blobs/uploads/", PUSH),
    ("POST", "/v2/acme/api/blobs/uploads", PUSH),
    ("POST", f"/v2/acme/api/blobs/uploads/?digest={DIGEST}", PUSH),
    ("POST", f"/v2/acme/api/blobs/uploads/?mount={DIGEST}", PUSH),
    ("GET", "/v2/acme/api/blobs/uploads/x", PUSH),
    ("HEAD", "/v2/acme/api/blobs/uploads/x", PUSH),
    ("PATCH", "/v2/acme/api/blobs/uploads/x", PUSH),
    ("PUT", f"/v2/acme/api/blobs/uploads/x?digest={DIGEST}", PUSH),
    ("DELETE", "/v2/acme/api/blobs/uploads/x", PUSH),
    ("GET", "/v2/acme/api/tags/list", PULL),
    ("GET", "/v2/acme/api/tags/list?n=1&last=a", PULL),
    ("GET", f"/v2/acme/api/referrers/{DIGEST}", PULL),
    ("GET", f"/v2/acme/api/referrers/{DIGEST}?artifactType=a%2Bb", PULL),
]


@pytest.mark.parametrize(("method", "target", "actions"), ROUTES)
async def test_who_is_unknown_is_told_what_to_ask_for(
    registry: Registry, method: str, target: str, actions: str | None
) -> None:
    """401, one challenge, and the scope for this package and for what the request does to it.

    With a token of that scope it is no longer 401, so no client goes round in circles.
    """
    answer = await registry.client(None).ask(method, target)

    assert answer.status == 401
    assert method == "HEAD" or answer.refusal == (401, "UNAUTHORIZED")
    scope = None if actions is None else f"repository:acme/api:{actions}"
    assert answer.headers["www-authenticate"] == challenge(scope)
    token = await registry.access_token("maintainer", *([] if scope is None else [scope]))
    assert (await registry.bearer(token).ask(method, target)).status != 401


@pytest.mark.parametrize("name", ["nobody/api", "acme/nothing", "other/secret", "acme.prod/api", "alpine"])
async def test_what_does_not_exist_is_challenged_as_what_does(registry: Registry, name: str) -> None:
    """Nobody learns from a challenge what there is."""
    await registry.client("stranger").push_blob(b"content", "other/secret")

    for target in (f"manifests/{DIGEST}", f"blobs/{DIGEST}", "tags/list", f"referrers/{DIGEST}"):
        answer = await registry.client(None).get(f"/v2/{name}/{target}")
        assert answer.refusal == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == challenge(f"repository:{name}:pull")


@pytest.mark.parametrize(
    "name",
    ["acme/blobs", "acme/manifests/tags", "acme/tags", "acme/referrers/blobs", "acme/blobs/uploads", "manifests/blobs"],
)
async def test_names_may_have_the_words_of_paths_in_them(registry: Registry, name: str) -> None:
    """The name is all before the last of those words."""
    for method, target, actions in (
        ("GET", "manifests/latest", PULL),
        ("GET", f"blobs/{DIGEST}", PULL),
        ("GET", "tags/list", PULL),
        ("GET", f"referrers/{DIGEST}", PULL),
        ("POST", "blobs/uploads/", PUSH),
        ("POST", "blobs/uploads", PUSH),
        ("DELETE", "manifests/latest", DELETE),
        ("GET", "manifests/tags", PULL),
        ("PUT", "manifests/blobs", PUSH),
    ):
        answer = await registry.client(None).ask(method, f"/v2/{name}/{target}")
        assert answer.headers["www-authenticate"] == challenge(f"repository:{name}:{actions}")


@pytest.mark.parametrize("source", ["acme/source", "other/secret", "nobody/api", "alpine"])
async def test_a_mount_needs_the_right_to_read_its_source(registry: Registry, source: str) -> None:
    """Both scopes, in one attribute with a blank between."""
    answer = await registry.client(None).post(f"/v2/acme/api/blobs/uploads/?mount={DIGEST}&from={source}")

    assert answer.headers["www-authenticate"] == challenge(f"repository:acme/api:pull,push repository:{source}:pull")


@pytest.mark.parametrize("source", ['x" ,basic', "a%22b", "a b", "A/B", "%0d%0aX: y", "é", ""])
async def test_a_challenge_has_nothing_in_it_that_is_no_name(registry: Registry, source: str) -> None:
    """RFC 9110, 11.6.1: nothing that the client sends ends the quotes."""
    answer = await registry.client(None).post(f"/v2/acme/api/blobs/uploads/?mount={DIGEST}&from={source}")

    assert answer.headers["www-authenticate"] == challenge("repository:acme/api:pull,push")


@pytest.mark.parametrize("path", ["Acme/API", 'acme/"x"', "acme/a%20b", "acme/é"])
async def test_a_name_that_cannot_be_one_has_no_scope(registry: Registry, path: str) -> None:
    """400 NAME_INVALID, to everybody alike."""
    for who in (None, "reader"):
        answer = await registry.client(who).get(f"/v2/{path}/manifests/latest")

        assert answer.refusal == (400, "NAME_INVALID")


async def test_a_token_that_is_not_valid_any_more_is_challenged(registry: Registry) -> None:
    """The same challenge as without one, so that the client asks for another."""
    answer = await registry.bearer("x.y.z").get("/v2/acme/api/manifests/latest")

    assert answer.refusal == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == challenge("repository:acme/api:pull")


async def test_whoever_may_not_is_not_challenged(registry: Registry) -> None:
    """403 and 404 are for who is known: asking for another token would not help."""
    for who, refusal in (("reader", (403, "DENIED")), ("stranger", (404, "NAME_UNKNOWN"))):
        answer = await registry.client(who).post("/v2/acme/api/blobs/uploads/")

        assert answer.refusal == refusal
        assert "www-authenticate" not in answer.headers


async def test_the_realm_is_where_the_client_found_us(registry: Registry) -> None:
    """An absolute URL by the name that the client used, port and all."""
    client = registry.client(None)
    for host in ("localhost:8080", "127.0.0.1:5000", "[::1]:5000", "registry.example.com"):
        answer = await client.get("/v2/", {"host": host})

        assert answer.headers["www-authenticate"].startswith(f'Bearer realm="http://{host}/token",')
    strange = await client.get("/v2/", {"host": 'x" , Basic realm="y'})
    assert strange.headers["www-authenticate"] == ('Bearer realm="http://127.0.0.1:8080/token",service="entrepot"')


async def test_the_realm_is_what_the_settings_say(tmp_path: Path) -> None:
    """Behind a proxy, the registry's own URL is the one that was set."""
    options = Options(public_url="https://hub.example.com/r")
    async with open_world(tmp_path, options=options) as world:
        answer = await Client(world.client()).get("/v2/")

    assert answer.headers["www-authenticate"] == ('Bearer realm="https://hub.example.com/r/token",service="entrepot"')
