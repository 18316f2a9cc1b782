"""Whatever is handed over as an advisory, a statement, a report or a version: no crash, no hang, never "clean" by error."""

from __future__ import annotations

import io
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.maven.pom import read_pom
from entrepot.model.advisory import Notice, State
from entrepot.model.errors import RegistryError, TooLarge
from entrepot.operations import advisory_changes
from entrepot.ports.fetch import Document
from entrepot.scanning.groups import group
from entrepot.scanning.osv import parse_advisory
from entrepot.scanning.records import iter_records, read_exploitation
from entrepot.scanning.reports import parse_report
from entrepot.scanning.rules import Compiled, decode_rule
from entrepot.scanning.secrets import find_secrets
from entrepot.scanning.versions import ORDERS
from entrepot.scanning.vex import parse_vex
from tests.hostile.effort import fuzz

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.sampled_from(
    [
        "id",
        "modified",
        "published",
        "withdrawn",
        "aliases",
        "upstream",
        "summary",
        "details",
        "severity",
        "affected",
        "package",
        "ecosystem",
        "name",
        "versions",
        "ranges",
        "type",
        "events",
        "introduced",
        "fixed",
        "last_affected",
        "limit",
        "database_specific",
        "score",
        "@context",
        "statements",
        "vulnerability",
        "products",
        "status",
        "justification",
        "bomFormat",
        "vulnerabilities",
        "analysis",
        "state",
        "affects",
        "ref",
        "runs",
        "tool",
        "driver",
        "results",
        "SchemaVersion",
        "Results",
        "Vulnerabilities",
        "matches",
        "artifact",
        "level",
        "message",
        "@id",
        "version",
    ]
)
WORDS = st.sampled_from(
    [
        "PyPI",
        "npm",
        "Debian:12",
        "crates.example",
        "SEMVER",
        "ECOSYSTEM",
        "GIT",
        "0",
        "1.0",
        "1.0-n1",
        "not_affected",
        "CycloneDX",
        "2.1.0",
        "CVE-2026-1",
        "2026-01-01T00:00:00Z",
        "https://openvex.dev/ns/v0.2.0",
        "CVSS_V3",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:4.0/AV:N",
    ]
)
DOCUMENTS = st.recursive(
    SCALARS | WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)
VERSIONS = st.text(alphabet="019.-+~^:_abrcvdevpost!*\x00é\u0661", max_size=24) | st.text(max_size=300)


def read_page(content: bytes) -> object:
    """What another registry says has changed; none where it is no page."""
    return advisory_changes._read(Document(200, {}, content, "http://registry.example.com"))


PARSERS = {
    "page of changes": read_page,
    "pom": read_pom,
    "advisory": parse_advisory,
    "vex": parse_vex,
    "report": parse_report,
    "exploitation": read_exploitation,
    "records": lambda content: list(iter_records(io.BytesIO(content))),
}


@pytest.mark.parametrize("name", sorted(PARSERS))
@fuzz
@given(document=DOCUMENTS | st.dictionaries(KEYS, DOCUMENTS, max_size=8))
def test_no_document_is_more_than_refused(name: str, document: Any) -> None:
    try:
        PARSERS[name](json.dumps(document).encode())
    except RegistryError:
        return


@pytest.mark.parametrize("name", sorted(PARSERS))
@fuzz
@given(content=st.binary(max_size=200))
def test_no_bytes_are_more_than_refused(name: str, content: bytes) -> None:
    try:
        PARSERS[name](content)
    except RegistryError:
        return


@fuzz
@given(
    ecosystem=st.sampled_from(
        ["PyPI", "npm", "Maven", "Debian:12", "Alpine:v3.20", "Rocky Linux:9", "RubyGems", "NuGet"]
    ),
    bound=VERSIONS,
    version=VERSIONS,
)
def test_what_cannot_be_compared_is_never_clean(ecosystem: str, bound: str, version: str) -> None:
    """Everything is affected from the first version on but for a repair that may be no version."""
    events = [{"introduced": "0"}, {"fixed": bound}]
    affected = {
        "package": {"ecosystem": ecosystem, "name": "acme"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    record = {"id": "A-1", "modified": "2026-01-01T00:00:00Z", "affected": [affected]}

    [rule] = parse_advisory(json.dumps(record).encode()).rules.values()

    verdict = decode_rule(rule.encode()).judge(version)
    if verdict.state is State.UNAFFECTED:
        order = ORDERS[str(rule.order)]
        assert not order(version) < order(bound)


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_no_version_takes_long(name: str) -> None:
    order = ORDERS[name]
    begun = time.process_time()

    for part in ("1", "1.", "1-", "a1", "1.a-", "~", "0.", "-.", "_p1", "1:1", "rc1."):
        for end in ("", "!", "-", " "):
            try:
                order(("1" + part * 256)[:255] + end)
            except RegistryError:
                continue

    assert time.process_time() - begun < 5


@fuzz
@given(content=st.lists(st.binary(max_size=300) | st.just(b"ent_bot_" + b"0" * 36) | st.just(b"-----BEGIN ")))
def test_no_content_stops_the_search_for_secrets(content: list[bytes]) -> None:
    assert all(b"0000000000" not in repr(secret).encode() for secret in find_secrets(content))


POMS = [
    b"<project>" + b"<a>" * 100_000,
    b"<project>" + b"<dependencies>" + b"<dependency/>" * 500_000 + b"</dependencies></project>",
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><project><artifactId>&b;</artifactId></project>',
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><project/>',
    b"<project " + b"a='b' " * 100_000 + b"/>",
    b"<project>" + b"<!-- - -" * 500_000,
    b"<project><artifactId>" + b"${" * 500_000 + b"</artifactId></project>",
    b"<?xml version='1.0' encoding='utf-7'?><project/>",
    b"\xff\xfe<\x00p\x00/\x00>\x00",
]


@pytest.mark.parametrize("content", POMS, ids=range(len(POMS)))
def test_no_pom_takes_long_or_reads_anything_else(content: bytes) -> None:
    begun = time.process_time()

    with pytest.raises(RegistryError):
        read_pom(content)

    assert time.process_time() - begun < 10


SECRETS = [
    b"-----BEGIN " + b"A" * 1_000_000,
    b"-----BEGIN PRIVATE KEY-----" * 50_000,
    b"-----BEGIN " + (b"A " * 20 + b"PRIVATE KEY-----\n") * 30_000,
    b"ghp_" * 500_000,
    b"ghp_" + b"a" * 2_000_000,
    b"xoxb-" + b"1-" * 1_000_000,
    b"xoxb-11111111-" * 100_000,
    b"pypi-AgE" + b"_-" * 1_000_000,
    b"AKIA" * 500_000,
    b"AIza" + b"-" * 2_000_000,
    b"eyJ" + b"a." * 1_000_000,
    b"github_pat_" * 200_000,
    b"ent_bot_" * 300_000,
]


@pytest.mark.parametrize("content", SECRETS, ids=range(len(SECRETS)))
def test_no_content_makes_the_search_for_secrets_slow(content: bytes) -> None:
    begun = time.process_time()

    with suppress(TooLarge):
        list(find_secrets([content]))

    assert time.process_time() - begun < 10


@pytest.mark.parametrize(
    "affected",
    [
        # As many intervals in one entry as may be, and versions beside them.
        [{"events": 10_000, "versions": 50_000}],
        # Some in each of very many entries of one package.
        [{"events": 5, "versions": 2}] * 15_000,
        [{"events": 400, "versions": 50_000}],
    ],
    ids=["one entry", "many entries", "versions"],
)
def test_an_advisory_of_very_many_ranges_and_versions_is_read_soon(affected: list[dict[str, int]]) -> None:
    entries, first = [], 0
    for each in affected:
        numbers = range(first, first + each["events"])
        events = [event for at in numbers for event in ({"introduced": f"{at}.1"}, {"fixed": f"{at}.5"})]
        versions = [f"{at}.7" for at in range(first, first + each["versions"])]
        package = {"ecosystem": "PyPI", "name": "acme"}
        entries.append({"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}], "versions": versions})
        first += each["events"]
    record = {"id": "A-1", "modified": "2026-01-01T00:00:00Z", "affected": entries}
    content = json.dumps(record).encode()
    begun = time.process_time()

    [rule] = parse_advisory(content).rules.values()
    compiled = Compiled(decode_rule(rule.encode()))
    states = [compiled.judge(version).state for version in ("1.2", "1.7", "1.8")]

    assert states[:2] in ([State.AFFECTED, State.AFFECTED], [State.UNKNOWN, State.AFFECTED])
    assert states[2] is (State.UNAFFECTED if rule.intervals else State.UNKNOWN)
    assert time.process_time() - begun < 30


def test_names_that_alias_each_other_in_circles_are_one_flaw() -> None:
    names = [f"A-{number}" for number in range(2_000)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    notices = [
        Notice(each, now, aliases=(names[at - 1], names[(at + 1) % len(names)])) for at, each in enumerate(names)
    ]
    begun = time.process_time()

    assert len(list(group(notices))) == 1
    assert time.process_time() - begun < 10
