"""``entrepot upstream test`` tells a registry from a server that has a page for every address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrepot.model.upstream import UpstreamRules
from entrepot.operations.upstreams import add_upstream, remove_upstream
from entrepot.operations.upstreams import test_upstream as try_upstream
from entrepot.testing.builders import ADMINISTRATOR, World, open_world
from entrepot.testing.elsewhere import Said, elsewhere
from tests.formats.peers import PEERS, Peer

PAGE = b"<!DOCTYPE html>\n<html><title>Welcome</title><body><a href='/about'>About us</a> <script>go()</script></body></html>"
PLACES = {
    "pypi": "/simple/",
    "npm": "/npm/-/ping",
    "cargo": "/index/config.json",
    "go": "/proxy/example.com/module/@v/list",
    "maven": "/m2/archetype-catalog.xml",
    "helm": "/charts/index.yaml",
    "oci": "/v2/",
}
TRUE = {
    "pypi": [
        b'<!DOCTYPE html><html><body><a href="/simple/tool/">tool</a> <a href="../my-lib">My_Lib</a></body></html>',
        b'<html><head><meta name="pypi:repository-version" content="1.1"></head><script></script></html>',
        b"<html><body></body></html>",
        b'{"meta": {"api-version": "1.1"}, "projects": [{"name": "tool"}]}',
    ],
    "npm": [b"{}", b""],
    "cargo": [b'{"dl": "https://registry.example.com/dl"}'],
    "go": [b"", b"v1.0.0\nv1.1.0\n"],
    "maven": [b'<?xml version="1.0"?><archetype-catalog xmlns="urn:x"/>'],
    "helm": [b"apiVersion: v1\nentries: {}\n"],
    "oci": [b"", b"{}"],
}
pytestmark = [
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.format),
]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as made:
        await made.namespace("acme")
        yield made


async def tried(world: World, peer: Peer, body: bytes, **headers: str) -> str | None:
    """What is said of a server that answers so where a registry is asked first."""
    async with elsewhere() as other:
        other.says[PLACES[peer.format]] = Said(body, headers=headers)
        upstream = peer.upstream(other.url, private=True, rules=UpstreamRules())
        await add_upstream(world.registry, ADMINISTRATOR, upstream)
        trial = await try_upstream(world.registry, ADMINISTRATOR, upstream)
        await remove_upstream(world.registry, ADMINISTRATOR, upstream)
        assert other.asked[PLACES[peer.format]] > 0
    return trial.problem


async def test_a_server_that_has_a_page_for_everything_is_no_registry(world: World, peer: Peer) -> None:
    problem = await tried(world, peer, PAGE, **{"content-type": "text/html"})

    assert problem is not None
    assert "<!DOCTYPE html>" in problem
    assert peer.format in problem


async def test_what_a_registry_says_first_is_no_problem(world: World, peer: Peer) -> None:
    problems = [await tried(world, peer, body) for body in TRUE[peer.format]]

    assert problems == [None] * len(TRUE[peer.format])
