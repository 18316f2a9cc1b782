"""Every name has exactly one spelling in OCI's grammar, and every spelling at most one name."""

from __future__ import annotations

import re

from hypothesis import assume, example, given
from hypothesis import strategies as st

from entrepot.formats import discover
from entrepot.formats.oci.names import decode, encode, namespace_of, parse_name, print_name
from entrepot.formats.oci.rules import OciRules
from entrepot.model.errors import InvalidName
from entrepot.model.names import FormatName, PackageId, PackageName, View
from tests.laws.strategies import LABELS, VIEWS

FORMATS = {each.rules.format: each.rules for each in discover()}
OCI_NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
"""OCI distribution specification 1.1.1, "Pulling manifests"."""

COMPONENTS = st.text("xaZ0-_.+é@ ", min_size=1, max_size=8) | st.text(min_size=1, max_size=5).filter(
    lambda text: "/" not in text and text.isprintable()
)
NAMES = st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join)
SPELLINGS = st.text("xa0-_./2defE", max_size=12)


@given(NAMES)
@example("x")
@example("x-")
@example("xX")
@example("x--2d")
@example("--2d")
@example("Tool_v2")
@example("a__b")
@example("a.-b")
def test_a_name_is_spelled_reversibly_in_the_grammar(name: str) -> None:
    spelled = encode(name)

    assert decode(spelled) == name
    assert OCI_NAME.fullmatch(spelled)


@given(NAMES, NAMES)
def test_two_names_have_two_spellings(one: str, two: str) -> None:
    assume(one != two)

    assert encode(one) != encode(two)


@given(SPELLINGS)
@example("a--2E")
@example("a--2e2")
@example("x--61")
@example("a-- 2")
@example("x")
@example("xx--58")
def test_every_other_spelling_is_refused(spelling: str) -> None:
    try:
        name = decode(spelling)
    except InvalidName:
        return
    assert encode(name) == spelling


@given(st.lists(st.from_regex(r"[a-z0-9]{1,5}([._-][a-z0-9]{1,5}){0,2}", fullmatch=True), min_size=1, max_size=3))
def test_a_name_that_oci_allows_is_mostly_its_own_spelling(components: list[str]) -> None:
    name = "/".join(components)

    assert encode(name) == name


@given(VIEWS, st.lists(LABELS, min_size=1, max_size=3).map("/".join))
def test_an_oci_package_reads_what_it_prints(view: View, name: str) -> None:
    package = PackageId(view.namespace, FormatName("oci"), PackageName(name))
    assume(name.partition("/")[0] not in FORMATS or "/" not in name or name.startswith("oci/"))

    printed = print_name(view, package)

    assert parse_name(printed, FORMATS) == (view, package)
    assert namespace_of({"name": printed}) == view.namespace


@given(VIEWS, st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True))
def test_a_package_of_another_format_reads_what_it_prints(view: View, name: str) -> None:
    package = PackageId(view.namespace, FormatName("generic"), PackageName(name))

    printed = print_name(view, package)

    assert parse_name(printed, FORMATS) == (view, package)
    OciRules().normalize(printed.partition("/")[2])


@given(st.text("ab.-_/A", max_size=20) | st.text(max_size=10))
def test_what_is_read_as_a_name_prints_as_one_that_means_the_same(text: str) -> None:
    try:
        view, package = parse_name(text, FORMATS)
    except InvalidName:
        return

    assert parse_name(print_name(view, package), FORMATS) == (view, package)
    assert namespace_of({"name": text}) == view.namespace
