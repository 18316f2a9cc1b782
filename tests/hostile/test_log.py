"""Notes, proofs, requests and tiles made up and spoilt: they are read as what they are, or `InvalidProof`, soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from entrepot.model.errors import InvalidProof, LogForked, LogMoved, LogUnknown, LogUnsigned, RouteUnknown
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.merkle import inclusion_ranges, leaf_hash, prove
from entrepot.trust.log.notes import MAX_NOTE, Note, NoteKey, signer_of
from entrepot.trust.log.proofs import MAX_PROOF, LogProof
from entrepot.trust.log.tiles import EMPTY, Tile, TileHashes, pack_entries, unpack_entries
from entrepot.trust.log.witness import AddCheckpoint, judge, open_request
from tests.hostile.effort import fuzz

ORIGIN: Final = "registry.example.com/log"
SIGNERS: Final = [
    signer_of(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"e" * 32)),
    signer_of(ORIGIN, derive_private_key(10**70, SECP256R1())),
]
KEYS: Final = [signer.key for signer in SIGNERS]
LEAVES: Final = [b"leaf %d" % number for number in range(5)]
EDGE, TILES = EMPTY.grow([leaf_hash(leaf) for leaf in LEAVES])
CHECKPOINT: Final = bytes(Checkpoint(ORIGIN, EDGE.size, EDGE.root).sign(SIGNERS))
PATH: Final = tuple(prove(inclusion_ranges(2, 5), TileHashes(TILES)))
PROOF: Final = bytes(LogProof(2, PATH, CHECKPOINT, b"extra"))
REQUEST: Final = bytes(AddCheckpoint(0, (), CHECKPOINT))
TILE: Final = Tile(-1, 0, 5)
BUNDLE: Final = pack_entries(LEAVES)
LONG: Final = 5

PIECES: Final = st.sampled_from(
    [
        b"\n",
        b"\n\n",
        "\u2014 ".encode(),
        b" ",
        b"+",
        b"=",
        b"0",
        b"\0",
        b"\xff",
        b"old ",
        b"index ",
        b"extra ",
        b"A" * 99,
    ]
)


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """Something good with a few of its parts cut, repeated, exchanged or replaced."""
    content = good
    for _ in range(draw(st.integers(1, 4))):
        first, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        piece = draw(PIECES | st.binary(max_size=20) | st.just(content[first:end] * 2))
        content = content[:first] + piece + content[end:]
    return content


@fuzz
@given(spoilt(CHECKPOINT) | st.binary(max_size=400))
def test_a_spoilt_checkpoint_says_what_the_log_signed_or_nothing(content: bytes) -> None:
    with suppress(InvalidProof):
        found, signatures = Checkpoint.open(content, ORIGIN, KEYS)
        assert (found.size, found.root) == (EDGE.size, EDGE.root)
        assert signatures


@fuzz
@given(spoilt(PROOF) | st.binary(max_size=400))
def test_a_spoilt_proof_proves_what_is_so_or_nothing(content: bytes) -> None:
    with suppress(InvalidProof):
        proof = LogProof.parse(content)
        assert LogProof.parse(bytes(proof)) == proof
        proof.check(LEAVES[2], ORIGIN, KEYS)
        assert (proof.index, proof.path) == (2, PATH)


@fuzz
@given(spoilt(REQUEST) | st.binary(max_size=400))
def test_a_spoilt_request_to_a_witness_is_judged_or_refused(content: bytes) -> None:
    with suppress(InvalidProof, LogUnknown, LogUnsigned, LogMoved, LogForked):
        request = AddCheckpoint.parse(content)
        checkpoint, _ = open_request(request, {ORIGIN: KEYS})
        judge(request, checkpoint, None)
        assert (checkpoint.size, checkpoint.root) == (EDGE.size, EDGE.root)


@fuzz
@given(spoilt(BUNDLE) | st.binary(max_size=400), st.integers(1, 256))
def test_a_spoilt_bundle_has_as_many_entries_as_it_must_or_is_refused(content: bytes, width: int) -> None:
    tile = Tile(-1, 0, width)
    with suppress(InvalidProof):
        assert pack_entries(unpack_entries(tile, content)) == content


@fuzz
@given(spoilt(b"tile/0/x001/x234/067.p/12").map(lambda path: path.decode("latin-1")) | st.text(max_size=40))
def test_a_tile_has_one_path(path: str) -> None:
    with suppress(RouteUnknown):
        assert str(Tile.parse(path)) == path


@fuzz
@given(st.sampled_from(KEYS).flatmap(lambda key: spoilt(str(key).encode())).map(lambda text: text.decode("latin-1")))
def test_a_key_is_written_in_one_way(text: str) -> None:
    with suppress(InvalidProof):
        assert str(NoteKey.parse(text)) == text


READERS: Final[dict[str, Callable[[bytes], object]]] = {
    "notes": Note.parse,
    "proofs": LogProof.parse,
    "requests": AddCheckpoint.parse,
    "bundles": lambda content: unpack_entries(Tile(-1, 0), content),
    "keys": lambda content: NoteKey.parse(content.decode()),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "content",
    [
        b"\n" * MAX_NOTE,
        b"a\n\n" + "\u2014 a AAAAAAAA\n".encode() * (MAX_NOTE // 20),
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + b"A\n" * (MAX_PROOF // 2),
        b"old 0\n" + b"\n" * (MAX_PROOF - 10),
        b"index 0" * 10**6,
        b"a+00000000+" + b"A" * 10**6,
    ],
    ids=["newlines", "signatures", "hashes", "empty lines", "long", "a long key"],
)
def test_what_is_long_is_refused_soon(reader: str, content: bytes) -> None:
    before = time.process_time()

    with pytest.raises(InvalidProof):
        READERS[reader](content)
    assert time.process_time() - before < LONG
