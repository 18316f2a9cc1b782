from __future__ import annotations

import pytest

from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobUnknown,
    ChannelUnknown,
    Denied,
    NamespaceUnknown,
    PackageUnknown,
    ReferenceUnknown,
    Unauthenticated,
)
from entrepot.model.names import NamespaceName, PackageId, ReferenceName, View, parse_namespace
from entrepot.model.position import START
from entrepot.model.reference import ReferenceKind, fallback_of
from entrepot.operations.browse import (
    find_package,
    list_artifacts,
    list_clearances,
    list_entries,
    list_history,
    list_namespaces,
    list_packages,
    list_references,
    list_referrers,
    measure_storage,
    search,
)
from entrepot.operations.inspect import inspect
from entrepot.operations.resolve import find_blob, resolve
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, index, package, referrer

API, ALL, PROD = package("acme/api"), View.parse("acme"), View.parse("acme.prod")
READER, STRANGER = caller("reader"), caller("reader", "zeta")
BUILT = image(b"layer")


@pytest.fixture
async def filled(world: World) -> World:
    """Packages in a private, another private and a public namespace."""
    await world.namespace("zeta")
    await world.namespace("open", public=True)
    for place in ("acme/api", "acme/team/web", "zeta/secret", "open/tool"):
        await world.push(place, BUILT, "1.0", "latest")
    return world


def names(rows: object) -> list[str]:
    return [str(row.id) for row in rows]  # type: ignore[attr-defined]


# --- namespaces and packages ---


@pytest.mark.parametrize(
    ("by", "seen"),
    [
        (ADMINISTRATOR, ["acme", "open", "zeta"]),
        (READER, ["acme", "open"]),
        (caller("reader", "acme", pattern="team/*"), ["acme", "open"]),
        (caller("reader", "acme.prod"), ["acme", "open"]),
        (ANONYMOUS, ["open"]),
    ],
)
async def test_namespaces_are_listed_as_far_as_the_caller_may_know(filled: World, by: Caller, seen: list[str]) -> None:
    assert [each.name for each in await list_namespaces(filled.registry, by, limit=10)] == seen
    assert [each.name for each in await list_namespaces(filled.registry, by, after="open", limit=10)] == seen[
        seen.index("open") + 1 :
    ]


@pytest.mark.parametrize(
    ("by", "seen"),
    [
        (ADMINISTRATOR, ["acme/oci/api", "acme/oci/team/web", "open/oci/tool", "zeta/oci/secret"]),
        (READER, ["acme/oci/api", "acme/oci/team/web", "open/oci/tool"]),
        (caller("reader", "acme", pattern="team/*"), ["acme/oci/team/web", "open/oci/tool"]),
        (caller("reader", None, pattern="*e*"), ["acme/oci/team/web", "open/oci/tool", "zeta/oci/secret"]),
        (ANONYMOUS, ["open/oci/tool"]),
    ],
)
async def test_packages_are_listed_as_far_as_the_caller_may_read(filled: World, by: Caller, seen: list[str]) -> None:
    assert names(await list_packages(filled.registry, by, limit=10)) == seen
    paged: list[str] = []
    after: PackageId | None = None
    while page := await list_packages(filled.registry, by, after=after, limit=1):
        paged += names(page)
        after = page[-1].id
    assert paged == seen


async def test_packages_of_one_namespace_or_format_are_listed(filled: World) -> None:
    await filled.push(package("acme/file", format="generic"), BUILT)

    async def listed(**more: object) -> list[str]:
        return names(await list_packages(filled.registry, ADMINISTRATOR, limit=10, **more))  # type: ignore[arg-type]

    assert await listed(namespace=NamespaceName("acme")) == ["acme/generic/file", "acme/oci/api", "acme/oci/team/web"]
    assert await listed(namespace=NamespaceName("acme"), format="generic") == ["acme/generic/file"]
    assert await listed(format="generic") == ["acme/generic/file"]


async def test_a_view_lists_what_it_shows(filled: World) -> None:
    await filled.clear("acme/api", BUILT.digest)

    assert names(await list_packages(filled.registry, READER, view=PROD, limit=10)) == ["acme/oci/api"]
    assert names(await list_packages(filled.registry, caller("reader", "acme.prod"), view=PROD, limit=10)) == [
        "acme/oci/api"
    ]
    assert names(await list_packages(filled.registry, READER, view=ALL, limit=10)) == [
        "acme/oci/api",
        "acme/oci/team/web",
    ]


async def test_a_view_that_is_none_is_said_to_who_may_know(filled: World) -> None:
    moon = View.parse("acme.moon")

    with pytest.raises(ChannelUnknown):
        await list_packages(filled.registry, READER, view=moon, limit=10)
    for view in (moon, ALL, View.parse("nobody")):
        with pytest.raises(NamespaceUnknown):
            await list_packages(filled.registry, STRANGER, view=view, limit=10)
        with pytest.raises(Unauthenticated):
            await list_packages(filled.registry, ANONYMOUS, view=view, limit=10)


async def test_a_page_is_filled_however_many_are_passed_over(world: World) -> None:
    for number in range(30):
        await world.namespace(f"n{number:02}", public=number % 10 == 0)

    page = await list_namespaces(world.registry, ANONYMOUS, limit=2)

    assert [each.name for each in page] == ["n00", "n10"]


# --- one package ---


async def test_whoever_may_not_read_is_told_the_same_as_when_nothing_is_there(filled: World) -> None:
    def questions(where: PackageId, view: View) -> list[object]:
        registry, digest, name = filled.registry, BUILT.digest, ReferenceName("1.0")
        return [
            lambda by: find_package(registry, by, view, where),
            lambda by: list_references(registry, by, view, where, limit=10),
            lambda by: list_history(registry, by, where, name),
            lambda by: list_artifacts(registry, by, view, where, limit=10),
            lambda by: list_referrers(registry, by, view, where, digest, limit=10),
            lambda by: list_clearances(registry, by, where),
            lambda by: resolve(registry, by, view, where, name=name),
            lambda by: resolve(registry, by, view, where, digest=digest),
            lambda by: find_blob(registry, by, view, where, Digest.of(b"layer")),
            lambda by: inspect(registry, by, view, where, name=name),
        ]

    for by, error in ((STRANGER, PackageUnknown), (ANONYMOUS, Unauthenticated)):
        said = []
        for where in (API, package("acme/nothing")):
            for view in (ALL, PROD):
                for ask in questions(where, view):
                    with pytest.raises(error) as refused:
                        await ask(by)  # type: ignore[operator]
                    said.append(str(refused.value).replace("nothing", "api"))
        half = len(said) // 2
        assert said[:half] == said[half:]


async def test_who_may_read_is_told_what_is_missing(filled: World) -> None:
    registry = filled.registry
    nothing, digest = package("acme/nothing"), Digest.of(b"nothing")

    with pytest.raises(ReferenceUnknown):
        await resolve(registry, READER, ALL, API, name=ReferenceName("2.0"))
    with pytest.raises(ArtifactUnknown):
        await resolve(registry, READER, ALL, API, digest=digest)
    with pytest.raises(BlobUnknown):
        await find_blob(registry, READER, ALL, API, digest)
    with pytest.raises(ReferenceUnknown):
        await list_history(registry, READER, API, ReferenceName("2.0"))
    with pytest.raises(PackageUnknown):
        await resolve(registry, READER, ALL, nothing, name=ReferenceName("1.0"))
    with pytest.raises(PackageUnknown):
        await find_blob(registry, READER, ALL, nothing, digest)
    with pytest.raises(PackageUnknown):
        await list_references(registry, READER, ALL, nothing, limit=10)
    with pytest.raises(PackageUnknown):
        await resolve(registry, READER, PROD, API, name=ReferenceName("1.0"))


async def test_what_is_public_is_read_by_anybody(filled: World) -> None:
    tool, everything = package("open/tool"), View.parse("open")

    for by in (ANONYMOUS, STRANGER):
        assert (await resolve(filled.registry, by, everything, tool, name=ReferenceName("1.0"))).public
        assert (await find_blob(filled.registry, by, everything, tool, Digest.of(b"layer"))).public
        assert await list_artifacts(filled.registry, by, everything, tool, limit=10)
        with pytest.raises(PackageUnknown):
            await find_package(filled.registry, by, everything, package("open/nothing"))


async def test_a_package_without_a_name_is_there(world: World) -> None:
    await world.push("acme/api", BUILT)

    assert await list_references(world.registry, READER, ALL, API, limit=10) == []


async def test_references_are_told_apart_by_kind(filled: World) -> None:
    async def listed(kind: ReferenceKind | None) -> list[str]:
        found = await list_references(filled.registry, READER, ALL, API, kind=kind, limit=10)
        return [reference.name for reference in found]

    assert await listed(None) == ["1.0", "latest"]
    assert await listed(ReferenceKind.VERSION) == ["1.0"]
    assert await listed(ReferenceKind.TAG) == ["latest"]


# --- referrers ---


async def referrers(world: World, **more: object) -> list[Digest]:
    found = await list_referrers(
        world.registry,
        READER,
        ALL,
        API,
        BUILT.digest,
        **{"limit": 100, **more},  # type: ignore[arg-type]
    )
    return [summary.digest for summary in found]


async def test_referrers_of_nothing_are_none(world: World) -> None:
    assert await referrers(world) == []


async def fold(world: World, *listed: Image) -> None:
    """What a client does that knows no referrers: list them under the fallback tag."""
    await world.push("acme/api", index(*listed), fallback_of(BUILT.digest))


async def test_what_clients_listed_themselves_is_folded_in_once_and_described_by_itself(filled: World) -> None:
    known = referrer(BUILT)
    old = image(b"old signature", artifact_type="application/vnd.example.old", annotations={"a": "b"})
    await filled.push("acme/api", known)
    await fold(filled, known, old, old)

    assert await referrers(filled) == sorted([known.digest, old.digest])
    assert await referrers(filled, artifact_type="application/vnd.example.old") == [old.digest]
    (found,) = await list_referrers(
        filled.registry, READER, ALL, API, BUILT.digest, artifact_type="application/vnd.example.old", limit=10
    )
    assert (found.size, found.annotations) == (len(old.content), {"a": "b"})


async def test_folded_referrers_are_paged_with_the_others(filled: World) -> None:
    known = [referrer(BUILT, annotations={"n": str(number)}) for number in range(5)]
    old = [image(b"old", annotations={"n": str(number)}) for number in range(5)]
    for each in known:
        await filled.push("acme/api", each)
    await fold(filled, *old)

    paged: list[Digest] = []
    while page := await referrers(filled, after=str(paged[-1]) if paged else "", limit=2):
        paged += page

    assert paged == sorted(each.digest for each in (*known, *old))


async def test_what_names_another_subject_is_not_folded_in(filled: World) -> None:
    await fold(filled, referrer(image(b"other")))

    assert await referrers(filled) == []


@pytest.mark.parametrize("odd", [image(b"no index"), index()], ids=["an image", "an empty index"])
async def test_an_odd_fallback_tag_lists_nothing(filled: World, odd: Image) -> None:
    await filled.push("acme/api", odd, fallback_of(BUILT.digest))

    assert await referrers(filled) == []


async def test_a_channel_shows_the_referrers_that_it_covers(filled: World) -> None:
    signature = await filled.push("acme/api", referrer(BUILT))
    await filled.clear("acme/api", BUILT.digest)

    found = await list_referrers(filled.registry, caller("reader", "acme.prod"), PROD, API, BUILT.digest, limit=10)

    assert [summary.digest for summary in found] == [signature.digest]


# --- inspect ---


async def test_an_artifact_is_inspected_whole(filled: World) -> None:
    signature = await filled.push("acme/api", referrer(BUILT))
    await filled.clear("acme/api", BUILT.digest)

    by_name = await inspect(filled.registry, READER, ALL, API, name=ReferenceName("latest"))
    of_signature = await inspect(filled.registry, READER, ALL, API, digest=signature.digest)

    assert by_name.summary.digest == BUILT.digest
    assert by_name.references == ("1.0", "latest")
    assert [link.target.digest for link in by_name.links] == [Digest.of(b"{}"), Digest.of(b"layer")]
    assert by_name.subject is None
    assert [summary.digest for summary in by_name.referrers] == [signature.digest]
    assert [clearance.channel for clearance in by_name.clearances] == ["prod"]
    assert of_signature.subject == BUILT.digest


# --- the journal ---


async def test_an_auditor_reads_the_journal(filled: World) -> None:
    everything = await list_entries(filled.registry, caller("auditor", None), after=START, limit=1000)
    acme = await list_entries(
        filled.registry, caller("auditor", "acme"), after=START, limit=1000, namespace=parse_namespace("acme")
    )

    assert len(everything) == (await filled.catalog.head())[0]
    assert {entry.event.namespace for entry in acme} == {"acme"}


@pytest.mark.parametrize(
    ("by", "namespace", "error"),
    [
        (ANONYMOUS, None, Unauthenticated),
        (ANONYMOUS, "acme", Unauthenticated),
        (ANONYMOUS, "nobody", Unauthenticated),
        (caller("maintainer"), "acme", Denied),
        (caller("auditor"), None, Denied),
        (STRANGER, "acme", NamespaceUnknown),
        (STRANGER, "nobody", NamespaceUnknown),
    ],
)
async def test_nobody_else_reads_the_journal(
    filled: World, by: Caller, namespace: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await list_entries(
            filled.registry,
            by,
            after=START,
            limit=10,
            namespace=None if namespace is None else parse_namespace(namespace),
        )


# --- search ---


async def hits(world: World, by: Caller, query: str, limit: int = 100) -> list[str]:
    return sorted({str(hit.package) for hit in await search(world.registry, by, query, limit=limit)})


async def test_search_shows_only_what_the_caller_may_read(world: World) -> None:
    await world.namespace("open", public=True)
    built = image(b"layer", annotations={"org.opencontainers.image.revision": "abc123"})
    for place in ("acme/api", "acme/team/api", "open/api"):
        await world.push(place, built, "1.0")

    for query in ("commit:abc", "api", "1.0", str(built.digest)):
        assert await hits(world, READER, query) == ["acme/oci/api", "acme/oci/team/api", "open/oci/api"]
        assert await hits(world, caller("reader", pattern="team/*"), query) == ["acme/oci/team/api", "open/oci/api"]
        assert await hits(world, ADMINISTRATOR, query) == ["acme/oci/api", "acme/oci/team/api", "open/oci/api"]
        assert await hits(world, ANONYMOUS, query) == ["open/oci/api"]
    assert await hits(world, READER, "commit:abd") == []
    assert await hits(world, READER, "  ") == await hits(world, READER, "commit:") == []
    assert len(await search(world.registry, READER, "commit:abc", limit=2)) == 2


async def test_where_nothing_is_public_an_anonymous_search_needs_credentials(world: World) -> None:
    with pytest.raises(Unauthenticated):
        await search(world.registry, ANONYMOUS, "api", limit=10)


async def test_storage_is_measured_for_who_may_audit(filled: World) -> None:
    measured = await measure_storage(filled.registry, ADMINISTRATOR)

    assert measured is not None
    assert measured["packages"] == 4
    assert await measure_storage(filled.registry, caller("auditor")) is None
    assert await measure_storage(filled.registry, ANONYMOUS) is None
