"""What ``npm audit`` asks: which of the packages that a project has are known to be bad.

The answer comes from the advisories that were imported here; no upstream is asked, which would learn all that is used.
There is no document that specifies it: the shape is what npm, pnpm and yarn send and read
(https://github.com/npm/metavuln-calculator).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.advisory import Level
from entrepot.model.errors import Invalid, TooLarge, TooMany
from entrepot.operations.audit import audit
from entrepot.scanning.ecosystems import parse_subject
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.operations.audit import Advice
    from entrepot.scanning.rules import Interval, Rule
    from entrepot.wire.call import Call

_SIZE: Final = 8 * 1024 * 1024
_UNPACKED: Final = 64 * 1024 * 1024
_MOST_PACKAGES: Final = 20_000
_MOST_VERSIONS: Final = 1_000
_GZIP: Final = 16 + zlib.MAX_WBITS
_ECOSYSTEM: Final = "npm"
_EVERY: Final = "*"
_SEVERITIES: Final = {
    Level.CRITICAL: "critical",
    Level.HIGH: "high",
    Level.MEDIUM: "moderate",
    Level.LOW: "low",
    Level.NONE: "info",
    # Nobody rated it: npm has no word for that, and counts this one as worth looking at.
    Level.UNKNOWN: "moderate",
}


async def post_advisories(call: Call) -> Reply:
    """``npm audit``, ``pnpm audit``, ``yarn npm audit``: names with the versions that are installed."""
    asked = _read(await call.body.read(_SIZE), call.headers.get("content-encoding"))
    subjects = {
        parse_subject(_ECOSYSTEM, name): versions for name, versions in asked.items() if 0 < len(name) <= _LONGEST_NAME
    }
    found: dict[str, list[dict[str, object]]] = {}
    for advice in await audit(call.registry, subjects):
        found.setdefault(advice.subject.name, []).append(_shown(advice, call.base_url))
    return json_reply(found)


_LONGEST_NAME: Final = 214


def _read(content: bytes, encoding: str | None) -> dict[str, list[str]]:
    """Raises `Invalid`, `TooLarge`, `TooMany`."""
    if encoding == "gzip":
        content = _unpacked(content)
    try:
        asked = msgspec.json.decode(content, type=dict[str, list[str]])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid("body", expected="an object of package names with lists of versions") from error
    if len(asked) > _MOST_PACKAGES or any(len(versions) > _MOST_VERSIONS for versions in asked.values()):
        raise TooMany("packages", expected=f"at most {_MOST_PACKAGES}, with at most {_MOST_VERSIONS} versions each")
    return asked


def _unpacked(content: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        unpacked = inflater.decompress(content, _UNPACKED)
    except zlib.error as error:
        raise Invalid("body", expected="gzip, as Content-Encoding says") from error
    if inflater.unconsumed_tail:
        raise TooLarge("body", expected=f"at most {_UNPACKED} bytes, unpacked")
    return unpacked


def _shown(advice: Advice, base_url: str) -> dict[str, object]:
    notice = advice.known.notice
    return {
        "id": notice.id,
        "url": f"{base_url}/api/v1/advisories/records/{notice.id}",
        "title": notice.summary or notice.id,
        "severity": _SEVERITIES[notice.severity.level],
        "vulnerable_versions": _range(advice.rule, advice.versions),
        "cwe": [],
        "cvss": {"score": notice.severity.score or 0, "vectorString": notice.severity.vector},
    }


def _range(rule: Rule, versions: tuple[str, ...]) -> str:
    """What is affected, as npm writes ranges; with the versions of which it cannot be told."""
    parts = [_of_interval(interval) for interval in rule.intervals]
    parts += [f"={version}" for version in (*rule.versions, *(versions if rule.unclear else ()))]
    return " || ".join(dict.fromkeys(parts)) or _EVERY


def _of_interval(interval: Interval) -> str:
    bounds = [] if interval.introduced is None else [f">={interval.introduced}"]
    if interval.end is not None:
        bounds.append(f"{'<=' if interval.inclusive else '<'}{interval.end}")
    return " ".join(bounds) or _EVERY
