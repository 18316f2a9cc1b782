"""Uploads that are begun, broken, gone on with, and ended: ``?upload``."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from entrepot.model.digest import Digest
from tests.formats.generic.served import Cut, Served
from tests.formats.generic.test_files_in import headers_for

VERSION = "/files/acme/tool/1.0/"
FILE = f"{VERSION}big.iso"
LARGE = bytes(range(256)) * 8


async def begin(served: Served, target: str = FILE) -> str:
    """Open a session, and return its address without the host."""
    answer = await served.ask("POST", f"{target}?upload")
    assert answer.status == 202
    return address(answer.headers["location"])


def address(location: str) -> str:
    assert location.startswith("http://registry.example.com/")
    return location.removeprefix("http://registry.example.com")


async def offset(served: Served, session: str) -> int:
    answer = await served.ask("HEAD", session)
    assert answer.status == 204
    return int(answer.headers["upload-offset"])


async def test_a_file_comes_in_pieces(served: Served) -> None:
    session = await begin(served)

    first = await served.ask("PATCH", session, body=LARGE[:1000], headers={"Content-Range": "0-999"})
    second = await served.ask("PATCH", address(first.headers["location"]), body=[LARGE[1000:1500], LARGE[1500:1600]])
    told = await served.ask("GET", session)
    last = await served.put(
        session, LARGE[1600:], headers={"Content-Range": f"bytes 1600-{len(LARGE) - 1}/{len(LARGE)}"}
    )

    assert (first.status, first.headers["range"], first.headers["upload-offset"]) == (202, "0-999", "1000")
    assert (second.status, second.headers["range"]) == (202, "0-1599")
    assert (told.status, told.headers["range"], told.headers["upload-offset"]) == (204, "0-1599", "1600")
    assert last.status == 201
    assert last.json["digest"] == str(Digest.of(LARGE))
    assert (await served.get(FILE)).body == LARGE
    assert await served.staged() == []
    assert await served.violations() == []


async def test_a_session_that_has_nothing_says_so(served: Served) -> None:
    answer = await served.ask("POST", f"{FILE}?upload")

    assert answer.headers["upload-offset"] == "0"
    assert "range" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert await served.staged() == []


@pytest.mark.parametrize("cut", [0, 1, 700, 2047])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_upload_that_was_cut_goes_on_where_it_stopped(served: Served, method: str, cut: int) -> None:
    session = await begin(served)

    broken = await served.ask(method, session, body=[LARGE[:cut], Cut])
    held = await offset(served, session)
    last = await served.put(session, LARGE[held:], headers={"Content-Range": f"{held}-{len(LARGE) - 1}"})

    assert broken.status == 0
    assert held == cut
    assert last.status == 201
    assert (await served.get(FILE)).body == LARGE


async def test_a_session_takes_the_whole_at_once(served: Served) -> None:
    session = await begin(served)

    assert (await served.put(session, LARGE)).status == 201
    assert (await served.get(FILE)).body == LARGE


async def test_a_piece_at_another_place_is_refused(served: Served) -> None:
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE[:100])

    for method in ("PATCH", "PUT"):
        early = await served.ask(method, session, body=LARGE[50:100], headers={"Content-Range": "50-99"})
        late = await served.ask(method, session, body=LARGE[200:300], headers={"Content-Range": "200-299"})
        assert (early.status, late.status) == (416, 416)
        assert early.code == "invalid-content-range"
        assert early.json["expected"] == "a chunk that starts at byte 100"
    assert await offset(served, session) == 100


@pytest.mark.parametrize("text", ["0-5", "bytes 0-99/50", "0-", "x", "bytes */100", "9-0"])
async def test_a_range_that_is_not_that_of_the_piece_is_refused(served: Served, text: str) -> None:
    session = await begin(served)

    for method in ("PATCH", "PUT"):
        answer = await served.ask(method, session, body=b"0123456789", headers={"Content-Range": text})
        assert answer.status == 416
    assert await offset(served, session) == 0


async def test_the_last_piece_is_the_last(served: Served) -> None:
    session = await begin(served)

    answer = await served.put(session, LARGE[:10], headers={"Content-Range": f"bytes 0-9/{len(LARGE)}"})

    assert (answer.status, answer.json["expected"]) == (416, "the last piece of the file")


async def test_a_last_piece_that_does_not_say_where_it_belongs_is_taken_for_the_whole(served: Served) -> None:
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE[:100])

    answer = await served.put(session, LARGE[100:])

    assert answer.status == 416
    assert (await served.get(FILE)).status == 404


async def test_a_last_piece_may_say_what_the_whole_is_instead(served: Served) -> None:
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE[:100])

    answer = await served.put(session, LARGE[100:], headers=headers_for("Repr-Digest sha256", LARGE))

    assert answer.status == 201
    assert (await served.get(FILE)).body == LARGE


# --- checksums ---


@pytest.mark.parametrize("name", ["Repr-Digest", "Digest", "X-Checksum", "Content-Digest"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1", "md5"])
@pytest.mark.parametrize("size", [30, 2048], ids=["small", "large"])
async def test_the_whole_is_verified_at_the_end(served: Served, name: str, algorithm: str, size: int) -> None:
    content = LARGE[:size]
    for said, status in ((content, 201), (content + b".", 400)):
        session = await begin(served, f"{VERSION}{status}")
        await served.ask("PATCH", session, body=content)

        # With nothing in the body, Content-Digest can be about the file only.
        answer = await served.put(session, b"", headers=headers_for(f"{name} {algorithm}", said))

        assert answer.status == status
        assert (await served.get(f"{VERSION}{status}")).status == (200 if status == 201 else 404)
        assert (await served.ask("HEAD", session)).status == 404
    assert await served.staged() == []
    assert await served.violations() == []


async def test_each_piece_is_verified_by_its_own_checksum(served: Served) -> None:
    session = await begin(served)

    first = await served.ask(
        "PATCH", session, body=LARGE[:1000], headers=headers_for("Content-Digest md5", LARGE[:1000])
    )
    last = await served.put(
        session,
        LARGE[1000:],
        headers={
            **headers_for("Content-Digest sha512", LARGE[1000:]),
            **headers_for("Repr-Digest sha256", LARGE),
        },
    )

    assert (first.status, last.status) == (202, 201)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_damaged_piece_ends_the_session(served: Served, method: str) -> None:
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE[:1000])

    headers = {"Content-Range": "1000-1999", **headers_for("Content-Digest sha256", LARGE[1000:2000])}
    damaged = await served.ask(method, session, body=LARGE[:1000], headers=headers)

    assert (damaged.status, damaged.code) == (400, "digest-mismatch")
    assert (await served.ask("HEAD", session)).status == 404
    assert await served.staged() == []


# --- the end ---


async def test_an_upload_becomes_a_file_once(served: Served) -> None:
    session = await begin(served)
    await served.put(session, LARGE)

    for method in ("PUT", "PATCH", "HEAD", "DELETE"):
        again = await served.ask(method, session, body=LARGE if method in ("PUT", "PATCH") else b"")
        assert again.status == 404
    assert await served.staged() == []


async def test_a_cancelled_session_is_gone(served: Served) -> None:
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE)

    assert (await served.ask("DELETE", session)).status == 204
    assert await served.staged() == []
    assert (await served.ask("GET", session)).code == "upload-unknown"
    assert (await served.get(FILE)).status == 404


async def test_a_session_that_has_nothing_does_not_become_an_empty_file(served: Served) -> None:
    session = await begin(served)

    lost = await served.put(session, b"", headers=headers_for("Repr-Digest sha256", LARGE))
    nothing = await served.put(session, b"")
    meant = await served.put(session, b"", headers=headers_for("Repr-Digest sha256", b""))

    assert (lost.status, nothing.status, meant.status) == (404, 404, 201)
    assert (await served.get(FILE)).body == b""


async def test_a_session_outlives_a_refusal_that_another_name_would_spare(served: Served) -> None:
    await served.put(FILE, b"other")
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE)

    refused = await served.put(session, b"")
    beside = await served.put(session.replace("big.iso", "beside.iso"), b"")

    assert (refused.status, beside.status) == (409, 201)
    assert (await served.get(f"{VERSION}beside.iso")).body == LARGE


async def test_conditions_and_annotations_are_those_of_the_end(served: Served) -> None:
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE)
    await served.put(f"{VERSION}other", b"content")

    refused = await served.put(session, b"", headers={"If-Match": "*"})
    taken = await served.put(
        session,
        b"",
        headers={"If-None-Match": "*", "Content-Type": "text/plain", "Entrepot-Annotations": '{"a": "b"}'},
    )

    assert (refused.status, taken.status) == (412, 201)
    listed = (await served.get(VERSION)).json
    assert listed["annotations"] == {"a": "b"}
    assert [file["media_type"] for file in listed["files"]] == ["text/plain", "application/octet-stream"]


async def test_a_session_ends_by_itself(served: Served) -> None:
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE)
    served.clock.pass_by(timedelta(hours=25))

    assert (await served.ask("HEAD", session)).status == 404


async def test_a_session_goes_on_as_long_as_something_comes(served: Served) -> None:
    session = await begin(served)
    for start in range(0, 400, 100):
        served.clock.pass_by(timedelta(hours=20))
        session = address((await served.ask("PATCH", session, body=LARGE[start : start + 100])).headers["location"])

    answer = await served.put(session, LARGE[400:], headers={"Content-Range": f"400-{len(LARGE) - 1}"})

    assert answer.status == 201


# --- whose it is ---


async def test_a_session_belongs_to_who_began_it_and_to_its_package(served: Served) -> None:
    session = await begin(served)
    await served.ask("PATCH", session, body=LARGE)

    for by, status in (("maintainer", 404), ("reader", 403), ("stranger", 404), (None, 401)):
        for method in ("HEAD", "PATCH", "PUT", "DELETE"):
            answer = await served.ask(method, session, by=by)
            assert answer.status == status
    assert (await served.ask("HEAD", session.replace("/tool/", "/other/"))).status == 404
    assert await offset(served, session) == len(LARGE)


@pytest.mark.parametrize("session", ["x", "a.b.c.d", "", "%00", "0" * 5000, "é"])
async def test_a_session_that_was_never_given_out_is_unknown(served: Served, session: str) -> None:
    for method in ("HEAD", "PATCH", "PUT", "DELETE"):
        answer = await served.ask(method, f"{FILE}?upload={session}")
        assert answer.status == 404


async def test_two_who_send_to_one_session_are_told_so(served: Served) -> None:
    session = await begin(served)
    going = asyncio.Event()

    async def slow() -> int:
        # The pieces are asked for one by one, so what is between them happens in the middle of the request.
        def pieces() -> object:
            yield LARGE[:1000]
            going.set()
            yield LARGE[1000:]

        return (await served.ask("PATCH", session, body=pieces())).status  # type: ignore[arg-type]

    async def hasty() -> int:
        await going.wait()
        return (await served.ask("PATCH", session, body=LARGE[:1000])).status

    statuses = await asyncio.gather(slow(), hasty())

    # Whichever came first, no byte of the one is among the other's.
    held = await offset(served, session)
    assert held in (len(LARGE), len(LARGE) + 1000)
    assert (409 in statuses) == (held == len(LARGE))


# --- what a session is not ---


@pytest.mark.parametrize(
    ("method", "target", "status", "allowed"),
    [
        ("POST", FILE, 405, "GET, HEAD, PUT"),
        ("POST", f"{FILE}?upload=x", 405, "GET, HEAD, PUT"),
        ("PATCH", FILE, 405, "GET, HEAD, PUT"),
        ("DELETE", FILE, 405, "GET, HEAD, PUT"),
        ("POST", f"{VERSION}dir/?upload", 400, None),
        ("POST", "/files/acme.prod/tool/1.0/file?upload", 403, None),
    ],
)
async def test_what_a_session_is_not(
    served: Served, method: str, target: str, status: int, allowed: str | None
) -> None:
    answer = await served.ask(method, target)

    assert answer.status == status
    if allowed is not None:
        assert answer.headers["allow"] == allowed


async def test_a_file_of_a_version_is_not_deleted_by_itself(served: Served) -> None:
    await served.put(FILE, b"content")

    answer = await served.ask("DELETE", FILE, by="administrator")

    assert answer.status == 405
    assert (await served.get(FILE)).body == b"content"
