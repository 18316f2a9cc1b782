"""What is known to be bad, and of what: the advisory area of the catalog."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog.components import purl_of
from entrepot.drivers.catalog.rows import parse_time, time_text
from entrepot.drivers.catalog.session import CHANGE
from entrepot.drivers.catalog.statements import load
from entrepot.model.advisory import Level, Notice, Severity, State, Subject
from entrepot.model.digest import Digest
from entrepot.model.names import ChannelName, FormatName, NamespaceName, PackageId, PackageName, ReferenceName, View
from entrepot.ports.advisories import (
    Change,
    Found,
    Holder,
    Known,
    KnownRule,
    Place,
    Source,
    SourceOrigin,
    Unmatched,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.purl import Purl
    from entrepot.ports.advisories import Match

ADVISORIES: Final = load("advisories")

_LEVEL: Final = 6
"""Of compression: records are written once, and there may be hundreds of thousands."""
_NOTICE_COLUMNS: Final = 10
_MANY: Final = 10_000


class SqlAdvisories:
    """Implements `entrepot.ports.advisories.Advisories`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list_sources(self) -> Sequence[Source]:
        """All sources, by name."""
        origins: dict[str, list[SourceOrigin]] = {}
        for source, name, through, read_at, advisories in await self._questions.all(ADVISORIES.list_origins):
            origins.setdefault(source, []).append(
                SourceOrigin(name, _time(read_at), tuple(msgspec.json.decode(through)), advisories)
            )
        return [
            _source(row, tuple(origins.get(row[0], ()))) for row in await self._questions.all(ADVISORIES.list_sources)
        ]

    async def find_source_secret(self, name: str) -> str | None:
        """What a source is asked with, as it was put."""
        row = await self._questions.one(ADVISORIES.find_source_secret, name=name)
        return None if row is None else row[0]

    async def read_feed(self) -> tuple[str, int]:
        """What this set of advisories is called, unlike any other, and the number of its last change."""
        instance, change = (await self._questions.all(ADVISORIES.read_feed))[0]
        return instance, change

    async def list_changes(self, *, after: int, limit: int, size: int) -> Sequence[Change]:
        """What changed after a number, in order, each advisory as it is now; all of them after 0."""
        changes: list[Change] = []
        for number, name, packed, source in await self._questions.all(
            ADVISORIES.list_changes, after=after, limit=limit
        ):
            content = None if packed is None else zlib.decompress(packed)
            size -= len(content or b"")
            if size < 0 and changes:
                break
            changes.append(Change(number, name, content, source or ""))
        return changes

    async def list_names_of(self, source: str) -> Sequence[str]:
        """What a source's advisories are called."""
        return [name for (name,) in await self._questions.all(ADVISORIES.list_names_of, source=source)]

    async def find_known(self, names: Collection[str]) -> Sequence[Known]:
        """The advisories that have one of *names*, or a name of one that has."""
        found = await self._questions.all(ADVISORIES.find_known, names=_json(names))
        return await self._with_exploitation([_known(row) for row in found])

    async def find_content(self, id: str) -> bytes | None:
        """A record as it was sent."""
        row = await self._questions.one(ADVISORIES.find_content, name=id)
        return None if row is None else zlib.decompress(row[0])

    async def list_rules(self, subjects: Collection[Subject]) -> Sequence[tuple[KnownRule, Known]]:
        """All that is said of packages, of any release of theirs."""
        found = await self._questions.all(ADVISORIES.list_known_rules, subjects=_pairs(subjects))
        known = await self._with_exploitation([_known(row[5:]) for row in found])
        return [(_rule(row), each) for row, each in zip(found, known, strict=True)]

    async def list_findings(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[Found]:
        """What an artifact of a package has, and what is in it has."""
        found = await self._questions.all(
            ADVISORIES.list_findings, package=await self._number(package), digest=str(digest), limit=limit
        )
        known = await self._with_exploitation([_known(row) for row in found])
        return [
            Found(each, purl_of(row[12:17]), State(row[17]), row[18], Digest.parse(row[19]), row[20])
            for row, each in zip(found, known, strict=True)
        ]

    async def count_components(self, package: PackageId, digest: Digest) -> tuple[int, int]:
        """How many components an artifact has, with what is in it; and how many of them were not compared yet."""
        row = await self._questions.one(
            ADVISORIES.count_components, package=await self._number(package), digest=str(digest)
        )
        return (0, 0) if row is None else (row[0], row[1])

    async def count_unread(self, package: PackageId, digest: Digest) -> int:
        """How many documents about an artifact, and what is in it, could not be read, or say that something was not."""
        row = await self._questions.one(
            ADVISORIES.count_unread, package=await self._number(package), digest=str(digest)
        )
        return 0 if row is None else int(row[0])

    async def list_versions(self, purl: Purl) -> Sequence[tuple[int, Purl]]:
        """The components that are versions of a package, with their numbers."""
        found = await self._questions.all(
            ADVISORIES.list_versions, type=purl.type, namespace=purl.namespace or "", name=purl.name
        )
        return [(row[0], purl_of(row[1:])) for row in found]

    async def list_affected(self, advisories: Collection[str]) -> Mapping[int, State]:
        """The components that some of these advisories mean, or may mean."""
        affected: dict[int, State] = {}
        for component, state in await self._questions.all(ADVISORIES.list_affected, names=_json(advisories)):
            if affected.get(component) is not State.AFFECTED:
                affected[component] = State(state)
        return affected

    async def list_holders(self, components: Collection[int], *, limit: int) -> Sequence[Holder]:
        """Artifacts that have one of these components."""
        found = await self._questions.all(ADVISORIES.list_holders, components=_json(components), limit=limit)
        return [Holder(row[0], row[1], purl_of(row[2:7]), row[7], row[8]) for row in found]

    async def count_holders(self, components: Collection[int]) -> int:
        """How many artifacts have one of these components; of very many, how often they have one."""
        asked = _json(components)
        row = await self._questions.one(ADVISORIES.count_uses, components=asked)
        if row is not None and row[0] <= _MANY:
            row = await self._questions.one(ADVISORIES.count_holders, components=asked)
        return 0 if row is None else int(row[0])

    async def list_places(self, holders: Collection[tuple[int, int]], *, limit: int) -> Sequence[Place]:
        """What these artifacts are, and those that contain them in the same package."""
        found = await self._questions.all(ADVISORIES.list_places, holders=_json(holders), limit=limit)
        return [_place(row) for row in found]

    async def find_first_without(
        self, packages: Mapping[int, Collection[int]], components: Collection[int]
    ) -> Mapping[int, ReferenceName]:
        """Of each package the first version after all of these that has an inventory, and none of *components* in it."""
        found = await self._questions.all(
            ADVISORIES.find_first_without,
            packages=_json((package, list(artifacts)) for package, artifacts in packages.items()),
            components=_json(components),
        )
        return {package: ReferenceName(name) for package, name in found if name is not None}

    async def _number(self, package: PackageId) -> int | None:
        row = await self._questions.one(
            CHANGE.package_id, namespace=package.namespace, format=package.format, package=package.name
        )
        return None if row is None else int(row[0])

    async def _with_exploitation(self, known: Sequence[Known]) -> list[Known]:
        names = {name for each in known for name in each.notice.names}
        rows = await self._questions.all(ADVISORIES.find_exploitation, names=_json(names)) if names else []
        if not rows:
            return list(known)
        told = {name: (epss, since) for name, epss, since in rows}
        return [_exploited(each, told) for each in known]


class SqlAdvisoryChanges:
    """Implements `entrepot.ports.advisories.AdvisoryChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put_source(self, source: Source) -> None:
        """Add a source, or say what is new of it."""
        self._session.run(
            ADVISORIES.put_source,
            name=source.name,
            url=source.url,
            private=source.private,
            etag=source.etag,
            last_modified=source.last_modified,
            imported_at=_text(source.imported_at),
            checked_at=_text(source.checked_at),
            problem=source.problem,
            cursor=source.cursor,
        )

    def put_source_secret(self, name: str, secret: str | None) -> None:
        """Say what a source is asked with."""
        self._session.run(ADVISORIES.put_source_secret, name=name, secret=secret)

    def put_origins(self, source: str, origins: Iterable[SourceOrigin]) -> None:
        """Say where a source has its advisories from; others are forgotten when nothing of theirs is left."""
        (source_id,) = self._session.returned(ADVISORIES.find_source, name=source)
        names = []
        for each in origins:
            names.append(each.name)
            self._session.run(
                ADVISORIES.put_origin,
                source=source_id,
                name=each.name,
                through=_json(each.through),
                read_at=_text(each.read_at),
            )
        self._session.run(ADVISORIES.remove_origins, source=source_id, names=_json(names))

    def remove_source(self, name: str) -> int | None:
        """Forget a source and its advisories; how many there were, or None when there is no such source."""
        source = self._session.one(ADVISORIES.find_source, name=name)
        if source is None:
            return None
        advisories = self._session.all(ADVISORIES.list_advisories_of, source=source[0])
        self._remove(source[0], advisories)
        self._session.run(ADVISORIES.remove_origins, source=source[0], names=_json(()))
        self._session.run(ADVISORIES.remove_source, source=source[0])
        return len(advisories)

    def remove(self, ids: Collection[str], source: str) -> int:
        """Forget those of these advisories that the source says; how many."""
        (source_id,) = self._session.returned(ADVISORIES.find_source, name=source)
        found = [(name, self._session.one(ADVISORIES.find_advisory, name=name)) for name in ids]
        own = [(row[0], name) for name, row in found if row is not None and row[1] == source_id]
        self._remove(source_id, own)
        return len(own)

    def _remove(self, source: int, advisories: Sequence[tuple[Any, ...]]) -> None:
        for advisory, name in advisories:
            self._forget(advisory)
            self._session.run(ADVISORIES.forget_advisory, advisory=advisory)
            self._session.run(ADVISORIES.note_removed, name=name, change=self._next_change())
        if advisories:
            self._session.run(ADVISORIES.ask_for_all, source=source)

    def _next_change(self) -> int:
        now = self._session.now
        (change,) = self._session.returned(ADVISORIES.next_change, now=int(now.timestamp() * 1_000_000))
        return int(change)

    def find_hash(self, id: str) -> bytes | None:
        """The hash of an advisory's record, as it was put."""
        row = self._session.one(ADVISORIES.find_advisory, name=id)
        return None if row is None else bytes(row[3])

    def put(
        self,
        notice: Notice,
        source: str,
        *,
        content: bytes,
        hash: bytes,
        rules: Mapping[Subject, bytes],
        origin: str | None = None,
    ) -> int:
        """Keep an advisory in place of what it said before, without its matches; its number."""
        (source_id,) = self._session.returned(ADVISORIES.find_source, name=source)
        modified = time_text(notice.modified)
        before = self._session.one(ADVISORIES.find_advisory, name=notice.id)
        if before is not None:
            if before[1] != source_id and before[2] > modified:
                return -int(before[0])
            self._forget(before[0])
        else:
            self._session.run(ADVISORIES.note_returned, name=notice.id)
        origin_id = None
        if origin is not None:
            (origin_id,) = self._session.returned(ADVISORIES.find_origin, source=source_id, name=origin)
        (advisory,) = self._session.returned(
            ADVISORIES.put_advisory,
            name=notice.id,
            source=source_id,
            origin=origin_id,
            change=self._next_change(),
            modified=modified,
            published=_text(notice.published),
            withdrawn=_text(notice.withdrawn),
            level=notice.severity.level,
            score=notice.severity.score,
            vector=notice.severity.vector,
            summary=notice.summary,
            aliases=_json(notice.aliases),
            upstream=_json(notice.upstream),
            hash=hash,
            content=zlib.compress(content, _LEVEL),
        )
        names = sorted({notice.id, *notice.aliases, *notice.upstream})
        self._session.run_rows(ADVISORIES.add_names, names, advisory=advisory)
        for subject, rule in rules.items():
            self._session.run(
                ADVISORIES.add_affected,
                ecosystem=subject.ecosystem,
                name=subject.name,
                advisory=advisory,
                release=subject.release,
                rule=rule,
            )
        return int(advisory)

    def _forget(self, advisory: int) -> None:
        self._session.run(ADVISORIES.forget_matches, advisory=advisory)
        self._session.run(ADVISORIES.forget_affected, advisory=advisory)
        self._session.run(ADVISORIES.forget_names, advisory=advisory)

    def put_exploitation(self, rows: Iterable[tuple[str, float | None, float | None, str | None]]) -> None:
        """Say of flaws how likely they are to be used, and since when they are known to be."""
        # Of what is said twice of a flaw the last is right.
        self._session.run_rows(ADVISORIES.put_exploitation, list({row[0]: row for row in rows}.values()))

    def list_components(self, subject: Subject) -> Sequence[Unmatched]:
        """The components that were compared and are of this package, of any release."""
        found = self._session.all(ADVISORIES.list_components, ecosystem=subject.ecosystem, name=subject.name)
        return [
            Unmatched(component, Subject(subject.ecosystem, subject.name, release), version)
            for component, release, version in found
        ]

    def list_unnamed(self, *, limit: int) -> Sequence[tuple[int, Purl | None]]:
        """Components that nobody has compared with anything yet; None for one whose name is none."""
        return [
            (row[0], purl_of(row[1:]) if row[1] and row[3] else None)
            for row in self._session.all(ADVISORIES.list_unnamed, limit=limit)
        ]

    def name(self, component: int, subject: Subject, version: str | None) -> None:
        """Say what advisories call a component."""
        self._session.run(
            ADVISORIES.name_component,
            component=component,
            ecosystem=subject.ecosystem,
            name=subject.name,
            release=subject.release,
            version=version,
        )

    def list_rules(self, subjects: Collection[Subject]) -> Sequence[KnownRule]:
        """All that is said of packages, of any release of theirs."""
        found = self._session.all(ADVISORIES.list_rules, subjects=_pairs(subjects))
        known: dict[tuple[str, str, str], Subject] = {}
        for _, *parts, _ in found:
            if (key := tuple(parts)) not in known:
                known[key] = Subject(*key)
        return [
            KnownRule(advisory, known[ecosystem, name, release], rule)
            for advisory, ecosystem, name, release, rule in found
        ]

    def match(self, matches: Iterable[Match]) -> None:
        """Keep what came of comparing; what is cleared is not kept."""
        found = {
            (each.component, each.advisory): (each.component, each.advisory, each.verdict.state, each.verdict.fixed)
            for each in matches
            if each.verdict.state is not State.UNAFFECTED
        }
        self._session.run_rows(ADVISORIES.add_matches, list(found.values()))


def _json(values: Iterable[object]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _pairs(subjects: Iterable[Subject]) -> str:
    return _json({(subject.ecosystem, subject.name) for subject in subjects})


def _text(time: datetime | None) -> str | None:
    return None if time is None else time_text(time)


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _source(row: tuple[Any, ...], origins: tuple[SourceOrigin, ...]) -> Source:
    name, url, private, etag, last_modified, imported_at, checked_at, problem, cursor, secret, advisories, newest = row
    return Source(
        name=name,
        url=url,
        private=bool(private),
        etag=etag,
        last_modified=last_modified,
        imported_at=_time(imported_at),
        checked_at=_time(checked_at),
        problem=problem,
        advisories=advisories,
        newest=_time(newest),
        cursor=cursor,
        has_credentials=bool(secret),
        origins=origins,
    )


def _known(row: tuple[Any, ...]) -> Known:
    name, modified, published, withdrawn, level, score, vector, summary, aliases, upstream = row[:_NOTICE_COLUMNS]
    notice = Notice(
        id=name,
        modified=parse_time(modified),
        published=_time(published),
        withdrawn=_time(withdrawn),
        aliases=tuple(msgspec.json.decode(aliases)),
        upstream=tuple(msgspec.json.decode(upstream)),
        summary=summary,
        severity=Severity(Level(level), score, vector),
    )
    source, imported_at = row[_NOTICE_COLUMNS : _NOTICE_COLUMNS + 2]
    return Known(notice, source, _time(imported_at))


def _exploited(known: Known, told: Mapping[str, tuple[float | None, str | None]]) -> Known:
    said = [told[name] for name in known.notice.names if name in told]
    return Known(
        known.notice,
        known.source,
        known.imported_at,
        epss=max((epss for epss, _ in said if epss is not None), default=None),
        exploited_since=min((since for _, since in said if since is not None), default=None),
    )


def _rule(row: tuple[Any, ...]) -> KnownRule:
    advisory, ecosystem, name, release, rule = row[:5]
    return KnownRule(advisory, Subject(ecosystem, name, release), bytes(rule))


def _place(row: tuple[Any, ...]) -> Place:
    package_id, artifact, inner, namespace, format, package, digest, holds, public, names, channels = row
    owner, found = NamespaceName(namespace), Digest.parse(digest)
    return Place(
        holder=(package_id, inner),
        artifact=artifact,
        package=PackageId(owner, FormatName(format), PackageName(package)),
        digest=found,
        holds=found if holds == digest else Digest.parse(holds),
        public=bool(public),
        names=tuple(ReferenceName(name) for name in msgspec.json.decode(names)),
        channels=tuple(View(owner, ChannelName(each)) for each in sorted(set(msgspec.json.decode(channels)))),
    )
