from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from entrepot.cli.output import show_done, show_json, show_list, show_one
from entrepot.model.digest import Digest

DIGEST = Digest("sha256", "a" * 64)


@dataclass(frozen=True, slots=True)
class _Thing:
    name: str
    digest: Digest = DIGEST
    at: datetime | None = None


_COLUMNS = {"NAME": lambda it: it.name, "AT": lambda it: it.at}


def test_a_table_has_a_line_for_each_thing(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))

    show_list([_Thing("short"), _Thing("rather long", at=at)], _COLUMNS, "table")

    assert capsys.readouterr().out.splitlines() == [
        "NAME         AT",
        "short        -",
        "rather long  2026-01-02 02:04:05Z",
    ]


def test_an_empty_table_has_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    show_list([], _COLUMNS, "table")

    assert capsys.readouterr().out == "NAME  AT\n"


def test_a_list_is_an_array_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    show_list(iter([_Thing("Zoë", at=at)]), _COLUMNS, "json")

    document = capsys.readouterr().out
    assert json.loads(document) == [{"name": "Zoë", "digest": str(DIGEST), "at": "2026-01-02T03:04:05Z"}]
    assert "Zoë" in document


def test_one_thing_has_a_line_for_each_field(capsys: pytest.CaptureFixture[str]) -> None:
    fields = {
        "name": lambda it: it.name,
        "several": lambda _: ["a", "b"],
        "none": lambda _: [],
        "public": lambda _: True,
    }

    show_one(_Thing("x"), fields, "table")

    assert capsys.readouterr().out.splitlines() == [
        "name     x",
        "several  a",
        "         b",
        "none     -",
        "public   yes",
    ]


def test_what_somebody_else_wrote_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;title\x07\r\x9b2J\u202e"

    show_list([_Thing(evil)], _COLUMNS, "table")
    show_one({"k": evil}, {"annotations": lambda it: it}, "table")
    show_done(evil, {}, "table")

    assert all(each.isprintable() for line in capsys.readouterr().out.splitlines() for each in line)


def test_json_takes_values_that_json_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"digest": DIGEST, "names": ("a", "b"), "set": frozenset({1})})

    assert json.loads(capsys.readouterr().out) == {"digest": str(DIGEST), "names": ["a", "b"], "set": [1]}


def test_what_nobody_knows_how_to_print_is_a_bug() -> None:
    with pytest.raises(TypeError):
        show_json(object())
