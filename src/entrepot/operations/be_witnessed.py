"""Have the log's checkpoints signed by its witnesses (``c2sp.org/tlog-witness``): what they have signed, nobody rewrites.

A witness that refuses, or is away, keeps nothing waiting: the log is signed and served without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import InvalidProof, UpstreamInvalid
from entrepot.operations.log import identity_of, path_between
from entrepot.ports.fetch import Origin
from entrepot.ports.log import Cosigned
from entrepot.trust.log.notes import MAX_NOTE, Note, Signature, parse_signatures
from entrepot.trust.log.witness import AddCheckpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.fetch import Document
    from entrepot.ports.log import LogHead
    from entrepot.trust.log.identity import Witness

_OK: Final = 200
_CONFLICT: Final = 409
_SIZE_TYPE: Final = "text/x.tlog.size"
_ATTEMPTS: Final = 2
"""Once to be told where the witness stands, and once from there."""


async def ask_witness(registry: Registry, witness: Witness, head: LogHead, known: int) -> None:
    """Have a witness, whose last checkpoint of ours had *known* entries as far as we know, sign *head*; keep what it signs.

    Raises `UpstreamUnavailable`, and `UpstreamInvalid` where it refuses, or answers with what it has not signed.
    """
    origin = Origin.parse(witness.url, private=True)  # Who writes the settings may say so.
    text = Note.parse(head.note).unchecked_text
    for _ in range(_ATTEMPTS):
        path = await path_between(registry, known, head.size) if known else []
        # Only the log's own signatures: a witness need not read what others say.
        ours = Note(text, _ours(registry, head.note))
        body = bytes(AddCheckpoint(known, tuple(path), bytes(ours)))
        answer = await registry.fetcher.post(
            origin, "add-checkpoint", headers={"content-type": "text/plain"}, content=body, limit=MAX_NOTE
        )
        if answer.status == _OK:
            return await _keep(registry, head, _signed(witness, text, answer))
        known = _stands(witness, head, answer)
    raise UpstreamInvalid(f"the witness {witness.key.name} changes its mind about what it has seen")


def has_signed(head: LogHead, witness: Witness) -> bool:
    """Whether the checkpoint has the signature of that witness already; only what was checked is ever put there."""
    return any(
        (signature.name, signature.key_id) == (witness.key.name, witness.key.id)
        for signature in Note.parse(head.note).signatures
    )


def _ours(registry: Registry, note: bytes) -> tuple[Signature, ...]:
    names = {(key.name, key.id) for key in identity_of(registry).keys}
    return tuple(each for each in Note.parse(note).signatures if (each.name, each.key_id) in names)


def _stands(witness: Witness, head: LogHead, answer: Document) -> int:
    """How many entries the witness has seen, when that is why it does not sign. Raises `UpstreamInvalid`."""
    said = answer.body[:100].decode(errors="replace").strip()
    if answer.status != _CONFLICT or not answer.headers.get("content-type", "").startswith(_SIZE_TYPE):
        raise UpstreamInvalid(f"the witness {witness.key.name} does not sign: {answer.status} {said}")
    size = int(said) if said.isascii() and said.isdecimal() else -1
    if not 0 <= size <= head.size:
        raise UpstreamInvalid(
            f"the witness {witness.key.name} has seen {said} entries of this log: it was another then",
            expected=f"{head.size} at most",
        )
    return size


def _signed(witness: Witness, text: str, answer: Document) -> Sequence[Signature]:
    """Those of the lines that the witness's key made. Raises `UpstreamInvalid` when there is none."""
    try:
        lines = parse_signatures(answer.body.decode())
        _, signatures = Note(text, lines).open([witness.key])
    except (InvalidProof, UnicodeDecodeError) as error:
        raise UpstreamInvalid(f"the answer of the witness {witness.key.name} is no signature of its key") from error
    return signatures


async def _keep(registry: Registry, asked: LogHead, signatures: Sequence[Signature]) -> None:
    """Put them below the checkpoint, where it still is the last one, and below the last that witnesses have signed."""
    text = Note.parse(asked.note).unchecked_text

    def change(transaction: Transaction) -> None:
        head, last = transaction.log.head(), transaction.log.cosigned()
        if head is not None and Note.parse(head.note).unchecked_text == text:
            transaction.log.extend(replace(head, note=_below(head.note, signatures)), {})
        if last is not None and Note.parse(last.note).unchecked_text == text:
            note = _below(last.note, signatures)
        elif last is None or last.size <= asked.size:
            note = _below(asked.note, signatures)
        else:
            return
        transaction.log.set_cosigned(Cosigned(asked.size, note, transaction.now))

    await registry.catalog.write(change)


def _below(note: bytes, added: Sequence[Signature]) -> bytes:
    known = Note.parse(note)
    keys = {(signature.name, signature.key_id) for signature in added}
    kept = [each for each in known.signatures if (each.name, each.key_id) not in keys]
    return bytes(Note(known.unchecked_text, (*kept, *added)))
