"""The journal: what happened, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import page
from entrepot.api.requests import read_query
from entrepot.api.shapes import registry as shapes
from entrepot.api.shapes.basics import Page
from entrepot.model.errors import Denied, NamespaceUnknown
from entrepot.model.names import parse_namespace
from entrepot.model.position import Position
from entrepot.operations import browse, follow
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply


async def list_entries(call: Call) -> Reply:
    """List what happened, in order.

    An auditor of the registry sees everything, an auditor of a namespace what happened there.
    """
    query = read_query(call, shapes.JournalQuery)
    found = await browse.list_entries(
        call.registry,
        call.caller,
        namespace=None if query.namespace is UNSET else parse_namespace(query.namespace),
        after=Position(query.after),
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=shapes.Entry.of, cursor=lambda last: str(last.position)))


async def list_followers(call: Call) -> Reply:
    """List what reads the journal, and how far each is."""
    found = await follow.list_progress(call.registry, call.caller)
    return json_reply([shapes.Follower(each.follower, each.position, each.behind) for each in found])


JOURNAL = Subject(
    "Journal",
    "Every accepted change is one event in the journal. Nobody can rewrite it: each entry's hash covers all before it.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/journal",
            handler=list_entries,
            query=shapes.JournalQuery,
            answers={200: Answer("A page of the journal.", Page[shapes.Entry])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/journal/followers",
            handler=list_followers,
            answers={200: Answer("All of them.", list[shapes.Follower])},
            errors=(Denied,),
        ),
    ),
)
