from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.drivers.blobs.objects import StoredObject
from entrepot.drivers.blobs.parts import SMALLEST_PART, Part, group, part_key, part_size, read_stage

_FOLDER = "staging/an-upload/"
_TERABYTE = 1024**4


def stored(offset: int, size: int, term: int, nonce: str = "n") -> StoredObject:
    return StoredObject(part_key(_FOLDER, offset, term, nonce), size, 0.0)


def test_parts_count_as_far_as_they_reach_without_a_gap() -> None:
    stage = read_stage(_FOLDER, [stored(0, 5, 1), stored(5, 5, 1), stored(11, 5, 1)])

    assert stage.size == 10
    assert len(stage.keys) == 3


def test_what_a_former_owner_still_wrote_does_not_count_where_his_successor_wrote() -> None:
    late, acknowledged = stored(5, 7, term=1), stored(5, 3, term=2)

    stage = read_stage(_FOLDER, [stored(0, 5, 1), late, acknowledged, stored(8, 2, term=2), stored(12, 4, term=1)])

    assert stage.size == 10
    assert stage.keys_of_parts[1] == acknowledged.key


def test_an_empty_beginning_gives_way_to_bytes() -> None:
    stage = read_stage(_FOLDER, [stored(0, 3, 1, "a"), stored(0, 0, 1, "b")])

    assert stage.size == 3


def test_what_is_somebody_elses_is_listed_and_not_understood() -> None:
    stage = read_stage(_FOLDER, [StoredObject(f"{_FOLDER}something", 9, 0.0)])

    assert (stage.size, stage.parts, stage.locks) == (0, (), ())
    assert len(stage.keys) == 1


def test_the_largest_blob_has_no_more_parts_than_the_protocol_allows() -> None:
    at = count = 0
    while at < _TERABYTE:
        at += part_size(at)
        count += 1

    assert count < 10_000


@given(st.lists(st.integers(1, 40 * 1024 * 1024), min_size=1, max_size=200))
def test_parts_are_joined_in_order_until_they_are_large_enough(sizes: list[int]) -> None:
    parts, at = [], 0
    for size in sizes:
        parts.append(Part(str(at), at, size))
        at += size

    groups = list(group(parts))

    assert [part for some in groups for part in some] == parts
    assert all(sum(part.size for part in some) >= SMALLEST_PART for some in groups[:-1])
