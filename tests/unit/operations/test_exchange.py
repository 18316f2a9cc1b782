"""Trading identity tokens: who is believed, once, and what stands in the journal."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from entrepot.model.access import ANONYMOUS, Action, Role
from entrepot.model.errors import (
    Denied,
    IdentityTokenInvalid,
    Invalid,
    InvalidName,
    IssuerUnknown,
    NameTaken,
    NoTrustedPublisher,
    PublisherUnknown,
    SeveralPublishers,
    Unauthenticated,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.events import PublisherAdded, TokenExchanged
from entrepot.model.federation import (
    Algorithm,
    ClaimRule,
    Issuer,
    Provider,
    Publisher,
    parse_holder,
    parse_issuer_name,
    parse_publisher_name,
)
from entrepot.model.names import PackageName, PackagePattern, View, parse_namespace, parse_principal
from entrepot.model.position import START
from entrepot.operations.check import check
from entrepot.operations.exchange import Wanted, exchange, preview
from entrepot.operations.issuers import add_issuer, find_audience, list_issuers, remove_issuer
from entrepot.operations.publishers import add_publisher, list_publishers, remove_publisher
from entrepot.operations.sweep import sweep
from entrepot.testing.builders import ADMINISTRATOR, HOST, NOON, World, caller
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from entrepot.testing.identity import Signer, github_claims
from entrepot.trust.oidc.tokens import Reason

ACME = parse_namespace("acme")
MAINTAINER, READER = caller("maintainer"), caller("reader")
URL = "https://issuer.example.com"
ANYTHING = Wanted()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(URL)


def issuer(signer: Signer, **changes: Any) -> Issuer:
    whole: dict[str, Any] = {
        "name": parse_issuer_name("ci"),
        "provider": Provider.GITHUB,
        "url": signer.url,
        "audiences": (HOST,),
        "algorithms": (signer.algorithm,),
        "keys": signer.jwks,
    }
    return Issuer(**{**whole, **changes})


def publisher(name: str = "release", *, rules: dict[str, str] | None = None, **changes: Any) -> Publisher:
    given = rules or {"repository": "acme/app", "workflow_file": "release.yml"}
    whole: dict[str, Any] = {
        "namespace": ACME,
        "name": parse_publisher_name(name),
        "issuer": parse_issuer_name("ci"),
        "rules": tuple(ClaimRule.parse(claim, pattern) for claim, pattern in given.items()),
        "packages": (PackagePattern("app"), PackagePattern("lib-*")),
    }
    return Publisher(**{**whole, **changes})


def token(signer: Signer, world: World, audience: str = HOST, **claims: Any) -> str:
    return signer.sign(signer.claims(world.clock.now(), audience, **github_claims(**claims)))


@pytest.fixture
async def trusting(world: World, signer: Signer) -> World:
    await add_issuer(world.registry, ADMINISTRATOR, issuer(signer))
    await add_publisher(world.registry, MAINTAINER, publisher())
    return world


async def test_a_job_gets_a_token_of_the_publishers_robot_for_a_quarter_of_an_hour(
    trusting: World, signer: Signer
) -> None:
    row, secret = await exchange(trusting.registry, token(signer, trusting), ANYTHING)

    caller = await trusting.app.gate.identify_secret(secret.text, "192.0.2.1")
    assert row.principal == caller.name == "publisher:acme/release"
    assert row.expires_at == NOON + timedelta(minutes=15)
    assert caller.rights.allows(Action.PUBLISH, View(ACME), PackageName("lib-a"))
    assert not caller.rights.allows(Action.PUBLISH, View(ACME), PackageName("other"))
    assert not caller.rights.allows(Action.DELETE, View(ACME), PackageName("app"))
    trusting.clock.advance(minutes=15)
    with pytest.raises(Unauthenticated):
        await trusting.app.gate.identify_secret(secret.text, "192.0.2.1")


async def test_the_journal_says_which_job_it_was_and_nothing_that_is_secret(trusting: World, signer: Signer) -> None:
    text = token(signer, trusting)

    row, secret = await exchange(trusting.registry, text, ANYTHING)

    *_, entry = await trusting.catalog.list_entries(after=START, limit=100)
    assert entry.actor == "publisher:acme/release"
    assert isinstance(entry.event, TokenExchanged)
    assert entry.event.issuer == URL
    assert entry.event.subject == "repo:acme/app:ref:refs/heads/main"
    assert entry.event.claims.startswith("sha256:")
    assert entry.event.token == row.id
    assert entry.event.pinned == ("repository_id=4711", "repository_owner_id=42")
    assert secret.text.encode() not in entry.content
    assert text.split(".")[2].encode() not in entry.content
    assert await check(trusting.registry) == []


async def test_a_token_is_traded_once(trusting: World, signer: Signer) -> None:
    text = token(signer, trusting)
    await exchange(trusting.registry, text, ANYTHING)

    with pytest.raises(IdentityTokenInvalid) as caught:
        await exchange(trusting.registry, text, ANYTHING)

    assert caught.value.reason == Reason.USED


async def test_of_many_who_trade_a_token_at_once_one_gets_it(trusting: World, signer: Signer) -> None:
    text = token(signer, trusting)

    found = await asyncio.gather(
        *(exchange(trusting.registry, text, ANYTHING) for _ in range(20)), return_exceptions=True
    )

    assert sum(isinstance(each, tuple) for each in found) == 1
    assert {each.reason for each in found if isinstance(each, IdentityTokenInvalid)} == {Reason.USED}


async def test_a_token_without_jti_is_traded_once_too(trusting: World, signer: Signer) -> None:
    claims = signer.claims(NOON, HOST, **github_claims())
    del claims["jti"]
    await exchange(trusting.registry, signer.sign(claims), ANYTHING)

    with pytest.raises(IdentityTokenInvalid) as caught:
        await exchange(trusting.registry, signer.sign(claims), ANYTHING)

    assert caught.value.reason == Reason.USED


async def test_a_token_that_was_refused_can_be_traded_when_the_publisher_is_set_right(
    trusting: World, signer: Signer
) -> None:
    text = token(signer, trusting, workflow="other.yml")
    with pytest.raises(NoTrustedPublisher):
        await exchange(trusting.registry, text, ANYTHING)

    await add_publisher(
        trusting.registry,
        MAINTAINER,
        publisher("other", rules={"repository": "acme/app", "workflow_file": "other.yml"}),
    )

    row, _ = await exchange(trusting.registry, text, ANYTHING)
    assert row.principal == "publisher:acme/other"


async def test_the_first_use_pins_the_repositorys_number(trusting: World, signer: Signer) -> None:
    (pending,) = await list_publishers(trusting.registry, MAINTAINER, ACME)
    await exchange(trusting.registry, token(signer, trusting), ANYTHING)
    (used,) = await list_publishers(trusting.registry, MAINTAINER, ACME)

    assert pending.used_at is None
    assert used.used_at == NOON
    assert ClaimRule("repository_id", "4711") in used.rules
    await exchange(trusting.registry, token(signer, trusting), ANYTHING)
    with pytest.raises(NoTrustedPublisher):
        # Somebody took the name over after the repository had been deleted.
        await exchange(trusting.registry, token(signer, trusting, repository_id="9999"), ANYTHING)


@pytest.mark.parametrize(("comes_first", "believed"), [(False, False), (True, True)])
async def test_a_publisher_whose_first_job_does_not_come_lapses(
    trusting: World, signer: Signer, comes_first: bool, believed: bool
) -> None:
    if comes_first:
        await exchange(trusting.registry, token(signer, trusting), ANYTHING)
    trusting.clock.advance(days=30)
    text = token(signer, trusting)

    (judged,) = (await preview(trusting.registry, MAINTAINER, ACME, text)).publishers
    (known,) = await list_publishers(trusting.registry, MAINTAINER, ACME)

    assert (judged.matches, judged.lapsed) == (believed, not believed)
    assert known.lapses_at == (None if comes_first else NOON + timedelta(days=30))
    if believed:
        await exchange(trusting.registry, text, ANYTHING)
    else:
        with pytest.raises(NoTrustedPublisher):
            await exchange(trusting.registry, text, ANYTHING)


async def test_a_publisher_is_believed_until_the_last_moment(trusting: World, signer: Signer) -> None:
    trusting.clock.advance(days=29, hours=23)

    row, _ = await exchange(trusting.registry, token(signer, trusting), ANYTHING)

    assert row.principal == "publisher:acme/release"


async def test_two_first_uses_at_once_pin_one_number(trusting: World, signer: Signer) -> None:
    texts = [token(signer, trusting, repository_id=number) for number in ("1", "2")]

    found = await asyncio.gather(
        *(exchange(trusting.registry, text, ANYTHING) for text in texts), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in found) == ["NoTrustedPublisher", "tuple"]


async def test_whoever_does_not_match_learns_only_that_and_the_log_says_why(trusting: World, signer: Signer) -> None:
    with capture_logs() as logs, pytest.raises(NoTrustedPublisher) as caught:
        await exchange(trusting.registry, token(signer, trusting, repository="evil/app"), ANYTHING)

    assert str(caught.value) == "No trusted publisher matches the identity token."
    (line,) = [line for line in logs if line["log_level"] == "warning"]
    assert line["missed"] == {"acme/release": ["repository", "workflow_file"]} or line["missed"] == {
        "acme/release": ["repository"]
    }
    assert trusting.registry.issuer_keys == {}


async def test_several_publishers_that_match_have_to_be_told_apart(trusting: World, signer: Signer) -> None:
    await trusting.namespace("other")
    twin = replace(publisher(), namespace=parse_namespace("other"))
    await add_publisher(trusting.registry, ADMINISTRATOR, twin)
    text = token(signer, trusting)

    with pytest.raises(SeveralPublishers):
        await exchange(trusting.registry, text, ANYTHING)
    row, _ = await exchange(trusting.registry, text, Wanted(namespace=twin.namespace))

    assert row.principal == "publisher:other/release"


async def test_a_token_for_a_package_is_for_nothing_else(trusting: World, signer: Signer) -> None:
    row, _ = await exchange(trusting.registry, token(signer, trusting), Wanted(package=PackageName("lib-a")))

    assert [str(each.pattern) for each in row.scope or ()] == ["lib-a"]
    with pytest.raises(NoTrustedPublisher):
        await exchange(trusting.registry, token(signer, trusting), Wanted(package=PackageName("other")))


async def test_what_a_job_makes_ends_with_its_token(trusting: World, signer: Signer) -> None:
    await add_publisher(
        trusting.registry,
        MAINTAINER,
        publisher("owner", rules={"repository": "acme/app", "workflow_file": "x.yml"}, role=Role.MAINTAINER),
    )

    row, _ = await exchange(trusting.registry, token(signer, trusting, workflow="x.yml"), ANYTHING)

    assert row.scope is not None
    assert all(Action.GOVERN not in each.actions and Action.DELETE in each.actions for each in row.scope)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://other.example.com"}, Reason.AUDIENCE),
        ({"iss": "https://issuer.example.com/"}, Reason.ISSUER),
        ({"exp": int(NOON.timestamp()) - 31, "iat": int(NOON.timestamp()) - 60}, Reason.EXPIRED),
    ],
)
async def test_a_token_that_is_not_good_is_refused(
    trusting: World, signer: Signer, changes: dict[str, Any], reason: str
) -> None:
    text = signer.sign({**signer.claims(NOON, HOST, **github_claims()), **changes})

    with pytest.raises(IdentityTokenInvalid) as caught:
        await exchange(trusting.registry, text, ANYTHING)

    assert caught.value.reason == reason
    assert text not in str(caught.value)


async def test_removing_a_publisher_stops_its_tokens_at_once(trusting: World, signer: Signer) -> None:
    _, secret = await exchange(trusting.registry, token(signer, trusting), ANYTHING)
    assert await trusting.app.gate.identify_secret(secret.text, "192.0.2.1")

    await remove_publisher(trusting.registry, MAINTAINER, ACME, publisher().name)

    with pytest.raises(Unauthenticated):
        await trusting.app.gate.identify_secret(secret.text, "192.0.2.1")
    with pytest.raises(NoTrustedPublisher):
        await exchange(trusting.registry, token(signer, trusting), ANYTHING)
    with pytest.raises(PublisherUnknown):
        await remove_publisher(trusting.registry, MAINTAINER, ACME, publisher().name)


async def test_removing_an_issuer_stops_all_its_publishers_at_once(trusting: World, signer: Signer) -> None:
    _, secret = await exchange(trusting.registry, token(signer, trusting), ANYTHING)

    gone = await remove_issuer(trusting.registry, ADMINISTRATOR, parse_issuer_name("ci"))

    assert gone == ("acme/release",)
    assert await list_publishers(trusting.registry, MAINTAINER, ACME) == []
    with pytest.raises(Unauthenticated):
        await trusting.app.gate.identify_secret(secret.text, "192.0.2.1")
    with pytest.raises(IssuerUnknown):
        await remove_issuer(trusting.registry, ADMINISTRATOR, parse_issuer_name("ci"))
    with pytest.raises(IssuerUnknown):
        await find_audience(trusting.registry)


async def test_a_publisher_that_comes_again_has_what_it_is_given_now(trusting: World, signer: Signer) -> None:
    await remove_publisher(trusting.registry, MAINTAINER, ACME, publisher().name)
    await add_publisher(trusting.registry, MAINTAINER, publisher(packages=(PackagePattern("only"),)))

    _, secret = await exchange(trusting.registry, token(signer, trusting), ANYTHING)

    caller = await trusting.app.gate.identify_secret(secret.text, "192.0.2.1")
    assert caller.rights.allows(Action.PUBLISH, View(ACME), PackageName("only"))
    assert not caller.rights.allows(Action.PUBLISH, View(ACME), PackageName("app"))


async def test_the_sweep_forgets_what_nobody_can_use(trusting: World, signer: Signer) -> None:
    await exchange(trusting.registry, token(signer, trusting), ANYTHING)
    trusting.clock.advance(days=8)

    await sweep(trusting.registry)

    assert await trusting.catalog.list_tokens() == []


# --- who may say so ---


async def test_only_administrators_register_issuers(world: World, signer: Signer) -> None:
    for somebody, error in ((MAINTAINER, Denied), (ANONYMOUS, Unauthenticated)):
        with pytest.raises(error):
            await add_issuer(world.registry, somebody, issuer(signer))
    with pytest.raises(Unauthenticated):
        await list_issuers(world.registry, ANONYMOUS)
    assert await list_issuers(world.registry, READER) == []


async def test_publishers_are_the_governors_business(trusting: World) -> None:
    with pytest.raises(Denied):
        await add_publisher(trusting.registry, READER, publisher("other"))
    with pytest.raises(Denied):
        await list_publishers(trusting.registry, READER, ACME)
    with pytest.raises(Denied):
        await preview(trusting.registry, READER, ACME, "x")
    with pytest.raises(Denied):
        await add_publisher(trusting.registry, MAINTAINER, publisher("other", role=Role.AUDITOR))
    with pytest.raises(Invalid):
        await add_publisher(trusting.registry, ADMINISTRATOR, publisher("other", role=Role.ADMINISTRATOR))
    with pytest.raises(NameTaken):
        await add_publisher(trusting.registry, MAINTAINER, publisher())
    with pytest.raises(IssuerUnknown):
        await add_publisher(trusting.registry, MAINTAINER, publisher("other", issuer=parse_issuer_name("nobody")))


@pytest.mark.parametrize(
    "changes",
    [
        {"packages": ()},
        {"packages": (PackagePattern("a"), PackagePattern("a"))},
        {"rules": {"repository": "acme/app"}},
        {"lifetime": timedelta(days=1)},
        {"lifetime": timedelta(0)},
    ],
)
async def test_a_publisher_that_makes_no_sense_is_refused(trusting: World, changes: dict[str, Any]) -> None:
    before = await trusting.catalog.head()

    with pytest.raises(Invalid):
        await add_publisher(trusting.registry, MAINTAINER, publisher("other", **changes))

    assert await trusting.catalog.head() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://issuer.example.com"},
        {"url": "https://user@issuer.example.com"},
        {"url": "issuer.example.com"},
        {"url": "https://issuer.example.com/" + "x" * 600},
        {"audiences": ()},
        {"audiences": ("",)},
        {"audiences": ("a",) * 11},
        {"algorithms": ()},
        {"algorithms": (Algorithm.RS256,)},
        {"max_lifetime": timedelta(days=2)},
        {"keys": "{}"},
        {"keys": '{"keys":[]}'},
        {"keys": "\ud800"},
    ],
)
async def test_an_issuer_that_makes_no_sense_is_refused(world: World, signer: Signer, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await add_issuer(world.registry, ADMINISTRATOR, issuer(signer, **changes))


async def test_what_the_journal_says_of_a_publisher_is_all_that_was_decided(trusting: World) -> None:
    entries = await trusting.catalog.list_entries(after=START, limit=100)
    (added,) = [entry.event for entry in entries if isinstance(entry.event, PublisherAdded)]

    assert added.rules == ("repository=acme/app", "workflow_file=release.yml")
    assert added.packages == ("app", "lib-*")
    assert added.role == "publisher"


# --- keys that are asked for ---


def _publish_keys(where: Elsewhere, signer: Signer, keys: str | None = None) -> None:
    where.says["/.well-known/openid-configuration"] = Said(
        json.dumps({"issuer": signer.url, "jwks_uri": f"{where.url}/keys"}).encode()
    )
    where.says["/keys"] = Said((keys or signer.jwks).encode())


async def test_an_unknown_key_is_asked_for_once_a_minute(world: World) -> None:
    async with elsewhere() as where:
        signer, later = Signer(where.url), Signer(where.url, key_id="k2")
        _publish_keys(where, signer)
        await add_issuer(world.registry, ADMINISTRATOR, issuer(signer, keys=None, private=True))
        await add_publisher(world.registry, MAINTAINER, publisher())
        where.asked.clear()

        await exchange(world.registry, token(signer, world), ANYTHING)
        await exchange(world.registry, token(signer, world), ANYTHING)
        assert where.asked["/keys"] == 1

        for _ in range(5):
            with pytest.raises(IdentityTokenInvalid):
                await exchange(world.registry, token(later, world), ANYTHING)
        assert where.asked["/keys"] == 1

        _publish_keys(where, signer, json.dumps({"keys": [signer.jwk, later.jwk]}))
        world.clock.advance(seconds=61)
        await exchange(world.registry, token(later, world), ANYTHING)
        assert where.asked["/keys"] == 2


async def test_all_who_come_while_keys_are_asked_for_wait_for_the_one_answer(world: World) -> None:
    async with elsewhere() as where:
        signer = Signer(where.url)
        _publish_keys(where, signer)
        await add_issuer(world.registry, ADMINISTRATOR, issuer(signer, keys=None, private=True))
        await add_publisher(world.registry, MAINTAINER, publisher())
        where.asked.clear()

        async def trade(turns_later: int) -> None:
            for _ in range(turns_later):
                await asyncio.sleep(0)
            await exchange(world.registry, token(signer, world), ANYTHING)

        await asyncio.gather(*map(trade, range(0, 200, 10)))

        assert where.asked["/keys"] == 1


async def test_an_empty_key_set_never_takes_the_place_of_a_good_one(world: World) -> None:
    async with elsewhere() as where:
        signer = Signer(where.url)
        _publish_keys(where, signer)
        await add_issuer(world.registry, ADMINISTRATOR, issuer(signer, keys=None, private=True))
        await add_publisher(world.registry, MAINTAINER, publisher())
        await exchange(world.registry, token(signer, world), ANYTHING)

        _publish_keys(where, signer, '{"keys":[]}')
        world.clock.advance(hours=2)
        await exchange(world.registry, token(signer, world), ANYTHING)

        world.clock.advance(hours=23)
        with pytest.raises(UpstreamInvalid):
            await exchange(world.registry, token(signer, world), ANYTHING)
        with pytest.raises(UpstreamUnavailable):
            await exchange(world.registry, token(signer, world), ANYTHING)


async def test_keys_that_an_issuer_took_back_are_not_used_much_longer(world: World) -> None:
    async with elsewhere() as where:
        signer, later = Signer(where.url), Signer(where.url, key_id="k2")
        _publish_keys(where, signer)
        await add_issuer(world.registry, ADMINISTRATOR, issuer(signer, keys=None, private=True))
        await add_publisher(world.registry, MAINTAINER, publisher())
        await exchange(world.registry, token(signer, world), ANYTHING)

        _publish_keys(where, later)
        world.clock.advance(hours=1)

        with pytest.raises(IdentityTokenInvalid):
            await exchange(world.registry, token(signer, world), ANYTHING)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"issuer":"https://other.example.com","jwks_uri":"https://other.example.com/keys"}',
        b'{"issuer":"URL"}',
        b'{"issuer":"URL","jwks_uri":7}',
        b'{"issuer":"URL","jwks_uri":"file:///etc/passwd"}',
        b'{"issuer":"URL","jwks_uri":"http://127.0.0.1:1/keys"}',
        b'{"issuer":"URL","jwks_uri":"URL/nothing"}',
        b'{"issuer":"URL","jwks_uri":"URL/keys"} ' + b" " * 70_000,
    ],
)
async def test_an_issuer_whose_keys_cannot_be_had_is_not_registered(world: World, document: bytes) -> None:
    async with elsewhere() as where:
        signer = Signer(where.url)
        where.says["/.well-known/openid-configuration"] = Said(document.replace(b"URL", where.url.encode()))

        with pytest.raises((UpstreamInvalid, UpstreamUnavailable)):
            await add_issuer(world.registry, ADMINISTRATOR, issuer(signer, keys=None, private=True))


async def test_an_issuer_at_a_private_address_has_to_be_called_so(world: World) -> None:
    async with elsewhere() as where:
        signer = Signer(where.url.replace("http", "https"))

        with pytest.raises((UpstreamInvalid, UpstreamUnavailable)):
            await add_issuer(world.registry, ADMINISTRATOR, issuer(signer, keys=None))

        assert not where.asked


# --- preview ---


async def test_a_preview_says_which_rule_matched_and_why_not_the_others(trusting: World, signer: Signer) -> None:
    await add_publisher(
        trusting.registry,
        MAINTAINER,
        publisher("another", rules={"repository": "acme/other", "workflow_file": "release.yml"}),
    )
    text = token(signer, trusting, brand_new="claim")
    before = await trusting.catalog.head()

    found = await preview(trusting.registry, MAINTAINER, ACME, text)

    assert found.problems == []
    assert [(each.publisher.name, each.matches) for each in found.publishers] == [("release", True), ("another", False)]
    (missed,) = [each for each in found.publishers[1].checks if not each.holds]
    assert (missed.claim, missed.expected, missed.actual) == ("repository", "acme/other", "acme/app")
    assert found.unknown == ["brand_new"]
    assert await trusting.catalog.head() == before
    assert b"eyJ" not in msgspec.json.encode([repr(found)])
    await exchange(trusting.registry, text, Wanted(publisher=publisher().name))
    again = await preview(trusting.registry, MAINTAINER, ACME, text)
    assert [each.reason for each in again.problems] == [Reason.USED]


async def test_a_preview_of_a_token_that_has_expired_still_judges_the_rules(trusting: World, signer: Signer) -> None:
    text = token(signer, trusting)
    trusting.clock.advance(hours=2)

    found = await preview(trusting.registry, MAINTAINER, ACME, text)

    assert [each.reason for each in found.problems] == [Reason.EXPIRED]
    assert found.publishers[0].matches


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ent_bot_" + 36 * "a"])
async def test_a_preview_of_what_is_no_token_says_only_that(trusting: World, text: str) -> None:
    found = await preview(trusting.registry, MAINTAINER, ACME, text)

    assert [each.reason for each in found.problems] == [Reason.MALFORMED]
    assert found.publishers == ()


async def test_a_preview_of_a_token_that_somebody_else_signed_judges_nothing(trusting: World) -> None:
    forger = Signer(URL)

    found = await preview(trusting.registry, MAINTAINER, ACME, token(forger, trusting))

    assert [each.reason for each in found.problems] == [Reason.SIGNATURE]
    assert found.publishers == ()
    assert found.subject is None


async def test_nobody_else_can_be_called_like_a_publisher(trusting: World) -> None:
    for name in ("publisher:acme/release", "publisher:"):
        with pytest.raises(InvalidName):
            parse_principal(name)
    assert parse_holder("publisher:acme/release") == publisher().principal
    for name in ("publisher:acme", "publisher:Acme/release", "publisher:acme/a/b", "Nobody"):
        with pytest.raises(InvalidName):
            parse_holder(name)
