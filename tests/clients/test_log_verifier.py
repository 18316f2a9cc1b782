"""What others wrote to check transparency logs accepts ours, and refuses each way of tampering with it.

The verifier is the Go checksum database's own tree and notes, with the transparency-dev project's checkpoints, proofs
and cosignatures (``tools/logverifier`` calls them and does nothing else).
Every variant is refused by it and by us.
"""

from __future__ import annotations

import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from entrepot.drivers.log_keys import load_log_keys
from entrepot.model.errors import InvalidProof
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.identity import identify
from entrepot.trust.log.merkle import (
    check_consistency,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    prove,
)
from entrepot.trust.log.notes import Note, NoteSigner, signer_of
from entrepot.trust.log.proofs import LogProof
from entrepot.trust.log.tiles import EMPTY, Edge, Tile, TileHashes, tiles_for
from tests.clients.programs import Shell, program
from tests.faults.server import running, violations

ORIGIN = "registry.example.com/log"
LEAVES = tuple(b'{"position":%d}' % number for number in range(1, 701))
OLD, NEW, INDEX = 300, 700, 123


def keys(origin: str, seed: int) -> tuple[NoteSigner, ...]:
    return (
        signer_of(origin, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)),
        signer_of(origin, derive_private_key(10**70 + seed, SECP256R1())),
    )


LOG = keys(ORIGIN, 1)
WITNESS = signer_of("witness.example.com", Ed25519PrivateKey.from_private_bytes(b"w" * 32), witness=True)
KEYS = [signer.key for signer in (*LOG, WITNESS)]
AT = 1_790_000_000


@cache
def _tree(leaves: tuple[bytes, ...]) -> tuple[Edge, dict[Tile, bytes]]:
    return EMPTY.grow([leaf_hash(leaf) for leaf in leaves])


@dataclass(frozen=True)
class Log:
    """A log as somebody may publish it."""

    leaves: tuple[bytes, ...]
    origin: str = ORIGIN

    def checkpoint(self, size: int, signers: tuple[NoteSigner, ...] = LOG) -> Note:
        edge, _ = _tree(self.leaves[:size])
        note = Checkpoint(self.origin, size, edge.root).sign(signers)
        cosignature = WITNESS.cosignature(note.unchecked_text, AT)
        return Note(note.unchecked_text, (*note.signatures, cosignature))

    def hashes(self, size: int, ranges: list[tuple[int, int]]) -> list[bytes]:
        _, tiles = _tree(self.leaves[:size])
        return prove(ranges, TileHashes({tile: tiles[tile] for tile in tiles_for(ranges, size)}))

    def proof(self, index: int, size: int) -> LogProof:
        path = self.hashes(size, inclusion_ranges(index, size))
        return LogProof(index, tuple(path), bytes(self.checkpoint(size)), b"anything")


HONEST = Log(LEAVES)


@dataclass(frozen=True)
class Verifier:
    """The verifier of others."""

    path: str
    shell: Shell

    def accepts_proof(self, proof: bytes, leaf: bytes) -> bool:
        return self._accepts("proof", self._file("proof", proof), self._file("leaf", leaf))

    def accepts_consistency(self, old: bytes, new: bytes, path: list[bytes]) -> bool:
        lines = b"".join(b64encode(value) + b"\n" for value in path)
        files = self._file("old", old), self._file("new", new), self._file("hashes", lines)
        return self._accepts("consistency", *files)

    def accepts_checkpoint(self, checkpoint: bytes) -> bool:
        return self._accepts("checkpoint", self._file("checkpoint", checkpoint))

    def _accepts(self, *command: str) -> bool:
        words = [self.path, *command, ORIGIN, *map(str, KEYS)]
        done = self.shell.attempt(*words)
        assert done.code == 0 or "refused:" in done.errors, done.said
        return done.code == 0

    def _file(self, name: str, content: bytes) -> str:
        path = self.shell.home / name
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    return Verifier(program("logverifier"), Shell(tmp_path))


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (1, 2), (255, 256), (256, 257), (5, 511), (699, 700)])
def test_a_proof_file_of_ours_is_accepted(verifier: Verifier, index: int, size: int) -> None:
    proof = HONEST.proof(index, size)

    assert verifier.accepts_proof(bytes(proof), LEAVES[index])
    assert len(proof.check(LEAVES[index], ORIGIN, KEYS)[1]) == 3


@pytest.mark.parametrize(("old", "new"), [(1, 1), (1, 2), (2, 3), (255, 256), (256, 257), (256, 512), (300, 700)])
def test_a_consistency_proof_of_ours_is_accepted(verifier: Verifier, old: int, new: int) -> None:
    path = HONEST.hashes(new, consistency_ranges(old, new))

    assert verifier.accepts_consistency(bytes(HONEST.checkpoint(old)), bytes(HONEST.checkpoint(new)), path)


def _flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def _renamed(note: Note, old: str, new: str) -> bytes:
    return bytes(note).replace(old.encode(), new.encode(), 1)


def _signature(number: int) -> Callable[[Note], bytes]:
    """The checkpoint with one bit of a signature changed."""

    def spoil(note: Note) -> bytes:
        signatures = list(note.signatures)
        content = signatures[number].content
        signatures[number] = replace(signatures[number], content=_flip(content, len(content) - 1))
        return bytes(Note(note.unchecked_text, tuple(signatures)))

    return spoil


CHECKPOINTS: dict[str, Callable[[Note], bytes]] = {
    "another size": lambda note: _renamed(note, f"\n{NEW}\n", f"\n{NEW + 1}\n"),
    "a size with a zero before it": lambda note: _renamed(note, f"\n{NEW}\n", f"\n0{NEW}\n"),
    "another root": lambda note: _renamed(note, note.unchecked_text.split("\n")[2], b64encode(bytes(32)).decode()),
    "another origin": lambda note: _renamed(note, ORIGIN, "registry.example.com/other"),
    "another log's keys under its name": lambda _: bytes(HONEST.checkpoint(NEW, keys(ORIGIN, 2))),
    "no signature of the log": lambda note: bytes(Note(note.unchecked_text, note.signatures[2:])),
    "no signature at all": lambda note: note.unchecked_text.encode() + b"\n",
    "a bit of the Ed25519 signature": _signature(0),
    "a bit of the ECDSA signature": _signature(1),
    "a bit of the witness's signature": _signature(2),
    "another time of the witness": lambda note: bytes(
        Note(
            note.unchecked_text,
            (
                *note.signatures[:2],
                replace(note.signatures[2], content=(AT + 1).to_bytes(8, "big") + note.signatures[2].content[8:]),
            ),
        )
    ),
    "the witness's signature as the log's": lambda note: bytes(
        Note(note.unchecked_text, tuple(replace(s, content=note.signatures[2].content[8:]) for s in note.signatures))
    ),
    "the Ed25519 signature under the id of ECDSA": lambda note: bytes(
        Note(
            note.unchecked_text,
            (replace(note.signatures[1], content=note.signatures[0].content), *note.signatures[1:]),
        )
    ),
    "signatures of another text": lambda note: bytes(
        Note(note.unchecked_text, HONEST.checkpoint(OLD).signatures),
    ),
    "a line more": lambda note: bytes(note).replace(b"\n\n", b"\nmore\n\n", 1),
    "a line less": lambda note: bytes(note).replace(f"{ORIGIN}\n".encode(), b"", 1),
    "no empty line": lambda note: bytes(note).replace(b"\n\n", b"\n", 1),
    "a hyphen for the dash": lambda note: bytes(note).replace("\u2014".encode(), b"-"),
    "no newline at the end": lambda note: bytes(note)[:-1],
    "a carriage return": lambda note: bytes(note).replace(b"\n", b"\r\n", 1),
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_that_was_tampered_with_is_refused(verifier: Verifier, name: str) -> None:
    honest = HONEST.checkpoint(NEW)
    tampered = CHECKPOINTS[name](honest)

    assert tampered != bytes(honest)
    assert not verifier.accepts_checkpoint(tampered)
    with pytest.raises(InvalidProof):
        _open_signed_by_all(tampered)
    assert verifier.accepts_checkpoint(bytes(honest))


def _open_signed_by_all(content: bytes) -> None:
    """As the verifier of others does, which wants a signature of every key that it is given."""
    _, signatures = Checkpoint.open(content, ORIGIN, KEYS)
    if len(signatures) != len(KEYS):
        raise InvalidProof("a checkpoint", expected=f"{len(KEYS)} signatures", actual=len(signatures))


PROOFS: dict[str, Callable[[LogProof], tuple[LogProof, bytes]]] = {
    "another entry": lambda proof: (proof, LEAVES[INDEX + 1]),
    "an edited entry": lambda proof: (proof, _flip(LEAVES[INDEX], 3)),
    "a node for an entry": lambda proof: (proof, b"\x01" + LEAVES[INDEX]),
    "another place": lambda proof: (replace(proof, index=INDEX + 1), LEAVES[INDEX]),
    "a place behind the end": lambda proof: (replace(proof, index=NEW), LEAVES[INDEX]),
    "a hash changed": lambda proof: (replace(proof, path=(sha256().digest(), *proof.path[1:])), LEAVES[INDEX]),
    "a hash less": lambda proof: (replace(proof, path=proof.path[1:]), LEAVES[INDEX]),
    "the last hash less": lambda proof: (replace(proof, path=proof.path[:-1]), LEAVES[INDEX]),
    "a hash more": lambda proof: (replace(proof, path=(*proof.path, bytes(32))), LEAVES[INDEX]),
    "two hashes exchanged": lambda proof: (
        replace(proof, path=(proof.path[1], proof.path[0], *proof.path[2:])),
        LEAVES[INDEX],
    ),
    "no hashes": lambda proof: (replace(proof, path=()), LEAVES[INDEX]),
    "another tree's checkpoint": lambda proof: (
        replace(proof, checkpoint=bytes(HONEST.checkpoint(OLD))),
        LEAVES[INDEX],
    ),
    "a rewritten log's checkpoint": lambda proof: (
        replace(proof, checkpoint=bytes(Log((b"rewritten", *LEAVES[1:])).checkpoint(NEW))),
        LEAVES[INDEX],
    ),
    "a checkpoint by other keys": lambda proof: (
        replace(proof, checkpoint=bytes(HONEST.checkpoint(NEW, keys(ORIGIN, 2)))),
        LEAVES[INDEX],
    ),
    "no checkpoint": lambda proof: (replace(proof, checkpoint=b""), LEAVES[INDEX]),
}


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_that_was_tampered_with_is_refused(verifier: Verifier, name: str) -> None:
    honest = HONEST.proof(INDEX, NEW)
    tampered, leaf = PROOFS[name](honest)

    assert not verifier.accepts_proof(bytes(tampered), leaf)
    with pytest.raises(InvalidProof):
        LogProof.parse(bytes(tampered)).check(leaf, ORIGIN, KEYS)
    assert verifier.accepts_proof(bytes(honest), LEAVES[INDEX])


FORKED = Log((*LEAVES[:200], b"rewritten", *LEAVES[201:]))
DROPPED = Log((*LEAVES[:200], *LEAVES[201:], b"last"))
REORDERED = Log((*LEAVES[:200], LEAVES[201], LEAVES[200], *LEAVES[202:]))


@pytest.mark.parametrize("forged", [FORKED, DROPPED, REORDERED], ids=["edited", "dropped", "reordered"])
def test_history_that_was_rewritten_is_no_continuation_of_what_was_seen(verifier: Verifier, forged: Log) -> None:
    old, new = HONEST.checkpoint(OLD), forged.checkpoint(NEW)

    for path in (forged.hashes(NEW, consistency_ranges(OLD, NEW)), HONEST.hashes(NEW, consistency_ranges(OLD, NEW))):
        assert not verifier.accepts_consistency(bytes(old), bytes(new), path)
        with pytest.raises(InvalidProof):
            _check(old, new, path)


@pytest.mark.parametrize("wrong", ["less", "more", "changed", "the other way round"])
def test_a_consistency_proof_that_was_tampered_with_is_refused(verifier: Verifier, wrong: str) -> None:
    old, new = HONEST.checkpoint(OLD), HONEST.checkpoint(NEW)
    path = HONEST.hashes(NEW, consistency_ranges(OLD, NEW))
    tampered = {
        "less": path[:-1],
        "more": [*path, bytes(32)],
        "changed": [sha256().digest(), *path[1:]],
        "the other way round": path,
    }[wrong]
    if wrong == "the other way round":
        old, new = new, old

    assert not verifier.accepts_consistency(bytes(old), bytes(new), tampered)
    with pytest.raises(InvalidProof):
        _check(old, new, tampered)


def _check(old: Note, new: Note, path: list[bytes]) -> None:
    before, _ = Checkpoint.open(old, ORIGIN, KEYS)
    after, _ = Checkpoint.open(new, ORIGIN, KEYS)
    check_consistency(before.size, before.root, after.size, new_root=after.root, path=path)


# --- what a server serves ---


@pytest.mark.on_disk
@pytest.mark.parametrize("tampered", ["nothing", "an edited row", "a dropped row", "a tile", "the checkpoint"])
def test_the_whole_log_of_a_server_is_accepted_until_somebody_tampers_with_its_rows(
    tmp_path: Path, tampered: str
) -> None:
    verifier = program("logverifier")
    with running(tmp_path / "server", log_origin=ORIGIN, log_format="json") as server:
        with server.client() as client:
            for number in range(130):  # with the grants that creating one may bring, and the first token: two tiles
                client.post("/api/v1/namespaces", json={"name": f"n{number}"}).raise_for_status()
                client.post("/api/v1/principals", json={"name": f"p{number}", "kind": "robot"}).raise_for_status()
            end = len(list(_entries(client)))
            state = _logged(client, end)
        if tampered != "nothing":
            connection = sqlite3.connect(server.data / "catalog.sqlite", timeout=30, isolation_level=None)
            for trigger in ("event_is_never_changed", "event_is_never_deleted", "log_never_shrinks"):
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(
                {
                    "an edited row": "UPDATE event SET actor = 'nobody' WHERE position = 200",
                    "a dropped row": "DELETE FROM event WHERE position = 257",
                    "a tile": "UPDATE log_tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 0",
                    "the checkpoint": "UPDATE log_head SET note = CAST(replace(CAST(note AS TEXT), '\n2', '\n1') AS BLOB)",
                }[tampered]
            )
            connection.close()
        environment = {"LOG_AUTHORIZATION": f"Bearer {server.token}"}
        done = Shell(tmp_path)._run((verifier, "log", f"{server.url}/log/", ORIGIN, *state["keys"]), None, environment)
        found = violations(server.data)

    assert end > 256
    if tampered == "nothing":
        assert done.output == f"{state['size']} {state['root']}\n"
        assert found == []
    else:
        assert done.code == 1
        assert "refused:" in done.errors
        assert "I12" in {violation.invariant for violation in found}


def _entries(client: httpx.Client) -> Iterator[object]:
    after = ""
    while True:
        page = client.get(f"/api/v1/journal?limit=1000{after}").raise_for_status().json()
        yield from page["items"]
        if page["next"] is None:
            return
        after = f"&after={page['next']}"


def _logged(client: httpx.Client, end: int) -> Any:
    """The log, once it has all of the journal; a second is what is promised, a busy machine has more."""
    deadline = monotonic() + 120
    while monotonic() < deadline:
        answer = client.get("/api/v1/log")
        if answer.status_code == 200 and answer.json()["size"] >= end:
            return answer.json()
    raise AssertionError(f"the log has not come to {end} entries: {answer.text}")


def test_another_registry_is_a_witness_and_a_verifier_of_others_finds_its_signature(tmp_path: Path) -> None:
    verifier = program("logverifier")
    for name in ("ours", "other"):
        (tmp_path / name / "data").mkdir(parents=True)
    # Made beforehand, as each needs the other's: with the log's own names.
    ours, other = (
        identify(f"{name}.example.com/log", load_log_keys(tmp_path / name / "data" / "log-keys.pem"))
        for name in ("ours", "other")
    )
    witnessed = ",".join(map(str, ours.keys))
    with (
        running(tmp_path / "other", log_origin=other.origin, log_witnessed=witnessed) as theirs,
        running(
            tmp_path / "ours",
            log_origin=ours.origin,
            log_witnesses=f"{other.witness.key} {theirs.url}/log",
            log_readers="hashes",
        ) as server,
    ):
        client = server.client()
        client.post("/api/v1/namespaces", json={"name": "acme"}).raise_for_status()
        end = len(list(_entries(client)))
        checkpoint = _cosigned(client, end)
    (tmp_path / "checkpoint").write_bytes(checkpoint)
    keys = [str(key) for key in (*ours.keys, other.witness.key)]

    accepted = Shell(tmp_path).run(verifier, "checkpoint", "checkpoint", ours.origin, *keys)

    assert int(accepted.output.split()[0]) >= end
    assert accepted.output.split()[2] == "3"


def _cosigned(client: httpx.Client, end: int) -> bytes:
    """The checkpoint that everybody gets, once it has all of the journal and a third signature."""
    deadline = monotonic() + 120
    while monotonic() < deadline:
        answer = client.get("/log/checkpoint")
        if answer.status_code == 200:
            note = Note.parse(answer.content)
            if Checkpoint.parse(note.unchecked_text).size >= end and len(note.signatures) == 3:
                return answer.content
        sleep(0.05)
    raise AssertionError(f"no witness has signed: {answer.text}")


def test_the_verifier_s_keys_are_written_as_ours_are() -> None:
    """The verifier takes the keys in the form that we print; their base64 is a type and a public key."""
    types = [b64decode(str(key).split("+", 2)[2])[0] for key in KEYS]

    assert types == [1, 2, 4]
