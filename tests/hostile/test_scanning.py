"""Whatever is handed over as an advisory, a statement, a report or a version: no crash, no hang, never "clean" by error."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.model.advisory import State
from entrepot.model.errors import RegistryError
from entrepot.scanning.osv import parse_advisory
from entrepot.scanning.records import iter_records, read_exploitation
from entrepot.scanning.reports import parse_report
from entrepot.scanning.rules import decode_rule
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

PARSERS = {
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
