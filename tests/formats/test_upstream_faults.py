"""What other registries may do to us, held against every format that reads through to them.

Whatever it is: never an error of ours (500), never wrong bytes with a 200; what was fetched is served and listed as it
was; the world is sound (`check`), and nothing half-fetched is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.pace import Pace
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.model.upstream import UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.upstreams import add_upstream
from entrepot.ports.fetch import Document, Origin, Stream
from entrepot.testing.builders import ADMINISTRATOR, World, open_world
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from entrepot.wire.server import ClientDisconnected
from tests.formats.peers import ONE, PEERS, TWO, Peer

pytestmark = [
    pytest.mark.usefixtures("socket_enabled"),
    pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.format),
]

PUBLIC = "http://registry.example.com"
HASTE = Pace(connect=0.2, answer=0.2, piece=0.2, document=0.4, turn=0.2, attempts=1)

Fault = Callable[[Said], Said]
"""Makes of what is right what is said instead."""


def _status(status: int, **headers: str) -> Fault:
    return lambda _: Said(b"sorry", status=status, headers=headers)


def _page(_: Said) -> Said:
    return Said(b"<html>Please log in</html>", headers={"content-type": "text/html"})


def _lie(change: Callable[[bytes], bytes]) -> Fault:
    return lambda said: replace(said, body=change(said.body))


ANYWHERE: Mapping[str, Fault] = {
    "slow": lambda said: replace(said, gate=asyncio.Event()),
    "truncated": lambda said: replace(said, cut_after=len(said.body) // 2),
    "redirect to this machine": _status(302, location="{inside}"),
    "redirect to a cloud's metadata": _status(302, location="http://169.254.169.254/latest/meta-data/"),
    "redirect to itself": _status(302, location=""),
    "429": _status(429, **{"retry-after": "3600"}),
    "500": _status(500),
    "401": _status(401),
    "a page": _page,
}
LIES: Mapping[str, Fault] = {
    "one bit is other": _lie(lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "shorter": _lie(lambda content: content[: len(content) // 2]),
    "longer": _lie(lambda content: content + b"more"),
    "nothing": _lie(lambda _: b""),
}


class Asking:
    """A fetcher that has all the time there is, until the test has none."""

    def __init__(self) -> None:
        self._patient = HttpFetcher(proxies=Proxies.read({}))
        self._hasty = HttpFetcher(proxies=Proxies.read({}), pace=HASTE)
        self.hasty = False

    @property
    def _fetcher(self) -> HttpFetcher:
        return self._hasty if self.hasty else self._patient

    async def get(self, origin: Origin, target: str, *, headers: Mapping[str, str], limit: int) -> Document:
        return await self._fetcher.get(origin, target, headers=headers, limit=limit)

    def stream(self, origin: Origin, target: str, *, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Stream]:
        return self._fetcher.stream(origin, target, headers=headers)

    async def aclose(self) -> None:
        await self._patient.aclose()
        await self._hasty.aclose()


@dataclass(slots=True)
class Setting:
    """A registry with a reader before it, and others behind it."""

    world: World
    client: httpx.AsyncClient
    asking: Asking
    peer: Peer
    other: Elsewhere
    inside: Elsewhere
    """What nobody may be led to."""
    behind: AsyncExitStack

    async def get(self, path: str) -> httpx.Response | None:
        """An answer that is no fault of ours; None for one that was cut."""
        try:
            answer = await self.client.get(path)
        except ClientDisconnected:
            return None
        assert answer.status_code < 500 or answer.status_code in (502, 503, 504), answer.text
        return answer

    async def index(self) -> httpx.Response | None:
        return await self.get(self.peer.index)

    async def versions(self) -> list[str]:
        answer = await self.index()
        assert answer is not None
        assert answer.status_code == 200, answer.text
        return [version for version in (ONE, TWO) if version in answer.text]

    async def file(self, version: str) -> bytes | int | None:
        """A whole file, or the status of what came instead of it."""
        answer = await self.get(self.peer.file(version))
        if answer is None:
            return None
        return answer.content if answer.status_code == 200 else answer.status_code

    async def fetch(self, version: str) -> None:
        """Get a version as clients do."""
        if self.peer.before is not None:
            assert (await self.client.get(self.peer.before(version))).status_code == 200
        assert await self.file(version) == self.peer.content(version)
        await self.world.registry.flights.landed()

    def spoil(self, fault: Fault, *paths: str) -> None:
        """From now on *fault* is what is said at these paths, or else wherever something was said."""
        self.asking.hasty = True
        for path in paths or tuple(self.other.says):
            said = fault(self.other.says[path])
            if "location" in said.headers:
                self.inside.says[path] = self.other.says[path]
                location = said.headers["location"].format(inside=self.inside.url + path)
                said.headers = {"location": location or self.other.url + path}
            self.other.says[path] = said

    def mend(self, *versions: str) -> None:
        """From now on all is right again, and what was believed for a while is believed no more."""
        self._release()
        self.other.says = {}
        self.peer.offer(self.other, versions)
        self.asking.hasty = False
        self.world.clock.advance(hours=2)

    def _release(self) -> None:
        for said in self.other.says.values():
            if said.gate is not None:
                said.gate.set()

    async def stop(self) -> None:
        """Let nobody be there any more."""
        self._release()
        self.asking.hasty = True
        await self.behind.aclose()

    async def sound(self) -> None:
        """All is as it must be."""
        await self.world.registry.flights.landed()
        assert await check(self.world.registry, read_bytes=True) == []
        assert [stage async for stage in self.world.registry.blobs.stages()] == []
        assert not self.inside.asked


@pytest.fixture
async def setting(tmp_path: Path, peer: Peer) -> AsyncIterator[Setting]:
    asking = Asking()
    async with (
        AsyncExitStack() as behind,
        elsewhere() as inside,
        open_world(tmp_path, fetcher=asking) as world,
    ):
        other = await behind.enter_async_context(elsewhere())
        await world.namespace("acme")
        async with world.client(await world.token("reader")) as client:
            made = Setting(world, client, asking, peer, other, inside, behind)
            peer.offer(other, (ONE, TWO))
            rules = UpstreamRules(refresh=timedelta(seconds=1))
            await add_upstream(world.registry, ADMINISTRATOR, peer.upstream(other.url, private=True, rules=rules))
            yield made
            await made.stop()
    await asking.aclose()


@pytest.mark.parametrize("fault", [*ANYWHERE, *LIES])
async def test_a_file_that_does_not_come_as_it_is_is_not_let_in_until_it_does(setting: Setting, fault: str) -> None:
    path = setting.peer.file_there(TWO)
    await setting.versions()

    setting.spoil((ANYWHERE | LIES)[fault], path)
    came = await setting.file(TWO)
    await setting.sound()
    setting.mend(ONE, TWO)
    again = await setting.file(TWO)

    assert came in (None, 502)
    assert again == setting.peer.content(TWO)
    await setting.sound()


async def test_a_sound_file_that_is_not_the_promised_one_is_not_let_in(setting: Setting) -> None:
    forged = setting.peer.forged(TWO)
    await setting.versions()

    setting.spoil(_lie(lambda _: forged), setting.peer.file_there(TWO))
    came = await setting.file(TWO)
    await setting.sound()
    setting.mend(ONE, TWO)

    assert came in (None, 502)
    assert await setting.file(TWO) == setting.peer.content(TWO)


@pytest.mark.parametrize("fault", ANYWHERE)
async def test_an_index_that_cannot_be_read_is_no_empty_one(setting: Setting, fault: str) -> None:
    setting.spoil(ANYWHERE[fault], setting.peer.index_there)
    never = await setting.index()
    setting.mend(ONE, TWO)

    assert never is not None
    assert never.status_code == 502 or "warning" in never.headers
    assert await setting.versions() == [ONE, TWO]
    await setting.sound()


@pytest.mark.parametrize("fault", [*ANYWHERE, "killed", "all deleted", "one deleted"])
async def test_what_was_fetched_stays_as_it_was_and_listed(setting: Setting, fault: str) -> None:
    before = await setting.versions()
    await setting.fetch(ONE)

    setting.world.clock.advance(hours=2)
    if fault == "killed":
        await setting.stop()
    elif fault == "one deleted":
        setting.other.says.clear()
        setting.peer.offer(setting.other, (TWO,))
    else:
        setting.spoil((ANYWHERE | {"all deleted": _status(404)})[fault])
    listed, served = await setting.versions(), await setting.file(ONE)
    refused = await setting.file(TWO)

    assert before == [ONE, TWO]
    assert ONE in listed
    assert served == setting.peer.content(ONE)
    assert refused in ((setting.peer.content(TWO),) if fault == "one deleted" else (None, 404, 502))
    await setting.sound()


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://[::ffff:127.0.0.1]:{port}",
        "http://169.254.169.254",
        "http://10.0.0.1",
    ],
)
async def test_a_public_registry_leads_to_no_private_address(tmp_path: Path, peer: Peer, location: str) -> None:
    public = Elsewhere()
    public.url = PUBLIC
    peer.offer(public, (ONE,))
    async with elsewhere() as proxy, elsewhere() as inside:
        # What is asked of a proxy is asked by its whole address: so a public host is here.
        proxy.says = {PUBLIC + path: said for path, said in public.says.items()}
        inside.says = dict(public.says)
        place = location.format(port=inside.url.rpartition(":")[2])
        fetcher = HttpFetcher(proxies=Proxies.read({"http_proxy": proxy.url}))
        async with open_world(tmp_path, fetcher=fetcher) as world:
            await world.namespace("acme")
            rules = UpstreamRules(refresh=timedelta(seconds=1))
            await add_upstream(world.registry, ADMINISTRATOR, peer.upstream(PUBLIC, private=False, rules=rules))
            async with world.client(await world.token("reader")) as client:
                good = await client.get(peer.index)
                for path in (peer.file_there(ONE), peer.index_there):
                    proxy.says[PUBLIC + path] = Said(status=302, headers={"location": place + path})
                file = await client.get(peer.file(ONE))
                world.clock.advance(hours=2)
                stale = await client.get(peer.index)
            await world.registry.flights.landed()
        await fetcher.aclose()

    assert (good.status_code, file.status_code, stale.status_code) == (200, 502, 200)
    assert ONE in good.text
    assert "warning" in stale.headers
    assert not inside.asked
    assert all(path.startswith(PUBLIC) for path in proxy.asked)
