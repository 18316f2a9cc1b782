"""Reports of other scanners, as they write them."""

from __future__ import annotations

import json

import pytest

from entrepot.model.advisory import Level
from entrepot.model.errors import InvalidMetadata
from entrepot.scanning.reports import parse_report


def test_sarif_has_scores_of_rules_and_levels_of_results() -> None:
    rules = [{"id": "CVE-2026-1", "properties": {"security-severity": "9.8"}}]
    place = {"physicalLocation": {"artifactLocation": {"uri": "app/requirements.txt"}}}
    results = [
        {"ruleId": "CVE-2026-1", "level": "note", "message": {"text": "It leaks."}, "locations": [place]},
        {"ruleId": "other", "level": "error", "message": {"text": "It breaks."}},
    ]
    run = {"tool": {"driver": {"name": "grype", "rules": rules}}, "results": results}

    first, second = parse_report(json.dumps({"version": "2.1.0", "runs": [run]}).encode()).findings

    assert (first.tool, first.id, first.severity.level, first.severity.score) == (
        "grype",
        "CVE-2026-1",
        Level.CRITICAL,
        9.8,
    )
    assert first.places == ("app/requirements.txt",)
    assert second.severity.level is Level.HIGH


def test_trivy_names_package_version_and_repair() -> None:
    flaw = {
        "VulnerabilityID": "CVE-2026-1",
        "PkgName": "requests",
        "PkgIdentifier": {"PURL": "pkg:pypi/requests@2.30.0"},
        "InstalledVersion": "2.30.0",
        "FixedVersion": "2.31.0",
        "Severity": "MEDIUM",
        "Title": "It leaks.",
    }
    report = {"SchemaVersion": 2, "Results": [{"Target": "app", "Vulnerabilities": [flaw]}, {"Target": "empty"}]}

    [found] = parse_report(json.dumps(report).encode()).findings

    assert (found.tool, found.component, found.version) == ("trivy", "pkg:pypi/requests@2.30.0", "2.30.0")
    assert (found.fixed, found.severity.level) == ("2.31.0", Level.MEDIUM)


def test_grype_names_package_version_and_repair() -> None:
    match = {
        "vulnerability": {"id": "GHSA-1", "severity": "Negligible", "fix": {"versions": ["2.31.0"]}},
        "artifact": {"name": "requests", "version": "2.30.0", "purl": "pkg:pypi/requests@2.30.0"},
    }

    [found] = parse_report(json.dumps({"matches": [match]}).encode()).findings

    assert (found.tool, found.id, found.fixed, found.severity.level) == ("grype", "GHSA-1", "2.31.0", Level.LOW)


def test_what_a_scanner_found_in_a_program_is_shown_without_nul() -> None:
    results = [{"ruleId": "key", "message": {"text": "found \0key\0"}}]
    content = json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": results}]})

    (found,) = parse_report(content.encode()).findings

    assert found.message == "found \ufffdkey\ufffd"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"runs": [], "version": "1.0"}',
        b'{"runs": 1, "version": "2.1.0"}',
        b'{"SchemaVersion": "two"}',
        b'{"matches": [{}]}',
        b'{"x": ' + b"{" * 100_000,
    ],
)
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidMetadata):
        parse_report(content)
