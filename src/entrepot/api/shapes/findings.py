"""What the management API reads and writes about what is known to be wrong with artifacts, and what was said to that."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from entrepot.api.shapes.texts import ID, TIME, DigestText, ExemptionId, text
from entrepot.model.advisory import Level, State
from entrepot.model.assessment import VexStatus

if TYPE_CHECKING:
    from entrepot.model import assessment
    from entrepot.operations import scan
    from entrepot.ports.assessments import ReportRow, VexRow


class Suppression(Struct, frozen=True):
    """Why a finding does not count."""

    by: Annotated[str, Meta(description="Whose word it is.", examples=["ada"])]
    reason: Annotated[str, Meta(examples=["the function is never called"])]
    status: Annotated[VexStatus, Meta(examples=[VexStatus.NOT_AFFECTED])]
    at: Annotated[datetime | None, Meta(description="When it was said.", examples=[TIME])]
    until: Annotated[datetime | None, Meta(description="When it ends.", examples=[TIME])]
    through: Annotated[str, Meta(description="The exemption's id, or what brought the statement.", examples=[ID])]

    @staticmethod
    def of(found: assessment.Suppression | None) -> Suppression | None:
        """How it is shown."""
        if found is None:
            return None
        return Suppression(found.by, found.why, found.status, found.at, found.until, found.through)


class Finding(Struct, frozen=True):
    """A flaw that a component of an artifact has, or may have."""

    id: Annotated[str, Meta(description="Its CVE, if it has one.", examples=["CVE-2023-32681"])]
    names: Annotated[list[str], Meta(description="All that it is called.", examples=[["CVE-2023-32681"]])]
    component: Annotated[
        str,
        Meta(
            description="What has it, as a package URL; or as another scanner calls it, which may say nothing of it.",
            examples=["pkg:pypi/requests@2.30.0"],
        ),
    ]
    state: Annotated[State, Meta(description="`unknown` where it cannot be told.", examples=[State.AFFECTED])]
    severity: Annotated[Level, Meta(examples=[Level.MEDIUM])]
    score: Annotated[float | None, Meta(description="The CVSS base score.", examples=[6.1])]
    vector: Annotated[str | None, Meta(examples=["CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:N/A:N"])]
    fixed: Annotated[str | None, Meta(description="The first version that has it no more.", examples=["2.31.0"])]
    summary: Annotated[str, Meta(examples=["Unintended leak of Proxy-Authorization header"])]
    source: Annotated[str, Meta(description="Of advisories; or the scanner that alone reports it.", examples=["pypi"])]
    imported_at: Annotated[
        datetime | None, Meta(description="When the source was last read, or the scanner looked.", examples=[TIME])
    ]
    artifacts: Annotated[list[DigestText], Meta(description="What has the component.")]
    relation: Annotated[str, Meta(examples=["contained"])]
    epss: Annotated[float | None, Meta(description="How likely it is to be used within 30 days.", examples=[0.01])]
    exploited_since: Annotated[str | None, Meta(description="Since when it is known to be used.", examples=[None])]
    reported_by: Annotated[list[str], Meta(description="Other scanners that report it.", examples=[["trivy 0.70.0"]])]
    suppressed: Annotated[Suppression | None, Meta(description="Why it does not count; null when it does.")]

    @staticmethod
    def of(found: scan.Finding) -> Finding:
        """How a finding is shown."""
        return Finding(
            id=found.id,
            names=list(found.names),
            component=str(found.component),
            state=found.state,
            severity=found.severity.level,
            score=found.severity.score,
            vector=found.severity.vector,
            fixed=found.fixed,
            summary=found.summary,
            source=found.source,
            imported_at=found.imported_at,
            artifacts=[str(digest) for digest in found.artifacts],
            relation=found.relation,
            epss=found.epss,
            exploited_since=found.exploited_since,
            reported_by=list(found.reported_by),
            suppressed=Suppression.of(found.suppressed),
        )


class Scan(Struct, frozen=True):
    """What is known to be bad of an artifact, with all that it contains."""

    digest: DigestText
    complete: Annotated[
        bool, Meta(description="Whether all that is in it was compared: only then is nothing found a good sign.")
    ]
    components: Annotated[int, Meta(description="Packages that are known to be in it.", examples=[42])]
    pending: Annotated[int, Meta(description="How many of them were not compared yet.", examples=[0])]
    unread: Annotated[
        int,
        Meta(description="Documents about it that could not be read, or say that something was not.", examples=[0]),
    ]
    findings: Annotated[list[Finding], Meta(description="The worst first, with those that are suppressed.")]

    @staticmethod
    def of(found: scan.Scan) -> Scan:
        """How a scan is shown."""
        return Scan(
            digest=str(found.digest),
            complete=found.is_complete,
            components=found.components,
            pending=found.pending,
            unread=found.unread,
            findings=[Finding.of(each) for each in found.findings],
        )


class NewExemption(Struct, frozen=True, forbid_unknown_fields=True):
    """A decision that a flaw does not matter."""

    flaw: Annotated[str, text("By any of its names.", "CVE-2023-32681")]
    reason: Annotated[str, text("Why, for everybody who meets it.", "the function is never called")]
    artifact: Annotated[
        DigestText | None, Meta(description="Of this artifact alone; null for all of the package.", examples=[None])
    ] = None
    component: Annotated[str, text("What has the flaw, as a package URL.", "pkg:pypi/requests@2.30.0")] | None = None
    status: Annotated[VexStatus, Meta(description="`not_affected` or `fixed`.", examples=[VexStatus.NOT_AFFECTED])] = (
        VexStatus.NOT_AFFECTED
    )
    until: Annotated[datetime, Meta(description="When it ends; null for no end.", examples=[TIME], tz=True)] | None = (
        None
    )


class EndedExemption(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a decision is taken back."""

    reason: Annotated[str, text("Why.", "it is called after all")] = ""


class Exemption(Struct, frozen=True):
    """A decision that a flaw does not matter."""

    id: ExemptionId
    flaw: Annotated[str, Meta(examples=["CVE-2023-32681"])]
    reason: Annotated[str, Meta(examples=["the function is never called"])]
    by: Annotated[str, Meta(examples=["ada"])]
    artifact: Annotated[str | None, Meta(description="Null for all of the package.", examples=[None])]
    component: Annotated[str | None, Meta(examples=["pkg:pypi/requests@2.30.0"])]
    status: Annotated[VexStatus, Meta(examples=[VexStatus.NOT_AFFECTED])]
    at: Annotated[datetime | None, Meta(examples=[TIME])]
    until: Annotated[datetime | None, Meta(examples=[TIME])]

    @staticmethod
    def of(found: assessment.Exemption) -> Exemption:
        """How it is shown."""
        return Exemption(
            id=found.id,
            flaw=found.flaw,
            reason=found.reason,
            by=found.actor,
            artifact=None if found.digest is None else str(found.digest),
            component=None if found.component is None else str(found.component),
            status=found.status,
            at=found.at,
            until=found.until,
        )


class VexStatement(Struct, frozen=True):
    """What a signed statement says of flaws."""

    subject: DigestText
    carrier: Annotated[DigestText, Meta(description="What brings it.")]
    flaws: Annotated[list[str], Meta(examples=[["CVE-2023-32681"]])]
    status: Annotated[VexStatus, Meta(examples=[VexStatus.NOT_AFFECTED])]
    reason: Annotated[str, Meta(examples=["vulnerable_code_not_present"])]
    author: Annotated[str, Meta(description="As it says itself.", examples=["Ada"])]
    at: Annotated[datetime | None, Meta(examples=[TIME])]
    until: Annotated[datetime | None, Meta(examples=[None])]
    signed_by: Annotated[list[str], Meta(description="The signers on whose word it counts.", examples=[["security"]])]
    refused: Annotated[list[str], Meta(description="Why others' word does not count.", examples=[[]])]

    @staticmethod
    def of(row: VexRow) -> VexStatement:
        """How it is shown."""
        said = row.statement
        return VexStatement(
            subject=str(row.subject),
            carrier=str(row.carrier),
            flaws=sorted(said.flaws),
            status=said.status,
            reason=said.reason,
            author=said.author,
            at=said.at,
            until=said.until,
            signed_by=sorted(each.name for each in row.signers if each.counts),
            refused=[
                f"{each.name}: {each.reason or 'its scope does not say that it may suppress findings'}"
                for each in row.signers
                if not each.counts
            ],
        )


class PushedReport(Struct, frozen=True):
    """A scanner's report that was taken in."""

    digest: Annotated[DigestText, Meta(description="Of the artifact that refers to the subject.")]
    form: Annotated[str, Meta(examples=["Trivy"])]
    tool: Annotated[str, Meta(examples=["trivy"])]
    version: Annotated[str, Meta(description="The tool's.", examples=["0.70.0"])]
    at: Annotated[datetime | None, Meta(description="When it looked.", examples=[TIME])]
    findings: Annotated[int, Meta(examples=[3])]


class Report(PushedReport, frozen=True):
    """A scanner's report."""

    subject: DigestText
    sent_by: Annotated[str, Meta(examples=["ci"])]
    problem: Annotated[str | None, Meta(description="Why it could not be read.", examples=[None])]

    @staticmethod
    def of(row: ReportRow) -> Report:
        """How it is shown."""
        return Report(
            digest=str(row.carrier),
            form=row.report.form,
            tool=row.report.tool,
            version=row.report.version,
            at=row.report.at,
            findings=row.findings,
            subject=str(row.subject),
            sent_by=row.actor,
            problem=row.problem,
        )
