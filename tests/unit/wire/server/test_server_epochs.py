"""The numbers that processes share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.wire.server import ACCESS, Epochs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "epochs"


@pytest.fixture
def epochs(path: Path) -> Iterator[Epochs]:
    opened = Epochs(path)
    yield opened
    opened.close()


def in_another_process(path: Path, code: str) -> str:
    """Run *code* with ``epochs`` in a process of its own."""
    head = (
        "import os, sys; from pathlib import Path; from entrepot.wire.server import Epochs\n"
        "epochs = Epochs(Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", head + code, str(path)], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.stdout.strip()


def test_a_new_file_has_settled_numbers(epochs: Epochs) -> None:
    assert epochs.observe(epochs.slot_of("acme")) == ((ACCESS, 0), (epochs.slot_of("acme"), 0))


def test_a_namespace_has_its_slot_in_every_process_and_it_is_never_that_of_access(epochs: Epochs, path: Path) -> None:
    names = [f"team-{number}" for number in range(500)]
    slots = [epochs.slot_of(name) for name in names]

    assert ACCESS not in slots
    assert len(set(slots)) > 400
    found = in_another_process(path, "print(*(epochs.slot_of(f'team-{n}') for n in range(500)))")
    assert found == " ".join(map(str, slots))


def test_a_change_in_another_process_is_seen_at_once(epochs: Epochs, path: Path) -> None:
    before = epochs.observe(7)

    in_another_process(path, "with epochs.changing([7]): pass")

    assert epochs.observe(7) not in (before, None)


def test_while_a_change_is_committed_nothing_can_be_observed(epochs: Epochs) -> None:
    with epochs.changing([7]):
        assert epochs.read(7) % 2 == 1
        assert epochs.observe(7) is None
        assert epochs.observe(8) is not None

    assert epochs.observe(7) is not None


def test_a_change_of_access_concerns_every_observation(epochs: Epochs) -> None:
    before = epochs.observe(7)

    with epochs.changing([ACCESS]):
        assert epochs.observe(7) is None

    assert epochs.observe(7) != before


def test_a_commit_that_failed_leaves_settled_numbers_that_are_new(epochs: Epochs) -> None:
    before = epochs.read(7)

    with pytest.raises(ZeroDivisionError), epochs.changing([7]):
        raise ZeroDivisionError

    assert epochs.read(7) % 2 == 0
    assert epochs.read(7) != before


def test_a_writer_that_dies_leaves_nothing_to_observe_until_somebody_mends_it(epochs: Epochs, path: Path) -> None:
    before = epochs.observe(7)
    in_another_process(path, "epochs.begin([7, 9]); os._exit(1)")
    assert epochs.observe(7) is None

    assert epochs.recover([7, 8]) == [7]

    assert epochs.observe(7) not in (before, None)
    assert epochs.observe(9) is None
    assert epochs.recover() == [9]


def test_the_next_writer_mends_what_a_dead_one_left(epochs: Epochs, path: Path) -> None:
    before = epochs.read(7)
    in_another_process(path, "epochs.begin([7]); os._exit(1)")

    with epochs.changing([7]):
        assert epochs.observe(7) is None

    assert epochs.observe(7) is not None
    assert epochs.read(7) > before + 2


def test_one_slot_named_twice_is_changed_once(epochs: Epochs) -> None:
    with epochs.changing([7, 7]):
        assert epochs.read(7) == 1
    assert epochs.read(7) == 2


def test_the_numbers_outlive_the_processes(path: Path) -> None:
    first = Epochs(path)
    with first.changing([7]):
        pass
    first.close()
    second = Epochs(path)

    assert second.read(7) == 2
    second.close()


def test_the_file_says_how_many_slots_there_are(path: Path) -> None:
    few, many = Epochs(path, count=16), Epochs(path, count=1000)

    assert [many.slot_of(f"team-{n}") for n in range(50)] == [few.slot_of(f"team-{n}") for n in range(50)]
    few.close()
    many.close()


def test_a_file_whose_maker_died_is_made_again(path: Path) -> None:
    path.write_bytes(bytes(100))

    epochs = Epochs(path)

    assert epochs.observe(7) is not None
    epochs.close()


@pytest.mark.parametrize("content", [b"PRECIOUS" * 100, b"EPOCHS\0\1" + (9).to_bytes(8, sys.byteorder)])
def test_a_file_that_is_something_else_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(ValueError, match="is not a file of epochs"):
        Epochs(path)

    assert path.read_bytes() == content


def test_there_is_always_a_slot_for_namespaces(path: Path) -> None:
    with pytest.raises(ValueError, match="a slot for access and one"):
        Epochs(path, count=1)


def test_a_number_that_cannot_be_written_stops_the_change_before_its_commit(epochs: Epochs) -> None:
    committed = []
    read_only = os.open(f"/proc/self/fd/{epochs._file}", os.O_RDONLY)
    os.dup2(read_only, epochs._file)
    os.close(read_only)

    with pytest.raises(OSError), epochs.changing([7]):  # noqa: PT011
        committed.append(True)

    assert committed == []
