"""The catalog in a database that speaks SQL: what it answers, and how changes come to share a commit.

Which database that is, how it is asked and how it commits is for `entrepot.drivers.catalog.sqlite` and
`entrepot.drivers.catalog.postgresql` to say.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from entrepot.drivers.catalog import integrity, rows
from entrepot.drivers.catalog.advisories import SqlAdvisories
from entrepot.drivers.catalog.answers import Answers, Unpacked
from entrepot.drivers.catalog.assessments import SqlAssessments
from entrepot.drivers.catalog.attestations import SqlAttestations
from entrepot.drivers.catalog.blocks import SqlBlocks
from entrepot.drivers.catalog.collection import SqlCollection
from entrepot.drivers.catalog.cursors import SqlCursors
from entrepot.drivers.catalog.deployments import SqlDeployments
from entrepot.drivers.catalog.erasures import SqlErasures
from entrepot.drivers.catalog.federation import SqlFederation
from entrepot.drivers.catalog.holds import SqlHolds
from entrepot.drivers.catalog.inventories import SqlInventories
from entrepot.drivers.catalog.log import SqlLog
from entrepot.drivers.catalog.policies import SqlPolicies
from entrepot.drivers.catalog.promotions import SqlPromotions
from entrepot.drivers.catalog.protections import SqlProtections
from entrepot.drivers.catalog.pulls import SqlPulls
from entrepot.drivers.catalog.retention import SqlRetentions
from entrepot.drivers.catalog.scrubs import SqlScrubs
from entrepot.drivers.catalog.secrets import SqlSecrets
from entrepot.drivers.catalog.session import LISTINGS, identity
from entrepot.drivers.catalog.statements import load
from entrepot.drivers.catalog.tiers import SqlTiers
from entrepot.drivers.catalog.tombstones import SqlTombstones
from entrepot.drivers.catalog.transaction import ACCESS_SQL, UPSTREAMS
from entrepot.drivers.catalog.trash import SqlTrash
from entrepot.drivers.catalog.usage import SqlUsages
from entrepot.drivers.catalog.webhooks import SqlWebhooks
from entrepot.drivers.catalog.writing import Pending
from entrepot.model.digest import Digest
from entrepot.model.events import GENESIS
from entrepot.model.names import NamespaceName, PackageId, PackageName, PrincipalName, ReferenceName, View
from entrepot.model.position import START, Position
from entrepot.model.tier import Tier
from entrepot.ports.catalog import PAGE_SIZE, ArtifactDetails, BlobRow, Credential, FoundArtifact, FoundBlob, Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.writing import Outcome
    from entrepot.model.access import Principal
    from entrepot.model.events import Entry
    from entrepot.model.names import FormatName
    from entrepot.model.namespace import Namespace
    from entrepot.model.reference import Reference, ReferenceKind
    from entrepot.model.upload import UploadId
    from entrepot.model.upstream import Upstream
    from entrepot.ports.catalog import (
        ArtifactSummary,
        Clearance,
        Grant,
        Mirrored,
        PackageRow,
        TokenRow,
        Transaction,
        VersionRow,
    )
    from entrepot.ports.clock import Clock

T = TypeVar("T")

PULL: Final = load("pull")

_BATCH: Final = 64
"""How many changes share a commit at most: it bounds how long the event loop is kept from its other work."""

_LAST: Final = "\U0010ffff"
"""Behind every text that there is."""

_ANSWERS_SIZE: Final = 64 * 1024 * 1024
"""What is kept unpacked of what upstreams said: their indexes are asked for again and again, and may be large."""
_LONG: Final = 32 * 1024

_INDEXED_LETTERS: Final = 3
_TELLING_LETTERS: Final = 6
_FEW: Final = 1_000
_SPECIAL: Final = re.compile(r"[%_\\]")
_ESCAPED: Final = r"\\\g<0>"
"""Letters that mean something in a pattern, and what they are there instead."""


class SqlCatalog(ABC):
    """Implements `entrepot.ports.catalog.Catalog`. Use it from one event loop."""

    def __init__(self, questions: Questions, clock: Clock, *, aside: Questions | None = None) -> None:
        """Ask *questions*; *aside*, where that is another way, what looks at much and finds little, or tells it in one row."""
        self._clock = clock
        self._questions = questions
        self.blocks = SqlBlocks(questions)
        self.collection = SqlCollection(questions, aside or questions)
        self.trash = SqlTrash(questions)
        self.erasures = SqlErasures(questions)
        self.pulls = SqlPulls(questions)
        self.scrubs = SqlScrubs(questions)
        self.tiers = SqlTiers(questions)
        self.usage = SqlUsages(questions)
        self.retentions = SqlRetentions(questions, aside or questions)
        self.cursors = SqlCursors(questions)
        self.advisories = SqlAdvisories(questions)
        self.assessments = SqlAssessments(questions)
        self.policies = SqlPolicies(questions)
        self.promotions = SqlPromotions(questions)
        self.attestations = SqlAttestations(questions)
        self.federation = SqlFederation(questions)
        self.log = SqlLog(questions)
        self.webhooks = SqlWebhooks(questions)
        self.inventories = SqlInventories(questions)
        self.holds = SqlHolds(questions)
        self.deployments = SqlDeployments(questions)
        self.protections = SqlProtections(questions)
        self.tombstones = SqlTombstones(questions)
        self.secrets = SqlSecrets(questions)
        self._answers = Answers(_ANSWERS_SIZE)
        self._pending: deque[Pending] = deque()
        self._drain: asyncio.Task[None] | None = None

    # --- changes ---

    async def write(self, change: Callable[[Transaction], T], *, aside: bool = False) -> T:
        """Run *change* under the next commit, and return what it returned once it is durable."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append(Pending(change, future, aside))
        if self._drain is None or self._drain.done():
            self._drain = asyncio.create_task(self._commit_pending())
        # The change is made even if its client goes away meanwhile: it may be half of what another one waits for.
        return await asyncio.shield(future)

    async def _commit_pending(self) -> None:
        while self._pending:
            batch = [self._pending.popleft() for _ in range(min(_BATCH, len(self._pending)))]
            try:
                outcomes = await self._commit(batch)
            except Exception as error:  # noqa: BLE001 (told to everybody who waits for this commit)
                outcomes = [(None, error)] * len(batch)
            for pending, (result, failure) in zip(batch, outcomes, strict=True):
                if pending.future.cancelled():
                    continue
                if failure is None:
                    pending.future.set_result(result)
                else:
                    pending.future.set_exception(failure)

    @abstractmethod
    async def _commit(self, batch: list[Pending]) -> list[Outcome]:
        """Make these changes durable together, and say what came of each."""

    @abstractmethod
    def secret(self, name: str) -> bytes:
        """A random secret of this installation, made when first asked for; to be asked before serving begins."""

    async def confirm_turn(self) -> None:  # noqa: B027 - where a turn cannot be taken away there is nothing to ask
        """Make sure that the turn for which the catalog was opened is not over. Raises `TurnOver`, `Unavailable`."""

    async def shred(self) -> None:  # noqa: B027 - a database with a server of its own keeps its files itself
        """Have nothing of what was deleted in the catalog's own files any more. Raises `Unavailable`."""

    async def listen(self) -> None:  # noqa: B027 - where all processes share one machine there is nothing to do
        """Hear from now on what is changed on other machines; for whoever answers from caches, before it does."""

    async def close(self) -> None:
        """Finish what is being written."""
        if self._drain is not None:
            await asyncio.shield(self._drain)

    # --- who asks ---

    async def find_credential(self, secret_hash: bytes) -> Credential | None:
        """What a token stands for; None when it is unknown, revoked, or its holder disabled."""
        return await self._credential(secret_hash=secret_hash, id=None)

    async def find_credential_by_id(self, token_id: str) -> Credential | None:
        """The same, by the token's public id."""
        return await self._credential(secret_hash=None, id=token_id)

    async def _credential(self, **key: object) -> Credential | None:
        chain = await self._questions.all(ACCESS_SQL.find_token_chain, **key)
        if not chain or any(revoked or disabled for *_, revoked, _, _, _, disabled in chain):
            return None
        token_id, _, _, _, principal_id, name, kind, _ = chain[0]
        ends = [rows.parse_time(row[2]) for row in chain if row[2] is not None]
        scopes = (rows.parse_scope(row[1]) for row in chain)
        grants = await self._questions.all(ACCESS_SQL.list_allowances, principal=principal_id)
        return Credential(
            token_id=token_id,
            principal=rows.principal(name, kind),
            grants=tuple(rows.allowance(grant) for grant in grants),
            scopes=tuple(scope for scope in scopes if scope is not None),
            expires_at=min(ends, default=None),
        )

    async def list_principals(self) -> Sequence[tuple[Principal, bool]]:
        """Everybody who is known, and whether they are disabled."""
        found = await self._questions.all(ACCESS_SQL.list_principals)
        return [(rows.principal(name, kind), bool(disabled)) for name, kind, disabled in found]

    async def list_grants(self, principal: PrincipalName | None = None) -> Sequence[Grant]:
        """Who may do what."""
        return [rows.grant(row) for row in await self._questions.all(ACCESS_SQL.list_grants, principal=principal)]

    async def list_tokens(self, principal: PrincipalName | None = None) -> Sequence[TokenRow]:
        """All tokens, without their secrets."""
        return [rows.token(row) for row in await self._questions.all(ACCESS_SQL.list_tokens, principal=principal)]

    # --- the hot path ---

    async def find_artifact(
        self,
        view: View,
        package: PackageId,
        *,
        name: ReferenceName | None = None,
        digest: Digest | None = None,
        barred: bool = False,
    ) -> FoundArtifact | None:
        """What a name or a digest means through a view (I7); with *barred* also what is blocked."""
        if name is not None:
            row = await self._questions.one(
                PULL.find_artifact_by_name, **_through(view, package), name=name, barred=barred
            )
        else:
            row = await self._questions.one(
                PULL.find_artifact_by_digest, **_through(view, package), digest=str(digest), barred=barred
            )
        if row is None:
            return None
        found, media_type, content, public, sealed, yanked, deprecated = row
        return FoundArtifact(
            digest=Digest.parse(found),
            media_type=media_type,
            content=content,
            public=bool(public),
            sealed=bool(sealed),
            yanked=yanked,
            deprecated=deprecated,
        )

    async def find_blob(
        self, view: View, package: PackageId, digest: Digest, *, barred: bool = False
    ) -> FoundBlob | None:
        """A blob, or an artifact's bytes, through a view (I7); with *barred* also what is blocked."""
        row = await self._questions.one(PULL.find_blob, **_through(view, package), digest=str(digest), barred=barred)
        if row is None:
            return None
        _, size, content, public, generation, tier = row
        return FoundBlob(digest, size, content, public=bool(public), generation=generation, tier=Tier(tier))

    async def had_blob(self, package: PackageId, digest: Digest) -> bool | None:
        """Whether some bytes are in a package, or were, as far as anybody remembers; None when there is no package."""
        row = await self._questions.one(PULL.had_blob, **identity(package), digest=str(digest))
        return None if row is None else bool(row[0])

    # --- listings ---

    async def find_namespace(self, name: NamespaceName) -> Namespace | None:
        """The namespace, or None."""
        row = await self._questions.one(LISTINGS.find_namespace, name=name)
        return None if row is None else rows.namespace(row)

    async def list_namespaces(self, *, after: str, limit: int) -> Sequence[Namespace]:
        """A page of namespaces by name."""
        found = await self._questions.all(LISTINGS.list_namespaces, after=after, limit=limit)
        return [rows.namespace(row) for row in found]

    async def find_package(self, view: View, package: PackageId) -> PackageRow | None:
        """The package, if the view shows anything of it."""
        row = await self._questions.one(LISTINGS.find_package, **_through(view, package))
        return None if row is None else rows.package(row)

    async def list_packages(
        self, *, namespace: NamespaceName | None, format: str | None, after: PackageId | None, limit: int
    ) -> Sequence[PackageRow]:
        """A page of packages that hold an artifact, by namespace, format and name."""
        formats = {"first_format": format or "", "last_format": format or _LAST}
        begin = (namespace or "", "", "") if after is None else (after.namespace, after.format, after.name)
        if namespace is not None and begin[0] < namespace:
            begin = (namespace, "", "")
        found = []
        if namespace in (None, begin[0]):
            after_format, after_package = max(begin[1:], (format or "", ""))
            found = await self._questions.all(
                LISTINGS.list_packages_of,
                **formats,
                namespace=begin[0],
                after_format=after_format,
                after_package=after_package,
                limit=limit,
            )
        if namespace is None and len(found) < limit:
            found += await self._questions.all(
                LISTINGS.list_packages_after, **formats, namespace=begin[0], limit=limit - len(found)
            )
        return [rows.package(row) for row in found]

    async def list_references(
        self, view: View, package: PackageId, *, kind: ReferenceKind | None = None, after: str = "", limit: int
    ) -> Sequence[Reference]:
        """A page of what the view shows of a package's names, in byte order."""
        found = await self._questions.all(
            LISTINGS.list_references, **_through(view, package), kind=kind, after=after, limit=limit
        )
        return [rows.reference(row) for row in found]

    async def list_versions(
        self, view: View, package: PackageId, *, after: str = "", limit: int
    ) -> Sequence[VersionRow]:
        """A page of versions with what they are made of."""
        found = await self._questions.all(LISTINGS.list_versions, **_through(view, package), after=after, limit=limit)
        return [rows.version(row) for row in found]

    async def list_times(self, package: PackageId) -> Mapping[Digest, datetime]:
        """When each blob came into the package."""
        found = await self._questions.all(LISTINGS.list_times, **_through(View(package.namespace), package))
        return {Digest.parse(digest): rows.parse_time(at) for digest, at in found}

    async def find_time(self, package: PackageId, digest: Digest) -> datetime | None:
        """When a blob came into the package."""
        row = await self._questions.one(
            LISTINGS.find_time, **_through(View(package.namespace), package), digest=str(digest)
        )
        return None if row is None else rows.parse_time(row[0])

    async def list_upstreams(
        self, namespace: NamespaceName | None = None, *, format: FormatName | None = None
    ) -> Sequence[Upstream]:
        """The upstreams, by namespace, format and name."""
        return [
            rows.upstream(row)
            for row in await self._questions.all(UPSTREAMS.list_upstreams, namespace=namespace, format=format)
        ]

    async def find_upstream_secret(self, upstream: Upstream) -> str | None:
        """What an upstream is asked with."""
        row = await self._questions.one(UPSTREAMS.find_secret, **rows.upstream_key(upstream), url=upstream.url)
        return None if row is None else row[0]

    async def find_mirrored(self, upstream: Upstream, target: str) -> Mirrored | None:
        """What an upstream answered last."""
        key = upstream.namespace, upstream.format, upstream.name, target
        known = self._answers.find(key)
        row = await self._questions.one(
            UPSTREAMS.find_mirrored,
            **rows.upstream_key(upstream),
            target=target,
            known=b"" if known is None else known.hash,
        )
        if row is None:
            return None
        hash, packed = row[4:6]
        if known is None or packed is not None:
            # What takes longer than a thread hop does not keep the loop from its other work.
            unpacked = (
                await asyncio.to_thread(zlib.decompress, packed) if len(packed) > _LONG else zlib.decompress(packed)
            )
            known = Unpacked(hash, unpacked)
            self._answers.keep(key, known)
        return rows.mirrored(row, known.content)

    async def list_mirrored_packages(self, upstream: Upstream, *, after: str, limit: int) -> Sequence[PackageName]:
        """The packages that an upstream was asked for."""
        found = await self._questions.all(
            UPSTREAMS.list_mirrored_packages, **rows.upstream_key(upstream), after=after, limit=limit
        )
        return [PackageName(name) for (name,) in found]

    async def find_mirrored_times(self, upstream: Upstream, target: str) -> tuple[datetime, datetime] | None:
        """When an answer became what it is, and when the upstream said so last."""
        row = await self._questions.one(UPSTREAMS.find_mirrored_times, **rows.upstream_key(upstream), target=target)
        return None if row is None else (rows.parse_time(row[0]), rows.parse_time(row[1]))

    async def list_first_seen(self, upstream: Upstream, package: PackageId) -> Mapping[str, datetime]:
        """When each version of a package was first seen there."""
        found = await self._questions.all(
            UPSTREAMS.list_first_seen, **rows.upstream_key(upstream), package=package.name
        )
        return {version: rows.parse_time(at) for version, at in found}

    async def list_history(self, package: PackageId, name: ReferenceName) -> Sequence[Reference]:
        """All that *name* ever meant in *package*, oldest first."""
        found = await self._questions.all(
            LISTINGS.list_history, **_through(View(package.namespace), package), name=name
        )
        return [rows.reference(row) for row in found]

    async def list_artifacts(
        self, view: View, package: PackageId, *, after: Position, limit: int
    ) -> Sequence[ArtifactSummary]:
        """A page of a package's artifacts, in the order they came; it may end early."""
        return await self._summaries(
            await self._questions.all(LISTINGS.list_artifacts, **_through(view, package), after=after, limit=limit)
        )

    async def _summaries(self, found: Sequence[tuple[Any, ...]]) -> list[ArtifactSummary]:
        """What rows with a manifest's identity stand for; the manifests are looked up until they fill a page."""
        page: list[ArtifactSummary] = []
        size = 0
        for *before, blob, position, at in found:
            if size >= PAGE_SIZE:
                break
            content = await self._content(blob)
            if content is not None:
                page.append(rows.summary((*before, content, position, at)))
                size += page[-1].size
        return page

    async def _content(self, blob: int) -> bytes | None:
        row = await self._questions.one(LISTINGS.content_of, blob=blob)
        return None if row is None else row[0]

    async def find_details(self, view: View, package: PackageId, digest: Digest) -> ArtifactDetails | None:
        """An artifact with its names and clearances, if the view shows it."""
        row = await self._questions.one(LISTINGS.find_summary, **_through(view, package), digest=str(digest))
        if row is None:
            return None
        *summary, blob = row
        names = await self._questions.all(LISTINGS.names_in_package, **_through(view, package), blob=blob)
        clearances = await self._questions.all(LISTINGS.clearances_of, **_through(view, package), blob=blob)
        return ArtifactDetails(
            summary=rows.summary(tuple(summary)),
            references=tuple(ReferenceName(name) for (name,) in names),
            clearances=tuple(rows.clearance(clearance) for clearance in clearances),
        )

    async def list_referrers(
        self, view: View, package: PackageId, subject: Digest, *, artifact_type: str | None, after: str, limit: int
    ) -> Sequence[ArtifactSummary]:
        """A page of the artifacts with this subject, by digest; it may end early."""
        found = await self._questions.all(
            LISTINGS.list_referrers,
            **_through(view, package),
            subject=str(subject),
            artifact_type=artifact_type,
            after=after,
            limit=limit,
        )
        return await self._summaries(found)

    async def list_sources(self, digest: Digest, *, limit: int) -> Sequence[tuple[PackageId, bool]]:
        """Packages that hold a blob, with whether their namespace is public: where it might be mounted from."""
        found = await self._questions.all(LISTINGS.list_sources, digest=str(digest), limit=limit)
        return [(rows.package_id(owner, format_, name), bool(public)) for owner, format_, name, public in found]

    async def list_clearances(self, package: PackageId, *, history: bool = False) -> Sequence[Clearance]:
        """A package's clearances: what was cleared as such, not what that covers."""
        found = await self._questions.all(
            LISTINGS.list_clearances, **_through(View(package.namespace), package), history=history
        )
        return [rows.clearance(row) for row in found]

    async def upload_has_ended(self, upload: UploadId) -> bool:
        """Whether an upload was finished or cancelled."""
        return await self._questions.one(LISTINGS.upload_has_ended, id=upload) is not None

    async def list_entries(
        self, *, after: Position, limit: int, namespace: NamespaceName | None = None
    ) -> Sequence[Entry]:
        """A page of the journal."""
        statement = LISTINGS.list_entries if namespace is None else LISTINGS.list_entries_of
        return [
            rows.entry(row)
            for row in await self._questions.all(statement, after=after, limit=limit, namespace=namespace)
        ]

    async def head(self) -> tuple[Position, bytes]:
        """The journal's last position and hash."""
        row = await self._questions.one(LISTINGS.head)
        return (START, GENESIS) if row is None else (Position(row[0]), bytes(row[1]))

    async def search(
        self, *, key: str | None, text: str, namespaces: Sequence[NamespaceName] | None, limit: int, offset: int = 0
    ) -> Sequence[Hit]:
        """Artifacts whose annotation *key* starts with *text*, or whose package or names contain it."""
        allowed = None if namespaces is None else rows.json_list(namespaces)
        if key is None:
            found = await self._search_plain(text, namespaces=allowed, limit=limit, offset=offset)
        else:
            found = await self._questions.all(
                LISTINGS.search_annotations,
                key=key,
                text=text,
                text_end=text + _LAST,
                namespaces=allowed,
                limit=limit,
                offset=offset,
            )
        hits = []
        size = 0
        for owner, format_, name, blob, digest, _ in found:
            package = rows.package_id(owner, format_, name)
            names = await self._questions.all(
                LISTINGS.names_in_package, **_through(View(package.namespace), package), blob=blob
            )
            references = tuple(reference for (reference,) in names)
            content = b"{}"
            if size < PAGE_SIZE:
                content = await self._content(blob) or content
                size += len(content)
            hits.append(Hit(package, Digest.parse(digest), references, rows.stored_annotations(content)))
        return hits

    async def _search_plain(self, text: str, **page: object) -> list[tuple[Any, ...]]:
        """A digest, or a part of a package's name, or a tag or version; the newest first."""
        if ":" in text:
            return await self._questions.all(LISTINGS.search_digest, text=text, **page)
        packages = await self._packages_named(text)
        if packages is None:
            found = await self._questions.all(LISTINGS.search_names, text=text, **page)
        else:
            found = await self._questions.all(LISTINGS.search_few_names, text=text, packages=packages, **page)
        found += await self._questions.all(LISTINGS.search_references, text=text, **page)
        return sorted(dict.fromkeys(found), key=lambda row: row[-1], reverse=True)

    async def _packages_named(self, text: str) -> str | None:
        """The packages whose name contains *text*, when they are few: of many, a page is soon full without an index."""
        if len(text) < _INDEXED_LETTERS:
            return None
        # The end of a name tells it from others, while its beginning is often that of all: `team/service-`.
        part = text[-_TELLING_LETTERS:]
        found = await self._questions.all(
            LISTINGS.packages_named,
            phrase='"' + part.replace('"', '""') + '"',
            pattern=f"%{_SPECIAL.sub(_ESCAPED, part)}%",
            limit=_FEW + 1,
        )
        return None if len(found) > _FEW else msgspec.json.encode([package for (package,) in found]).decode()

    async def storage(self) -> dict[str, int]:
        """Totals for the metrics."""
        names = ("blobs", "bytes", "damaged", "artifacts", "packages", "namespaces")
        return dict(zip(names, await self._questions.one(LISTINGS.storage) or (), strict=True))

    # --- checking ---

    async def violations(self) -> Sequence[tuple[str, str]]:
        """What the catalog itself can see broken: pairs of invariant and what is wrong."""
        return await integrity.violations(self._questions, self._clock.now())

    async def iter_stored(self, *, after: int, limit: int) -> tuple[Sequence[BlobRow], int]:
        """A page of the blobs that are in a blob store, and where to go on; it is empty at the end."""
        found = await self._questions.all(LISTINGS.iter_stored, after=after, limit=limit)
        page = [
            BlobRow(Digest.parse(digest), size, None, generation, Tier(tier))
            for _, digest, size, generation, tier in found
        ]
        return page, found[-1][0] if found else after

    async def iter_blobs(self, *, after: str, limit: int) -> Sequence[BlobRow]:
        """A page of the present blobs, with their content when it lives here."""
        page: list[BlobRow] = []
        held = 0
        found = await self._questions.all(LISTINGS.iter_blobs, after=after, limit=limit)
        for digest, size, blob, generation, tier in found:
            content = None if blob is None else await self._content(blob)
            page.append(BlobRow(Digest.parse(digest), size, content, generation, Tier(tier)))
            held += len(content or b"")
            if held >= PAGE_SIZE:
                break
        return page


def _through(view: View, package: PackageId) -> dict[str, str | None]:
    return {
        "namespace": package.namespace,
        "format": package.format,
        "package": package.name,
        "channel": view.channel,
    }
