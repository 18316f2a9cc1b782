"""An index that reads through to another one, which is on a real socket: down, slow, lying, deleting."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot import followers
from entrepot.formats.pypi.remote import read_page
from entrepot.model.access import Caller
from entrepot.model.errors import Denied, PackageUnknown, ReferenceUnknown, UpstreamInvalid
from entrepot.model.names import FormatName, PrincipalName, ReferenceName, View, parse_namespace
from entrepot.model.policy import Door, Policy
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.operations.govern import set_namespace
from entrepot.operations.policies import set_policy
from entrepot.operations.readmit import readmit
from entrepot.operations.upstreams import add_upstream, remove_upstream
from entrepot.operations.warm import fetch_version, refresh
from entrepot.testing.builders import ADMINISTRATOR, caller
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from tests.formats.pypi.attested import attestation
from tests.formats.pypi.building import Built, sdist, wheel
from tests.formats.pypi.index import JSON, Index, project_id

pytestmark = pytest.mark.usefixtures("socket_enabled")

ACME, PYPI = parse_namespace("acme"), FormatName("pypi")
WHEEL, NEWER, SDIST = wheel("tool", "1.0"), wheel("tool", "2.0"), sdist("tool", "1.0")


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        yield registry


def listed(file: Built, **more: Any) -> dict[str, Any]:
    """A file on a page of JSON."""
    return {
        "filename": file.filename,
        "url": f"../files/{file.filename}",
        "hashes": {"sha256": file.sha256},
        "size": len(file.content),
        "core-metadata": {"sha256": hashlib.sha256(file.metadata).hexdigest()},
        **more,
    }


def offer(other: Elsewhere, *files: Built, name: str = "tool", **more: Any) -> None:
    """Let the other index have these files and no others."""
    page = {"meta": {"api-version": "1.1"}, "name": name, "files": [listed(file, **more) for file in files]}
    other.says[f"/simple/{name}/"] = Said(json.dumps(page).encode(), headers={"content-type": JSON})
    for file in files:
        other.says[f"/simple/files/{file.filename}"] = Said(file.content)
        other.says[f"/simple/files/{file.filename}.metadata"] = Said(file.metadata)


async def read_through(index: Index, other: Elsewhere, **rules: Any) -> Upstream:
    upstream = Upstream(
        ACME, PYPI, UpstreamName("public"), f"{other.url}/simple", private=True, rules=UpstreamRules(**rules)
    )
    return await add_upstream(index.world.registry, ADMINISTRATOR, upstream)


def address(file: Built, more: str = "") -> str:
    version = file.filename.split("-")[1].removesuffix(".tar.gz")
    return f"/pypi/acme/files/tool/{version}/{file.filename}{more}"


async def names(index: Index, **options: Any) -> list[str]:
    return [file["filename"] for file in (await index.project(**options))["files"]]


async def test_another_index_s_project_is_ours(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL, NEWER, **{"requires-python": ">=3.9", "upload-time": "2020-01-02T03:04:05.000006Z"})
    await read_through(index, other)

    page = await index.project()
    first = page["files"][0]

    assert [file["filename"] for file in page["files"]] == [WHEEL.filename, NEWER.filename]
    assert page["versions"] == ["1.0", "2.0"]
    assert first["hashes"] == {"sha256": WHEEL.sha256}
    assert (first["size"], first["requires-python"]) == (len(WHEEL.content), ">=3.9")
    assert first["upload-time"] == "2020-01-02T03:04:05.000006Z"
    assert first["url"] == f"../../files/tool/1.0/{WHEEL.filename}"


async def test_a_file_is_fetched_once_and_is_then_a_release_of_ours(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other)

    answers = [await index.get(address(WHEEL)) for _ in range(3)]
    described = await index.get(address(WHEEL, ".metadata"))
    manifest = await index.ask("GET", "/v2/acme/pypi/tool/manifests/1.0")

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, WHEEL.content)] * 3
    assert other.asked[f"/simple/files/{WHEEL.filename}"] == 1
    assert described.content == WHEEL.metadata
    assert manifest.status_code == 200
    assert WHEEL.sha256 in manifest.text
    assert await index.violations() == []


async def test_the_metadata_of_a_wheel_comes_without_the_wheel(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other)

    answers = [await index.get(address(WHEEL, ".metadata")) for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, WHEEL.metadata)] * 2
    assert other.asked[f"/simple/files/{WHEEL.filename}.metadata"] == 1
    assert other.asked[f"/simple/files/{WHEEL.filename}"] == 0


async def test_a_part_of_a_file_comes_when_the_whole_has(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other)

    tail = await index.get(address(WHEEL), headers={"range": "bytes=-100"})

    assert (tail.status_code, tail.content) == (206, WHEEL.content[-100:])


async def test_what_was_once_fetched_stays_when_the_upstream_is_gone(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL, NEWER)
    await read_through(index, other, refresh=timedelta(seconds=1))
    await index.project()
    await index.get(address(WHEEL))
    index.world.clock.advance(seconds=2)

    other.says = {path: Said(status=500) for path in other.says}
    page = await index.get("/pypi/acme/simple/tool/", headers={"accept": JSON})

    assert [file["filename"] for file in page.json()["files"]] == [WHEEL.filename, NEWER.filename]
    assert "public" in page.headers["warning"]
    assert (await index.get(address(WHEEL))).content == WHEEL.content
    assert (await index.get(address(NEWER))).status_code == 502


async def test_a_release_that_the_upstream_deleted_stays_if_we_have_it(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL, NEWER)
    await read_through(index, other, refresh=timedelta(seconds=1))
    await index.get(address(WHEEL))

    offer(other, NEWER)
    index.world.clock.advance(seconds=2)

    assert await names(index) == [WHEEL.filename, NEWER.filename]


async def test_a_yank_upstream_is_a_yank_here(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other, refresh=timedelta(seconds=1))
    await index.get(address(WHEEL))

    offer(other, WHEEL, yanked="broken")
    index.world.clock.advance(seconds=2)

    assert [file["yanked"] for file in (await index.project())["files"]] == ["broken"]


async def test_a_name_that_is_ours_is_never_theirs(index: Index, other: Elsewhere) -> None:
    offer(other, NEWER)
    await read_through(index, other)
    await index.upload(WHEEL)

    assert await names(index) == [WHEEL.filename]
    assert (await index.get(address(NEWER))).status_code == 404
    assert not other.asked


async def test_a_reserved_name_is_never_theirs(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other)
    await set_namespace(index.world.registry, ADMINISTRATOR, ACME, reserved=[PurlPattern.parse("pkg:pypi/to*")])

    assert (await index.get("/pypi/acme/simple/tool/")).status_code == 404
    assert not other.asked


async def test_a_release_is_hidden_until_it_has_cooled_down(index: Index, other: Elsewhere) -> None:
    old = (index.world.clock.now() - timedelta(days=30)).isoformat()
    offer(other, WHEEL, **{"upload-time": old})
    await read_through(index, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    before = await index.get("/pypi/acme/simple/tool/", headers={"accept": JSON})

    offer(other, WHEEL, NEWER, **{"upload-time": old})
    index.world.clock.advance(seconds=2)
    cooling, refused = await names(index), await index.get(address(NEWER))
    index.world.clock.advance(days=7)
    after = await index.get(
        "/pypi/acme/simple/tool/", headers={"accept": JSON, "if-none-match": before.headers["etag"]}
    )

    assert cooling == [WHEEL.filename]
    assert refused.status_code == 404
    assert [file["filename"] for file in after.json()["files"]] == [WHEEL.filename, NEWER.filename]


async def test_a_blocked_version_is_not_there(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL, NEWER)
    await read_through(index, other, block=(PurlPattern.parse("pkg:pypi/tool@2.*"),))

    assert await names(index) == [WHEEL.filename]
    assert (await index.get(address(NEWER))).status_code == 404


async def test_a_channel_shows_what_was_cleared_and_asks_nobody(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL, NEWER)
    await read_through(index, other)
    await index.get(address(WHEEL))
    await index.clear("1.0")
    asked = dict(other.asked)

    assert await names(index, view="acme.prod", by="consumer") == [WHEEL.filename]
    missing = await index.get(address(NEWER).replace("acme", "acme.prod"), by="consumer")

    assert missing.status_code == 404
    assert dict(other.asked) == asked


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1] + b"x",
        lambda content: content + b"more",
        lambda content: content[: len(content) // 2],
        lambda _: NEWER.content,
    ],
    ids=["flipped", "longer", "shorter", "another"],
)
async def test_a_file_that_is_not_what_was_promised_is_not_let_in(index: Index, other: Elsewhere, change: Any) -> None:
    offer(other, WHEEL)
    await read_through(index, other)
    other.says[f"/simple/files/{WHEEL.filename}"] = Said(change(WHEEL.content))

    assert not await _is_served(index, WHEEL)
    assert (await index.ask("GET", "/v2/acme/pypi/tool/manifests/1.0")).status_code == 502
    assert await index.violations() == []


async def _is_served(index: Index, file: Built) -> bool:
    try:
        answer = await index.get(address(file))
    except Exception:  # noqa: BLE001 (a cut answer, however the transport says it)
        return False
    return answer.status_code == 200 and answer.content == file.content


async def test_a_file_that_says_it_is_something_else_is_not_let_in(index: Index, other: Elsewhere) -> None:
    lying = wheel("tool", "1.0", described=b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n\n")
    offer(other, lying)
    await read_through(index, other)

    assert not await _is_served(index, lying)
    assert (await index.ask("GET", "/v2/acme/pypi/tool/manifests/1.0")).status_code == 502


UNTIDY = {
    "a file that RECORD does not know": wheel("tool", "1.0", inside={"{info}/RECORD": b"nothing,,\n"}),
    "a requirement that nobody can read": wheel("tool", "1.0", "Requires-Dist: other (>dev)"),
    "metadata that is not UTF-8": wheel(
        "tool", "1.0", described=b"Metadata-Version: 2.0\nName: tool\nVersion: 1.0\nAuthor: J\xf6rg\n\n"
    ),
    "a source without metadata": sdist("tool", "1.0", inside={"{top}/PKG-INFO": None}),
    "a source of two folders": sdist("tool", "1.0", inside={"other/file": b""}),
}


@pytest.mark.parametrize("file", UNTIDY.values(), ids=UNTIDY.keys())
async def test_what_another_index_has_served_for_years_need_not_be_tidy(
    index: Index, other: Elsewhere, file: Built
) -> None:
    offer(other, file)
    await read_through(index, other)

    assert await _is_served(index, file)
    other.says.clear()
    index.world.clock.advance(hours=1)
    assert await _is_served(index, file)
    assert await names(index) == [file.filename]
    assert (await index.json("/pypi/acme/pypi/tool/json"))["info"]["version"] == "1.0"
    assert await index.violations() == []


async def test_of_many_who_want_a_file_one_fetches_it(index: Index, other: Elsewhere) -> None:
    gate = asyncio.Event()
    offer(other, WHEEL)
    other.says[f"/simple/files/{WHEEL.filename}"].gate = gate
    await read_through(index, other)
    await index.project()
    asking = [asyncio.ensure_future(index.get(address(WHEEL))) for _ in range(8)]
    await other.says[f"/simple/files/{WHEEL.filename}"].reached.wait()

    gate.set()

    assert {answer.content for answer in await asyncio.gather(*asking)} == {WHEEL.content}
    assert other.asked[f"/simple/files/{WHEEL.filename}"] == 1


async def test_who_may_not_read_makes_nobody_ask(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other)

    assert (await index.get("/pypi/acme/simple/tool/", by=None)).status_code == 401
    assert (await index.get("/pypi/acme/simple/tool/", by="stranger")).status_code == 404
    assert (await index.get(address(WHEEL), by="stranger")).status_code == 404
    assert not other.asked


async def test_the_first_upstream_that_has_it_counts(index: Index, other: Elsewhere) -> None:
    await read_through(index, other)
    async with elsewhere() as second:
        offer(second, WHEEL)
        upstream = Upstream(ACME, PYPI, UpstreamName("second"), f"{second.url}/simple", private=True)
        await add_upstream(index.world.registry, ADMINISTRATOR, upstream)

        assert await names(index) == [WHEEL.filename]
        other.says["/simple/other/"] = Said(status=500)
        assert (await index.get("/pypi/acme/simple/other/")).status_code == 502, "a failing one does not count as empty"


async def test_who_fetched_what_stands_in_the_journal(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other)
    await index.get(address(WHEEL))

    entries = await index.world.registry.catalog.list_entries(after=0, limit=100)  # type: ignore[arg-type]

    assert entries[-1].actor == PrincipalName("upstream:public")


# --- ahead of clients ---


async def have(index: Index, version: str, *hashes: str, by: Caller = ADMINISTRATOR) -> list[str]:
    found = await fetch_version(
        index.world.registry, by, View.parse("acme"), PYPI, "Tool", version=version, hashes=hashes
    )
    return [file.name for file in found]


async def test_a_version_is_here_before_it_is_wanted(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL, SDIST, NEWER)
    await read_through(index, other)

    first = await have(index, "1.0")
    again = await have(index, "1.0.0")
    other.says.clear()
    served = await index.get(address(WHEEL))

    assert first == again == [WHEEL.filename, SDIST.filename]
    assert served.content == WHEEL.content
    assert other.asked[f"/simple/files/{WHEEL.filename}"] == 1
    assert other.asked[f"/simple/files/{NEWER.filename}"] == 0


async def test_of_a_version_only_the_files_with_the_hashes_asked_for_are_fetched(
    index: Index, other: Elsewhere
) -> None:
    offer(other, WHEEL, SDIST)
    await read_through(index, other)

    assert await have(index, "1.0", f"sha256:{WHEEL.sha256}", "sha256:" + "0" * 64) == [WHEEL.filename]
    assert other.asked[f"/simple/files/{SDIST.filename}"] == 0
    with pytest.raises(UpstreamInvalid, match="one of the hashes"):
        await have(index, "1.0", "sha256:" + "0" * 64)
    with pytest.raises(ReferenceUnknown):
        await have(index, "3.0")


async def test_who_may_only_read_brings_nothing_in(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other)

    with pytest.raises(Denied):
        await have(index, "1.0", by=caller("reader"))
    with pytest.raises(PackageUnknown):
        await have(index, "1.0", by=caller("publisher", "elsewhere"))
    assert not other.asked


async def test_what_is_ours_is_here_and_nobody_is_asked_for_it(index: Index, other: Elsewhere) -> None:
    offer(other, NEWER)
    await read_through(index, other)
    await index.upload(WHEEL)

    assert WHEEL.filename in await have(index, "1.0")
    with pytest.raises(ReferenceUnknown):
        await have(index, "2.0")
    assert not other.asked


async def test_an_upstream_is_asked_again_at_once_when_it_is_told_to_be(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    upstream = await read_through(index, other, refresh=timedelta(days=1))
    await index.project()
    offer(other, WHEEL, NEWER)

    before = await names(index)
    listed = await refresh(index.world.registry, ADMINISTRATOR, upstream, "Tool")
    after = await names(index)
    other.says["/simple/tool/"] = Said(status=500)
    failed = await refresh(index.world.registry, ADMINISTRATOR, upstream, "Tool")

    assert (before, after) == ([WHEEL.filename], [WHEEL.filename, NEWER.filename])
    assert (listed.versions, listed.stale) == (["1.0", "2.0"], None)
    assert (failed.versions, failed.stale is None) == (["1.0", "2.0"], False)
    with pytest.raises(PackageUnknown):
        await refresh(index.world.registry, ADMINISTRATOR, upstream, "never-asked-for")
    with pytest.raises(Denied):
        await refresh(index.world.registry, caller("publisher"), upstream, "Tool")


# --- pages ---


PAGE = f"""<!DOCTYPE html><html><body>
<a href="../../files/{WHEEL.filename}#sha256={WHEEL.sha256}" data-requires-python="&gt;=3.9"
   data-dist-info-metadata="sha256={"a" * 64}" data-yanked="bad">{WHEEL.filename}</a>
<a href="https://registry.example.com/x/{NEWER.filename}#md5=123">no sha256</a>
<a href="tool-1.0.exe#sha256={"b" * 64}">no distribution</a><a>nothing</a>
</body></html>"""


def test_a_page_of_html_is_read() -> None:
    page = read_page(PAGE.encode(), "text/html", "https://registry.example.com/simple/tool/")

    [file] = page.files.values()
    assert file.url == f"https://registry.example.com/files/{WHEEL.filename}"
    assert (file.requires_python, file.metadata_sha256, file.yanked) == (">=3.9", "a" * 64, "bad")


def test_a_page_of_html_without_a_file_says_that_it_is_one() -> None:
    page = b'<html><head><meta name="pypi:repository-version" content="1.0"></head></html>'

    assert read_page(page, "text/html", "https://registry.example.com/").files == {}


def test_files_that_nobody_could_check_are_not_shown() -> None:
    page = {"files": [{**listed(WHEEL), "hashes": {"md5": "1"}}, {**listed(sdist()), "hashes": {}}, listed(NEWER)]}

    assert list(read_page(json.dumps(page).encode(), JSON, "https://registry.example.com/").files) == [NEWER.filename]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", JSON),
        (b'{"files": 1}', JSON),
        (b"[" * 100_000, JSON),
        (b"\xff", "text/html"),
        (b"{}", "application/json"),
        (b"<html>Please log in</html>", "text/html"),
    ],
)
def test_what_is_no_page_is_an_invalid_upstream(content: bytes, kind: str) -> None:
    with pytest.raises(UpstreamInvalid):
        read_page(content, kind, "https://registry.example.com/")


@given(content=st.binary(max_size=400) | st.text(max_size=400).map(lambda text: f"<a href='{text}'".encode()))
def test_no_page_is_worse_than_invalid(content: bytes) -> None:
    for kind in (JSON, "text/html"):
        try:
            read_page(content, kind, "https://registry.example.com/")
        except UpstreamInvalid:
            continue


async def test_a_file_that_the_door_refuses_is_never_whole(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL, NEWER)
    await read_through(index, other)
    guard = Policy("guard", Door.ADMISSION, "version != '1.0'", namespace=ACME, description="Too old.")
    await set_policy(index.world.registry, ADMINISTRATOR, guard)

    refused = await index.get(address(WHEEL))
    taken = await index.get(address(NEWER))

    assert refused.status_code == 403
    assert "guard: Too old." in refused.text
    assert taken.content == NEWER.content
    assert "admission.refused" in await index.world.events()


async def test_a_file_that_must_be_examined_comes_as_soon_as_it_is(index: Index, other: Elsewhere) -> None:
    offer(other, WHEEL)
    await read_through(index, other)
    await set_policy(index.world.registry, ADMINISTRATOR, Policy("guard", Door.ADMISSION, "sbom.known", namespace=ACME))
    runner = followers.Runner(index.world.registry)
    runner.start()

    answer = await index.get(address(WHEEL))

    await runner.stop()
    assert answer.content == WHEEL.content
    assert "artifact.released" in await index.world.events()


# --- attestations (PEP 740) ---

PROVENANCE = "application/vnd.pypi.integrity.v1+json"
PUBLISHER = {"kind": "GitHub", "claims": None, "repository": "acme/tool", "workflow": "release.yml"}
FROM_OUTSIDE = "/integrity/tool/1.0/tool-1.0-py3-none-any.whl/provenance"


def attest(other: Elsewhere, *attestations: dict[str, Any]) -> None:
    """Let the other index have a wheel with a provenance."""
    offer(other, WHEEL, provenance=f"{other.url}{FROM_OUTSIDE}")
    bundles = [{"publisher": PUBLISHER, "attestations": attestations}]
    said = json.dumps({"version": 1, "attestation_bundles": bundles}).encode()
    other.says[FROM_OUTSIDE] = Said(said, headers={"content-type": PROVENANCE})


def integrity(file: Built) -> str:
    return f"/pypi/acme/integrity/tool/1.0/{file.filename}/provenance"


async def test_the_provenance_of_a_file_comes_through_before_and_after_the_file(index: Index, other: Elsewhere) -> None:
    attest(other, attestation(WHEEL))
    await read_through(index, other)

    listed = (await index.project())["files"][0]
    before = await index.get(integrity(WHEEL))
    fetched = await index.get(address(WHEEL))
    after = await index.get(integrity(WHEEL))

    assert listed["provenance"] == f"http://registry.example.com{integrity(WHEEL)}"
    assert fetched.content == WHEEL.content
    for answer in (before, after):
        assert (answer.status_code, answer.headers["content-type"]) == (200, PROVENANCE)
        assert answer.content == other.says[FROM_OUTSIDE].body
    assert other.asked[FROM_OUTSIDE] == 1
    assert (await index.project())["files"][0]["provenance"] == listed["provenance"]


async def test_attestations_from_an_upstream_are_part_of_the_release_and_stay_when_it_is_gone(
    index: Index, other: Elsewhere
) -> None:
    """Also through a channel's view, which asks no upstream."""
    attest(other, attestation(WHEEL), attestation(WHEEL, nonce="2"))
    upstream = await read_through(index, other)
    await index.get(address(WHEEL))
    await index.world.registry.flights.landed()
    await index.clear("1.0")

    await remove_upstream(index.world.registry, ADMINISTRATOR, upstream)
    answers = [await index.get(path) for path in (integrity(WHEEL), integrity(WHEEL).replace("acme", "acme.prod"))]
    manifest = await index.ask("GET", "/v2/acme/pypi/tool/manifests/1.0")

    for answer in answers:
        (bundle,) = answer.json()["attestation_bundles"]
        statements = [each["envelope"]["statement"] for each in bundle["attestations"]]
        assert sorted(statements) == sorted(
            each["envelope"]["statement"] for each in (attestation(WHEEL), attestation(WHEEL, nonce="2"))
        )
    kinds = [layer["mediaType"] for layer in manifest.json()["layers"]]
    assert kinds.count("application/vnd.entrepot.pypi.attestation.v1+json") == 2
    assert await index.violations() == []


@pytest.mark.parametrize(
    "said",
    [
        Said(status=500),
        Said(status=404),
        Said(b"<html></html>"),
        Said(b"[" * 100_000),
        Said(json.dumps({"version": 1, "attestation_bundles": []}).encode()),
        Said(b'{"version": 1, "attestation_bundles": [{"attestations": [{"version": 1}]}]}'),
        Said(
            json.dumps(
                {"version": 1, "attestation_bundles": [{"attestations": [attestation(wheel("other"))]}]}
            ).encode()
        ),
    ],
    ids=["fails", "absent", "a page", "nested", "empty", "no attestation", "about another file"],
)
async def test_a_provenance_that_does_not_come_or_is_none_keeps_no_file_away(
    index: Index, other: Elsewhere, said: Said
) -> None:
    attest(other)
    other.says[FROM_OUTSIDE] = said
    await read_through(index, other)

    fetched = await index.get(address(WHEEL))
    provenance = await index.get(integrity(WHEEL))

    assert (fetched.status_code, fetched.content) == (200, WHEEL.content)
    assert provenance.status_code == (404 if said.status == 404 else 502)
    assert await index.violations() == []


async def test_a_release_comes_back_also_when_more_is_attested_of_it_by_now(index: Index, other: Elsewhere) -> None:
    attest(other, attestation(WHEEL))
    await read_through(index, other, refresh=timedelta(seconds=1))
    await index.get(address(WHEEL))
    await index.world.registry.flights.landed()
    await index.delete_release("1.0")
    await readmit(index.world.registry, ADMINISTRATOR, project_id(), ReferenceName("1.0"))

    attest(other, attestation(WHEEL), attestation(WHEEL, nonce="2"))
    index.world.clock.advance(seconds=2)
    fetched = await index.get(address(WHEEL))
    provenance = await index.get(integrity(WHEEL))

    assert (fetched.status_code, fetched.content) == (200, WHEEL.content)
    assert provenance.content == other.says[FROM_OUTSIDE].body
    assert await index.violations() == []


def test_an_address_that_is_none_takes_nothing_but_itself_away() -> None:
    files = [
        {"filename": WHEEL.filename, "url": "x", "hashes": {"sha256": WHEEL.sha256}, "provenance": "http://["},
        {"filename": NEWER.filename, "url": "http://[", "hashes": {"sha256": NEWER.sha256}},
    ]

    page = read_page(json.dumps({"files": files}).encode(), JSON, "https://registry.example.com/simple/tool/")

    assert list(page.files) == [WHEEL.filename]
    assert page.files[WHEEL.filename].provenance is None


def test_a_page_of_links_says_where_attestations_are() -> None:
    """PEP 740: ``data-provenance``."""
    link = f'<a href="f/{WHEEL.filename}#sha256={WHEEL.sha256}" data-provenance="../p">{WHEEL.filename}</a>'

    page = read_page(link.encode(), "text/html", "https://registry.example.com/simple/tool/")

    assert page.files[WHEEL.filename].provenance == "https://registry.example.com/simple/p"
