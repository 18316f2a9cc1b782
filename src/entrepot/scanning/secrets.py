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
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import re2  # type: ignore[import-untyped]  # it has no types

from entrepot.model.access import TokenSecret
from entrepot.model.errors import TooLarge, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WINDOW: Final = 1024 * 1024
_OVERLAP: Final = 4 * 1024
"""So much of a window is looked at again with the next one: longer than any secret that is looked for."""
_SHOWN: Final = 4
MOST: Final = 1_000
"""So many secrets of one stream are enough to know."""
_CANDIDATES: Final = 200_000
_NAMED: Final = 12


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that should not be there; never the thing itself."""

    rule: str
    offset: int
    """Where it begins, in bytes from the beginning of the stream."""
    redacted: str
    own: bool = False
    """Whether it is a token of an Entrepot: to be revoked at once."""
    line: int = 1
    """The line that it begins in."""
    hash: bytes = field(default=b"", repr=False, compare=False)
    """The SHA-256 of it, by which the registry knows its own tokens; not kept."""

    @property
    def name(self) -> str:
        """What it is called: the same wherever it is found, and not enough to know it by."""
        return f"{self.rule}-{self.hash.hex()[:_NAMED]}"


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

POSSIBLE: Final = frozenset({"private-key", "google-api-key"})
"""Rules whose findings are often meant to be public: keys of tests, and keys of browsers' programs."""

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


@dataclass(slots=True)
class Effort:
    """How much more may look like a secret in all streams that share it: each such place is looked at by slower means."""

    candidates: int = _CANDIDATES


def find_secrets(chunks: Iterable[bytes], effort: Effort | None = None) -> Iterator[Secret]:
    """The secrets of a stream, in order; at most a thousand of them, which is enough to know. Memory is bounded.

    Raises `TooLarge` where so much looks like a secret that looking on takes too long.
    """
    stream = _Stream(effort or Effort())
    held = b""
    for chunk in chunks:
        held += chunk
        while len(held) >= WINDOW:
            yield from stream.look(held[:WINDOW], whole=False)
            held = held[WINDOW - _OVERLAP :]
        if stream.found >= MOST:
            return
    yield from stream.look(held, whole=True)


def holds_secret(text: str) -> bool:
    """Whether a text, such as a name, has something in it that looks like a secret."""
    return _PREFILTER.search(text.encode("utf-8", "replace")) is not None


def mask(text: str) -> tuple[str, list[Secret]]:
    """A text without its secrets, each with what may be shown of it in its place; and the secrets."""
    content, pieces, at = text.encode("utf-8", "replace"), [], 0
    secrets = []
    for candidate in _PREFILTER.finditer(content):
        rule, secret = _confirm(content, candidate.start())
        if rule is not None and candidate.start() >= at:
            pieces += [content[at : candidate.start()], redact(secret).encode()]
            at = candidate.start() + len(secret)
            secrets.append(
                Secret(
                    rule.name,
                    candidate.start(),
                    redact(secret),
                    own=rule.name == OWN,
                    hash=sha256(secret).digest(),
                )
            )
    return b"".join([*pieces, content[at:]]).decode("utf-8", "replace"), secrets


class _Stream:
    """Where in a stream its next window begins, and what was found before."""

    def __init__(self, effort: Effort) -> None:
        self.found = 0
        self._effort = effort
        self._begin = 0
        self._line = 1
        self._seen = -1

    def look(self, window: bytes, *, whole: bool) -> Iterator[Secret]:
        """The secrets that begin in a window; those of the overlap are found, whole, in the next one."""
        end = len(window) if whole else len(window) - _OVERLAP
        line, counted = self._line, 0
        for candidate in _PREFILTER.finditer(window):
            start = candidate.start()
            if start >= end or self.found >= MOST:
                break
            self._effort.candidates -= 1
            if self._effort.candidates < 0:
                raise TooLarge("content", expected="fewer places that look like secrets")
            rule, text = _confirm(window, start)
            if rule is not None and self._begin + start > self._seen:
                self._seen, self.found = self._begin + start, self.found + 1
                line, counted = line + window.count(b"\n", counted, start), start
                yield Secret(
                    rule.name,
                    self._seen,
                    redact(text),
                    own=rule.name == OWN,
                    line=line,
                    hash=sha256(text).digest(),
                )
        self._line = line + window.count(b"\n", counted, end)
        self._begin += end


def _confirm(window: bytes, start: int) -> tuple[_Rule | None, bytes]:
    """The rule that what looks like a secret is one by, and the secret."""
    for rule in _RULES:
        match = rule.pattern.match(window, start)
        if match is not None and _is_real(rule, match["secret"]):
            return rule, match["secret"]
    return None, b""


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
