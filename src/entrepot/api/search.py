"""Search: artifacts by where they came from, or by what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import page
from entrepot.api.requests import read_query
from entrepot.api.shapes import registry as shapes
from entrepot.api.shapes.basics import Page
from entrepot.operations import browse
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply


async def search(call: Call) -> Reply:
    """Find artifacts that you may read, the newest first."""
    query = read_query(call, shapes.SearchQuery)
    found = await browse.search(call.registry, call.caller, query.q, limit=query.limit)
    return json_reply(page(found, query.limit, show=shapes.Hit.of, cursor=lambda _: ""))


SEARCH = Subject(
    "Search",
    "Artifacts by commit, repository, build or builder, or by name or digest.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/search",
            handler=search,
            query=shapes.SearchQuery,
            answers={200: Answer("What was found; there are no further pages.", Page[shapes.Hit])},
        ),
    ),
)
