"""Which other registries a namespace reads through to: who may say so, and what is shown of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from entrepot.model.access import ANONYMOUS
from entrepot.model.errors import (
    Denied,
    Invalid,
    InvalidName,
    NamespaceUnknown,
    NameTaken,
    TooMany,
    Unauthenticated,
    UpstreamUnknown,
)
from entrepot.model.names import FormatName, parse_namespace
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules, parse_upstream_name
from entrepot.operations.check import check
from entrepot.operations.upstreams import (
    add_upstream,
    find_upstream,
    list_upstreams,
    origin_of,
    remove_upstream,
    set_upstream,
)
from entrepot.ports.fetch import Basic, Bearer
from entrepot.testing.builders import ADMINISTRATOR, World, caller

ACME, FILES = parse_namespace("acme"), FormatName("generic")
MAINTAINER, READER, STRANGER = caller("maintainer"), caller("reader"), caller("reader", "other")


def upstream(name: str = "public", url: str = "https://registry.example.com/simple", **rules: object) -> Upstream:
    return Upstream(ACME, FILES, UpstreamName(name), url, rules=UpstreamRules(**rules))  # type: ignore[arg-type]


async def test_upstreams_are_asked_in_the_order_in_which_they_were_added(world: World) -> None:
    for name in ("one", "two", "three"):
        await add_upstream(world.registry, MAINTAINER, upstream(name))

    found = await list_upstreams(world.registry, READER, ACME)

    assert [each.name for each in found] == ["one", "two", "three"]
    assert await check(world.registry) == []


@pytest.mark.parametrize("credentials", [None, Basic("ci", "hunter2"), Bearer("secret")])
async def test_credentials_are_for_the_fetcher_and_in_no_event(
    world: World, credentials: Basic | Bearer | None
) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream(), credentials)

    assert (await origin_of(world.registry, added)).credentials == credentials
    entries = await world.registry.catalog.list_entries(after=0, limit=100)  # type: ignore[arg-type]
    assert not any(b"hunter2" in entry.content or b"secret" in entry.content for entry in entries)


async def test_credentials_are_not_taken_to_another_address(world: World) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream(), Bearer("secret"))

    same = await set_upstream(world.registry, MAINTAINER, added, rules=UpstreamRules(cooldown=timedelta(days=7)))
    kept = (await origin_of(world.registry, same)).credentials
    moved = await set_upstream(world.registry, MAINTAINER, same, url="https://other.example.com")

    assert kept == Bearer("secret")
    assert (await origin_of(world.registry, moved)).credentials is None


async def test_rules_are_stored_as_they_were_said(world: World) -> None:
    rules = UpstreamRules(
        allow=(PurlPattern.parse("pkg:generic/tool*"),),
        block=(PurlPattern.parse("pkg:generic/tool@6.6.6"),),
        cooldown=timedelta(days=7),
        exempt=(PurlPattern.parse("pkg:generic/tool-fix@1.*"),),
        refresh=timedelta(seconds=30),
    )
    added = await add_upstream(world.registry, MAINTAINER, upstream())

    await set_upstream(world.registry, MAINTAINER, added, rules=rules, private=True)

    found = await find_upstream(world.registry, READER, ACME, FILES, added.name)
    assert found.rules == rules
    assert found.private


async def test_a_removed_upstream_is_unknown(world: World) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream())

    await remove_upstream(world.registry, MAINTAINER, added)

    for gone in (
        find_upstream(world.registry, READER, ACME, FILES, added.name),
        remove_upstream(world.registry, MAINTAINER, added),
        set_upstream(world.registry, MAINTAINER, added, private=True),
    ):
        with pytest.raises(UpstreamUnknown):
            await gone


async def test_who_does_not_govern_changes_nothing_and_who_does_not_know_the_namespace_learns_nothing(
    world: World,
) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream())

    for by, expected in ((READER, Denied), (STRANGER, NamespaceUnknown), (ANONYMOUS, Unauthenticated)):
        for change in (
            add_upstream(world.registry, by, upstream("other")),
            set_upstream(world.registry, by, added, private=True),
            remove_upstream(world.registry, by, added),
        ):
            with pytest.raises(expected):
                await change
    with pytest.raises(NamespaceUnknown):
        await list_upstreams(world.registry, STRANGER, ACME)


async def test_names_addresses_and_patterns_are_checked(world: World) -> None:
    await add_upstream(world.registry, MAINTAINER, upstream())

    with pytest.raises(NameTaken):
        await add_upstream(world.registry, MAINTAINER, upstream())
    for wrong in (
        upstream("a", "ftp://registry.example.com"),
        upstream("a", "https://user:password@registry.example.com"),
        upstream("a", block=(PurlPattern.parse("pkg:other/tool"),)),
        Upstream(ACME, FormatName("nothing"), UpstreamName("a"), "https://registry.example.com"),
    ):
        with pytest.raises(Invalid):
            await add_upstream(world.registry, ADMINISTRATOR, wrong)
    with pytest.raises(InvalidName):
        parse_upstream_name("Not A Name")


async def test_a_namespace_has_so_many_upstreams_of_a_format(world: World) -> None:
    for number in range(20):
        await add_upstream(world.registry, MAINTAINER, upstream(f"u{number}"))

    with pytest.raises(TooMany):
        await add_upstream(world.registry, MAINTAINER, upstream("one-more"))
