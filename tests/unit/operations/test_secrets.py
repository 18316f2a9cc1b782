"""Secrets that were published: found once, told to who may know, accepted by name, and fatal to our own tokens."""

from __future__ import annotations

import random
import string
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from entrepot.followers import catch_up
from entrepot.followers.secrets import SECRETS
from entrepot.model.access import Allowance, Caller, Role, TokenKind, TokenSecret
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    Invalid,
    PackageUnknown,
    ReferenceUnknown,
    SecretUnknown,
)
from entrepot.model.names import PrincipalName, ReferenceName, View, parse_channel
from entrepot.model.policy import Mode
from entrepot.operations import search_secrets
from entrepot.operations.check import check
from entrepot.operations.promote import plan_promotion
from entrepot.operations.secrets import (
    Leaks,
    SecretState,
    accept_secret,
    list_acceptances,
    list_leaking,
    list_secrets,
    unaccept_secret,
)
from entrepot.operations.token import create_token
from entrepot.operations.why import why
from entrepot.scanning.search import DETECTOR, Pace, Scratch, Searched, search
from entrepot.schedules.secrets import SECRETS as SEARCH_AGAIN
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, index, open_world, package
from tests.unit.inventory.images import layer

API, OTHER = package("acme/api"), package("acme/other")
ONE, PROD = ReferenceName("1.0"), parse_channel("prod")
CHANCE = random.Random(5)


def made_up(prefix: str) -> str:
    return prefix + "".join(CHANCE.choice(string.ascii_letters + string.digits) for _ in range(36))


GITHUB, NPM = made_up("ghp_"), made_up("npm_")
KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + made_up("MII") * 3


async def pushed(world: World, *contents: str, place: str = "acme/api", name: str = "1.0") -> Image:
    built = await world.push(place, image(*(content.encode() for content in contents)), name)
    await world.settle()
    return built


async def known(world: World, name: str = "1.0") -> Leaks:
    return await list_secrets(world.registry, ADMINISTRATOR, API, ReferenceName(name))


async def refusals(world: World) -> list[str]:
    """What the policies about secrets say against promoting the version."""
    plan = await plan_promotion(world.registry, ADMINISTRATOR, API, ONE, PROD)
    return [
        ("warning: " if reason.policy.mode is Mode.WARN else "") + reason.text
        for reason in plan.decision.reasons
        if "secrets" in reason.policy.name and not reason.allowed
    ]


def states(leaks: Leaks) -> set[tuple[str, SecretState]]:
    return {(each.found.rule, each.state) for each in leaks.secrets}


# --- finding ---


async def test_what_was_not_searched_yet_is_not_clean(world: World) -> None:
    await world.push("acme/api", image(b"nothing to see"), "1.0")

    before = await known(world)
    await world.settle()

    assert (before.searched, before.secrets) == (False, [])
    assert (await known(world)).searched


async def test_secrets_of_all_that_an_index_contains_are_its_own(world: World) -> None:
    await world.push("acme/api", index(image(b"nothing"), image(f"x {GITHUB}".encode())), "1.0")
    await world.settle()

    leaks = await known(world)

    assert states(leaks) == {("github-token", SecretState.CERTAIN)}
    assert leaks.searched


async def test_a_secret_in_an_annotation_is_found(world: World) -> None:
    await world.push("acme/api", image(b"nothing", annotations={"org.example.key": NPM}), "1.0")
    await world.settle()

    (found,) = (await known(world)).secrets

    assert (found.file, found.found.rule) == ("manifest", "npm-token")


async def test_the_same_bytes_are_searched_once_and_every_package_hears_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []

    def counted(file: BinaryIO, scratch: Scratch, pace: Pace) -> Searched:
        searched.append(1)
        return search(file, scratch, pace)

    monkeypatch.setattr(search_secrets, "search", counted)

    await pushed(world, f"x {GITHUB}")
    once = len(searched)
    await pushed(world, f"x {GITHUB}", place="acme/other")
    await pushed(world, f"x {GITHUB}", place="acme/other", name="2.0")

    found = [entry.event for entry in await world.catalog.list_entries(after=0, limit=1_000)]  # type: ignore[arg-type]  # from the start
    told = [event.package for event in found if event.type == "dev.entrepot.secrets.found.v1"]
    assert len(searched) == once
    assert told == ["oci/api", "oci/other"]


async def test_a_follower_that_sees_everything_again_changes_nothing(world: World) -> None:
    await pushed(world, f"x {GITHUB}", f"y {TokenSecret.generate(TokenKind.ROBOT).text}")
    before = await world.catalog.head()

    await world.catalog.write(lambda transaction: transaction.cursors.move("secrets", 0))  # type: ignore[arg-type]  # the start
    await catch_up(world.registry, [SECRETS])

    assert await world.catalog.head() == before
    assert await check(world.registry) == []


async def test_a_better_detector_searches_again_what_the_old_one_did(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as blind:
        blind.setattr(search_secrets, "search", lambda *_: Searched((), (), 0))
        await pushed(world, f"x {GITHUB}")
    assert (await known(world)).secrets == []
    monkeypatch.setattr(search_secrets, "DETECTOR", DETECTOR + 1)

    await SEARCH_AGAIN.run(world.registry)
    await SEARCH_AGAIN.run(world.registry)

    assert states(await known(world)) == {("github-token", SecretState.CERTAIN)}
    assert (await world.events()).count("secrets.found") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + b"\x00" * 100,
        b"\x1f\x8b" + b"\xff" * 100,
        b"\x28\xb5\x2f\xfd" + b"\xff" * 100,
        layer({"a": b"x" * 3_000}, "gzip")[:60],
        b"PK\x03\x04" * 5_000,
    ],
    ids=["zip", "gzip", "zstd", "cut", "many"],
)
async def test_a_hostile_archive_does_not_stop_the_follower_and_is_not_clean(world: World, content: bytes) -> None:
    await world.push("acme/api", image(content + GITHUB.encode()), "1.0")
    await world.push("acme/api", image(f"x {NPM}".encode()), "2.0")

    await world.settle()

    assert (await known(world)).unread > 0
    assert states(await known(world)) == {("github-token", SecretState.CERTAIN)}
    assert states(await known(world, "2.0")) == {("npm-token", SecretState.CERTAIN)}


async def test_a_layer_that_is_not_here_hides_nothing_of_the_others(world: World) -> None:
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "digest": str(Digest.of(b"elsewhere")),
        "size": 100,
    }
    plain = image(f"x {GITHUB}".encode())
    own = {"mediaType": "application/octet-stream", "digest": str(Digest.of(plain.blobs[1])), "size": 100}
    built = image(layers=[foreign, {**own, "size": len(plain.blobs[1])}])
    await world.push("acme/api", Image(built.artifact, blobs=plain.blobs), "1.0")

    await world.settle()

    assert states(await known(world)) == {("github-token", SecretState.CERTAIN)}


# --- our own tokens ---


async def test_a_token_that_was_published_is_revoked_with_all_that_were_minted_from_it(world: World) -> None:
    token = await world.token("publisher", name="careless")

    await pushed(world, f"token = {token}")

    assert await world.catalog.find_credential(TokenSecret.parse(token).hash) is None
    assert states(await known(world)) == {("entrepot-token", SecretState.DEAD)}
    kinds = await world.events()
    assert kinds.index("token.revoked") < kinds.index("secrets.found")
    assert await refusals(world) == []


async def test_a_token_stays_alive_where_it_is_only_flagged_and_keeps_the_artifact_out(tmp_path: Path) -> None:
    async with open_world(tmp_path, revokes_found_tokens=False) as world:
        await world.namespace("acme")
        token = await world.token("publisher", name="careless")

        await pushed(world, f"token = {token}")

        assert await world.catalog.find_credential(TokenSecret.parse(token).hash) is not None
        leaks = await known(world)
        assert states(leaks) == {("entrepot-token", SecretState.LIVE)}
        assert await refusals(world) == ["1 secret is in it, of the kinds entrepot-token"]
        with pytest.raises(Invalid):
            await accept_secret(
                world.registry, ADMINISTRATOR, API, ONE, leaks.secrets[0].found.name, reason="it is mine"
            )


async def test_a_token_of_another_registry_is_a_secret_like_any_other(world: World) -> None:
    await pushed(world, f"token = {TokenSecret.generate(TokenKind.ROBOT).text}")

    assert states(await known(world)) == {("entrepot-token", SecretState.CERTAIN)}


async def test_a_token_that_has_expired_is_worth_nothing(world: World) -> None:
    allowance = Allowance(Role.READER, View.parse("acme"))
    owner = Caller(ADMINISTRATOR.principal, ADMINISTRATOR.rights, token_id="first")
    _, secret = await create_token(world.registry, owner, PrincipalName("old"), allowance, ttl=timedelta(hours=1))
    world.clock.advance(hours=2)

    await pushed(world, f"token = {secret.text}")

    assert states(await known(world)) == {("entrepot-token", SecretState.DEAD)}


# --- policies ---


async def test_a_secret_keeps_an_artifact_out_of_a_channel_and_says_so(world: World) -> None:
    await pushed(world, f"x {GITHUB}", f"y {NPM}")

    assert await refusals(world) == ["2 secrets are in it, of the kinds github-token, npm-token"]


async def test_what_may_be_meant_to_be_public_is_a_warning(world: World) -> None:
    await pushed(world, f"x\n{KEY}")

    found = await refusals(world)

    assert found == ["warning: 1 private keys or the like are in it, which may be meant to be there"]


async def test_what_was_not_searched_is_refused_until_it_is(world: World) -> None:
    await world.push("acme/api", image(b"nothing to see"), "1.0")

    before = await refusals(world)
    await world.settle()

    assert "secrets.certain is not known yet" in before
    assert await refusals(world) == []


# --- accepting ---


async def test_an_accepted_secret_keeps_nothing_out_in_any_version_for_as_long_as_it_is_accepted(world: World) -> None:
    await pushed(world, f"x {GITHUB}")
    (found,) = (await known(world)).secrets

    done = await accept_secret(
        world.registry, ADMINISTRATOR, API, ONE, found.found.name, reason="a made up one", ttl=timedelta(days=1)
    )
    await pushed(world, f"again {GITHUB}", name="2.0")

    assert (done.actor, done.reason, done.at) == ("administrator", "a made up one", world.clock.now())
    assert states(await known(world, "2.0")) == {("github-token", SecretState.ACCEPTED)}
    assert await refusals(world) == []
    assert (await world.events()).count("secret.accepted") == 1
    world.clock.advance(days=2)
    assert states(await known(world, "2.0")) == {("github-token", SecretState.CERTAIN)}
    assert await refusals(world) == ["1 secret is in it, of the kinds github-token"]


async def test_an_acceptance_is_taken_back(world: World) -> None:
    await pushed(world, f"x {GITHUB}")
    (found,) = (await known(world)).secrets
    await accept_secret(world.registry, ADMINISTRATOR, API, ONE, found.found.name, reason="made up")

    await unaccept_secret(world.registry, ADMINISTRATOR, API, found.found.name)

    assert states(await known(world)) == {("github-token", SecretState.CERTAIN)}
    assert await list_acceptances(world.registry, ADMINISTRATOR, API) == []
    with pytest.raises(SecretUnknown):
        await unaccept_secret(world.registry, ADMINISTRATOR, API, found.found.name)
    assert await check(world.registry) == []


@pytest.mark.parametrize(
    ("name", "reason", "ttl", "error"),
    [
        ("npm-token-000000000000", "why", None, SecretUnknown),
        (None, " ", None, Invalid),
        (None, "x" * 2_000, None, Invalid),
        (None, "why", timedelta(0), Invalid),
        (None, "why", timedelta(days=40_000), Invalid),
    ],
)
async def test_what_cannot_be_accepted_is_refused(
    world: World, name: str | None, reason: str, ttl: timedelta | None, error: type[Exception]
) -> None:
    await pushed(world, f"x {GITHUB}")
    (found,) = (await known(world)).secrets

    with pytest.raises(error):
        await accept_secret(world.registry, ADMINISTRATOR, API, ONE, name or found.found.name, reason=reason, ttl=ttl)

    assert "secret.accepted" not in await world.events()


# --- who may know ---


@pytest.mark.parametrize(
    ("role", "lists", "accepts"),
    [
        ("reader", Denied, Denied),
        ("promoter", Denied, Denied),
        ("publisher", None, Denied),
        ("maintainer", None, None),
    ],
)
async def test_places_are_for_who_may_publish_and_accepting_for_who_governs(
    world: World, role: str, lists: type[Exception] | None, accepts: type[Exception] | None
) -> None:
    await pushed(world, f"x {GITHUB}")
    (found,) = (await known(world)).secrets
    who = caller(role)

    async def listing() -> None:
        await list_secrets(world.registry, who, API, ONE)
        await list_acceptances(world.registry, who, API)

    async def accepting() -> None:
        await accept_secret(world.registry, who, API, ONE, found.found.name, reason="why")
        await unaccept_secret(world.registry, who, API, found.found.name)

    for call, error in ((listing, lists), (accepting, accepts)):
        if error is None:
            await call()
        else:
            with pytest.raises(error):
                await call()


async def test_who_may_not_read_the_package_is_told_that_there_is_none(world: World) -> None:
    await pushed(world, f"x {GITHUB}")

    with pytest.raises(PackageUnknown):
        await list_secrets(world.registry, caller("maintainer", pattern="web-*"), API, ONE)
    with pytest.raises(ReferenceUnknown):
        await list_secrets(world.registry, ADMINISTRATOR, API, ReferenceName("9.9"))
    with pytest.raises(ArtifactUnknown):
        await list_secrets(world.registry, ADMINISTRATOR, API, Digest.of(b"nothing"))


async def test_all_of_a_namespace_is_listed_for_who_may_know(world: World) -> None:
    await pushed(world, GITHUB, NPM)
    await pushed(world, GITHUB, place="acme/other", name="2.0")
    await pushed(world, "nothing", place="acme/third")
    acme = API.namespace
    mine = caller("publisher", pattern="other")

    everything = await list_leaking(world.registry, ADMINISTRATOR, acme, limit=10)
    first = await list_leaking(world.registry, ADMINISTRATOR, acme, limit=1)
    second = await list_leaking(world.registry, ADMINISTRATOR, acme, after=first[0].place.id, limit=1)
    own = await list_leaking(world.registry, mine, acme, limit=1)

    told = [(each.place.package, each.place.references, each.secrets[0].state) for each in everything]
    assert sorted(told) == [
        (API, ("1.0",), SecretState.CERTAIN),
        (API, ("1.0",), SecretState.CERTAIN),
        (OTHER, ("2.0",), SecretState.CERTAIN),
    ]
    assert [*first, *second] == everything[:2]
    assert [each.place.package for each in own] == [OTHER]
    with pytest.raises(Denied):
        await list_leaking(world.registry, caller("reader"), acme, limit=10)


async def test_why_tells_readers_how_many_there_are_and_publishers_where(world: World) -> None:
    await pushed(world, f"x\n{GITHUB}")

    reader = await why(world.registry, caller("reader"), API, ONE)
    publisher = await why(world.registry, caller("publisher"), API, ONE)

    assert reader.leaks.counts == publisher.leaks.counts == {SecretState.CERTAIN: 1}
    assert (reader.shows_places, publisher.shows_places) == (False, True)
    assert [each.place for each in publisher.leaks.secrets] == ["layer 1:2"]
