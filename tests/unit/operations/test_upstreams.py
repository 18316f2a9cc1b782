"""Which other registries a namespace reads through to: who may say so, and what is shown of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
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
from entrepot.operations.govern import set_namespace
from entrepot.operations.upstreams import (
    Trial,
    add_upstream,
    find_upstream,
    list_upstreams,
    origin_of,
    remove_upstream,
    set_upstream,
)
from entrepot.operations.upstreams import test_upstream as try_upstream
from entrepot.ports.fetch import Basic, Bearer
from entrepot.testing.builders import ADMINISTRATOR, World, caller
from entrepot.testing.elsewhere import Said, elsewhere

ACME, PYPI = parse_namespace("acme"), FormatName("pypi")
MAINTAINER, READER, STRANGER = caller("maintainer"), caller("reader"), caller("reader", "other")


def upstream(name: str = "public", url: str = "https://registry.example.com/simple", **rules: object) -> Upstream:
    return Upstream(ACME, PYPI, UpstreamName(name), url, rules=UpstreamRules(**rules))  # type: ignore[arg-type]


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
        allow=(PurlPattern.parse("pkg:pypi/tool*"),),
        block=(PurlPattern.parse("pkg:pypi/tool@6.6.6"),),
        cooldown=timedelta(days=7),
        exempt=(PurlPattern.parse("pkg:pypi/tool-fix@1.*"),),
        refresh=timedelta(seconds=30),
    )
    added = await add_upstream(world.registry, MAINTAINER, upstream())

    await set_upstream(world.registry, ADMINISTRATOR, added, rules=rules, private=True)

    found = await find_upstream(world.registry, READER, ACME, PYPI, added.name)
    assert found.rules == rules
    assert found.private


async def test_a_removed_upstream_is_unknown(world: World) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream())

    await remove_upstream(world.registry, MAINTAINER, added)

    for gone in (
        find_upstream(world.registry, READER, ACME, PYPI, added.name),
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


async def test_all_that_was_said_of_an_upstream_is_in_its_events_but_its_credentials(world: World) -> None:
    rules = {"block": (PurlPattern.parse("pkg:pypi/bad"),), "cooldown": timedelta(days=7)}
    added = await add_upstream(world.registry, MAINTAINER, upstream(**rules), Bearer("secret"))
    await set_upstream(world.registry, MAINTAINER, added, forget_credentials=True)

    entries = await world.registry.catalog.list_entries(after=0, limit=100)  # type: ignore[arg-type]
    first, second = (msgspec.json.decode(entry.content) for entry in entries[-2:])
    assert (first["block"], first["cooldown"], first["credentials"]) == (["pkg:pypi/bad"], 7 * 86400, True)
    assert (second["block"], second["cooldown"], second["credentials"]) == (["pkg:pypi/bad"], 7 * 86400, True)


async def test_whether_there_are_credentials_is_known(world: World) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream(), Bearer("secret"))
    kept = await set_upstream(world.registry, MAINTAINER, added, rules=UpstreamRules(cooldown=timedelta(days=7)))
    forgotten = await set_upstream(world.registry, MAINTAINER, kept, forget_credentials=True)
    given = await set_upstream(world.registry, MAINTAINER, forgotten, credentials=Basic("ci", "hunter2"))
    moved = await set_upstream(world.registry, MAINTAINER, given, url="https://other.example.com")

    steps = [added, kept, forgotten, given, moved]
    assert [each.has_credentials for each in steps] == [True, True, False, True, False]
    assert await find_upstream(world.registry, READER, ACME, PYPI, moved.name) == moved
    assert await world.registry.catalog.find_upstream_secret(moved) is None


async def test_who_saw_an_older_address_neither_brings_it_back_nor_gets_the_credentials_of_the_new_one(
    world: World,
) -> None:
    seen = await add_upstream(world.registry, MAINTAINER, upstream(), Bearer("old"))
    await set_upstream(world.registry, MAINTAINER, seen, url="https://other.example.com", credentials=Bearer("new"))

    changed = await set_upstream(world.registry, MAINTAINER, seen, rules=UpstreamRules(cooldown=timedelta(days=7)))

    assert changed.url == "https://other.example.com"
    assert (await origin_of(world.registry, changed)).credentials == Bearer("new")
    assert (await origin_of(world.registry, seen)).credentials is None


async def test_changing_nothing_is_no_event(world: World) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream(), Bearer("secret"))
    before = await world.events()

    same = await set_upstream(world.registry, MAINTAINER, added, url=added.url, rules=added.rules, private=False)

    assert same == added
    assert await world.events() == before


async def test_only_who_administers_lets_an_upstream_be_at_a_private_address(world: World) -> None:
    public = await add_upstream(world.registry, MAINTAINER, upstream())
    private = await add_upstream(world.registry, ADMINISTRATOR, replace(upstream("inside"), private=True))

    for refused in (
        add_upstream(world.registry, MAINTAINER, replace(upstream("other"), private=True)),
        set_upstream(world.registry, MAINTAINER, public, private=True),
        set_upstream(world.registry, MAINTAINER, private, url="http://127.0.0.1:1"),
    ):
        with pytest.raises(Denied, match="private address"):
            await refused
    ruled = await set_upstream(world.registry, MAINTAINER, private, rules=UpstreamRules(cooldown=timedelta(days=1)))

    assert ruled.private
    assert not (await set_upstream(world.registry, MAINTAINER, ruled, private=False)).private


async def test_a_pattern_is_kept_as_the_format_spells_names_or_refused(world: World) -> None:
    pypi = replace(upstream(), format=FormatName("pypi"))
    exact = UpstreamRules(block=(PurlPattern.parse("pkg:pypi/Acme_Tool"), PurlPattern.parse("pkg:pypi/acme-*@1.*")))

    added = await add_upstream(world.registry, MAINTAINER, replace(pypi, rules=exact))
    await set_namespace(world.registry, MAINTAINER, ACME, reserved=[PurlPattern.parse("pkg:pypi/Acme.Tool")])

    assert [str(pattern) for pattern in added.rules.block] == ["pkg:pypi/acme-tool", "pkg:pypi/acme-*@1.*"]
    namespace = await world.registry.catalog.find_namespace(ACME)
    assert namespace is not None
    assert [str(pattern) for pattern in namespace.reserved] == ["pkg:pypi/acme-tool"]
    for never in ("pkg:pypi/Acme_*", "pkg:pypi/not a name"):
        wrong = UpstreamRules(block=(PurlPattern.parse(never),))
        with pytest.raises(Invalid):
            await set_upstream(world.registry, MAINTAINER, added, rules=wrong)
    for never in ("pkg:pypi/Acme_*", "pkg:nothing/tool", "pkg:pypi/acme-tool@1.0"):
        with pytest.raises(Invalid):
            await set_namespace(world.registry, MAINTAINER, ACME, reserved=[PurlPattern.parse(never)])


async def test_a_pattern_that_only_its_wildcards_make_a_name_is_kept_as_it_is(world: World) -> None:
    patterns = [PurlPattern.parse(text) for text in ("pkg:pypi/-*", "pkg:npm/.?", "pkg:pypi/*")]

    changed = await set_namespace(world.registry, MAINTAINER, ACME, reserved=patterns)

    assert list(changed.reserved) == patterns


@pytest.mark.parametrize(
    "credentials",
    [
        Basic("c:i", "x"),
        Basic("ci", "hunter2\r\nx: y"),
        Bearer(""),
        Bearer("hunter2 "),
        Bearer("hunter2\n"),
        Bearer("hünter2"),
    ],
    ids=repr,
)
async def test_credentials_that_no_header_can_say_are_refused_and_not_repeated(
    world: World, credentials: Basic | Bearer
) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream())

    with pytest.raises(Invalid) as refused:
        await add_upstream(world.registry, MAINTAINER, upstream("other"), credentials)
    with pytest.raises(Invalid):
        await set_upstream(world.registry, MAINTAINER, added, credentials=credentials)

    assert "nter2" not in str(refused.value)
    assert await list_upstreams(world.registry, READER, ACME) == [added]


# --- trying one ---


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize(
    ("status", "credentials", "problem"),
    [
        (200, None, None),
        (404, None, "it is no such registry: it has no /"),
        (405, None, "it answers 405"),
        (401, None, "it wants credentials"),
        (403, Bearer("secret"), "it refuses the credentials"),
    ],
)
async def test_an_upstream_that_is_tried_is_asked_with_its_credentials_at_its_own_address(
    world: World, status: int, credentials: Bearer | None, problem: str | None
) -> None:
    async with elsewhere() as other:
        other.says["/base/"] = Said(b'{"meta": {}, "projects": []}', status=status)
        added = await add_upstream(
            world.registry, ADMINISTRATOR, replace(upstream(url=f"{other.url}/base"), private=True), credentials
        )
        before = await world.events()

        trial = await try_upstream(world.registry, MAINTAINER, added)

    assert trial == Trial(status, timedelta(0), problem)
    assert other.requests[0].get("authorization") == (None if credentials is None else "Bearer secret")
    assert await world.events() == before


@pytest.mark.usefixtures("socket_enabled")
async def test_an_upstream_that_cannot_be_asked_is_tried_and_said_why(world: World) -> None:
    async with elsewhere() as other:
        added = await add_upstream(world.registry, MAINTAINER, upstream(url=other.url))

        trial = await try_upstream(world.registry, MAINTAINER, added)

    assert trial.status is None
    assert trial.problem is not None
    assert "127.0.0.1" in trial.problem
    assert not other.asked


async def test_only_who_governs_tries_an_upstream(world: World) -> None:
    added = await add_upstream(world.registry, MAINTAINER, upstream())

    for by, expected in ((READER, Denied), (STRANGER, NamespaceUnknown), (ANONYMOUS, Unauthenticated)):
        with pytest.raises(expected):
            await try_upstream(world.registry, by, added)
