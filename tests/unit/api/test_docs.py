from __future__ import annotations

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from entrepot.api.docs import SUBJECTS
from entrepot.api.endpoint import Endpoint
from entrepot.api.openapi import describe
from entrepot.api.page import render
from tests.unit.api.description import ENDPOINTS
from tests.unit.api.world import World

PAGE = render(describe(SUBJECTS))
VOID = {"meta", "br"}


class Reader(HTMLParser):
    """What a browser would make of the page: it fails where tags do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(PAGE)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_is_served_to_anybody(world: World) -> None:
    answer = await world.ask("GET", "/api/docs", token=None)
    again = await world.ask("GET", "/api/docs", headers={"if-none-match": answer.headers["etag"]})

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content.decode() == PAGE
    assert again.status == 304


async def test_the_page_allows_nothing_but_its_own_style(world: World) -> None:
    policy = (await world.ask("GET", "/api/docs")).headers["content-security-policy"]

    style = re.search(r"<style>(.*?)</style>", PAGE, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_page_is_well_formed() -> None:
    reader = Reader()

    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))


def test_the_page_needs_nothing_from_elsewhere_and_no_script() -> None:
    reader = Reader()

    assert not reader.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert not reader.attributes & {"src", "style", "onclick", "srcset"}
    assert {link for link in reader.links if not link.startswith("#")} == {"/api/v1/openapi.json"}
    assert "url(" not in PAGE
    assert "@import" not in PAGE


def test_every_link_of_the_page_leads_somewhere() -> None:
    reader = Reader()

    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)


def test_the_page_has_a_dark_and_a_light_face() -> None:
    assert "color-scheme: light dark" in PAGE
    assert "light-dark(" in PAGE


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.operation)
def test_the_page_describes_every_operation(endpoint: Endpoint) -> None:
    section = re.search(rf'<details id="{endpoint.operation}">.*?</details>', PAGE, re.DOTALL)

    assert section is not None
    assert f"<code>{endpoint.path}</code>" in section[0]
    for name in [*endpoint.parts, *(endpoint.query.__struct_fields__ if endpoint.query else ())]:
        assert f"<code>{name}</code>" in section[0]
    for status in endpoint.answers:
        assert f"<code>{status}</code>" in section[0]
    assert "curl" in section[0]
