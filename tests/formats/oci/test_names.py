"""What a ``<name>`` stands for: a view and a package, perhaps of another format. OCI distribution, "Pulling manifests"."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.oci.names import decode, encode, namespace_of, parse_name, print_name
from entrepot.formats.oci.rules import OciRules
from entrepot.model.errors import InvalidName, InvalidReference
from entrepot.model.names import FormatName, PackageId, PackageName, View
from entrepot.testing.builders import package
from tests.formats.oci.conversation import Client, Registry, manifest_answer
from tests.formats.oci.documents import image

COMPONENT = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
NAME = re.compile(rf"{COMPONENT}(\/{COMPONENT})*")
"""The specification's own expression."""
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


class AnyName:
    """The rules of a format that allows whatever there may be in a path."""

    format = FormatName("other")

    def normalize(self, name: str) -> PackageName:
        if name in ("", "refused"):
            raise InvalidName(name)
        return PackageName(name)


FORMATS = {FormatName("oci"): OciRules(), FormatName("other"): AnyName()}


# --- which there are ---

GOOD = [
    "a",
    "0",
    "a.b",
    "a_b",
    "a__b",
    "a-b",
    "a---b",
    "a/b",
    "a.b/c_d/e__f/g--h",
    "0/1/2",
    "a" * 250,
    "a/" * 120 + "a",
]
BAD = [
    "",
    "A",
    "a.",
    ".a",
    "a..b",
    "a___b",
    "_a",
    "a_",
    "-a",
    "a-",
    "a.-b",
    "a//b",
    "/a",
    "a/",
    "a b",
    "é",
    "a:b",
    "a@b",
]


@pytest.mark.parametrize("name", GOOD)
async def test_whatever_the_grammar_allows_is_a_packages_name(client: Client, name: str) -> None:
    """[a-z0-9]+ with single separators between, of several components; behind a namespace."""
    assert NAME.fullmatch(name)

    pushed = await client.push(image(b"layer"), "latest", name=f"acme/{name}")

    assert await client.get(f"/v2/acme/{name}/manifests/latest") == manifest_answer(pushed)


@pytest.mark.parametrize("name", [*BAD, "a" * 256])
async def test_whatever_it_does_not_allow_is_none(client: Client, name: str) -> None:
    """400 NAME_INVALID to reading, to writing, and to deleting."""
    assert NAME.fullmatch(name) is None or len(name) > 255

    for method, target in (("GET", "tags/list"), ("POST", "blobs/uploads/"), ("DELETE", "manifests/latest")):
        answer = await client.ask(method, f"/v2/acme/{name}/{target}")
        assert answer.refusal == (400, "NAME_INVALID")


@pytest.mark.parametrize("namespace", ["a_b", "a.b.c", "a--b", "A", "a-", "a" * 64, "é"])
async def test_a_namespace_has_a_narrower_grammar(registry: Registry, namespace: str) -> None:
    """Its name is a label; a dot separates a channel's. 400 NAME_INVALID."""
    answer = await registry.client("administrator").get(f"/v2/{namespace}/api/tags/list")

    assert answer.refusal == (400, "NAME_INVALID")


@given(st.text(alphabet="ab0._-/A é", max_size=12))
def test_the_grammar_of_names_is_the_specifications(text: str) -> None:
    """Every name that its expression matches, and no other."""
    try:
        accepted = OciRules().normalize(text) == text
    except InvalidName:
        accepted = False

    assert accepted == (NAME.fullmatch(text) is not None)


@given(st.text(alphabet="aZ0._-+/: é", max_size=6) | st.integers(100, 200).map("a".__mul__))
def test_the_grammar_of_tags_is_the_specifications(text: str) -> None:
    """Every tag that its expression matches, and no other."""
    try:
        accepted = OciRules().parse_version(text) == text
    except InvalidReference:
        accepted = False

    assert accepted == (TAG.fullmatch(text) is not None)


# --- what they stand for ---


@pytest.mark.parametrize(
    ("text", "view", "meant"),
    [
        ("acme/api", "acme", package("acme/api")),
        ("acme/team/api", "acme", package("acme/team/api")),
        ("acme.prod/team/api", "acme.prod", package("acme/team/api")),
        ("alpine", "library", package("library/alpine")),
        ("library/alpine", "library", package("library/alpine")),
        ("acme/other/Requests", "acme", package("acme/Requests", format="other")),
        ("acme.prod/other/a", "acme.prod", package("acme/a", format="other")),
        ("acme/other/a/b", "acme", package("acme/a/b", format="other")),
        ("acme/other", "acme", package("acme/other")),
        ("acme/oci/api", "acme", package("acme/oci/api")),
        ("acme/another/api", "acme", package("acme/another/api")),
        ("acme/team/other/api", "acme", package("acme/team/other/api")),
        ("other", "library", package("library/other")),
        ("other/api", "other", package("other/api")),
    ],
)
def test_a_name_stands_for_a_view_and_a_package(text: str, view: str, meant: PackageId) -> None:
    """The first component is the view, the second may be a format; one alone is of ``library``."""
    if "Requests" in text:
        text = f"acme/other/{encode('Requests')}"

    assert parse_name(text, FORMATS) == (View.parse(view), meant)


@pytest.mark.parametrize("text", ["acme/other/", "acme/other/refused", "acme/other/x--", "/api", "acme/", "Acme/api"])
def test_what_stands_for_nothing_is_refused(text: str) -> None:
    """Also what the other format's own rules refuse."""
    with pytest.raises(InvalidName):
        parse_name(text, FORMATS)


@pytest.mark.parametrize(
    "text", ["acme/api", "acme.prod/team/api", "library/alpine", "acme/other/x--54ool", "acme/other/a/b"]
)
def test_a_name_is_printed_as_it_is_read(text: str) -> None:
    """str(parse(x)) == x."""
    assert print_name(*parse_name(text, FORMATS)) == text


@pytest.mark.parametrize(
    ("path", "namespace"),
    [
        ({"name": "acme/api"}, "acme"),
        ({"name": "acme.prod/api"}, "acme"),
        ({"name": "alpine"}, "library"),
        ({"name": "Not/A name"}, "Not"),
        ({}, None),
    ],
)
def test_the_namespace_is_known_before_anything_is_checked(path: dict[str, str], namespace: str | None) -> None:
    """Whose caches an answer belongs to."""
    assert namespace_of(path) == namespace


# --- names of other formats ---

NAMES_OF_OTHERS = st.text(
    alphabet=st.one_of(st.sampled_from("abxX012._-/+ ~@"), st.characters(exclude_categories=("Cs",))), min_size=1
)


@given(NAMES_OF_OTHERS)
def test_every_name_of_another_format_has_a_spelling_in_ocis_grammar(name: str) -> None:
    """And is what that spelling is read as; empty components alone have none."""
    spelling = encode(name)

    assert decode(spelling) == name
    if "" not in name.split("/"):
        assert NAME.fullmatch(spelling)


@given(NAMES_OF_OTHERS, NAMES_OF_OTHERS)
def test_no_two_names_have_one_spelling(one: str, other: str) -> None:
    """So nobody gets a package's address by choosing another name."""
    assert (encode(one) == encode(other)) == (one == other)


@given(st.text(alphabet="abx0._-/5f4", max_size=12))
def test_every_spelling_stands_for_one_name_at_most(text: str) -> None:
    """What is not exactly as `encode` writes it is refused."""
    try:
        name = decode(text)
    except InvalidName:
        return

    assert encode(name) == text


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("requests", "requests"),
        ("Tool_v2", "x--54ool_v2"),
        ("tool+x", "tool--2bx"),
        ("@scope/pkg", "x--40scope/pkg"),
        ("a..b", "a--2e--2eb"),
        ("-a-", "x--2da--2d"),
        ("x", "x"),
        ("x-a", "x-a"),
        ("x--54", "x--78--2d--2d54"),
        ("é", "x--c3--a9"),
        ("a__b", "a--5f--5fb"),
        ("x_", "x--78--5f"),
    ],
)
def test_a_spelling_is_this(name: str, spelling: str) -> None:
    """These are in addresses that people keep: they stay what they are."""
    assert (encode(name), decode(spelling)) == (spelling, name)


@pytest.mark.parametrize("text", ["x--7a", "x--zz", "x--c3", "a--2", "x--54OOL", "a--61", "x--ff", "x--54ool--", "A"])
def test_a_spelling_that_is_not_the_one_is_refused(text: str) -> None:
    """Escapes where none are needed, of no character, or cut short."""
    with pytest.raises(InvalidName):
        decode(text)
