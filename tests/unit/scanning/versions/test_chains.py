"""Orders of versions, by the examples that their specifications give, and by what advisories and machines write."""

from __future__ import annotations

import itertools

import pytest

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions import ORDERS

CHAINS = {
    # semver.org, 11.4
    "semver": "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.2 1.2.1",
    "golang": "v0.0.0-20190308221718-c2843e01d9a2 v0.1.0 1.20 go1.21rc2 1.21.0 go1.21.3 v2.0.0+incompatible",
    # PEP 440, "Summary of permitted suffixes and relative ordering"
    "pep440": "1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12 1.0b1.dev456 1.0rc1 1.0 1.0+abc.5 1.0.post456 1.1.dev1 1!0.1",
    # The manual page deb-version(7).
    "dpkg": "1.0~~ 1.0~~a 1.0~ 1.0 1.0-1~deb12u1 1.0-1 1.0-1+deb12u1 1.0a 1.0+b1 1.0.1 1:0.1",
    # rpm's own tests of rpmvercmp
    "rpm": "1.0~rc1 1.0~rc1^git1 1.0 1.0^ 1.0^20160101 1.0a 1.0.1 2.0 2.0-1.el9 2.0-1.el9_3 2_0.1 5.5p1 5.5p10 10abc 10.1 1:0.1",
    # apk-tools' version.data
    "apk": "0.5_alpha 0.5_alpha1 0.5_beta 0.5_rc1 0.5 0.5-r1 0.5_p1 0.5_p1-r2 0.5b 0.5.1 0.12.0 1.01 1.1 1.10 2.0",
    # Gem::Version's documentation
    "gem": "1.0.a 1.0.a.2 1.0.b1 1.0 1.0.1.a 1.0.1 1.0.2 1.0.10 1.1",
    # learn.microsoft.com/nuget/concepts/package-versioning
    "nuget": "1.0.1-aaa 1.0.1-Alpha 1.0.1-alpha.2 1.0.1-alpha.10 1.0.1-beta 1.0.1-rc.10 1.0.1 1.0.1.1 1.1",
    "maven": "1.0-alpha-1 1.0-beta 1.0-m1 1.0-rc1 1.0-SNAPSHOT 1.0 1.0-sp1 1.0-jre 1.0.1 1.1",
    "composer": "1.0.0-dev 1.0.0-alpha1 1.0.0-beta1-dev 1.0.0-beta1 1.0.0-RC1 1.0.0 1.0.0-p1 1.0.1 v1.10.0",
    "dotted": "1.0 1.0-1 1.0-2 1.0.10 1.2",
}
EQUAL = {
    "semver": "1.2.3 v1.2.3 =1.2.3 1.2.3+build.5",
    "golang": "v2.0.0 2.0.0 v2.0.0+incompatible",
    "pep440": "1.0 1 1.0.0 v1.0",
    "dpkg": "1.0 0:1.0 1.0-0 01.0",
    "rpm": "1.0 0:1.0 1_0 1.0.",
    "gem": "1 1.0 1.0.0",
    "nuget": "1.0 1.0.0 1.0.0.0 v1.0 1.0+abc",
    "maven": "1.0 1 1.0.0 1-ga 1.0-final 1.RELEASE",
    "composer": "1.0 1.0.0.0 v1.0 1.0-stable",
}


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_versions_are_in_their_ecosystem_s_order(name: str) -> None:
    keys = [ORDERS[name](version) for version in CHAINS[name].split()]

    for (at, left), (other, right) in itertools.combinations(enumerate(keys), 2):
        assert left < right, CHAINS[name].split()[at : other + 1]


@pytest.mark.parametrize("name", sorted(EQUAL))
def test_one_version_is_written_in_several_ways(name: str) -> None:
    first, *others = [ORDERS[name](version) for version in EQUAL[name].split()]

    assert not any(first < other or other < first for other in others)


def test_a_bound_that_is_older_than_pep_440_has_its_place() -> None:
    order = ORDERS["pep440"]

    assert order("0.2.0") < order("0.2.0-n653") < order("0.2.0-n700") < order("0.2.1")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("semver", "latest"),
        ("semver", "1.2.3.4"),
        ("semver", "1.2.3-"),
        ("golang", "(devel)"),
        ("pep440", "unknown"),
        ("dpkg", "-1"),
        ("rpm", "1.0-1-1"),
        ("apk", "1.0-r"),
        ("gem", "a.1"),
        ("nuget", "1.2.3.4.5"),
        ("composer", "dev-main"),
        ("dotted", "1.a"),
        ("maven", ""),
        ("maven", "1" * 300),
        ("pep440", "١.٢"),  # digits, to Python  # noqa: RUF001 (that is the point)
    ],
)
def test_what_is_no_version_is_refused(name: str, version: str) -> None:
    with pytest.raises(InvalidReference):
        ORDERS[name](version)
