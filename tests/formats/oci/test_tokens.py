"""Docker, "Token Authentication Specification" and "OAuth2 Token Authentication": where clients get access tokens."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from entrepot.model.names import parse_namespace
from entrepot.operations.govern import set_namespace
from entrepot.testing.builders import ADMINISTRATOR
from tests.formats.oci.conversation import (
    Answer,
    Client,
    Registry,
    blob_created,
    manifest_answer,
    manifest_created,
)
from tests.formats.oci.documents import digest_of, image

FORM = {"content-type": "application/x-www-form-urlencoded"}
PULL, PUSH = "repository:acme/api:pull", "repository:acme/api:pull,push"
DELETE = "repository:acme/api:delete"


def issued(answer: Answer, scope: str = "") -> str:
    """The access token of an answer that is whole and as the specifications have it."""
    content: dict[str, Any] = answer.json
    token = content["token"]
    assert content == {
        "token": token,
        "access_token": token,
        "expires_in": 300,
        "issued_at": "2026-01-31T12:00:00Z",
        "scope": scope,
    }
    assert answer == Answer(
        200,
        {
            "content-type": "application/json",
            "cache-control": "no-store",
            "content-length": str(len(answer.body)),
        },
        answer.body,
    )
    return str(token)


def basic(registry: Registry, who: str, user: str = "anybody") -> Client:
    """Somebody whose password is their token, whatever they call themselves."""
    return registry.client(None, auth=(user, registry.tokens[who]))


async def post(client: Client, **fields: str | list[str]) -> Answer:
    return await client.ask("POST", "/token", urlencode(fields, doseq=True).encode(), FORM)


# --- GET ---


async def test_a_token_is_had_with_a_password(registry: Registry) -> None:
    """GET with Basic credentials; the token then does what it was asked for."""
    pushed = await registry.client().push(image(b"layer"), "latest")

    token = issued(await basic(registry, "reader").get(f"/token?service=entrepot&scope={PULL}"), PULL)

    assert await registry.bearer(token).get("/v2/acme/api/manifests/latest") == manifest_answer(pushed)


@pytest.mark.parametrize("user", ["me", "__token__", "", "a:b"])
async def test_the_user_name_says_nothing(registry: Registry, user: str) -> None:
    """The password is the credential; RFC 7617: a user name has no colon, so what is behind one is password."""
    answer = await basic(registry, "reader", user).get("/token?service=entrepot")

    if ":" in user:
        assert answer.refusal == (401, "UNAUTHORIZED")
    else:
        issued(answer)


async def test_a_token_may_be_the_user_name(registry: Registry) -> None:
    """Some clients have but one field for a secret."""
    client = registry.client(None, auth=(registry.tokens["reader"], ""))

    issued(await client.get("/token"))


async def test_login_asks_for_no_scope(registry: Registry) -> None:
    """What ``docker login`` does: the challenge of GET /v2/, a token without a scope, GET /v2/ with it."""
    challenge = (await registry.client(None).get("/v2/")).headers["www-authenticate"]
    assert challenge == 'Bearer realm="http://registry.example.com/token",service="entrepot"'

    token = issued(
        await basic(registry, "reader").get("/token?account=me&client_id=docker&offline_token=true&service=entrepot")
    )

    assert (await registry.bearer(token).get("/v2/")).status == 200


@pytest.mark.parametrize("authorization", ["Basic bWU6d3Jvbmc=", "Basic !", "Basic", "Bearer x.y.z", "Negotiate abc"])
async def test_bad_credentials_get_no_token(registry: Registry, authorization: str) -> None:
    """401, also where a token could be had without any."""
    answer = await registry.client(None).get(f"/token?scope={PULL}", {"authorization": authorization})

    assert answer.refusal == (401, "UNAUTHORIZED")


async def test_who_tries_too_many_passwords_is_told_to_wait(registry: Registry) -> None:
    """429 TOOMANYREQUESTS with Retry-After (OCI distribution, "Error Codes"); then the next minute."""
    client = registry.client(None)
    answers = [await client.ask("GET", "/token", headers={"authorization": "Basic bWU6d3Jvbmc="}) for _ in range(31)]

    assert {answer.status for answer in answers[:30]} == {401}
    assert answers[30].refusal == (429, "TOOMANYREQUESTS")
    assert answers[30].headers["retry-after"] == "60"
    assert (await basic(registry, "reader").get("/token")).status == 200, "good credentials are not to be guessed"
    registry.world.clock.advance(seconds=60)
    assert (await client.ask("GET", "/token", headers={"authorization": "Basic bWU6d3Jvbmc="})).status == 401


async def test_a_token_of_nobody_in_particular_is_good_for_the_base_also_where_nothing_is_public(
    registry: Registry,
) -> None:
    """regctl takes a 401 to the token that it was just given for the absence of a registry."""
    for name in ("open", "library"):
        await set_namespace(registry.world.registry, ADMINISTRATOR, parse_namespace(name), public=False)
    client = registry.bearer(issued(await registry.client(None).get("/token")))

    assert (await client.get("/v2/")).status == 200
    assert (await registry.client(None).get("/v2/")).status == 401


async def test_a_token_is_had_without_a_password(registry: Registry) -> None:
    """An anonymous token shows what is public, and nothing else; pushing with it needs credentials."""
    administrator = registry.client("administrator")
    pushed = await administrator.push(image(b"layer"), "latest", name="open/api")
    await administrator.push(image(b"layer"), "latest")
    scope = "repository:open/api:pull,push repository:acme/api:pull"

    client = registry.bearer(issued(await registry.client(None).get(f"/token?{urlencode({'scope': scope})}"), scope))

    assert await client.get("/v2/open/api/manifests/latest") == manifest_answer(pushed)
    assert (await client.get("/v2/acme/api/manifests/latest")).refusal == (401, "UNAUTHORIZED")
    assert (await client.post("/v2/open/api/blobs/uploads/")).refusal == (401, "UNAUTHORIZED")


# --- what it is for ---


@pytest.mark.parametrize(
    "query",
    [
        {"scope": [f"{PUSH} repository:acme/other:pull"]},
        {"scope": [PUSH, "repository:acme/other:pull"]},
        {"scope": ["repository:acme/other:pull repository:acme/third:pull", PUSH]},
        {"scope": ["repository:acme/api:pull", "repository:acme/api:push", "repository:acme/other:pull"]},
    ],
    ids=str,
)
async def test_several_scopes_are_asked_for(registry: Registry, query: dict[str, list[str]]) -> None:
    """In one parameter, with blanks between, or in several; the token is for all of them."""
    await registry.client().push(image(b"other"), "latest", name="acme/other")
    answer = await basic(registry, "publisher").get(f"/token?{urlencode(query, doseq=True)}")

    client = registry.bearer(issued(answer, " ".join(query["scope"])))

    assert await client.post(f"/v2/acme/api/blobs/uploads/?digest={digest_of(b'')}") == blob_created(digest_of(b""))
    assert await client.tags("acme/other") == ["latest"]
    assert (await client.post("/v2/acme/other/blobs/uploads/")).refusal == (401, "UNAUTHORIZED")


async def test_a_token_is_for_what_it_was_asked_for_alone(registry: Registry) -> None:
    """Its holder may do more: 401, with the scope to ask for; and delete, which is an action of its own."""
    pushed = await registry.client().push(image(b"layer"), "latest")
    url = "/v2/acme/api/manifests/latest"
    client = registry.bearer(await registry.access_token("maintainer", PULL))

    for method, action in (("PUT", "pull,push"), ("DELETE", "delete")):
        answer = await client.ask(method, url)
        assert answer.refusal == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"].endswith(f'scope="repository:acme/api:{action}"')
    pushing = registry.bearer(await registry.access_token("maintainer", PUSH))
    assert await pushing.put_manifest(pushed, "stable") == manifest_created(pushed, "stable")
    assert (await pushing.delete(url)).refusal == (401, "UNAUTHORIZED")
    assert (await registry.bearer(await registry.access_token("maintainer", DELETE)).delete(url)).status == 202


async def test_every_action_may_be_asked_for_at_once(registry: Registry) -> None:
    """``*`` is all of them, and an action that nobody knows is none."""
    await registry.client().push(image(b"layer"), "latest")
    everything = registry.bearer(await registry.access_token("maintainer", "repository:acme/api:*"))
    nothing = registry.bearer(await registry.access_token("maintainer", "repository:acme/api:admin,,PULL"))

    assert (await nothing.get("/v2/acme/api/manifests/latest")).refusal == (401, "UNAUTHORIZED")
    assert await everything.tags() == ["latest"]
    assert (await everything.delete("/v2/acme/api/manifests/latest")).status == 202


async def test_a_token_gives_no_more_than_its_holder_has(registry: Registry) -> None:
    """A smaller grant is not an error: the token is given, and 403 is said where 401 would go round in circles."""
    await registry.client().push(image(b"layer"), "latest")
    token = await registry.access_token("reader", "repository:acme/api:pull,push,delete", "repository:other/x:pull")
    client = registry.bearer(token)

    assert await client.tags() == ["latest"]
    assert (await client.post("/v2/acme/api/blobs/uploads/")).refusal == (403, "DENIED")
    assert (await client.delete("/v2/acme/api/manifests/latest")).refusal == (403, "DENIED")
    assert (await client.get("/v2/other/x/tags/list")).refusal == (404, "NAME_UNKNOWN")


async def test_a_token_for_another_package_is_no_reason_to_hide_one(registry: Registry) -> None:
    """403 for what its holder can never do to a package that they may read; 404 only where they may know nothing."""
    client = registry.bearer(await registry.access_token("reader", PUSH))

    assert (await client.post("/v2/acme/other/blobs/uploads/")).refusal == (403, "DENIED")
    assert (await client.post("/v2/other/x/blobs/uploads/")).refusal == (404, "NAME_UNKNOWN")
    assert (await client.post("/v2/nobody/x/blobs/uploads/")).refusal == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize(
    "scope",
    [
        "repository:nobody/api:pull",
        "repository:acme/nothing:pull,push",
        "repository:registry.example.com:5000/acme/api:pull",
        "repository:Acme/API:pull",
        "repository(plugin):acme/api:pull",
        "repository:acme/api",
        "repository::",
        "repository",
        ":::",
        "registry:catalog:pull",
        "nothing",
        "%20",
        "é:ü:ß",
    ],
)
async def test_asking_for_what_does_not_exist_is_asking_for_nothing(registry: Registry, scope: str) -> None:
    """The grammar lets a name have a colon (a host's port): it is split from the right. No scope is an error."""
    await registry.client().push(image(b"layer"), "latest")

    client = registry.bearer(await registry.access_token("reader", scope, PULL))

    assert await client.tags() == ["latest"]
    assert (await client.get("/v2/")).status == 200


async def test_a_token_for_a_name_of_one_component(registry: Registry) -> None:
    """It is for the package of ``library`` that the name stands for."""
    await registry.client("administrator").push(image(b"layer"), "latest", name="alpine")
    token = await registry.access_token("administrator", "repository:alpine:pull")

    for name in ("alpine", "library/alpine"):
        assert await registry.bearer(token).tags(name) == ["latest"]


async def test_a_token_for_a_view_is_for_that_view(registry: Registry) -> None:
    """One for ``acme.prod`` reads what is cleared; one for ``acme`` reads both."""
    pushed = await registry.client().push(image(b"layer"), "latest")
    await registry.clear("acme/api", pushed.digest)
    narrow = registry.bearer(await registry.access_token("reader", "repository:acme.prod/api:pull"))
    wide = registry.bearer(await registry.access_token("reader", PULL))

    assert await narrow.tags("acme.prod/api") == ["latest"]
    assert (await narrow.get("/v2/acme/api/tags/list")).refusal == (401, "UNAUTHORIZED")
    for name in ("acme/api", "acme.prod/api"):
        assert await wide.tags(name) == ["latest"]


async def test_a_very_long_list_of_scopes_is_cut(registry: Registry) -> None:
    """A hundred are looked at; a token is given for those."""
    scopes = [f"repository:acme/p{number}:pull" for number in range(150)]

    answer = await basic(registry, "reader").get(f"/token?{urlencode({'scope': ' '.join(scopes)})}")

    issued(answer, " ".join(scopes[:100]))


# --- POST ---


@pytest.mark.parametrize("scope", [PULL, [PULL], f"{PUSH} {PULL}"])
async def test_a_token_is_had_with_a_form(registry: Registry, scope: str | list[str]) -> None:
    """grant_type=password, as containerd asks first; credentials are in the form, and nowhere else."""
    pushed = await registry.client().push(image(b"layer"), "latest")

    answer = await post(
        registry.client(None),
        grant_type="password",
        service="entrepot",
        client_id="containerd-client",
        access_type="offline",
        username="me",
        password=registry.tokens["reader"],
        scope=scope,
    )

    token = issued(answer, scope if isinstance(scope, str) else " ".join(scope))
    assert await registry.bearer(token).get("/v2/acme/api/manifests/latest") == manifest_answer(pushed)


async def test_a_token_is_had_for_a_refresh_token(registry: Registry) -> None:
    """grant_type=refresh_token: what a client keeps as its identity token is a token of the registry."""
    answer = await post(
        registry.client(None), grant_type="refresh_token", refresh_token=registry.tokens["reader"], scope=PULL
    )

    issued(answer, PULL)


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "me", "password": "wrong"},
        {"grant_type": "password", "username": "me"},
        {"grant_type": "password"},
        {"grant_type": "refresh_token", "refresh_token": "ent_usr_wrong"},
        {"grant_type": "refresh_token"},
    ],
)
async def test_a_form_with_bad_credentials_gets_no_token(registry: Registry, form: dict[str, str]) -> None:
    """401; containerd then asks by GET."""
    answer = await post(registry.client(None), scope=PULL, **form)

    assert answer.refusal == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("body", [b"", b"grant_type=client_credentials", b"\xff\xfe", b"x=1&" * 200, b"{}"])
async def test_what_is_no_such_form_is_refused(registry: Registry, body: bytes) -> None:
    """400; containerd then asks by GET."""
    answer = await registry.client(None).ask("POST", "/token", body, FORM)

    assert answer.refusal == (400, "UNSUPPORTED")


async def test_a_form_that_is_too_large_is_refused(registry: Registry) -> None:
    """413 before it is read."""
    answer = await registry.client(None).ask("POST", "/token", b"x=" + b"1" * 65_536, FORM)

    assert answer.refusal == (413, "SIZE_INVALID")


async def test_other_methods_get_no_token(registry: Registry) -> None:
    """405."""
    assert (await registry.client("reader").put("/token", b"")).refusal == (405, "UNSUPPORTED")


# --- how long it is good ---


async def test_a_token_expires(registry: Registry) -> None:
    """401 after expires_in seconds, and the challenge to ask for another."""
    client = registry.bearer(await registry.access_token("reader", PULL))
    registry.world.clock.advance(seconds=299)
    assert (await client.get("/v2/")).status == 200

    registry.world.clock.advance(seconds=1)

    answer = await client.get("/v2/acme/api/tags/list")
    assert answer.refusal == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].endswith(f'scope="{PULL}"')


async def test_a_token_ends_with_the_one_that_it_was_had_with(registry: Registry) -> None:
    """What the token behind it allows is asked again on every request, so revoking it takes effect at once."""
    client = registry.bearer(await registry.access_token("reader", PULL))
    assert (await client.get("/v2/")).status == 200

    await registry.revoke("reader")

    assert (await client.get("/v2/")).refusal == (401, "UNAUTHORIZED")


async def test_an_access_token_gets_no_other(registry: Registry) -> None:
    """A token for one package is not traded for one that can do more, nor for one that lasts longer."""
    token = await registry.access_token("maintainer", PULL)

    by_get = await registry.bearer(token).get(f"/token?scope={PUSH}")
    by_form = await post(registry.client(None), grant_type="refresh_token", refresh_token=token, scope=PUSH)

    assert by_get.refusal == (401, "UNAUTHORIZED")
    assert by_form.refusal == (401, "UNAUTHORIZED")


async def test_a_token_of_somebody_elses_making_is_none(registry: Registry) -> None:
    """401 for one whose signature is not ours, or that was changed."""
    head, claims, signature = (await registry.access_token("reader", PULL)).split(".")
    for forged in (f"{head}.{claims}.{signature[:-4]}AAAA", f"{head}.{claims}.", f"{head}.e30.{signature}", "a.b.c"):
        assert (await registry.bearer(forged).get("/v2/")).refusal == (401, "UNAUTHORIZED")


async def test_a_token_says_what_it_is_for(registry: Registry) -> None:
    """Docker, "Token Authentication Implementation": the claims of the JWT, with the access that was asked for."""
    answer = await basic(registry, "reader").get(f"/token?service=entrepot&{urlencode({'scope': f'{PUSH} x:y:z'})}")
    payload = answer.json["token"].split(".")[1]

    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    assert claims["iss"] == "entrepot"
    assert claims["aud"] == "entrepot"
    assert claims["sub"] == "reader"
    assert claims["exp"] - claims["iat"] == 300
    assert claims["nbf"] <= claims["iat"]
    assert claims["jti"]
    assert claims["access"] == [{"type": "repository", "name": "acme/api", "actions": ["pull", "push"]}]


# --- without a token: RFC 7617 and RFC 6750 ---


async def test_a_password_does_without_an_access_token(registry: Registry) -> None:
    """Basic and Bearer with the registry's own token are good for every request."""
    pushed = await registry.client().push(image(b"layer"), "latest")

    for client in (basic(registry, "reader"), registry.client("reader")):
        assert await client.get("/v2/acme/api/manifests/latest") == manifest_answer(pushed)
