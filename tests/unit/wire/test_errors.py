"""Every error has a row in every protocol's table, and is said in its form."""

from __future__ import annotations

import inspect
import json
import re

import pytest

from entrepot.api import SURFACE as API
from entrepot.formats import discover
from entrepot.model import errors
from entrepot.model.errors import (
    Conflict,
    Corrupt,
    Denied,
    LinkUnknown,
    NotFound,
    RegistryError,
    StorageFull,
    TagImmutable,
    Unauthenticated,
    Unavailable,
    VersionSealed,
)
from entrepot.wire.errors import FAMILIES, PROBLEMS, ErrorTable, WireError, render_problem
from entrepot.wire.format import Surface

SURFACES: list[Surface] = [
    API,
    *(surface for each in discover() for surface in (each.surface, *each.aliases)),
]
TABLES = {surface.prefix: surface.errors for surface in SURFACES}

OCI_CODES = frozenset(
    {
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "SIZE_INVALID",
        "UNAUTHORIZED",
        "DENIED",
        "UNSUPPORTED",
        "TOOMANYREQUESTS",
        "UNAVAILABLE",
        "UNKNOWN",
    }
)


def subclasses(cls: type[RegistryError]) -> list[type[RegistryError]]:
    return [cls, *(below for child in cls.__subclasses__() for below in subclasses(child))]


ERRORS = [cls for cls in subclasses(RegistryError) if cls.__module__ == errors.__name__]


def instance(cls: type[RegistryError]) -> RegistryError:
    """An error of the class, with all that it needs."""
    needed = {
        name: 7
        for name, each in inspect.signature(cls).parameters.items()
        if each.kind is inspect.Parameter.KEYWORD_ONLY and each.default is inspect.Parameter.empty
    }
    return cls("acme/api", **needed)


@pytest.mark.parametrize("prefix", TABLES)
@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_has_a_row_in_every_table(cls: type[RegistryError], prefix: str) -> None:
    error, table = instance(cls), TABLES[prefix]

    row = table.find(error)
    headers, body = table.render(row, error, "request-1")

    assert 400 <= row.status < 600
    assert re.fullmatch(r"[A-Z_]+|[a-z-]+", row.code)
    assert b"request-1" in body
    assert b"acme/api" in body
    kind = dict(headers)[b"content-type"]
    assert kind in (b"application/json", b"application/problem+json", b"text/plain; charset=utf-8")
    if kind.endswith(b"json"):
        json.loads(body)


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_an_error_has_the_status_of_its_family_in_every_protocol(cls: type[RegistryError]) -> None:
    """Where a protocol says otherwise it is because its specification, or its clients, do."""
    otherwise = {
        ("v2", LinkUnknown): 400,
        ("v2", errors.Erased): 404,
        ("v2", errors.BlobErased): 404,
        ("v2", TagImmutable): 403,
        ("v2", errors.VersionExists): 403,
        ("v2", VersionSealed): 403,
        ("v2", errors.PreconditionFailed): 412,
        ("pypi", Conflict): 400,
        ("pypi", errors.VersionExists): 400,
        ("pypi", VersionSealed): 400,
        ("pypi", TagImmutable): 400,
        ("pypi", errors.NameTaken): 400,
        ("pypi", errors.TooManyHolds): 400,
        ("pypi", errors.LogForked): 400,
        ("pypi", errors.LogMoved): 400,
        ("pypi", errors.PlanOutdated): 400,
    }
    expected = next(FAMILIES[base] for base in cls.__mro__ if base in FAMILIES)

    for prefix, table in TABLES.items():
        known = otherwise.get(("v2" if prefix == "token" else prefix, cls), expected)  # type: ignore[arg-type]
        assert table.find(instance(cls)).status == known, prefix


def test_every_family_is_of_an_error_that_there_is() -> None:
    assert set(FAMILIES) <= set(ERRORS)


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_oci_says_its_own_codes(cls: type[RegistryError]) -> None:
    error = instance(cls)
    table = TABLES["v2"]

    row = table.find(error)
    (said,) = json.loads(table.render(row, error, "request-1")[1])["errors"]

    assert said["code"] == row.code
    assert row.code in OCI_CODES
    assert said["message"] == str(error)
    assert said["detail"]["request_id"] == "request-1"


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_has_a_problem_code_of_its_own(cls: type[RegistryError]) -> None:
    code = PROBLEMS.find(instance(cls)).code

    assert [other for other in ERRORS if PROBLEMS.find(instance(other)).code == code] == [cls]


def test_the_nearest_row_is_found_for_errors_that_come_later() -> None:
    class Unforeseen(VersionSealed):
        """A plug-in's."""

    assert TABLES["v2"].find(Unforeseen()) == TABLES["v2"].find(VersionSealed())
    assert TABLES["v2"].find(Unforeseen()) == TABLES["v2"].find(Unforeseen())


def test_a_problem_says_what_was_expected_and_what_there_was() -> None:
    error = Conflict("x", expected="one", actual=2)

    headers, body = render_problem(WireError(409, "conflict"), error, "request-1")

    assert headers == [(b"content-type", b"application/problem+json")]
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "The registry's present state does not allow this.",
        "status": 409,
        "detail": "The registry's present state does not allow this: x (expected one, got 2)",
        "code": "conflict",
        "request_id": "request-1",
        "expected": "one",
        "actual": "2",
    }


def test_text_of_any_kind_is_said() -> None:
    odd = '"\n\x00é😀'

    _, problem = PROBLEMS.render(PROBLEMS.find(NotFound()), NotFound(odd), "request-1")
    _, oci = TABLES["v2"].render(TABLES["v2"].find(NotFound()), NotFound(odd), "request-1")

    assert json.loads(problem)["detail"].endswith(odd)
    assert json.loads(oci)["errors"][0]["detail"]["subject"] == odd


def test_what_is_our_fault_is_told_from_what_is_the_clients() -> None:
    ours = {cls for cls in ERRORS if PROBLEMS.find(instance(cls)).status >= 500}

    assert ours == {
        RegistryError,
        Corrupt,
        Unavailable,
        StorageFull,
        errors.StorageReadOnly,
        errors.TurnOver,
        errors.UpstreamInvalid,
        errors.UpstreamUnavailable,
    }


def test_a_table_without_the_root_is_no_table() -> None:
    table = ErrorTable(rows={Denied: WireError(403, "denied")}, render=render_problem)

    with pytest.raises(StopIteration):
        table.find(Unauthenticated())
