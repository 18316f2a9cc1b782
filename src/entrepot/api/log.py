"""The transparency log, for programs that would rather not read tiles (those are below ``/log/``)."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.requests import read_query
from entrepot.api.shapes import log as shapes
from entrepot.model.errors import Denied, InvalidProof, RouteUnknown
from entrepot.model.position import Position
from entrepot.operations import log
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply


async def read_log(call: Call) -> Reply:
    """Show the log's last checkpoint, and the keys that it is verified with.

    Keys that come over the same wire as what they verify prove nothing: compare them once with what the operator says.
    """
    head = await log.read_checkpoint(call.registry, call.caller)
    cosigned = await log.read_cosigned(call.registry, call.caller)
    identity = log.identity_of(call.registry)
    return json_reply(
        shapes.LogState(
            origin=identity.origin,
            keys=[str(key) for key in identity.keys],
            witness=str(identity.witness.key),
            size=head.size,
            root=_text(head.root),
            checkpoint=head.note.decode(),
            signed_at=head.signed_at,
            witnesses=[str(witness.key) for witness in identity.witnesses],
            cosigned=None if cosigned is None else cosigned.note.decode(),
        )
    )


async def prove_inclusion(call: Call) -> Reply:
    """Prove that an entry of the journal is in the log.

    For whoever may read the entry. One that was appended just now is in the log a second later.
    """
    query = read_query(call, shapes.InclusionQuery)
    found = await log.prove_inclusion(call.registry, call.caller, Position(query.position))
    return json_reply(
        shapes.LogInclusion(
            index=found.proof.index,
            size=found.size,
            root=_text(found.root),
            path=_texts(found.proof.path),
            leaf=_text(found.leaf),
            checkpoint=found.proof.checkpoint.decode(),
            proof=bytes(found.proof).decode(),
        )
    )


async def prove_consistency(call: Call) -> Reply:
    """Prove that the log has only grown since it had a certain size."""
    query = read_query(call, shapes.ConsistencyQuery)
    size = None if query.size is UNSET else query.size
    found = await log.prove_consistency(call.registry, call.caller, query.old, size)
    return json_reply(
        shapes.LogConsistency(
            old=found.old_size, size=found.size, path=_texts(found.path), checkpoint=found.checkpoint.decode()
        )
    )


def _text(content: bytes) -> str:
    return b64encode(content).decode()


def _texts(hashes: Sequence[bytes]) -> list[str]:
    return [_text(value) for value in hashes]


LOG = Subject(
    "Log",
    "The journal as a Merkle tree with signed checkpoints: whoever keeps one notices when the past is rewritten.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/log",
            handler=read_log,
            answers={200: Answer("The log.", shapes.LogState)},
            errors=(Denied,),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/log/inclusion",
            handler=prove_inclusion,
            query=shapes.InclusionQuery,
            answers={200: Answer("The proof.", shapes.LogInclusion)},
            errors=(Denied, RouteUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/log/consistency",
            handler=prove_consistency,
            query=shapes.ConsistencyQuery,
            answers={200: Answer("The proof.", shapes.LogConsistency)},
            errors=(Denied, InvalidProof),
        ),
    ),
)
