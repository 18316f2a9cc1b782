"""What others say of flaws: decisions that one does not matter, VEX, and reports of other scanners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import page_of_all
from entrepot.api.requests import parse_artifact, parse_place, parse_whole, parse_writable, read_body, read_query
from entrepot.api.shapes import findings as shapes
from entrepot.api.shapes.attestations import Stated
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    Conflict,
    Denied,
    ExemptionUnknown,
    Invalid,
    InvalidMetadata,
    NamespaceUnknown,
    PackageUnknown,
    ReadOnly,
    ReferenceUnknown,
    TooLarge,
    TooMany,
)
from entrepot.model.purl import Purl
from entrepot.operations import access, exempt, report, state
from entrepot.operations.resolve import resolve
from entrepot.operations.state_findings import state_findings as state_what_is_found
from entrepot.scanning import reports, vex
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.model.names import PackageId
    from entrepot.wire.call import Call


async def list_exemptions(call: Call) -> Reply:
    """List what was decided of a package: which flaws do not matter, who said so, why, and until when.

    Also what has ended by itself.
    """
    package = parse_whole(call)
    query = read_query(call, PageQuery)
    found = await exempt.list_exemptions(call.registry, call.caller, package)
    return json_reply(
        page_of_all(
            enumerate(found),
            after=query.after,
            limit=query.limit,
            show=lambda numbered: shapes.Exemption.of(numbered[1]),
            cursor=lambda numbered: f"{numbered[0]:08}",
        )
    )


async def add_exemption(call: Call) -> Reply:
    """Decide that a flaw does not matter in a package, or in one artifact of it, perhaps until some time.

    For who governs the namespace. Findings of it stay, and are shown as suppressed.
    """
    package = parse_writable(call)
    body = await read_body(call, shapes.NewExemption)
    found = await exempt.add_exemption(
        call.registry,
        call.caller,
        package,
        body.flaw,
        reason=body.reason,
        digest=None if body.artifact is None else Digest.parse(body.artifact),
        component=None if body.component is None else Purl.parse(body.component),
        status=body.status,
        until=body.until,
    )
    return json_reply(shapes.Exemption.of(found), status=201)


async def end_exemption(call: Call) -> Reply:
    """Take a decision back: what it suppressed counts again, at once."""
    package = parse_writable(call)
    body = await read_body(call, shapes.EndedExemption, optional=True)
    found = await exempt.end_exemption(call.registry, call.caller, package, call.path["exemption"], reason=body.reason)
    return json_reply(shapes.Exemption.of(found))


async def list_vex(call: Call) -> Reply:
    """List what signed statements say of flaws in an artifact, and on whose word that counts, if it does."""
    query = read_query(call, PageQuery)
    package, digest = await _artifact(call)
    found = await exempt.list_vex(call.registry, call.caller, package, digest)
    return json_reply(
        page_of_all(
            enumerate(found),
            after=query.after,
            limit=query.limit,
            show=lambda numbered: shapes.VexStatement.of(numbered[1]),
            cursor=lambda numbered: f"{numbered[0]:08}",
        )
    )


async def add_vex(call: Call) -> Reply:
    """Have the registry sign a VEX document about an artifact: OpenVEX 0.2.0 or CycloneDX, as it is sent.

    For who governs the namespace. What others sign themselves is pushed like any attestation.
    """
    package, digest = await _artifact(call, Action.GOVERN)
    content = await call.body.read(vex.LONGEST)
    predicate_type = vex.predicate_type_of(content)
    referrer = await state.attest(
        call.registry,
        call.caller,
        package,
        digest,
        predicate_type=predicate_type,
        predicate=msgspec.json.decode(content, type=dict[str, object]),
    )
    return json_reply(Stated(str(referrer)), status=201)


async def list_reports(call: Call) -> Reply:
    """List the reports of other scanners about an artifact, the newest first."""
    view, package = parse_place(call)
    name, digest = parse_artifact(call)
    query = read_query(call, PageQuery)
    found = await report.list_reports(call.registry, call.caller, view, package, name=name, digest=digest)
    return json_reply(
        page_of_all(
            enumerate(found),
            after=query.after,
            limit=query.limit,
            show=lambda numbered: shapes.Report.of(numbered[1]),
            cursor=lambda numbered: f"{numbered[0]:08}",
        )
    )


async def push_report(call: Call) -> Reply:
    """Take in what another scanner found: SARIF 2.1.0, or the JSON of Trivy or Grype, as it is.

    For who may publish in the package. The report is kept as a referrer, and its findings are shown beside ours.
    Of each tool, and of each who sends its reports, the latest counts.
    """
    package, digest = await _artifact(call, Action.PUBLISH)
    content = await call.body.read(reports.LONGEST)
    carrier, found = await report.push_report(call.registry, call.caller, package, digest, content)
    call.facts["digest"] = str(carrier)
    return json_reply(
        shapes.PushedReport(str(carrier), found.form, found.tool, found.version, found.at, len(found.findings)),
        status=201,
    )


async def state_findings(call: Call) -> Reply:
    """Have the registry sign what is known to be bad of an artifact, as in-toto's `vulns` has it.

    For who may publish in the package. What was stated already, with advisories as old, is not stated again.
    """
    package, digest = await _artifact(call, Action.PUBLISH)
    carrier = await state_what_is_found(call.registry, call.caller, package, digest)
    call.facts["digest"] = str(carrier)
    return json_reply(Stated(str(carrier)), status=201)


async def _artifact(call: Call, action: Action | None = None) -> tuple[PackageId, Digest]:
    """The artifact that is meant. For who may not do *action* to it, nothing of what is sent is read and held."""
    view, package = parse_place(call)
    if action is not None:
        await access.require(call.registry, call.caller, action, parse_writable(call))
    name, digest = parse_artifact(call)
    return package, (await resolve(call.registry, call.caller, view, package, name=name, digest=digest)).digest


_PACKAGE = "/api/v1/packages/{view}/{format}/{package}/-"
_ARTIFACT = _PACKAGE + "/artifacts/{artifact}"
_UNKNOWN = (PackageUnknown, ReferenceUnknown, ArtifactUnknown)
_REFUSED = (*_UNKNOWN, Denied, NamespaceUnknown, ReadOnly, TooLarge, TooMany, Conflict)

ASSESSMENTS = Subject(
    "Assessments",
    "What others say of flaws: decisions that one does not matter, signed statements (VEX), and what other scanners "
    "report. Findings that somebody who may says do not matter stay, with who says so, why, and until when.",
    (
        Endpoint(
            method="GET",
            path=_PACKAGE + "/exemptions",
            handler=list_exemptions,
            query=PageQuery,
            answers={200: Answer("A page of decisions, the oldest first.", Page[shapes.Exemption])},
            errors=(PackageUnknown,),
        ),
        Endpoint(
            method="POST",
            path=_PACKAGE + "/exemptions",
            handler=add_exemption,
            body=shapes.NewExemption,
            answers={201: Answer("It is decided.", shapes.Exemption)},
            errors=(Denied, Invalid, PackageUnknown, ArtifactUnknown, ReadOnly, TooMany),
        ),
        Endpoint(
            method="DELETE",
            path=_PACKAGE + "/exemptions/{exemption}",
            handler=end_exemption,
            body=shapes.EndedExemption,
            body_optional=True,
            answers={200: Answer("What it was.", shapes.Exemption)},
            errors=(Denied, PackageUnknown, ExemptionUnknown, ReadOnly),
        ),
        Endpoint(
            method="GET",
            path=_ARTIFACT + "/vex",
            handler=list_vex,
            query=PageQuery,
            answers={200: Answer("A page of statements.", Page[shapes.VexStatement])},
            errors=_UNKNOWN,
        ),
        Endpoint(
            method="POST",
            path=_ARTIFACT + "/vex",
            handler=add_vex,
            answers={201: Answer("It is signed.", Stated)},
            errors=(*_REFUSED, InvalidMetadata),
        ),
        Endpoint(
            method="GET",
            path=_ARTIFACT + "/reports",
            handler=list_reports,
            query=PageQuery,
            answers={200: Answer("A page of reports.", Page[shapes.Report])},
            errors=_UNKNOWN,
        ),
        Endpoint(
            method="POST",
            path=_ARTIFACT + "/reports",
            handler=push_report,
            answers={201: Answer("It is taken in.", shapes.PushedReport)},
            errors=(*_REFUSED, InvalidMetadata),
        ),
        Endpoint(
            method="POST",
            path=_ARTIFACT + "/findings/statement",
            handler=state_findings,
            answers={201: Answer("It is stated.", Stated)},
            errors=_REFUSED,
        ),
    ),
)
