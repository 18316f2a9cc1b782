"""What another registry's published tests ask of files over plain HTTP, asked of ours.

The cases are Gitea's (``tests/integration/api_packages_generic_test.go``); each test names its own.
Where it expects something else than we do, the test says why.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formats.generic.served import Served, serve

PACKAGE = "te-st_pac.kage"
VERSION = f"/files/acme/{PACKAGE}/1.0.3-test/"
FILE = f"{VERSION}fi-le_na.me"
CONTENT = bytes([1, 2, 3])


async def test_a_file_is_taken_once_and_again_if_it_is_the_same(served: Served) -> None:
    """Cases "Upload" and "Upload/Exists", where the same bytes are 409.

    Here they are no error, so that an upload whose answer got lost can be sent again; other bytes are one.
    """
    first, same, other = [await served.put(FILE, content) for content in (CONTENT, CONTENT, b"other")]

    assert [answer.status for answer in (first, same, other)] == [201, 200, 409]


async def test_the_same_content_under_two_names_is_kept_once(served: Served) -> None:
    """Case "Upload/Additional"."""
    large = CONTENT * 1_000
    await served.put(FILE, large)

    answer = await served.put(f"{VERSION}dummy.bin", large)

    assert answer.status == 201
    assert [file["path"] for file in (await served.get(VERSION)).json["files"]] == ["dummy.bin", "fi-le_na.me"]
    assert len([kept.digest async for kept in served.registry.blobs.kept()]) == 1


@pytest.mark.parametrize(
    "target",
    [
        "/files/acme/invalid%20package%20name/1.0.3/file",
        f"/files/acme/{PACKAGE}/%20test%20/file",
        f"/files/acme/{PACKAGE}/1.0.3-te%20st/file",
    ],
)
async def test_a_name_that_is_none_is_refused(served: Served, target: str) -> None:
    """Case "Upload/InvalidParameter"; and of "Upload" a version with a space, which no tag of OCI can have."""
    answer = await served.put(target, CONTENT)

    assert answer.status == 400
    assert await served.events() == []


async def test_a_file_may_be_called_what_a_file_system_lets_it(served: Served) -> None:
    """Case "Upload/InvalidParameter" refuses ``inva|id.name``; as a part of a path it is a name like any other."""
    answer = await served.put(f"{VERSION}inva%7Cid.name", CONTENT)

    assert answer.status == 201
    assert (await served.get(f"{VERSION}inva%7Cid.name")).body == CONTENT


async def test_what_is_there_is_read_and_what_is_not_is_not_found(served: Served) -> None:
    """Cases "Download" and "Download/NotExists"."""
    await served.put(FILE, CONTENT)
    await served.put(f"{VERSION}dummy.bin", CONTENT)

    for name in ("fi-le_na.me", "dummy.bin"):
        assert (await served.get(VERSION + name)).body == CONTENT
    assert (await served.get(f"{VERSION}not.found")).status == 404


@pytest.mark.parametrize(("public", "status"), [(True, 200), (False, 401)])
async def test_who_says_nothing_reads_what_is_public(tmp_path: Path, public: bool, status: int) -> None:
    """Cases "Download", where nobody says who they are, and "Download/RequireSignInView"."""
    async with serve(tmp_path, public=public) as served:
        await served.put(FILE, CONTENT)

        assert (await served.get(FILE, by=None)).status == status


async def test_one_file_of_a_version_is_not_deleted(served: Served) -> None:
    """Case "Delete/File" deletes it, and with the last one the version.

    Here a version only grows: whoever has its digest shall find all of it, so it goes whole or not at all.
    """
    await served.put(FILE, CONTENT)
    await served.put(f"{VERSION}dummy.bin", CONTENT)

    nobody = await served.ask("DELETE", FILE, by=None)
    somebody = await served.ask("DELETE", FILE, by="maintainer")

    assert nobody.status == 405
    assert (somebody.status, (await served.get(FILE)).status) == (405, 200)


async def test_a_version_is_deleted_with_its_files_and_once(served: Served) -> None:
    """Case "Delete/Version"; and then other content under its name, which there is a new version."""
    await served.put(FILE, CONTENT)

    nobody = await served.ask("DELETE", VERSION, by=None)
    deleted = await served.ask("DELETE", VERSION, by="maintainer")
    again = await served.ask("DELETE", VERSION, by="maintainer")
    other = await served.put(FILE, b"other")

    assert [answer.status for answer in (nobody, deleted, again, other)] == [401, 204, 404, 409]
    assert (await served.get(FILE)).status == 404
