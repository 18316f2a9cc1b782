"""A repository that reads through to another one: a folder of static files, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.maven import FORMAT
from entrepot.formats.maven.remote import read_metadata
from entrepot.formats.maven.rules import KIND
from entrepot.model.errors import ReferenceUnknown, UpstreamInvalid
from entrepot.model.names import FormatName, PackageId, PackageName, View, parse_namespace
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.operations.browse import list_packages
from entrepot.operations.check import check
from entrepot.operations.govern import set_namespace
from entrepot.operations.mark import yank
from entrepot.operations.read_package import read_package
from entrepot.operations.registry import Wish
from entrepot.operations.upstreams import add_upstream, set_upstream
from entrepot.operations.warm import list_mirrored_packages
from entrepot.testing.builders import ADMINISTRATOR, World
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from tests.formats.maven.artifacts import ROOT, build, deploy, jar, metadata, plugin, pom, versions
from tests.hostile.effort import fuzz

pytestmark = pytest.mark.usefixtures("socket_enabled")

ACME = View(parse_namespace("acme"))
LIB = PackageId(ACME.namespace, FormatName("maven"), PackageName("org.acme/lib"))
BASE = "org/acme/lib"
JAR, POM = f"{BASE}/1.0/lib-1.0.jar", f"{BASE}/1.0/lib-1.0.pom"
LARGE = jar({"large": "".join(map(str, range(90_000)))})
FIRST, SECOND = "20260131.120000", "20260202.120000"


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        yield registry


def digits(algorithm: str, content: bytes) -> bytes:
    return hashlib.new(algorithm, content).hexdigest().encode()


def put(other: Elsewhere, path: str, content: bytes, *sums: str, **headers: str) -> None:
    """Let the other repository have a file, with checksums beside it."""
    other.says[f"/m2/{path}"] = Said(content, headers={name.replace("_", "-"): text for name, text in headers.items()})
    for algorithm in sums:
        other.says[f"/m2/{path}.{algorithm}"] = Said(digits(algorithm, content))


def listing(listed: Iterable[str], *, updated: str = "20200102030405", artifact: str = "lib") -> bytes:
    said = "".join(f"<version>{version}</version>" for version in listed)
    return (
        f"<metadata><groupId>org.acme</groupId><artifactId>{artifact}</artifactId><versioning><versions>{said}"
        f"</versions><lastUpdated>{updated}</lastUpdated></versioning></metadata>"
    ).encode()


def offer(other: Elsewhere, *listed: str, artifact: str = "lib", content: bytes = b"", **more: Any) -> None:
    """Let the other repository have these releases of an artifact, as ``mvn deploy`` leaves them."""
    base = f"org/acme/{artifact}"
    put(other, f"{base}/maven-metadata.xml", listing(listed, artifact=artifact, **more), "sha1", "md5")
    for version in listed:
        put(other, f"{base}/{version}/{artifact}-{version}.pom", pom(artifact, version), "sha1", "md5")
        put(other, f"{base}/{version}/{artifact}-{version}.jar", content or jar({"says": version}), "sha1", "md5")


def offer_build(other: Elsewhere, timestamp: str, number: int = 1, *, files: bool = True) -> bytes:
    """Let the other repository have one build of a snapshot; its jar."""
    value, folder = f"1.1-{timestamp}-{number}", f"{BASE}/1.1-SNAPSHOT"
    content = jar({"built": value})
    said = "".join(
        f"<snapshotVersion><extension>{each}</extension><value>{value}</value></snapshotVersion>"
        for each in ("jar", "pom", "../x", "")
    )
    put(
        other,
        f"{folder}/maven-metadata.xml",
        (
            f"<metadata><versioning><snapshot><timestamp>{timestamp}</timestamp><buildNumber>{number}</buildNumber>"
            f"</snapshot>{f'<snapshotVersions>{said}</snapshotVersions>' if files else ''}</versioning></metadata>"
        ).encode(),
    )
    put(other, f"{folder}/lib-{value}.jar", content, "sha1")
    put(other, f"{folder}/lib-{value}.pom", pom("lib", "1.1-SNAPSHOT"), "sha1")
    return content


async def read_through(world: World, other: Elsewhere, name: str = "public", path: str = "/m2", **rules: Any) -> None:
    upstream = Upstream(
        ACME.namespace,
        FormatName("maven"),
        UpstreamName(name),
        f"{other.url}{path}",
        private=True,
        rules=UpstreamRules(**rules),
    )
    await add_upstream(world.registry, ADMINISTRATOR, upstream)


async def get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.get(f"{ROOT}/{path}")


async def is_served(client: httpx.AsyncClient, path: str) -> bool:
    """Whether a file comes whole."""
    try:
        return (await get(client, path)).is_success
    except Exception:  # noqa: BLE001 (a cut answer, however the transport says it)
        return False


def asked(other: Elsewhere) -> Mapping[str, int]:
    return {path.removeprefix("/m2/"): number for path, number in other.asked.items()}


# --- files ---


async def test_versions_of_another_repository_are_listed_and_their_files_are_fetched_once_and_stay(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    offer(other, "1.0", "1.9", "1.10", content=LARGE)
    await read_through(world, other, refresh=timedelta(seconds=1))

    listed = await metadata(client)
    got = [await get(client, path) for path in (POM, JAR)]
    await world.registry.flights.landed()
    other.says.clear()
    world.clock.advance(hours=1)
    again = [await get(client, path) for path in (POM, JAR)]
    stale = await get(client, f"{BASE}/maven-metadata.xml")

    assert [each.text for each in listed.findall("versioning/versions/version")] == ["1.0", "1.9", "1.10"]
    assert listed.findtext("versioning/release") == "1.10"
    assert listed.findtext("versioning/lastUpdated") == "20200102030405"
    assert [answer.content for answer in got] == [answer.content for answer in again] == [pom(), LARGE]
    assert [answer.headers["content-type"] for answer in got] == ["application/xml", "application/java-archive"]
    assert again[1].headers["x-checksum-sha512"] == hashlib.sha512(LARGE).hexdigest()
    assert {
        path: number for path, number in asked(other).items() if path != f"{BASE}/maven-metadata.xml"
    } == dict.fromkeys((POM, f"{POM}.sha1", JAR, f"{JAR}.sha1"), 1)
    assert stale.headers["warning"].startswith("111")
    assert "1.10" in stale.text
    assert await check(world.registry, read_bytes=True) == []


@pytest.mark.parametrize("beside", ["sha1", "sha256", "sha512", "md5", ""])
@pytest.mark.parametrize("content", [LARGE, b"small"], ids=["large", "small"])
async def test_a_file_is_verified_with_the_checksum_beside_it_if_there_is_one(
    client: httpx.AsyncClient, world: World, other: Elsewhere, beside: str, content: bytes
) -> None:
    await read_through(world, other)
    put(other, JAR, content, *filter(None, [beside]))

    if beside:
        other.says[f"/m2/{JAR}"].body = content[:-1] + b"!"
        assert not await is_served(client, JAR)
        other.says[f"/m2/{JAR}"].body = content
    answer = await get(client, JAR)

    assert answer.content == content
    assert await check(world.registry, read_bytes=True) == []


@pytest.mark.parametrize(
    "name", ["x_checksum_sha1", "x_checksum_sha256", "x_checksum_md5", "x_goog_meta_checksum_sha1"]
)
async def test_a_checksum_in_a_header_spares_the_request_for_it(
    client: httpx.AsyncClient, world: World, other: Elsewhere, name: str
) -> None:
    await read_through(world, other)
    claim = {name: digits(name.rpartition("_")[2], b"right").decode()}
    put(other, JAR, b"wrong", **claim)
    assert not await is_served(client, JAR)

    put(other, JAR, b"right", **claim)

    assert (await get(client, JAR)).content == b"right"
    assert asked(other) == {JAR: 2}


async def test_a_checksum_that_cannot_be_read_is_none_and_the_next_one_counts(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    await read_through(world, other)
    put(other, JAR, b"a jar", "md5", x_checksum_sha1="none")
    other.says[f"/m2/{JAR}.sha1"] = Said(b"")
    other.says[f"/m2/{JAR}.sha256"] = Said(b"<html>" + b"x" * 9_000)
    other.says[f"/m2/{JAR}.sha512"] = Said(digits("sha512", b"a jar"), status=403)

    assert (await get(client, JAR)).content == b"a jar"
    assert asked(other)[f"{JAR}.md5"] == 1


async def test_a_web_page_is_no_file_unless_a_checksum_says_so(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    await read_through(world, other)
    page = b"<html>Please log in</html>"
    put(other, JAR, page, content_type="text/html; charset=utf-8")
    put(other, POM, pom(), "sha1", content_type="text/html")

    assert not await is_served(client, JAR)
    head = await client.head(f"{ROOT}/{JAR}")

    assert head.status_code == 502
    assert (await get(client, POM)).content == pom()


async def test_checksums_are_ours_also_when_they_are_asked_for_first(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    put(other, JAR, LARGE)
    await read_through(world, other)

    found = {algorithm: await get(client, f"{JAR}.{algorithm}") for algorithm in ("sha512", "md5", "sha1", "sha256")}

    assert {algorithm: answer.content for algorithm, answer in found.items()} == {
        algorithm: digits(algorithm, LARGE) for algorithm in found
    }
    assert asked(other)[JAR] == 1
    assert (await get(client, f"{BASE}/1.0/lib-1.0.war.sha1")).status_code == 404


@pytest.mark.parametrize("path", [JAR, f"{BASE}/1.0/lib-1.0-sources.jar", f"{BASE}/1.0/lib-1.0.module"])
async def test_head_says_what_get_would(client: httpx.AsyncClient, world: World, other: Elsewhere, path: str) -> None:
    put(other, JAR, LARGE, "sha1")
    await read_through(world, other)

    head = await client.head(f"{ROOT}/{path}")
    got = await get(client, path)

    assert (head.status_code, head.content) == (got.status_code, b"")
    if path == JAR:
        assert head.headers["content-length"] == str(len(LARGE))
        assert head.headers["x-checksum-sha1"] == digits("sha1", LARGE).decode()


async def test_a_part_of_a_file_that_is_not_here_yet_is_served(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    put(other, JAR, LARGE, "sha1")
    await read_through(world, other)

    part = await client.get(f"{ROOT}/{JAR}", headers={"range": "bytes=1000-1999"})

    assert (part.status_code, part.content) == (206, LARGE[1000:2000])


async def test_what_clients_only_look_for_is_quickly_not_there_also_when_the_other_is_gone(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    paths = [f"{BASE}/1.0/lib-1.0{end}" for end in ("-sources.jar", ".module", ".pom", ".pom.sha1")]
    await read_through(world, other)
    events = await world.events()

    first = [await get(client, path) for path in paths * 3]
    once = dict(asked(other))
    world.clock.advance(seconds=61)
    await get(client, paths[0])
    later = asked(other)[paths[0]]
    # Nobody listens at that port.
    world.clock.advance(seconds=61)
    for upstream in await world.registry.catalog.list_upstreams(ACME.namespace):
        await set_upstream(world.registry, ADMINISTRATOR, upstream, url="http://127.0.0.1:9/m2")
    gone = [await get(client, path) for path in (paths[0], f"{BASE}/1.0/lib-1.0-javadoc.jar")]

    assert {answer.status_code for answer in first} == {404}
    assert once == dict.fromkeys(paths[:3], 1)
    assert later == 2
    assert [answer.status_code for answer in gone] == [404, 502]
    assert (await world.events())[: len(events)] == events
    assert await check(world.registry) == []


async def test_files_that_are_wanted_at_once_are_all_in_their_version(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    names = [
        f"lib-1.0{end}" for end in (".pom", ".jar", "-sources.jar", "-javadoc.jar", ".module", ".jar.asc", ".tar.gz")
    ]
    for name in names:
        put(other, f"{BASE}/1.0/{name}", pom() if name.endswith("pom") else name.encode() * 20_000, "sha1")
    await read_through(world, other)

    answers = await asyncio.gather(*(get(client, f"{BASE}/1.0/{name}") for name in names * 3))
    await world.registry.flights.landed()

    assert {answer.status_code for answer in answers} == {200}
    [version] = (await read_package(world.registry, ADMINISTRATOR, ACME, LIB, KIND)).versions
    assert sorted(version.contents.files) == sorted(names)
    assert not version.sealed
    assert version.metadata["pom"]["packaging"] == "jar"
    assert all(asked(other)[f"{BASE}/1.0/{name}"] == 1 for name in names)
    assert await check(world.registry) == []


@pytest.mark.parametrize(
    "sent",
    [
        pom("other", "2.0", "net.example"),
        b'<!DOCTYPE project SYSTEM "pom.dtd"><project/>',
        b"<project><developer>J&oslash;rgen</developer></project>",
        b"<project/>",
        b"no XML at all",
        b"",
    ],
    ids=["another's", "document type", "entity", "empty", "text", "nothing"],
)
async def test_an_old_pom_that_says_something_else_passes(
    client: httpx.AsyncClient, world: World, other: Elsewhere, sent: bytes
) -> None:
    put(other, POM, sent, "sha1")
    put(other, JAR, b"not a jar either", "sha1")
    await read_through(world, other)

    got = [await get(client, path) for path in (POM, JAR)]
    other.says.clear()

    assert [answer.content for answer in got] == [sent, b"not a jar either"]
    assert await versions(client) == ["1.0"]
    assert await check(world.registry) == []


@pytest.mark.parametrize(
    "path",
    [
        f"{BASE}/1.0/build.properties",
        f"{BASE}/1.0/Lib_old-0.9.zip",
        f"{BASE}/1.0+7/lib-1.0+7.jar",
        f"{BASE}/1.0/lib-1.0-a~b@c=d,e!f.jar",
        "lib/lib/20030203.000129/lib-20030203.000129.jar",
    ],
)
async def test_files_with_odd_names_pass(client: httpx.AsyncClient, world: World, other: Elsewhere, path: str) -> None:
    asks = path.replace("+", "%2B").replace("~", "~").replace("@", "%40").replace("=", "%3D").replace(",", "%2C")
    put(other, asks.replace("!", "%21"), b"content")
    await read_through(world, other)

    assert (await get(client, path)).content == b"content"
    assert (await get(client, f"{path}.sha1")).content == digits("sha1", b"content")
    assert (await client.put(f"{ROOT}/{BASE}/1.0/build.properties", content=b"x")).status_code == 400
    assert await check(world.registry) == []


@pytest.mark.parametrize(
    "path",
    [
        f"{BASE}/1.0/..%2Flib-1.0.jar",
        f"{BASE}/1.0/%2e%2e/lib-1.0.jar",
        f"{BASE}/1.0/lib-1.0.jar%00",
        f"{BASE}/1.0/lib-1.0.jar%3Fx",
        f"{BASE}/1.1-20260131.120000-1/lib-1.1-20260131.120000-1.jar",
        f"{BASE}/-SNAPSHOT/lib.jar",
        "archetype-catalog.xml",
        ".index/nexus-maven-repository-index.gz",
    ],
)
async def test_paths_that_are_no_paths_of_the_layout_make_nobody_ask(
    client: httpx.AsyncClient, world: World, other: Elsewhere, path: str
) -> None:
    await read_through(world, other)

    answer = await get(client, path)

    assert answer.status_code in (400, 404)
    assert not any("jar" in each or ".." in each for each in asked(other))


# --- whose a name is, and who may ---


async def test_an_artifact_of_ours_is_never_theirs(client: httpx.AsyncClient, world: World, other: Elsewhere) -> None:
    offer(other, "1.0", "2.0")
    offer_build(other, SECOND)
    await read_through(world, other)
    await deploy(client)

    got = await get(client, f"{BASE}/2.0/lib-2.0.jar")
    snapshot = await get(client, f"{BASE}/1.1-SNAPSHOT/maven-metadata.xml")

    assert await versions(client) == ["1.0"]
    assert (got.status_code, snapshot.status_code) == (404, 404)
    assert not other.asked


async def test_what_is_reserved_or_asked_for_through_a_channel_is_asked_of_nobody(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    offer(other, "1.0")
    await read_through(world, other)
    reserved = [PurlPattern.parse("pkg:maven/org.acme/*")]
    paths = (
        JAR,
        f"{BASE}/maven-metadata.xml",
        "org/acme/maven-metadata.xml",
        f"{BASE}/1.1-SNAPSHOT/maven-metadata.xml",
    )

    through = [await client.get(f"/maven/acme.prod/{path}") for path in paths]
    await set_namespace(world.registry, ADMINISTRATOR, ACME.namespace, reserved=reserved)
    answers = [await get(client, path) for path in paths]

    assert {answer.status_code for answer in (*through, *answers)} == {404}
    assert not other.asked


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"allow": "pkg:maven/org.other/*"}, set()),
        ({"block": "pkg:maven/org.acme/*"}, set()),
        ({"allow": "pkg:maven/org.acme/lib"}, {"org/acme/lib", "org/acme"}),
        ({"allow": "pkg:maven/org.*"}, {"org/acme/lib", "org/acme"}),
    ],
)
async def test_the_names_of_what_is_not_let_in_are_not_told(
    client: httpx.AsyncClient, world: World, other: Elsewhere, rules: Mapping[str, str], expected: set[str]
) -> None:
    await read_through(world, other, **{name: (PurlPattern.parse(text),) for name, text in rules.items()})

    for path in ("org/acme/lib", "org/acme"):
        assert (await get(client, f"{path}/maven-metadata.xml")).status_code == 404

    assert asked(other).keys() == {f"{path}/maven-metadata.xml" for path in expected}


async def test_who_may_not_read_makes_nobody_ask(world: World, other: Elsewhere) -> None:
    offer(other, "1.0")
    await read_through(world, other)
    paths = (JAR, f"{JAR}.sha1", f"{BASE}/maven-metadata.xml", "org/acme/maven-metadata.xml", f"{BASE}/1.0/loose.txt")

    async with world.client() as nobody:
        answers = [await nobody.get(f"{ROOT}/{path}") for path in (*paths, f"{BASE}/1.1-SNAPSHOT/maven-metadata.xml")]

    assert {answer.status_code for answer in answers} <= {401, 404}
    assert answers[0].status_code == 401
    assert not other.asked


async def test_a_version_that_is_yanked_here_is_listed_no_more(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    offer(other, "1.0", "2.0")
    await read_through(world, other)
    await get(client, JAR)
    await world.registry.flights.landed()

    await yank(world.registry, ADMINISTRATOR, LIB, "1.0", reason="it is broken")  # type: ignore[arg-type]

    assert await versions(client) == ["2.0"]


async def test_the_first_repository_that_lists_an_artifact_is_the_one_it_comes_from(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    offer(other, "1.0", "2.0")
    put(other, f"{BASE}/1.0/lib-1.0-sources.jar", b"sources")
    other.says["/near/org/acme/lib/maven-metadata.xml"] = Said(listing(["1.0"]))
    other.says["/near/org/acme/lib/1.0/lib-1.0.jar"] = Said(b"the near one")
    other.says["/near/org/acme/unlisted/1.0/unlisted-1.0.jar"] = Said(b"unlisted")
    offer(other, "3.0", artifact="far")
    await read_through(world, other, "near", "/near")
    await read_through(world, other)

    answers = [
        await get(client, path)
        for path in (
            JAR,
            f"{BASE}/2.0/lib-2.0.jar",
            f"{BASE}/1.0/lib-1.0-sources.jar",
            "org/acme/unlisted/1.0/unlisted-1.0.jar",
            "org/acme/far/3.0/far-3.0.jar",
        )
    ]

    assert [answer.status_code for answer in answers] == [200, 404, 404, 200, 200]
    assert answers[0].content == b"the near one"
    assert await versions(client) == ["1.0"]


# --- what is let in ---


async def test_what_is_blocked_is_not_shown(client: httpx.AsyncClient, world: World, other: Elsewhere) -> None:
    offer(other, "1.0", "2.0")
    offer_build(other, SECOND)
    await read_through(
        world,
        other,
        block=(PurlPattern.parse("pkg:maven/org.acme/lib@2.*"), PurlPattern.parse("pkg:maven/*@*-SNAPSHOT")),
    )

    answers = [
        await get(client, f"{BASE}/{path}")
        for path in ("2.0/lib-2.0.jar", "1.1-SNAPSHOT/maven-metadata.xml", f"1.1-SNAPSHOT/lib-1.1-{SECOND}-1.jar")
    ]

    assert await versions(client) == ["1.0"]
    assert [answer.status_code for answer in answers] == [404] * 3


@pytest.mark.parametrize(("said", "passed_on"), [(400, 400), (None, 0), (-5, 0)], ids=["old", "undated", "to come"])
async def test_a_file_is_as_old_as_its_upstream_says_when_it_is_passed_on_and_when_it_is_here(
    client: httpx.AsyncClient, world: World, other: Elsewhere, said: int | None, passed_on: int
) -> None:
    """It is what a registry that reads through to this one takes for the version's age."""
    now = world.clock.now()
    offer(other, "1.0")
    path = f"{BASE}/1.0/lib-1.0.pom"
    if said is not None:
        other.says[f"/m2/{path}"].headers["last-modified"] = format_datetime(now - timedelta(days=said), usegmt=True)
    await read_through(world, other)

    first = await get(client, path)
    await world.registry.flights.landed()
    world.clock.advance(days=3)
    answers = [first, await get(client, path), await client.head(f"{ROOT}/{path}")]

    at = format_datetime(now - timedelta(days=passed_on), usegmt=True)
    assert [answer.headers["last-modified"] for answer in answers] == [at] * 3
    assert other.asked[f"/m2/{path}"] == 1


def stamp(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}"


async def test_at_the_first_look_versions_are_as_old_as_their_poms(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    """Metadata has one date, that of the newest."""
    now = world.clock.now()
    offer(other, "1.0", "1.1", "1.2", updated=stamp(now - timedelta(hours=1)))
    for version, days in (("1.0", 400), ("1.1", 8)):
        path = f"/m2/{BASE}/{version}/lib-{version}.pom"
        other.says[path].headers["last-modified"] = format_datetime(now - timedelta(days=days), usegmt=True)
    await read_through(world, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))

    direct = [await get(client, f"{BASE}/{version}/lib-{version}.jar") for version in ("1.0", "1.2")]
    listed = [await versions(client)]
    # What comes later counts from when it was seen, whatever its date.
    offer(other, "1.0", "1.1", "1.2", "1.3", updated="20200101000000")
    world.clock.advance(days=6, hours=23, minutes=30)
    listed.append(await versions(client))
    world.clock.advance(days=7)
    listed.append(await versions(client))

    assert [answer.status_code for answer in direct] == [200, 404]
    assert listed == [["1.0", "1.1"], ["1.0", "1.1", "1.2"], ["1.0", "1.1", "1.2", "1.3"]]


async def test_when_the_newest_is_old_enough_no_pom_is_asked_for_its_age(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    offer(other, "1.0", "1.1")
    await read_through(world, other, cooldown=timedelta(days=7))

    assert await versions(client) == ["1.0", "1.1"]
    assert asked(other) == {f"{BASE}/maven-metadata.xml": 1}


async def test_a_version_that_nobody_lists_counts_from_when_it_was_asked_for_and_there(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    await read_through(world, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    statuses = [(await get(client, JAR)).status_code]
    world.clock.advance(days=8)
    put(other, JAR, b"content")

    statuses.append((await get(client, JAR)).status_code)
    world.clock.advance(days=8)
    statuses.append((await get(client, JAR)).status_code)

    assert statuses == [404, 404, 200]


async def test_a_build_waits_unless_its_snapshot_is_exempt(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    content = offer_build(other, FIRST)
    exempt = (PurlPattern.parse("pkg:maven/org.acme/lib@1.1-SNAPSHOT"),)
    await read_through(world, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    paths = [f"{BASE}/1.1-SNAPSHOT/{name}" for name in ("maven-metadata.xml", f"lib-1.1-{FIRST}-1.jar")]
    statuses = [(await get(client, path)).status_code for path in paths]

    world.clock.advance(days=8)
    offer_build(other, SECOND)
    statuses += [(await get(client, path)).status_code for path in paths]
    [upstream] = await world.registry.catalog.list_upstreams(ACME.namespace)
    await set_upstream(
        world.registry, ADMINISTRATOR, upstream, rules=UpstreamRules(cooldown=timedelta(7), exempt=exempt)
    )

    assert statuses == [404, 404, 404, 200]
    assert (await get(client, paths[0])).status_code == 200
    assert (await get(client, paths[1])).content == content


# --- snapshots ---


@pytest.mark.parametrize("files", [True, False], ids=["new", "old"])
async def test_a_snapshot_is_its_newest_build_there(
    client: httpx.AsyncClient, world: World, other: Elsewhere, files: bool
) -> None:
    await read_through(world, other, refresh=timedelta(seconds=1))
    folder = f"{BASE}/1.1-SNAPSHOT"
    seen = []
    for number, timestamp in enumerate((FIRST, SECOND), 1):
        content = offer_build(other, timestamp, number, files=files)
        listed = await metadata(client, folder)
        value = f"1.1-{listed.findtext('versioning/snapshot/timestamp')}-{listed.findtext('versioning/snapshot/buildNumber')}"
        said = {each.findtext("extension"): each.findtext("value") for each in listed.iter("snapshotVersion")}
        assert said == ({"jar": value, "pom": value} if files else {})
        for path in (f"lib-{value}.jar", f"lib-{value}.pom", "lib-1.1-SNAPSHOT.jar"):
            got = await get(client, f"{folder}/{path}")
            assert got.status_code == 200
            assert got.content == content or path.endswith("pom")
        assert (await get(client, f"{folder}/lib-1.1-SNAPSHOT.jar.sha1")).content == digits("sha1", content)
        seen.append((f"lib-{value}.jar", content))
        world.clock.advance(hours=1)

    other.says.clear()
    world.clock.advance(hours=1)

    assert [(await get(client, f"{folder}/{name}")).content for name, _ in seen] == [content for _, content in seen]
    newest = await client.get(f"{ROOT}/{folder}/lib-1.1-SNAPSHOT.jar")
    assert newest.content == seen[-1][1]
    assert "immutable" not in newest.headers["cache-control"]
    assert (await metadata(client, folder)).findtext("versioning/snapshot/buildNumber") == "2"
    assert await check(world.registry) == []


async def test_snapshots_whose_files_have_no_time_are_not_there(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    """Their bytes change under one name, and nothing here does."""
    folder = f"{BASE}/1.1-SNAPSHOT"
    said = b"<metadata><versioning><snapshot><localCopy>true</localCopy></snapshot></versioning></metadata>"
    put(other, f"{folder}/maven-metadata.xml", said)
    put(other, f"{folder}/lib-1.1-SNAPSHOT.jar", b"content")
    await read_through(world, other)

    answers = [await get(client, f"{folder}/{name}") for name in ("maven-metadata.xml", "lib-1.1-SNAPSHOT.jar")]

    assert [answer.status_code for answer in answers] == [404, 404]


# --- groups ---


def group(*plugins: tuple[str, str]) -> bytes:
    said = "".join(
        f"<plugin><name>It</name><prefix>{prefix}</prefix><artifactId>{artifact}</artifactId></plugin>"
        for prefix, artifact in plugins
    )
    return f"<metadata><plugins>{said}</plugins></metadata>".encode()


async def prefixes(client: httpx.AsyncClient) -> dict[str | None, str | None]:
    found = await metadata(client, "org/acme")
    return {each.findtext("prefix"): each.findtext("artifactId") for each in found.iter("plugin")}


async def test_the_plugins_of_a_group_are_ours_and_theirs(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    put(
        other,
        "org/acme/maven-metadata.xml",
        group(
            ("deploy", "maven-deploy-plugin"),
            ("hello", "evil-maven-plugin"),
            ("other", "hello-maven-plugin"),
            ("blocked", "blocked-maven-plugin"),
            ("reserved", "reserved-maven-plugin"),
            ("../x", "x"),
        ),
    )
    await set_namespace(
        world.registry,
        ADMINISTRATOR,
        ACME.namespace,
        reserved=[PurlPattern.parse("pkg:maven/org.acme/reserved-maven-plugin")],
    )
    await deploy(client, artifact="hello-maven-plugin", content=plugin("hello"))
    await read_through(
        world,
        other,
        block=(PurlPattern.parse("pkg:maven/org.acme/blocked-*"),),
        refresh=timedelta(seconds=1),
    )

    found = await prefixes(client)
    first = await get(client, "org/acme/maven-metadata.xml")
    other.says.clear()
    world.clock.advance(hours=1)
    stale = await get(client, "org/acme/maven-metadata.xml")

    assert found == {"hello": "hello-maven-plugin", "deploy": "maven-deploy-plugin"}
    assert (await get(client, "org/acme/maven-metadata.xml.sha1")).content == digits("sha1", first.content)
    assert stale.content == first.content
    assert "warning" in stale.headers
    assert "warning" not in first.headers


async def test_a_group_of_plugins_is_no_package_that_is_refreshed(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    offer(other, "1.0")
    put(other, "org/acme/maven-metadata.xml", group(("site", "site-maven-plugin")))
    await read_through(world, other)
    [upstream] = await world.registry.catalog.list_upstreams(ACME.namespace)

    answers = [await get(client, path) for path in ("org/acme/maven-metadata.xml", f"{BASE}/maven-metadata.xml")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert await list_mirrored_packages(world.registry, ADMINISTRATOR, upstream, limit=10) == ["org.acme/lib"]
    packages = [row.id for row in await list_packages(world.registry, ADMINISTRATOR, namespace=ACME.namespace, limit=9)]
    assert packages == []
    of_group = PackageId(ACME.namespace, upstream.format, PackageName("org/acme"))
    assert await world.registry.catalog.find_package(View(ACME.namespace), of_group) is None
    assert await check(world.registry) == []


async def test_our_plugins_are_found_when_the_other_never_answered(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    other.says["/m2/org/acme/maven-metadata.xml"] = Said(status=500)
    await deploy(client, artifact="hello-maven-plugin", content=plugin("hello"))
    await read_through(world, other)

    assert await prefixes(client) == {"hello": "hello-maven-plugin"}


# --- failures and lies ---


@pytest.mark.parametrize(
    "said",
    [
        Said(b"<html>", headers={"content-type": "text/html"}),
        Said(b"<html></html>"),
        Said(b'<!DOCTYPE x [<!ENTITY l "l">]><metadata>&l;</metadata>'),
        Said(b"<metadata>" * 100),
        Said(b"x" * 5_000_000),
        Said(status=500),
        Said(status=429),
        Said(status=302, headers={"location": "http://169.254.169.254/"}),
        Said(b"x" * 100, cut_after=10),
        Said(status=401),
    ],
    ids=["page", "root", "laughs", "deep", "huge", "500", "429", "redirect", "cut", "401"],
)
async def test_what_cannot_be_used_is_said_and_what_was_once_said_counts(
    world: World, other: Elsewhere, said: Said
) -> None:
    path = f"{BASE}/maven-metadata.xml"
    await read_through(world, other, refresh=timedelta(seconds=1))
    async with world.client(await world.token("reader")) as client:
        other.says[f"/m2/{path}"] = said
        never = await get(client, path)
        offer(other, "1.0")
        world.clock.advance(hours=1)
        good = await get(client, path)
        other.says[f"/m2/{path}"] = said
        world.clock.advance(hours=1)
        stale = await get(client, path)

    assert never.status_code == 502
    assert never.headers["content-type"] == "application/problem+json"
    assert good.status_code == 200
    assert stale.content == good.content
    assert "warning" in stale.headers
    assert await check(world.registry) == []


async def test_versions_that_no_path_can_have_are_passed_over(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    odd = ["..", "a/b", "", " ", "1" * 300, "-SNAPSHOT", "1-snapshot", "x y", "${version}", "sha256-" + "0" * 64]
    offer(other)
    put(other, f"{BASE}/maven-metadata.xml", listing(["1.0", *odd, "1.1-SNAPSHOT", "1.2-20260131.120000-1", "1.0"]))
    await read_through(world, other)

    assert await versions(client) == ["1.0", "1.1-SNAPSHOT"]


@fuzz
@given(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(st.integers(0, 200), st.binary(max_size=4)).map(
            lambda how: listing(["1.0", "1.1-SNAPSHOT"])[: how[0]] + how[1] + listing(["1.0", "1.1-SNAPSHOT"])[how[0] :]
        ),
    )
)
def test_any_bytes_are_metadata_or_an_invalid_upstream(content: bytes) -> None:
    with contextlib.suppress(UpstreamInvalid):
        read_metadata(content).builds(LIB.name, "1.1-SNAPSHOT")


# --- for others than Maven ---


async def test_a_version_is_had_with_what_its_pom_describes(world: World, other: Elsewhere) -> None:
    reading = FORMAT.read_through
    assert reading is not None
    offer(other, "1.0", "1.10", "1.9")
    put(other, f"{BASE}/1.9/lib-1.9.module", b"{}")
    offer_build(other, FIRST)
    put(other, "org/acme/app/1.0/app-1.0.pom", pom("app", more="<packaging>war</packaging>"))
    put(other, "org/acme/app/1.0/app-1.0.war", b"a war")
    put(other, "org/acme/parent/1.0/parent-1.0.pom", pom("parent", more="<packaging>pom</packaging>"))
    await read_through(world, other)

    async def have(name: str, version: str, *hashes: str) -> list[str]:
        found = await reading.fetch(world.registry, ADMINISTRATOR, Wish(ACME, name, version, frozenset(hashes)))
        return [each.name for each in found]

    listed = await reading.list_versions(world.registry, ADMINISTRATOR, ACME, "org.acme:lib")

    assert listed is not None
    assert list(listed.versions) == ["1.0", "1.9", "1.10"]
    assert await reading.list_versions(world.registry, ADMINISTRATOR, ACME, "org.acme:none") is None
    assert await have("org.acme:lib", "1.0") == ["lib-1.0.pom", "lib-1.0.jar"]
    assert await have("org.acme:lib", "1.9") == ["lib-1.9.pom", "lib-1.9.module", "lib-1.9.jar"]
    assert await have("org.acme:lib", "1.1-SNAPSHOT") == [f"lib-1.1-{FIRST}-1.pom", f"lib-1.1-{FIRST}-1.jar"]
    assert await have("org.acme:app", "1.0") == ["app-1.0.pom", "app-1.0.war"]
    assert await have("org.acme:parent", "1.0") == ["parent-1.0.pom"]
    right = f"sha512:{hashlib.sha512(jar({'says': '1.0'})).hexdigest()}"
    assert await have("org.acme:lib", "1.0", right, "sha256:" + "0" * 64) == ["lib-1.0.jar"]
    with pytest.raises(UpstreamInvalid):
        await have("org.acme:lib", "1.0", "sha256:" + "0" * 64)
    with pytest.raises(ReferenceUnknown):
        await have("org.acme:lib", "7.0")
    with pytest.raises(ReferenceUnknown):
        await have("org.acme:lib", "7.0-SNAPSHOT")


async def test_builds_that_are_here_and_there_are_one_snapshot(
    client: httpx.AsyncClient, world: World, other: Elsewhere
) -> None:
    """What was fetched before, and has a file that the newest build there lacks."""
    await read_through(world, other, refresh=timedelta(seconds=1))
    offer_build(other, FIRST)
    folder = f"{BASE}/1.1-SNAPSHOT"
    put(other, f"{folder}/lib-1.1-{FIRST}-1-sources.jar", b"sources")
    for end in (".pom", "-sources.jar"):
        await get(client, f"{folder}/lib-1.1-{FIRST}-1{end}")
    offer_build(other, SECOND, 2)
    world.clock.advance(hours=1)

    found = await metadata(client, folder)

    assert {
        (each.findtext("classifier"), each.findtext("extension")): each.findtext("value")
        for each in found.iter("snapshotVersion")
    } == {
        ("sources", "jar"): f"1.1-{FIRST}-1",
        (None, "jar"): f"1.1-{SECOND}-2",
        (None, "pom"): f"1.1-{SECOND}-2",
    }


async def test_a_hosted_snapshot_is_as_it_was(client: httpx.AsyncClient, world: World, other: Elsewhere) -> None:
    await read_through(world, other)
    await build(client, FIRST)

    assert (await get(client, f"{BASE}/1.1-SNAPSHOT/lib-1.1-SNAPSHOT.jar")).status_code == 200
    assert not other.asked
