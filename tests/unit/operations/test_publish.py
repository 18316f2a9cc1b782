from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from entrepot.model.access import Action, Caller, TokenKind, TokenSecret
from entrepot.model.artifact import DOCKER_MANIFEST, IMAGE_MANIFEST, Artifact
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    Denied,
    InvalidName,
    LinkUnknown,
    NamespaceUnknown,
    PackageUnknown,
    TagImmutable,
    TooLarge,
    TooMany,
    Unauthenticated,
    VersionExists,
    VersionSealed,
)
from entrepot.model.names import PackagePattern, ReferenceName, View, parse_namespace
from entrepot.model.reference import Reference, ReferenceKind
from entrepot.operations.browse import list_history, list_references
from entrepot.operations.check import check
from entrepot.operations.delete import delete_artifact, delete_reference
from entrepot.operations.govern import set_namespace
from entrepot.operations.mark import deprecate, yank
from entrepot.operations.publish import Draft, publish
from entrepot.operations.registry import Limits
from entrepot.operations.resolve import resolve
from entrepot.operations.upload import StoredBlob
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, index, package

ACME, API = parse_namespace("acme"), package("acme/api")
ALL = View(ACME)
PUBLISHER = caller("publisher")
ONE, TWO = image(b"one"), image(b"two")


async def meaning(world: World, name: str) -> Reference:
    found = await list_references(world.registry, ADMINISTRATOR, ALL, API, limit=100)
    return next(reference for reference in found if reference.name == name)


async def name_rules(world: World, *, movable: str = "*", versions: str = "") -> None:
    await set_namespace(
        world.registry,
        ADMINISTRATOR,
        ACME,
        movable=[PackagePattern(text) for text in movable.split()],
        versions=[PackagePattern(text) for text in versions.split()],
    )


def growing(*layers: bytes, titles: tuple[str, ...] | None = None) -> Draft:
    """A version that is made of files, and may gain more."""
    named = titles or tuple(layer.decode() for layer in layers)
    wire = [
        {
            "mediaType": "application/octet-stream",
            "digest": str(Digest.of(layer)),
            "size": len(layer),
            "annotations": {"org.opencontainers.image.title": title},
        }
        for layer, title in zip(layers, named, strict=True)
    ]
    built = image(layers=wire)
    blobs = tuple(StoredBlob(Digest.of(content), len(content), content) for content in (b"{}", *layers))
    return Draft(built.artifact, version=ReferenceName("1.0"), blobs=blobs, sealed=False)


# --- what is published ---


async def test_what_is_published_is_found_by_name_and_by_digest(world: World) -> None:
    await world.push("acme/api", ONE, "1.0", "latest", by=PUBLISHER)

    for key in ({"name": ReferenceName("1.0")}, {"name": ReferenceName("latest")}, {"digest": ONE.digest}):
        found = await resolve(world.registry, PUBLISHER, ALL, API, **key)  # type: ignore[arg-type]
        assert found.content == ONE.content
    assert await check(world.registry) == []


async def test_a_token_does_not_become_a_name_that_everybody_is_told(world: World) -> None:
    token = TokenSecret.generate(TokenKind.ROBOT).text
    before = await world.events()

    for draft in (
        Draft(ONE.artifact, tags=(ReferenceName(token),)),
        Draft(ONE.artifact, version=ReferenceName(token)),
    ):
        with pytest.raises(InvalidName) as refused:
            await publish(world.registry, ADMINISTRATOR, API, draft)
        assert token not in str(refused.value)

    assert await world.events() == before


async def test_publishing_is_one_event(world: World) -> None:
    await world.push("acme/api", ONE)
    before = len(await world.events())

    await world.push("acme/api", ONE, "1.0", "latest")

    assert (await world.events())[before:] == ["artifact.published"]
    (entry,) = (await world.catalog.list_entries(after=await position(world, -1), limit=10))[-1:]
    assert entry.event.references == ("1.0", "latest")  # type: ignore[attr-defined]


async def position(world: World, back: int) -> int:
    return (await world.catalog.head())[0] + back  # type: ignore[return-value]


async def test_publishing_the_same_again_is_no_event(world: World) -> None:
    await world.push("acme/api", ONE, "1.0", "latest")
    before = await world.events()

    await world.push("acme/api", ONE, "1.0", "latest")
    await world.push("acme/api", ONE)

    assert await world.events() == before


async def test_a_blob_that_only_comes_with_a_draft_has_its_event_too(world: World) -> None:
    await world.push("acme/api", ONE, "1.0")
    extra = StoredBlob(Digest.of(b"extra"), 5, b"extra")

    await publish(world.registry, ADMINISTRATOR, API, Draft(ONE.artifact, blobs=(extra,)))
    after = await world.events()
    await publish(world.registry, ADMINISTRATOR, API, Draft(ONE.artifact, blobs=(extra,)))

    assert after[-1] == "artifact.published"
    assert await world.events() == after
    assert await check(world.registry) == []


async def test_what_an_artifact_links_must_be_there(world: World) -> None:
    await world.push_blob(API, b"{}")

    with pytest.raises(LinkUnknown) as refused:
        await publish(world.registry, PUBLISHER, API, Draft(ONE.artifact))

    assert refused.value.subject == Digest.of(b"one")
    assert await world.catalog.find_artifact(ALL, API, digest=ONE.digest) is None


async def test_what_another_package_has_is_not_there(world: World) -> None:
    await world.push("acme/other", ONE)

    with pytest.raises(LinkUnknown):
        await publish(world.registry, PUBLISHER, API, Draft(ONE.artifact))


async def test_an_index_needs_its_manifests_as_manifests(world: World) -> None:
    await world.push_blob(API, ONE.content)

    with pytest.raises(LinkUnknown) as refused:
        await publish(world.registry, PUBLISHER, API, Draft(index(ONE).artifact))

    assert refused.value.subject == ONE.digest


async def test_a_subject_need_not_be_there_yet(world: World) -> None:
    await world.push("acme/api", image(b"signature", subject=ONE))

    assert await check(world.registry) == []


async def test_limits_are_kept(world: World) -> None:
    tight = replace(world.registry, limits=Limits(manifest_size=len(ONE.content), tags_per_manifest=2))
    await world.push("acme/api", ONE)
    tags = tuple(ReferenceName(tag) for tag in "abc")

    await publish(tight, PUBLISHER, API, Draft(ONE.artifact, tags=tags[:2]))
    with pytest.raises(TooMany):
        await publish(tight, PUBLISHER, API, Draft(ONE.artifact, tags=tags))
    with pytest.raises(TooLarge):
        await publish(tight, PUBLISHER, API, Draft(image(b"one", annotations={"a": "b"}).artifact))


# --- who may ---


@pytest.mark.parametrize(
    ("asks", "error"),
    [
        (Caller(), Unauthenticated),
        (caller("reader"), Denied),
        (caller("auditor"), Denied),
        (caller("publisher", "zeta"), PackageUnknown),
        (caller("publisher", pattern="other*"), PackageUnknown),
        (caller("maintainer", "acme.prod"), PackageUnknown),
    ],
)
async def test_who_may_not_publish_is_refused(world: World, asks: Caller, error: type[Exception]) -> None:
    await world.namespace("zeta")
    await world.push("acme/api", ONE)
    before = await world.events()

    with pytest.raises(error):
        await publish(world.registry, asks, API, Draft(ONE.artifact, tags=(ReferenceName("1.0"),)))

    assert await world.events() == before


async def test_nothing_is_published_in_a_namespace_that_is_not_there(world: World) -> None:
    with pytest.raises(NamespaceUnknown):
        await publish(world.registry, ADMINISTRATOR, package("nobody/api"), Draft(ONE.artifact))


# --- tags ---


async def test_a_tag_moves(world: World) -> None:
    await world.push("acme/api", ONE, "latest", by=PUBLISHER)
    await world.push("acme/api", TWO, "latest", by=PUBLISHER)

    assert (await meaning(world, "latest")).digest == TWO.digest
    history = await list_history(world.registry, PUBLISHER, API, ReferenceName("latest"))
    assert [reference.digest for reference in history] == [ONE.digest, TWO.digest]


async def test_a_tag_that_the_rules_do_not_let_move_stays(world: World) -> None:
    """Users' thread 32: immutable tags, asked for in 2023 and three years in review."""
    await name_rules(world, movable="latest dev-*")
    await world.push("acme/api", ONE, "stable", "dev-1", by=PUBLISHER)
    await world.push("acme/api", TWO, by=PUBLISHER)

    for name in ("stable", "stable"):
        with pytest.raises(TagImmutable):
            await world.push("acme/api", TWO, name, by=PUBLISHER)
    await world.push("acme/api", TWO, "dev-1", by=PUBLISHER)
    await world.push("acme/api", ONE, "stable", by=PUBLISHER)

    assert (await meaning(world, "stable")).digest == ONE.digest
    assert (await meaning(world, "dev-1")).digest == TWO.digest


async def test_who_may_overwrite_moves_any_tag(world: World) -> None:
    await name_rules(world, movable="")
    await world.push("acme/api", ONE, "stable", by=PUBLISHER)

    await world.push("acme/api", TWO, "stable", by=caller("maintainer"))

    assert (await meaning(world, "stable")).digest == TWO.digest


async def test_a_fallback_tag_always_moves(world: World) -> None:
    await name_rules(world, movable="", versions="*")
    for name in (f"sha256-{'0' * 64}", f"sha256-{'0' * 64}.sig"):
        await world.push("acme/api", ONE, name, by=PUBLISHER)
        await world.push("acme/api", TWO, name, by=PUBLISHER)

        assert (await meaning(world, name)).kind is ReferenceKind.TAG


async def test_when_one_name_is_refused_nothing_is_published(world: World) -> None:
    await world.push("acme/api", ONE, "1.0", by=PUBLISHER)
    for blob in TWO.blobs:
        await world.push_blob(API, blob)
    before = await world.events()

    with pytest.raises(VersionExists):
        await publish(
            world.registry, PUBLISHER, API, Draft(TWO.artifact, tags=(ReferenceName("new"), ReferenceName("1.0")))
        )

    assert await world.events() == before
    assert await world.catalog.find_artifact(ALL, API, digest=TWO.digest) is None


# --- versions (I4) ---


@pytest.mark.parametrize("name", ["1.0", "v2.0.1-rc1", "1.2.3.4", "2024.01+build"])
async def test_a_version_never_moves_whoever_asks(world: World, name: str) -> None:
    await world.push("acme/api", ONE, name)

    for asks in (PUBLISHER, caller("maintainer"), ADMINISTRATOR):
        with pytest.raises(VersionSealed):
            await world.push("acme/api", TWO, name, by=asks)

    assert (await meaning(world, name)).digest == ONE.digest


async def test_a_namespace_names_further_versions(world: World) -> None:
    await name_rules(world, versions="release-*")
    await world.push("acme/api", ONE, "release-a")

    with pytest.raises(VersionExists):
        await world.push("acme/api", TWO, "release-a")

    assert (await meaning(world, "release-a")).kind is ReferenceKind.VERSION


@pytest.mark.parametrize("whole", [True, False], ids=["with its artifact", "alone"])
async def test_a_deleted_version_comes_back_only_as_it_was(world: World, whole: bool) -> None:
    await world.push("acme/api", ONE, "1.0")
    await world.push("acme/api", TWO)
    if whole:
        await delete_artifact(world.registry, ADMINISTRATOR, API, ONE.digest)
    else:
        await delete_reference(world.registry, ADMINISTRATOR, API, ReferenceName("1.0"))

    with pytest.raises(VersionExists):
        await world.push("acme/api", TWO, "1.0")

    await world.push("acme/api", ONE, "1.0")
    assert (await meaning(world, "1.0")).digest == ONE.digest
    assert await check(world.registry) == []


async def test_a_version_stays_one_when_the_rules_no_longer_name_it(world: World) -> None:
    await name_rules(world, versions="release-*")
    await world.push("acme/api", ONE, "release-a")
    await name_rules(world)

    # Its own content again: once this made a tag of it, that then could move.
    await world.push("acme/api", ONE, "release-a")
    with pytest.raises(VersionExists):
        await world.push("acme/api", TWO, "release-a")

    assert (await meaning(world, "release-a")).kind is ReferenceKind.VERSION


async def test_a_deleted_versions_name_is_no_tags_when_the_rules_no_longer_name_it(world: World) -> None:
    await name_rules(world, versions="release-*")
    await world.push("acme/api", ONE, "release-a")
    await delete_reference(world.registry, ADMINISTRATOR, API, ReferenceName("release-a"))
    await name_rules(world)

    with pytest.raises(VersionExists):
        await world.push("acme/api", TWO, "release-a")

    await world.push("acme/api", ONE, "release-a")
    assert (await meaning(world, "release-a")).kind is ReferenceKind.VERSION
    assert await check(world.registry) == []


async def test_a_tag_becomes_a_version_when_the_rules_name_it(world: World) -> None:
    await world.push("acme/api", ONE, "release-a")
    await name_rules(world, versions="release-*")

    await world.push("acme/api", ONE, "release-a", by=PUBLISHER)

    assert (await meaning(world, "release-a")).kind is ReferenceKind.VERSION
    with pytest.raises(VersionExists):
        await world.push("acme/api", TWO, "release-a")
    assert await check(world.registry) == []


async def test_a_tag_that_may_not_move_does_not_move_by_becoming_a_version(world: World) -> None:
    await name_rules(world, movable="")
    await world.push("acme/api", ONE, "release-a")
    await name_rules(world, movable="", versions="release-*")

    with pytest.raises(TagImmutable):
        await world.push("acme/api", TWO, "release-a", by=PUBLISHER)


async def test_an_open_version_gains_files_and_loses_none(world: World) -> None:
    await publish(world.registry, PUBLISHER, API, growing(b"a"))
    await publish(world.registry, PUBLISHER, API, growing(b"a", b"b"))

    for other in (growing(b"a"), growing(b"b", b"c"), growing(b"c")):
        with pytest.raises(VersionExists):
            await publish(world.registry, PUBLISHER, API, other)

    assert not (await meaning(world, "1.0")).sealed
    assert await check(world.registry) == []


async def test_the_files_of_an_open_version_keep_their_names(world: World) -> None:
    await publish(world.registry, PUBLISHER, API, growing(b"a", b"b"))

    with pytest.raises(VersionExists):
        await publish(world.registry, PUBLISHER, API, growing(b"a", b"b", titles=("b", "a")))


async def test_an_open_version_does_not_become_another_kind_of_document(world: World) -> None:
    first = growing(b"a")
    await publish(world.registry, PUBLISHER, API, first)
    content = first.artifact.content.replace(IMAGE_MANIFEST.encode(), DOCKER_MANIFEST.encode())
    other = Image(Artifact.parse(content, DOCKER_MANIFEST))

    with pytest.raises(VersionExists):
        await publish(world.registry, PUBLISHER, API, replace(first, artifact=other.artifact))


async def test_the_last_draft_may_seal(world: World) -> None:
    await publish(world.registry, PUBLISHER, API, growing(b"a"))
    await publish(world.registry, PUBLISHER, API, replace(growing(b"a", b"b"), sealed=True))

    with pytest.raises(VersionSealed):
        await publish(world.registry, PUBLISHER, API, growing(b"a", b"b", b"c"))


async def test_a_sealed_version_that_was_deleted_comes_back_sealed(world: World) -> None:
    await publish(world.registry, PUBLISHER, API, replace(growing(b"a"), sealed=True))
    await delete_reference(world.registry, ADMINISTRATOR, API, ReferenceName("1.0"))

    await publish(world.registry, PUBLISHER, API, growing(b"a"))

    assert (await meaning(world, "1.0")).sealed


async def test_what_was_said_of_a_version_holds_for_what_it_grows_into_and_when_it_comes_back(world: World) -> None:
    name = ReferenceName("1.0")
    await publish(world.registry, PUBLISHER, API, growing(b"a"))
    await yank(world.registry, ADMINISTRATOR, API, name, reason="broken")
    await deprecate(world.registry, ADMINISTRATOR, API, name, reason="old")

    await publish(world.registry, PUBLISHER, API, growing(b"a", b"b"))
    grown = await meaning(world, "1.0")
    await delete_reference(world.registry, ADMINISTRATOR, API, name)
    await publish(world.registry, PUBLISHER, API, growing(b"a", b"b"))
    back = await meaning(world, "1.0")

    assert (grown.yanked, grown.deprecated) == (back.yanked, back.deprecated) == ("broken", "old")


async def test_of_two_that_publish_one_version_at_once_one_is_refused(world: World) -> None:
    for built in (ONE, TWO):
        await world.push("acme/api", built)
    name = ReferenceName("1.0")

    outcomes = await asyncio.gather(
        *(publish(world.registry, PUBLISHER, API, Draft(built.artifact, tags=(name,))) for built in (ONE, TWO)),
        return_exceptions=True,
    )

    assert [isinstance(outcome, VersionExists) for outcome in outcomes] == [False, True]
    assert (await meaning(world, "1.0")).digest == ONE.digest


async def test_rights_to_overwrite_are_those_of_the_package(world: World) -> None:
    await name_rules(world, movable="")
    await world.push("acme/api", ONE, "stable")
    elsewhere = caller("maintainer", pattern="other*")

    with pytest.raises(PackageUnknown):
        await world.push("acme/api", TWO, "stable", by=elsewhere)
    assert not elsewhere.rights.allows(Action.OVERWRITE, ALL, API.name)
