"""What is erased: bytes that must not be here, whoever has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, page
from entrepot.api.requests import read_body, read_query
from entrepot.api.shapes import erasures as shapes
from entrepot.api.shapes.basics import Page
from entrepot.model.digest import Digest
from entrepot.model.errors import Denied, ErasureUnknown, InvalidDigest, PlanOutdated, Protected, TooMany
from entrepot.model.position import START, Position
from entrepot.operations import erase
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call


async def list_erasures(call: Call) -> Reply:
    """List what was erased, the oldest first. For who may erase, and for auditors of the registry."""
    query = read_query(call, shapes.ErasuresQuery)
    after = START if query.after is UNSET else Position(query.after)
    found = await erase.list_erasures(call.registry, call.caller, after=after, limit=query.limit + 1)
    return json_reply(page(found, query.limit, show=shapes.Erasure.of, cursor=lambda last: str(last.position)))


async def read_erasure(call: Call) -> Reply:
    """Show the erasure that some bytes went with, with its tombstone.

    Also for auditors of all namespaces that had any of it.
    """
    digest = Digest.parse(call.path["digest"])
    return json_reply(shapes.Erasure.of(await erase.find_erasure(call.registry, call.caller, digest)))


async def plan_erasure(call: Call) -> Reply:
    """Say what would go with some bytes: of a file what has it, of an artifact what only it has."""
    digest = Digest.parse(call.path["digest"])
    return json_reply(shapes.ErasurePlan.of(await erase.plan_erasure(call.registry, call.caller, digest)))


async def erase_bytes(call: Call) -> Reply:
    """Erase some bytes, and all that is nothing without them: at once, everywhere, and for good.

    What never was here is kept from coming. What was erased already is no change.
    """
    digest = Digest.parse(call.path["digest"])
    wanted = await read_body(call, shapes.ErasePlease)
    done = await erase.erase(
        call.registry,
        call.caller,
        digest,
        reason=wanted.reason,
        fingerprint=wanted.fingerprint,
        despite_holds=wanted.despite_holds,
    )
    return json_reply(shapes.Erasure.of(done))


async def lift_erasure(call: Call) -> Reply:
    """Let some bytes be brought again that were erased by mistake. Nothing comes back by itself."""
    digest = Digest.parse(call.path["digest"])
    wanted = await read_body(call, shapes.LiftPlease)
    await erase.lift_erasure(call.registry, call.caller, digest, reason=wanted.reason)
    return Reply(DONE)


ERASURES = Subject(
    "Erasures",
    "What the law forbids, or a secret that got out: its bytes are deleted at once, whoever has them, and nobody brings "
    "them again; a signed tombstone says so. For administrators of the registry.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/erasures",
            handler=list_erasures,
            query=shapes.ErasuresQuery,
            answers={200: Answer("A page of what was erased.", Page[shapes.Erasure])},
            errors=(Denied,),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/erasures/{digest}",
            handler=read_erasure,
            answers={200: Answer("The erasure.", shapes.Erasure)},
            errors=(InvalidDigest, ErasureUnknown),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/erasures/{digest}",
            handler=erase_bytes,
            body=shapes.ErasePlease,
            answers={200: Answer("What was erased.", shapes.Erasure)},
            errors=(Denied, InvalidDigest, Protected, PlanOutdated, TooMany),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/erasures/{digest}/plan",
            handler=plan_erasure,
            answers={200: Answer("What would go.", shapes.ErasurePlan)},
            errors=(Denied, InvalidDigest, TooMany),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/erasures/{digest}/lift",
            handler=lift_erasure,
            body=shapes.LiftPlease,
            answers={204: Answer("It may come again.")},
            errors=(Denied, InvalidDigest, ErasureUnknown),
        ),
    ),
)
