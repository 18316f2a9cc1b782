"""Whose package is it: what advisories call an ecosystem, what package URLs call it, and how its versions are ordered.

https://ossf.github.io/osv-schema/#affectedpackage-field, https://github.com/package-url/purl-spec (PURL-TYPES).
Advisories say ``Debian:12`` and ``curl``; a package URL says ``pkg:deb/debian/libcurl4@7.88.1?distro=debian-12&upstream=curl``.
Both become a `Subject`: the ecosystem's one name here, the release of the distribution, and the name of the package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.advisory import Subject
from entrepot.model.errors import InvalidName

if TYPE_CHECKING:
    from entrepot.model.purl import Purl

_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class _Family:
    ecosystem: str
    order: str | None
    release_parts: int = 0
    """How many numbers tell one release of a distribution from another."""
    ignores_case: bool = False


_LANGUAGES: Final = {
    "bitnami": _Family("bitnami", "semver"),
    "conancenter": _Family("conan", "semver"),
    "cran": _Family("cran", "dotted"),
    "github actions": _Family("githubactions", "semver", ignores_case=True),
    # Package URLs of Go are in lower case.
    "go": _Family("golang", "golang", ignores_case=True),
    "hackage": _Family("hackage", "dotted"),
    "hex": _Family("hex", "semver", ignores_case=True),
    "julia": _Family("julia", "semver"),
    "maven": _Family("maven", "maven"),
    "npm": _Family("npm", "semver"),
    "nuget": _Family("nuget", "nuget", ignores_case=True),
    "packagist": _Family("composer", "composer", ignores_case=True),
    "pub": _Family("pub", "semver", ignores_case=True),
    "pypi": _Family("pypi", "pep440", ignores_case=True),
    "rubygems": _Family("gem", "gem"),
    "swifturl": _Family("swift", "semver", ignores_case=True),
}
_RUST: Final = _Family("cargo", "semver")

_DISTRIBUTIONS: Final = {
    "alma": _Family("almalinux", "rpm", 1),
    "almalinux": _Family("almalinux", "rpm", 1),
    "alpaquita": _Family("alpaquita", "apk"),
    "alpine": _Family("alpine", "apk", 2),
    "azure linux": _Family("azurelinux", "rpm", 1),
    "azurelinux": _Family("azurelinux", "rpm", 1),
    "chainguard": _Family("chainguard", "apk"),
    "debian": _Family("debian", "dpkg", 1),
    "fedora": _Family("fedora", "rpm", 1),
    "mageia": _Family("mageia", "rpm", 1),
    "mariner": _Family("mariner", "rpm", 1),
    "minimos": _Family("minimos", "apk"),
    "openeuler": _Family("openeuler", "rpm", 2),
    "opensuse": _Family("opensuse", "rpm", 2),
    "photon": _Family("photon", "rpm", 1),
    "photon os": _Family("photon", "rpm", 1),
    "red hat": _Family("redhat", "rpm", 1),
    "redhat": _Family("redhat", "rpm", 1),
    "rhel": _Family("redhat", "rpm", 1),
    "rocky": _Family("rocky", "rpm", 1),
    "rocky linux": _Family("rocky", "rpm", 1),
    "sles": _Family("suse", "rpm", 2),
    "suse": _Family("suse", "rpm", 2),
    "ubuntu": _Family("ubuntu", "dpkg", 2),
    "wolfi": _Family("wolfi", "apk"),
}
_SYSTEM_TYPES: Final = frozenset({"apk", "deb", "rpm"})

_CODE_NAMES: Final = {
    "debian": {
        "jessie": "8",
        "stretch": "9",
        "buster": "10",
        "bullseye": "11",
        "bookworm": "12",
        "trixie": "13",
        "forky": "14",
        "duke": "15",
    },
    "ubuntu": {
        "trusty": "14.04",
        "xenial": "16.04",
        "bionic": "18.04",
        "focal": "20.04",
        "jammy": "22.04",
        "noble": "24.04",
        "resolute": "26.04",
    },
}

_NUMBERS: Final = re.compile(r"[0-9]+(?:(?:\.| SP)[0-9]+)*")
_PYPI_SEPARATORS: Final = re.compile(r"[-_.]+")
_EPOCH: Final = re.compile(r"[0-9]{1,10}")

_ORDERS: Final = {
    family.ecosystem: family.order for family in (*_LANGUAGES.values(), _RUST, *_DISTRIBUTIONS.values()) if family.order
}
_BY_TYPE: Final = {family.ecosystem: family for family in (*_LANGUAGES.values(), _RUST)}


def order_of(ecosystem: str) -> str | None:
    """The name of the order of an ecosystem's versions (`versions.ORDERS`); None when nobody knows."""
    return _ORDERS.get(ecosystem)


def parse_subject(ecosystem: str, name: str) -> Subject:
    """Read what an advisory calls a package. Raises `InvalidName`.

    An ecosystem nobody has heard of keeps its name, in lower case: its packages are found by it, and nothing else.
    """
    if not (0 < len(ecosystem) <= _LONGEST and 0 < len(name) <= _LONGEST):
        raise InvalidName(f"{ecosystem[:80]}: {name[:80]}", expected=f"names of 1 to {_LONGEST} characters")
    text, _, suffix = ecosystem.partition(":")
    word = text.strip().lower()
    if word in _DISTRIBUTIONS:
        family = _DISTRIBUTIONS[word]
        return Subject(family.ecosystem, name, _release(family, suffix))
    # The name of Rust's ecosystem is that of its registry.
    language = _RUST if word.startswith("crates") else _LANGUAGES.get(word)
    return Subject(word, name) if language is None else Subject(language.ecosystem, _canonical(language, name))


def subject_of(purl: Purl) -> Subject:
    """What advisories would call the package of a purl: of distributions, the source package."""
    if purl.type in _SYSTEM_TYPES:
        family = _DISTRIBUTIONS.get(purl.namespace or "")
        if family is None:
            return Subject(purl.namespace or purl.type, _source(purl)[0])
        return Subject(family.ecosystem, _source(purl)[0], _release(family, purl.qualifier("distro") or ""))
    whole = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
    family = _BY_TYPE.get(purl.type)
    return Subject(purl.type, whole) if family is None else Subject(family.ecosystem, _canonical(family, whole))


def version_of(purl: Purl) -> str | None:
    """The version that an advisory would mean: of distributions that of the source package, with its epoch."""
    if purl.type not in _SYSTEM_TYPES:
        return purl.version
    version = _source(purl)[1] or purl.version
    epoch = purl.qualifier("epoch")
    if version is not None and purl.type == "rpm" and epoch and _EPOCH.fullmatch(epoch) and ":" not in version:
        return f"{epoch}:{version}"
    return version


def _source(purl: Purl) -> tuple[str, str | None]:
    """The source package's name, and its version where it is another than the package's."""
    upstream = purl.qualifier("upstream") or ""
    # RPM's advisories are about the packages as they are installed; there ``upstream`` is the file of the source.
    if purl.type == "rpm" or not upstream:
        return purl.name, None
    name, _, version = upstream.partition("@")
    return name, version or None


def _canonical(family: _Family, name: str) -> str:
    text = name.strip()
    if family.ecosystem == "maven":
        text = text.replace(":", "/", 1)
    if family.ecosystem == "pypi":
        # https://packaging.python.org/specifications/name-normalization/
        text = _PYPI_SEPARATORS.sub("-", text)
    return text.lower() if family.ignores_case else text


def _release(family: _Family, text: str) -> str:
    """``12`` of ``debian-12.5``, ``bookworm`` and ``12``; ``15.5`` of ``Linux Enterprise Server 15 SP5``."""
    word = text.strip().lower()
    known = _CODE_NAMES.get(family.ecosystem, {}).get(word.rpartition("-")[2])
    numbers = _NUMBERS.search(known or text)
    if not family.release_parts or not word:
        return ""
    if numbers is None:
        return word.rpartition("-")[2]
    return ".".join(re.findall("[0-9]+", numbers[0])[: family.release_parts])
