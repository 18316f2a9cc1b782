"""The JSON API, and provenance."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.formats.pypi.attested import attestation
from tests.formats.pypi.building import metadata, sdist, wheel
from tests.formats.pypi.index import Index

INTEGRITY = "application/vnd.pypi.integrity.v1+json"


async def test_a_project_with_its_newest_release(index: Index) -> None:
    built = wheel(
        "My.Tool",
        "1.10",
        "Requires-Python: >=3.8",
        "Requires-Dist: requests>=2",
        "Project-URL: Home, https://example.com/a,b",
        "Classifier: Topic :: Utilities",
    )
    await index.upload(wheel("My.Tool", "1.9"), built, wheel("My.Tool", "2.0rc1"))

    document = await index.json("/pypi/acme/json/my-tool")

    info = document["info"]
    assert (info["name"], info["version"], info["summary"]) == ("My.Tool", "1.10", "A tool")
    assert info["description"] == "It helps.\n"
    assert info["requires_dist"] == ["requests>=2"]
    assert info["project_urls"] == {"Home": "https://example.com/a,b"}
    assert info["classifiers"] == ["Topic :: Utilities"]
    assert (info["yanked"], info["yanked_reason"]) == (False, None)
    assert list(document["releases"]) == ["1.9", "1.10", "2.0rc1"]
    assert document["urls"] == document["releases"]["1.10"]
    [file] = document["urls"]
    assert file == {
        "filename": built.filename,
        "url": f"http://registry.example.com/pypi/acme/files/my-tool/1.10/{built.filename}",
        "digests": {
            "sha256": built.sha256,
            "md5": hashlib.md5(built.content, usedforsecurity=False).hexdigest(),
            "blake2b_256": hashlib.blake2b(built.content, digest_size=32).hexdigest(),
        },
        "md5_digest": hashlib.md5(built.content, usedforsecurity=False).hexdigest(),
        "size": len(built.content),
        "packagetype": "bdist_wheel",
        "python_version": "py3",
        "requires_python": ">=3.8",
        "upload_time": "2026-01-31T12:00:00",
        "upload_time_iso_8601": "2026-01-31T12:00:00.000000Z",
        "has_sig": False,
        "yanked": False,
        "yanked_reason": None,
        "core-metadata": {"sha256": hashlib.sha256(built.metadata).hexdigest()},
    }


async def test_one_release(index: Index) -> None:
    await index.upload(wheel(), wheel(version="2.0"))

    document = await index.json("/pypi/acme/json/tool/1.0")

    assert document["info"]["version"] == "1.0"
    assert [file["filename"] for file in document["urls"]] == [wheel().filename]
    assert "releases" not in document


async def test_tools_find_it_where_they_look(index: Index) -> None:
    """``<registry>/pypi/<project>/json`` and ``<registry>/pypi/<project>/<version>/json``."""
    await index.upload(wheel())

    assert await index.json("/pypi/acme/pypi/Tool/json") == await index.json("/pypi/acme/json/tool")
    assert await index.json("/pypi/acme/pypi/tool/1.0/json") == await index.json("/pypi/acme/json/tool/v1.0")


async def test_a_wheel_speaks_for_its_release_before_the_source(index: Index) -> None:
    await index.upload(sdist("tool", "1.0", "Author: source"), wheel("tool", "1.0", "Author: wheel"))

    assert (await index.json("/pypi/acme/json/tool"))["info"]["author"] == "wheel"


async def test_a_long_description_is_whole(index: Index) -> None:
    text = "ü" * 300_000
    await index.upload(wheel(described=metadata(description=text)))

    assert (await index.json("/pypi/acme/json/tool"))["info"]["description"] == text


async def test_a_yanked_release_is_not_the_newest(index: Index) -> None:
    await index.upload(wheel(), wheel(version="2.0"))
    await index.ask(
        "POST", "/api/v1/packages/acme/pypi/tool/-/versions/2.0/yank", by="maintainer", json={"reason": "broken"}
    )

    assert (await index.json("/pypi/acme/json/tool"))["info"]["version"] == "1.0"
    info = (await index.json("/pypi/acme/json/tool/2.0"))["info"]
    assert (info["yanked"], info["yanked_reason"]) == (True, "broken")


@pytest.mark.parametrize("path", ["json/void", "json/tool/9.9", "pypi/void/json"])
async def test_what_is_not_there_is_said_in_json(index: Index, path: str) -> None:
    await index.upload(wheel())

    answer = await index.get(f"/pypi/acme/{path}")

    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


async def test_a_deleted_release_is_gone_from_every_document(index: Index) -> None:
    await index.upload(wheel(), wheel(version="2.0"))

    await index.delete_release("2.0")

    assert (await index.project())["versions"] == ["1.0"]
    assert list((await index.json("/pypi/acme/json/tool"))["releases"]) == ["1.0"]
    assert (await index.get("/pypi/acme/json/tool/2.0")).status_code == 404


async def test_a_project_without_releases_has_no_files(index: Index) -> None:
    await index.upload(wheel())
    await index.delete_release("1.0")

    assert ((await index.project())["files"], (await index.project())["versions"]) == ([], [])
    document = await index.json("/pypi/acme/json/tool")
    assert (document["info"]["version"], document["urls"]) == (None, [])


# --- provenance ---


async def test_provenance_has_the_attestations_as_they_came(index: Index) -> None:
    """PEP 740, "Provenance objects"; more may come later."""
    built = wheel()
    first, second = attestation(built, nonce="1"), attestation(built, nonce="2")
    await index.upload(built, attestations=json.dumps([first]))
    url = f"/pypi/acme/integrity/tool/1.0/{built.filename}/provenance"

    before = await index.get(url)
    await index.upload(built, attestations=json.dumps([second]))
    after = await index.get(url, headers={"accept": INTEGRITY})

    assert before.headers["content-type"] == INTEGRITY
    assert before.json() == {
        "version": 1,
        "attestation_bundles": [{"publisher": {"kind": "Entrepot", "claims": None}, "attestations": [first]}],
    }
    [bundle] = after.json()["attestation_bundles"]
    assert sorted(map(json.dumps, bundle["attestations"])) == sorted(map(json.dumps, [first, second]))


async def test_no_attestations_are_no_provenance(index: Index) -> None:
    await index.upload(wheel())

    answer = await index.get(f"/pypi/acme/integrity/tool/1.0/{wheel().filename}/provenance")

    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


async def test_provenance_has_one_representation(index: Index) -> None:
    built = wheel()
    await index.upload(built, attestations=json.dumps([attestation(built)]))

    answer = await index.get(
        f"/pypi/acme/integrity/tool/1.0/{built.filename}/provenance", headers={"accept": "text/html"}
    )

    assert answer.status_code == 406
