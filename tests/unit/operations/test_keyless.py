"""Signatures by identities under a trusted root, and what becomes of them when the root or the clock changes."""

from __future__ import annotations

import msgspec
import pytest

from entrepot.model.signer import Scope, Signer, SignerKind, SignerName, SignerState
from entrepot.operations.signers import add_signer, remove_root, set_root, set_signer_state
from entrepot.testing.builders import ADMINISTRATOR, Image, World, image
from entrepot.testing.sigstore import Person, Sigstore
from entrepot.trust import bundle
from tests.unit.operations.test_examine import API, layer, rows, statement, who, why

ROBOT = Person(
    "https://git.example.com/acme/app/.github/workflows/release.yml@refs/heads/main", "https://id.example.com"
)


def identity(subject: str = "https://git.example.com/acme/**", **more: object) -> Signer:
    return Signer(
        SignerName("ci"),
        SignerKind.IDENTITY,
        {"root": "own", "issuer": "https://id.example.com", "subject": subject, "claims": {}},
        namespace=API.namespace,
        scope=Scope(),
        **more,
    )


def signed(sigstore: Sigstore, subject: Image) -> Image:
    content = msgspec.json.encode(sigstore.sign_statement(statement(subject.digest), ROBOT))
    return image(content, subject=subject, layers=[layer(content, bundle.MEDIA_TYPE)])


@pytest.fixture
async def sigstore(world: World) -> Sigstore:
    made = Sigstore()
    await set_root(world.registry, ADMINISTRATOR, API.namespace, "own", made.trusted_root)
    return made


async def test_an_identity_that_is_believed(world: World, sigstore: Sigstore) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, identity())

    await world.push("acme/api", signed(sigstore, built))

    (row,) = await rows(world, built.digest)
    (verification,) = row.verifications
    assert (verification.signer, verification.identity, verification.issuer) == ("ci", ROBOT.subject, ROBOT.issuer)
    assert verification.signed_at is not None
    assert verification.reason is None


async def test_another_identity(world: World, sigstore: Sigstore) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, identity("https://git.example.com/other/**"))

    await world.push("acme/api", signed(sigstore, built))

    assert ROBOT.subject in await why(world, built.digest)


async def test_another_root(world: World, sigstore: Sigstore) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, identity())

    await world.push("acme/api", signed(Sigstore(), built))

    assert await who(world, built.digest) == []


async def test_a_root_that_is_trusted_no_more_and_then_again(world: World, sigstore: Sigstore) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, identity())
    await world.push("acme/api", signed(sigstore, built))
    assert await who(world, built.digest) == ["ci"]

    await remove_root(world.registry, ADMINISTRATOR, API.namespace, "own")
    at_once = await world.catalog.attestations.list_attestations(API, [built.digest])
    without = await who(world, built.digest)
    await set_root(world.registry, ADMINISTRATOR, API.namespace, "own", sigstore.trusted_root)

    assert not any(row.verified for row in at_once)
    assert without == []
    assert await who(world, built.digest) == ["ci"]


async def test_what_a_log_saw_before_a_revocation_stays_though_it_came_later(world: World, sigstore: Sigstore) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, identity())
    made = signed(sigstore, built)
    world.clock.advance(hours=2)
    await set_signer_state(
        world.registry,
        ADMINISTRATOR,
        API.namespace,
        SignerName("ci"),
        SignerState.REVOKED,
        since=world.clock.now(),
    )
    world.clock.advance(hours=2)

    await world.push("acme/api", made)

    assert await who(world, built.digest) == ["ci"]
