"""``npm search``: packages of a view by name, description and keywords, as far as the caller may read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.formats.npm.hosted import read_packument
from entrepot.formats.npm.packument import print_time
from entrepot.formats.npm.rules import NPM
from entrepot.model.errors import Invalid, PackageUnknown
from entrepot.model.names import View
from entrepot.operations.browse import list_packages
from entrepot.wire.reply import REVALIDATE, Reply, json_reply

if TYPE_CHECKING:
    from entrepot.formats.npm.packument import Packument
    from entrepot.model.names import PackageId
    from entrepot.ports.catalog import PackageRow
    from entrepot.wire.call import Call

_SIZE: Final = 20
_MAX_SIZE: Final = 250
_PAGE: Final = 1_000
_MAX_TEXT: Final = 1_000
_MAX_READ: Final = 2_000
"""In a view of more packages than this, only names are looked at."""


class _Summary(msgspec.Struct):
    """What a result says of a package, from its latest version."""

    name: str
    version: str
    description: str
    keywords: list[str]
    date: str
    scope: str
    publisher: dict[str, str]
    maintainers: list[dict[str, str]]
    links: dict[str, str]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for."""

    words: tuple[str, ...]
    keywords: frozenset[str]
    scopes: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read words and the qualifiers ``keywords:`` and ``scope:``; other qualifiers are passed over."""
        words: list[str] = []
        keywords: set[str] = set()
        scopes: set[str] = set()
        for word in text.lower().split():
            qualifier, colon, value = word.partition(":")
            if not colon:
                words.append(word)
            elif qualifier == "keywords":
                keywords.update(value.split(","))
            elif qualifier == "scope":
                scopes.add(value.removeprefix("@"))
        return cls(tuple(words), frozenset(keywords), frozenset(scopes))

    def matches(self, name: str, description: str, keywords: list[str]) -> bool:
        """Whether every word is in one of these."""
        lowered = frozenset(keyword.lower() for keyword in keywords)
        text = f"{name} {description} {' '.join(lowered)}".lower()
        scope = name.lower().partition("/")[0].removeprefix("@") if name.startswith("@") else ""
        return (
            all(word in text for word in self.words)
            and (not self.keywords or not self.keywords.isdisjoint(lowered))
            and (not self.scopes or scope in self.scopes)
        )

    def score(self, name: str) -> float:
        """How near a name is to what was looked for."""
        whole = " ".join(self.words)
        lowered = name.lower()
        if lowered == whole:
            return 1.0
        if lowered.rpartition("/")[2].startswith(whole):
            return 0.75
        return 0.5 if all(word in lowered for word in self.words) else 0.25


async def get_search(call: Call) -> Reply:
    """A page of the packages that match; ``size`` is cut to what clients may ask for."""
    text = call.query.get("text")
    if text is None or len(text) > _MAX_TEXT:
        raise Invalid("text", expected=f"what to search for, at most {_MAX_TEXT} characters")
    asked = call.query.number("size")
    size = min(_SIZE if asked is None else asked, _MAX_SIZE)
    start = call.query.number("from") or 0
    view, query = View.parse(call.path["view"]), Query.parse(text)
    rows = await _list_all(call, view)
    found = await _match(call, view, query, rows)
    page = [(score, await _summary(call, view, row)) for score, row in found[start : start + size]]
    objects = [_result(score, summary) for score, summary in page if summary is not None]
    answer = {"objects": objects, "total": len(found), "time": print_time(call.registry.clock.now())}
    return json_reply(answer, headers=[REVALIDATE])


async def _list_all(call: Call, view: View) -> list[PackageRow]:
    rows: list[PackageRow] = []
    while True:
        after: PackageId | None = rows[-1].id if rows else None
        page = await list_packages(call.registry, call.caller, view=view, format=NPM, after=after, limit=_PAGE)
        rows += page
        if len(page) < _PAGE:
            return rows


async def _match(call: Call, view: View, query: Query, rows: list[PackageRow]) -> list[tuple[float, PackageRow]]:
    found: list[tuple[float, PackageRow]] = []
    for row in rows:
        matches = query.matches(row.id.name, "", [])
        if not matches and len(rows) <= _MAX_READ:
            summary = await _summary(call, view, row)
            matches = summary is not None and query.matches(row.id.name, summary.description, summary.keywords)
        if matches:
            found.append((query.score(row.id.name), row))
    return sorted(found, key=lambda each: (-each[0], each[1].id.name))


async def _summary(call: Call, view: View, row: PackageRow) -> _Summary | None:
    """Read once for each revision; None for a package without a version."""

    async def render() -> bytes:
        try:
            packument = await read_packument(call.registry, call.caller, view, row.id)
        except PackageUnknown:
            return b"null"
        return msgspec.json.encode(_summarize(packument))

    content = await call.documents.get((NPM, "summary", str(view), row.id.name), row.revision, render)
    return msgspec.json.decode(content, type=_Summary | None)


def _summarize(package: Packument) -> _Summary | None:
    latest = package.latest
    if latest is None:
        return None
    manifest = latest.read_manifest()
    description, keywords, homepage = manifest.get("description"), manifest.get("keywords"), manifest.get("homepage")
    return _Summary(
        name=package.name,
        version=latest.version,
        description=description[:500] if isinstance(description, str) else "",
        keywords=[word[:100] for word in keywords if isinstance(word, str)][:50] if isinstance(keywords, list) else [],
        date="" if latest.published_at is None else print_time(latest.published_at),
        scope=package.name.partition("/")[0].removeprefix("@") if package.name.startswith("@") else "unscoped",
        publisher={"username": latest.publisher},
        maintainers=[{"username": name} for name in dict.fromkeys(each.publisher for each in package.releases)],
        links={"homepage": homepage[:500]} if isinstance(homepage, str) else {},
    )


def _result(score: float, summary: _Summary) -> dict[str, object]:
    detail = {"quality": score, "popularity": score, "maintenance": score}
    return {"package": summary, "score": {"final": score, "detail": detail}, "searchScore": score}
