"""Statements that a flaw does not matter take the sting out of findings: of these flaws, there, as long as they hold."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from entrepot.model.assessment import VexStatus
from entrepot.model.errors import InvalidMetadata
from entrepot.model.purl import Purl
from entrepot.scanning.vex import parse_vex

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
LIBRARY = Purl.parse("pkg:pypi/requests@2.30.0")


def openvex(**statement: Any) -> bytes:
    said = {
        "vulnerability": {"name": "CVE-2026-1", "aliases": ["GHSA-1"]},
        "products": [{"@id": "pkg:oci/api", "identifiers": {"purl": "pkg:oci/api"}, "hashes": {"sha-256": "a" * 64}}],
        "status": "not_affected",
        "justification": "vulnerable_code_not_present",
        **statement,
    }
    document = {"@context": "https://openvex.dev/ns/v0.2.0", "author": "Ada", "timestamp": "2026-01-01T00:00:00Z"}
    return json.dumps({**document, "statements": [said]}).encode()


def test_a_statement_says_who_why_and_since_when() -> None:
    [said] = parse_vex(openvex())

    assert (said.status, said.reason, said.author) == (VexStatus.NOT_AFFECTED, "vulnerable_code_not_present", "Ada")
    assert said.flaws == {"CVE-2026-1", "GHSA-1"}
    assert said.at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("product", [DIGEST, "pkg:oci/api", "pkg:oci/api@1.0"])
@pytest.mark.parametrize("flaw", ["CVE-2026-1", "GHSA-1"])
def test_it_suppresses_the_flaw_by_any_name_in_the_product_by_any_name(product: str, flaw: str) -> None:
    [said] = parse_vex(openvex())

    assert said.suppresses({flaw}, products={product}, component=LIBRARY, now=NOW)


def test_it_is_about_nothing_else() -> None:
    [said] = parse_vex(openvex())
    [of_part] = parse_vex(openvex(products=[{"@id": "pkg:oci/api", "subcomponents": [{"@id": "pkg:pypi/urllib3"}]}]))

    assert not said.suppresses({"CVE-2026-2"}, products={DIGEST}, component=LIBRARY, now=NOW)
    assert not said.suppresses({"CVE-2026-1"}, products={"pkg:oci/other"}, component=LIBRARY, now=NOW)
    assert not of_part.suppresses({"CVE-2026-1"}, products={"pkg:oci/api"}, component=LIBRARY, now=NOW)
    part = Purl.parse("pkg:pypi/urllib3@2")
    assert of_part.suppresses({"CVE-2026-1"}, products={"pkg:oci/api"}, component=part, now=NOW)
    assert not of_part.suppresses({"CVE-2026-1"}, products={"pkg:oci/other"}, component=part, now=NOW)


def test_it_ends_when_it_ends() -> None:
    said = replace(parse_vex(openvex())[0], until=NOW)

    assert not said.suppresses({"CVE-2026-1"}, products={DIGEST}, component=LIBRARY, now=NOW)
    assert said.suppresses({"CVE-2026-1"}, products={DIGEST}, component=LIBRARY, now=NOW - timedelta(seconds=1))


@pytest.mark.parametrize("status", ["affected", "under_investigation"])
def test_what_is_affected_or_looked_into_is_not_suppressed(status: str) -> None:
    [said] = parse_vex(openvex(status=status))

    assert not said.suppresses({"CVE-2026-1"}, products={DIGEST}, component=LIBRARY, now=NOW)


def test_a_statement_about_a_library_holds_wherever_it_is() -> None:
    [said] = parse_vex(openvex(products=[{"@id": "pkg:pypi/requests@2.30.0"}], status="fixed"))

    assert said.suppresses({"CVE-2026-1"}, products={DIGEST}, component=LIBRARY, now=NOW)
    other = Purl.parse("pkg:pypi/requests@2.29.0")
    assert not said.suppresses({"CVE-2026-1"}, products={DIGEST}, component=other, now=NOW)


def test_cyclonedx_says_the_same_in_its_own_words() -> None:
    document = {
        "bomFormat": "CycloneDX",
        "components": [{"bom-ref": "lib", "purl": "pkg:pypi/requests@2.30.0"}],
        "vulnerabilities": [
            {
                "id": "CVE-2026-1",
                "references": [{"id": "GHSA-1"}],
                "analysis": {"state": "not_affected", "justification": "code_not_reachable"},
                "affects": [{"ref": "lib"}],
            },
            {"id": "CVE-2026-2", "analysis": {"state": "in_triage"}, "affects": [{"ref": "lib"}]},
            {"id": "CVE-2026-3", "affects": [{"ref": "lib"}]},
        ],
    }

    first, second = parse_vex(json.dumps(document).encode())

    assert first.suppresses({"GHSA-1"}, products={DIGEST}, component=LIBRARY, now=NOW)
    assert first.reason == "code_not_reachable"
    assert second.status is VexStatus.UNDER_INVESTIGATION


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"bomFormat": "SPDX"}',
        b'{"@context": "https://example.com", "statements": [{"vulnerability": {"name": "A"}, "status": "fixed"}]}',
        openvex(justification=""),
        openvex(status="harmless"),
        openvex(vulnerability={}),
        openvex(justification="a\0b"),
        b'{"a": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_vex_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidMetadata):
        parse_vex(content)
