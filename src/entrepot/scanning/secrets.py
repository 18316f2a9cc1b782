"""Secrets that were pushed by mistake: this registry's own tokens first, then the shapes that are well known.

A window of a stream is looked at by one linear expression for all rules (RE2); only what that finds is confirmed, by
the rule's own expression, by a checksum where the shape has one, and by how random it looks.
What is found is never shown: a `Secret` has a few letters of it and how long it is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import re2  # type: ignore[import-untyped]  # it has no types

from entrepot.model.access import TokenSecret
from entrepot.model.errors import Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WINDOW: Final = 1024 * 1024
_OVERLAP: Final = 4 * 1024
"""So much of a window is looked at again with the next one: longer than any secret that is looked for."""
_SHOWN: Final = 4
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that should not be there; never the thing itself."""

    rule: str
    offset: int
    """Where it begins, in bytes from the beginning of the stream."""
    redacted: str
    own: bool = False
    """Whether it is a token of an Entrepot: to be revoked at once."""


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    prefilter: str
    """What finds candidates, for RE2: short, and never less than what the rule means."""
    pattern: re.Pattern[bytes]
    """What a candidate must be; the group ``secret`` is what is redacted."""
    entropy: float = 0.0
    """The least bits per character (Shannon): a placeholder has few."""
    check: Callable[[bytes], bool] | None = None


def _is_own(text: bytes) -> bool:
    try:
        TokenSecret.parse(text.decode("ascii"))
    except (Unauthenticated, UnicodeDecodeError):
        return False
    return True


def _rule(
    name: str, prefilter: str, pattern: bytes, *, entropy: float = 0.0, check: Callable[[bytes], bool] | None = None
) -> _Rule:
    return _Rule(name, prefilter, re.compile(pattern), entropy, check)


OWN: Final = "entrepot-token"

_RULES: Final = (
    _rule(
        OWN, r"ent_[a-z]{3}_[0-9A-Za-z]{36}", rb"(?P<secret>ent_[a-z]{3}_[0-9A-Za-z]{36})(?![0-9A-Za-z])", check=_is_own
    ),
    _rule(
        "private-key",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY",
        rb"(?P<secret>-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----\s{0,4}[A-Za-z0-9+/=:,. \r\n-]{64})",
    ),
    _rule(
        "aws-access-key",
        r"(?:AKIA|ASIA)[0-9A-Z]{16}",
        rb"(?<![0-9A-Za-z])(?P<secret>(?:AKIA|ASIA)[A-Z2-7]{16})(?![0-9A-Za-z])",
        entropy=3.0,
    ),
    _rule(
        "github-token",
        r"gh[pousr]_[0-9A-Za-z]{36}",
        rb"(?P<secret>gh[pousr]_[0-9A-Za-z]{36})(?![0-9A-Za-z])",
        entropy=3.0,
    ),
    _rule(
        "github-fine-grained-token",
        r"github_pat_[0-9A-Za-z]{22}_",
        rb"(?P<secret>github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59})",
        entropy=3.0,
    ),
    _rule("gitlab-token", r"glpat-[0-9A-Za-z_-]{20}", rb"(?P<secret>glpat-[0-9A-Za-z_-]{20,64})", entropy=3.0),
    _rule("npm-token", r"npm_[0-9A-Za-z]{36}", rb"(?P<secret>npm_[0-9A-Za-z]{36})(?![0-9A-Za-z])", entropy=3.0),
    _rule("pypi-token", r"pypi-AgE[0-9A-Za-z_-]{50}", rb"(?P<secret>pypi-AgE[0-9A-Za-z_-]{50,512})", entropy=3.5),
    _rule(
        "slack-token",
        r"xox[abprs]-[0-9A-Za-z-]{10}",
        rb"(?P<secret>xox[abprs]-[0-9]{8,14}-[0-9A-Za-z-]{16,128})",
        entropy=3.0,
    ),
    _rule("stripe-key", r"[rs]k_live_[0-9A-Za-z]{20}", rb"(?P<secret>[rs]k_live_[0-9A-Za-z]{20,128})", entropy=3.0),
    _rule(
        "google-api-key", r"AIza[0-9A-Za-z_-]{35}", rb"(?P<secret>AIza[0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])", entropy=3.5
    ),
)

_PREFILTER: Final = re2.compile("|".join(f"(?:{rule.prefilter})" for rule in _RULES).encode())

_EXAMPLES: Final = frozenset({b"EXAMPLE", b"example", b"XXXXXX", b"xxxxxx", b"000000", b"123456", b"abcdef"})
"""What stands in secrets that documentation makes up. A token of our own has a checksum, and needs no such doubt."""


def find_secrets(chunks: Iterable[bytes]) -> Iterator[Secret]:
    """The secrets of a stream, in order; at most a thousand of them, which is enough to know. Memory is bounded."""
    held, begin, seen, found = b"", 0, -1, 0
    for chunk in chunks:
        held += chunk
        while len(held) >= WINDOW:
            window = held[:WINDOW]
            for secret in _in_window(window, begin, whole=False):
                if secret.offset > seen and found < _MOST:
                    seen, found = secret.offset, found + 1
                    yield secret
            held, begin = held[WINDOW - _OVERLAP :], begin + WINDOW - _OVERLAP
    for secret in _in_window(held, begin, whole=True):
        if secret.offset > seen and found < _MOST:
            seen, found = secret.offset, found + 1
            yield secret


def _in_window(window: bytes, begin: int, *, whole: bool) -> Iterator[Secret]:
    # What begins in the overlap is found, whole, in the next window.
    end = len(window) if whole else len(window) - _OVERLAP
    for candidate in _PREFILTER.finditer(window):
        if candidate.start() >= end:
            return
        for rule in _RULES:
            match = rule.pattern.match(window, candidate.start())
            if match is not None and _is_real(rule, match["secret"]):
                yield Secret(rule.name, begin + match.start(), redact(match["secret"]), own=rule.name == OWN)
                break


def _is_real(rule: _Rule, secret: bytes) -> bool:
    if rule.check is not None:
        return rule.check(secret)
    return entropy(secret) >= rule.entropy and not any(example in secret for example in _EXAMPLES)


def redact(secret: bytes) -> str:
    """The first letters, and how long it is: enough to find it where it came from, and no more."""
    text = secret[:_SHOWN].decode("ascii", "replace")
    return f"{text}… ({len(secret)} characters)"


def entropy(text: bytes) -> float:
    """Bits per character, by how often each occurs in it (Shannon)."""
    if not text:
        return 0.0
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
