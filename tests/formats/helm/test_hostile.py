"""What is sent as a chart and is none: refused with a reason, whatever it is."""

from __future__ import annotations

import contextlib
import gzip
import io
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.helm.archive import examine_chart
from entrepot.formats.helm.metadata import read_chart_file
from entrepot.formats.helm.provenance import examine_provenance
from entrepot.formats.helm.rules import ChartVersion, HelmRules, parse_file
from entrepot.model.errors import InvalidArchive, InvalidMetadata, InvalidName, InvalidReference, RegistryError
from entrepot.model.names import PackageName
from entrepot.testing.builders import open_world
from tests.formats.helm.charts import chart, packed, provenance
from tests.hostile.effort import fuzz

GOOD = b"apiVersion: v2\nname: web\nversion: 1.0.0\n"


def laughs() -> bytes:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    return GOOD + "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (laughs(), "without aliases"),
        (GOOD + b"keywords: " + b"[" * 10_000, "nested deeper"),
        (GOOD + b"x: " + b"a" * 300_000, "at most"),
        (GOOD + b"keywords: [" + b"a," * 30_000 + b"]", "nodes"),
        (GOOD + b"description: !!python/object/apply:os.system [id]\n", "without tags"),
        (GOOD + b"name: other\n", "each key once"),
        (GOOD + b"---\nname: other\n", "one document"),
        (GOOD + b"? [a]\n: b\n", "texts as keys"),
        (b"", "a document"),
        (b"- a\n", "a mapping"),
        (b"\x00\x01", "YAML"),
        (b"\xff\xfe\x00\xd8", "YAML"),
        (b"name: web\nversion: 1.0.0\n", "apiVersion"),
        (b"apiVersion: v2\nversion: 1.0.0\n", "name"),
        (b"apiVersion: v2\nname: web\nversion: ~\n", "version"),
        (b"apiVersion: v9\nname: web\nversion: 1.0.0\n", "v1, v2, v3"),
        (b"apiVersion: v2\nname: ../web\nversion: 1.0.0\n", "a chart's name"),
        (b"apiVersion: v2\nname: web\nversion: latest\n", "semantic version"),
        (b"apiVersion: v2\nname: web\nversion: 1.0.0_1\n", "semantic version"),
        (GOOD + b"type: daemon\n", "application, library"),
        (GOOD + b"deprecated: perhaps\n", "true or false"),
        (GOOD + b"keywords: shop\n", "a list"),
        (GOOD + b"keywords: [[shop]]\n", "a text"),
        (GOOD + b"annotations: [a]\n", "a mapping"),
        (GOOD + b"dependencies: [{version: 1.0.0}]\n", "a name for each"),
    ],
)
def test_a_chart_file_that_is_none_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidMetadata) as refused:
        read_chart_file(content)

    assert reason in str(refused.value)


def test_texts_are_kept_as_they_are_written() -> None:
    metadata = read_chart_file(
        GOOD + b"appVersion: 1.10\nannotations:\n  a: 012\n  b: yes\ndescription: null\ndeprecated: yes\n"
        b"dependencies:\n- name: db\n  repository: ''\n  enabled: false\n  import-values: [a, {b: 1}, 1.5, ~, true, '2']\n"
    )

    assert metadata.fields == {
        "apiVersion": "v2",
        "name": "web",
        "version": "1.0.0",
        "appVersion": "1.10",
        "annotations": {"a": "012", "b": "yes"},
        "deprecated": True,
        "dependencies": [
            {"name": "db", "repository": "", "enabled": False, "import-values": ["a", {"b": 1}, 1.5, None, True, "2"]}
        ],
    }


def test_what_a_chart_of_the_first_api_version_requires_is_in_a_file_of_its_own() -> None:
    content = packed(
        {
            "web/Chart.yaml": b"apiVersion: v1\nname: web\nversion: 1.0.0\n",
            "web/requirements.yaml": b"dependencies:\n- name: db\n  version: ^1\n",
        }
    )

    assert examine_chart(io.BytesIO(content)).fields["dependencies"] == [{"name": "db", "version": "^1"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "gzip"),
        (b"PK\x03\x04", "gzip"),
        (gzip.compress(b"no tar"), "expected"),
        (chart()[:60], "expected"),
        (packed({"web/values.yaml": b""}), "a Chart.yaml"),
        (packed({"web/charts/db/Chart.yaml": GOOD}), "a Chart.yaml"),
        (packed({"Chart.yaml": GOOD}), "in the chart's folder"),
        (packed({"web/Chart.yaml": GOOD, "api/Chart.yaml": GOOD}), "one folder"),
        (packed({"web/Chart.yaml": GOOD, "web/../../etc/passwd": b""}), "expected"),
        (packed({"web/Chart.yaml": GOOD}, "web/values.yaml"), "no link"),
        (packed({"web/Chart.yaml": GOOD + b"#" * 300_000}), "at most"),
        (packed({"web/Chart.yaml": GOOD, "web/zeros": bytes(101 * 1024 * 1024)}), "at most"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_archive_that_is_no_chart_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidArchive) as refused:
        examine_chart(io.BytesIO(content))

    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "signed in the clear"),
        (b"name: web\n...\nfiles: {}\n", "signed in the clear"),
        (provenance(b"").replace(b"\n...\n", b"\n"), "three dots"),
        (provenance(b"", file="api-1.0.0.tgz"), "the checksum of web-1.0.0.tgz"),
        (provenance(b"").replace(b"sha256:", b"md5:"), "sha256"),
        (provenance(b"").replace(b"name: web", b"name: [web]"), "a text"),
        (provenance(b"").replace(b"name: web", b"title: web"), "a chart's name"),
        (provenance(b"") + b"\n" * 600_000, "at most"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_provenance_that_says_nothing_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidMetadata) as refused:
        examine_provenance(io.BytesIO(content))

    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "name", ["web.tgz", "web-1.0.0.zip", "web-1.0.0_b.tgz", "api-1.0.0.tgz", "web-.tgz", "web-1.0.0"]
)
def test_a_file_is_called_by_its_chart_and_version(name: str) -> None:
    with pytest.raises(InvalidName):
        parse_file(PackageName("web"), name)


@given(st.from_regex(r"v?[0-9]{1,3}(\.[0-9]{1,3}){0,2}(-[a-z0-9.-]{1,6})?(\+[a-z0-9]{1,4})?", fullmatch=True))
def test_a_version_has_one_spelling_in_the_catalog(text: str) -> None:
    rules = HelmRules()
    try:
        reference = rules.parse_version(text)
    except InvalidReference:
        return

    assert reference == rules.parse_version(reference) == text.replace("+", "_")
    assert str(ChartVersion.parse(text)) == text


def test_versions_are_in_the_order_of_semver() -> None:
    """SemVer 2.0.0, 11."""
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]

    assert sorted(map(ChartVersion.parse, reversed(ordered))) == list(map(ChartVersion.parse, ordered))


# --- made up ---

SPOILT = st.tuples(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 8))


def spoilt(content: bytes, how: tuple[int, bytes, int]) -> bytes:
    at, new, length = how
    return content[:at] + new + content[at + length :]


@fuzz
@given(st.one_of(st.binary(max_size=200), SPOILT.map(lambda how: spoilt(GOOD + b"keywords: [a, 'b']\n", how))))
def test_any_bytes_are_a_chart_file_or_refused(content: bytes) -> None:
    with contextlib.suppress(RegistryError):
        read_chart_file(content)


@fuzz
@given(st.one_of(st.binary(max_size=200), SPOILT.map(lambda how: spoilt(provenance(b""), how))))
def test_any_bytes_are_provenance_or_refused(content: bytes) -> None:
    with contextlib.suppress(RegistryError):
        examine_provenance(io.BytesIO(content))


@fuzz
@given(
    st.one_of(
        st.binary(max_size=200).map(lambda tail: b"\x1f\x8b" + tail), SPOILT.map(lambda how: spoilt(chart(), how))
    )
)
def test_any_bytes_are_a_chart_or_refused(content: bytes) -> None:
    with contextlib.suppress(RegistryError):
        examine_chart(io.BytesIO(content))


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["acme", "acme.prod", "web", "1.0.0", "web-1.0.0.tgz", "charts", "api", "index.yaml", "..", "%2e%2e"]
    ),
)


async def test_no_request_is_answered_by_an_error_of_ours(tmp_path: Path) -> None:
    asked: list[tuple[str, str, bytes, str]] = []

    @fuzz
    @given(
        st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]),
        st.one_of(
            st.lists(TEXTS, max_size=4).map("/".join),
            st.sampled_from(["acme/api/charts", "acme/api/prov", "acme/charts/web/web-1.0.0.tgz"]),
        ),
        st.one_of(st.binary(max_size=60), st.just(chart()), st.just(provenance(chart()))),
        st.sampled_from(["", "multipart/form-data", "multipart/form-data; boundary=x", "application/json"]),
    )
    def make_up(method: str, path: str, body: bytes, content_type: str) -> None:
        asked.append((method, path, body, content_type))

    make_up()
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        async with world.client(await world.token("maintainer")) as client:
            for method, path, body, content_type in asked:
                url = f"/helm/{quote(path, safe='/%')}"
                answer = await client.request(method, url, content=body, headers={"content-type": content_type})

                assert answer.status_code < 500, (method, path, body, answer.text)
