"""What the management API reads and writes about the transparency log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.texts import MAX_POSITION, TIME

_HASH = "A" * 43 + "="
_CHECKPOINT = f"registry.example.com/log\n7\n{_HASH}\n\n— registry.example.com/log {'A' * 91}=\n"
_Size = Annotated[int, Meta(ge=0, le=MAX_POSITION, description="How many entries the tree has.", examples=[7])]
_Root = Annotated[str, Meta(description="The tree's root, in base64.", examples=[_HASH])]
_Path = Annotated[list[str], Meta(description="The hashes of the proof, in base64, as RFC 6962 orders them.")]
_Checkpoint = Annotated[str, Meta(description="The signed checkpoint, byte for byte.", examples=[_CHECKPOINT])]


class LogState(Struct, frozen=True):
    """The transparency log, and what its checkpoints are verified with."""

    origin: Annotated[str, Meta(description="The log's name.", examples=["registry.example.com/log"])]
    keys: Annotated[list[str], Meta(description="The verifier keys that it signs with, one at least of Ed25519.")]
    witness: Annotated[str, Meta(description="The verifier key that it signs other logs' checkpoints with.")]
    size: _Size
    root: _Root
    checkpoint: _Checkpoint
    signed_at: Annotated[datetime, Meta(examples=[TIME])]
    witnesses: Annotated[
        list[str], Meta(description="The verifier keys of those who are asked to sign its checkpoints.")
    ]
    cosigned: Annotated[
        str | None,
        Meta(description="The last checkpoint that witnesses have signed: where much happens, an earlier one."),
    ]


class InclusionQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which entry is to be proved."""

    position: Annotated[int, Meta(description="The entry's position in the journal.", ge=1, le=MAX_POSITION)]


class LogInclusion(Struct, frozen=True):
    """That an entry of the journal is in the log."""

    index: Annotated[int, Meta(description="The leaf's place in the tree: one less than the position.", examples=[3])]
    size: _Size
    root: _Root
    path: _Path
    leaf: Annotated[str, Meta(description="The leaf that the proof is of, in base64.", examples=["e30="])]
    checkpoint: _Checkpoint
    proof: Annotated[str, Meta(description="All of it as a proof file, `c2sp.org/tlog-proof@v1`.")]


class ConsistencyQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Between which trees consistency is to be proved."""

    old: Annotated[int, Meta(description="The size of the earlier tree.", ge=0, le=MAX_POSITION)]
    size: Annotated[int, Meta(description="The size of the later one; else the last.", ge=0, le=MAX_POSITION)] | (
        UnsetType
    ) = UNSET


class LogConsistency(Struct, frozen=True):
    """That a tree begins with all of an earlier one."""

    old: _Size
    size: _Size
    path: _Path
    checkpoint: _Checkpoint
