from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot.followers import Runner
from entrepot.model.digest import Digest
from entrepot.model.names import PackagePattern
from entrepot.model.signer import Scope, Signer, SignerKind, SignerName, SignerState
from entrepot.operations.examine import FOLLOWER, FOLLOWER_AGAIN
from entrepot.operations.follow import wait_for
from entrepot.operations.signers import add_signer, own_name, set_signer_scope, set_signer_state
from entrepot.operations.state import publish_statement
from entrepot.ports.attestations import AttestationRow
from entrepot.testing.builders import ADMINISTRATOR, Image, StoppedClock, World, image, index, open_world, package
from entrepot.testing.memory import MemoryBlobStore
from entrepot.trust import bundle, cosign, dsse
from entrepot.trust.signing import LocalKey, Named, make_statement, sign_envelope, sign_statement
from entrepot.trust.statement import encode_base64

API = package("acme/api")
KEY = LocalKey.generate()
OTHER = LocalKey.generate()
PREDICATE = "https://example.com/reviewed/v1"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, signing=LocalKey.generate()) as opened:
        await opened.namespace("acme")
        yield opened


def signer(name: str = "ci", key: LocalKey = KEY, *, scope: Scope | None = None, **more: object) -> Signer:
    return Signer(
        SignerName(name),
        SignerKind.KEY,
        {"key": key.public_key.pem},
        namespace=API.namespace,
        scope=scope or Scope(),
        **more,
    )


def statement(subject: Digest, predicate_type: str = PREDICATE, **predicate: object) -> bytes:
    return make_statement([Named("api", (subject,))], predicate_type, predicate)


def bundled(subject: Image, *, about: Digest | None = None, key: LocalKey = KEY, **more: object) -> Image:
    """A referrer with a bundle."""
    content = sign_statement(key, statement(about or subject.digest, **more))
    return image(content, subject=subject, artifact_type=bundle.MEDIA_TYPE, layers=[layer(content, bundle.MEDIA_TYPE)])


def layer(content: bytes, media_type: str, **annotations: str) -> dict[str, object]:
    return {
        "mediaType": media_type,
        "digest": str(Digest.of(content)),
        "size": len(content),
        "annotations": annotations,
    }


def simple(subject: Digest, *keys: LocalKey) -> Image:
    """What cosign used to put under ``sha256-….sig``."""
    payload = msgspec.json.encode(
        {
            "critical": {
                "type": "cosign container image signature",
                "image": {"docker-manifest-digest": str(subject)},
                "identity": {"docker-reference": ""},
            },
            "optional": None,
        }
    )
    layers = [layer(payload, cosign.MEDIA_TYPE, **{cosign.SIGNATURE: encode_base64(key.sign(payload))}) for key in keys]
    return image(payload, layers=layers)


def tag_of(subject: Digest, suffix: str = "") -> str:
    return f"sha256-{subject.hex}{suffix}"


async def rows(world: World, subject: Digest) -> list[AttestationRow]:
    await world.settle()
    return list(await world.catalog.attestations.list_attestations(API, [subject]))


async def who(world: World, subject: Digest) -> list[str]:
    """Whose signatures count."""
    return sorted(
        each.signer for row in await rows(world, subject) for each in row.verifications if each.reason is None
    )


async def why(world: World, subject: Digest) -> str:
    """Why the one signature does not count."""
    (row,) = await rows(world, subject)
    (reason,) = [each.reason for each in row.verifications] or [row.attestation.reason]
    assert reason is not None
    return reason


# --- however people put it there ---


async def test_a_bundle_that_refers_to_an_artifact(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, signer())

    await world.push("acme/api", bundled(built))

    (row,) = await rows(world, built.digest)
    assert (row.attestation.kind, row.attestation.predicate_type) == ("sigstore-bundle", PREDICATE)
    assert [(each.signer, each.key) for each in row.verifications] == [("ci", KEY.public_key.fingerprint)]


async def test_a_bundle_that_refers_to_a_file_of_a_version(world: World) -> None:
    built = await world.push("acme/api", image(b"wheel"), "1.0")
    file = Image(built.artifact)
    signed = bundled(file, about=Digest.of(b"wheel"))
    document = msgspec.json.decode(signed.content)
    document["subject"] = {"mediaType": "application/zip", "digest": str(Digest.of(b"wheel")), "size": 5}
    await add_signer(world.registry, ADMINISTRATOR, signer())

    await world.push("acme/api", of_document(document, signed))

    assert await who(world, Digest.of(b"wheel")) == ["ci"]
    assert await who(world, built.digest) == []


async def test_an_envelope_under_the_older_tag(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    content = msgspec.json.encode(sign_envelope(KEY, statement(built.digest)).to_document())
    await add_signer(world.registry, ADMINISTRATOR, signer())

    await world.push("acme/api", image(content, layers=[layer(content, dsse.MEDIA_TYPE)]), tag_of(built.digest, ".att"))

    assert await who(world, built.digest) == ["ci"]


async def test_each_of_several_signatures_under_the_older_tag(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, signer())
    await add_signer(world.registry, ADMINISTRATOR, signer("qa", OTHER))

    await world.push("acme/api", simple(built.digest, KEY, OTHER), tag_of(built.digest, ".sig"))

    assert await who(world, built.digest) == ["ci", "qa"]


async def test_a_signature_counts_no_longer_than_it_has_its_tag(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, signer())
    await world.push("acme/api", simple(built.digest, KEY), tag_of(built.digest, ".sig"))
    assert await who(world, built.digest) == ["ci"]

    await world.push("acme/api", simple(built.digest, OTHER), tag_of(built.digest, ".sig"))

    assert await who(world, built.digest) == []


async def test_what_a_client_listed_under_the_fallback_tag(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    content = sign_statement(KEY, statement(built.digest))
    unsaid = image(content, layers=[layer(content, bundle.MEDIA_TYPE)])
    await add_signer(world.registry, ADMINISTRATOR, signer())

    await world.push("acme/api", index(unsaid), tag_of(built.digest))

    assert await who(world, built.digest) == ["ci"]


# --- what does not count, and why ---


async def test_an_unknown_key(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await world.push("acme/api", bundled(built, key=OTHER))

    assert "none of the keys" in await why(world, built.digest)


async def test_a_statement_about_something_else(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, signer())

    await world.push("acme/api", bundled(built, about=Digest.of(b"other")))

    assert "not about" in await why(world, built.digest)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 10_000, b"null"])
async def test_a_bundle_that_is_none(world: World, content: bytes) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    broken = image(content, subject=built, layers=[layer(content, bundle.MEDIA_TYPE)])

    await world.push("acme/api", broken)

    assert await why(world, built.digest)


async def test_provenance_that_nobody_can_read_is_nobodys_word(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, signer())

    await world.push(
        "acme/api", bundled(built, predicate_type="https://slsa.dev/provenance/v1", buildDefinition="a text")
    )

    assert "buildDefinition" in await why(world, built.digest)
    assert await who(world, built.digest) == []


@pytest.mark.parametrize(
    ("scope", "word"),
    [
        (Scope(packages=(PackagePattern("pypi/*"),)), "may not vouch for oci/api"),
        (Scope(predicate_types=(PackagePattern("signature"),)), "may not vouch with a https://example.com/reviewed/v1"),
    ],
)
async def test_what_a_signer_may_not_vouch_for(world: World, scope: Scope, word: str) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, signer(scope=scope))

    await world.push("acme/api", bundled(built))

    assert word in await why(world, built.digest)


async def test_a_builder_that_the_signer_does_not_speak_for(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    scope = Scope(builders={"https://build.example.com/a": 3})
    await add_signer(world.registry, ADMINISTRATOR, signer(scope=scope))
    await world.push("acme/api", provenance_of(built, "https://build.example.com/b"))

    assert "does not speak for the builder" in await why(world, built.digest)


async def test_a_level_is_the_signers_for_the_builder(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    scope = Scope(builders={"https://build.example.com/a": 3})
    await add_signer(world.registry, ADMINISTRATOR, signer(scope=scope))
    await add_signer(world.registry, ADMINISTRATOR, signer("same-key", scope=Scope()))
    await world.push("acme/api", provenance_of(built, "https://build.example.com/a"))

    (row,) = await rows(world, built.digest)

    assert {each.signer: each.level for each in row.verifications} == {"ci": 3, "same-key": 0}


# --- as those who are believed change ---


async def test_a_signer_that_comes_after_its_signature(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await world.push("acme/api", bundled(built))
    assert await who(world, built.digest) == []

    await add_signer(world.registry, ADMINISTRATOR, signer())

    assert await who(world, built.digest) == ["ci"]


async def test_a_new_key_takes_nothing_from_what_the_old_one_signed(world: World) -> None:
    await add_signer(world.registry, ADMINISTRATOR, signer())
    await add_signer(world.registry, ADMINISTRATOR, signer("ci-2", OTHER, state=SignerState.PENDING))
    old = await world.push("acme/api", image(b"1"), "1.0")
    await world.push("acme/api", bundled(old))
    world.clock.advance(hours=1)
    await set_signer_state(world.registry, ADMINISTRATOR, API.namespace, SignerName("ci-2"), SignerState.ACTIVE)
    await set_signer_state(world.registry, ADMINISTRATOR, API.namespace, SignerName("ci"), SignerState.RETIRED)
    world.clock.advance(hours=1)
    new = await world.push("acme/api", image(b"2"), "2.0")
    await world.push("acme/api", bundled(new, key=OTHER))
    late = await world.push("acme/api", image(b"3"), "3.0")

    await world.push("acme/api", bundled(late))

    assert await who(world, old.digest) == ["ci"]
    assert await who(world, new.digest) == ["ci-2"]
    assert "is retired" in await why(world, late.digest)


async def test_revoking_counts_at_once_and_says_what_it_takes(world: World) -> None:
    await add_signer(world.registry, ADMINISTRATOR, signer())
    before = world.clock.now()
    built = await world.push("acme/api", image(b"1"), "1.0")
    await world.push("acme/api", bundled(built))
    await world.settle()
    await world.clear("acme/api", built.digest)

    changed = await set_signer_state(
        world.registry,
        ADMINISTRATOR,
        API.namespace,
        SignerName("ci"),
        SignerState.REVOKED,
        since=before - timedelta(hours=1),
        reason="the laptop was lost",
    )

    assert [(each.package, each.subject, each.references, each.channels) for each in changed.affected] == [
        (API, built.digest, ("1.0",), ("prod",))
    ]
    found = await world.catalog.attestations.list_attestations(API, [built.digest])
    assert not any(row.verified for row in found)


async def test_what_another_signer_vouches_for_too_is_not_affected(world: World) -> None:
    await add_signer(world.registry, ADMINISTRATOR, signer())
    await add_signer(world.registry, ADMINISTRATOR, signer("same-key"))
    built = await world.push("acme/api", image(b"1"), "1.0")
    await world.push("acme/api", bundled(built))
    await world.settle()

    changed = await set_signer_state(
        world.registry, ADMINISTRATOR, API.namespace, SignerName("ci"), SignerState.COMPROMISED
    )

    assert changed.affected == []
    assert await who(world, built.digest) == ["same-key"]


async def test_another_scope_is_verified_again(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(world.registry, ADMINISTRATOR, signer())
    await world.push("acme/api", bundled(built))
    assert await who(world, built.digest) == ["ci"]
    await set_signer_scope(
        world.registry, ADMINISTRATOR, API.namespace, SignerName("ci"), Scope((PackagePattern("pypi/*"),))
    )
    assert await who(world, built.digest) == []

    await set_signer_scope(world.registry, ADMINISTRATOR, API.namespace, SignerName("ci"), Scope())

    assert await who(world, built.digest) == ["ci"]


async def test_a_signer_of_another_namespace_vouches_for_nothing_here(world: World) -> None:
    await world.namespace("other")
    built = await world.push("acme/api", image(b"1"), "1.0")
    await add_signer(
        world.registry,
        ADMINISTRATOR,
        Signer(SignerName("ci"), SignerKind.KEY, {"key": KEY.public_key.pem}, namespace=package("other/x").namespace),
    )

    await world.push("acme/api", bundled(built))

    assert await who(world, built.digest) == []


# --- the registry's own word ---


async def test_what_the_registry_states_itself_counts_everywhere(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")

    referrer = await publish_statement(
        world.registry,
        ADMINISTRATOR,
        API,
        built.digest,
        predicate_type=PREDICATE,
        predicate={"found": "nothing"},
    )

    (row,) = await rows(world, built.digest)
    assert row.attestation.holder == referrer
    assert world.registry.signing is not None
    assert await who(world, built.digest) == [own_name(world.registry.signing.public_key)]


async def test_the_registrys_next_key_leaves_what_it_stated_before_as_it_is(tmp_path: Path) -> None:
    async with open_world(tmp_path, signing=KEY) as world:
        await world.namespace("acme")
        built = await world.push("acme/api", image(b"1"), "1.0")
        await publish_statement(
            world.registry, ADMINISTRATOR, API, built.digest, predicate_type=PREDICATE, predicate={}
        )
        await world.settle()
        blobs, clock = world.registry.blobs, world.clock
        clock.advance(hours=1)

    async with open_world(tmp_path, signing=OTHER, blobs=blobs, clock=clock) as world:
        assert await who(world, built.digest) == [own_name(KEY.public_key)]
        states = {row.signer.name: row.signer.state for row in await world.catalog.attestations.list_signers(None)}
        assert states == {
            own_name(KEY.public_key): SignerState.RETIRED,
            own_name(OTHER.public_key): SignerState.ACTIVE,
        }


async def test_examining_changes_nothing_that_the_journal_knows(world: World) -> None:
    built = await world.push("acme/api", image(b"1"), "1.0")
    await world.push("acme/api", bundled(built))
    before = await world.catalog.head()

    await world.settle()

    assert await world.catalog.head() == before


def provenance_of(subject: Image, builder: str) -> Image:
    return bundled(
        subject,
        predicate_type="https://slsa.dev/provenance/v1",
        buildDefinition={"buildType": "https://build.example.com/type"},
        runDetails={"builder": {"id": builder}},
    )


def of_document(document: dict[str, object], like: Image) -> Image:
    from entrepot.model.artifact import IMAGE_MANIFEST, Artifact  # noqa: PLC0415

    return Image(Artifact.parse(msgspec.json.encode(document), IMAGE_MANIFEST), blobs=like.blobs)


# --- everything again ---


class Gated(MemoryBlobStore):
    """Bytes that cannot be read while the gate is closed, but for some."""

    def __init__(self) -> None:
        super().__init__(StoppedClock())
        self.open = asyncio.Event()
        self.open.set()
        self.waited_for = asyncio.Event()
        self.free: set[Digest] = set()

    def read(self, digest: Digest, *args: Any, **options: Any) -> AsyncIterator[bytes]:
        return self._read(digest, super().read(digest, *args, **options))

    async def _read(self, digest: Digest, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        if not self.open.is_set() and digest not in self.free:
            self.waited_for.set()
            await self.open.wait()
        async for piece in content:
            yield piece


async def test_what_is_published_is_examined_while_everything_else_is_examined_for_a_new_signer(
    tmp_path: Path,
) -> None:
    blobs = Gated()
    async with open_world(tmp_path, blobs=blobs) as world:
        await world.namespace("acme")
        old = await world.push("acme/api", image(b"old"), "1.0")
        await world.push("acme/api", bundled(old))
        await world.settle()
        new = image(b"new")
        signed = bundled(new)
        blobs.free = {Digest.of(blob) for blob in (*new.blobs, *signed.blobs)}
        runner = Runner(world.registry)
        runner.start()
        try:
            async with asyncio.timeout(60):
                blobs.open.clear()
                await add_signer(world.registry, ADMINISTRATOR, signer())
                await blobs.waited_for.wait()
                await world.push("acme/api", new, "2.0")
                await world.push("acme/api", signed)
                end, _ = await world.catalog.head()
                await wait_for(world.registry, [FOLLOWER], end, seconds=60)
                during = [await counting(world, each) for each in (old, new)]
                blobs.open.set()
                await wait_for(world.registry, [FOLLOWER_AGAIN], end, seconds=60)
                after = [await counting(world, each) for each in (old, new)]
        finally:
            blobs.open.set()
            await runner.stop()

    assert during == [[], ["ci"]]
    assert after == [["ci"], ["ci"]]


async def counting(world: World, subject: Image) -> list[str]:
    """Whose signatures count now, whoever has yet to look."""
    found = await world.catalog.attestations.list_attestations(API, [subject.digest])
    return sorted(each.signer for row in found for each in row.verifications if each.reason is None)
