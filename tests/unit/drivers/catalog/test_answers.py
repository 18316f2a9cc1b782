"""What is kept unpacked of what upstreams said: the newest of each question, and no more than fits."""

from __future__ import annotations

from entrepot.drivers.catalog.answers import Answers, Unpacked


def unpacked(size: int, hash: bytes = b"1") -> Unpacked:
    return Unpacked(hash, bytes(size))


def test_what_was_asked_for_longest_ago_makes_room() -> None:
    answers = Answers(100)
    for key in ("a", "b"):
        answers.keep(key, unpacked(40))
    answers.find("a")

    answers.keep("c", unpacked(40))

    assert [answers.find(key) is not None for key in "abc"] == [True, False, True]


def test_an_answer_to_the_same_question_takes_the_place_of_the_last() -> None:
    answers = Answers(100)
    answers.keep("other", unpacked(20))
    for size in range(60, 80):
        answers.keep("a", unpacked(size, bytes([size])))

    assert answers.find("a") == unpacked(79, bytes([79]))
    assert answers.find("other") is not None


def test_the_newest_stays_also_when_it_is_larger_than_the_room() -> None:
    answers = Answers(100)
    answers.keep("small", unpacked(1))

    answers.keep("large", unpacked(1_000))

    assert (answers.find("small"), answers.find("large")) == (None, unpacked(1_000))
