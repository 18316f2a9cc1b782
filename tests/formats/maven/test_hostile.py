"""What is sent as a POM, a jar or a path and is none: refused with a reason, or kept as bytes, and never an error of ours."""

from __future__ import annotations

import contextlib
import io
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.maven.checksums import parse_checksum
from entrepot.formats.maven.plugin import examine_jar, prefix_of
from entrepot.formats.maven.pom import read_pom
from entrepot.formats.maven.rules import ArtifactPath, MavenRules, parse_path
from entrepot.formats.maven.xml import read_tree
from entrepot.model.errors import InvalidMetadata, InvalidName, InvalidReference, RegistryError
from entrepot.operations.check import check
from entrepot.scanning.versions.maven import sort_versions
from entrepot.testing.builders import open_world
from tests.formats.maven.artifacts import jar, plugin, pom
from tests.hostile.effort import fuzz

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;">]>
<project><artifactId>&lol1;</artifactId></project>"""
OUTSIDE = b"""<!DOCTYPE project SYSTEM "file:///etc/passwd"><project/>"""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LAUGHS, "without a document type"),
        (OUTSIDE, "without a document type"),
        (b"<project>&eacute;</project>", "XML"),
        (b"<a>" * 100 + b"</a>" * 100, "nested deeper"),
        (b"<a>" * 1_000_000, "nested deeper"),
        (b"<a>" + b"<b/>" * 200_001 + b"</a>", "elements"),
        (b"<a>" + b"x" * 9_000_000 + b"</a>", "bytes"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "XML"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "XML"),
        (b'<?xml version="1.0" encoding="idna"?><a/>', "XML"),
        (b"\xff\xfe<\x00a\x00", "XML"),
        (b"<a>\xff</a>", "XML"),
        (b"<a></b>", "XML"),
        (b"<a/><b/>", "XML"),
        (b"\x00", "XML"),
    ],
)
def test_xml_that_asks_for_more_than_it_is_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidMetadata) as refused:
        read_tree(content, "POM")

    assert reason in str(refused.value)


def test_what_a_pom_says_is_kept() -> None:
    more = """
      <name>A library</name><description> of
        things </description><url>https://lib.example.com</url><packaging>bundle</packaging>
      <licenses><license><name>Apache-2.0</name></license><license/></licenses>
      <dependencies><dependency><groupId>org.acme</groupId><artifactId>base</artifactId><version>1.0</version>
        <scope>test</scope></dependency></dependencies>"""

    found = read_pom(pom(more=more))

    assert (found.group, found.artifact, found.version) == ("org.acme", "lib", "1.0")
    assert found.facts == {
        "packaging": "bundle",
        "name": "A library",
        "description": "of\n        things",
        "url": "https://lib.example.com",
        "licenses": [{"name": "Apache-2.0"}],
        "dependencies": [{"groupId": "org.acme", "artifactId": "base", "version": "1.0", "scope": "test"}],
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no jar at all",
        jar()[:-5],
        jar(),
        jar({"META-INF/maven/plugin.xml": "<plugin/>"}),
        jar({"META-INF/maven/plugin.xml": "<plugin>"}),
        jar({"META-INF/maven/plugin.xml": LAUGHS.decode()}),
        jar({"META-INF/maven/plugin.xml": "x" * 9_000_000}),
    ],
    ids=["empty", "text", "cut", "jar", "no prefix", "no end", "laughs", "huge"],
)
def test_a_jar_that_says_nothing_readable_is_no_plugin(content: bytes) -> None:
    assert examine_jar(io.BytesIO(content)) is None


def test_a_jar_that_can_be_run_is_read_too() -> None:
    """With a shell script before it, as build tools make them."""
    found = examine_jar(io.BytesIO(b"#!/bin/sh\nexec java -jar $0\n" + plugin("hello")))

    assert found is not None
    assert (found.prefix, found.name) == ("hello", "Says hello")


@pytest.mark.parametrize(
    ("artifact", "prefix"),
    [
        ("maven-deploy-plugin", "deploy"),
        ("hello-maven-plugin", "hello"),
        ("hello", "hello"),
        ("maven-plugin", "plugin"),
    ],
)
def test_a_plugin_has_a_prefix_by_its_name(artifact: str, prefix: str) -> None:
    assert prefix_of(artifact) == prefix


# --- names ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [("org.acme:lib", "org.acme/lib"), ("org.acme/lib", "org.acme/lib"), ("a/b.c_D-1", "a/b.c_D-1")],
)
def test_a_package_has_one_spelling(name: str, expected: str) -> None:
    assert MavenRules().normalize(name) == expected


@pytest.mark.parametrize(
    "name", ["lib", "org..acme/lib", ".org/lib", "org/", "/lib", "org/a/b", "org/..", "örg/lib", "a/" + "b" * 300]
)
def test_a_name_that_no_layout_can_hold_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        MavenRules().normalize(name)


@pytest.mark.parametrize("version", ["1.0-SNAPSHOT", "", "1/0", "1.0 ", "sha256-" + "0" * 64])
def test_a_version_that_means_something_else_is_refused(version: str) -> None:
    with pytest.raises(InvalidReference):
        MavenRules().parse_version(version)


@pytest.mark.parametrize(
    ("file", "classifier", "extension"),
    [
        ("lib-1.0.jar", "", "jar"),
        ("lib-1.0.tar.gz", "", "tar.gz"),
        ("lib-1.0.jar.asc", "", "jar.asc"),
        ("lib-1.0-sources.jar", "sources", "jar"),
        ("lib-1.0-bin.tar.gz", "bin", "tar.gz"),
        ("lib-1.0-jdk1.5.jar", "jdk1.5", "jar"),
        ("lib-1.0-jdk1.5-sources.jar.asc", "jdk1.5-sources", "jar.asc"),
        ("lib-1.0-sources.jar.sigstore.json", "sources", "jar.sigstore.json"),
    ],
)
def test_a_file_s_name_says_what_it_is(file: str, classifier: str, extension: str) -> None:
    path = parse_path(f"org/acme/lib/1.0/{file}")

    assert isinstance(path, ArtifactPath)
    assert (path.classifier, path.extension, path.version) == (classifier, extension, "1.0")


# --- the order of versions ---


@pytest.mark.parametrize(
    "ordered",
    [
        # Cases of Maven's own tests of ComparableVersion: by qualifiers, by numbers, and what once went wrong.
        (
            "1-alpha2snapshot 1-alpha2 1-alpha-123 1-beta-2 1-beta123 1-m2 1-m11 1-rc 1-cr2 1-rc123 1-SNAPSHOT 1 1-sp 1-sp2 "
            "1-sp123 1-abc 1-def 1-pom-1 1-1-snapshot 1-1 1-2 1-123"
        ),
        (
            "2.0 2.0.a 2-1 2.0.2 2.0.123 2.1.0 2.1-a 2.1b 2.1-c 2.1-1 2.1.0.1 2.2 2.123 11.a2 11.a11 11.b2 11.b11 11.m2 "
            "11.m11 11 11.a 11b 11c 11m"
        ),
        "6.1.0rc3 6.1.0 6.1H.5-beta",
        "20190126.230843 1234567890.12345 123456789012345.1H.5-beta 12345678901234567890.1H.5-beta",
    ],
)
def test_versions_are_in_maven_s_order(ordered: str) -> None:
    for older, newer in pairwise(ordered.split()):
        assert sort_versions([newer, older]) == [older, newer]
    assert sort_versions(reversed(ordered.split())) == ordered.split()


@pytest.mark.parametrize(
    "equal", ["1 1.0 1.0.0 1-0 1.0-0 1ga 1-ga 1.final 1-release", "1cr 1rc", "1a1 1-alpha-1", "1X 1x"]
)
def test_versions_that_maven_holds_for_equal_have_an_order_all_the_same(equal: str) -> None:
    assert sort_versions(equal.split()) == sort_versions(reversed(equal.split())) == sorted(equal.split())


@fuzz
@given(st.lists(st.text("019abmrc.-+_SNAPHOT", min_size=1, max_size=12), max_size=6))
def test_any_versions_have_one_order(texts: list[str]) -> None:
    assert sort_versions(texts) == sort_versions(reversed(texts))


# --- made up ---

SPOILT = st.tuples(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 8))


def spoilt(content: bytes, how: tuple[int, bytes, int]) -> bytes:
    at, new, length = how
    return content[:at] + new + content[at + length :]


@fuzz
@given(st.one_of(st.binary(max_size=200), SPOILT.map(lambda how: spoilt(pom(more="<packaging>pom</packaging>"), how))))
def test_any_bytes_are_a_pom_or_refused(content: bytes) -> None:
    with contextlib.suppress(RegistryError):
        read_pom(content)


@fuzz
@given(st.one_of(st.binary(max_size=200), SPOILT.map(lambda how: spoilt(plugin("hello"), how))))
def test_any_bytes_are_a_jar_or_not(content: bytes) -> None:
    examine_jar(io.BytesIO(content))


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        [
            "org",
            "acme",
            "lib",
            "1.0",
            "1.1-SNAPSHOT",
            "lib-1.0.jar",
            "lib-1.0.pom",
            "lib-1.0.jar.sha1",
            "maven-metadata.xml",
            "..",
            "lib-1.1-20260131.120000-1.pom",
            "maven-metadata.xml.md5",
            "lib-1.1-SNAPSHOT.jar",
        ]
    ),
)
PATHS = st.one_of(
    st.lists(TEXTS, max_size=6).map("/".join),
    st.tuples(st.just("org/acme/lib"), TEXTS, TEXTS).map("/".join),
)


@fuzz
@given(PATHS)
def test_any_path_is_in_the_layout_or_refused(path: str) -> None:
    with contextlib.suppress(RegistryError):
        parse_path(path)


@fuzz
@given(st.sampled_from(["md5", "sha1", "sha256", "sha512"]), st.text(max_size=200))
def test_any_text_is_a_checksum_or_refused(algorithm: str, text: str) -> None:
    with contextlib.suppress(RegistryError):
        parse_checksum(algorithm, text)


async def test_no_request_is_answered_by_an_error_of_ours(tmp_path: Path) -> None:
    asked: list[tuple[str, str, bytes, str]] = []

    @fuzz
    @given(
        st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "POST"]),
        PATHS,
        st.one_of(st.binary(max_size=60), st.sampled_from([jar(), pom(), pom(version="1.1-SNAPSHOT"), LAUGHS])),
        st.one_of(st.just(""), st.text("0123456789abcdef \t", max_size=50)),
    )
    def make_up(method: str, path: str, body: bytes, claim: str) -> None:
        asked.append((method, path, body, claim))

    make_up()
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        async with world.client(await world.token("maintainer")) as client:
            for method, path, body, claim in asked:
                headers = {"x-checksum-sha1": claim} if claim else {}
                url = f"/maven/acme/{quote(path)}"
                answer = await client.request(method, url, content=body, headers=headers)

                assert answer.status_code < 500, (method, path, body, answer.text)
        assert await check(world.registry) == []
