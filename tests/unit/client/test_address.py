from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.client import Address, Misuse
from entrepot.model.digest import Digest

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "view", "format", "package", "name", "digest"),
    [
        ("acme/pkg", "acme", None, "pkg", None, None),
        ("acme/pkg:1.0", "acme", None, "pkg", "1.0", None),
        ("acme.prod/team/api:1.4", "acme.prod", None, "team/api", "1.4", None),
        (f"acme/pkg@{DIGEST}", "acme", None, "pkg", None, DIGEST),
        (f"acme/pkg:1.0@{DIGEST}", "acme", None, "pkg", "1.0", DIGEST),
        (f"acme/pkg@sha512:{'b' * 128}", "acme", None, "pkg", None, f"sha512:{'b' * 128}"),
        ("acme/generic/pkg:1.0", "acme", "generic", "pkg", "1.0", None),
        ("acme/oci/team/api:1.0", "acme", "oci", "team/api", "1.0", None),
        ("acme/oci", "acme", None, "oci", None, None),
        ("acme/npm/@scope/pkg:1.0", "acme", "npm", "@scope/pkg", "1.0", None),
        ("acme/maven/org.example:lib:1.0", "acme", "maven", "org.example:lib", "1.0", None),
        ("acme/pkg:2.0+build.5", "acme", None, "pkg", "2.0+build.5", None),
    ],
)
def test_reads_what_people_write(
    text: str, view: str, format: str | None, package: str, name: str | None, digest: str | None
) -> None:
    address = Address.parse(text)

    assert (str(address.view), address.format, address.package) == (view, format, package)
    assert address.name == name
    assert address.digest == (None if digest is None else Digest.parse(digest))


def test_a_format_may_be_said_beside_it() -> None:
    assert Address.parse("acme/pkg:1", format="oci") == Address.parse("acme/oci/pkg:1")
    assert Address.parse("acme/oci/pkg:1", format="oci") == Address.parse("acme/oci/pkg:1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pkg",
        "pkg:1.0",
        "/pkg:1.0",
        "acme/",
        "acme/:1.0",
        "acme/pkg:",
        "acme/pkg:a b",
        "acme/pkg@sha256:123",
        "Acme/pkg:1.0",
        "acme./pkg:1.0",
        "acme/../pkg:1.0",
        "acme/a//b",
        "acme/a/-/b",
        "acme/a b:1",
        "acme/a?x=1",
        "acme/pkg\n:1",
        "localhost:8080/acme/pkg:1.0",
        "https://registry.example.com/acme/pkg:1.0",
    ],
)
def test_refuses_what_is_no_package_and_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(Misuse) as refused:
        Address.parse(text)

    assert repr(text)[1:-1] in str(refused.value)
    assert "expected" in str(refused.value) or "acme/pkg:1.0" in str(refused.value)


def test_two_formats_are_misuse() -> None:
    with pytest.raises(Misuse, match="says generic, and --format says oci"):
        Address.parse("acme/generic/pkg:1.0", format="oci")


def test_an_unknown_format_is_misuse() -> None:
    with pytest.raises(Misuse, match="no format 'zip'"):
        Address.parse("acme/pkg:1.0", format="zip")


def test_what_names_no_version_says_how_to() -> None:
    with pytest.raises(Misuse, match="write acme/pkg:VERSION"):
        Address.parse("acme/pkg").reference  # noqa: B018 - it raises


_part = st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*", fullmatch=True)


@given(
    namespace=st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True),
    channel=st.none() | st.just("prod"),
    format=st.none() | st.sampled_from(["oci", "generic", "pypi"]),
    package=st.lists(_part, min_size=1, max_size=3).map("/".join),
    name=st.none() | st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._+-]{0,9}", fullmatch=True),
    digest=st.none() | st.just(DIGEST),
)
def test_it_prints_as_what_it_parses(
    namespace: str, channel: str | None, format: str | None, package: str, name: str | None, digest: str | None
) -> None:
    view = namespace if channel is None else f"{namespace}.{channel}"
    path = f"{view}/{package}" if format is None else f"{view}/{format}/{package}"
    text = path + ("" if name is None else f":{name}") + ("" if digest is None else f"@{digest}")

    assert str(Address.parse(text)) == text
    assert Address.parse(str(Address.parse(text))) == Address.parse(text)
