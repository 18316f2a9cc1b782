"""Semantic versions, and what dependencies ask of them, as Cargo writes both (semver.org 2.0; "Specifying Dependencies").

Pure, for hostile input: every pattern takes linear time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import InvalidMetadata, InvalidReference

if TYPE_CHECKING:
    from typing import Self

_NUMBER: Final = r"0|[1-9][0-9]{0,19}"
_WORD: Final = r"[0-9A-Za-z-]+"
_PRERELEASE: Final = rf"{_WORD}(?:\.{_WORD})*"
_VERSION: Final = re.compile(
    rf"(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<pre>{_PRERELEASE}))?(?:\+(?P<build>{_PRERELEASE}))?"
)
_LONGEST: Final = 128
_LARGEST: Final = 2**64 - 1

_WILDCARD: Final = r"[*xX]"
_COMPARATOR: Final = re.compile(
    rf"(?P<operator>=|>=|>|<=|<|~|\^)?[ ]*(?P<major>{_NUMBER}|{_WILDCARD})"
    rf"(?:\.(?P<minor>{_NUMBER}|{_WILDCARD})(?:\.(?P<patch>{_NUMBER}|{_WILDCARD})"
    rf"(?:-(?P<pre>{_PRERELEASE}))?(?:\+{_PRERELEASE})?)?)?"
)
_MOST_COMPARATORS: Final = 32
_LONGEST_REQUIREMENT: Final = 1024


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version."""

    major: int
    minor: int
    patch: int
    pre: str = ""
    build: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version. Raises `InvalidReference`."""
        match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None or any(_is_padded(word) for word in (match["pre"] or "").split(".")):
            raise InvalidReference(text[:200], expected="a semantic version of at most 128 characters, such as 1.2.3")
        numbers = int(match["major"]), int(match["minor"]), int(match["patch"])
        if max(numbers) > _LARGEST:
            raise InvalidReference(text, expected="numbers below 2^64")
        return cls(*numbers, match["pre"] or "", match["build"] or "")

    @property
    def release(self) -> str:
        """The version without its build metadata."""
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{self.pre}" if self.pre else "")

    @property
    def order(self) -> tuple[object, ...]:
        """What versions are sorted by (semver.org, 11)."""
        words = [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in self.pre.split(".") if word]
        return self.major, self.minor, self.patch, not self.pre, tuple(words)

    def __str__(self) -> str:
        return self.release + (f"+{self.build}" if self.build else "")


def _is_padded(word: str) -> bool:
    return len(word) > 1 and word[0] == "0" and word.isdigit()


def canonical_requirement(text: str) -> str:
    """A requirement in the one form that Cargo prints: ``1.0`` is ``^1.0``. Raises `InvalidMetadata`."""
    stripped = text.strip(" ")
    if len(text) > _LONGEST_REQUIREMENT:
        raise InvalidMetadata(text[:200], expected=f"a requirement of at most {_LONGEST_REQUIREMENT} characters")
    if stripped in ("", "*", "x", "X"):
        return "*"
    parts = [part.strip(" ") for part in stripped.removesuffix(",").split(",")]
    if len(parts) > _MOST_COMPARATORS:
        raise InvalidMetadata(text[:200], expected=f"at most {_MOST_COMPARATORS} comparators")
    return ", ".join(_canonical_comparator(part, text) for part in parts)


def _canonical_comparator(part: str, whole: str) -> str:
    match = _COMPARATOR.fullmatch(part)
    if match is None:
        raise InvalidMetadata(whole[:200], expected="a requirement such as ^1.2, ~1.2.3, >=1, <2 or 1.*")
    numbers = [number for number in (match["major"], match["minor"], match["patch"]) if number is not None]
    known = []
    for number in numbers:
        if number in "*xX":
            break
        known.append(number)
    wild = len(known) < len(numbers)
    if not known or any(number not in "*xX" for number in numbers[len(known) :]) or (wild and match["pre"]):
        raise InvalidMetadata(whole[:200], expected="numbers before wildcards")
    version = ".".join(known) + (f"-{match['pre']}" if match["pre"] else "")
    if match["operator"] is None and wild:
        return f"{version}.*"
    return f"{match['operator'] or '^'}{version}"
