"""Advisories and package URLs name the same packages."""

from __future__ import annotations

import pytest

from entrepot.model.advisory import Subject
from entrepot.model.errors import InvalidName
from entrepot.model.purl import Purl
from entrepot.scanning.ecosystems import parse_subject, subject_of, version_of


@pytest.mark.parametrize(
    ("ecosystem", "name", "purl"),
    [
        ("PyPI", "Typing_Extensions", "pkg:pypi/typing-extensions@4"),
        ("npm", "@acme/lib", "pkg:npm/%40acme/lib@1"),
        ("Go", "github.com/Acme/lib/v2", "pkg:golang/github.com/acme/lib/v2@v2.0.0"),
        ("Go", "stdlib", "pkg:golang/stdlib@1.21.3"),
        ("Maven", "org.acme:lib", "pkg:maven/org.acme/lib@1"),
        ("Packagist", "acme/lib", "pkg:composer/acme/lib@1"),
        ("NuGet", "Acme.Lib", "pkg:nuget/acme.lib@1"),
        ("RubyGems", "rails", "pkg:gem/rails@7"),
        ("Debian:12", "curl", "pkg:deb/debian/libcurl4@7.88.1-10?distro=debian-12.5&upstream=curl"),
        ("Debian:12", "curl", "pkg:deb/debian/curl@7.88.1-10?distro=bookworm"),
        ("Ubuntu:22.04:LTS", "curl", "pkg:deb/ubuntu/curl@7.81.0?distro=jammy"),
        ("Ubuntu:Pro:22.04:LTS", "curl", "pkg:deb/ubuntu/curl@7.81.0?distro=ubuntu-22.04"),
        ("Alpine:v3.20", "openssl", "pkg:apk/alpine/libcrypto3@3.3.1-r0?distro=alpine-3.20.1&upstream=openssl"),
        ("Rocky Linux:9", "openssl", "pkg:rpm/rocky/openssl@3.0.7?distro=rocky-9.3&upstream=openssl-3.0.7.src.rpm"),
        ("Red Hat:enterprise_linux:9::baseos", "openssl", "pkg:rpm/redhat/openssl@3.0.7?distro=rhel-9.3"),
        ("SUSE:Linux Enterprise Server 15 SP5", "curl", "pkg:rpm/suse/curl@8?distro=sles-15.5"),
        ("openSUSE:Leap 15.5", "curl", "pkg:rpm/opensuse/curl@8?distro=opensuse-leap-15.5"),
        ("openSUSE:Tumbleweed", "curl", "pkg:rpm/opensuse/curl@8?distro=opensuse-tumbleweed"),
        ("Wolfi", "curl", "pkg:apk/wolfi/curl@8?distro=wolfi-20230201"),
    ],
)
def test_an_advisory_and_a_purl_mean_the_same_package(ecosystem: str, name: str, purl: str) -> None:
    assert parse_subject(ecosystem, name) == subject_of(Purl.parse(purl))


def test_rust_s_ecosystem_is_known_by_how_its_name_begins() -> None:
    assert parse_subject("crates.example", "time") == subject_of(Purl.parse("pkg:cargo/time@0.1.0"))


def test_an_ecosystem_that_nobody_has_heard_of_keeps_its_name() -> None:
    assert parse_subject("Linux", "Kernel") == Subject("linux", "Kernel")


def test_the_release_of_a_distribution_may_be_unsaid() -> None:
    assert subject_of(Purl.parse("pkg:deb/debian/curl@7")) == Subject("debian", "curl", "")


@pytest.mark.parametrize(
    ("purl", "version"),
    [
        ("pkg:deb/debian/libc6@2.36-9?upstream=glibc%402.36-8", "2.36-8"),
        ("pkg:deb/debian/login@1:4.13?upstream=shadow", "1:4.13"),
        ("pkg:rpm/rocky/openssl@3.0.7-25.el9?epoch=1", "1:3.0.7-25.el9"),
        ("pkg:rpm/rocky/openssl@3.0.7-25.el9?epoch=x", "3.0.7-25.el9"),
        ("pkg:pypi/requests@2.31.0", "2.31.0"),
        ("pkg:pypi/requests", None),
    ],
)
def test_the_version_is_the_one_that_advisories_mean(purl: str, version: str | None) -> None:
    assert version_of(Purl.parse(purl)) == version


@pytest.mark.parametrize(("ecosystem", "name"), [("", "a"), ("PyPI", ""), ("PyPI", "a" * 513)])
def test_a_package_without_a_name_is_refused(ecosystem: str, name: str) -> None:
    with pytest.raises(InvalidName):
        parse_subject(ecosystem, name)
