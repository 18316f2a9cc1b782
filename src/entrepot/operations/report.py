"""Take in what another scanner found in an artifact: its report is kept as it was sent, as a referrer, and read.

Whoever may publish in the package may send one: a report only adds findings. Of each tool, and of each sender of its
reports, the latest counts.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.model.access import Action
from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.assessment import Report
from entrepot.model.contents import CREATED
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Invalid, NotFound
from entrepot.model.events import ReportIndexed
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.publish import publish
from entrepot.operations.receive_file import look_into_blob
from entrepot.operations.resolve import resolve
from entrepot.operations.state import describe_subject, draft_referrer
from entrepot.scanning.reports import LONGEST, parse_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.artifact import Link
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.assessments import ReportRow
    from entrepot.ports.catalog import Transaction

SARIF_TYPE: Final = "application/sarif+json"
REPORT_TYPE: Final = "application/vnd.entrepot.scan-report+json"
"""Of a report in a form that has no media type of its own."""
MOST_REPORTS: Final = 64
"""So many reports about one artifact are read; of a further one it is known that it was not."""

_WORDS: Final = ("sarif", "trivy", "grype", REPORT_TYPE)
"""What is in the media types of reports."""
_LONGEST_PROBLEM: Final = 1_000
_LISTED: Final = 200


async def push_report(
    registry: Registry, caller: Caller, package: PackageId, subject: Digest, content: bytes
) -> tuple[Digest, Report]:
    """Check a report, keep it as a referrer of an artifact, and know what it found; return the referrer's digest.

    The same report again is not an error. Raises `InvalidMetadata`, `TooLarge`, `ArtifactUnknown`, or what `publish`
    raises.
    """
    await access.require(registry, caller, Action.PUBLISH, package)
    if await registry.catalog.find_artifact(View(package.namespace), package, digest=subject) is None:
        raise ArtifactUnknown(subject)
    report = await asyncio.to_thread(parse_report, content)
    media_type = SARIF_TYPE if report.form.startswith("SARIF") else REPORT_TYPE
    said = {CREATED: report.at.isoformat()} if report.at is not None else {}
    described = await describe_subject(registry, package, subject)
    draft = await draft_referrer(registry, described, media_type, content, said)
    carrier = (await publish(registry, caller, package, draft)).digest
    await index_reports(registry, caller, package, carrier, sent_by=caller.name)
    return carrier, report


async def index_reports(
    registry: Registry, caller: Caller, package: PackageId, carrier: Digest, *, sent_by: str
) -> None:
    """Know what the reports found that an artifact brings, if it brings any.

    One that cannot be read is known as that: what its scanner found is not known then.
    """
    found = await registry.catalog.find_artifact(View(package.namespace), package, digest=carrier, barred=True)
    if found is None:
        return  # Deleted meanwhile.
    artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    links = _reports_in(artifact)
    if artifact.subject is None or not links:
        return
    subject = artifact.subject.digest
    if await registry.catalog.find_artifact(View(package.namespace), package, digest=subject, barred=True) is None:
        return  # What it is about has not come, or is gone: pushed again, it is looked at again.
    room = MOST_REPORTS - await registry.catalog.assessments.count_reports(package, subject)
    for ordinal, link in links[: max(room, 0) + 1]:
        report, problem = await _read(registry, package, link) if room > 0 else (None, _TOO_MANY)
        room -= 1
        await registry.catalog.write(
            partial(
                _know,
                caller=caller,
                package=package,
                subject=subject,
                carrier=carrier,
                place=(ordinal, link.target.digest),
                read=(report or Report("", ""), problem),
                sent_by=sent_by,
            )
        )


_TOO_MANY: Final = f"there are {MOST_REPORTS} reports about it already, and no more are read"


def _know(
    transaction: Transaction,
    *,
    caller: Caller,
    package: PackageId,
    subject: Digest,
    carrier: Digest,
    place: tuple[int, Digest],
    read: tuple[Report, str | None],
    sent_by: str,
) -> None:
    ordinal, content = place
    report, problem = read
    if transaction.assessments.add_report(
        package,
        subject,
        report,
        carrier=carrier,
        ordinal=ordinal,
        content=content,
        actor=sent_by,
        problem=problem,
    ):
        transaction.append(
            caller.name,
            ReportIndexed(
                namespace=package.namespace,
                package=package.path,
                digest=str(subject),
                carrier=str(carrier),
                form=report.form,
                tool=report.tool,
                version=report.version,
                sent_by=sent_by,
                findings=len(report.findings),
                problem=problem,
            ),
        )


def _reports_in(artifact: Artifact) -> list[tuple[int, Link]]:
    """The layers that are reports, each with its place."""
    layers = [link for link in artifact.links if link.kind is LinkKind.LAYER]
    return [
        (ordinal, link)
        for ordinal, link in enumerate(layers)
        if any(word in f"{link.target.media_type} {artifact.artifact_type}" for word in _WORDS)
    ]


async def _read(registry: Registry, package: PackageId, link: Link) -> tuple[Report | None, str | None]:
    """What a report says, or why it cannot be read."""
    try:
        return await look_into_blob(registry, package, link.target.digest, _examine, limit=LONGEST), None
    except (Invalid, NotFound) as error:
        return None, str(error)[:_LONGEST_PROBLEM]


def _examine(file: BinaryIO) -> Report:
    return parse_report(file.read(LONGEST + 1))


async def list_reports(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
) -> Sequence[ReportRow]:
    """The reports about what a name or a digest means, the newest first. Raises like `resolve`."""
    found = await resolve(registry, caller, view, package, name=name, digest=digest)
    return await registry.catalog.assessments.list_reports(package, found.digest, limit=_LISTED)
