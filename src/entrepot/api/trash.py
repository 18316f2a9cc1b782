"""What was deleted, and can be had back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import page
from entrepot.api.requests import parse_target, parse_writable, read_query
from entrepot.api.shapes import keeping as shapes
from entrepot.api.shapes.basics import Page
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    NamespaceUnknown,
    PackageUnknown,
    Protected,
    ReadOnly,
    ReferenceUnknown,
)
from entrepot.model.names import parse_namespace
from entrepot.model.position import Position
from entrepot.operations import purge, restore
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply


async def list_trash(call: Call) -> Reply:
    """List what was deleted in a namespace and can be had back, the last first."""
    query = read_query(call, shapes.TrashQuery)
    found = await restore.list_trash(
        call.registry,
        call.caller,
        parse_namespace(call.path["namespace"]),
        before=None if query.after is UNSET else Position(query.after),
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=shapes.Deleted.of, cursor=lambda last: str(last.deleted.position)))


async def restore_artifact(call: Call) -> Reply:
    """Have back what was deleted, with all that it contains and the names that it had.

    What means something else by now is left to it. What is there already is no change.
    """
    found = await restore.restore(call.registry, call.caller, parse_writable(call), parse_target(call))
    return json_reply(shapes.Restored.of(found))


async def purge_artifact(call: Call) -> Reply:
    """Take out of the trash for good what was deleted, with what left with it.

    Bytes that nobody has, or may have back, are deleted at once.
    """
    found = await purge.purge(call.registry, call.caller, parse_writable(call), parse_target(call))
    return json_reply(shapes.Purged.of(found))


TRASH = Subject(
    "Trash",
    "What was deleted can be had back, whole, until its bytes are given up. For who may delete it.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/namespaces/{namespace}/trash",
            handler=list_trash,
            query=shapes.TrashQuery,
            answers={200: Answer("A page of what was deleted.", Page[shapes.Deleted])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/packages/{view}/{format}/{package}/-/trash/{artifact}",
            handler=restore_artifact,
            answers={200: Answer("What was had back.", shapes.Restored)},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown, ArtifactUnknown),
        ),
        Endpoint(
            method="DELETE",
            path="/api/v1/packages/{view}/{format}/{package}/-/trash/{artifact}",
            handler=purge_artifact,
            answers={200: Answer("What cannot be had back any more.", shapes.Purged)},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown, ArtifactUnknown, Protected),
        ),
    ),
)
