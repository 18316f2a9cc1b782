"""The collection of bytes that nobody can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.shapes import keeping as shapes
from entrepot.model.digest import Digest
from entrepot.model.errors import BlobUnknown, Denied, InvalidDigest
from entrepot.operations import collect
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply


async def plan_collection(call: Call) -> Reply:
    """Say what a round would do now."""
    return json_reply(shapes.CollectionPlan.of(await collect.plan_collection(call.registry, call.caller)))


async def apply_collection(call: Call) -> Reply:
    """Do a round now. It is done by itself too, every hour."""
    return json_reply(shapes.Collected.of(await collect.apply_collection(call.registry, call.caller)))


async def explain_blob(call: Call) -> Reply:
    """Say what keeps a blob: every package that has it, and what of that needs it."""
    digest = Digest.parse(call.path["digest"])
    found = await collect.explain(call.registry, call.caller, digest)
    if found is None:
        raise BlobUnknown(digest)
    return json_reply(shapes.Explanation.of(str(digest), found))


COLLECTION = Subject(
    "Collection",
    "Bytes that no package has are condemned, wait, and are given up; whoever brings them again meanwhile revives "
    "them. For administrators.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/collection",
            handler=plan_collection,
            answers={200: Answer("The plan.", shapes.CollectionPlan)},
            errors=(Denied,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/collection",
            handler=apply_collection,
            answers={200: Answer("What it came to.", shapes.Collected)},
            errors=(Denied,),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/collection/{digest}",
            handler=explain_blob,
            answers={200: Answer("The explanation.", shapes.Explanation)},
            errors=(Denied, InvalidDigest, BlobUnknown),
        ),
    ),
)
