"""The simple repository API, as the specification has it."""

from __future__ import annotations

import hashlib
import json
from html.parser import HTMLParser
from typing import Any

import pytest

from entrepot.formats.pypi import routes
from entrepot.formats.pypi.negotiation import choose
from tests.formats.pypi.attested import attestation
from tests.formats.pypi.building import sdist, wheel
from tests.formats.pypi.index import JSON, SIMPLE, Index

HTML = "application/vnd.pypi.simple.v1+html"
PIP = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"
UV = f"{JSON}, {HTML};q=0.2, text/html;q=0.01"


class Page(HTMLParser):
    """What a page says: its meta elements, its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.meta: dict[str, str] = {}
        self.links: dict[str, dict[str, str | None]] = {}
        self._link: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "meta" and "name" in found:
            self.meta[str(found["name"])] = str(found["content"])
        self._link = found if tag == "a" else None

    def handle_data(self, data: str) -> None:
        if self._link is not None and data.strip():
            self.links[data] = self._link


# --- a project ---


async def test_a_project_in_json(index: Index) -> None:
    """PEP 691, 700: this very document."""
    built = wheel("My.Tool", "1.0", "Requires-Python: >=3.8,<4")
    await index.upload(built)

    answer = await index.get("/pypi/acme/simple/my-tool/", headers={"accept": PIP})

    assert answer.headers["content-type"] == JSON
    assert answer.headers["vary"] == "Accept"
    metadata = {"sha256": hash_of(built.metadata)}
    assert answer.json() == {
        "meta": {"api-version": "1.4", "_last-serial": int(answer.headers["x-pypi-last-serial"])},
        "name": "my-tool",
        "versions": ["1.0"],
        "files": [
            {
                "filename": built.filename,
                "url": f"../../files/my-tool/1.0/{built.filename}",
                "hashes": {"sha256": built.sha256},
                "requires-python": ">=3.8,<4",
                "size": len(built.content),
                "upload-time": "2026-01-31T12:00:00.000000Z",
                "core-metadata": metadata,
                "yanked": False,
            }
        ],
    }


@pytest.mark.parametrize("kind", [HTML, "text/html"])
async def test_a_project_in_html(index: Index, kind: str) -> None:
    """PEP 503, 629, 658, 714."""
    built = wheel("tool", "1.0", "Requires-Python: >=3.8,<4")
    await index.upload(built)

    answer = await index.get(f"{SIMPLE}tool/", headers={"accept": kind})

    assert answer.headers["content-type"].partition(";")[0] == kind
    page = Page(answer.text)
    assert page.meta == {"pypi:repository-version": "1.4", "pypi:project-status": "active"}
    metadata = f"sha256={hash_of(built.metadata)}"
    assert page.links == {
        built.filename: {
            "href": f"../../files/tool/1.0/{built.filename}#sha256={built.sha256}",
            "data-requires-python": ">=3.8,<4",
            "data-core-metadata": metadata,
            "data-dist-info-metadata": metadata,
        }
    }
    assert "&gt;=3.8,&lt;4" in answer.text


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_versions_are_in_their_own_order(index: Index) -> None:
    await index.upload(*[wheel(version=version) for version in ("1.10", "1.9", "1!0.1", "1.9rc1", "1.9+local")])

    assert (await index.project())["versions"] == ["1.9rc1", "1.9", "1.9+local", "1.10", "1!0.1"]


async def test_an_epoch_and_a_local_version_are_in_their_addresses(index: Index) -> None:
    built = wheel(version="1!2.0+local.3")
    await index.upload(built)

    [file] = (await index.project())["files"]
    answer = await index.get(f"/pypi/acme/simple/tool/{file['url']}")

    assert file["url"] == "../../files/tool/1_2.0%2Blocal.3/tool-1%212.0%2Blocal.3-py3-none-any.whl"
    assert answer.content == built.content


async def test_a_sources_metadata_is_not_offered_for_installing(index: Index) -> None:
    """It may change as the source is built; but it is there."""
    built = sdist()
    await index.upload(built)

    [file] = (await index.project())["files"]

    assert file["core-metadata"] is False
    assert (await index.get(f"/pypi/acme/files/tool/1.0/{built.filename}.metadata")).content == built.metadata


@pytest.mark.parametrize(("reason", "said"), [("broken", "broken"), ("", True), ('<b>"', '<b>"')])
async def test_a_yanked_release_says_so_in_all_its_files(index: Index, reason: str, said: Any) -> None:
    """PEP 592. A release is yanked, never one file of it."""
    await index.upload(wheel(), sdist(), wheel(version="2.0"))
    path = "/api/v1/packages/acme/pypi/tool/-/versions/1.0"

    yanked = await index.ask("POST", f"{path}/yank", by="maintainer", json={"reason": reason})

    assert yanked.status_code == 204, yanked.text
    assert [file["yanked"] for file in (await index.project())["files"]] == [said, said, False]
    links = Page((await index.get(f"{SIMPLE}tool/")).text).links.values()
    assert [link.get("data-yanked") for link in links] == [reason, reason, None]
    await index.ask("POST", f"{path}/unyank", by="maintainer")
    assert [file["yanked"] for file in (await index.project())["files"]] == [False, False, False]


async def test_provenance_has_an_address_that_is_whole(index: Index) -> None:
    """PEP 740 wants it absolute."""
    built = wheel()
    await index.upload(built, attestations=json.dumps([attestation(built)]))

    address = f"http://registry.example.com/pypi/acme/integrity/tool/1.0/{built.filename}/provenance"
    assert (await index.project())["files"][0]["provenance"] == address
    assert Page((await index.get(f"{SIMPLE}tool/")).text).links[built.filename]["data-provenance"] == address


async def test_an_unknown_project_is_not_found(index: Index) -> None:
    answer = await index.get(f"{SIMPLE}void/")

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("simple/tool", "simple/tool/"),
        ("simple/Tool/", "simple/tool/"),
        ("simple/My_Tool", "simple/my-tool/"),
        ("simple", "simple/"),
        ("simple/Tool/?format=text%2Fhtml", "simple/tool/?format=text%2Fhtml"),
    ],
)
async def test_another_spelling_leads_to_the_one_that_counts(index: Index, path: str, target: str) -> None:
    answer = await index.get(f"/pypi/acme/{path}")

    assert (answer.status_code, answer.headers["location"]) == (301, f"/pypi/acme/{target}")


@pytest.mark.parametrize("name", ["-tool", "to%20ol", "to%00ol", "%2E%2E"])
async def test_what_is_no_name_is_refused(index: Index, name: str) -> None:
    assert (await index.get(f"/pypi/acme/simple/{name}/")).status_code in (400, 404)


async def test_a_page_that_is_known_is_not_sent_again(index: Index) -> None:
    await index.upload(wheel())
    headers = {"accept": PIP}
    first = await index.get(f"{SIMPLE}tool/", headers=headers)

    again = await index.get(f"{SIMPLE}tool/", headers={**headers, "if-none-match": first.headers["etag"]})
    await index.upload(sdist())
    since = await index.get(f"{SIMPLE}tool/", headers={**headers, "if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert (since.status_code, len(since.json()["files"])) == (200, 2)


async def test_representations_have_tags_of_their_own(index: Index) -> None:
    await index.upload(wheel())

    tags = {(await index.get(f"{SIMPLE}tool/", headers={"accept": kind})).headers["etag"] for kind in (JSON, HTML)}

    assert len(tags) == 2


# --- all projects ---


async def test_all_projects_are_listed(index: Index) -> None:
    await index.upload(wheel("one"), wheel("Two"))

    assert await index.json(SIMPLE) == {"meta": {"api-version": "1.4"}, "projects": [{"name": "one"}, {"name": "two"}]}
    assert {name: link["href"] for name, link in Page((await index.get(SIMPLE)).text).links.items()} == {
        "one": "one/",
        "two": "two/",
    }


async def test_the_list_is_of_what_the_caller_may_know(index: Index) -> None:
    await index.upload(wheel("one"), wheel("two"))
    token = await index.world.token("reader", pattern="one", name="narrow")

    answer = await index.get(SIMPLE, by=None, headers={"accept": JSON, "authorization": f"Bearer {token}"})

    assert answer.json()["projects"] == [{"name": "one"}]
    assert (await index.get(SIMPLE, by="stranger")).status_code == 404
    assert (await index.get(SIMPLE, by=None)).status_code == 401


async def test_a_list_that_is_known_is_not_sent_again(index: Index) -> None:
    await index.upload(wheel("one"))
    tag = (await index.get(SIMPLE)).headers["etag"]

    again = await index.get(SIMPLE, headers={"if-none-match": tag})
    await index.upload(wheel("two"))

    assert again.status_code == 304
    assert (await index.get(SIMPLE, headers={"if-none-match": tag})).status_code == 200


# --- which representation ---


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/html"),
        ("", "text/html"),
        ("*/*", "text/html"),
        ("text/*", "text/html"),
        ("text/html", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/*", HTML),
        (JSON, JSON),
        (PIP, JSON),
        (UV, JSON),
        (f"{JSON};q=0.1, {HTML}", HTML),
        (f"{JSON}, {HTML}", JSON),
        (f"*/*, {JSON}", JSON),
        (f"{JSON};q=0, */*;q=0.1", "text/html"),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html", HTML),
        (f" {JSON.upper()} ; Q=0.5 , text/html ; q=0.4", JSON),
        (f"{JSON};q=0.001", JSON),
        ("application/json", None),
        ("application/vnd.pypi.simple.v2+json", None),
        ("text/html;q=0", None),
        ("text/html;q=x", None),
        ("*/*;q=0", None),
        (";;,,=", None),
    ],
)
def test_the_best_that_the_client_takes(accept: str | None, kind: str | None) -> None:
    """PEP 691, "Version + Format Selection"; RFC 9110, 12.5.1."""
    assert choose(accept) == kind


async def test_what_nobody_can_have_is_not_acceptable(index: Index) -> None:
    await index.upload(wheel())

    for target, options in (
        (f"{SIMPLE}tool/", {"headers": {"accept": "application/json"}}),
        (SIMPLE, {"headers": {"accept": "image/png"}}),
        (f"{SIMPLE}tool/?format=application/json", {}),
    ):
        answer = await index.get(target, **options)
        assert (answer.status_code, JSON in answer.text) == (406, True)


async def test_a_format_in_the_address_beats_accept(index: Index) -> None:
    """PEP 691, "URL Parameter"."""
    await index.upload(wheel())

    answer = await index.get(f"{SIMPLE}tool/?format={JSON.replace('+', '%2B')}", headers={"accept": "text/html"})

    assert answer.headers["content-type"] == JSON


# --- through a channel's view ---


async def test_a_channels_view_shows_what_is_cleared_for_it(index: Index) -> None:
    await index.upload(wheel(), sdist(), wheel(version="2.0"), wheel("secret"))
    await index.clear("1.0")

    project = await index.project(view="acme.prod", by="consumer")

    assert project["versions"] == ["1.0"]
    assert [file["filename"] for file in project["files"]] == [wheel().filename, sdist().filename]
    listed = await index.json("/pypi/acme.prod/simple/", by="consumer")
    assert listed["projects"] == [{"name": "tool"}]
    for path in ("simple/secret/", f"files/tool/2.0/{wheel(version='2.0').filename}", "json/tool/2.0"):
        assert (await index.get(f"/pypi/acme.prod/{path}", by="consumer")).status_code == 404
    assert (await index.get(f"{SIMPLE}tool/", by="consumer")).status_code == 404
    url = project["files"][0]["url"]
    assert (await index.get(f"/pypi/acme.prod/simple/tool/{url}", by="consumer")).content == wheel().content


async def test_a_page_is_rendered_once_for_each_revision_and_view(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    render = routes.render_project
    monkeypatch.setattr(routes, "render_project", lambda *given: rendered.append(given) or render(*given))
    await index.upload(wheel())

    for _ in range(3):
        await index.project()
    await index.upload(sdist())
    for _ in range(3):
        await index.project()

    assert len(rendered) == 2
