"""Yanks, owners and search: https://doc.rust-lang.org/cargo/reference/registry-web-api.html

Cases come from what cargo's own test suite (yank.rs, owner.rs, search.rs) expects of a registry.
"""

from __future__ import annotations

import zlib

import pytest

from entrepot.model.access import Allowance, Role
from entrepot.model.names import PrincipalName, View
from entrepot.operations.grant import remove_grant
from entrepot.testing.builders import ADMINISTRATOR
from tests.formats.cargo.conftest import Cargo, detail
from tests.formats.cargo.crates import crate

OWNERS = "api/v1/crates/hello/owners"


async def test_a_yanked_version_is_marked_and_still_downloads(cargo: Cargo) -> None:
    await cargo.publish(crate("hello", "1.0.0"))

    answer = await cargo.ask("DELETE", "api/v1/crates/hello/1.0.0/yank", by="maintainer")
    (line,) = await cargo.index("he/ll/hello")
    got = await cargo.get("api/v1/crates/hello/1.0.0/download")

    assert answer.json() == {"ok": True}
    assert line["yanked"] is True
    assert got.status_code == 200


async def test_a_yank_is_taken_back(cargo: Cargo) -> None:
    await cargo.publish(crate("hello", "1.0.0"))
    await cargo.ask("DELETE", "api/v1/crates/hello/1.0.0/yank", by="maintainer")

    answer = await cargo.ask("PUT", "api/v1/crates/hello/1.0.0/unyank", by="maintainer")

    assert answer.json() == {"ok": True}
    assert [line["yanked"] for line in await cargo.index("he/ll/hello")] == [False]


@pytest.mark.parametrize(
    ("path", "by", "status"),
    [
        ("hello/2.0.0/yank", "maintainer", 404),
        ("nosuch/1.0.0/yank", "maintainer", 404),
        ("hello/one/yank", "maintainer", 400),
        ("hello/1.0.0/yank", "publisher", 403),
        ("hello/1.0.0/yank", "reader", 403),
        ("hello/1.0.0/yank", None, 401),
    ],
)
async def test_a_yank_that_cannot_be_says_why(cargo: Cargo, path: str, by: str | None, status: int) -> None:
    await cargo.publish(crate("hello", "1.0.0"))

    answer = await cargo.ask("DELETE", f"api/v1/crates/{path}", by=by)

    assert answer.status_code == status
    assert detail(answer)


async def test_owners_are_those_who_may_publish(cargo: Cargo) -> None:
    await cargo.publish(crate())
    await cargo.world.token("publisher", pattern="hel*", name="alice")
    await cargo.world.token("publisher", pattern="other", name="bob")
    await cargo.world.token("reader", name="carol")

    users = (await cargo.ask("GET", OWNERS, by="maintainer")).json()["users"]

    assert [user["login"] for user in users] == ["alice", "maintainer-robot", "publisher-robot"]
    assert users[0] == {"id": zlib.crc32(b"alice"), "login": "alice", "name": None}


async def test_an_owner_is_added_who_may_then_publish_and_is_taken_off_again(cargo: Cargo) -> None:
    await cargo.publish(crate("hello", "1.0.0"), by="maintainer")
    await without_grant(cargo, "publisher")

    before = await cargo.publish(crate("hello", "1.0.1"))
    added = await cargo.ask("PUT", OWNERS, by="maintainer", json={"users": ["publisher-robot"]})
    published = await cargo.publish(crate("hello", "1.0.1"))
    other = await cargo.publish(crate("other", "1.0.0"))
    removed = await cargo.ask("DELETE", OWNERS, by="maintainer", json={"users": ["publisher-robot"]})
    refused = await cargo.publish(crate("hello", "1.0.2"))

    assert added.json() == {"ok": True, "msg": "publisher-robot may publish hello"}
    assert removed.json()["ok"] is True
    assert (before.status_code, published.status_code, other.status_code, refused.status_code) == (404, 200, 404, 404)


async def without_grant(cargo: Cargo, role: str) -> None:
    """A robot with a token, whose principal has no grant (any more)."""
    await cargo.ask("GET", "config.json", by=role)
    allowance = Allowance(Role(role), View.parse("acme"))
    await remove_grant(cargo.world.registry, ADMINISTRATOR, PrincipalName(f"{role}-robot"), allowance)


async def test_who_owns_by_a_wider_grant_is_not_taken_off_one_crate(cargo: Cargo) -> None:
    await cargo.publish(crate())

    answer = await cargo.ask("DELETE", OWNERS, by="maintainer", json={"users": ["publisher-robot"]})

    assert answer.status_code == 404
    assert (await cargo.publish(crate("hello", "1.0.1"))).status_code == 200


async def test_who_owns_by_both_grants_still_owns_by_the_wider_one_and_is_named(cargo: Cargo) -> None:
    await cargo.publish(crate())
    await cargo.ask("PUT", OWNERS, by="maintainer", json={"users": ["publisher-robot"]})

    answer = await cargo.ask("DELETE", OWNERS, by="maintainer", json={"users": ["publisher-robot"]})

    assert answer.status_code == 409
    assert "publisher-robot" in detail(answer)


@pytest.mark.parametrize(
    ("by", "content", "status"),
    [
        ("publisher", b'{"users":["reader-robot"]}', 403),
        (None, b'{"users":["reader-robot"]}', 401),
        ("maintainer", b'{"users":["nobody"]}', 404),
        ("maintainer", b'{"users":["github:acme:team"]}', 400),
        ("maintainer", b'{"users":[]}', 400),
        ("maintainer", b'{"users":1}', 400),
        ("maintainer", b"{}", 400),
        ("maintainer", b"", 400),
    ],
)
async def test_an_owner_who_cannot_be_added_is_refused(
    cargo: Cargo, by: str | None, content: bytes, status: int
) -> None:
    await cargo.publish(crate())

    answer = await cargo.ask("PUT", OWNERS, by=by, content=content)

    assert answer.status_code == status
    assert detail(answer)


async def test_a_crate_that_is_not_there_has_no_owners(cargo: Cargo) -> None:
    assert (await cargo.ask("GET", "api/v1/crates/nosuch/owners", by="maintainer")).status_code == 404


async def test_a_search_finds_crates_by_their_names_the_closest_first(cargo: Cargo) -> None:
    for name in ("json-tools", "serde_json", "json", "other"):
        await cargo.publish(crate(name, "1.0.0", description=f"All about {name}"))

    answer = await cargo.get("api/v1/crates?q=json&per_page=2")

    assert answer.json() == {
        "crates": [
            {"name": "json", "max_version": "1.0.0", "description": "All about json"},
            {"name": "json-tools", "max_version": "1.0.0", "description": "All about json-tools"},
        ],
        "meta": {"total": 3},
    }


async def test_a_search_shows_the_highest_version_that_may_be_picked(cargo: Cargo) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0-rc.1", "3.0.0"):
        await cargo.publish(crate("hello", version))
    await cargo.ask("DELETE", "api/v1/crates/hello/3.0.0/yank", by="maintainer")

    (found,) = (await cargo.get("api/v1/crates?q=HEL")).json()["crates"]

    assert found["max_version"] == "1.10.0"


async def test_a_search_finds_only_what_the_view_shows(cargo: Cargo) -> None:
    await cargo.publish(crate())

    assert (await cargo.get("api/v1/crates?q=hello", view="acme.prod")).json()["meta"] == {"total": 0}


@pytest.mark.parametrize("query", ["per_page=0", "per_page=101", "per_page=x", "page=0", "q=%ff"])
async def test_a_search_that_asks_for_too_much_or_for_nothing_is_refused(cargo: Cargo, query: str) -> None:
    assert (await cargo.get(f"api/v1/crates?{query}")).status_code == 400
