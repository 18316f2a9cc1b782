"""What is in artifacts, and what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import page_of_all
from entrepot.api.requests import parse_place, read_query
from entrepot.api.shapes import sboms as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.inventory.compare import Change
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, PackageUnknown, ReferenceUnknown
from entrepot.model.names import parse_reference
from entrepot.operations.export_sbom import compare_sboms, export_sbom
from entrepot.operations.read_sbom import list_documents, read_inventory
from entrepot.wire.reply import REVALIDATE, Reply, json_reply, text_header

if TYPE_CHECKING:
    from entrepot.model.component import Component
    from entrepot.operations.export_sbom import Wanted
    from entrepot.wire.call import Call


async def read_sbom(call: Call) -> Reply:
    """Show which documents say what is in an artifact, and under which licences that is.

    Those about the manifests of an index count for the index.
    """
    view, package = parse_place(call)
    name, digest = _parse(call.path["artifact"])
    found = await list_documents(call.registry, call.caller, view, package, name=name, digest=digest)
    call.facts["digest"] = str(found.digest)
    return json_reply(shapes.Sboms.of(found), headers=[REVALIDATE])


async def list_components(call: Call) -> Reply:
    """List what is in an artifact and what it needs: what all documents about it say."""
    view, package = parse_place(call)
    name, digest = _parse(call.path["artifact"])
    query = read_query(call, PageQuery)
    found = await read_inventory(call.registry, call.caller, view, package, name=name, digest=digest)
    return json_reply(
        page_of_all(
            enumerate(found.components),
            after=query.after,
            limit=query.limit,
            show=_show,
            cursor=lambda numbered: f"{numbered[0]:08}",
        ),
        headers=[REVALIDATE],
    )


def _show(numbered: tuple[int, Component]) -> shapes.Component:
    return shapes.Component.of(numbered[1])


async def read_sbom_document(call: Call) -> Reply:
    """Write what is in an artifact as one document: `cyclonedx` (1.6) or `spdx` (2.3), in JSON."""
    view, package = parse_place(call)
    content, media_type = await export_sbom(
        call.registry, call.caller, view, package, _parse(call.path["artifact"]), form=call.path["form"]
    )
    return Reply(200, [text_header("content-type", media_type), REVALIDATE], content)


async def list_sbom_changes(call: Call) -> Reply:
    """List what is otherwise in an artifact than in another one of the package."""
    view, package = parse_place(call)
    query = read_query(call, shapes.ChangesQuery)
    found = await compare_sboms(
        call.registry, call.caller, view, package, _parse(query.before), after=_parse(call.path["artifact"])
    )
    return json_reply(
        page_of_all(
            enumerate(found),
            after=query.after,
            limit=query.limit,
            show=_show_change,
            cursor=lambda numbered: f"{numbered[0]:08}",
        ),
        headers=[REVALIDATE],
    )


def _show_change(numbered: tuple[int, Change]) -> shapes.ComponentChange:
    return shapes.ComponentChange.of(numbered[1])


def _parse(text: str) -> Wanted:
    """A name or a digest: only a digest has a colon."""
    return (None, Digest.parse(text)) if ":" in text else (parse_reference(text), None)


_ARTIFACT = "/api/v1/packages/{view}/{format}/{package}/-/artifacts/{artifact}"
_UNKNOWN = (PackageUnknown, ReferenceUnknown, ArtifactUnknown)

SBOMS = Subject(
    "SBOMs",
    "What is in an artifact and what it needs, as the documents say that came with it, or the one that was made of its "
    "own metadata or its layers.",
    (
        Endpoint(
            method="GET",
            path=_ARTIFACT + "/sbom",
            handler=read_sbom,
            answers={200: Answer("The documents and the licences.", shapes.Sboms)},
            errors=_UNKNOWN,
        ),
        Endpoint(
            method="GET",
            path=_ARTIFACT + "/sbom/components",
            handler=list_components,
            query=PageQuery,
            answers={200: Answer("A page of components.", Page[shapes.Component])},
            errors=_UNKNOWN,
        ),
        Endpoint(
            method="GET",
            path=_ARTIFACT + "/sbom/changes",
            handler=list_sbom_changes,
            query=shapes.ChangesQuery,
            answers={200: Answer("A page of changes.", Page[shapes.ComponentChange])},
            errors=_UNKNOWN,
        ),
        Endpoint(
            method="GET",
            path=_ARTIFACT + "/sbom/documents/{form}",
            handler=read_sbom_document,
            answers={200: Answer("The document.", media_type="application/json")},
            errors=_UNKNOWN,
        ),
    ),
)
