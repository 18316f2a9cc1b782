"""What other registries' published tests ask of a Python package index, asked of ours.

The cases are Gitea's (``tests/integration/api_packages_pypi_test.go``) and pulp_python's
(``pulp_python/tests/functional/api``: ``test_pypi_apis.py``, ``test_pypi_simple_api.py``, ``test_upload.py``,
``test_crud_content_unit.py``, ``test_attestations.py``); each test names its own.
Theirs that are not here are asserted in the files beside this one: digests that do not match, forms that disagree with
their file, substitution under a used name, attestations of something else, reading through.
Where they expect something else than we do, the test says why.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.formats.pypi.attested import attestation
from tests.formats.pypi.building import Built, encode_form, metadata, sdist, wheel
from tests.formats.pypi.index import JSON, SIMPLE, Index

HTML = "application/vnd.pypi.simple.v1+html"


# --- Gitea, TestPackagePyPI ---


async def test_a_release_has_its_wheel_and_its_source_and_both_come_back(index: Index) -> None:
    """Gitea, "Upload", "UploadAddFile", "Download" and "PackageMetadata"."""
    files = [wheel("test-package", "1.0.1", "Requires-Python: >=3.6"), sdist("test-package", "1.0.1")]
    said = {"author": "Somebody", "summary": "Test Description", "description": "Test Description"}

    for built in files:
        form = built.form(name="test-package", version="1.0.1", requires_python=">=3.6", **said)
        assert (await index.post(form)).status_code == 200

    page = (await index.get(f"{SIMPLE}test-package/")).text
    assert page.count("<a ") == 2
    assert 'data-requires-python="&gt;=3.6"' in page
    for built in files:
        path = f"files/test-package/1.0.1/{built.filename}"
        assert f'href="../../{path}#sha256={built.sha256}"' in page
        assert (await index.get(f"/pypi/acme/{path}")).content == built.content


@pytest.mark.parametrize(
    ("more", "urls", "home"),
    [
        (
            ["Project-URL: DOCUMENTATION , https://docs.example.com", "Project-URL: Home-page, https://example.com"],
            {"DOCUMENTATION": "https://docs.example.com", "Home-page": "https://example.com"},
            None,
        ),
        (["Home-page: https://example.com"], None, "https://example.com"),
        ([], None, None),
    ],
    ids=["addresses", "only the old field", "none"],
)
async def test_a_project_has_addresses_in_new_fields_or_old_or_none(
    index: Index, more: list[str], urls: dict[str, str] | None, home: str | None
) -> None:
    """Gitea, "Upload", "UploadUsingDeprecatedHomepageMetadata" and "UploadWithoutAnyHomepageURLMetadata".

    There the form says them; its version has an epoch and is a local one.
    """
    await index.upload(wheel("test-package", "1!1.0.1+r1234", *more))

    info = (await index.json("/pypi/acme/json/test-package"))["info"]
    assert (info["version"], info["project_urls"], info["home_page"]) == ("1!1.0.1+r1234", urls, home)


async def test_a_file_is_taken_only_if_it_is_one(index: Index) -> None:
    """Gitea, "Upload", takes four letters for ``test.whl`` and ``test.tar.gz``; no installer could do so."""
    for name in ("test.whl", "test.tar.gz"):
        built = Built(name, b"test", b"")

        answer = await index.post(built.form(name="test-package", version="1.0.1"))

        assert (answer.status_code, name in answer.text) == (400, True)


# --- pulp_python, the legacy upload ---


async def test_the_same_file_again_is_no_error_and_other_content_is(index: Index) -> None:
    """Gitea, "UploadExists", and Pulp, "package upload", answer 400 to the same bytes.

    The public index says 200 to those, as we do, so that an upload which broke off can be repeated; Pulp says so too
    of its own API ("disallow package substitution").
    """
    await index.upload(wheel())

    again = await index.post(wheel().form())
    other = await index.post(wheel(content=b"other").form())

    assert (again.status_code, other.status_code) == (200, 400)
    assert other.text.startswith("File already exists")


async def test_the_index_itself_takes_no_files(index: Index) -> None:
    """Pulp, "package upload simple", takes uploads at ``simple/`` too.

    The specification gives that address to the index alone; what answers says so, and nothing is stored.
    """
    answer = await index.post(wheel().form(), target=SIMPLE)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert (await index.json(SIMPLE))["projects"] == []


@pytest.mark.parametrize("version", ["2", "0", "", "1.0"])
async def test_a_protocol_of_another_version_is_refused(index: Index, version: str) -> None:
    """Pulp, "legacy upload invalid protocol version"."""
    answer = await index.post(wheel().form(protocol_version=version))

    assert (answer.status_code, "protocol_version" in answer.text) == (400, True)


@pytest.mark.parametrize(("built", "kind"), [(sdist(), "bdist_wheel"), (wheel(), "sdist"), (wheel(), "bdist_egg")])
async def test_a_file_is_of_the_kind_that_the_form_says(index: Index, built: Built, kind: str) -> None:
    """Pulp, "legacy upload invalid filetype"."""
    answer = await index.post(built.form(filetype=kind))

    assert answer.status_code == 400
    assert "filetype" in answer.text
    assert built.filename in answer.text


@pytest.mark.parametrize("version", ["3.0", "10.1", "0.9", "banana", "2.x", "-2.1"])
async def test_metadata_of_a_version_that_nobody_knows_is_refused(index: Index, version: str) -> None:
    """Pulp, "legacy upload invalid metadata version".

    There the form says it; what counts is in the file (core metadata specification, "Metadata-Version": a reader must
    fail if the major version is greater than those it knows).
    """
    described = metadata().replace(b"Metadata-Version: 2.1", f"Metadata-Version: {version}".encode())

    answer = await index.post(wheel(described=described).form())

    assert answer.status_code == 400
    assert f"Metadata-Version: {version}" in answer.text


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.9"])
async def test_metadata_of_each_version_is_taken(index: Index, version: str) -> None:
    """Pulp, "upload metadata 2.3 spec" and "2.4 spec"; a greater minor version is no reason to fail."""
    described = metadata().replace(b"Metadata-Version: 2.1", f"Metadata-Version: {version}".encode())

    assert (await index.post(wheel(described=described).form())).status_code == 200


async def test_new_fields_of_the_metadata_are_told(index: Index) -> None:
    """Pulp, "content create new metadata": PEP 639's and 643's fields, as the JSON API calls them."""
    more = (
        "Provides-Extra: test",
        "Provides-Extra: doc",
        "Dynamic: license-file",
        "License-Expression: MIT",
        "License-File: LICENSE",
    )

    await index.upload(sdist("tool", "1.0", *more))

    info = (await index.json("/pypi/acme/json/tool"))["info"]
    assert {name: info[name] for name in ("provides_extra", "dynamic", "license_expression", "license_files")} == {
        "provides_extra": ["test", "doc"],
        "dynamic": ["license-file"],
        "license_expression": "MIT",
        "license_files": ["LICENSE"],
    }


@pytest.mark.parametrize("field", ["version", "verification_material", "envelope"])
async def test_an_attestation_that_lacks_a_part_is_refused_with_its_file(index: Index, field: str) -> None:
    """Pulp, "bad attestation upload"."""
    built = wheel()
    lacking = {name: value for name, value in attestation(built).items() if name != field}

    answer = await index.post(built.form(attestations=json.dumps([lacking])))

    assert (answer.status_code, field in answer.text) == (400, True)
    assert (await index.json(SIMPLE))["projects"] == []


# --- pulp_python, the index ---


@pytest.mark.parametrize("kind", [JSON, HTML, "text/html"])
async def test_an_empty_index_lists_nothing(index: Index, kind: str) -> None:
    """Pulp, "empty index"."""
    answer = await index.get(SIMPLE, headers={"accept": kind})

    assert answer.headers["content-type"].partition(";")[0] == kind
    assert answer.json()["projects"] == [] if kind == JSON else "<a " not in answer.text


async def test_a_wheel_and_a_source_say_what_each_has(index: Index) -> None:
    """Pulp, "simple json detail api"; PEP 740 lets the key ``provenance`` be absent where Pulp has a null."""
    built, source = wheel("twine", "5.1.0", "Requires-Python: >=3.8"), sdist("twine", "5.1.0", "Requires-Python: >=3.8")

    await index.upload(built, source)

    project = await index.project("twine")
    files = {file["filename"]: file for file in project["files"]}
    digest = {"sha256": hashlib.sha256(built.metadata).hexdigest()}
    assert (project["name"], project["versions"]) == ("twine", ["5.1.0"])
    for each, offered in ((built, digest), (source, False)):
        file = files[each.filename]
        assert file["hashes"] == {"sha256": each.sha256}
        assert file["requires-python"] == ">=3.8"
        assert file["core-metadata"] == offered
        assert file["size"] == len(each.content)
        assert file["upload-time"]
        assert file.get("provenance") is None


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html", "text/html"),
        (HTML, HTML),
        (JSON, JSON),
        ("", "text/html"),
        (f"{JSON}, {HTML}", JSON),
        ("application/json", None),
        ("sth/else", None),
    ],
)
async def test_each_page_comes_as_it_is_asked_for(index: Index, accept: str, kind: str | None) -> None:
    """Pulp, "simple api content headers".

    Between two that are wanted alike, PEP 691 leaves the choice to the server: Pulp takes HTML, we the newer one.
    What is not to be had is 406 ("Version + Format Selection"); there it is HTML.
    """
    await index.upload(wheel())

    for target in (SIMPLE, f"{SIMPLE}tool/"):
        answer = await index.get(target, headers={"accept": accept})
        assert answer.status_code == (200 if kind else 406)
        assert kind is None or answer.headers["content-type"].partition(";")[0] == kind


@pytest.mark.parametrize("path", ["pypi/tool/json", "pypi/tool/1.0/json", "integrity/tool/1.0/{file}/provenance"])
async def test_a_document_is_there_with_a_slash_behind_its_address(index: Index, path: str) -> None:
    """Pulp, "pypi json", "pypi last serial" and "integrity api", ask both ways."""
    built = wheel()
    await index.upload(built, attestations=json.dumps([attestation(built)]))
    target = f"/pypi/acme/{path.format(file=built.filename)}"

    without, behind = await index.get(target), await index.get(f"{target}/")

    assert (without.status_code, behind.status_code) == (200, 200)
    assert behind.json() == without.json()


@pytest.mark.parametrize("path", ["simple/tool/", "json/tool", "pypi/tool/json"])
async def test_a_project_s_documents_say_their_serial(index: Index, path: str) -> None:
    """Pulp, "pypi last serial": the header, and what the document says, are one number that grows."""
    await index.upload(wheel())
    before = await index.get(f"/pypi/acme/{path}", headers={"accept": f"{JSON}, application/json"})
    await index.upload(sdist())

    after = await index.get(f"/pypi/acme/{path}", headers={"accept": f"{JSON}, application/json"})

    assert serial_in(before.json()) == int(before.headers["x-pypi-last-serial"])
    assert serial_in(after.json()) == int(after.headers["x-pypi-last-serial"]) > serial_in(before.json())


def serial_in(document: Any) -> int:
    return int(document["meta"]["_last-serial"] if "meta" in document else document["last_serial"])


async def test_a_form_without_an_action_asks_for_nothing(index: Index) -> None:
    """Gitea and Pulp take forms without ``:action``; the specification of uploads has it, and clients send it."""
    built = wheel()
    parts = [("sha256_digest", None, built.sha256.encode()), ("content", built.filename, built.content)]

    answer = await index.post(encode_form(parts))

    assert (answer.status_code, ":action (expected file_upload" in answer.text) == (400, True)
