"""What others say of flaws: an area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog.rows import parse_time, time_text
from entrepot.drivers.catalog.session import CHANGE, identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.advisory import Level, Severity
from entrepot.model.assessment import Exemption, Report, Reported, VexStatement, VexStatus
from entrepot.model.digest import Digest
from entrepot.model.position import Position
from entrepot.model.purl import Purl
from entrepot.model.signer import SignerName
from entrepot.ports.assessments import ReportRow, VexRow, VexSigner

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId

ASSESSMENTS: Final = load("assessments")


class SqlAssessments:
    """Implements `entrepot.ports.assessments.Assessments`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list_vex(self, package: PackageId, digest: Digest, *, counting: bool, limit: int) -> Sequence[VexRow]:
        """What signed statements of the package say of flaws in an artifact and what it contains."""
        found = await self._questions.all(
            ASSESSMENTS.list_vex,
            package=await self._number(package),
            digest=str(digest),
            counting=counting,
            limit=limit,
        )
        return [_vex(row) for row in found]

    async def list_assessed(self, places: Collection[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        """Of artifacts, each by the number of its package and its own, those of which somebody says something."""
        found = await self._questions.all(ASSESSMENTS.list_assessed, places=_json(places))
        return frozenset((package, artifact) for package, artifact in found)

    async def list_exemptions(self, package: PackageId) -> Sequence[Exemption]:
        """What people have decided, the oldest first; also what has ended by itself."""
        found = await self._questions.all(ASSESSMENTS.list_exemptions, package=await self._number(package))
        return [_exemption(package, row) for row in found]

    async def list_reports(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[ReportRow]:
        """The reports about an artifact and what it contains, the newest first."""
        found = await self._questions.all(
            ASSESSMENTS.list_reports, package=await self._number(package), digest=str(digest), limit=limit
        )
        return [_report(row) for row in found]

    async def list_reported(self, reports: Collection[int], *, limit: int) -> Sequence[tuple[int, Reported]]:
        """What is in reports, each with the number of its report."""
        found = await self._questions.all(ASSESSMENTS.list_reported, reports=_json(reports), limit=limit)
        return [(row[0], _reported(row[1:])) for row in found]

    async def count_reports(self, package: PackageId, subject: Digest) -> int:
        """How many reports about just this artifact could be read."""
        row = await self._questions.one(
            ASSESSMENTS.count_reports, package=await self._number(package), subject=str(subject)
        )
        return 0 if row is None else int(row[0])

    async def _number(self, package: PackageId) -> int | None:
        row = await self._questions.one(CHANGE.package_id, **identity(package))
        return None if row is None else int(row[0])


class SqlAssessmentChanges:
    """Implements `entrepot.ports.assessments.AssessmentChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_exemption(self, exemption: Exemption) -> None:
        """Keep what somebody decided."""
        session = self._session
        session.run(
            ASSESSMENTS.add_exemption,
            id=exemption.id,
            package=session.package_id(exemption.package),
            blob=None if exemption.digest is None else session.blob_id(exemption.digest),
            flaw=exemption.flaw,
            component=None if exemption.component is None else str(exemption.component),
            status=exemption.status,
            reason=exemption.reason,
            actor=exemption.actor,
            at=time_text(session.now),
            until=_text(exemption.until),
            position=session.position,
        )

    def find_exemption(self, package: PackageId, id: str) -> Exemption | None:
        """A decision that was not taken back."""
        row = self._session.one(ASSESSMENTS.find_exemption, package=self._session.package_id(package), id=id)
        return None if row is None else _exemption(package, row)

    def count_exemptions(self, package: PackageId) -> int:
        """How many there are."""
        return int(self._session.returned(ASSESSMENTS.count_exemptions, package=self._session.package_id(package))[0])

    def end_exemption(self, package: PackageId, id: str) -> bool:
        """Take a decision back; False when there is none."""
        session = self._session
        ended = session.run(
            ASSESSMENTS.end_exemption, package=session.package_id(package), id=id, position=session.position
        )
        return ended > 0

    def add_report(
        self,
        package: PackageId,
        subject: Digest,
        report: Report,
        *,
        carrier: Digest,
        ordinal: int,
        content: Digest,
        actor: str,
        problem: str | None = None,
    ) -> bool:
        """Know of a report, with what it found; False when that is no news."""
        session = self._session
        place = {
            "package": session.package_id(package),
            "subject": session.blob_id(subject),
            "carrier": session.blob_id(carrier),
            "ordinal": ordinal,
        }
        if session.one(ASSESSMENTS.find_report, **place) is not None:
            return False  # What a carrier brings never changes.
        (number,) = session.returned(
            ASSESSMENTS.add_report,
            **place,
            content=str(content),
            actor=actor,
            form=report.form,
            tool=report.tool,
            version=report.version,
            at=_text(report.at),
            findings=len(report.findings),
            problem=problem,
            position=session.position,
        )
        found = [
            {
                "tool": each.tool,
                "flaw": each.id,
                "level": each.severity.level,
                "score": each.severity.score,
                "component": each.component,
                "version": each.version,
                "fixed": each.fixed,
                "message": each.message,
                "places": _json(each.places),
            }
            for each in report.findings
        ]
        session.run_rows(ASSESSMENTS.add_reported, found, report=number)
        return True


def keep_vex(session: Session, attestation: int, statements: Sequence[VexStatement]) -> None:
    """Know what an attestation says of flaws, and nothing else of it."""
    session.run(ASSESSMENTS.forget_vex, attestation=attestation)
    said = [
        {
            "flaws": _json(sorted(each.flaws)),
            "products": _json(each.products),
            "components": _json(each.components),
            "status": each.status,
            "reason": each.reason,
            "author": each.author,
            "at": _text(each.at),
            "until": _text(each.until),
        }
        for each in statements
    ]
    session.run_rows(ASSESSMENTS.keep_vex, said, attestation=attestation)


# --- from rows to values ---


def _vex(row: tuple[Any, ...]) -> VexRow:
    subject, carrier, flaws, products, components, status, reason, author, at, until, signers = row
    statement = VexStatement(
        flaws=frozenset(msgspec.json.decode(flaws)),
        products=tuple(msgspec.json.decode(products)),
        components=tuple(msgspec.json.decode(components)),
        status=VexStatus(status),
        reason=reason,
        author=author,
        at=_time(at),
        until=_time(until),
    )
    said = tuple(VexSigner(SignerName(name), why, bool(may)) for name, why, may in msgspec.json.decode(signers))
    return VexRow(Digest.parse(subject), Digest.parse(carrier), statement, said)


def _exemption(package: PackageId, row: tuple[Any, ...]) -> Exemption:
    id, digest, flaw, component, status, reason, actor, at, until = row
    return Exemption(
        id=id,
        package=package,
        flaw=flaw,
        reason=reason,
        actor=actor,
        digest=None if digest is None else Digest.parse(digest),
        component=None if component is None else Purl.parse(component),
        status=VexStatus(status),
        at=parse_time(at),
        until=_time(until),
    )


def _report(row: tuple[Any, ...]) -> ReportRow:
    id, subject, carrier, ordinal, content, actor, form, tool, version, at, findings, problem, position = row
    return ReportRow(
        id=id,
        subject=Digest.parse(subject),
        carrier=Digest.parse(carrier),
        ordinal=ordinal,
        content=Digest.parse(content),
        actor=actor,
        report=Report(form, tool, version, _time(at)),
        findings=findings,
        problem=problem,
        position=Position(position),
    )


def _reported(row: tuple[Any, ...]) -> Reported:
    tool, flaw, level, score, component, version, fixed, message, places = row
    return Reported(
        tool=tool,
        id=flaw,
        severity=Severity(Level(level), score),
        component=component,
        version=version,
        fixed=fixed,
        message=message,
        places=tuple(msgspec.json.decode(places)),
    )


def _json(values: Iterable[object]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _text(time: datetime | None) -> str | None:
    return None if time is None else time_text(time)


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
