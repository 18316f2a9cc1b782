"""What is known to be bad: where that comes from, what of it an artifact has, and who has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.api.endpoint import JSON, Answer, Endpoint, Subject
from entrepot.api.replies import page_of_all
from entrepot.api.requests import parse_credentials, parse_place, read_body, read_query
from entrepot.api.shapes import advisories as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.api.shapes.findings import Scan
from entrepot.api.shapes.impact import Impact, ImpactQuery
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    AdvisoryUnknown,
    ArtifactUnknown,
    Denied,
    Invalid,
    PackageUnknown,
    ReferenceUnknown,
    TooLarge,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import parse_reference
from entrepot.operations import advisories
from entrepot.operations.advisory_changes import list_changes
from entrepot.operations.impact import find_impact
from entrepot.operations.scan import scan
from entrepot.wire.reply import Reply, json_reply, text_header

if TYPE_CHECKING:
    from entrepot.wire.call import Call

_SOURCES: Final = "/api/v1/advisories/sources"


async def list_advisory_sources(call: Call) -> Reply:
    """List where advisories come from, and how old they are."""
    query = read_query(call, PageQuery)
    found = await advisories.list_sources(call.registry, call.caller)
    return json_reply(
        page_of_all(
            found, after=query.after, limit=query.limit, show=shapes.AdvisorySource.of, cursor=lambda each: each.name
        )
    )


async def add_advisory_source(call: Call) -> Reply:
    """Let advisories come from an address.

    It is asked now and then, or when you say so; nothing is read yet.
    """
    body = await read_body(call, shapes.NewAdvisorySource)
    source = await advisories.add_source(
        call.registry,
        call.caller,
        body.name,
        body.url,
        private=body.private,
        credentials=parse_credentials(body.credentials),
    )
    return json_reply(shapes.AdvisorySource.of(source), status=201)


async def remove_advisory_source(call: Call) -> Reply:
    """Forget a source, its advisories, and what they were found to mean."""
    removed = await advisories.remove_source(call.registry, call.caller, call.path["source"])
    return json_reply(shapes.RemovedAdvisorySource(removed))


async def refresh_advisory_source(call: Call) -> Reply:
    """Ask a source's address now for what is new."""
    imported = await advisories.refresh_source(call.registry, call.caller, call.path["source"])
    return json_reply(shapes.ImportedAdvisories.of(imported))


async def import_advisories(call: Call) -> Reply:
    """Take in OSV records that are sent: a zip of them, one a line, or a single one.

    Only what is new is written, and compared with all that is here.
    """
    query = read_query(call, shapes.AdvisoryImportQuery)
    imported = await advisories.import_advisories(call.registry, call.caller, query.source, call.body.stream())
    return json_reply(shapes.ImportedAdvisories.of(imported))


async def import_exploitation(call: Call) -> Reply:
    """Take in EPSS scores (CSV, perhaps in gzip) or the catalogue of known exploited vulnerabilities (JSON)."""
    content = await call.body.read(advisories.EXPLOITATION_SIZE)
    return json_reply(shapes.ImportedScores(await advisories.import_exploitation(call.registry, call.caller, content)))


async def list_advisory_changes(call: Call) -> Reply:
    """List the advisories that changed, each as it is now, in the order in which they did.

    Another Entrepot keeps up with this one by that; without `since` it is all there is.
    """
    query = read_query(call, shapes.AdvisoryChangesQuery)
    found = await list_changes(call.registry, call.caller, since=query.since or None, limit=query.limit)
    return json_reply(shapes.AdvisoryChanges.of(found))


async def read_advisory(call: Call) -> Reply:
    """Show an advisory as it was sent."""
    content = await advisories.read_advisory(call.registry, call.caller, call.path["advisory"])
    return Reply(200, [text_header("content-type", JSON)], content)


async def scan_artifact(call: Call) -> Reply:
    """Show what is known to be bad of an artifact, with all that it contains."""
    view, package = parse_place(call)
    text = call.path["artifact"]
    digest = Digest.parse(text) if ":" in text else None
    name = parse_reference(text) if digest is None else None
    return json_reply(Scan.of(await scan(call.registry, call.caller, view, package, name=name, digest=digest)))


async def read_impact(call: Call) -> Reply:
    """Show who has a package, or what an advisory means: every artifact, version and channel that you may read."""
    query = read_query(call, ImpactQuery)
    return json_reply(Impact.of(await find_impact(call.registry, call.caller, query.q, limit=query.limit)))


ADVISORIES = Subject(
    "Advisories",
    "What is known to be bad, in OSV's form, and which of what is here it is.",
    (
        Endpoint(
            method="GET",
            path=_SOURCES,
            handler=list_advisory_sources,
            query=PageQuery,
            answers={200: Answer("A page of sources, by name.", Page[shapes.AdvisorySource])},
        ),
        Endpoint(
            method="POST",
            path=_SOURCES,
            handler=add_advisory_source,
            body=shapes.NewAdvisorySource,
            answers={201: Answer("It is asked from now on.", shapes.AdvisorySource)},
            errors=(Denied,),
        ),
        Endpoint(
            method="DELETE",
            path=f"{_SOURCES}/{{source}}",
            handler=remove_advisory_source,
            answers={200: Answer("It is gone.", shapes.RemovedAdvisorySource)},
            errors=(Denied, AdvisoryUnknown),
        ),
        Endpoint(
            method="POST",
            path=f"{_SOURCES}/{{source}}/refresh",
            handler=refresh_advisory_source,
            answers={200: Answer("What was new.", shapes.ImportedAdvisories)},
            errors=(Denied, AdvisoryUnknown, UpstreamUnavailable, UpstreamInvalid),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/advisories/import",
            handler=import_advisories,
            query=shapes.AdvisoryImportQuery,
            answers={200: Answer("What was new.", shapes.ImportedAdvisories)},
            errors=(Denied, TooLarge),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/advisories/exploitation",
            handler=import_exploitation,
            answers={200: Answer("What was said of how many flaws.", shapes.ImportedScores)},
            errors=(Denied, Invalid, TooLarge),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/advisories/changes",
            handler=list_advisory_changes,
            query=shapes.AdvisoryChangesQuery,
            answers={200: Answer("What changed.", shapes.AdvisoryChanges)},
        ),
        Endpoint(
            method="GET",
            path="/api/v1/advisories/records/{advisory}",
            handler=read_advisory,
            answers={200: Answer("The record.", media_type=JSON)},
            errors=(AdvisoryUnknown,),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}/findings",
            handler=scan_artifact,
            answers={200: Answer("What was found.", Scan)},
            errors=(PackageUnknown, ReferenceUnknown, ArtifactUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/impact",
            handler=read_impact,
            query=ImpactQuery,
            answers={200: Answer("Who has it.", Impact)},
            errors=(AdvisoryUnknown,),
        ),
    ),
)
