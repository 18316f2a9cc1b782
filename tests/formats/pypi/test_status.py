"""What is said of a whole project (PEP 792)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.pypi.building import sdist, wheel
from tests.formats.pypi.index import Index
from tests.formats.pypi.test_simple import Page

STATUS = "/pypi/acme/status/tool"


async def say(index: Index, *, by: str = "maintainer", **said: Any) -> int:
    return (await index.ask("PUT", STATUS, by=by, json=said)).status_code


async def test_a_project_is_active_until_somebody_says_otherwise(index: Index) -> None:
    await index.upload(wheel())

    assert await index.json(STATUS) == {"status": "active", "reason": ""}
    assert "project-status" not in await index.project()


@pytest.mark.parametrize("status", ["archived", "quarantined", "deprecated"])
async def test_a_status_is_said_in_the_index(index: Index, status: str) -> None:
    await index.upload(wheel())

    assert await say(index, status=status, reason="use other") == 204

    assert (await index.project())["project-status"] == {"status": status, "reason": "use other"}
    meta = Page((await index.get("/pypi/acme/simple/tool/")).text).meta
    assert (meta["pypi:project-status"], meta["pypi:project-status-reason"]) == (status, "use other")
    assert (await index.json("/pypi/acme/json/tool"))["info"]["project_status"]["status"] == status
    assert await index.json(STATUS) == {"status": status, "reason": "use other"}
    assert await index.violations() == []


@pytest.mark.parametrize(
    ("status", "uploads", "offers"),
    [("active", 200, 1), ("archived", 403, 1), ("quarantined", 403, 0), ("deprecated", 200, 1)],
)
async def test_a_status_says_what_may_go_in_and_what_comes_out(
    index: Index, status: str, uploads: int, offers: int
) -> None:
    """PEP 792, "Project Status Marker Semantics". An address that is known goes on working."""
    await index.upload(wheel())
    await say(index, status=status)

    project = await index.project()
    assert (len(project["files"]), project["versions"]) == (offers, ["1.0"])
    assert (await index.get(f"/pypi/acme/files/tool/1.0/{wheel().filename}")).status_code == 200
    answer = await index.post(sdist().form())
    assert answer.status_code == uploads, answer.text


async def test_a_status_can_be_taken_back(index: Index) -> None:
    await index.upload(wheel())
    await say(index, status="quarantined", reason="odd")

    await say(index, status="active")

    project = await index.project()
    assert (len(project["files"]), "project-status" in project) == (1, False)
    assert (await index.post(sdist().form())).status_code == 200


async def test_a_status_holds_in_each_view(index: Index) -> None:
    await index.upload(wheel())
    await index.clear("1.0")

    await say(index, status="quarantined")

    project = await index.project(view="acme.prod", by="consumer")
    assert (project["files"], project["project-status"]) == ([], {"status": "quarantined"})


@pytest.mark.parametrize("by", ["publisher", "reader"])
async def test_who_may_not_yank_may_not_say_it(index: Index, by: str) -> None:
    await index.upload(wheel())

    assert await say(index, by=by, status="archived") == 403
    assert await index.json(STATUS) == {"status": "active", "reason": ""}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"status": "gone"},
        {"status": "archived", "reason": "x" * 1001},
        {"status": "archived", "reason": "a\nb"},
        {"status": "archived", "why": ""},
    ],
)
async def test_what_is_no_status_is_refused(index: Index, said: dict[str, str]) -> None:
    await index.upload(wheel())

    assert await say(index, **said) == 400


async def test_there_is_none_of_what_is_not_there(index: Index) -> None:
    assert await say(index, status="archived") == 404
    assert (await index.get(STATUS)).status_code == 404


async def test_a_status_is_no_version(index: Index) -> None:
    await index.upload(wheel())
    await say(index, status="deprecated")

    assert (await index.project())["versions"] == ["1.0"]
    assert list((await index.json("/pypi/acme/json/tool"))["releases"]) == ["1.0"]
