"""What every catalog promises of what others say of flaws (`entrepot.ports.assessments`).

What it knows of VEX comes with attestations, and is asked about where these are.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from entrepot.model.advisory import Level, Severity
from entrepot.model.assessment import Exemption, Report, Reported, VexStatus
from entrepot.model.digest import Digest
from entrepot.model.errors import Invalid
from entrepot.model.names import NamespaceName
from entrepot.model.namespace import Namespace
from entrepot.model.purl import Purl
from entrepot.testing.builders import image, package

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.ports.catalog import Catalog, Transaction

_AT: Final = datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=UTC)
_API: Final = package("acme/api")
_OTHER: Final = package("acme/other")
_SUBJECT: Final = image(b"subject")
_CARRIER: Final = image(b"carrier")
_FOUND: Final = Reported(
    tool="trivy",
    id="CVE-2026-1",
    severity=Severity(Level.HIGH, 7.5),
    component="pkg:pypi/requests@2.30.0",
    version="2.30.0",
    fixed=None,
    message="It leaks.",
    places=("app", "lib"),
)
_REPORT: Final = Report("Trivy", "trivy", "0.70.0", _AT, (_FOUND, replace(_FOUND, id="CVE-2026-2", component=None)))


async def _fill(catalog: Catalog) -> None:
    def change(transaction: Transaction) -> None:
        transaction.add_namespace(Namespace(NamespaceName("acme")))
        for where in (_API, _OTHER):
            for each in (_SUBJECT, _CARRIER):
                for blob in each.blobs:
                    transaction.keep_blob(Digest.of(blob), len(blob), blob)
                    transaction.add_blob_member(where, Digest.of(blob))
                transaction.keep_artifact(each.artifact)
                transaction.add_artifact_member(where, each.digest)

    await catalog.write(change)


def _know(transaction: Transaction, report: Report) -> bool:
    return transaction.assessments.add_report(
        _API, _SUBJECT.digest, report, carrier=_CARRIER.digest, ordinal=0, content=Digest.of(b"report"), actor="ci"
    )


def _add(exemption: Exemption) -> Callable[[Transaction], None]:
    return lambda change: change.assessments.add_exemption(exemption)


class AssessmentsContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    async def test_decisions_are_read_as_they_were_made_until_they_are_taken_back(self, catalog: Catalog) -> None:
        await _fill(catalog)
        one = Exemption("one", _API, "CVE-2026-1", "never called", "ada")
        other = replace(
            one,
            id="other",
            digest=_SUBJECT.digest,
            component=Purl.parse("pkg:pypi/requests@2.30.0"),
            status=VexStatus.FIXED,
            until=_AT + timedelta(days=1),
        )
        for each in (one, other):
            await catalog.write(_add(each))

        found = await catalog.assessments.list_exemptions(_API)
        assert [replace(each, at=None) for each in found] == [one, other]
        assert all(each.at is not None for each in found)
        assert await catalog.assessments.list_exemptions(_OTHER) == []
        assert await catalog.write(lambda change: change.assessments.count_exemptions(_API)) == 2
        assert await catalog.write(lambda change: change.assessments.find_exemption(_OTHER, "one")) is None

        assert not await catalog.write(lambda change: change.assessments.end_exemption(_OTHER, "one"))
        assert await catalog.write(lambda change: change.assessments.end_exemption(_API, "one"))
        assert not await catalog.write(lambda change: change.assessments.end_exemption(_API, "one"))
        assert [each.id for each in await catalog.assessments.list_exemptions(_API)] == ["other"]

    async def test_a_report_is_read_as_it_came_and_known_once(self, catalog: Catalog) -> None:
        await _fill(catalog)

        assert await catalog.write(lambda change: _know(change, _REPORT))
        assert not await catalog.write(lambda change: _know(change, _REPORT))

        (row,) = await catalog.assessments.list_reports(_API, _SUBJECT.digest, limit=9)
        assert (row.subject, row.carrier, row.actor) == (_SUBJECT.digest, _CARRIER.digest, "ci")
        assert (row.report, row.findings) == (replace(_REPORT, findings=()), 2)
        assert await catalog.assessments.list_reported([row.id], limit=9) == [
            (row.id, each) for each in _REPORT.findings
        ]
        assert await catalog.assessments.count_reports(_API, _SUBJECT.digest) == 1
        assert await catalog.assessments.list_reports(_OTHER, _SUBJECT.digest, limit=9) == []
        assert await catalog.assessments.count_reports(_OTHER, _SUBJECT.digest) == 0

    async def test_a_text_with_nul_is_refused_and_not_cut_off(self, catalog: Catalog) -> None:
        await _fill(catalog)
        cut = replace(_REPORT, findings=(replace(_REPORT.findings[0], message="good\0bad"),))

        with pytest.raises(Invalid, match="NUL"):
            await catalog.write(lambda change: _know(change, cut))

        assert await catalog.assessments.list_reports(_API, _SUBJECT.digest, limit=9) == []
