"""Advisories go from one Entrepot to another: all of them once, then what changed, and through whom they came."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot.model.access import ANONYMOUS, Role
from entrepot.model.errors import (
    AdvisoryUnknown,
    Invalid,
    Unauthenticated,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.operations import advisory_changes
from entrepot.operations.advisories import (
    Imported,
    add_source,
    import_advisories,
    list_sources,
    read_advisory,
    refresh_source,
    remove_source,
)
from entrepot.operations.advisory_changes import list_changes
from entrepot.operations.match import match_new_components
from entrepot.ports.fetch import Bearer, Document, Origin, Stream
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, open_world, stream
from entrepot.testing.transport import InProcess
from tests.unit.operations.inventories import hold
from tests.unit.operations.test_advisories import look, record


class Neighbours:
    """Implements `entrepot.ports.fetch.Fetcher`: the registries of a test, by host, each with nothing between."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {}
        self.asked: list[str] = []
        self.says: dict[str, bytes] = {}
        """What a host that is no registry answers to everything."""

    async def get(self, origin: Origin, target: str, *, headers: Mapping[str, str], limit: int) -> Document:
        self.asked.append(f"{origin.host}/{target}")
        if origin.host in self.says:
            return Document(200, {}, self.says[origin.host], f"{origin}/{target}")
        credentials = origin.credentials
        if credentials is not None:
            assert isinstance(credentials, Bearer)
            headers = {**headers, "authorization": f"Bearer {credentials.token}"}
        async with httpx.AsyncClient(transport=InProcess(self.worlds[origin.host].app), base_url=str(origin)) as client:
            answer = await client.get(f"/{target}", headers=dict(headers))
        assert len(answer.content) <= limit
        return Document(answer.status_code, answer.headers, answer.content, str(answer.url))

    async def post(
        self, origin: Origin, target: str, *, headers: Mapping[str, str], content: bytes, limit: int
    ) -> Document:
        raise UpstreamUnavailable(str(origin))

    def stream(self, origin: Origin, target: str, *, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Stream]:
        raise UpstreamUnavailable(f"{origin}/{target}")


class Registries:
    """Several of them, that can ask each other."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.neighbours = Neighbours()
        self._folder = folder
        self._stack = stack
        self._tokens: dict[str, str] = {}

    async def open(self, name: str) -> World:
        folder = self._folder / name
        folder.mkdir()
        world = await self._stack.enter_async_context(open_world(folder, fetcher=self.neighbours))
        self.neighbours.worlds[f"{name}.example.com"] = world
        await world.namespace("acme")
        self._tokens[name] = await world.token(Role.READER)
        return world

    async def follow(self, world: World, name: str) -> Imported:
        """Let *world* have what another one has."""
        credentials = Bearer(self._tokens[name])
        await add_source(world.registry, ADMINISTRATOR, name, f"http://{name}.example.com", credentials=credentials)
        return await refresh(world, name)


@pytest.fixture
async def registries(tmp_path: Path) -> AsyncIterator[Registries]:
    async with AsyncExitStack() as stack:
        yield Registries(tmp_path, stack)


async def take_in(world: World, *records: dict[str, Any], source: str = "pypi") -> Imported:
    content = b"".join(json.dumps(each).encode() + b"\n" for each in records)
    return await import_advisories(world.registry, ADMINISTRATOR, source, stream(content))


async def refresh(world: World, name: str) -> Imported:
    return await refresh_source(world.registry, ADMINISTRATOR, name)


async def names(world: World) -> set[str]:
    """What a registry's advisories are called."""
    page = await list_changes(world.registry, ADMINISTRATOR, since=None, limit=10_000)
    assert not page.more
    return {each.id for each in page.changes if each.content is not None}


async def test_what_another_registry_knows_is_known_here_and_through_whom(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, record(aliases=["CVE-2026-1"]), record("TEST-2", withdrawn="2026-01-02T00:00:00Z"))
    pushed = await local.push("acme/team/api", image(b"1.0"), "1.0")
    await hold(local, pushed.digest, "pkg:pypi/requests@2.30.0")
    await match_new_components(local.registry)

    imported = await registries.follow(local, "central")

    assert (imported.records, imported.changed, imported.withdrawn, imported.matches) == (2, 2, 1, 1)
    (finding,) = (await look(local)).findings
    assert (finding.id, finding.source) == ("CVE-2026-1", "central/pypi")
    (source,) = await list_sources(local.registry, ADMINISTRATOR)
    assert (source.name, source.advisories, source.has_credentials) == ("central", 2, True)
    assert [(each.name, each.advisories) for each in source.origins] == [("pypi", 2)]
    sent = await read_advisory(central.registry, ADMINISTRATOR, "TEST-1")
    assert await read_advisory(local.registry, ADMINISTRATOR, "TEST-1") == sent


async def test_only_what_changed_is_asked_for_again(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, *(record(f"TEST-{number}") for number in range(10)))
    await registries.follow(local, "central")
    await take_in(central, record("TEST-3", fixed="9"), record("TEST-10"))

    changed = await refresh(local, "central")
    nothing = await refresh(local, "central")

    assert (changed.records, changed.changed) == (2, 2)
    assert (nothing.records, nothing.changed) == (0, 0)
    assert await names(local) == await names(central)


async def test_what_is_withdrawn_there_is_found_here_no_more(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, record())
    await registries.follow(local, "central")
    pushed = await local.push("acme/team/api", image(b"1.0"), "1.0")
    await hold(local, pushed.digest, "pkg:pypi/requests@2.30.0")
    await match_new_components(local.registry)
    found = (await look(local)).findings
    await take_in(central, record(withdrawn="2026-01-02T00:00:00Z"))

    imported = await refresh(local, "central")

    assert len(found) == imported.withdrawn == 1
    assert (await look(local)).findings == []


async def test_what_is_forgotten_there_is_forgotten_here(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, record("TEST-1"), source="pypi")
    await take_in(central, record("TEST-2"), source="go")
    await take_in(local, record("TEST-3"), source="mine")
    await registries.follow(local, "central")
    await remove_source(central.registry, ADMINISTRATOR, "pypi")

    imported = await refresh(local, "central")

    assert (imported.records, imported.removed) == (0, 1)
    assert await names(local) == {"TEST-2", "TEST-3"}
    source = (await list_sources(local.registry, ADMINISTRATOR))[0]
    assert [each.name for each in source.origins] == ["go"]


async def test_what_is_forgotten_and_comes_back_is_known_again(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, record())
    await registries.follow(local, "central")
    await remove_source(central.registry, ADMINISTRATOR, "pypi")
    await refresh(local, "central")
    await take_in(central, record())

    imported = await refresh(local, "central")

    assert (imported.changed, imported.removed) == (1, 0)


async def test_many_pages_are_read_and_none_twice(registries: Registries, monkeypatch: pytest.MonkeyPatch) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, *(record(f"TEST-{number}") for number in range(25)))
    monkeypatch.setattr(advisory_changes, "_ASKED", 10)

    imported = await registries.follow(local, "central")

    assert (imported.records, imported.changed) == (25, 25)
    assert len(registries.neighbours.asked) == 3


async def test_large_records_come_a_few_at_a_time(registries: Registries, monkeypatch: pytest.MonkeyPatch) -> None:
    central = await registries.open("central")
    await take_in(central, *(record(f"TEST-{number}", details="x" * 1_000) for number in range(5)))
    monkeypatch.setattr(advisory_changes, "_PAGE_SIZE", 2_500)

    first = await list_changes(central.registry, ADMINISTRATOR, since=None, limit=100)
    second = await list_changes(central.registry, ADMINISTRATOR, since=first.cursor, limit=100)
    monkeypatch.setattr(advisory_changes, "_PAGE_SIZE", 1)
    third = await list_changes(central.registry, ADMINISTRATOR, since=second.cursor, limit=100)

    assert [len(page.changes) for page in (first, second, third)] == [2, 2, 1]
    assert [page.complete for page in (first, second, third)] == [True, False, False]
    assert [page.more for page in (first, second, third)] == [True, True, False]


async def test_advisories_that_came_through_several_say_so_and_do_not_go_round_in_circles(
    registries: Registries,
) -> None:
    one, two, three = [await registries.open(name) for name in ("one", "two", "three")]
    await take_in(one, record())
    await registries.follow(two, "one")
    await registries.follow(three, "two")

    circle = await registries.follow(one, "three")
    await remove_source(one.registry, ADMINISTRATOR, "pypi")
    again = await refresh(one, "three")

    (source,) = await list_sources(three.registry, ADMINISTRATOR)
    assert [each.name for each in source.origins] == ["one/pypi"]
    assert circle.records == again.records == 0
    assert await names(one) == set()


async def test_how_old_it_is_is_how_old_it_is_where_it_was_read_first(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, record())
    read_at = central.clock.now()
    local.clock.advance(days=30)

    await registries.follow(local, "central")

    (known,) = await local.catalog.advisories.find_known(["TEST-1"])
    assert known.imported_at == read_at
    (source,) = await list_sources(local.registry, ADMINISTRATOR)
    assert source.imported_at == local.clock.now() == read_at + timedelta(days=30)
    assert source.read_at == read_at


async def test_where_another_set_of_advisories_is_what_it_does_not_have_is_forgotten(registries: Registries) -> None:
    local = await registries.open("local")
    await take_in(await registries.open("central"), record("TEST-1"), record("TEST-2"))
    await registries.follow(local, "central")
    other = await registries.open("other")
    await take_in(other, record("TEST-2"), record("TEST-3"))
    registries.neighbours.worlds["central.example.com"] = other
    await add_source(
        local.registry,
        ADMINISTRATOR,
        "central",
        "http://central.example.com",
        credentials=Bearer(await other.token(Role.READER, name="another")),
    )

    imported = await refresh(local, "central")

    assert (imported.records, imported.changed, imported.removed) == (2, 1, 1)
    assert await names(local) == {"TEST-2", "TEST-3"}


async def test_a_cursor_of_the_future_is_none(registries: Registries) -> None:
    """As after the other registry was restored from a copy."""
    central = await registries.open("central")
    await take_in(central, record())
    page = await list_changes(central.registry, ADMINISTRATOR, since=None, limit=10)
    instance, _, number = page.cursor.partition(".")

    same = await list_changes(central.registry, ADMINISTRATOR, since=page.cursor, limit=10)
    ahead = await list_changes(central.registry, ADMINISTRATOR, since=f"{instance}.{int(number) + 1}", limit=10)

    assert (same.complete, len(same.changes)) == (False, 0)
    assert (ahead.complete, len(ahead.changes)) == (True, 1)
    for strange in ("", "x", ".1", f"{instance}.", f"{instance}.-1", f"{instance}.\u0661", f"{instance}.{'9' * 5000}"):
        assert (await list_changes(central.registry, ADMINISTRATOR, since=strange, limit=10)).complete


async def test_what_a_removed_source_said_is_asked_of_others_that_may_say_it_too(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(local, record(), source="mine")
    await take_in(central, record())
    await registries.follow(local, "central")
    await remove_source(local.registry, ADMINISTRATOR, "mine")

    imported = await refresh(local, "central")

    assert imported.changed == 1
    assert await names(local) == {"TEST-1"}


async def test_who_may_not_read_there_is_told_and_nothing_changes(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, record())
    await add_source(local.registry, ADMINISTRATOR, "central", "http://central.example.com")

    with pytest.raises(UpstreamInvalid, match="token"):
        await refresh(local, "central")

    (source,) = await list_sources(local.registry, ADMINISTRATOR)
    assert source.problem is not None
    assert await names(local) == set()
    with pytest.raises(Unauthenticated):
        await list_changes(central.registry, ANONYMOUS, since=None, limit=10)
    assert (await list_changes(central.registry, caller(Role.READER), since=None, limit=10)).changes


async def test_a_registry_does_not_follow_itself(registries: Registries) -> None:
    local = await registries.open("local")
    await take_in(local, record())

    with pytest.raises(Invalid, match="another registry"):
        await registries.follow(local, "local")


def page_of(*records: dict[str, Any], **changed: object) -> bytes:
    """What another registry might say."""
    page = {
        "instance": "0" * 32,
        "cursor": f"{'0' * 32}.1",
        "complete": True,
        "more": False,
        "sources": [{"name": "pypi", "read_at": "2026-01-01T00:00:00Z", "through": []}],
        "records": [{"id": each["id"], "source": "pypi", "record": each} for each in records],
        "removed": [],
    }
    return json.dumps(page | changed).encode()


async def test_a_record_that_cannot_be_read_keeps_what_was_known(registries: Registries) -> None:
    local = await registries.open("local")
    registries.neighbours.says["evil.example.com"] = page_of(record())
    await add_source(local.registry, ADMINISTRATOR, "evil", "http://evil.example.com/")
    await refresh(local, "evil")
    registries.neighbours.says["evil.example.com"] = page_of({"id": "TEST-1", "modified": "never"})

    imported = await refresh(local, "evil")

    assert (imported.records, imported.refused, imported.removed) == (1, 1, 0)
    assert imported.problems[0].startswith("TEST-1: ")
    assert await names(local) == {"TEST-1"}


@pytest.mark.parametrize(
    "said",
    [
        b"<html>",
        b"{}",
        b"[" * 100_000,
        page_of(cursor="a&since=b"),
        page_of(cursor=""),
        page_of(instance="x"),
        page_of(more=True),
        page_of(record(), sources=[]),
        page_of(record(), sources=[{"name": "\x1b[2J", "read_at": None, "through": []}]),
        page_of(records=[{"id": "TEST-1"}]),
    ],
)
async def test_what_is_no_page_changes_nothing(registries: Registries, said: bytes) -> None:
    local = await registries.open("local")
    registries.neighbours.says["evil.example.com"] = page_of(record())
    await add_source(local.registry, ADMINISTRATOR, "evil", "http://evil.example.com")
    await refresh(local, "evil")
    registries.neighbours.says["evil.example.com"] = said

    with pytest.raises(UpstreamInvalid):
        await refresh(local, "evil")

    assert await names(local) == {"TEST-1"}


@pytest.mark.parametrize("url", ["http://evil.example.com/all.zip", "http://evil.example.com/?a=b"])
async def test_a_document_is_not_asked_whether_it_is_a_registry(registries: Registries, url: str) -> None:
    local = await registries.open("local")
    await add_source(local.registry, ADMINISTRATOR, "evil", url)

    with pytest.raises(UpstreamUnavailable):
        await refresh(local, "evil")

    assert registries.neighbours.asked == []


async def test_a_source_that_is_removed_takes_its_secret_along(registries: Registries) -> None:
    central, local = await registries.open("central"), await registries.open("local")
    await take_in(central, record())
    await registries.follow(local, "central")

    assert await remove_source(local.registry, ADMINISTRATOR, "central") == 1

    assert await local.catalog.advisories.find_source_secret("central") is None
    with pytest.raises(AdvisoryUnknown):
        await refresh(local, "central")
