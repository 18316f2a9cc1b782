"""PUT: RFC 9110, 9.3.4 and 13; RFC 9530; what a version may and may not become."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.model.digest import Digest
from entrepot.wire.server import Epochs
from tests.formats.generic.served import SMALL, Cut, Served, StoppedClock, serve

FILE = "/files/acme/tool/1.0/bin/tool"
VERSION = "/files/acme/tool/1.0/"
LARGE = bytes(range(256)) * 4
"""More than lives in the catalog."""

CONTENTS = pytest.mark.parametrize("content", [b"", b"small", LARGE], ids=["empty", "small", "large"])
WAYS = pytest.mark.parametrize("chunked", [False, True], ids=["with length", "chunked"])


def base64_of(algorithm: str, content: bytes) -> str:
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


def headers_for(header: str, content: bytes) -> dict[str, str]:
    """One header that says what *content* hashes to."""
    name, _, algorithm = header.partition(" ")
    wire = {"sha256": "sha-256", "sha512": "sha-512", "sha1": "sha", "md5": "md5"}[algorithm]
    match name:
        case "Digest":
            return {name: f"{wire.upper()}={base64_of(algorithm, content)}"}
        case "X-Checksum":
            return {f"X-Checksum-{algorithm.capitalize()}": hashlib.new(algorithm, content).hexdigest()}
    return {name: f"{wire}=:{base64_of(algorithm, content)}:"}


CHECKSUMS = pytest.mark.parametrize(
    "header",
    [
        f"{name} {algorithm}"
        for name in ("Content-Digest", "Repr-Digest", "Digest", "X-Checksum")
        for algorithm in ("sha256", "sha512", "sha1", "md5")
    ],
)


@CONTENTS
@WAYS
async def test_a_file_comes_back_as_it_was_sent(served: Served, content: bytes, chunked: bool) -> None:
    sent = await served.put(FILE, [content[:300], content[300:]] if chunked else content)
    got = await served.get(FILE)

    assert sent.status == 201
    assert sent.json == {
        "path": "bin/tool",
        "digest": str(Digest.of(content)),
        "size": len(content),
        "version": "1.0",
        "artifact": (await served.get(VERSION)).json["digest"],
    }
    assert sent.headers["etag"] == got.headers["etag"] == f'"{Digest.of(content)}"'
    assert sent.headers["location"] == f"http://registry.example.com{FILE}"
    assert (got.status, got.body) == (200, content)
    assert await served.staged() == []


@CONTENTS
@WAYS
async def test_the_same_bytes_again_change_nothing(served: Served, content: bytes, chunked: bool) -> None:
    first = await served.put(FILE, content)
    again = await served.put(FILE, [content] if chunked else content)

    assert again.status == 200
    assert again.json == first.json
    assert await served.events() == ["artifact.published"]


@pytest.mark.parametrize("before", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("after", [b"", b"other", LARGE[::-1]], ids=["empty", "small", "large"])
@WAYS
async def test_other_bytes_are_refused_and_not_kept(served: Served, before: bytes, after: bytes, chunked: bool) -> None:
    await served.put(FILE, before)

    other = await served.put(FILE, [after] if chunked else after)

    assert (other.status, other.code) == (409, "version-exists")
    assert other.json["expected"] == str(Digest.of(before))
    assert other.json["actual"] == str(Digest.of(after))
    assert (await served.get(FILE)).body == before
    assert await served.staged() == []
    kept = {kept.digest async for kept in served.registry.blobs.kept()}
    assert kept == ({Digest.of(LARGE)} if before == LARGE else set())


async def test_bytes_that_are_said_to_be_other_ones_are_not_even_read(served: Served) -> None:
    await served.put(FILE, b"content")

    other = await served.put(FILE, [Cut], headers=headers_for("Digest sha256", b"other"))

    assert (other.status, other.code) == (409, "version-exists")


async def test_a_version_grows_and_its_files_stay(served: Served) -> None:
    paths = ["b", "a/long/way/down", "c.txt", "a/b"]
    for path in paths:
        assert (await served.put(VERSION + path, path.encode() * 50)).status == 201

    for path in paths:
        assert (await served.get(VERSION + path)).body == path.encode() * 50
    listed = (await served.get(VERSION)).json["files"]
    assert [file["path"] for file in listed] == sorted(paths)
    assert await served.violations() == []


async def test_the_manifest_is_the_same_in_whatever_order_files_came(served: Served) -> None:
    async def push(namespace: str, paths: str, by: str) -> str:
        for path in paths:
            answer = await served.put(f"/files/{namespace}/tool/1.0/{path}", path.encode(), by=by)
        return str(answer.json["artifact"])

    assert await push("acme", "abc", "publisher") == await push("other", "cab", "stranger")


# --- checksums ---


@CHECKSUMS
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
async def test_a_checksum_that_fits_is_accepted(served: Served, header: str, content: bytes) -> None:
    sent = await served.put(FILE, content, headers=headers_for(header, content))

    assert sent.status == 201
    # Whatever it was checked by, a file has one name.
    assert sent.json["digest"] == str(Digest.of(content))


@CHECKSUMS
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
@WAYS
async def test_a_checksum_that_does_not_fit_stores_nothing(
    served: Served, header: str, content: bytes, chunked: bool
) -> None:
    sent = await served.put(FILE, [content] if chunked else content, headers=headers_for(header, content + b"."))

    assert (sent.status, sent.code) == (400, "digest-mismatch")
    assert (await served.get(FILE)).status == 404
    assert await served.staged() == []
    assert [kept.digest async for kept in served.registry.blobs.kept()] == []
    assert await served.events() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Digest": "sha-256=4fVs"},
        {"Repr-Digest": "sha-256=:AAAA:"},
        {"Digest": "SHA-256"},
        {"X-Checksum-Sha256": "abc"},
        {"X-Checksum-Md5": "g" * 32},
        {**headers_for("Repr-Digest sha256", b"a"), **headers_for("X-Checksum sha256", b"b")},
    ],
)
async def test_a_checksum_that_cannot_be_read_is_an_error(served: Served, headers: dict[str, str]) -> None:
    sent = await served.put(FILE, b"content", headers=headers)

    assert (sent.status, sent.code) == (400, "invalid-digest")
    assert (await served.get(FILE)).status == 404


async def test_an_unknown_checksum_alone_promises_nothing(served: Served) -> None:
    assert (await served.put(FILE, b"content", headers={"Content-Digest": "crc32c=:AAAAAA==:"})).status == 201


# --- conditions ---


async def test_a_file_that_must_not_be_there_is_not_replaced(served: Served) -> None:
    first = await served.put(FILE, b"content", headers={"If-None-Match": "*"})
    again = await served.put(FILE, b"content", headers={"If-None-Match": "*"})
    beside = await served.put(VERSION + "other", b"content", headers={"If-None-Match": "*"})

    assert (first.status, again.status, beside.status) == (201, 412, 201)
    assert again.code == "precondition-failed"


async def test_a_file_that_must_be_there_is_asked_for_by_its_tag(served: Served) -> None:
    missing = await served.put(FILE, b"content", headers={"If-Match": "*"})
    etag = (await served.put(FILE, b"content")).headers["etag"]

    assert missing.status == 412
    assert (await served.put(FILE, b"content", headers={"If-Match": etag})).status == 200
    assert (await served.put(FILE, b"content", headers={"If-Match": "*"})).status == 200
    assert (await served.put(FILE, b"content", headers={"If-Match": f'"x", {etag}'})).status == 200
    assert (await served.put(FILE, b"content", headers={"If-Match": '"sha256:other"'})).status == 412
    # RFC 9110, 13.1.1: If-Match compares strongly.
    assert (await served.put(FILE, b"content", headers={"If-Match": f"W/{etag}"})).status == 412


async def test_a_condition_is_looked_at_before_the_bytes_are_read(served: Served) -> None:
    await served.put(FILE, b"content")

    answer = await served.put(FILE, [Cut], headers={"If-None-Match": "*"})

    assert answer.status == 412


# --- what is said with a file ---


async def test_a_media_type_is_kept(served: Served) -> None:
    await served.put(FILE, b"<p>", headers={"Content-Type": "text/html; charset=utf-8"})

    assert (await served.get(FILE)).headers["content-type"] == "text/html"
    assert (await served.get(VERSION)).json["files"][0]["media_type"] == "text/html"


async def test_another_media_type_is_no_change(served: Served) -> None:
    await served.put(FILE, b"<p>", headers={"Content-Type": "text/html"})

    again = await served.put(FILE, b"<p>", headers={"Content-Type": "text/plain"})

    assert again.status == 200
    assert (await served.get(FILE)).headers["content-type"] == "text/html"


@pytest.mark.parametrize("value", ["multipart/form-data; boundary=x", "nonsense"])
async def test_a_content_type_that_is_not_a_file_s_is_refused(served: Served, value: str) -> None:
    assert (await served.put(FILE, b"content", headers={"Content-Type": value})).status == 400


async def test_encoded_content_is_refused(served: Served) -> None:
    assert (await served.put(FILE, b"content", headers={"Content-Encoding": "gzip"})).status == 400
    assert (await served.put(FILE, b"content", headers={"Content-Encoding": "identity"})).status == 201


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("bytes 0-6/7", 201),
        ("bytes 0-6/9", 400),
        ("bytes 2-8/9", 400),
        ("bytes 0-6/*", 400),
        ("0-6", 400),
        ("bytes 0-7/8", 416),
        ("x", 416),
    ],
)
async def test_a_part_of_a_file_is_refused_outside_a_session(served: Served, text: str, status: int) -> None:
    """RFC 9110, 14.5; ``curl -C -`` says of a whole file which part it is."""
    answer = await served.put(FILE, b"content", headers={"Content-Range": text})

    assert answer.status == status
    assert (await served.get(FILE)).status == (200 if status == 201 else 404)


def annotated(**annotations: str) -> dict[str, str]:
    return {"Entrepot-Annotations": json.dumps({key.replace("_", "."): value for key, value in annotations.items()})}


async def test_annotations_are_the_version_s(served: Served) -> None:
    await served.put(FILE, b"content", headers=annotated(org_example_commit="abc"))
    more = await served.put(FILE, b"content", headers=annotated(org_example_builder="grüße"))
    await served.put(VERSION + "other", b"content", headers=annotated(org_example_commit="abc"))

    assert more.status == 200
    listed = (await served.get(VERSION)).json
    assert listed["annotations"] == {"org.example.commit": "abc", "org.example.builder": "grüße"}
    assert len(await served.events()) == 3


async def test_an_annotation_does_not_change(served: Served) -> None:
    await served.put(FILE, b"content", headers=annotated(a="1"))

    other = await served.put(VERSION + "other", b"content", headers=annotated(a="2", b="3"))

    assert (other.status, other.json["expected"], other.json["actual"]) == (409, "1", "2")
    assert (await served.get(VERSION)).json["annotations"] == {"a": "1"}
    assert (await served.get(VERSION + "other")).status == 404


async def test_annotations_that_cannot_be_read_are_an_error(served: Served) -> None:
    answer = await served.put(FILE, b"content", headers={"Entrepot-Annotations": "commit=abc"})

    assert (answer.status, answer.code) == (400, "invalid-metadata")


async def test_annotations_can_be_searched(served: Served) -> None:
    await served.put(FILE, b"content", headers=annotated(org_opencontainers_image_revision="4f2c1e0"))

    hits = await served.registry.catalog.search(
        key="org.opencontainers.image.revision", text="4f2c", namespaces=None, limit=10
    )

    assert [(hit.package.path, hit.references) for hit in hits] == [("generic/tool", ("1.0",))]


# --- two at once ---


async def test_two_who_add_different_files_both_succeed(served: Served) -> None:
    paths = [f"{number}" for number in range(20)]

    answers = await asyncio.gather(*(served.put(VERSION + path, path.encode() * 40) for path in paths))

    assert {answer.status for answer in answers} == {201}
    assert len((await served.get(VERSION)).json["files"]) == 20
    assert await served.violations() == []


async def test_of_two_who_add_other_bytes_one_succeeds(served: Served) -> None:
    answers = await asyncio.gather(*(served.put(FILE, bytes([number]) * 200) for number in range(8)))

    statuses = sorted(answer.status for answer in answers)
    assert statuses == [201] + [409] * 7
    winner = next(answer for answer in answers if answer.status == 201)
    assert f'"{Digest.of((await served.get(FILE)).body)}"' == winner.headers["etag"]
    assert await served.violations() == []


async def test_two_who_add_the_same_file_make_one_event(served: Served) -> None:
    answers = await asyncio.gather(*(served.put(FILE, LARGE) for _ in range(8)))

    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert await served.events() == ["artifact.published"]
    assert await served.staged() == []


async def test_two_workers_add_to_one_version(tmp_path: Path, blob_folder: Path, served: Served) -> None:
    epochs = Epochs(tmp_path / "epochs")
    catalog = SqliteCatalog(tmp_path / "catalog.sqlite", clock=StoppedClock(), epochs=epochs, durable=False)
    blobs = FileBlobStore(blob_folder)
    first = served.registry
    second = replace(first, catalog=catalog, blobs=blobs, clock=StoppedClock())

    async def put(number: int) -> int:
        served.app.registry = second if number % 2 else first
        return (await served.put(f"{VERSION}{number}", b"%d" % number * 50)).status

    try:
        assert set(await asyncio.gather(*(put(number) for number in range(16)))) == {201}
    finally:
        served.app.registry = first
        await catalog.close()
        blobs.close()
        epochs.close()

    assert len((await served.get(VERSION)).json["files"]) == 16
    assert await served.violations() == []


# --- bounds ---


async def test_a_version_holds_so_many_files(tmp_path: Path) -> None:
    limits = type(SMALL)(inline_size=64, files_per_version=3)
    async with serve(tmp_path, limits=limits) as served:
        statuses = [(await served.put(f"{VERSION}{number}", b"content")).status for number in range(4)]
        again = await served.put(f"{VERSION}0", b"content")

        assert statuses == [201, 201, 201, 413]
        assert again.status == 200
        assert len((await served.get(VERSION)).json["files"]) == 3


@WAYS
async def test_a_file_that_is_too_large_is_not_kept(tmp_path: Path, chunked: bool) -> None:
    limits = type(SMALL)(inline_size=64, blob_size=500)
    async with serve(tmp_path, limits=limits) as served:
        answer = await served.put(FILE, [LARGE] if chunked else LARGE)

        assert (answer.status, answer.code) == (413, "too-large")
        assert await served.staged() == []


async def test_a_version_whose_manifest_would_be_too_large_does_not_grow(tmp_path: Path) -> None:
    limits = type(SMALL)(inline_size=64, manifest_size=1000)
    async with serve(tmp_path, limits=limits) as served:
        statuses = [(await served.put(f"{VERSION}{number}", b"content")).status for number in range(5)]

        assert statuses[0] == 201
        assert statuses[-1] == 413
        assert len((await served.get(VERSION)).json["files"]) == statuses.count(201)


# --- clients that lie or go away ---


@pytest.mark.parametrize("sent", [b"con", LARGE[:-1]])
async def test_a_client_that_goes_away_leaves_nothing(served: Served, sent: bytes) -> None:
    answer = await served.put(FILE, [sent, Cut])

    assert answer.status == 0
    assert (await served.get(FILE)).status == 404
    assert await served.staged() == []
    assert await served.events() == []


@pytest.mark.parametrize(("content", "length"), [(b"content", 8), (LARGE, len(LARGE) + 1), (b"content", 3)])
async def test_a_length_that_is_not_true_stores_nothing(served: Served, content: bytes, length: int) -> None:
    answer = await served.put(FILE, content, headers={"Content-Length": str(length)})

    assert (answer.status, answer.code) == (400, "size-mismatch")
    assert (await served.get(FILE)).status == 404
    assert await served.staged() == []


async def test_a_version_may_be_older_than_a_day(served: Served) -> None:
    await served.put(FILE, b"content")
    served.clock.pass_by(timedelta(days=400))

    assert (await served.put(VERSION + "other", b"content")).status == 201


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
async def test_a_damaged_file_is_not_served_and_mended_by_sending_it_again(served: Served, content: bytes) -> None:
    digest = Digest.parse((await served.put(FILE, content)).json["digest"])
    if content == LARGE:
        Path(served.registry.blobs.locate(digest)).write_bytes(b"x" * len(content))  # type: ignore[attr-defined]
    await served.registry.catalog.write(lambda change: change.damage_blob(digest))

    damaged = await served.get(FILE)
    again = await served.put(FILE, content)

    assert (damaged.status, again.status) == (404, 200)
    assert (await served.get(FILE)).body == content
    assert await served.violations() == []
