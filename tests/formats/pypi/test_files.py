"""Files and what lies beside them, out again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formats.pypi.building import Built, sdist, wheel
from tests.formats.pypi.index import Index, open_index

URL = f"/pypi/acme/files/tool/1.0/{wheel().filename}"


@pytest.mark.parametrize(
    ("built", "kind"),
    [(wheel(), "application/zip"), (sdist(), "application/gzip"), (sdist(suffix=".zip"), "application/zip")],
    ids=["wheel", "tar", "zip"],
)
async def test_a_file_comes_back_as_it_was_sent(index: Index, built: Built, kind: str) -> None:
    await index.upload(built)

    answer = await index.get(f"/pypi/acme/files/tool/1.0/{built.filename}")

    assert (answer.status_code, answer.content) == (200, built.content)
    assert answer.headers["content-type"] == kind
    assert answer.headers["accept-ranges"] == "bytes"
    assert "immutable" in answer.headers["cache-control"]


async def test_its_metadata_comes_as_it_is_inside(index: Index) -> None:
    """PEP 658: byte for byte."""
    await index.upload(wheel())

    answer = await index.get(f"{URL}.metadata")

    assert answer.content == wheel().metadata


async def test_the_end_of_a_file_can_be_read_alone(index: Index) -> None:
    """Installers read a wheel's directory before the rest."""
    await index.upload(wheel())

    answer = await index.get(URL, headers={"range": "bytes=-22"})
    head = await index.ask("HEAD", URL)

    assert (answer.status_code, answer.content) == (206, wheel().content[-22:])
    assert head.headers["content-length"] == str(len(wheel().content))
    assert head.content == b""


async def test_a_part_that_is_not_there_is_refused(index: Index) -> None:
    await index.upload(wheel())

    answer = await index.get(URL, headers={"range": "bytes=99999-"})

    assert answer.status_code == 416


async def test_a_file_that_is_known_is_not_sent_again(index: Index) -> None:
    await index.upload(wheel())
    tag = (await index.get(URL)).headers["etag"]

    assert (await index.get(URL, headers={"if-none-match": tag})).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "files/tool/1.0/other-1.0-py3-none-any.whl",
        "files/tool/2.0/tool-2.0-py3-none-any.whl",
        f"files/tool/1.0/{wheel().filename}.asc",
        "files/void/1.0/void-1.0.tar.gz",
        "files/tool/1.0/",
        "files/tool/_project-status/x",
        "files/tool/latest/x",
    ],
)
async def test_what_is_not_there_is_not_found(index: Index, path: str) -> None:
    await index.upload(wheel())

    assert (await index.get(f"/pypi/acme/{path}")).status_code in (400, 404)


async def test_strangers_and_nobody_get_nothing(index: Index) -> None:
    await index.upload(wheel())

    assert (await index.get(URL, by="stranger")).status_code == 404
    answer = await index.get(URL, by=None)
    assert (answer.status_code, answer.headers["www-authenticate"].partition(" ")[0]) == (401, "Basic")


async def test_a_public_namespace_is_read_by_anybody(tmp_path: Path) -> None:
    async with open_index(tmp_path, public=True) as index:
        await index.upload(wheel())

        assert (await index.get(URL, by=None)).content == wheel().content
        assert [file["filename"] for file in (await index.project(by=None))["files"]] == [wheel().filename]
        assert (await index.post(sdist().form(), by=None)).status_code == 401


async def test_a_release_is_an_oci_artifact(index: Index) -> None:
    """One layer for each file, and the metadata beside it."""
    await index.upload(wheel(), sdist())

    manifest = (await index.get("/v2/acme/pypi/tool/manifests/1.0")).json()

    titles = [layer["annotations"]["org.opencontainers.image.title"] for layer in manifest["layers"]]
    assert titles == sorted(
        [wheel().filename, f"{wheel().filename}.metadata", sdist().filename, f"{sdist().filename}.metadata"]
    )
    assert manifest["artifactType"] == "application/vnd.entrepot.pypi.v1"
