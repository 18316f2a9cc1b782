"""What ``cargo publish`` says of a crate beside sending it: JSON from outside, checked before anything is done with it.

"Publish" in The Cargo Book's "Registry Web API".
What is not needed here (the README, badges, authors) is passed over.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from entrepot.formats.cargo.rules import CrateName, parse_crate_name
from entrepot.formats.cargo.semver import Version, canonical_requirement
from entrepot.model.errors import InvalidMetadata, InvalidName
from entrepot.wire.call import decode_json

Kind = Literal["normal", "build", "dev"]

_FEATURE: Final = re.compile(r"\w[\w+.-]{0,63}")
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"
_VALUE: Final = re.compile(rf"dep:{_NAME}|{_NAME}\??/\w[\w+.-]{{0,63}}|\w[\w+.-]{{0,63}}")
_ALIAS: Final = re.compile(_NAME)
_LONGEST: Final = 1024
_URL: Final = re.compile(r"[!-~]{1,1024}")


class Dependency(msgspec.Struct, frozen=True):
    """One dependency, by the names of the publish request (the index has others)."""

    name: str
    """The crate's real name."""
    version_req: str
    features: list[str] = []
    optional: bool = False
    default_features: bool = True
    target: str | None = None
    kind: Kind | None = "normal"
    registry: str | None = None
    """The index that it is in; None for the one that is published to."""
    explicit_name_in_toml: str | None = None
    """What the crate calls it, when that is not its name."""


class Announcement(msgspec.Struct, frozen=True):
    """What is read of the JSON."""

    name: str
    vers: str
    deps: list[Dependency] = []
    features: dict[str, list[str]] = {}
    links: str | None = None


def read_announcement(content: bytes) -> tuple[CrateName, Version, Announcement]:
    """Read the JSON. Raises `Invalid`, `InvalidName`, `InvalidReference`, `InvalidMetadata`."""
    said = decode_json(content, Announcement)
    name, version = parse_crate_name(said.name), Version.parse(said.vers)
    for dependency in said.deps:
        _check_dependency(dependency)
    check_features(said.features)
    if said.links is not None:
        _check_text("links", said.links)
    return name, version, said


def _check_dependency(dependency: Dependency) -> None:
    try:
        parse_crate_name(dependency.name)
    except InvalidName as error:
        raise InvalidMetadata(f"dependency {dependency.name[:200]}", expected=error.expected) from error
    alias = dependency.explicit_name_in_toml
    if alias is not None and _ALIAS.fullmatch(alias) is None:
        raise InvalidMetadata(f"dependency {alias[:200]}", expected="a name of letters, digits, - and _")
    canonical_requirement(dependency.version_req)
    for feature in dependency.features:
        if _VALUE.fullmatch(feature) is None:
            raise InvalidMetadata(
                f"feature {feature[:200]} of the dependency {dependency.name}", expected="a feature's name"
            )
    if dependency.target is not None:
        _check_text(f"target of the dependency {dependency.name}", dependency.target)
    if dependency.registry is not None and _URL.fullmatch(dependency.registry) is None:
        raise InvalidMetadata(f"registry of the dependency {dependency.name}", expected="a URL")


def check_features(features: dict[str, list[str]]) -> None:
    """Check what features are called and what they switch on, as Cargo would. Raises `InvalidMetadata`."""
    for name, values in features.items():
        if _FEATURE.fullmatch(name) is None:
            raise InvalidMetadata(f"feature {name[:200]}", expected="letters, digits, _ - + and ., at most 64")
        for value in values:
            if _VALUE.fullmatch(value) is None:
                raise InvalidMetadata(
                    f"{value[:200]} in the feature {name}", expected="feature, dep:crate, crate/feature, crate?/feature"
                )


def _check_text(what: str, text: str) -> None:
    if not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise InvalidMetadata(what, expected=f"1 to {_LONGEST} printable characters")
