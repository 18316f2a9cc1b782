"""What other repositories' published tests ask of a Maven repository, asked of ours.

The cases are Gitea's (``tests/integration/api_packages_maven_test.go``), pulp_maven's
(``pulp_maven/tests/functional/api``: ``test_create_content.py``, ``test_maven_package.py``,
``test_metadata_generation.py``, ``test_prefixes_txt.py``) and those of maven-resolver's ``HttpTransporterTest`` that a
server can answer; each test names its own.
Theirs that are not here are asserted beside this: checksums in headers and files, resuming, ``Expect: 100-continue``,
credentials, which version is the newest, classifiers of snapshots, reading through.
Where they expect something else than we do, the test says why.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest

from entrepot.testing.builders import World
from tests.formats.maven.artifacts import ROOT, build, deploy, jar, metadata, pom, put, versions

FOLDER = "org/acme/lib/1.0"
JAR = f"{FOLDER}/lib-1.0.jar"
SNAPSHOT = "org/acme/lib/1.1-SNAPSHOT"


def hexadecimal(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


# --- Gitea, TestPackageMaven ---


async def test_a_file_is_taken_once_and_again_if_it_is_the_same(client: httpx.AsyncClient) -> None:
    """Gitea, "Upload" and "UploadExists", answers 409 to the same bytes too.

    A deployment that broke off is repeated with the same files, so to us that is no error; other bytes are one.
    """
    first, same, other = [await put(client, JAR, content) for content in (b"test", b"test", b"other")]

    assert [answer.status_code for answer in (first, same, other)] == [201, 200, 409]


@pytest.mark.parametrize(
    "file",
    ["org.acme-lib-1.0.jar", "org.acme-lib-1.0.jar.pom", "lib-1.0.1.jar", "lib-1.0.1.pom", "lib-1.0.2.3.jar"],
)
async def test_a_file_is_called_like_its_artifact_and_version(client: httpx.AsyncClient, file: str) -> None:
    """Gitea, "Upload", calls its file after the group too; by the layout nobody would look for it there."""
    assert (await put(client, f"{FOLDER}/{file}", b"test")).status_code == 400


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "kind"), [(JAR, "application/java-archive"), (f"{FOLDER}/lib-1.0.pom", "application/xml")]
)
async def test_a_file_says_its_type_and_length_and_what_it_is(
    client: httpx.AsyncClient, method: str, path: str, kind: str
) -> None:
    """Gitea, "Download" and "DownloadPOM".

    There an XML file is ``text/xml`` (RFC 7303, 9.2: the same), and it has a date; ours has a strong entity tag.
    """
    await deploy(client)
    content = jar() if path == JAR else pom()

    answer = await client.request(method, f"{ROOT}/{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["etag"] == f'"sha256:{hexadecimal("sha256", content)}"'
    assert answer.content == (content if method == "GET" else b"")


@pytest.mark.parametrize(("sum_", "status"), [(b"test", 400), (hexadecimal("sha1", b"test").encode(), 200)])
async def test_a_checksum_that_comes_is_held_against_the_file(
    client: httpx.AsyncClient, sum_: bytes, status: int
) -> None:
    """Gitea, "UploadVerifySHA1"."""
    await put(client, JAR, b"test")

    assert (await put(client, f"{JAR}.sha1", sum_)).status_code == status


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
async def test_checksums_are_there_though_nobody_sent_any(client: httpx.AsyncClient, algorithm: str) -> None:
    """Gitea, "DownloadChecksums"; of another version there is neither the file nor its checksum."""
    await put(client, JAR, b"test")

    found = await client.get(f"{ROOT}/{JAR}.{algorithm}")
    other = await client.get(f"{ROOT}/org/acme/lib/1.2.3/lib-1.2.3.jar.{algorithm}")

    assert found.text == hexadecimal(algorithm, b"test")
    assert other.status_code == 404


async def test_metadata_that_comes_is_taken_again_and_again_and_is_ours_when_it_goes(
    client: httpx.AsyncClient, world: World
) -> None:
    """Gitea, "Upload", "DownloadMetadata" and "UploadSnapshot": of an artifact, and of a snapshot, also if it is none.

    Pulp, "upload invalid xml metadata", refuses what is no XML; of metadata that nobody keeps nothing is read.
    """
    await deploy(client)
    await build(client, "20260131.120000")
    events = await world.events()

    for path in ("org/acme/lib", SNAPSHOT):
        for content in (b"test", b"test-overwrite", b"<metadata/>"):
            assert (await put(client, f"{path}/maven-metadata.xml", content)).status_code == 200

    assert await world.events() == events
    assert await versions(client) == ["1.0", "1.1-SNAPSHOT"]
    assert (await metadata(client, SNAPSHOT)).findtext("versioning/snapshot/buildNumber") == "1"


# --- pulp_maven ---


async def test_a_release_has_documents_beside_its_jar(client: httpx.AsyncClient) -> None:
    """Pulp, "upload maven artifacts": a vendor's release with its bill of materials, provenance and findings."""
    name = "config-server-4.3.0-redhat-1"
    folder = f"org/springframework/cloud/config-server/{name.removeprefix('config-server-')}"
    documents = {
        f"{name}.jar": jar(),
        f"{name}.pom": pom("config-server", "4.3.0-redhat-1", "org.springframework.cloud"),
        **{f"{name}-{kind}.json": kind.encode() for kind in ("cyclonedx", "provenance", "vex")},
    }
    algorithms = ("md5", "sha1", "sha256")

    for file, content in documents.items():
        assert (await put(client, f"{folder}/{file}", content)).status_code == 201
        for algorithm in algorithms:
            sent = await put(client, f"{folder}/{file}.{algorithm}", hexadecimal(algorithm, content).encode())
            assert sent.status_code == 200

    for file, content in documents.items():
        assert (await client.get(f"{ROOT}/{folder}/{file}")).content == content
        for algorithm in algorithms:
            assert (await client.get(f"{ROOT}/{folder}/{file}.{algorithm}")).text == hexadecimal(algorithm, content)


@pytest.mark.parametrize("version", ["5.3.17.rhlw-00001", "final-1.2.3", "4.3.0-redhat-1", "1.0.0"])
async def test_a_version_is_what_stands_in_its_place_of_the_path(client: httpx.AsyncClient, version: str) -> None:
    """Pulp, "rhlw version", "text prefixed version" and "upload with file"."""
    await deploy(client, version, "my-lib")

    assert await versions(client, "org/acme/my-lib") == [version]
    assert (await client.get(f"{ROOT}/org/acme/my-lib/{version}/my-lib-{version}.jar")).content == jar()


async def test_other_content_in_the_same_place_is_not_quietly_dropped(client: httpx.AsyncClient) -> None:
    """Pulp, "upload duplicate", says that all is well and keeps the first; whoever sent the second would not know."""
    await put(client, JAR, jar())

    other = await put(client, JAR, jar({"other": ""}))

    assert other.status_code == 409
    assert hexadecimal("sha256", jar()) in other.json()["expected"]
    assert (await client.get(f"{ROOT}/{JAR}")).content == jar()


async def test_a_jar_alone_makes_no_version_and_its_pom_does(client: httpx.AsyncClient) -> None:
    """Pulp, "no pom no package" and "pom upload creates package".

    There metadata is made of jars too ("deploy api generates metadata"): a resolver that goes by it would look for a
    POM that is not there yet.
    """
    await put(client, JAR, jar())
    before = await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml")

    await put(client, f"{FOLDER}/lib-1.0.pom", pom())

    assert before.status_code == 404
    assert await versions(client) == ["1.0"]


async def test_the_latest_is_a_snapshot_and_the_release_is_none(client: httpx.AsyncClient) -> None:
    """Pulp, "metadata release excludes snapshots" and "metadata updated on new artifact"."""
    await deploy(client)
    await build(client, "20260131.120000", base="2.0.0")

    found = await metadata(client)

    assert found.findtext("versioning/latest") == "2.0.0-SNAPSHOT"
    assert found.findtext("versioning/release") == "1.0"
    assert await versions(client) == ["1.0", "2.0.0-SNAPSHOT"]


async def test_each_artifact_has_metadata_of_its_own(client: httpx.AsyncClient) -> None:
    """Pulp, "metadata multiple groups"."""
    await deploy(client, "1.0.0", "lib-a")
    await put(client, "com/acme/lib-b/3.0.0/lib-b-3.0.0.pom", pom("lib-b", "3.0.0", "com.acme"))

    first, second = await metadata(client, "org/acme/lib-a"), await metadata(client, "com/acme/lib-b")

    for found, expected in ((first, ("org.acme", "lib-a", "1.0.0")), (second, ("com.acme", "lib-b", "3.0.0"))):
        told = (found.findtext("groupId"), found.findtext("artifactId"), found.findtext("versioning/latest"))
        assert told == expected


async def test_a_version_that_goes_is_listed_no_more(client: httpx.AsyncClient) -> None:
    """Pulp, "metadata updated on artifact removal" and "removed when all artifacts removed"; a version goes whole."""
    for version in ("1.0", "2.0", "3.0"):
        await deploy(client, version)

    await client.delete(f"{ROOT}/org/acme/lib/2.0")
    left = await versions(client)
    latest = (await metadata(client)).findtext("versioning/latest")
    for version in ("1.0", "3.0"):
        await client.delete(f"{ROOT}/org/acme/lib/{version}")

    assert (left, latest) == (["1.0", "3.0"], "3.0")
    for suffix in ("", ".sha1"):
        assert (await client.get(f"{ROOT}/org/acme/lib/maven-metadata.xml{suffix}")).status_code == 404


async def test_a_snapshot_has_metadata_and_a_release_has_none(client: httpx.AsyncClient) -> None:
    """Pulp, "version level metadata": generated for snapshots, not for releases, gone when they are."""
    await deploy(client)
    await build(client, "20260131.120000")
    path = f"{ROOT}/{SNAPSHOT}/maven-metadata.xml"
    content = (await client.get(path)).content

    for algorithm in ("md5", "sha1", "sha256"):
        assert (await client.get(f"{path}.{algorithm}")).text == hexadecimal(algorithm, content)
    assert (await client.get(f"{ROOT}/{FOLDER}/maven-metadata.xml")).status_code == 404

    await client.delete(f"{ROOT}/{SNAPSHOT}")

    assert (await client.get(path)).status_code == 404
    assert await versions(client) == ["1.0"]


@pytest.mark.parametrize("name", ["lib-1.1-SNAPSHOT.jar", "lib-1.1-SNAPSHOT.pom", "lib-1.1-SNAPSHOT-sources.jar"])
async def test_a_build_of_a_snapshot_has_its_time_in_its_name(client: httpx.AsyncClient, name: str) -> None:
    """Pulp, "version level metadata generated for snapshot", is sent files without one, as Maven 2 could.

    Each build would overwrite the one before; since version 3 clients send the time.
    """
    answer = await put(client, f"{SNAPSHOT}/{name}", jar())

    assert (answer.status_code, "1.1-20260131.120000-1" in answer.json()["expected"]) == (400, True)


async def test_a_later_build_may_say_something_else_of_its_snapshot(client: httpx.AsyncClient) -> None:
    """Pulp, "snapshot redeploy refreshes metadata": the POM of the newest build is the snapshot's."""
    for number, name in ((1, "First"), (2, "Second")):
        described = pom("lib", "1.1-SNAPSHOT", more=f"<name>{name}</name>")
        await put(client, f"{SNAPSHOT}/lib-1.1-20260131.12000{number}-{number}.pom", described)

    assert b"<name>Second</name>" in (await client.get(f"{ROOT}/{SNAPSHOT}/lib-1.1-SNAPSHOT.pom")).content


async def test_there_is_no_list_of_prefixes(client: httpx.AsyncClient) -> None:
    """Pulp, "prefixes.txt", makes one; it would tell everybody which groups there are, also those who see but one.

    Resolvers take its absence for "any" (remote repository filtering, "Prefixes").
    """
    await deploy(client)

    answer = await client.get(f"{ROOT}/.meta/prefixes.txt")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")


# --- maven-resolver, HttpTransporterTest ---


async def test_an_empty_file_is_a_file(client: httpx.AsyncClient) -> None:
    """Get and put of an empty resource."""
    put_answer = await put(client, f"{FOLDER}/lib-1.0.txt", b"")

    got = await client.get(f"{ROOT}/{FOLDER}/lib-1.0.txt")

    assert put_answer.status_code == 201
    assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "0")


async def test_an_escaped_path_means_what_it_spells(client: httpx.AsyncClient) -> None:
    """Get and put of an encoded resource path; with a space there is no name of any artifact."""
    path = "org/acme/lib%2Dx/1%2E0/lib%2dx-1.0.jar"

    sent = await put(client, path, jar())
    got = await client.get(f"{ROOT}/org/acme/lib-x/1.0/lib-x-1.0.jar")
    spaced = await put(client, f"{FOLDER}/lib-1.0-some%20space.txt", b"OK")

    assert (sent.status_code, got.content, spaced.status_code) == (201, jar(), 400)


@pytest.mark.parametrize("encoding", ["br", "gzip", "zstd"])
async def test_a_file_goes_as_it_is_also_to_who_could_unpack_it(client: httpx.AsyncClient, encoding: str) -> None:
    """Get with compression.

    A client that resumes counts bytes of the file, and checks sums of them: what is packed on the way has neither.
    """
    await deploy(client)

    answer = await client.get(f"{ROOT}/{FOLDER}/lib-1.0.pom", headers={"accept-encoding": encoding})

    assert "content-encoding" not in answer.headers
    assert (answer.content, answer.headers["content-length"]) == (pom(), str(len(pom())))


async def test_what_is_resumed_by_its_date_goes_on(client: httpx.AsyncClient) -> None:
    """Get, resumed: the client sends the date of the part that it has.

    A file here never changes, so there is no part that is outdated, and no date that it would have to be held against
    (RFC 9110, 13.1.4: a recipient without one ignores the field).
    """
    await deploy(client)
    headers = {
        "range": "bytes=2-",
        "if-unmodified-since": format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True),
    }

    answer = await client.get(f"{ROOT}/{JAR}", headers=headers)

    assert (answer.status_code, answer.content) == (206, jar()[2:])
    assert answer.headers["content-range"] == f"bytes 2-{len(jar()) - 1}/{len(jar())}"


async def test_a_refusal_is_a_problem_with_all_its_fields(client: httpx.AsyncClient, world: World) -> None:
    """Get and put, "RFC 9457 response": clients show the title and the detail."""
    await deploy(client)
    async with world.client(await world.token("reader")) as reader:
        refused = await put(reader, JAR, accept="application/problem+json")

    problem = refused.json()
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    assert (problem["type"], problem["status"]) == ("about:blank", 403)
    assert problem["title"]
    assert "acme/org.acme/lib" in problem["detail"]


async def test_many_requests_over_one_connection_are_all_answered(client: httpx.AsyncClient) -> None:
    """Get and put, "file handle leak", and a put whose answer has a body."""
    for number in range(100):
        answer = await put(client, f"{FOLDER}/lib-1.0-{number}.txt", b"%d" % number)
        assert answer.status_code == 201

    for number in range(100):
        assert (await client.get(f"{ROOT}/{FOLDER}/lib-1.0-{number}.txt")).content == b"%d" % number
