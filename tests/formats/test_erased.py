"""What each format answers of a version that was deleted, had back, purged or erased: at every address that it had."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest

from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown
from entrepot.model.names import FormatName, PackageId, ReferenceName, parse_namespace
from entrepot.model.upstream import UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.delete import delete_version
from entrepot.operations.erase import erase
from entrepot.operations.purge import purge
from entrepot.operations.restore import restore
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR, World, open_world
from entrepot.testing.elsewhere import Elsewhere, elsewhere
from tests.formats.go.modules import MODULE
from tests.formats.peers import ONE, PEERS, TWO, Peer

pytestmark = pytest.mark.usefixtures("socket_enabled")

of_each_format = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.format)

_WHEEL: Final = f"/pypi/acme/files/tool/{ONE}/tool-{ONE}-py3-none-any.whl"
_JAR: Final = f"/maven/acme/org/acme/lib/{ONE}/lib-{ONE}"

LISTED: Final[Mapping[str, Sequence[str]]] = {
    "pypi": ["/pypi/acme/pypi/tool/json"],
    "go": [f"/go/acme/{MODULE}/@latest"],
    "cargo": ["/cargo/acme/api/v1/crates?q=hello"],
}
"""Where versions are told of, beside the index."""
OWN: Final[Mapping[str, Sequence[str]]] = {
    "pypi": [f"{_WHEEL}.metadata", f"/pypi/acme/pypi/tool/{ONE}/json"],
    "npm": [f"/npm/acme/tool/{ONE}"],
    "go": [f"/go/acme/{MODULE}/@v/v{ONE}.{kind}" for kind in ("mod", "info")],
    "maven": [f"{_JAR}.{kind}" for kind in ("pom", "pom.sha1", "jar.sha1", "jar.md5", "jar.sha256")],
}
"""A version's own addresses, beside its file."""


@dataclass(frozen=True, slots=True)
class Place:
    """A registry that has two versions, which came from another one that has them still."""

    world: World
    client: httpx.AsyncClient
    peer: Peer
    other: Elsewhere

    @property
    def package(self) -> PackageId:
        """What it is called here."""
        rules = self.world.registry.formats[FormatName(self.peer.format)]
        return PackageId(parse_namespace("acme"), rules.format, rules.normalize(self.peer.package))

    @property
    def name(self) -> ReferenceName:
        """The version that goes."""
        return self.world.registry.formats[self.package.format].parse_version(self.peer.written(ONE))

    @property
    def images(self) -> str:
        """Where it is an OCI artifact."""
        format = "" if self.peer.format == "oci" else f"{self.peer.format}/"
        return f"/v2/acme/{format}{self.package.name}"

    async def pull(self, version: str) -> httpx.Response:
        """The file, as a client asks for it; or what says first that there is none."""
        for path in () if self.peer.before is None else (self.peer.before(version),):
            answer = await self.client.get(path)
            if answer.status_code != 200:
                return answer
        answer = await self.client.get(self.peer.file(version))
        await self.world.registry.flights.landed()
        return answer

    async def listings(self) -> list[str]:
        """Where versions are told of."""
        found = [self.peer.index, *LISTED.get(self.peer.format, ()), f"{self.images}/tags/list"]
        return [
            *found,
            f"/api/v1/packages/{self.package.namespace}/{self.package.format}/{self.package.name}/-/references",
        ]

    async def addresses(self) -> list[str]:
        """Where a version is, as long as it is here."""
        manifest = (await self.client.get(f"{self.images}/manifests/{self.name}")).headers["docker-content-digest"]
        own = [self.peer.file(ONE), *OWN.get(self.peer.format, ())]
        blob = f"{self.images}/blobs/{Digest.of(self.peer.content(ONE))}"
        return [*own, *(f"{self.images}/manifests/{each}" for each in (self.name, manifest)), blob]

    async def erase(self) -> None:
        """By the digest of the file."""
        await erase(self.world.registry, ADMINISTRATOR, Digest.of(self.peer.content(ONE)), reason="a key got out")


@pytest.fixture
async def place(tmp_path: Path, peer: Peer) -> AsyncIterator[Place]:
    async with elsewhere() as other, open_world(tmp_path) as world:
        await world.namespace("acme")
        async with world.client(await world.token(Role.ADMINISTRATOR, None)) as client:
            peer.offer(other, (ONE, TWO))
            rules = UpstreamRules(refresh=timedelta(seconds=1))
            await add_upstream(world.registry, ADMINISTRATOR, peer.upstream(other.url, private=True, rules=rules))
            made = Place(world, client, peer, other)
            assert (await client.get(peer.index)).status_code == 200
            for version in (ONE, TWO):
                assert (await made.pull(version)).content == peer.content(version)
            yield made
            await world.registry.flights.landed()
            assert await check(world.registry, read_bytes=True) == []
            assert [stage async for stage in world.registry.blobs.stages()] == []


async def ask(client: httpx.AsyncClient, path: str, etag: str | None) -> list[httpx.Response]:
    """Everything that a client may ask of an address which it knows from before."""
    tags = [] if etag is None else [{"if-none-match": etag}]
    fields: list[dict[str, str]] = [{}, *tags, {"if-none-match": "*"}, {"range": "bytes=0-3"}]
    return [*[await client.get(path, headers=each) for each in fields], await client.head(path)]


async def gone(place: Place, etags: Mapping[str, str | None]) -> None:
    """Nothing answers that the version is here, and the other one is as it was."""
    for path in await place.listings():
        # Who has whatever is there is not told what: the list itself is there still.
        for answer in await ask(place.client, path, etags[path]):
            is_any = answer.request.headers.get("if-none-match") == "*"
            assert answer.status_code == 200 or (is_any and answer.status_code == 304), (path, answer)
            assert ONE not in answer.text, path
    for path in etags.keys() - set(await place.listings()):
        for answer in await ask(place.client, path, etags[path]):
            assert answer.status_code in (404, 410), (path, answer.request.headers, answer)
    found = await place.client.get("/api/v1/search", params={"q": str(Digest.of(place.peer.content(ONE)))})
    assert ONE not in found.text
    assert (await place.pull(TWO)).content == place.peer.content(TWO)


@of_each_format
async def test_what_was_deleted_purged_or_erased_is_at_none_of_its_addresses_and_what_was_had_back_at_all(
    place: Place,
) -> None:
    registry, before = place.world.registry, dict(place.other.asked)
    etags: dict[str, str | None] = {}
    for path in (*await place.listings(), *await place.addresses()):
        answer = await place.client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        etags[path] = answer.headers.get("etag")

    # By its digest a blob is there until the collector comes by, and an image's layer comes again from the upstream.
    named = {path: etag for path, etag in etags.items() if "/blobs/" not in path}
    purged = named if place.peer.format == "oci" else etags
    await delete_version(registry, ADMINISTRATOR, place.package, place.name)
    await gone(place, named)
    await restore(registry, ADMINISTRATOR, place.package, place.name)
    for path in etags:
        assert (await place.client.get(path)).status_code == 200, path
    assert (await place.pull(ONE)).content == place.peer.content(ONE)
    await delete_version(registry, ADMINISTRATOR, place.package, place.name)
    await purge(registry, ADMINISTRATOR, place.package, place.name)
    await gone(place, purged)
    with pytest.raises(ArtifactUnknown):
        await restore(registry, ADMINISTRATOR, place.package, place.name)
    await place.erase()
    await gone(place, etags)
    place.world.clock.advance(hours=2)
    await gone(place, etags)

    files = {place.peer.file_there(ONE), f"{place.images.removeprefix('/v2/acme')}/manifests/{ONE}"}
    assert {path: place.other.asked[path] for path in files} == {path: before.get(path, 0) for path in files}


@of_each_format
async def test_what_was_erased_is_told_so_at_once_whoever_asked_for_it_before(place: Place) -> None:
    etags = {path: (await place.client.get(path)).headers.get("etag") for path in await place.listings()}
    addresses = {path: (await place.client.get(path)).headers.get("etag") for path in await place.addresses()}

    await place.erase()

    await gone(place, etags | addresses)
    told = await place.client.get(place.peer.file(ONE))
    assert told.status_code == (404 if place.peer.format == "oci" else 410)
    assert "erased" in told.text


@of_each_format
async def test_no_byte_of_it_comes_from_an_upstream_to_another_namespace(place: Place) -> None:
    """Found here: what an upstream promises no sha256 of was passed on while it came, all but its end."""
    beta = parse_namespace("beta")
    await place.world.namespace("beta")
    upstream = place.peer.upstream(place.other.url, private=True, rules=UpstreamRules())
    await add_upstream(place.world.registry, ADMINISTRATOR, replace(upstream, namespace=beta))
    # A manifest goes with its layer; what stands beside a jar is not what was erased.
    before = place.peer.before(ONE) if place.peer.format == "oci" and place.peer.before is not None else None
    await place.erase()

    for _ in range(2):
        for path in filter(None, (before, place.peer.index, place.peer.file(ONE))):
            answer = await place.client.get(path.replace("/acme/", "/beta/", 1))
            await place.world.registry.flights.landed()
            if path != place.peer.index:
                assert answer.status_code in (404, 410), path
                assert "erased" in answer.text
        place.world.clock.advance(hours=2)

    other = await place.client.get(place.peer.file(TWO).replace("/acme/", "/beta/", 1))
    assert other.content == place.peer.content(TWO)


BESIDE: Final[Mapping[str, Callable[[str], str]]] = {
    "go": lambda file: f"{file.removesuffix('zip')}mod",
    "pypi": lambda file: f"{file}.metadata",
    "maven": lambda file: f"{file.removesuffix('jar')}pom",
    "oci": lambda _: f"/v2/acme/api/manifests/{ONE}",
}
"""What clients read of a version whose file is not here yet."""


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.format in BESIDE], ids=lambda peer: peer.format)
async def test_what_an_upstream_said_is_not_answered_once_it_was_erased(tmp_path: Path, peer: Peer) -> None:
    """Found here: a go.mod and a wheel's metadata were, because what upstreams say is kept beside the blobs."""
    async with elsewhere() as other, open_world(tmp_path) as world:
        await world.namespace("acme")
        async with world.client(await world.token(Role.ADMINISTRATOR, None)) as client:
            peer.offer(other, (ONE, TWO))
            rules = UpstreamRules(refresh=timedelta(seconds=1))
            await add_upstream(world.registry, ADMINISTRATOR, peer.upstream(other.url, private=True, rules=rules))
            await client.get(peer.index)
            path = BESIDE[peer.format](peer.file(ONE))
            said = await client.get(path)
            await world.registry.flights.landed()

            await erase(world.registry, ADMINISTRATOR, Digest.of(said.content), reason="a key got out")

            assert said.status_code == 200
            for _ in range(3):
                for answer in await ask(client, path, said.headers.get("etag")):
                    assert answer.status_code in (404, 410), (path, answer)
                await world.registry.flights.landed()
                world.clock.advance(hours=2)
        assert await check(world.registry, read_bytes=True) == []
