"""Each ecosystem's order is total, and is the one that an implementation by others has."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from univers import versions as oracle

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions import ORDERS

NUMBER = st.sampled_from(["0", "1", "2", "9", "10", "11", "20261122"])
PADDED = NUMBER | st.sampled_from(["00", "01", "05", "010"])
DOTTED = st.lists(PADDED, min_size=1, max_size=4).map(".".join)
CORE = st.lists(NUMBER, min_size=3, max_size=3).map(".".join)


def pieces(*parts: str, most: int = 5) -> st.SearchStrategy[str]:
    """Texts put together from few parts, so that they often differ late or not at all."""
    return st.lists(st.sampled_from(parts), min_size=0, max_size=most).map("".join)


PRE = st.lists(st.sampled_from(["alpha", "beta", "rc", "0", "1", "10", "a-b", "x"]), max_size=3).map(".".join)
SEMVER = st.builds(lambda core, pre: f"{core}-{pre}" if pre else core, CORE, PRE)
PEP440 = st.builds(
    lambda epoch, core, pre, post, dev, local: f"{epoch}{core}{pre}{post}{dev}{local}",
    st.sampled_from(["", "", "1!"]),
    DOTTED,
    st.sampled_from(["", "", "a1", "b2", "rc1", ".rc10"]),
    st.sampled_from(["", "", ".post1", "-2"]),
    st.sampled_from(["", "", ".dev1", ".dev10"]),
    st.sampled_from(["", "", "+local.1", "+2"]),
)
DEBIAN = st.builds(
    lambda epoch, core, more, revision: f"{epoch}{core}{more}{revision}",
    st.sampled_from(["", "", "0:", "1:"]),
    DOTTED,
    pieces("~", "a", "B", "+", ".", "0", "00", "1", "10", "dfsg", "rc"),
    st.sampled_from(["", "", "-0", "-1", "-1~deb12u1", "-1+deb12u1", "-1ubuntu0.1"]),
)
RPM = st.builds(
    lambda epoch, core, more, release: f"{epoch}{core}{more}{release}",
    st.sampled_from(["", "", "0:", "1:"]),
    DOTTED,
    pieces("~", "^", "a", "B", "_", ".", "0", "1", "10", "rc"),
    st.sampled_from(["", "-0", "-1", "-1.el9", "-1.el9_3", "-10.el9"]),
)
ALPINE = st.builds(
    lambda core, letter, suffix, revision: f"{core}{letter}{suffix}{revision}",
    DOTTED,
    st.sampled_from(["", "", "a", "z"]),
    st.sampled_from(["", "", "_alpha", "_alpha1", "_beta2", "_pre3", "_rc1", "_rc10", "_p1", "_p2"]),
    st.sampled_from(["", "-r0", "-r1", "-r10"]),
)
GEM = st.builds(
    lambda core, more: core + more,
    DOTTED,
    st.lists(st.sampled_from([".a", ".rc", ".0", ".1", ".b2"]), max_size=4).map("".join),
)
NUGET = st.builds(lambda core, pre: f"{core}-{pre}" if pre else core, DOTTED, PRE.map(str.title))
# What means nothing stands at the end alone: before a number, Maven's own comparison goes in circles
# (1.Final.1 < 1-alpha-1 < 1.Final < 1.Final.1).
MAVEN = st.builds(
    lambda core, more, end: core + more + end,
    DOTTED,
    st.sampled_from(["", "-alpha-1", "-beta", "-rc1", "-SNAPSHOT", "-sp1", "-jre", ".1", "-1", "-b2"]),
    st.sampled_from(["", "", ".Final", ".RELEASE"]),
)
COMPOSER = st.builds(
    lambda core, pre: f"{core}{pre}", CORE, st.sampled_from(["", "-alpha1", "-alpha2", "-beta1", "-rc1", "-rc2"])
)
LEGACY = st.builds(
    lambda core, more: core + more, DOTTED, pieces("-", "n653", "final", "x", ".", "1", "10", "rc1", most=3)
)
GO = SEMVER.map(lambda text: f"v{text}") | st.sampled_from(
    [
        "v0.0.0-20190308221718-c2843e01d9a2",
        "v0.0.0-20200622213623-75b288015ac9",
        "v1.2.3-0.20190308221718-c2843e01d9a2",
        "v1.2.3-rc.1.0.20190308221718-c2843e01d9a2",
    ]
)

STRATEGIES = {
    "apk": ALPINE,
    "composer": COMPOSER,
    "dotted": DOTTED,
    "dpkg": DEBIAN,
    "gem": GEM,
    "golang": GO,
    "maven": MAVEN,
    "nuget": NUGET,
    "pep440": PEP440 | LEGACY,
    "rpm": RPM,
    "semver": SEMVER,
}
AGREEING: dict[str, tuple[st.SearchStrategy[str], Callable[[str], Any]]] = {
    # The other has Gentoo's order, to which -r0 is nothing, and .01 the same as .010.
    "apk": (
        ALPINE.filter(lambda text: not re.search(r"-r0$|\.0[0-9]*0(?![0-9])", text)),
        oracle.AlpineLinuxVersion,
    ),
    "composer": (COMPOSER, oracle.ComposerVersion),
    "dpkg": (DEBIAN, oracle.DebianVersion),
    "gem": (GEM, oracle.RubygemsVersion),
    "golang": (GO, oracle.GolangVersion),
    # The other has not heard that RELEASE means nothing.
    "maven": (MAVEN.filter(lambda text: "RELEASE" not in text), oracle.MavenVersion),
    "nuget": (NUGET, oracle.NugetVersion),
    "pep440": (PEP440, oracle.PypiVersion),
    "rpm": (RPM, oracle.RpmVersion),
    "semver": (SEMVER, oracle.SemverVersion),
}


def sign(left: Any, right: Any) -> int:
    return -1 if left < right else 1 if left > right else 0


def test_every_order_has_its_laws() -> None:
    assert STRATEGIES.keys() == ORDERS.keys()
    assert ORDERS.keys() - AGREEING.keys() == {"dotted"}


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_an_order_is_total(name: str) -> None:
    order = ORDERS[name]

    @given(st.lists(STRATEGIES[name], min_size=3, max_size=3))
    def law(texts: list[str]) -> None:
        keys = [order(text) for text in texts]

        for left, right in itertools.permutations(keys, 2):
            assert (left < right) + (left == right) + (left > right) == 1
            assert (left < right) == (right > left)
        for first, second, third in itertools.permutations(keys, 3):
            assert not (first <= second <= third) or first <= third

    law()


@pytest.mark.parametrize("name", sorted(AGREEING))
def test_an_order_is_what_others_have_written(name: str) -> None:
    order = ORDERS[name]
    strategy, other = AGREEING[name]

    @given(strategy, strategy)
    def law(left: str, right: str) -> None:
        # Of Alpine's versions the other reads none whose first number has a leading zero.
        assume(name != "apk" or not (re.match("0[0-9]", left) or re.match("0[0-9]", right)))
        assert sign(order(left), order(right)) == sign(other(left), other(right)), (left, right)

    law()


@pytest.mark.parametrize("name", sorted(ORDERS))
@given(text=st.text(max_size=300))
def test_any_text_is_a_version_or_is_refused(name: str, text: str) -> None:
    try:
        key = ORDERS[name](text)
    except InvalidReference:
        return

    assert key == ORDERS[name](text)
