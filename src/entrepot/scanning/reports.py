"""What other scanners found, as they write it: SARIF 2.1.0, and the JSON of Trivy and of Grype; for hostile input.

A report is believed as far as whoever pushed it is: its findings are shown beside ours, never in place of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from entrepot.model.advisory import Level, Severity
from entrepot.model.assessment import Report, Reported
from entrepot.model.errors import InvalidMetadata, TooLarge
from entrepot.model.nul import without_nul
from entrepot.scanning.severity import judge_severity, level_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 32 * 1024 * 1024
_MOST: Final = 10_000
"""Findings of a report: each becomes a row."""
_LONGEST_TEXT: Final = 1_000


class _Text(msgspec.Struct, frozen=True):
    text: str = ""


class _Rule(msgspec.Struct, frozen=True):
    id: str = ""
    properties: dict[str, Any] = {}


class _Driver(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    version: str = ""
    semantic_version: str = ""
    rules: Annotated[list[_Rule], msgspec.Meta(max_length=_MOST)] = []


class _Tool(msgspec.Struct, frozen=True):
    driver: _Driver


class _Artifact(msgspec.Struct, frozen=True):
    uri: str = ""


class _Physical(msgspec.Struct, frozen=True, rename="camel"):
    artifact_location: _Artifact | None = None


class _Location(msgspec.Struct, frozen=True, rename="camel"):
    physical_location: _Physical | None = None


class _SarifResult(msgspec.Struct, frozen=True, rename="camel"):
    rule_id: str = ""
    level: str = "warning"
    message: _Text = _Text()
    locations: list[_Location] = []


class _Invocation(msgspec.Struct, frozen=True, rename="camel"):
    end_time_utc: datetime | None = None


class _Run(msgspec.Struct, frozen=True):
    tool: _Tool
    invocations: list[_Invocation] = []
    results: Annotated[list[_SarifResult], msgspec.Meta(max_length=_MOST)] | None = None


class _Sarif(msgspec.Struct, frozen=True):
    version: str
    runs: Annotated[list[_Run], msgspec.Meta(max_length=1_000)]


class _TrivyIdentifier(msgspec.Struct, frozen=True):
    purl: str = msgspec.field(default="", name="PURL")


class _TrivyFlaw(msgspec.Struct, frozen=True, rename="pascal"):
    vulnerability_i_d: str = msgspec.field(default="", name="VulnerabilityID")
    pkg_name: str = ""
    pkg_identifier: _TrivyIdentifier = _TrivyIdentifier()
    installed_version: str = ""
    fixed_version: str = ""
    severity: str = ""
    title: str = ""


class _TrivyResult(msgspec.Struct, frozen=True, rename="pascal"):
    target: str = ""
    vulnerabilities: Annotated[list[_TrivyFlaw], msgspec.Meta(max_length=_MOST)] | None = None


class _TrivyTool(msgspec.Struct, frozen=True, rename="pascal"):
    version: str = ""


class _Trivy(msgspec.Struct, frozen=True, rename="pascal"):
    schema_version: int
    created_at: datetime | None = None
    trivy: _TrivyTool = _TrivyTool()
    results: Annotated[list[_TrivyResult], msgspec.Meta(max_length=10_000)] | None = None


class _GrypeFix(msgspec.Struct, frozen=True):
    versions: list[str] = []


class _GrypeFlaw(msgspec.Struct, frozen=True):
    id: str = ""
    severity: str = ""
    description: str = ""
    fix: _GrypeFix = _GrypeFix()


class _GrypeArtifact(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""
    purl: str = ""


class _GrypeMatch(msgspec.Struct, frozen=True):
    vulnerability: _GrypeFlaw
    artifact: _GrypeArtifact


class _GrypeTool(msgspec.Struct, frozen=True):
    version: str = ""
    timestamp: datetime | None = None


class _Grype(msgspec.Struct, frozen=True):
    matches: Annotated[list[_GrypeMatch], msgspec.Meta(max_length=_MOST)]
    descriptor: _GrypeTool = _GrypeTool()


def parse_report(content: bytes) -> Report:
    """Read a report of any of the three. Raises `InvalidMetadata`, `TooLarge`."""
    if len(content) > LONGEST:
        raise TooLarge("the report", expected=f"at most {LONGEST} bytes", actual=len(content))
    # A scanner shows what it found in a program as it stands there.
    content = without_nul(content)
    try:
        fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        if "runs" in fields:
            return _sarif(msgspec.json.decode(content, type=_Sarif))
        if "SchemaVersion" in fields:
            return _trivy(msgspec.json.decode(content, type=_Trivy))
        return _grype(msgspec.json.decode(content, type=_Grype))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMetadata(
            "the report", expected="SARIF, or JSON of Trivy or Grype", actual=str(error)[:200]
        ) from error


def _sarif(report: _Sarif) -> Report:
    drivers = [run.tool.driver for run in report.runs]
    ends = [each.end_time_utc for run in report.runs for each in run.invocations if each.end_time_utc is not None]
    return Report(
        form="SARIF 2.1.0",
        tool=_short(", ".join(sorted({driver.name for driver in drivers if driver.name}))) or "unnamed",
        version=_short(", ".join(sorted({driver.semantic_version or driver.version for driver in drivers} - {""}))),
        at=max(map(_aware, ends), default=None),
        findings=_bounded(_of_sarif(report)),
    )


def _trivy(report: _Trivy) -> Report:
    at = None if report.created_at is None else _aware(report.created_at)
    return Report("Trivy", "trivy", _short(report.trivy.version), at, _bounded(_of_trivy(report)))


def _grype(report: _Grype) -> Report:
    tool = report.descriptor
    at = None if tool.timestamp is None else _aware(tool.timestamp)
    return Report("Grype", "grype", _short(tool.version), at, _bounded(_of_grype(report)))


def _bounded(findings: Iterator[Reported]) -> tuple[Reported, ...]:
    found = tuple(islice(findings, _MOST + 1))
    if len(found) > _MOST:
        raise TooLarge("the report", expected=f"at most {_MOST} findings")
    return found


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _of_sarif(report: _Sarif) -> Iterator[Reported]:
    if not report.version.startswith("2.1"):
        raise InvalidMetadata("version", expected="SARIF 2.1.0", actual=report.version[:100])
    for run in report.runs:
        rules = {rule.id: rule for rule in run.tool.driver.rules}
        for result in run.results or ():
            yield Reported(
                tool=_short(run.tool.driver.name),
                id=_short(result.rule_id),
                severity=_sarif_severity(result, rules.get(result.rule_id)),
                component=None,
                version=None,
                fixed=None,
                message=_short(result.message.text),
                places=tuple(
                    _short(place.physical_location.artifact_location.uri)
                    for place in result.locations
                    if place.physical_location is not None and place.physical_location.artifact_location is not None
                ),
            )


_SARIF_LEVELS: Final = {"error": Level.HIGH, "warning": Level.MEDIUM, "note": Level.LOW, "none": Level.NONE}


def _sarif_severity(result: _SarifResult, rule: _Rule | None) -> Severity:
    """The rule's ``security-severity`` is a score; without one there is the result's level (3.27.10)."""
    said = rule.properties.get("security-severity") if rule is not None else None
    try:
        score = float(str(said)[:20])
    except ValueError:
        return Severity(_SARIF_LEVELS.get(result.level, Level.UNKNOWN))
    return Severity(level_of(score), score) if 0 <= score <= 10 else Severity()  # noqa: PLR2004 (the scale of CVSS)


def _of_trivy(report: _Trivy) -> Iterator[Reported]:
    for result in report.results or ():
        for flaw in result.vulnerabilities or ():
            yield Reported(
                tool="trivy",
                id=_short(flaw.vulnerability_i_d),
                severity=judge_severity((), (flaw.severity,)),
                component=_short(flaw.pkg_identifier.purl or flaw.pkg_name) or None,
                version=_short(flaw.installed_version) or None,
                fixed=_short(flaw.fixed_version) or None,
                message=_short(flaw.title),
                places=(_short(result.target),) if result.target else (),
            )


def _of_grype(report: _Grype) -> Iterator[Reported]:
    for match in report.matches:
        flaw, artifact = match.vulnerability, match.artifact
        yield Reported(
            tool="grype",
            id=_short(flaw.id),
            severity=judge_severity((), (flaw.severity,)),
            component=_short(artifact.purl or artifact.name) or None,
            version=_short(artifact.version) or None,
            fixed=_short(flaw.fix.versions[0]) if flaw.fix.versions else None,
            message=_short(flaw.description.partition("\n")[0]),
        )


def _short(text: str) -> str:
    return text[:_LONGEST_TEXT]
