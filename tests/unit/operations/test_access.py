from __future__ import annotations

from dataclasses import replace

import pytest

from entrepot.model.access import ANONYMOUS, Action, Caller, Permit
from entrepot.model.errors import Denied, InsufficientScope, PackageUnknown, ReadOnly, Unauthenticated
from entrepot.model.names import PackageName, View
from entrepot.operations.access import require, require_anywhere, require_read, require_writable
from entrepot.testing.builders import World, caller, package

API, ACME, PROD = package("acme/api"), View.parse("acme"), View.parse("acme.prod")


def scoped(holder: Caller, *actions: Action) -> Caller:
    """The same with an access token for some actions on the package."""
    permit = Permit(frozenset(actions), ACME, PackageName("api"))
    return replace(holder, rights=holder.rights.narrowed((permit,)), unscoped=holder.rights)


@pytest.fixture
async def open_too(world: World) -> World:
    await world.namespace("open", public=True)
    return world


async def test_who_may_is_let_through(open_too: World) -> None:
    await require(open_too.registry, caller("publisher"), Action.PUBLISH, API)
    await require_read(open_too.registry, caller("reader"), ACME, API)
    await require_read(open_too.registry, caller("reader", "acme.prod"), PROD, API)
    await require_read(open_too.registry, ANONYMOUS, View.parse("open"), package("open/api"))
    require_anywhere(caller("maintainer"), Action.GOVERN, ACME)
    require_anywhere(caller("administrator", None), Action.ADMINISTER)
    require_writable(ACME)


async def test_what_one_may_read_and_not_change_is_denied(open_too: World) -> None:
    with pytest.raises(Denied):
        await require(open_too.registry, caller("reader"), Action.PUBLISH, API)
    with pytest.raises(Denied):
        await require(open_too.registry, caller("reader"), Action.PUBLISH, package("open/api"))


async def test_what_one_may_not_read_is_not_there(open_too: World) -> None:
    said = []
    for where in (API, package("nobody/api")):
        with pytest.raises(PackageUnknown) as refused:
            await require(open_too.registry, caller("publisher", "zeta"), Action.PUBLISH, where)
        said.append(str(refused.value).replace("nobody", "acme"))
        with pytest.raises(PackageUnknown):
            await require_read(open_too.registry, caller("reader", "acme.prod"), View(where.namespace), where)

    assert said[0] == said[1]


@pytest.mark.parametrize("place", ["acme/api", "open/api", "nobody/api"])
async def test_an_anonymous_caller_is_asked_who_they_are(open_too: World, place: str) -> None:
    with pytest.raises(Unauthenticated):
        await require(open_too.registry, ANONYMOUS, Action.PUBLISH, package(place))


async def test_an_access_token_that_does_not_cover_it_is_told_so_if_another_would(open_too: World) -> None:
    with pytest.raises(InsufficientScope):
        await require(open_too.registry, scoped(caller("publisher"), Action.READ), Action.PUBLISH, API)
    with pytest.raises(InsufficientScope):
        await require_read(open_too.registry, scoped(caller("reader")), ACME, API)
    with pytest.raises(Denied):
        await require(open_too.registry, scoped(caller("reader"), Action.READ), Action.PUBLISH, API)
    with pytest.raises(PackageUnknown):
        await require(open_too.registry, scoped(caller("publisher", "zeta"), Action.READ), Action.PUBLISH, API)


async def test_an_access_token_for_nothing_reads_what_is_public(open_too: World) -> None:
    await require_read(open_too.registry, scoped(ANONYMOUS), View.parse("open"), package("open/api"))


def test_a_whole_namespace_needs_rights_over_all_of_it() -> None:
    for by in (caller("maintainer", pattern="api*"), caller("maintainer", "acme.prod"), caller("publisher")):
        with pytest.raises(Denied):
            require_anywhere(by, Action.GOVERN, ACME)
    with pytest.raises(Denied):
        require_anywhere(caller("maintainer"), Action.GOVERN)
    with pytest.raises(Unauthenticated):
        require_anywhere(ANONYMOUS, Action.GOVERN, ACME)
    with pytest.raises(InsufficientScope):
        require_anywhere(scoped(caller("maintainer"), Action.GOVERN), Action.GOVERN, ACME)


def test_a_channel_is_read_only() -> None:
    with pytest.raises(ReadOnly):
        require_writable(PROD)
