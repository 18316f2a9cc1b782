"""The upload form, as its clients send it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.model.access import Action, Allowance, Role
from entrepot.model.names import PrincipalName, View, parse_reference
from entrepot.operations.mark import seal
from entrepot.operations.registry import Limits
from entrepot.operations.token import create_token
from entrepot.testing.builders import ADMINISTRATOR
from tests.formats.pypi.attested import attestation, encoded
from tests.formats.pypi.building import FORM, Built, encode_form, metadata, sdist, wheel
from tests.formats.pypi.index import LEGACY, Index, open_index, project_id


async def test_a_wheel_is_taken_and_offered(index: Index) -> None:
    built = wheel()

    answer = await index.post(built.form())

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    [file] = (await index.project())["files"]
    assert (file["filename"], file["hashes"]["sha256"]) == (built.filename, built.sha256)
    assert await index.violations() == []


async def test_it_takes_what_comes_without_the_final_slash(index: Index) -> None:
    assert (await index.post(wheel().form(), target=LEGACY.rstrip("/"))).status_code == 200


async def test_a_release_grows_file_by_file(index: Index) -> None:
    first, second, source = wheel(), wheel(tag="cp311-abi3-linux_x86_64"), sdist()

    await index.upload(first, source, second)

    names = [file["filename"] for file in (await index.project())["files"]]
    assert names == sorted([first.filename, second.filename, source.filename])
    assert await index.violations() == []


async def test_a_release_is_the_same_in_whatever_order_its_files_came(index: Index) -> None:
    """Its digest as an OCI artifact is that of its content."""
    files = [
        wheel("one", "1.0", "Author: differs", tag="py2-none-any"),
        wheel("one", "1.0"),
        sdist("one", "1.0", "Author: someone"),
    ]
    digests = set()
    for name, order in (("acme", files), ("other", files[::-1]), ("third", [files[1], files[2], files[0]])):
        await index.upload(*order, namespace=name)
        digests.add(await index.digest_of("1.0", "one", namespace=name))

    assert len(digests) == 1


async def test_the_same_file_again_changes_nothing(index: Index) -> None:
    built = wheel()
    await index.upload(built)
    events = await index.world.events()

    answer = await index.post(built.form(), by="administrator")

    assert answer.status_code == 200
    assert await index.world.events() == events


async def test_other_content_under_a_used_name_is_told_in_the_words_that_clients_look_for(index: Index) -> None:
    """`twine upload --skip-existing` reads "already exist"."""
    await index.upload(wheel())

    answer = await index.post(wheel(content=b"other").form())

    assert answer.status_code == 400
    assert answer.text.startswith("File already exists (tool-1.0-py3-none-any.whl)")
    assert (await index.project())["files"][0]["hashes"]["sha256"] == wheel().sha256


# --- digests ---


def md5_of(built: Built) -> bytes:
    return hashlib.md5(built.content, usedforsecurity=False).digest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha256_digest", wheel().sha256),
        ("sha256_digest", wheel().sha256.upper()),
        ("blake2_256_digest", hashlib.blake2b(wheel().content, digest_size=32).hexdigest()),
        ("md5_digest", md5_of(wheel()).hex()),
        ("md5_digest", base64.urlsafe_b64encode(md5_of(wheel())).decode()),
        ("md5_digest", base64.urlsafe_b64encode(md5_of(wheel())).decode().rstrip("=")),
    ],
)
async def test_each_kind_of_digest_is_enough(index: Index, name: str, value: str) -> None:
    form = wheel().form(**{"sha256_digest": None, name: value})

    assert (await index.post(form)).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha256_digest", "0" * 64),
        ("blake2_256_digest", "0" * 64),
        ("md5_digest", "0" * 32),
        ("md5_digest", base64.urlsafe_b64encode(bytes(16)).decode()),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["before the file", "behind the file"])
async def test_each_digest_is_checked(index: Index, name: str, value: str, first: bool) -> None:
    built = wheel()
    parts = [(key, None, text.encode()) for key, text in built.fields.items()]
    claim, file = (name, None, value.encode()), ("content", built.filename, built.content)
    parts = [part for part in parts if part[0] != name]

    answer = await index.post(encode_form([*parts, claim, file] if first else [*parts, file, claim]))

    assert answer.status_code == 400
    assert "expected" in answer.text
    assert (await index.get("/pypi/acme/simple/tool/")).status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha256_digest", "xyz"),
        ("sha256_digest", "0" * 63),
        ("sha256_digest", base64.b64encode(bytes(32)).decode()),
        ("blake2_256_digest", "g" * 64),
        ("md5_digest", "????"),
        ("md5_digest", "0" * 31),
    ],
)
async def test_what_is_no_digest_is_refused(index: Index, name: str, value: str) -> None:
    answer = await index.post(wheel().form(**{name: value}))

    assert answer.status_code == 400
    assert name in answer.text


async def test_a_file_without_any_digest_is_refused(index: Index) -> None:
    answer = await index.post(wheel().form(sha256_digest=None))

    assert (answer.status_code, "one of sha256_digest" in answer.text) == (400, True)


# --- fields ---


async def test_fields_that_repeat_the_metadata_are_passed_over(index: Index) -> None:
    """What counts is in the file. Clients send all of it, some of it many times."""
    built = wheel("tool", "1.0", "Requires-Python: >=3.9")
    parts = [(key, None, text.encode()) for key, text in built.fields.items()]
    parts += [("classifiers", None, b"one"), ("classifiers", None, b"two"), ("description", None, b"x" * 300_000)]
    parts += [
        ("requires_python", None, b">=2"),
        ("name", None, b"Tool"),
        ("version", None, b"1.0"),
        ("comment", None, b""),
    ]

    answer = await index.post(encode_form([*parts, ("content", built.filename, built.content)]))

    assert answer.status_code == 200
    assert (await index.project())["files"][0]["requires-python"] == ">=3.9"


async def test_the_file_may_come_before_its_fields(index: Index) -> None:
    """As a person writes it with curl."""
    built = wheel()
    parts = [(key, None, text.encode()) for key, text in built.fields.items()]

    answer = await index.post(encode_form([("content", built.filename, built.content), *parts]))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "other"}, "form field name (expected tool"),
        ({"name": "to ol"}, "The name is not well formed"),
        ({"version": "2.0"}, "form field version (expected 1.0"),
        ({"version": "latest"}, "PEP 440"),
        ({"filetype": "sdist"}, "form field filetype (expected bdist_wheel"),
        ({"filetype": "bdist_egg"}, "form field filetype"),
        ({":action": None}, "form field :action (expected file_upload, got nothing"),
        ({":action": "verify"}, "form field :action (expected file_upload, got verify"),
        ({"protocol_version": "2"}, "form field protocol_version"),
        ({"name": "x" * 5000}, "at most 4096"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["before the file", "behind the file"])
async def test_fields_that_disagree_with_the_file_are_refused(
    index: Index, fields: dict[str, str | None], reason: str, first: bool
) -> None:
    built = wheel()
    said = {name: value for name, value in {**built.fields, **fields}.items() if value is not None}
    parts = [(name, None, value.encode()) for name, value in said.items()]
    file = ("content", built.filename, built.content)

    answer = await index.post(encode_form([*parts, file] if first else [file, *parts]))

    assert answer.status_code in (400, 413)
    assert reason in answer.text
    assert (await index.get("/pypi/acme/simple/tool/")).status_code == 404


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "form field :action"),
        ([(":action", None, b"file_upload")], "a file in the field content"),
        ([(":action", None, b"file_upload"), ("content", None, b"x")], "file name"),
        ([(":action", None, b"file_upload"), ("content", "x.txt", b"x")], "a wheel (.whl) or a source"),
        ([(":action", None, b"file_upload"), ("content", "tool-1.0.tar.gz", b"")], "tool-1.0.tar.gz"),
        (
            [(":action", None, b"file_upload"), (":action", None, b"file_upload")],
            "form field :action (expected it once)",
        ),
        ([(":action", None, b"\xff")], "UTF-8"),
        ([("content", wheel().filename, wheel().content)] * 2, "one file"),
    ],
)
async def test_forms_that_are_none_are_refused(index: Index, parts: Any, reason: str) -> None:
    answer = await index.post(encode_form(parts))

    assert answer.status_code == 400
    assert reason in answer.text or "archive" in answer.text


async def test_what_is_no_form_is_refused(index: Index) -> None:
    answer = await index.ask(
        "POST", LEGACY, by="publisher", content=b"{}", headers={"content-type": "application/json"}
    )

    assert (answer.status_code, "multipart/form-data" in answer.text) == (400, True)


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "doc_upload"])
async def test_what_nobody_does_any_more_is_gone(index: Index, action: str) -> None:
    assert (await index.post(encode_form([(":action", None, action.encode())]))).status_code == 410


async def test_a_file_that_is_refused_leaves_nothing(index: Index) -> None:
    answer = await index.post(wheel(described=metadata("other")).form())

    assert (answer.status_code, "Name in the metadata of tool-1.0-py3-none-any.whl" in answer.text) == (400, True)
    assert [stage async for stage, _ in index.world.registry.blobs.stages()] == []
    assert [kept.digest async for kept in index.world.registry.blobs.kept()] == []


@pytest.mark.parametrize("chunked", [False, True], ids=["of known size", "of unknown size"])
async def test_a_small_file_and_its_metadata_live_in_the_catalog(tmp_path: Path, chunked: bool) -> None:
    """With the limits that a server has. What is checked of others is checked of it."""
    built = wheel()

    async def sent(form: bytes) -> AsyncIterator[bytes]:
        yield form

    async with open_index(tmp_path, limits=Limits()) as index:
        statuses = []
        for form in (built.form(sha256_digest="0" * 64), built.form(name="other"), built.form()):
            content = sent(form) if chunked else form
            answer = await index.ask("POST", LEGACY, by="publisher", content=content, headers=FORM)
            statuses.append(answer.status_code)

        assert statuses == [400, 400, 200]
        assert (await index.get(f"/pypi/acme/files/tool/1.0/{built.filename}")).content == built.content
        assert [kept.digest async for kept in index.world.registry.blobs.kept()] == []
        assert await index.violations() == []


# --- who may ---


async def test_nobody_publishes_without_credentials(index: Index) -> None:
    answer = await index.post(wheel().form(), by=None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_who_may_only_read_is_told_so(index: Index) -> None:
    await index.upload(wheel())

    answer = await index.post(wheel(version="2.0").form(), by="reader")

    assert answer.status_code == 403
    assert "may not publish acme/tool" in answer.text


async def test_a_stranger_learns_nothing(index: Index) -> None:
    await index.upload(wheel())

    known, unknown = [await index.post(wheel(name).form(), by="stranger") for name in ("tool", "void")]

    assert (known.status_code, unknown.status_code) == (404, 404)
    assert known.text == unknown.text.replace("void", "tool")


async def test_a_channels_view_takes_no_files(index: Index) -> None:
    answer = await index.post(wheel().form(), target="/pypi/acme.prod/legacy/")

    assert (answer.status_code, "read-only" in answer.text) == (403, True)


async def test_a_password_is_a_token(index: Index) -> None:
    token = await index.world.token("publisher")
    credentials = {**FORM, "authorization": f"Basic {encoded(f'__token__:{token}'.encode())}"}

    assert (await index.ask("POST", LEGACY, by=None, content=wheel().form(), headers=credentials)).status_code == 200


# --- releases ---


async def test_a_release_has_one_source(index: Index) -> None:
    await index.upload(sdist())

    answer = await index.post(sdist(suffix=".zip").form())

    assert answer.status_code == 400
    assert "one source distribution for each release, and tool-1.0.tar.gz is there" in answer.text


async def test_a_sealed_release_takes_no_more_files(index: Index) -> None:
    await index.upload(wheel())
    await seal(index.world.registry, ADMINISTRATOR, project_id(), parse_reference("1.0"))

    again, more = await index.post(wheel().form()), await index.post(sdist().form())

    assert (again.status_code, more.status_code) == (200, 400)
    assert "sealed" in more.text


async def test_a_deleted_release_stays_used_up(index: Index) -> None:
    await index.upload(wheel(), sdist())
    await index.delete_release("1.0")

    answer = await index.post(wheel(content=b"other").form())

    assert answer.status_code == 400
    assert "stays used up" in answer.text
    assert "already exist" not in answer.text


async def test_a_version_is_spelt_in_one_way(index: Index) -> None:
    """To installers, 1.0 and 1.0.0 are the same."""
    await index.upload(wheel())

    answer = await index.post(wheel(version="1.0.0").form())

    assert (answer.status_code, "the spelling of the release that is there, 1.0" in answer.text) == (400, True)


async def test_a_file_is_spelt_in_one_way(index: Index) -> None:
    """To installers, and to some file systems, the two are one file."""
    await index.upload(wheel("my_tool"))

    answer = await index.post(wheel("My.Tool").form())

    assert answer.status_code == 400
    assert "to installers it is my_tool-1.0-py3-none-any.whl" in answer.text


async def test_who_may_publish_and_not_read_is_held_to_the_projects_status(index: Index) -> None:
    await index.upload(wheel())
    await index.ask("PUT", "/pypi/acme/status/tool", by="maintainer", json={"status": "archived"})
    allowance = Allowance(Role.PUBLISHER, View.parse("acme"), only=frozenset({Action.PUBLISH}))
    _, secret = await create_token(index.world.registry, ADMINISTRATOR, PrincipalName("blind"), allowance)
    credentials = {**FORM, "authorization": f"Bearer {secret.text}"}

    answer = await index.ask("POST", LEGACY, by=None, content=sdist().form(), headers=credentials)

    assert (answer.status_code, "archived" in answer.text) == (403, True)


# --- signatures and attestations ---


async def test_a_signature_comes_with_its_file(index: Index) -> None:
    built = wheel()
    parts = [(key, None, text.encode()) for key, text in built.fields.items()]
    signature = ("gpg_signature", f"{built.filename}.asc", b"-----BEGIN PGP SIGNATURE-----\n")

    answer = await index.post(encode_form([*parts, signature, ("content", built.filename, built.content)]))

    assert answer.status_code == 200
    [file] = (await index.project())["files"]
    assert file["gpg-sig"] is True
    assert (await index.get(f"/pypi/acme/files/tool/1.0/{built.filename}.asc")).content == signature[2]


async def test_attestations_come_with_their_file(index: Index) -> None:
    built = wheel()

    await index.upload(built, attestations=json.dumps([attestation(built)]))

    [file] = (await index.project())["files"]
    assert file["provenance"].endswith(f"/pypi/acme/integrity/tool/1.0/{built.filename}/provenance")
    assert await index.violations() == []


def changed(**changes: Any) -> dict[str, Any]:
    return {**attestation(wheel()), **changes}


@pytest.mark.parametrize(
    ("attestations", "reason"),
    [
        ("", None),
        ("x", "JSON"),
        ("{}", "array"),
        ("[]", "1 to 16"),
        ("[" * 100_000, "nested"),
        (json.dumps([attestation(wheel(), nonce=str(n)) for n in range(17)]), "1 to 16"),
        (json.dumps([{}]), "version"),
        (json.dumps([changed(version=2)]), "version"),
        (json.dumps([changed(verification_material={})]), "certificate"),
        (json.dumps([changed(envelope={"statement": "?", "signature": "AAAA"})]), "base64"),
        (json.dumps([changed(envelope={"statement": "AAAA", "signature": "AAAA"})]), "in-toto"),
        (json.dumps([changed(verification_material={"certificate": "AA==", "transparency_entries": []})]), "length"),
        (json.dumps([attestation(wheel(), _type="https://example.com")]), "Statement/v1"),
        (json.dumps([attestation(wheel(), subject=[])]), "one subject"),
        (json.dumps([attestation(wheel("other"))]), "one subject"),
        (json.dumps([attestation(wheel(content=b"other"))]), "one subject"),
        (json.dumps([attestation(wheel(), nonce="x" * 70_000)]), "at most 65536"),
    ],
)
async def test_attestations_that_are_not_of_the_file_are_refused(
    index: Index, attestations: str, reason: str | None
) -> None:
    answer = await index.post(wheel().form(attestations=attestations))

    assert answer.status_code == (200 if reason is None else 400)
    assert reason is None or reason in answer.text
