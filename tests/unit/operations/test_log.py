"""The transparency log grows with the journal, proves what is in it, and notices what was done to either."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from entrepot.model.access import Caller, Role
from entrepot.model.errors import (
    Corrupt,
    Denied,
    InvalidProof,
    LogForked,
    LogInconsistent,
    LogMoved,
    LogUnknown,
    LogUnsigned,
    RouteUnknown,
    Unauthenticated,
    Unavailable,
)
from entrepot.model.events import Entry, chain, decode
from entrepot.model.position import START, Position
from entrepot.operations.check import Violation, check
from entrepot.operations.log import (
    check_log,
    grow_log,
    prove_consistency,
    prove_inclusion,
    read_checkpoint,
    read_tile,
    sign_again,
)
from entrepot.operations.witness import cosign
from entrepot.ports.catalog import Transaction
from entrepot.testing.builders import LOG, LOG_KEYS, World, caller, image
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.identity import LogReaders, identify
from entrepot.trust.log.leaves import MAX_LEAF, leaf_of
from entrepot.trust.log.merkle import EMPTY_ROOT, check_consistency, leaf_hash
from entrepot.trust.log.notes import Note, sign_note
from entrepot.trust.log.tiles import ENTRIES, Tile, unpack_entries
from entrepot.trust.log.witness import AddCheckpoint
from entrepot.trust.signing import LocalKey

ANYBODY = Caller(None)
AUDITOR = caller(Role.AUDITOR, None)


async def fill(world: World, *names: str) -> int:
    """Make some history, and have it logged."""
    for name in names or ("beta", "zeta"):
        await world.namespace(name)
        await world.push(f"{name}/api", image(b"layer"), "1.0")
    await world.settle()
    return (await world.catalog.head())[0]


def serving(world: World, readers: LogReaders) -> World:
    return replace(world, registry=replace(world.registry, log=replace(LOG, readers=readers)))


async def test_the_log_has_what_the_journal_has(world: World) -> None:
    end = await fill(world)

    head = await read_checkpoint(world.registry, AUDITOR)
    checkpoint, signatures = Checkpoint.open(head.note, LOG.origin, LOG.keys)
    leaves = unpack_entries(Tile(ENTRIES, 0, end), await read_tile(world.registry, AUDITOR, Tile(ENTRIES, 0, end)))
    entries = await world.catalog.list_entries(after=START, limit=1_000)
    hashes = await read_tile(world.registry, AUDITOR, Tile(0, 0, end))

    assert checkpoint.size == end
    assert len(signatures) == 2
    assert leaves == [leaf_of(entry) for entry in entries]
    assert hashes == b"".join(leaf_hash(leaf) for leaf in leaves)
    assert await check(world.registry) == []


async def test_growing_again_changes_nothing(world: World) -> None:
    await fill(world)
    before = await world.catalog.log.head()

    await grow_log(world.registry)

    assert await world.catalog.log.head() == before


OTHERWISE = {
    "another name": identify("log.example.com", LOG_KEYS),
    "another ECDSA key": identify(LOG.origin, LOG_KEYS, ecdsa=LocalKey.generate()),
}


@pytest.mark.parametrize("name", OTHERWISE)
async def test_a_log_that_is_called_or_signed_otherwise_has_its_checkpoint_signed_anew(world: World, name: str) -> None:
    end = await fill(world)
    now = replace(world.registry, log=OTHERWISE[name])

    changed = [await sign_again(registry) for registry in (world.registry, now, now)]
    head = await read_checkpoint(now, AUDITOR)

    assert changed == [False, True, False]
    checkpoint, signatures = Checkpoint.open(head.note, OTHERWISE[name].origin, OTHERWISE[name].keys)
    assert (checkpoint.size, len(signatures)) == (end, 2)
    assert await check(now) == []


async def test_a_tree_that_is_not_what_was_signed_is_not_signed_anew(world: World) -> None:
    await fill(world)
    connection = tampering(world)
    connection.execute("UPDATE log_tile SET hashes = zeroblob(length(hashes))")
    connection.close()

    with pytest.raises(Corrupt):
        await sign_again(replace(world.registry, log=OTHERWISE["another name"]))


def test_only_a_key_that_signed_notes_know_signs_a_log() -> None:
    p384 = LocalKey.parse(
        generate_private_key(SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )

    with pytest.raises(InvalidProof, match="ecdsa-p256"):
        identify(LOG.origin, LOG_KEYS, ecdsa=p384)


async def test_a_log_that_grows_by_many_steps_is_one_that_grew_by_few(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrepot.operations.log._BATCH", 7)
    for number in range(150):
        await world.namespace(f"n{number}")
        await world.settle()
    for number in range(150, 300):
        await world.namespace(f"n{number}")
    end = await grow_log(world.registry)

    assert end > 300
    assert await check_log(world.registry) is None


async def test_every_entry_is_proved(world: World) -> None:
    end = await fill(world)

    for position in range(1, end + 1):
        found = await prove_inclusion(world.registry, AUDITOR, Position(position))
        checkpoint, _ = found.proof.check(found.leaf, LOG.origin, LOG.keys)
        assert checkpoint.size == end
        assert found.proof.extra == found.leaf


async def test_an_entry_that_is_not_in_the_log_yet_comes_soon(world: World) -> None:
    end = await fill(world)
    await world.namespace("late")

    with pytest.raises(Unavailable):
        await prove_inclusion(world.registry, AUDITOR, Position(end + 1))
    await world.settle()
    assert (await prove_inclusion(world.registry, AUDITOR, Position(end + 1))).size == end + 1


@pytest.mark.parametrize("position", [-1, 0, 1_000_000])
async def test_there_is_no_proof_of_what_is_not_there(world: World, position: int) -> None:
    await fill(world)

    with pytest.raises(RouteUnknown):
        await prove_inclusion(world.registry, AUDITOR, Position(position))


async def test_the_log_only_grows_and_proves_it(world: World) -> None:
    end = await fill(world)
    before = await read_checkpoint(world.registry, AUDITOR)
    later = await fill(world, "more", "again")
    after = await read_checkpoint(world.registry, AUDITOR)

    found = await prove_consistency(world.registry, AUDITOR, end)
    earlier = await prove_consistency(world.registry, AUDITOR, 2, end)

    assert (found.old_size, found.size) == (end, later)
    check_consistency(end, before.root, later, new_root=after.root, path=found.path)
    assert earlier.size == end
    with pytest.raises(InvalidProof):
        await prove_consistency(world.registry, AUDITOR, 1, later + 1)
    with pytest.raises(InvalidProof):
        await prove_consistency(world.registry, AUDITOR, 2, 1)


async def test_before_the_first_checkpoint_there_is_none(world: World) -> None:
    with pytest.raises(Unavailable):
        await read_checkpoint(world.registry, AUDITOR)
    with pytest.raises(RouteUnknown):
        await read_tile(world.registry, AUDITOR, Tile(0, 0, 1))


# --- who may ---


async def test_the_log_is_for_auditors_unless_it_is_published(world: World) -> None:
    end = await fill(world)
    hashes, entries = Tile(0, 0, end), Tile(ENTRIES, 0, end)

    for who, refusal in ((ANYBODY, Unauthenticated), (caller(Role.MAINTAINER), Denied)):
        with pytest.raises(refusal):
            await read_checkpoint(world.registry, who)
        for tile in (hashes, entries):
            with pytest.raises(refusal):
                await read_tile(world.registry, who, tile)

    published = serving(world, LogReaders.HASHES)
    await read_checkpoint(published.registry, ANYBODY)
    await read_tile(published.registry, ANYBODY, hashes)
    await prove_consistency(published.registry, ANYBODY, 1)
    with pytest.raises(Unauthenticated):
        await read_tile(published.registry, ANYBODY, entries)
    with pytest.raises(Unauthenticated):
        await prove_inclusion(published.registry, ANYBODY, Position(1))

    open_to_all = serving(world, LogReaders.EVERYBODY)
    await read_tile(open_to_all.registry, ANYBODY, entries)
    await prove_inclusion(open_to_all.registry, ANYBODY, Position(1))


async def test_an_auditor_of_a_namespace_has_proofs_of_its_entries_alone(world: World) -> None:
    end = await fill(world)
    auditor = caller(Role.AUDITOR, "beta")
    entries = await world.catalog.list_entries(after=START, limit=1_000)

    for entry in entries:
        if entry.event.namespace == "beta":
            assert (await prove_inclusion(world.registry, auditor, entry.position)).size == end
        else:
            with pytest.raises(Denied):
                await prove_inclusion(world.registry, auditor, entry.position)
    with pytest.raises(Denied):
        await prove_inclusion(world.registry, auditor, Position(end + 100))


# --- what was done to it ---


def tampering(world: World) -> sqlite3.Connection:
    """A way to change rows that no program has."""
    connection = sqlite3.connect(world.folder / "catalog.sqlite", isolation_level=None)
    for trigger in ("event_is_never_changed", "event_is_never_deleted", "log_never_shrinks"):
        connection.execute(f"DROP TRIGGER {trigger}")
    return connection


async def violations(world: World) -> list[Violation]:
    return [violation for violation in await check(world.registry) if violation.invariant == "I12"]


async def test_an_edited_row_is_found_also_when_all_later_hashes_were_made_again(world: World) -> None:
    await fill(world)
    connection = tampering(world)
    entries = list(await world.catalog.list_entries(after=START, limit=1_000))
    previous = entries[1].hash
    for number, entry in enumerate(entries[2:], 3):
        actor = "somebody else" if number == 3 else entry.actor
        previous = chain(previous, entry.position, entry.at, actor=actor, content=entry.content)
        connection.execute("UPDATE event SET actor = ?, hash = ? WHERE position = ?", (actor, previous, entry.position))

    found = await check(world.registry)

    assert [violation.invariant for violation in found] == ["I12"]
    assert "entry 3 of the journal" in found[0].problem


async def test_a_dropped_row_is_found(world: World) -> None:
    end = await fill(world)
    tampering(world).execute("DELETE FROM event WHERE position = ?", (end,))

    assert await violations(world) == [
        Violation("I12", f"the log has an entry at position {end}, the journal has none")
    ]


async def test_a_journal_that_ends_too_early_is_found(world: World) -> None:
    await fill(world)
    tampering(world).execute("DELETE FROM event")

    assert len(await violations(world)) == 1


async def test_reordered_rows_are_found(world: World) -> None:
    end = await fill(world)
    connection = tampering(world)
    for old, new in ((end, 10**6), (end - 1, end), (10**6, end - 1)):
        connection.execute("UPDATE event SET position = ? WHERE position = ?", (new, old))

    assert f"entry {end - 1} of the journal" in (await violations(world))[0].problem


async def test_a_changed_tile_is_found(world: World) -> None:
    await fill(world)
    connection = tampering(world)
    (hashes,) = connection.execute("SELECT hashes FROM log_tile WHERE level = 0").fetchone()
    connection.execute("UPDATE log_tile SET hashes = ?", (bytes(32) + hashes[32:],))

    assert len(await violations(world)) == 1
    await world.namespace("late")
    with pytest.raises(Corrupt):
        await grow_log(world.registry)


@pytest.mark.parametrize(("column", "value"), [("root", b"r" * 32), ("size", 3), ("note", b"nothing"), ("size", 10**6)])
async def test_a_changed_checkpoint_is_found(world: World, column: str, value: object) -> None:
    await fill(world)
    tampering(world).execute(f"UPDATE log_head SET {column} = ?", (value,))  # noqa: S608 (the column is ours)

    assert len(await violations(world)) == 1


async def test_what_was_changed_before_it_was_logged_is_never_signed(world: World) -> None:
    end = await fill(world)
    await world.namespace("late")
    tampering(world).execute("UPDATE event SET actor = 'somebody else' WHERE position = ?", (end + 1,))

    with pytest.raises(Corrupt):
        await grow_log(world.registry)
    head = await world.catalog.log.head()
    assert head is not None
    assert head.size == end


async def test_of_two_that_let_the_log_grow_at_once_one_is_not_heard(world: World) -> None:
    await fill(world)
    await world.namespace("late")
    other = replace(LOG, origin="other.example.com/log")
    registry = replace(world.registry, log=other)
    write = world.catalog.write
    overtaken = False

    async def overtake(change: Callable[[Transaction], Any]) -> Any:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            await grow_log(world.registry)
        return await write(change)

    world.catalog.write = overtake  # type: ignore[method-assign]
    await grow_log(registry)

    head = await world.catalog.log.head()
    assert head is not None
    assert Checkpoint.open(head.note, LOG.origin, LOG.keys)
    assert await check_log(world.registry) is None


# --- leaves ---


async def test_a_leaf_is_canonical_json_that_has_the_event_as_it_was_appended(world: World) -> None:
    await fill(world)

    for entry in await world.catalog.list_entries(after=START, limit=1_000):
        leaf = leaf_of(entry)
        assert entry.content in leaf
        assert leaf.startswith(b'{"actor":"administrator","at":"2026-01-31T12:00:00.000000+00:00","event":{')
        assert leaf.endswith(b'},"hash":"%b","position":%d}' % (entry.hash.hex().encode(), entry.position))


async def test_an_event_that_is_too_large_is_named_by_its_hash(world: World) -> None:
    await fill(world)
    entry = (await world.catalog.list_entries(after=START, limit=1))[0]
    content = b'{"type":"dev.entrepot.namespace.created.v1","namespace":"%b"}' % (b"n" * MAX_LEAF)
    leaf = leaf_of(replace_entry(entry, content))

    assert len(leaf) < 500
    assert b'"event_digest":"sha256:' in leaf
    assert b'"event_size":%d' % len(content) in leaf
    assert leaf != leaf_of(replace_entry(entry, content.replace(b"nn", b"nm", 1)))


def replace_entry(entry: Entry, content: bytes) -> Entry:
    return Entry(entry.position, entry.at, entry.actor, decode(content), content, entry.hash)


# --- a witness ---


def witnessing(world: World) -> World:
    identity = replace(LOG, witnessed={LOG.origin: LOG.keys})
    return replace(world, registry=replace(world.registry, log=identity))


async def request(world: World, old: int) -> bytes:
    proof = await prove_consistency(world.registry, AUDITOR, old)
    return bytes(AddCheckpoint(old, proof.path if old else (), proof.checkpoint))


async def test_a_witness_signs_a_log_that_goes_on(world: World) -> None:
    world = witnessing(world)
    end = await fill(world)
    first = await cosign(world.registry, await request(world, 0))
    later = await fill(world, "more")
    body = await request(world, end)
    second = await cosign(world.registry, body)

    note = Note.parse(AddCheckpoint.parse(body).checkpoint)
    cosigned = Note(note.unchecked_text, (*note.signatures, second))
    checkpoint, signatures = Checkpoint.open(cosigned, LOG.origin, [*LOG.keys, LOG.witness.key])
    assert checkpoint.size == later
    assert signatures[-1] == second
    assert second.at_seconds == int(world.clock.now().timestamp())
    assert first.key_id == LOG.witness.key.id
    (seen,) = await world.catalog.log.list_seen()
    assert (seen.size, seen.root) == (checkpoint.size, checkpoint.root)


async def test_a_witness_says_where_it_stands(world: World) -> None:
    world = witnessing(world)
    end = await fill(world)
    await cosign(world.registry, await request(world, 0))

    with pytest.raises(LogMoved) as moved:
        await cosign(world.registry, await request(world, 0))

    assert moved.value.expected == end
    await cosign(world.registry, await request(world, end))  # the same again is no other tree


async def test_a_witness_signs_no_second_history(world: World) -> None:
    world = witnessing(world)
    end = await fill(world)
    await cosign(world.registry, await request(world, 0))
    rewritten = sign_note(str(Checkpoint(LOG.origin, end, bytes(32))), LOG.signers)
    longer = sign_note(str(Checkpoint(LOG.origin, end + 5, bytes(32))), LOG.signers)

    with pytest.raises(LogForked):
        await cosign(world.registry, bytes(AddCheckpoint(end, (), bytes(rewritten))))
    with pytest.raises(LogInconsistent):
        await cosign(world.registry, bytes(AddCheckpoint(end, (bytes(32),), bytes(longer))))
    with pytest.raises(InvalidProof):
        await cosign(world.registry, bytes(AddCheckpoint(end + 6, (), bytes(longer))))


async def test_a_witness_signs_for_the_logs_that_it_knows(world: World) -> None:
    known = witnessing(world)
    await fill(known)
    body = await request(known, 0)
    stranger = sign_note(str(Checkpoint(LOG.origin, 0, EMPTY_ROOT)), [LOG.witness])

    with pytest.raises(LogUnknown):
        await cosign(world.registry, body)
    with pytest.raises(LogUnsigned):
        await cosign(known.registry, bytes(AddCheckpoint(0, (), bytes(stranger))))
    with pytest.raises(InvalidProof):
        await cosign(known.registry, body + b"more")
