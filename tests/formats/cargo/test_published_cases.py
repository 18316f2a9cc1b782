"""What Cargo's and another registry's published tests ask of a registry, asked of ours.

The cases are those of Cargo's ``tests/testsuite`` (``publish.rs``, ``registry.rs``, ``registry_auth.rs``,
``alt_registry.rs``, ``search.rs``) that a server answers, and Gitea's
(``tests/integration/api_packages_cargo_test.go``); each test names its own.
Theirs that are not here are asserted in the files beside this one, which say so, or with the real client in
``tests/clients/test_cargo.py``.
Where they expect something else than we do, the test says why.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.formats.cargo.conftest import ROOT, Cargo, detail
from tests.formats.cargo.crates import Needs, crate, frame

SEARCH = "api/v1/crates"


# --- Cargo, publish.rs ---


async def test_the_index_says_that_there_is_nothing_until_there_is(cargo: Cargo) -> None:
    """Case "wait_for_first_publish", also "underscore", and "wait_for_subsequent_publish": clients ask until they find it."""
    before = await cargo.get("he/ll/hello_world")
    await cargo.publish(crate("hello_world", "1.0.0"))
    first = await cargo.get("he/ll/hello_world", headers={"cache-control": "no-cache"})
    await cargo.publish(crate("hello_world", "1.1.0"))

    second = await cargo.get("he/ll/hello_world", headers={"if-none-match": first.headers["etag"]})

    assert (before.status_code, first.status_code, second.status_code) == (404, 200, 200)
    assert second.text.count("\n") == 2


async def test_a_yanked_version_is_still_there_and_not_published_again(cargo: Cargo) -> None:
    """Case "duplicate_version_yanked"; the same bytes change nothing, so it stays yanked."""
    made = crate("hello", "1.0.0")
    await cargo.publish(made)
    await cargo.ask("DELETE", "api/v1/crates/hello/1.0.0/yank", by="maintainer")

    other = await cargo.publish(crate("hello", "1.0.0", description="other"))
    same = await cargo.publish(made)

    assert (other.status_code, same.status_code) == (409, 200)
    assert "hello@1.0.0" in detail(other)
    assert [line["yanked"] for line in await cargo.index("he/ll/hello")] == [True]


async def test_one_name_is_needed_in_several_ways_at_once(cargo: Cargo) -> None:
    """Case "publish_dev_dep_stripping": of every table, for a platform and for all, with features of each."""
    needs = [
        Needs("both", features=["cat"]),
        Needs("both", kind="dev", features=["cat"]),
        Needs("both", kind="build", features=["cat"]),
        Needs("both", target="cfg(unix)", features=["cat"]),
        Needs("both", kind="dev", target="cfg(unix)", features=["cat"]),
        Needs("maybe", optional=True, features=["cat"]),
        Needs("renamed10", package="real", optional=True, features=["cat"]),
    ]
    features = {"all": ["both/cat", "maybe/cat", "dep:renamed10"], "default": []}

    answer = await cargo.publish(crate("hello", "1.0.0", *needs, features=features))

    assert answer.status_code == 200, answer.text
    (line,) = await cargo.index("he/ll/hello")
    told = [(each["name"], each["kind"], each["target"], each.get("package")) for each in line["deps"]]
    assert sorted(told, key=str) == sorted(
        [
            ("both", "normal", None, None),
            ("both", "dev", None, None),
            ("both", "build", None, None),
            ("both", "normal", "cfg(unix)", None),
            ("both", "dev", "cfg(unix)", None),
            ("maybe", "normal", None, None),
            ("renamed10", "normal", None, "real"),
        ],
        key=str,
    )
    assert {**line["features"], **line["features2"]} == features


async def test_what_is_described_and_needs_no_place_in_the_index_is_taken(cargo: Cargo) -> None:
    """Case "publish simple": every field that it sends; and a field that this version of ours has not heard of."""
    made = crate("hello", "1.0.0", description="foo", license="MIT", documentation="foo", homepage="foo")
    said: dict[str, Any] = {
        "authors": ["Somebody <somebody@example.com>"],
        "badges": {"maintenance": {"status": "experimental"}},
        "categories": ["development-tools"],
        "documentation": "foo",
        "homepage": "foo",
        "keywords": ["one", "two"],
        "license_file": "LICENSE",
        "readme": "# Hello\n" * 1_000,
        "readme_file": "README.md",
        "repository": "https://git.example.com/hello",
        "unheard_of": {"a": [1]},
    }

    assert (await cargo.publish(made, **said)).status_code == 200


async def test_success_has_the_warnings_that_cargo_prints(cargo: Cargo) -> None:
    """Case "publish simple": the answer is the one that "api_other_error" and "api_error_200" are unlike."""
    answer = await cargo.publish(crate())

    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()["warnings"]) == {"invalid_categories", "invalid_badges", "other"}


# --- Cargo, registry.rs and alt_registry.rs ---


async def test_dependencies_keep_the_registry_that_they_are_from(cargo: Cargo) -> None:
    """Cases "publish_with_registry_dependency" and "depends_on_same_registry": without one it is from here."""
    other = "sparse+https://index.example.com/"
    needs = [Needs("here"), Needs("there", registry=other), Needs("git", registry="https://git.example.com/index")]

    await cargo.publish(crate("hello", "1.0.0", *needs))

    (line,) = await cargo.index("he/ll/hello")
    assert {each["name"]: each["registry"] for each in line["deps"]} == {
        "here": None,
        "there": other,
        "git": "https://git.example.com/index",
    }


async def test_a_crate_whose_versions_are_all_gone_is_not_in_the_index(cargo: Cargo) -> None:
    """Case "deleted_entry": 404, not a file without lines, which older versions of Cargo do not take."""
    await cargo.publish(crate())
    async with cargo.world.client(await cargo.world.token("maintainer", name="m")) as client:
        digest = (await client.head("/v2/acme/cargo/hello/manifests/1.0.0")).headers["docker-content-digest"]
        await client.delete(f"/v2/acme/cargo/hello/manifests/{digest}")

    assert (await cargo.get("he/ll/hello")).status_code == 404


@pytest.mark.parametrize("name", ["a-b_c", "a_b_c", "a-b-c", "A-b_c"])
async def test_each_permutation_of_a_name_is_asked_for_and_one_is_there(cargo: Cargo, name: str) -> None:
    """Case "not_found_permutations" and "mis_hyphenated": the client tries - and _, always in lower case."""
    await cargo.publish(crate(name, "1.0.0"))

    found = {
        asked: (await cargo.get(f"{asked[:2]}/{asked[2:4]}/{asked}")).status_code
        for asked in ("a-b-c", "a-b_c", "a_b-c", "a_b_c")
    }

    assert [asked for asked, status in found.items() if status == 200] == [name.lower()]
    assert set(found.values()) == {200, 404}


async def test_the_checksum_in_the_index_is_that_of_the_download(cargo: Cargo) -> None:
    """Case "bad_cksum" and "corrupted": what does not agree is not used."""
    await cargo.publish(crate())
    (line,) = await cargo.index("he/ll/hello")
    config = (await cargo.get("config.json")).json()

    got = await cargo.get(f"{config['dl'].removeprefix(f'{ROOT}/')}/hello/1.0.0/download")

    assert hashlib.sha256(got.content).hexdigest() == line["cksum"]


# --- Cargo, registry_auth.rs and search.rs ---


@pytest.mark.parametrize("path", ["config.json", "he/ll/hello", "api/v1/crates/hello/1.0.0/download", f"{SEARCH}?q=x"])
async def test_a_token_that_is_none_is_challenged_everywhere(cargo: Cargo, path: str) -> None:
    """Case "incorrect_token", "default_auth_error" and "auth_required_failure"."""
    await cargo.publish(crate())
    wrong = "ent_bot_" + "0" * 36

    for headers in ({}, {"authorization": wrong}, {"authorization": f"Bearer {wrong}"}):
        answer = await cargo.get(path, by=None, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Cargo login_url="')
        assert wrong not in answer.text


async def test_a_token_may_say_that_it_is_a_bearer_s(cargo: Cargo) -> None:
    """Case "incorrect_token_bearer_scheme": Cargo sends what its user saved, some of them with the scheme."""
    token = await cargo.world.token("reader", name="r")

    for text in (token, f"Bearer {token}"):
        assert (await cargo.get("config.json", by=None, headers={"authorization": text})).status_code == 200


async def test_a_search_may_have_several_words(cargo: Cargo) -> None:
    """Case "multiple_query_params"."""
    for name in ("postgres", "postgres-sql", "sql", "other"):
        await cargo.publish(crate(name, "1.0.0"))

    for query in ("postgres+sql", "postgres%20sql"):
        found = (await cargo.get(f"{SEARCH}?q={query}&per_page=10")).json()
        assert [each["name"] for each in found["crates"]] == ["postgres-sql"]


async def test_a_result_without_a_description_says_null(cargo: Cargo) -> None:
    """Case "simple" of search.rs: each has a name, a version and a description, of which Cargo prints the first line."""
    await cargo.publish(crate("hello", "1.0.0"))
    await cargo.publish(crate("hello-two", "1.0.0", description="one\ntwo"))

    found = (await cargo.get(f"{SEARCH}?q=hello")).json()

    assert [each["description"] for each in found["crates"]] == [None, "one\ntwo"]


# --- Gitea, TestPackageCargo ---

PACKAGE = "cargo-package"
INDEX = "ca/rg/cargo-package"


async def published(cargo: Cargo) -> None:
    made = crate(PACKAGE, "1.0.3", Needs("dep", registry="https://git.example.com/index"), description="Description")
    assert (await cargo.publish(made)).status_code == 200


@pytest.mark.parametrize(("name", "version"), [("0test", "1.0.0"), ("test", "-1.0.0")])
async def test_a_wrong_name_or_version_is_refused(cargo: Cargo, name: str, version: str) -> None:
    """Case "InvalidNameOrVersion"."""
    answer = await cargo.publish(crate(name, version))

    assert answer.status_code == 400
    assert detail(answer)


@pytest.mark.parametrize("crate_", [b"te", b"test"], ids=["short", "whole"])
async def test_a_crate_is_as_long_as_it_says_and_is_one(cargo: Cargo, crate_: bytes) -> None:
    """Case "InvalidContent"; and "Valid", which takes four letters for a crate, as no Cargo could."""
    body = frame(b'{"name":"test","vers":"1.0.0"}', b"test")

    answer = await cargo.send(body[:-4] + crate_)

    assert answer.status_code == 400
    assert "artifact.published" not in await cargo.world.events()


async def test_a_line_of_the_index_says_what_was_published(cargo: Cargo) -> None:
    """Case "Index/HTTP/Entry"; a requirement is written as Cargo does, where there it stays "1.0"."""
    await published(cargo)

    (line,) = await cargo.index(INDEX)

    assert (line["name"], line["vers"], line["yanked"]) == (PACKAGE, "1.0.3", False)
    assert line["deps"] == [
        {
            "name": "dep",
            "req": "^1.0",
            "features": [],
            "optional": False,
            "default_features": True,
            "target": None,
            "kind": "normal",
            "registry": "https://git.example.com/index",
        }
    ]


@pytest.mark.parametrize(
    ("query", "total", "found"),
    [
        ("", 1, 1),
        ("q=", 1, 1),
        ("q=&page=1&per_page=10", 1, 1),
        ("q=cargo&page=1", 1, 1),
        ("q=cargo&page=1&per_page=10", 1, 1),
        ("q=cargo&page=2&per_page=10", 1, 0),
        ("q=test&per_page=10", 0, 0),
    ],
)
async def test_a_search_says_how_many_there_are_and_gives_a_page(
    cargo: Cargo, query: str, total: int, found: int
) -> None:
    """Case "Search"; it takes a page 0 for the first, and 0 to a page for as many as usual, which we refuse."""
    await published(cargo)

    answer: dict[str, Any] = (await cargo.get(f"{SEARCH}?{query}")).json()

    assert (answer["meta"]["total"], len(answer["crates"])) == (total, found)


async def test_owners_have_a_number_a_login_and_a_name(cargo: Cargo) -> None:
    """Case "ListOwners"; there anybody may ask, here whoever may read the crate."""
    await published(cargo)

    answer = await cargo.get(f"{SEARCH}/{PACKAGE}/owners", by="publisher")

    (owner,) = answer.json()["users"]
    assert isinstance(owner["id"], int)
    assert owner["login"] == "publisher-robot"
    assert "name" in owner
    assert (await cargo.get(f"{SEARCH}/{PACKAGE}/owners", by=None)).status_code == 401
