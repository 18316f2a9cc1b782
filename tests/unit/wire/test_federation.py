"""Where jobs trade identity tokens: RFC 8693, and the forms that the formats' own tools call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from entrepot.model.federation import IssuerName
from entrepot.operations.issuers import remove_issuer
from entrepot.testing.builders import ADMINISTRATOR, HOST, World
from entrepot.testing.identity import Signer, github_claims, trust

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
NPM = "/-/npm/v1/oidc/token/exchange/package"
CARGO = "/cargo/acme/api/v1/trusted_publishing/tokens"


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer("https://issuer.example.com")


@pytest.fixture
async def client(world: World, signer: Signer) -> AsyncIterator[httpx.AsyncClient]:
    await trust(world, signer)
    async with world.client() as client:
        yield client


def token(signer: Signer, world: World, **claims: Any) -> str:
    return signer.sign(signer.claims(world.clock.now(), HOST, **github_claims(**claims)))


def form(text: str, **changes: str | None) -> dict[str, str]:
    whole = {"grant_type": GRANT, "subject_token": text, "subject_token_type": ID_TOKEN, **changes}
    return {name: value for name, value in whole.items() if value is not None}


async def whoami(client: httpx.AsyncClient, secret: str) -> str:
    answer = await client.get("/api/v1/whoami", headers={"authorization": f"Bearer {secret}"})
    return str(answer.json()["principal"])


# --- RFC 8693 ---


@pytest.mark.parametrize("audience", [None, "acme", "acme/release"])
async def test_a_token_is_exchanged_by_the_standard(
    client: httpx.AsyncClient, world: World, signer: Signer, audience: str | None
) -> None:
    answer = await client.post("/oauth2/token", data=form(token(signer, world), audience=audience))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    secret = document.pop("access_token")
    assert document == {"issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 900}
    assert await whoami(client, secret) == "publisher:acme/release"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token": "x.y.z"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"scope": "everything"}, "invalid_request"),
        ({"audience": "No Such"}, "invalid_target"),
        ({"audience": "acme/No"}, "invalid_target"),
        ({"audience": "other"}, "invalid_request"),
        ({"audience": "acme/other"}, "invalid_request"),
    ],
)
async def test_an_exchange_is_refused_as_oauth_says(
    client: httpx.AsyncClient, world: World, signer: Signer, changes: dict[str, str | None], code: str
) -> None:
    answer = await client.post("/oauth2/token", data=form(token(signer, world), **changes))

    assert answer.status_code == 400
    assert answer.json()["error"] == code
    assert set('"\\').isdisjoint(answer.json()["error_description"])
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("body", [b"\xff", b"a=1&a=2", b"&".join(b"a%d=1" % n for n in range(30)), b""])
async def test_a_form_that_is_none_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/oauth2/token", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_request", "unsupported_grant_type")


async def test_a_form_that_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/oauth2/token", data=form("x" * 40_000))

    assert answer.status_code == 413


async def test_who_does_not_match_learns_nothing_of_who_would(
    client: httpx.AsyncClient, world: World, signer: Signer
) -> None:
    refused = [
        await client.post("/oauth2/token", data=form(token(signer, world, **claims), audience=audience))
        for claims, audience in (
            ({"repository": "evil/app"}, None),
            ({"workflow": "evil.yml"}, "acme"),
            ({}, "acme/other"),
            ({}, "nowhere"),
        )
    ]

    said = {(answer.status_code, answer.json()["error"], answer.json()["error_description"]) for answer in refused}
    assert said == {(400, "invalid_request", "No trusted publisher matches the identity token.")}


async def test_refusals_are_throttled_by_address_like_logins(
    client: httpx.AsyncClient, world: World, signer: Signer
) -> None:
    for _ in range(30):
        assert (await client.post("/oauth2/token", data=form("x"))).status_code == 400

    throttled = await client.post("/oauth2/token", data=form("x"))
    good = await client.post("/oauth2/token", data=form(token(signer, world)))

    assert throttled.status_code == 429
    assert "retry-after" in throttled.headers
    assert good.status_code == 200


async def test_no_log_has_a_token(client: httpx.AsyncClient, world: World, signer: Signer) -> None:
    texts = [token(signer, world), token(signer, world, repository="evil/app")]

    with capture_logs() as logs:
        answers = [await client.post("/oauth2/token", data=form(text)) for text in texts]

    assert [answer.status_code for answer in answers] == [200, 400]
    for text in (*texts, answers[0].json()["access_token"]):
        assert text not in repr(logs)
        assert text not in answers[1].text


# --- what twine and uv call ---


async def test_python_tools_find_the_audience_and_mint_a_token(
    client: httpx.AsyncClient, world: World, signer: Signer
) -> None:
    audience = await client.get("/_/oidc/audience")
    answer = await client.post("/_/oidc/mint-token", json={"token": token(signer, world)})

    assert audience.json() == {"audience": HOST}
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert answer.json()["expires"] == int(world.clock.now().timestamp()) + 900
    assert await whoami(client, answer.json()["token"]) == "publisher:acme/release"


async def test_python_tools_are_told_the_reasons(client: httpx.AsyncClient, world: World, signer: Signer) -> None:
    bad = await client.post("/_/oidc/mint-token", json={"token": "x"})
    other = await client.post("/_/oidc/mint-token", json={"token": token(signer, world, repository="evil/app")})
    shapeless = await client.post("/_/oidc/mint-token", content=b"[]")

    assert (bad.status_code, bad.json()["errors"][0]["code"]) == (401, "malformed-token")
    assert (other.status_code, other.json()["errors"][0]["code"]) == (403, "no-trusted-publisher")
    assert (shapeless.status_code, shapeless.json()["errors"][0]["code"]) == (400, "invalid")


async def test_there_is_no_audience_without_an_issuer(client: httpx.AsyncClient, world: World) -> None:
    await remove_issuer(world.registry, ADMINISTRATOR, IssuerName("ci"))

    assert (await client.get("/_/oidc/audience")).status_code == 404


# --- what npm calls ---


@pytest.mark.parametrize("path", [f"{NPM}/@acme%2fapp", f"{NPM}/@acme/app", f"/npm/acme{NPM}/@acme%2fapp"])
async def test_npm_gets_a_token_for_one_package(
    client: httpx.AsyncClient, world: World, signer: Signer, path: str
) -> None:
    answer = await client.post(path, headers={"authorization": f"Bearer {token(signer, world)}"})

    assert answer.status_code == 201
    (row,) = await world.catalog.list_tokens()
    assert [str(each.pattern) for each in row.scope or ()] == ["@acme/app"]
    assert await whoami(client, answer.json()["token"]) == "publisher:acme/release"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer x"}])
async def test_npm_is_refused_without_an_identity_token(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.post(f"{NPM}/app", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]


async def test_a_channels_view_gives_no_tokens(client: httpx.AsyncClient, world: World, signer: Signer) -> None:
    headers = {"authorization": f"Bearer {token(signer, world)}"}

    assert (await client.post(f"/npm/acme.prod{NPM}/app", headers=headers)).status_code == 403
    cargo = await client.put(CARGO.replace("acme", "acme.prod", 1), json={"jwt": token(signer, world)})
    assert cargo.status_code == 403


# --- what the Rust project's action calls ---


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_the_rust_action_gets_a_token_and_gives_it_back(
    client: httpx.AsyncClient, world: World, signer: Signer, method: str
) -> None:
    answer = await client.request(method, CARGO, json={"jwt": token(signer, world)})
    secret = answer.json()["token"]
    headers = {"authorization": f"Bearer {secret}"}

    assert answer.status_code == 200
    assert await whoami(client, secret) == "publisher:acme/release"
    assert (await client.delete(CARGO, headers=headers)).status_code == 204
    assert (await client.get("/api/v1/whoami", headers=headers)).status_code == 401


async def test_only_a_publishers_token_is_given_back(client: httpx.AsyncClient, world: World) -> None:
    secret = await world.token("publisher")
    headers = {"authorization": f"Bearer {secret}"}

    assert (await client.delete(CARGO, headers=headers)).status_code == 403
    assert (await client.delete(CARGO)).status_code == 401
    assert (await client.get("/api/v1/whoami", headers=headers)).status_code == 200


async def test_the_rust_action_is_told_why_not(client: httpx.AsyncClient, world: World, signer: Signer) -> None:
    answer = await client.put(CARGO, json={"jwt": token(signer, world, repository="evil/app")})

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["detail"] == "No trusted publisher matches the identity token."
