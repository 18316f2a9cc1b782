"""A Maven repository as its clients use it.

Cases marked with "transport" are what maven-resolver's tests of its HTTP transport expect of a server.
"""

from __future__ import annotations

import asyncio
import hashlib
from email.utils import format_datetime

import httpx
import pytest

from entrepot.formats.maven.rules import KIND
from entrepot.model.names import FormatName, PackageId, PackageName, ReferenceName, View, parse_channel, parse_namespace
from entrepot.operations.check import check
from entrepot.operations.clear import open_clearance
from entrepot.operations.mark import yank
from entrepot.operations.read_package import read_package
from entrepot.testing.builders import ADMINISTRATOR, World
from tests.formats.maven.artifacts import ROOT, build, deploy, jar, metadata, plugin, pom, put, versions

LIB = PackageId(parse_namespace("acme"), FormatName("maven"), PackageName("org.acme/lib"))
FOLDER = "org/acme/lib/1.0"
JAR = f"{FOLDER}/lib-1.0.jar"
INHERITED = (
    b"<project><parent><groupId>org.acme</groupId><artifactId>parent</artifactId><version>1.0</version></parent>"
    b"<artifactId>lib</artifactId></project>"
)


def hexadecimal(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


async def test_what_was_deployed_comes_back_as_it_was(client: httpx.AsyncClient) -> None:
    await deploy(client)

    pulled = await client.get(f"{ROOT}/{JAR}")
    described = await client.get(f"{ROOT}/{FOLDER}/lib-1.0.pom")

    assert (pulled.content, described.content) == (jar(), pom())
    assert pulled.headers["content-type"] == "application/java-archive"
    assert described.headers["content-type"] == "application/xml"
    assert await versions(client) == ["1.0"]


async def test_a_file_says_when_it_came(client: httpx.AsyncClient, world: World) -> None:
    """What a registry that reads through to this one takes for a version's age."""
    came_at = format_datetime(world.clock.now(), usegmt=True)
    await deploy(client)
    world.clock.advance(days=3)

    got, headed = await client.get(f"{ROOT}/{JAR}"), await client.head(f"{ROOT}/{FOLDER}/lib-1.0.pom")

    assert (got.headers["last-modified"], headed.headers["last-modified"]) == (came_at, came_at)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
async def test_a_checksum_is_a_header_and_a_file(client: httpx.AsyncClient, algorithm: str) -> None:
    """Transport: checksums that are included in the answer spare a request."""
    await deploy(client)

    for path, content in ((JAR, jar()), (f"{FOLDER}/lib-1.0.pom", pom())):
        got, headed = await client.get(f"{ROOT}/{path}"), await client.head(f"{ROOT}/{path}")
        asked = await client.get(f"{ROOT}/{path}.{algorithm}")

        assert got.headers[f"x-checksum-{algorithm}"] == hexadecimal(algorithm, content)
        assert headed.headers[f"x-checksum-{algorithm}"] == hexadecimal(algorithm, content)
        assert headed.headers["content-length"] == str(len(content))
        assert asked.text == hexadecimal(algorithm, content)
        assert asked.headers["content-type"].startswith("text/plain")


async def test_a_checksum_of_metadata_is_of_our_bytes(client: httpx.AsyncClient) -> None:
    await deploy(client)

    answer = await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml")
    sums = {
        algorithm: (await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml.{algorithm}")).text
        for algorithm in ("md5", "sha1", "sha256", "sha512")
    }

    assert sums == {algorithm: hexadecimal(algorithm, answer.content) for algorithm in sums}
    assert sums == {algorithm: answer.headers[f"x-checksum-{algorithm}"] for algorithm in sums}


@pytest.mark.parametrize("text", ["{}", "{}\n", "{}  lib-1.0.jar\n", "SHA1(lib-1.0.jar)= {}"])
async def test_a_checksum_that_fits_is_accepted_in_every_form(client: httpx.AsyncClient, text: str) -> None:
    await put(client, JAR, jar())

    for digits in (hexadecimal("sha1", jar()), hexadecimal("sha1", jar()).upper()):
        assert (await put(client, f"{JAR}.sha1", text.format(digits).encode())).status_code == 200


async def test_a_checksum_that_does_not_fit_is_refused(client: httpx.AsyncClient) -> None:
    await put(client, JAR, jar())

    other = await put(client, f"{JAR}.sha1", hexadecimal("sha1", b"other").encode())
    none = await put(client, f"{JAR}.sha1", b"no digits")
    large = await put(client, f"{JAR}.sha1", b"x" * 5_000)
    early = await put(client, f"{FOLDER}/lib-1.0.pom.sha1", hexadecimal("sha1", pom()).encode())

    assert [answer.status_code for answer in (other, none, large, early)] == [400, 400, 413, 409]
    assert other.json()["actual"] == f"sha1:{hexadecimal('sha1', jar())}"
    assert "before its checksum" in early.json()["detail"]
    assert (await client.get(f"{ROOT}/{JAR}.sha1")).text == hexadecimal("sha1", jar())


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
async def test_a_checksum_in_a_header_is_verified(client: httpx.AsyncClient, algorithm: str) -> None:
    name = f"x-checksum-{algorithm}"

    wrong = await put(client, JAR, jar(), **{name: hexadecimal(algorithm, b"other")})
    missing = await client.get(f"{ROOT}/{JAR}")
    right = await put(client, JAR, jar(), **{name: hexadecimal(algorithm, jar())})

    assert (wrong.status_code, missing.status_code, right.status_code) == (400, 404, 201)


async def test_what_can_be_resumed_is_answered_in_parts(client: httpx.AsyncClient) -> None:
    """Transport: a broken download goes on where it stopped, and begins again if the file is another one."""
    await deploy(client)
    etag = (await client.head(f"{ROOT}/{JAR}")).headers["etag"]

    part = await client.get(f"{ROOT}/{JAR}", headers={"range": "bytes=10-", "if-range": etag})
    outdated = await client.get(f"{ROOT}/{JAR}", headers={"range": "bytes=10-", "if-range": '"other"'})
    beyond = await client.get(f"{ROOT}/{JAR}", headers={"range": "bytes=1000000-"})

    assert (part.status_code, part.content) == (206, jar()[10:])
    assert (outdated.status_code, outdated.content) == (200, jar())
    assert beyond.status_code == 416


async def test_the_same_file_again_is_no_event_and_other_bytes_are_a_conflict(
    client: httpx.AsyncClient, world: World
) -> None:
    await deploy(client)
    events = await world.events()

    again = await put(client, JAR, jar())
    other = await put(client, JAR, jar({"other": ""}))

    assert (again.status_code, other.status_code) == (200, 409)
    assert other.headers["content-type"] == "application/problem+json"
    assert "lib-1.0.jar" in other.json()["detail"]
    assert await world.events() == events
    assert (await client.get(f"{ROOT}/{JAR}")).content == jar()
    assert [stage async for stage, _ in world.registry.blobs.stages()] == []


async def test_a_release_gains_the_files_that_come_late(client: httpx.AsyncClient) -> None:
    await deploy(client)

    for name in (
        "lib-1.0-sources.jar",
        "lib-1.0-javadoc.jar",
        "lib-1.0.jar.asc",
        "lib-1.0.module",
        "lib-1.0-bin.tar.gz",
    ):
        assert (await put(client, f"{FOLDER}/{name}", name.encode())).status_code == 201
        assert (await client.get(f"{ROOT}/{FOLDER}/{name}")).content == name.encode()


async def test_metadata_says_which_version_is_the_newest(client: httpx.AsyncClient, world: World) -> None:
    for version in ("1.10", "1.2", "2.0-rc1", "1.2-alpha"):
        await deploy(client, version)
    world.clock.advance(days=1)
    await build(client, "20260131.120000", base="2.1")

    found = await metadata(client)

    assert [each.text for each in found.findall("versioning/versions/version")] == [
        "1.2-alpha",
        "1.2",
        "1.10",
        "2.0-rc1",
        "2.1-SNAPSHOT",
    ]
    assert found.findtext("groupId") == "org.acme"
    assert found.findtext("artifactId") == "lib"
    assert found.findtext("versioning/latest") == "2.1-SNAPSHOT"
    assert found.findtext("versioning/release") == "2.0-rc1"
    assert found.findtext("versioning/lastUpdated") == "20260201120000"


async def test_a_version_is_listed_once_its_pom_is_there(client: httpx.AsyncClient) -> None:
    await put(client, JAR, jar())
    before = await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml")
    await put(client, f"{FOLDER}/lib-1.0.pom", pom())

    assert before.status_code == 404
    assert await versions(client) == ["1.0"]


async def test_metadata_is_unchanged_until_a_version_comes(client: httpx.AsyncClient) -> None:
    await deploy(client)
    etag = (await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml")).headers["etag"]

    same = await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml", headers={"if-none-match": etag})
    await deploy(client, "1.1")
    other = await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml", headers={"if-none-match": etag})

    assert (same.status_code, other.status_code) == (304, 200)


async def test_two_that_deploy_at_once_lose_nothing(client: httpx.AsyncClient, world: World) -> None:
    wanted = [f"1.{minor}" for minor in range(8)]

    await asyncio.gather(
        *(deploy(client, version) for version in wanted),
        *(put(client, f"org/acme/lib/1.0/lib-1.0-part{at}.zip", b"%d" % at) for at in range(8)),
    )

    assert await versions(client) == wanted
    stored = await read_package(world.registry, ADMINISTRATOR, View.parse("acme"), LIB, KIND)
    [first] = [version for version in stored.versions if version.name == "1.0"]
    assert set(first.contents.files) == set(first.metadata["files"])
    assert len(first.contents.files) == 10
    assert await check(world.registry) == []


# --- snapshots ---


async def test_a_snapshot_is_its_newest_build(client: httpx.AsyncClient) -> None:
    await build(client, "20260131.120000", 1)
    await build(client, "20260131.130000", 2)

    found = await metadata(client, "org/acme/lib/1.1-SNAPSHOT")

    assert found.get("modelVersion") == "1.1.0"
    assert found.findtext("version") == "1.1-SNAPSHOT"
    assert found.findtext("versioning/snapshot/timestamp") == "20260131.130000"
    assert found.findtext("versioning/snapshot/buildNumber") == "2"
    assert found.findtext("versioning/lastUpdated") == "20260131130000"
    files = [
        (each.findtext("classifier"), each.findtext("extension"), each.findtext("value"), each.findtext("updated"))
        for each in found.findall("versioning/snapshotVersions/snapshotVersion")
    ]
    assert files == [
        (None, "jar", "1.1-20260131.130000-2", "20260131130000"),
        (None, "pom", "1.1-20260131.130000-2", "20260131130000"),
    ]
    assert await versions(client) == ["1.1-SNAPSHOT"]
    for name, number in (("1.1-20260131.120000-1", 1), ("1.1-20260131.130000-2", 2), ("1.1-SNAPSHOT", 2)):
        pulled = await client.get(f"{ROOT}/org/acme/lib/1.1-SNAPSHOT/lib-{name}.jar")
        time = "120000" if number == 1 else "130000"
        assert pulled.content == jar({"built": f"20260131.{time}-{number}"})
        assert ("immutable" in pulled.headers["cache-control"]) == (name != "1.1-SNAPSHOT")


async def test_of_each_file_of_a_snapshot_the_newest_is_listed(client: httpx.AsyncClient) -> None:
    await build(client, "20260131.120000", 1)
    await put(client, "org/acme/lib/1.1-SNAPSHOT/lib-1.1-20260131.120000-1-sources.jar", b"sources")
    await put(client, "org/acme/lib/1.1-SNAPSHOT/lib-1.1-20260131.120000-1.jar.asc", b"signature")
    await build(client, "20260131.130000", 2)

    found = await metadata(client, "org/acme/lib/1.1-SNAPSHOT")

    files = {
        (each.findtext("classifier"), each.findtext("extension")): each.findtext("value")
        for each in found.findall("versioning/snapshotVersions/snapshotVersion")
    }
    assert files == {
        (None, "jar"): "1.1-20260131.130000-2",
        (None, "jar.asc"): "1.1-20260131.120000-1",
        (None, "pom"): "1.1-20260131.130000-2",
        ("sources", "jar"): "1.1-20260131.120000-1",
    }
    pulled = await client.get(f"{ROOT}/org/acme/lib/1.1-SNAPSHOT/lib-1.1-SNAPSHOT-sources.jar")
    assert pulled.content == b"sources"
    missing = await client.get(f"{ROOT}/org/acme/lib/1.1-SNAPSHOT/lib-1.1-SNAPSHOT-javadoc.jar")
    assert missing.status_code == 404


async def test_a_build_that_is_still_coming_is_not_the_newest(client: httpx.AsyncClient) -> None:
    await build(client, "20260131.120000", 1)
    await put(client, "org/acme/lib/1.1-SNAPSHOT/lib-1.1-20260131.130000-2.jar", jar())

    found = await metadata(client, "org/acme/lib/1.1-SNAPSHOT")

    assert found.findtext("versioning/snapshot/buildNumber") == "1"
    assert {each.text for each in found.iter("value")} == {"1.1-20260131.120000-1"}


async def test_a_snapshot_without_a_time_is_refused(client: httpx.AsyncClient) -> None:
    answer = await put(client, "org/acme/lib/1.1-SNAPSHOT/lib-1.1-SNAPSHOT.jar", jar())

    assert answer.status_code == 400
    assert "1.1-20260131.120000-1" in answer.json()["expected"]


async def test_a_build_of_a_snapshot_is_sealed_by_itself(client: httpx.AsyncClient, world: World) -> None:
    await build(client, "20260131.120000", 1)
    stored = await read_package(world.registry, ADMINISTRATOR, View.parse("acme"), LIB, KIND)

    await open_clearance(world.registry, ADMINISTRATOR, LIB, parse_channel("prod"), stored.versions[0].digest)
    await build(client, "20260131.130000", 2)

    seen = await metadata(client, "org/acme/lib/1.1-SNAPSHOT", "acme.prod")
    assert seen.findtext("versioning/snapshot/buildNumber") == "1"
    late = await put(client, "org/acme/lib/1.1-SNAPSHOT/lib-1.1-20260131.120000-1-sources.jar")
    assert late.status_code == 409


# --- plugins ---


async def test_a_group_s_metadata_lists_its_plugins(client: httpx.AsyncClient) -> None:
    """By the descriptor in the jar, or by the name of one that the POM alone calls a plugin."""
    await deploy(client)
    await deploy(client, artifact="greet-maven-plugin", content=plugin("hello"))
    path = "org/acme/wave-maven-plugin/1.0/wave-maven-plugin-1.0.pom"
    await put(client, path, pom("wave-maven-plugin", more="<packaging>maven-plugin</packaging><name>Waves</name>"))

    found = await metadata(client, "org/acme")

    assert [[each.text for each in entry] for entry in found.findall("plugins/plugin")] == [
        ["Says hello", "hello", "greet-maven-plugin"],
        ["Waves", "wave", "wave-maven-plugin"],
    ]
    assert (await client.get(f"{ROOT}/org/maven-metadata.xml")).status_code == 404


# --- paths and POMs ---


@pytest.mark.parametrize(
    "path",
    [
        "lib-1.0.jar",
        "lib/1.0/lib-1.0.jar",
        "org/acme/lib/1.0/other-1.0.jar",
        "org/acme/lib/1.0/lib-1.1.jar",
        "org/acme/lib/1.0/lib-1.0",
        "org/acme/lib/1.0/lib-1.0.",
        "org/acme/lib/1.0/lib-1.0-sources",
        "org/acme/lib/1.0/lib-1.0x.jar",
        "org//acme/lib/1.0/lib-1.0.jar",
        "org.acme/lib/1.0/lib-1.0.jar",
        "org/acme/lib/1.0/lib-1.0.jar/",
        "org/acme/l%20b/1.0/l%20b-1.0.jar",
        "org/acme/lib/1.0/lib-1.0-%3Cscript%3E.jar",
        "org/acme/lib/1.0/lib-1.0-%00.jar",
        "org/acme/lib/1.1-20260131.120000-1/lib-1.1-20260131.120000-1.jar",
        "org/acme/lib/1.1-snapshot/lib-1.1-20260131.120000-1.jar",
        "org/acme/lib/1.1-SNAPSHOT/lib-1.2-20260131.120000-1.jar",
        "org/acme/lib/1.1-SNAPSHOT/lib-1.1-20260131-1.jar",
        "org/acme/lib/-SNAPSHOT/lib--20260131.120000-1.jar",
        "archetype-catalog.xml",
    ],
)
async def test_a_path_outside_the_layout_is_refused_and_not_found(client: httpx.AsyncClient, path: str) -> None:
    refused = await put(client, path, jar())
    missing = await client.get(f"{ROOT}/{path}")

    assert (refused.status_code, missing.status_code) == (400, 404)


async def test_what_is_not_there_is_said_in_plain_text(client: httpx.AsyncClient) -> None:
    """Maven 3.9 takes a 404 with a problem's document for a failed transfer, and deploys nothing."""
    for path in (JAR, f"{JAR}.sha1", "org/acme/lib/maven-metadata.xml", "org/acme/lib/1.1-SNAPSHOT/maven-metadata.xml"):
        missing = await client.get(f"{ROOT}/{path}")

        assert missing.status_code == 404
        assert missing.headers["content-type"] == "text/plain; charset=utf-8"
        assert path.removesuffix(".sha1") in missing.text or "org.acme/lib" in missing.text


@pytest.mark.parametrize(
    "path", [".meta/prefixes.txt", ".index/nexus-maven-repository-index.properties", "favicon.ico"]
)
async def test_what_other_repositories_have_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"{ROOT}/{path}")).status_code == 404


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pom("other"), "artifactId"),
        (pom(version="1.1"), "version"),
        (pom(group="org.other"), "groupId"),
        (b"", "XML"),
        (b"<project>", "XML"),
        (b"<metadata/>", "<project>"),
        (b"<project><artifactId>lib</artifactId><version>1.0</version></project>", "groupId"),
    ],
)
async def test_a_pom_that_is_not_what_its_path_says_is_refused(
    client: httpx.AsyncClient, content: bytes, reason: str
) -> None:
    answer = await put(client, f"{FOLDER}/lib-1.0.pom", content)

    assert answer.status_code == 400
    assert reason in answer.json()["detail"]
    assert (await client.get(f"{ROOT}/{FOLDER}/lib-1.0.pom")).status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        INHERITED,
        pom(version="${revision}"),
        pom(more="<name>Bücher</name>").decode().replace("UTF-8", "ISO-8859-1").encode("latin-1"),
    ],
    ids=["inherited", "expression", "latin"],
)
async def test_a_pom_says_the_same_in_several_ways(client: httpx.AsyncClient, content: bytes) -> None:
    assert (await put(client, f"{FOLDER}/lib-1.0.pom", content)).status_code == 201


# --- marks, views, who may ---


async def test_a_yanked_version_is_listed_no_more_and_still_downloads(client: httpx.AsyncClient, world: World) -> None:
    await deploy(client)
    await deploy(client, "1.1")

    await yank(world.registry, ADMINISTRATOR, LIB, ReferenceName("1.1"), reason="broken")

    assert await versions(client) == ["1.0"]
    assert (await client.get(f"{ROOT}/org/acme/lib/1.1/lib-1.1.jar")).status_code == 200


async def test_a_channel_s_view_has_what_is_cleared(client: httpx.AsyncClient, world: World) -> None:
    await deploy(client)
    await deploy(client, "1.1")
    assert (await client.get("/maven/acme.prod/org/acme/lib/maven-metadata.xml")).status_code == 404
    stored = await read_package(world.registry, ADMINISTRATOR, View.parse("acme"), LIB, KIND)

    await open_clearance(world.registry, ADMINISTRATOR, LIB, parse_channel("prod"), stored.versions[0].digest)

    assert await versions(client, view="acme.prod") == ["1.0"]
    assert (await client.get(f"/maven/acme.prod/{JAR}")).content == jar()
    assert (await client.get("/maven/acme.prod/org/acme/lib/1.1/lib-1.1.jar")).status_code == 404
    assert (await client.put(f"/maven/acme.prod/{JAR}", content=jar())).status_code == 403
    assert (await put(client, f"{FOLDER}/lib-1.0-sources.jar")).status_code == 409, "what is cleared is sealed"


async def test_a_version_is_deleted_and_its_name_stays_used_up(client: httpx.AsyncClient) -> None:
    await deploy(client)
    await build(client, "20260131.120000", 1)
    await build(client, "20260131.130000", 2)

    release = await client.delete(f"{ROOT}/{FOLDER}/")
    snapshot = await client.delete(f"{ROOT}/org/acme/lib/1.1-SNAPSHOT")
    again = await client.delete(f"{ROOT}/org/acme/lib/1.1-SNAPSHOT")

    assert [answer.status_code for answer in (release, snapshot, again)] == [204, 204, 404]
    assert (await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml")).status_code == 404
    assert (await put(client, JAR, b"other")).status_code == 409


async def test_who_is_unknown_is_asked_for_basic_credentials(client: httpx.AsyncClient, world: World) -> None:
    await deploy(client)
    async with world.client() as nobody:
        answers = [
            await nobody.get(f"{ROOT}/{JAR}"),
            await nobody.get(f"{ROOT}/{JAR}.sha1"),
            await nobody.get(f"{ROOT}/org/acme/lib/maven-metadata.xml"),
            await nobody.get(f"{ROOT}/org/none/maven-metadata.xml"),
            await put(nobody, JAR),
            await put(nobody, f"{JAR}.sha1"),
            await put(nobody, "org/acme/lib/maven-metadata.xml"),
            await nobody.delete(f"{ROOT}/{FOLDER}"),
        ]

    assert {answer.status_code for answer in answers} == {401}
    assert all(answer.headers["www-authenticate"].startswith("Basic ") for answer in answers)


async def test_a_reader_reads_and_does_not_deploy(client: httpx.AsyncClient, world: World) -> None:
    await deploy(client)
    async with world.client(await world.token("reader")) as reader:
        read = await versions(reader)
        refused = [
            await put(reader, JAR),
            await put(reader, f"{JAR}.sha1"),
            await put(reader, "org/acme/lib/maven-metadata.xml"),
            await put(reader, "org/maven-metadata.xml"),
            await reader.delete(f"{ROOT}/{FOLDER}"),
        ]

    assert read == ["1.0"]
    assert {answer.status_code for answer in refused} == {403}


async def test_who_may_deploy_a_group_deploys_no_other(client: httpx.AsyncClient, world: World) -> None:
    await put(client, "org/other/lib/1.0/lib-1.0.pom", pom(group="org.other"))
    async with world.client(await world.token("publisher", pattern="org.acme/*", name="acme-robot")) as robot:
        await deploy(robot)
        group = await put(robot, "org/acme/maven-metadata.xml", b"<metadata/>")
        other = await put(robot, "org/other/lib/1.0/lib-1.0.jar", jar())
        seen = await robot.get(f"{ROOT}/org/other/lib/maven-metadata.xml")

    assert group.is_success
    assert (other.status_code, seen.status_code) == (404, 404)


async def test_nothing_of_a_client_s_metadata_is_kept(client: httpx.AsyncClient, world: World) -> None:
    await deploy(client)
    events = await world.events()

    sent = await put(client, "org/acme/lib/maven-metadata.xml", b"<metadata><versioning/></metadata>" * 100)

    assert sent.status_code == 200
    assert await world.events() == events
    assert await versions(client) == ["1.0"]


# --- the same version through OCI ---


async def test_a_version_is_an_oci_artifact(client: httpx.AsyncClient) -> None:
    await deploy(client)

    manifest = (await client.get("/v2/acme/maven/org.acme/lib/manifests/1.0")).json()

    assert manifest["artifactType"] == "application/vnd.entrepot.maven.v1"
    assert [layer["annotations"]["org.opencontainers.image.title"] for layer in manifest["layers"]] == [
        "lib-1.0.jar",
        "lib-1.0.pom",
    ]
    config = await client.get(f"/v2/acme/maven/org.acme/lib/blobs/{manifest['config']['digest']}")
    assert config.json() == {
        "format": "maven",
        "groupId": "org.acme",
        "artifactId": "lib",
        "version": "1.0",
        "pom": {"packaging": "jar"},
        "files": {
            name: {algorithm: hexadecimal(algorithm, content) for algorithm in ("md5", "sha1", "sha512")}
            for name, content in (("lib-1.0.jar", jar()), ("lib-1.0.pom", pom()))
        },
    }
