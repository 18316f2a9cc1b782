"""The sparse index: https://doc.rust-lang.org/cargo/reference/registry-index.html"""

from __future__ import annotations

import hashlib

import pytest

from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, PackageId, PackageName, parse_channel, parse_namespace
from entrepot.operations.clear import open_clearance
from entrepot.testing.builders import ADMINISTRATOR
from tests.formats.cargo.conftest import ROOT, Cargo
from tests.formats.cargo.crates import Needs, crate


async def test_the_configuration_says_where_everything_is_and_that_a_token_is_needed(cargo: Cargo) -> None:
    # cargo registry_auth.rs: auth-required makes it send the token with every request.
    answer = await cargo.get("config.json")

    assert answer.json() == {"dl": f"{ROOT}/api/v1/crates", "api": ROOT, "auth-required": True}
    again = await cargo.get("config.json", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_a_public_namespace_needs_no_token(cargo: Cargo) -> None:
    await cargo.world.namespace("open", public=True)

    answer = await cargo.get("config.json", by=None, view="open")

    assert "auth-required" not in answer.json()


async def test_without_a_token_cargo_is_told_where_to_get_one(cargo: Cargo) -> None:
    # cargo registry_auth.rs, login.rs: it asks again with a token, and shows the login URL when it has none.
    answer = await cargo.get("config.json", by=None)
    page = await cargo.get("me", by=None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == f'Cargo login_url="{ROOT}/me"'
    assert "entrepot token create" in page.text


@pytest.mark.parametrize("view", ["nosuch", "acme.nosuch"])
async def test_a_view_that_is_not_there_has_no_configuration(cargo: Cargo, view: str) -> None:
    assert (await cargo.get("config.json", view=view)).status_code == 404


@pytest.mark.parametrize(
    ("name", "path"),
    [("a", "1/a"), ("ab", "2/ab"), ("abc", "3/a/abc"), ("abcd", "ab/cd/abcd"), ("Serde_JSON", "se/rd/serde_json")],
)
async def test_a_crate_stands_where_its_name_says(cargo: Cargo, name: str, path: str) -> None:
    await cargo.publish(crate(name))

    assert [line["name"] for line in await cargo.index(path)] == [name]


@pytest.mark.parametrize(
    "path",
    ["he/ll/nosuch", "no/su/nosuch", "he/ll/Hello", "HE/LL/hello", "3/h/hello", "2/hello", "he/ll/h%00llo", "1/-"],
)
async def test_what_is_no_crate_s_place_is_not_found(cargo: Cargo, path: str) -> None:
    await cargo.publish(crate("hello"))

    assert (await cargo.get(path)).status_code == 404


async def test_a_line_says_what_cargo_needs_and_the_hash_of_the_bytes(cargo: Cargo) -> None:
    made = crate("hello", "1.0.0", rust_version="1.70", links="hello")
    await cargo.publish(made)

    (line,) = await cargo.index("he/ll/hello")

    assert line == {
        "name": "hello",
        "vers": "1.0.0",
        "deps": [],
        "cksum": hashlib.sha256(made.crate).hexdigest(),
        "features": {},
        "yanked": False,
        "links": "hello",
        "rust_version": "1.70",
        "pubtime": "2026-01-31T12:00:00Z",
    }


async def test_a_dependency_is_renamed_as_the_index_wants_it(cargo: Cargo) -> None:
    # cargo publish.rs, "publish_with_renamed": what is announced by its real name is listed by its alias.
    other = "sparse+https://other.example.com/index/"
    needs = Needs("json", "1.0.5", package="serde_json", optional=True, default_features=False, features=["std"])
    made = crate("hello", "1.0.0", needs, Needs("cc", kind="build", target="cfg(unix)", registry=other))
    await cargo.publish(made)

    (line,) = await cargo.index("he/ll/hello")

    assert line["deps"] == [
        {
            "name": "json",
            "req": "^1.0.5",
            "features": ["std"],
            "optional": True,
            "default_features": False,
            "target": None,
            "kind": "normal",
            "registry": None,
            "package": "serde_json",
        },
        {
            "name": "cc",
            "req": "^1.0",
            "features": [],
            "optional": False,
            "default_features": True,
            "target": "cfg(unix)",
            "kind": "build",
            "registry": other,
        },
    ]


async def test_features_that_older_cargos_cannot_read_stand_apart(cargo: Cargo) -> None:
    # cargo features_namespaced.rs, weak_dep_features.rs: such lines have "v": 2 and "features2".
    features = {
        "plain": ["other"],
        "other": [],
        "named": ["dep:serde"],
        "weak": ["serde?/std"],
        "strong": ["serde/std"],
    }
    await cargo.publish(crate("hello", "1.0.0", Needs("serde", optional=True), features=features))

    (line,) = await cargo.index("he/ll/hello")

    assert line["v"] == 2
    assert line["features"] == {"plain": ["other"], "other": [], "strong": ["serde/std"]}
    assert line["features2"] == {"named": ["dep:serde"], "weak": ["serde?/std"]}


async def test_lines_stand_in_the_order_in_which_versions_were_published(cargo: Cargo) -> None:
    for version in ("2.0.0", "1.0.0", "10.0.0", "3.0.0-rc.1"):
        await cargo.publish(crate("hello", version))
        cargo.world.clock.advance(seconds=1)

    lines = await cargo.index("he/ll/hello")

    assert [line["vers"] for line in lines] == ["2.0.0", "1.0.0", "10.0.0", "3.0.0-rc.1"]


async def test_a_file_that_has_not_changed_is_not_sent_again(cargo: Cargo) -> None:
    # cargo registry.rs: it sends If-None-Match with the ETag of what it has.
    await cargo.publish(crate("hello", "1.0.0"))
    first = await cargo.get("he/ll/hello")
    condition = {"if-none-match": first.headers["etag"]}

    unchanged = await cargo.get("he/ll/hello", headers=condition)
    await cargo.publish(crate("hello", "1.0.1"))
    changed = await cargo.get("he/ll/hello", headers=condition)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (changed.status_code, len(changed.text.splitlines())) == (200, 2)


async def test_a_channel_s_view_shows_only_what_is_cleared(cargo: Cargo) -> None:
    for version in ("1.0.0", "2.0.0"):
        await cargo.publish(crate("hello", version))
    hidden = await cargo.get("he/ll/hello", view="acme.prod")
    await clear(cargo, "hello", "1.0.0")

    lines = await cargo.index("he/ll/hello", view="acme.prod")
    cleared = await cargo.get("api/v1/crates/hello/1.0.0/download", view="acme.prod")
    other = await cargo.get("api/v1/crates/hello/2.0.0/download", view="acme.prod")

    assert hidden.status_code == 404
    assert [line["vers"] for line in lines] == ["1.0.0"]
    assert (cleared.status_code, other.status_code) == (200, 404)


async def clear(cargo: Cargo, name: str, version: str) -> None:
    async with cargo.world.client(await cargo.world.token("reader", name="oci")) as client:
        manifest = await client.head(f"/v2/acme/cargo/{name}/manifests/{version}")
    package = PackageId(parse_namespace("acme"), FormatName("cargo"), PackageName(name))
    digest = Digest.parse(manifest.headers["docker-content-digest"])
    await open_clearance(cargo.world.registry, ADMINISTRATOR, package, parse_channel("prod"), digest)


async def test_without_a_token_nothing_of_a_private_namespace_is_read(cargo: Cargo) -> None:
    await cargo.publish(crate())

    statuses = [
        (await cargo.get(path, by=None)).status_code
        for path in ("he/ll/hello", "no/su/nosuch", "api/v1/crates/hello/1.0.0/download", "api/v1/crates?q=hello")
    ]

    assert statuses == [401, 401, 401, 401]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("hello/1.0.0/download", 200),
        ("HELLO/1.0.0/download", 200),
        ("hello/1.0.1/download", 404),
        ("hello/1.0.0+build/download", 404),
        ("hello/latest/download", 400),
        ("nosuch/1.0.0/download", 404),
    ],
)
async def test_only_what_was_published_is_downloaded(cargo: Cargo, path: str, status: int) -> None:
    await cargo.publish(crate())

    assert (await cargo.get(f"api/v1/crates/{path}")).status_code == status


async def test_a_crate_can_be_got_in_parts_and_is_kept_for_ever(cargo: Cargo) -> None:
    made = crate()
    await cargo.publish(made)

    whole = await cargo.get("api/v1/crates/hello/1.0.0/download")
    part = await cargo.get("api/v1/crates/hello/1.0.0/download", headers={"range": "bytes=2-5"})

    assert "immutable" in whole.headers["cache-control"]
    assert (part.status_code, part.content) == (206, made.crate[2:6])
