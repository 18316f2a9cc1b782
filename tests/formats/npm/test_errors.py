"""Every error of the registry has its form in this protocol: ``{"error": "…"}``."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from entrepot.formats.npm import FORMAT
from entrepot.model import errors as e
from entrepot.wire.errors import FAMILIES


def every_error(cls: type[e.RegistryError] = e.RegistryError) -> Iterator[type[e.RegistryError]]:
    yield cls
    for child in cls.__subclasses__():
        if child.__module__ == e.__name__:  # a surface may have some of its own
            yield from every_error(child)


@pytest.mark.parametrize("cls", list(every_error()), ids=lambda cls: cls.__name__)
def test_every_error_has_the_status_of_its_family_and_a_text(cls: type[e.RegistryError]) -> None:
    table = FORMAT.surface.errors
    error = cls("subject", after=7) if issubclass(cls, e.RateLimited) else cls("subject")
    row = table.find(error)

    headers, body = table.render(row, error, "request-1")

    assert row.status == next(FAMILIES[base] for base in cls.__mro__ if base in FAMILIES)
    assert (b"content-type", b"application/json") in headers
    said = json.loads(body)
    assert "subject" in said["error"]
    assert said["request_id"] == "request-1"


def test_a_used_version_is_said_in_the_words_that_clients_look_for() -> None:
    error = e.VersionSealed("1.0.0", expected="sha256:1", actual="sha256:2")

    _, body = FORMAT.surface.errors.render(FORMAT.surface.errors.find(error), error, "request-1")

    assert json.loads(body)["error"] == "You cannot publish over the previously published versions: 1.0.0."
