"""What every catalog promises (`entrepot.ports.catalog.Catalog`)."""

from __future__ import annotations

import asyncio
import threading
import zlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import pytest

from entrepot.model.access import Action, Allowance, Principal, PrincipalKind, Role
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    ChannelUnknown,
    NamespaceUnknown,
    NameTaken,
    PrincipalUnknown,
    Protected,
    TokenUnknown,
)
from entrepot.model.events import (
    GENESIS,
    ArtifactPublished,
    BlobAdded,
    BlobDamaged,
    Event,
    GrantAdded,
    NamespaceChanged,
    NamespaceCreated,
    chain,
)
from entrepot.model.names import (
    ChannelName,
    NamespaceName,
    PackageId,
    PackagePattern,
    PrincipalName,
    ReferenceName,
    View,
)
from entrepot.model.namespace import DEFAULT_CHANNELS, Namespace
from entrepot.model.position import START, Position
from entrepot.model.reference import Reference, ReferenceKind, TagRules
from entrepot.model.upload import Upload, UploadId
from entrepot.model.upstream import Upstream, UpstreamName
from entrepot.ports.catalog import BlobRow, Grant, Mirrored, TokenRow
from entrepot.ports.epochs import ACCESS
from entrepot.testing.builders import Image, StoppedClock, image, index, package, referrer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.ports.epochs import Epochs

T = TypeVar("T")

ACME = NamespaceName("acme")
API = package("acme/api")
OTHER = package("acme/other")
ALL, PROD, DEV = View.parse("acme"), View.parse("acme.prod"), View.parse("acme.dev")
BYTES = b"some bytes"
NAME = Digest.of(BYTES)
MANY = 1_000


def added(where: PackageId = API, digest: Digest = NAME) -> BlobAdded:
    """An event like any other."""
    return BlobAdded(namespace=where.namespace, package=where.path, digest=str(digest), size=1)


@dataclass(frozen=True, slots=True)
class Filling:
    """Short words for putting things into a catalog, without the rules that operations keep."""

    catalog: Catalog

    async def namespace(self, name: str = "acme", *, public: bool = False) -> None:
        """Make a namespace."""

        def change(transaction: Transaction) -> None:
            assert transaction.add_namespace(Namespace(NamespaceName(name), public=public))
            transaction.append("tester", NamespaceCreated(namespace=NamespaceName(name), public=public))

        await self.catalog.write(change)

    async def blob(self, where: PackageId = API, content: bytes = BYTES, *, inline: bool = True) -> Digest:
        """Put a blob into a package."""
        digest = Digest.of(content)

        def change(transaction: Transaction) -> None:
            transaction.keep_blob(digest, len(content), content if inline else None)
            if transaction.add_blob_member(where, digest):
                transaction.append("tester", added(where, digest))

        await self.catalog.write(change)
        return digest

    async def artifact(
        self, built: Image, *names: str, where: PackageId = API, kind: ReferenceKind = ReferenceKind.TAG
    ) -> Digest:
        """Put an artifact and what it links into a package, under names."""
        for content in built.blobs:
            await self.blob(where, content)
        for child in built.children:
            await self.artifact(child, where=where)

        def change(transaction: Transaction) -> None:
            assert transaction.missing_members(where, built.artifact) == []
            transaction.keep_artifact(built.artifact)
            changed = transaction.add_artifact_member(where, built.digest)
            for name in names:
                transaction.set_reference(
                    where,
                    Reference(
                        kind,
                        ReferenceName(name),
                        built.digest,
                        transaction.position,
                        sealed=kind is ReferenceKind.VERSION,
                    ),
                )
            if changed or names:
                transaction.append("tester", published(built, where, names))

        await self.catalog.write(change)
        return built.digest

    async def remove(self, digest: Digest, where: PackageId = API, *, artifact: bool = True) -> bool:
        """Take something out of a package."""

        def change(transaction: Transaction) -> bool:
            removed = transaction.remove_member(where, digest, artifact=artifact)
            if removed:
                transaction.append("tester", added(where, digest))
            return removed

        return await self.catalog.write(change)

    async def clear(self, digest: Digest, channel: str = "prod", where: PackageId = API) -> bool:
        """Open a clearance."""

        def change(transaction: Transaction) -> bool:
            opened = transaction.open_clearance(where, ChannelName(channel), digest)
            if opened:
                transaction.append("tester", added(where, digest))
            return opened

        return await self.catalog.write(change)

    async def close(self, digest: Digest, channel: str = "prod", where: PackageId = API) -> bool:
        """Close a clearance."""

        def change(transaction: Transaction) -> bool:
            closed = transaction.close_clearance(where, ChannelName(channel), digest)
            if closed:
                transaction.append("tester", added(where, digest))
            return closed

        return await self.catalog.write(change)

    async def principal(self, name: str = "alice", kind: PrincipalKind = PrincipalKind.USER) -> None:
        """Make somebody known."""
        await self.catalog.write(lambda transaction: transaction.add_principal(PrincipalName(name), kind))

    async def token(
        self,
        secret: bytes,
        *,
        holder: str = "alice",
        scope: tuple[Allowance, ...] | None = None,
        parent: str | None = None,
        hours: int | None = None,
        clock: StoppedClock | None = None,
    ) -> TokenRow:
        """Store a token whose hash is *secret*."""
        now = (clock or StoppedClock()).now()
        token = TokenRow(
            id=str(uuid4()),
            label="label",
            principal=PrincipalName(holder),
            scope=scope,
            parent=parent,
            created_at=now,
            expires_at=None if hours is None else now + timedelta(hours=hours),
            revoked=False,
        )
        await self.catalog.write(lambda transaction: transaction.add_token(token, secret))
        return token


def published(built: Image, where: PackageId, names: Sequence[str]) -> ArtifactPublished:
    """The event of it."""
    return ArtifactPublished(
        namespace=where.namespace,
        package=where.path,
        digest=str(built.digest),
        media_type=built.artifact.media_type,
        references=tuple(names),
    )


def fallible(transaction: Transaction, fails: bool) -> Position:
    """A change that does something, and then perhaps fails."""
    where = package(f"acme/{uuid4()}")
    transaction.keep_blob(NAME, len(BYTES), BYTES)
    transaction.add_blob_member(where, NAME)
    if fails:
        raise NameTaken("a change of mind")
    return transaction.append("tester", added(where))


@pytest.mark.asyncio
class CatalogContract:
    """Inherit it, and give the fixtures ``catalog`` (an empty one), ``clock`` and ``epochs``, with which it was opened.

    ``again`` is another instance on the same database, as another process has it; a catalog that cannot have one gives
    itself.
    """

    @pytest.fixture
    def clock(self) -> StoppedClock:
        """The catalog's clock."""
        return StoppedClock()

    @pytest.fixture
    def epochs(self) -> Epochs:
        """The catalog's epochs."""
        raise NotImplementedError

    @pytest.fixture
    def catalog(self, clock: StoppedClock, epochs: Epochs) -> Catalog:
        """An empty catalog."""
        raise NotImplementedError

    @pytest.fixture
    def again(self, catalog: Catalog) -> Catalog:
        """The same database, seen by another process."""
        return catalog

    @pytest.fixture
    async def fill(self, catalog: Catalog) -> Filling:
        """Puts things into the catalog, which has the namespace ``acme``."""
        filling = Filling(catalog)
        await filling.namespace()
        return filling

    # --- changes ---

    async def test_a_change_is_seen_once_it_has_returned(self, catalog: Catalog, again: Catalog) -> None:
        def change(transaction: Transaction) -> str:
            transaction.add_namespace(Namespace(ACME))
            transaction.append("tester", NamespaceCreated(namespace=ACME))
            return "done"

        assert await catalog.write(change) == "done"

        for each in (catalog, again):
            found = await each.find_namespace(ACME)
            assert found is not None
            assert found.revision == 1

    async def test_a_change_that_fails_did_not_happen(self, catalog: Catalog, fill: Filling) -> None:
        before = await catalog.head()

        with pytest.raises(NameTaken):
            await catalog.write(lambda transaction: fallible(transaction, fails=True))

        assert await catalog.head() == before
        assert await catalog.find_blob(ALL, API, NAME) is None
        assert (await catalog.storage())["packages"] == 0
        assert await catalog.violations() == []

    async def test_of_many_changes_at_once_those_that_fail_fail_alone(self, catalog: Catalog, fill: Filling) -> None:
        outcomes = await asyncio.gather(
            *(
                catalog.write(lambda transaction, number=number: fallible(transaction, fails=number % 3 == 0))  # type: ignore[misc]
                for number in range(300)
            ),
            return_exceptions=True,
        )

        positions = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert [isinstance(outcome, NameTaken) for outcome in outcomes] == [number % 3 == 0 for number in range(300)]
        assert sorted(positions) == list(range(2, 202))
        assert (await catalog.head())[0] == 201
        assert await catalog.violations() == []

    async def test_others_have_the_loop_while_many_rows_are_written(self, catalog: Catalog, fill: Filling) -> None:
        begun, is_seen = threading.Event(), threading.Event()

        def change(transaction: Transaction) -> bool:
            fallible(transaction, fails=False)
            begun.set()
            return is_seen.wait(60)

        writing = asyncio.ensure_future(catalog.write(change, aside=True))
        await asyncio.to_thread(begun.wait)
        is_seen.set()

        assert await writing

    async def test_a_change_of_many_rows_that_fails_fails_alone(self, catalog: Catalog, fill: Filling) -> None:
        outcomes = await asyncio.gather(
            catalog.write(lambda transaction: fallible(transaction, fails=False)),
            catalog.write(lambda transaction: fallible(transaction, fails=True), aside=True),
            catalog.write(lambda transaction: fallible(transaction, fails=False), aside=True),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes] == [int, NameTaken, int]
        assert (await catalog.head())[0] == 3
        assert await catalog.violations() == []

    async def test_positions_have_no_gaps_whoever_writes(self, catalog: Catalog, again: Catalog, fill: Filling) -> None:
        await asyncio.gather(
            *(
                each.write(lambda transaction, fails=number % 5 == 0: fallible(transaction, fails=fails))  # type: ignore[misc]
                for number in range(100)
                for each in (catalog, again)
            ),
            return_exceptions=True,
        )

        entries = await catalog.list_entries(after=START, limit=MANY)
        assert [entry.position for entry in entries] == list(range(1, 162))
        assert [entry.hash for entry in entries] == [
            entry.hash for entry in await again.list_entries(after=START, limit=MANY)
        ]

    async def test_whatever_ends_a_change_is_told_to_who_asked_for_it(self, catalog: Catalog, fill: Filling) -> None:
        class Killed(BaseException):
            pass

        def change(_: Transaction) -> None:
            raise Killed

        with pytest.raises(Killed):
            await catalog.write(change)
        assert await catalog.write(lambda transaction: transaction.position) == 2

    async def test_a_change_happens_even_if_its_client_goes_away(self, catalog: Catalog, fill: Filling) -> None:
        writing = asyncio.ensure_future(catalog.write(lambda transaction: fallible(transaction, fails=False)))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

        await catalog.write(lambda transaction: transaction.position)

        assert (await catalog.head())[0] == 2

    async def test_a_change_has_one_event(self, catalog: Catalog, fill: Filling) -> None:
        def change(transaction: Transaction) -> None:
            transaction.append("tester", added())
            transaction.append("tester", added())

        with pytest.raises(RuntimeError):
            await catalog.write(change)

        assert (await catalog.head())[0] == 1

    async def test_a_change_without_an_event_takes_no_position(self, catalog: Catalog, fill: Filling) -> None:
        seen = [await catalog.write(lambda transaction: transaction.position) for _ in range(3)]

        assert seen == [2, 2, 2]
        assert (await catalog.head())[0] == 1

    async def test_an_event_is_where_its_change_said_and_when(
        self, catalog: Catalog, clock: StoppedClock, fill: Filling
    ) -> None:
        clock.advance(hours=3)

        def change(transaction: Transaction) -> tuple[Position, Position]:
            assert transaction.now == clock.now()
            return transaction.position, transaction.append("tester", added())

        said, taken = await catalog.write(change)

        (entry,) = await catalog.list_entries(after=Position(1), limit=MANY)
        assert said == taken == entry.position == 2
        assert (entry.at, entry.actor, entry.event) == (clock.now(), "tester", added())

    async def test_a_change_sees_what_it_has_done(self, catalog: Catalog, fill: Filling) -> None:
        def change(transaction: Transaction) -> None:
            transaction.keep_blob(NAME, len(BYTES), BYTES)
            transaction.add_blob_member(API, NAME)
            assert transaction.has_member(API, NAME)
            assert transaction.find_content(NAME) == BYTES
            transaction.append("tester", added())

        await catalog.write(change)

    # --- the journal ---

    async def test_an_empty_journal_ends_where_it_begins(self, catalog: Catalog) -> None:
        assert await catalog.head() == (START, GENESIS)
        assert await catalog.list_entries(after=START, limit=MANY) == []

    async def test_each_entry_is_tied_to_all_before_it(self, catalog: Catalog, fill: Filling) -> None:
        for number in range(5):
            await fill.blob(content=bytes([number]))

        entries = await catalog.list_entries(after=START, limit=MANY)

        last = GENESIS
        for entry in entries:
            last = chain(last, entry.position, entry.at, actor=entry.actor, content=entry.content)
            assert entry.hash == last
        assert await catalog.head() == (Position(6), last)

    async def test_the_journal_is_read_in_pages(self, catalog: Catalog, fill: Filling) -> None:
        await fill.namespace("zeta")
        for number in range(10):
            await fill.blob(package(f"{'zeta' if number % 3 == 0 else 'acme'}/api"), bytes([number]))

        async def read(namespace: NamespaceName | None) -> list[Position]:
            found: list[Position] = []
            after = START
            while page := await catalog.list_entries(after=after, limit=3, namespace=namespace):
                assert len(page) <= 3
                found += [entry.position for entry in page]
                after = page[-1].position
            return found

        assert await read(None) == list(range(1, 13))
        assert await read(NamespaceName("zeta")) == [2, 3, 6, 9, 12]
        assert await read(NamespaceName("nobody")) == []

    # --- what upstreams said ---

    async def test_what_an_upstream_said_of_all_that_it_has_is_of_every_package(
        self, catalog: Catalog, clock: StoppedClock, fill: Filling
    ) -> None:
        upstream = Upstream(NamespaceName("acme"), API.format, UpstreamName("public"), "https://registry.example.com")
        answer = Mirrored(200, "https://registry.example.com/x", "text/plain", None, b"1.0", clock.now(), clock.now())

        def keep(transaction: Transaction) -> None:
            transaction.add_upstream(upstream, None)
            transaction.keep_mirrored(upstream, None, "/all", answer)
            transaction.append("tester", added())

        await catalog.write(keep)

        assert await catalog.find_mirrored_times(upstream, "/all") == (clock.now(), clock.now())
        assert await catalog.find_mirrored_times(upstream, "/none") is None
        assert await catalog.list_mirrored_packages(upstream, after="", limit=MANY) == []
        assert await catalog.write(lambda transaction: transaction.outdate_mirrored(upstream, API))
        times = await catalog.find_mirrored_times(upstream, "/all")
        assert times is not None
        assert times[0] == clock.now() > times[1]

    async def test_what_an_upstream_said_is_the_same_when_it_was_compressed_beforehand(
        self, catalog: Catalog, clock: StoppedClock, fill: Filling
    ) -> None:
        upstream = Upstream(NamespaceName("acme"), API.format, UpstreamName("public"), "https://registry.example.com")
        said = b"1.0\n" * 1_000
        answer = Mirrored(200, "https://registry.example.com/x", "text/plain", None, said, clock.now(), clock.now())

        def keep(transaction: Transaction) -> list[bool]:
            transaction.add_upstream(upstream, None)
            news = [
                transaction.keep_mirrored(upstream, API, "/api", answer, compressed=zlib.compress(said, 1)),
                transaction.keep_mirrored(upstream, API, "/api", answer),
            ]
            transaction.append("tester", added())
            return news

        news = await catalog.write(keep)

        assert news == [True, False]
        assert await catalog.find_mirrored(upstream, "/api") == answer

    async def test_versions_of_an_upstream_keep_the_time_when_they_were_first_seen(
        self, catalog: Catalog, clock: StoppedClock, fill: Filling
    ) -> None:
        upstream = Upstream(NamespaceName("acme"), API.format, UpstreamName("public"), "https://registry.example.com")
        first, later = clock.now(), clock.now() + timedelta(days=1)

        def see(transaction: Transaction) -> None:
            transaction.add_upstream(upstream, None)
            for seen in ({}, {"1.0": first, "ü'\"": first}, {"1.0": later, "2.0": later}):
                transaction.see_versions(upstream, API, seen)
            transaction.append("tester", added())

        await catalog.write(see)

        assert await catalog.list_first_seen(upstream, API) == {"1.0": first, "ü'\"": first, "2.0": later}

    async def test_what_an_upstream_said_of_a_package_is_asked_for_again_and_nothing_else(
        self, catalog: Catalog, clock: StoppedClock, fill: Filling
    ) -> None:
        upstream = Upstream(NamespaceName("acme"), API.format, UpstreamName("public"), "https://registry.example.com")
        answer = Mirrored(200, "https://registry.example.com/x", "text/plain", None, b"1.0", clock.now(), clock.now())

        def keep(transaction: Transaction) -> None:
            transaction.add_upstream(upstream, None)
            for place, target in ((API, "/api"), (API, "/api/1.0"), (OTHER, "/other")):
                transaction.keep_mirrored(upstream, place, target, answer)
            absent = replace(answer, status=404, content=b"")
            transaction.keep_mirrored(upstream, package("acme/absent"), "/absent", absent)
            transaction.append("tester", added())

        await catalog.write(keep)

        known, unknown = await catalog.write(
            lambda transaction: (
                transaction.outdate_mirrored(upstream, API),
                transaction.outdate_mirrored(upstream, package("acme/unknown")),
            )
        )

        found = {target: await catalog.find_mirrored(upstream, target) for target in ("/api", "/api/1.0", "/other")}
        checked = {target: each.checked_at for target, each in found.items() if each is not None}
        assert (known, unknown) == (True, False)
        assert checked["/api"] == checked["/api/1.0"] < clock.now() == checked["/other"]
        assert await catalog.list_mirrored_packages(upstream, after="", limit=MANY) == ["api", "other"]
        assert await catalog.list_mirrored_packages(upstream, after="api", limit=MANY) == ["other"]
        assert await catalog.list_mirrored_packages(upstream, after="", limit=1) == ["api"]

    # --- caches ---

    async def test_what_is_cached_of_a_namespace_ends_with_every_event_in_it(
        self, catalog: Catalog, epochs: Epochs, fill: Filling
    ) -> None:
        mine, access = epochs.slot_of("acme"), epochs.read(ACCESS)
        before = epochs.read(mine)

        await fill.blob()

        assert epochs.read(mine) > before
        assert epochs.read(mine) % 2 == 0
        assert epochs.read(ACCESS) == access

    async def test_what_is_cached_of_another_namespace_stays(
        self, catalog: Catalog, epochs: Epochs, fill: Filling
    ) -> None:
        other = next(name for name in ("b", "c", "d") if epochs.slot_of(name) != epochs.slot_of("acme"))
        before = epochs.read(epochs.slot_of(other))

        await fill.blob()

        assert epochs.read(epochs.slot_of(other)) == before

    @pytest.mark.parametrize(
        "event",
        [
            GrantAdded(principal="alice", role="reader"),
            NamespaceChanged(namespace=ACME, public=True, movable=(), versions=()),
            BlobDamaged(digest=str(NAME), problem="a flipped bit"),
        ],
        ids=["a grant", "visibility", "damage"],
    )
    async def test_every_cache_ends_with_what_may_concern_any_answer(
        self, catalog: Catalog, epochs: Epochs, fill: Filling, event: Event
    ) -> None:
        before = epochs.read(ACCESS)

        await catalog.write(lambda transaction: transaction.append("tester", event))

        assert epochs.read(ACCESS) > before

    async def test_no_cache_ends_with_a_change_that_failed(
        self, catalog: Catalog, epochs: Epochs, fill: Filling
    ) -> None:
        before = epochs.observe(epochs.slot_of("acme"))

        with pytest.raises(NameTaken):
            await catalog.write(lambda transaction: fallible(transaction, fails=True))

        assert epochs.observe(epochs.slot_of("acme")) == before

    # --- namespaces ---

    async def test_a_namespace_has_what_it_was_made_with(self, catalog: Catalog) -> None:
        rules = TagRules(movable=(PackagePattern("latest"),), versions=(PackagePattern("r-*"), PackagePattern("x?")))
        made = Namespace(ACME, public=True, rules=rules)
        await catalog.write(lambda transaction: transaction.add_namespace(made))

        found = await catalog.find_namespace(ACME)

        assert found == replace(made, revision=Position(1))
        assert found is not None
        assert found.channels == DEFAULT_CHANNELS

    async def test_a_namespace_is_made_once(self, catalog: Catalog, fill: Filling) -> None:
        again = Namespace(ACME, public=True)

        assert not await catalog.write(lambda transaction: transaction.add_namespace(again))

        found = await catalog.find_namespace(ACME)
        assert found is not None
        assert not found.public

    async def test_an_unknown_namespace_is_none(self, catalog: Catalog) -> None:
        assert await catalog.find_namespace(ACME) is None
        with pytest.raises(NamespaceUnknown):
            await catalog.write(lambda transaction: transaction.set_channels(ACME, []))
        with pytest.raises(NamespaceUnknown):
            await Filling(catalog).blob()

    async def test_rules_and_visibility_are_replaced(self, catalog: Catalog, fill: Filling) -> None:
        new = Namespace(ACME, public=True, rules=TagRules(movable=()))

        def change(transaction: Transaction) -> None:
            transaction.set_namespace(new)
            transaction.append("tester", NamespaceChanged(namespace=ACME, public=True, movable=(), versions=()))

        await catalog.write(change)

        assert await catalog.find_namespace(ACME) == replace(new, revision=Position(2))
        assert await catalog.violations() == []

    async def test_namespaces_are_listed_by_name(self, catalog: Catalog) -> None:
        names = ["a", "a-b", "a0", "b", "zz"]
        for name in reversed(names):
            await Filling(catalog).namespace(name)

        first = await catalog.list_namespaces(after="", limit=2)
        rest = await catalog.list_namespaces(after=first[-1].name, limit=MANY)

        assert [each.name for each in (*first, *rest)] == sorted(names)
        assert first[0].channels == DEFAULT_CHANNELS

    async def set_channels(self, catalog: Catalog, *channels: str) -> tuple[str, ...]:
        """Replace the channels of ``acme``, and say what they are then."""
        names = [ChannelName(channel) for channel in channels]
        await catalog.write(lambda transaction: transaction.set_channels(ACME, names))
        found = await catalog.find_namespace(ACME)
        assert found is not None
        return found.channels

    async def test_channels_have_the_order_that_they_were_given(self, catalog: Catalog, fill: Filling) -> None:
        for channels in (("prod", "dev"), ("a",), (), ("dev", "prod", "a", "staging")):
            assert await self.set_channels(catalog, *channels) == channels

    async def test_a_channel_that_clears_something_stays(self, catalog: Catalog, fill: Filling) -> None:
        digest = await fill.artifact(image(b"layer"))
        await fill.clear(digest)

        with pytest.raises(Protected):
            await self.set_channels(catalog, "dev", "staging")

        await fill.close(digest)
        assert await self.set_channels(catalog, "dev", "staging") == ("dev", "staging")

    async def test_a_channel_that_went_and_comes_back_shows_nothing_of_before(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        digest = await fill.artifact(image(b"layer"), "1.0")
        await fill.clear(digest)
        await fill.close(digest)
        await self.set_channels(catalog, "dev")
        with pytest.raises(ChannelUnknown):
            await fill.clear(digest)
        with pytest.raises(ChannelUnknown):
            await fill.close(digest)

        await self.set_channels(catalog, "dev", "prod")

        assert await catalog.find_artifact(PROD, API, digest=digest) is None
        assert await fill.clear(digest)
        assert await catalog.find_artifact(PROD, API, digest=digest) is not None

    # --- who may ---

    async def test_somebody_is_made_known_once(self, catalog: Catalog) -> None:
        alice = PrincipalName("alice")
        made = [
            await catalog.write(lambda transaction: transaction.add_principal(alice, PrincipalKind.USER)),
            await catalog.write(lambda transaction: transaction.add_principal(alice, PrincipalKind.ROBOT)),
        ]

        assert made == [True, False]
        assert await catalog.list_principals() == [(Principal(alice, PrincipalKind.USER), False)]
        assert not await catalog.write(lambda transaction: transaction.is_robot(alice))

    async def test_a_robot_is_known_as_one(self, catalog: Catalog, fill: Filling) -> None:
        await fill.principal("robot", PrincipalKind.ROBOT)

        assert await catalog.write(lambda transaction: transaction.is_robot(PrincipalName("robot")))
        assert not await catalog.write(lambda transaction: transaction.is_robot(PrincipalName("nobody")))

    async def test_somebody_is_disabled_once(self, catalog: Catalog, fill: Filling) -> None:
        await fill.principal()

        done = [
            await catalog.write(lambda transaction: transaction.disable_principal(PrincipalName("alice"))) for _ in "12"
        ]

        assert done == [True, False]
        assert [disabled for _, disabled in await catalog.list_principals()] == [True]
        with pytest.raises(PrincipalUnknown):
            await catalog.write(lambda transaction: transaction.disable_principal(PrincipalName("nobody")))

    async def test_somebody_is_enabled_again(self, catalog: Catalog, fill: Filling) -> None:
        alice = PrincipalName("alice")
        await fill.principal()
        await fill.token(b"secret")
        await catalog.write(lambda transaction: transaction.disable_principal(alice))

        done = [await catalog.write(lambda transaction: transaction.enable_principal(alice)) for _ in "12"]

        assert done == [True, False]
        assert await catalog.find_credential(b"secret") is not None
        with pytest.raises(PrincipalUnknown):
            await catalog.write(lambda transaction: transaction.enable_principal(PrincipalName("nobody")))

    async def test_a_role_is_given_and_taken(self, catalog: Catalog, fill: Filling) -> None:
        await fill.principal()
        grants = [
            Grant(PrincipalName("alice"), Allowance(role, view, PackagePattern(pattern)))
            for role in (Role.READER, Role.PUBLISHER)
            for view in (None, ALL, PROD)
            for pattern in ("*", "team-*")
        ]
        for grant in grants:
            assert await catalog.write(lambda transaction, grant=grant: transaction.add_grant(grant))  # type: ignore[misc]
        assert not await catalog.write(lambda transaction: transaction.add_grant(grants[0]))
        assert list(await catalog.list_grants()) == grants == list(await catalog.list_grants(PrincipalName("alice")))
        assert await catalog.list_grants(PrincipalName("bob")) == []

        taken = [await catalog.write(lambda transaction: transaction.remove_grant(grants[0])) for _ in "12"]

        assert taken == [True, False]
        assert list(await catalog.list_grants()) == grants[1:]
        assert await catalog.write(lambda transaction: transaction.add_grant(grants[0]))

    async def test_nobody_has_no_roles_and_no_tokens(self, catalog: Catalog) -> None:
        grant = Grant(PrincipalName("nobody"), Allowance(Role.READER))

        for change in (
            lambda transaction: transaction.add_grant(grant),
            lambda transaction: transaction.remove_grant(grant),
        ):
            with pytest.raises(PrincipalUnknown):
                await catalog.write(change)
        with pytest.raises(PrincipalUnknown):
            await Filling(catalog).token(b"secret", holder="nobody")

    async def test_a_token_stands_for_its_holder_and_what_they_may(self, catalog: Catalog, fill: Filling) -> None:
        await fill.principal()
        allowance = Allowance(Role.MAINTAINER, ALL, PackagePattern("team-*"))
        await catalog.write(lambda transaction: transaction.add_grant(Grant(PrincipalName("alice"), allowance)))
        token = await fill.token(b"secret")

        found = await catalog.find_credential(b"secret")

        assert found is not None
        assert found == await catalog.find_credential_by_id(token.id)
        assert found.principal == Principal(PrincipalName("alice"), PrincipalKind.USER)
        assert (found.token_id, found.grants, found.scopes) == (token.id, (allowance,), ())
        assert found.expires_at is None

    async def test_a_narrowed_token_has_every_scope_on_the_way_and_the_earliest_end(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        await fill.principal()
        wide = (Allowance(Role.PUBLISHER, ALL),)
        narrow = (Allowance(Role.PUBLISHER, ALL, PackagePattern("a*"), only=frozenset({Action.READ})),)
        first = await fill.token(b"first", hours=5)
        second = await fill.token(b"second", scope=wide, parent=first.id, hours=2)
        await fill.token(b"third", scope=narrow, parent=second.id, hours=9)

        found = await catalog.find_credential(b"third")

        assert found is not None
        assert set(found.scopes) == {wide, narrow}
        assert found.expires_at == second.expires_at

    @pytest.mark.parametrize("revoked", [0, 1, 2])
    async def test_revoking_a_token_stops_all_that_were_made_with_it(
        self, catalog: Catalog, fill: Filling, revoked: int
    ) -> None:
        await fill.principal()
        tokens: list[TokenRow] = []
        for secret in (b"0", b"1", b"2"):
            tokens.append(await fill.token(secret, parent=tokens[-1].id if tokens else None))
        target = tokens[revoked].id

        done = [await catalog.write(lambda transaction: transaction.revoke_token(target)) for _ in "12"]

        assert done == [True, False]
        works = [await catalog.find_credential(secret) is not None for secret in (b"0", b"1", b"2")]
        assert works == [number < revoked for number in range(3)]
        assert await catalog.find_credential_by_id(target) is None
        assert [token.revoked for token in await catalog.list_tokens()].count(True) == 1

    async def test_the_tokens_of_who_is_disabled_stop(self, catalog: Catalog, fill: Filling) -> None:
        await fill.principal()
        token = await fill.token(b"secret")

        await catalog.write(lambda transaction: transaction.disable_principal(PrincipalName("alice")))

        assert await catalog.find_credential(b"secret") is None
        assert await catalog.find_credential_by_id(token.id) is None

    async def test_an_unknown_token_is_none(self, catalog: Catalog, fill: Filling) -> None:
        await fill.principal()
        await fill.token(b"secret")

        assert await catalog.find_credential(b"other") is None
        assert await catalog.find_credential(b"") is None
        assert await catalog.find_credential_by_id("other") is None
        with pytest.raises(TokenUnknown):
            await catalog.write(lambda transaction: transaction.revoke_token("other"))

    async def test_tokens_are_listed_without_their_secrets(self, catalog: Catalog, fill: Filling) -> None:
        await fill.principal()
        await fill.principal("bob")
        scope = (Allowance(Role.READER, PROD), Allowance(Role.PUBLISHER, None, only=frozenset({Action.READ})))
        mine = await fill.token(b"mine", scope=scope, hours=1)
        theirs = await fill.token(b"theirs", holder="bob")

        assert {token.id: token for token in await catalog.list_tokens()} == {mine.id: mine, theirs.id: theirs}
        assert list(await catalog.list_tokens(PrincipalName("bob"))) == [theirs]

    # --- content ---

    @pytest.mark.parametrize("inline", [True, False])
    async def test_a_blob_is_found_in_the_package_that_has_it(
        self,
        catalog: Catalog,
        fill: Filling,
        inline: bool,
    ) -> None:
        await fill.blob(inline=inline)

        found = await catalog.find_blob(ALL, API, NAME)

        assert found is not None
        assert (found.digest, found.size, found.content) == (NAME, len(BYTES), BYTES if inline else None)
        assert not found.public

    async def test_a_blob_is_found_nowhere_else(self, catalog: Catalog, fill: Filling) -> None:
        await fill.namespace("zeta")
        await fill.blob()

        for where in (OTHER, package("zeta/api"), package("nobody/api"), package("acme/api", format="generic")):
            assert await catalog.find_blob(View(where.namespace), where, NAME) is None
            assert not await catalog.write(lambda transaction, where=where: transaction.has_member(where, NAME))  # type: ignore[misc]

    async def test_a_package_had_what_is_in_it_and_what_was(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()
        assert await catalog.had_blob(API, NAME)

        await fill.remove(NAME, artifact=False)

        assert await catalog.had_blob(API, NAME)
        assert await catalog.had_blob(API, Digest.of(b"never seen")) is False
        assert await catalog.had_blob(OTHER, NAME) is None

    async def test_a_blob_enters_a_package_once(self, catalog: Catalog, fill: Filling) -> None:
        def change(transaction: Transaction) -> list[bool]:
            transaction.keep_blob(NAME, len(BYTES), BYTES)
            made = [transaction.add_blob_member(API, NAME) for _ in "12"]
            transaction.append("tester", added())
            return made

        assert await catalog.write(change) == [True, False]

    async def test_what_left_a_package_may_come_back(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()

        assert await fill.remove(NAME, artifact=False)
        assert not await fill.remove(NAME, artifact=False)
        assert await catalog.find_blob(ALL, API, NAME) is None

        await fill.blob()
        assert await catalog.find_blob(ALL, API, NAME) is not None

    async def test_nothing_leaves_a_package_that_never_had_it(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob()

        assert not await fill.remove(NAME, OTHER, artifact=False)
        assert not await fill.remove(Digest.of(b"never seen"), artifact=False)
        assert not await fill.remove(NAME, artifact=True)

    async def test_small_bytes_of_the_blob_store_need_no_second_home(self, catalog: Catalog, fill: Filling) -> None:
        await fill.blob(inline=False)
        await fill.blob(OTHER, inline=True)

        found = await catalog.find_blob(ALL, API, NAME)

        assert found is not None
        assert found.content is None

    @pytest.mark.parametrize("first", [True, False], ids=["held here", "held in the blob store"])
    @pytest.mark.parametrize("then", [True, False], ids=["comes here", "comes into the blob store"])
    async def test_damaged_bytes_are_not_served_until_they_come_again(
        self,
        catalog: Catalog,
        fill: Filling,
        first: bool,
        then: bool,
    ) -> None:
        def damage(transaction: Transaction) -> list[bool]:
            transaction.keep_blob(NAME, len(BYTES), b"some bites" if first else None)
            done = [transaction.damage_blob(NAME) for _ in "12"]
            transaction.append("tester", BlobDamaged(digest=str(NAME), problem="a flipped bit"))
            return done

        await fill.blob(inline=first)
        assert await catalog.write(damage) == [True, False]
        assert await catalog.find_blob(ALL, API, NAME) is None
        assert not await catalog.write(lambda transaction: transaction.has_member(API, NAME))
        assert [invariant for invariant, _ in await catalog.violations()] == ["I1"]

        await fill.blob(inline=then)

        found = await catalog.find_blob(ALL, API, NAME)
        assert found is not None
        assert found.content in (BYTES, None)
        assert (found.content is None) <= (not then or not first)
        assert await catalog.violations() == []

    async def test_damage_is_only_found_in_what_is_there(self, catalog: Catalog) -> None:
        assert not await catalog.write(lambda transaction: transaction.damage_blob(NAME))

    async def test_an_artifact_is_found_by_name_and_by_digest(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer")
        await fill.artifact(built, "1.0", kind=ReferenceKind.VERSION)

        by_name = await catalog.find_artifact(ALL, API, name=ReferenceName("1.0"))
        by_digest = await catalog.find_artifact(ALL, API, digest=built.digest)

        assert by_name is not None
        assert (by_name.content, by_name.media_type) == (built.content, built.artifact.media_type)
        assert by_name.sealed
        assert by_digest == replace(by_name, sealed=False)

    async def test_an_artifact_is_found_nowhere_else(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer")
        await fill.artifact(built, "1.0")
        await fill.blob(OTHER)

        assert await catalog.find_artifact(ALL, OTHER, digest=built.digest) is None
        assert await catalog.find_artifact(ALL, OTHER, name=ReferenceName("1.0")) is None
        assert await catalog.find_artifact(ALL, API, name=ReferenceName("2.0")) is None
        assert await catalog.find_artifact(ALL, API, digest=Digest.of(b"layer")) is None

    async def test_an_artifacts_bytes_are_a_blob_too(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer")
        await fill.artifact(built)

        found = await catalog.find_blob(ALL, API, built.digest)

        assert found is not None
        assert found.content == built.content

    async def test_an_artifact_that_was_pushed_as_a_large_blob_is_found(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer")
        await fill.blob(content=built.content, inline=False)
        await fill.artifact(built)

        found = await catalog.find_artifact(ALL, API, digest=built.digest)

        assert found is not None
        assert found.content == built.content
        assert await catalog.write(lambda transaction: transaction.find_content(built.digest)) == built.content
        files = await catalog.write(lambda transaction: transaction.list_files(built.digest))
        assert list(files) == [Digest.of(layer) for layer in built.blobs[1:]]

    async def test_what_an_artifact_links_must_be_in_the_same_package(self, catalog: Catalog, fill: Filling) -> None:
        child = image(b"layer")
        listed = index(child)
        await fill.blob(content=b"layer")
        await fill.artifact(child, where=OTHER)

        def missing(transaction: Transaction) -> list[list[Digest]]:
            return [
                list(transaction.missing_members(where, each.artifact))
                for where in (API, OTHER, package("acme/new"))
                for each in (child, listed)
            ]

        assert await catalog.write(missing) == [
            [Digest.of(b"{}")],
            [child.digest],
            [],
            [],
            [Digest.of(b"{}"), Digest.of(b"layer")],
            [child.digest],
        ]

    async def test_a_manifest_that_is_there_as_a_blob_alone_is_not_there_for_an_index(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        child = image(b"layer")
        await fill.blob(content=child.content)

        found = await catalog.write(lambda transaction: transaction.missing_members(API, index(child).artifact))

        assert found == [child.digest]

    async def test_what_is_linked_says_by_whom(self, catalog: Catalog, fill: Filling) -> None:
        child = image(b"layer")
        listed = index(child)
        await fill.artifact(listed)

        def ask(transaction: Transaction) -> list[str | None]:
            return [
                transaction.linked_by(API, Digest.of(b"layer"), artifact=False),
                transaction.linked_by(API, Digest.of(b"{}"), artifact=False),
                transaction.linked_by(API, child.digest, artifact=True),
                transaction.linked_by(API, child.digest, artifact=False),
                transaction.linked_by(API, listed.digest, artifact=True),
            ]

        assert await catalog.write(ask) == [str(child.digest), str(child.digest), str(listed.digest), None, None]

    async def test_an_artifact_may_be_needed_as_a_layer(self, catalog: Catalog, fill: Filling) -> None:
        inner = image(b"layer")
        await fill.artifact(inner)
        outer = image(inner.content)
        await fill.blob(content=b"{}")

        def change(transaction: Transaction) -> None:
            assert transaction.missing_members(API, outer.artifact) == []
            transaction.keep_artifact(outer.artifact)
            transaction.add_artifact_member(API, outer.digest)
            transaction.append("tester", published(outer, API, ()))

        await catalog.write(change)

        assert await catalog.write(lambda transaction: transaction.linked_by(API, inner.digest, artifact=True)) == str(
            outer.digest
        )
        await fill.blob(content=inner.content)
        assert await catalog.write(lambda transaction: transaction.linked_by(API, inner.digest, artifact=True)) is None

    async def test_layers_that_may_not_be_distributed_need_not_be_there(self, catalog: Catalog, fill: Filling) -> None:
        foreign = {
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "digest": str(NAME),
            "size": 1,
        }
        built = image(layers=[foreign])
        await fill.blob(content=b"{}")

        assert await catalog.write(lambda transaction: transaction.missing_members(API, built.artifact)) == []

        await fill.artifact(Image(built.artifact, blobs=(b"{}",)))
        assert await catalog.write(lambda transaction: transaction.linked_by(API, NAME, artifact=False)) is None
        assert await catalog.violations() == []

    # --- names ---

    async def test_a_name_means_one_thing_at_a_time_and_remembers_the_others(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        one, two = image(b"one"), image(b"two")
        await fill.artifact(one, "latest")
        await fill.artifact(two, "latest")
        await fill.artifact(one, "latest")

        history = await catalog.list_history(API, ReferenceName("latest"))

        assert [reference.digest for reference in history] == [one.digest, two.digest, one.digest]
        assert [reference.until_position for reference in history] == [
            history[1].from_position,
            history[2].from_position,
            None,
        ]
        found = await catalog.find_artifact(ALL, API, name=ReferenceName("latest"))
        assert found is not None
        assert found.digest == one.digest

    async def test_a_name_that_ended_means_nothing_and_keeps_its_history(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer")
        await fill.artifact(built, "1.0")

        def change(transaction: Transaction) -> Reference | None:
            transaction.end_reference(API, ReferenceName("1.0"))
            transaction.append("tester", added())
            return transaction.find_reference(API, ReferenceName("1.0"))

        assert await catalog.write(change) is None
        assert await catalog.find_artifact(ALL, API, name=ReferenceName("1.0")) is None
        (old,) = await catalog.list_history(API, ReferenceName("1.0"))
        assert old.until_position == 5

    async def test_a_transaction_sees_names_as_requests_do(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer")
        await fill.artifact(built, "1.0", "latest")

        def change(transaction: Transaction) -> tuple[Reference | None, Reference | None, list[str]]:
            return (
                transaction.find_reference(API, ReferenceName("1.0")),
                transaction.find_meaning(API, ReferenceName("1.0")),
                [reference.name for reference in transaction.names_of(API, built.digest)],
            )

        reference, meaning, names = await catalog.write(change)

        assert reference == meaning == (await catalog.list_history(API, ReferenceName("1.0")))[0]
        assert names == ["1.0", "latest"]

    @pytest.mark.parametrize("kind", ReferenceKind)
    async def test_a_version_that_ended_is_remembered_by_its_name_and_a_tag_is_not(
        self, catalog: Catalog, fill: Filling, kind: ReferenceKind
    ) -> None:
        built, name = image(b"layer"), ReferenceName("1.0")
        await fill.artifact(built)

        def change(transaction: Transaction) -> tuple[Reference | None, Reference | None]:
            before = transaction.find_meaning(API, name)
            transaction.set_reference(
                API, Reference(kind=kind, name=name, digest=built.digest, from_position=transaction.position)
            )
            transaction.end_reference(API, name)
            return before, transaction.find_meaning(API, name)

        before, after = await catalog.write(change)

        assert before is None
        assert (after.digest if after is not None else None) == (
            built.digest if kind is ReferenceKind.VERSION else None
        )

    async def test_a_version_is_marked(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer")
        await fill.artifact(built, "1.0", kind=ReferenceKind.VERSION)

        def change(transaction: Transaction) -> None:
            old = transaction.find_reference(API, ReferenceName("1.0"))
            assert old is not None
            transaction.mark_version(API, replace(old, yanked="broken", deprecated=""))
            transaction.append("tester", added())

        await catalog.write(change)

        found = await catalog.find_artifact(ALL, API, name=ReferenceName("1.0"))
        assert found is not None
        assert (found.yanked, found.deprecated, found.sealed) == ("broken", "", True)

    # --- clearances ---

    async def test_a_channel_shows_what_is_cleared_for_it_and_nothing_else(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        one, two = image(b"layer one"), image(b"layer two", config=b"{ }")
        await fill.artifact(one, "1.0", "latest")
        await fill.artifact(two, "2.0")

        assert await fill.clear(one.digest)
        assert not await fill.clear(one.digest)

        assert await catalog.find_artifact(PROD, API, name=ReferenceName("1.0")) is not None
        assert await catalog.find_artifact(PROD, API, digest=one.digest) is not None
        assert await catalog.find_artifact(PROD, API, digest=two.digest) is None
        assert await catalog.find_artifact(PROD, API, name=ReferenceName("2.0")) is None
        assert await catalog.find_artifact(DEV, API, digest=one.digest) is None
        assert await catalog.find_blob(PROD, API, Digest.of(b"layer one")) is not None
        assert await catalog.find_blob(PROD, API, one.digest) is not None
        assert await catalog.find_blob(PROD, API, Digest.of(b"layer two")) is None
        assert await catalog.find_blob(DEV, API, Digest.of(b"layer one")) is None
        names = await catalog.list_references(PROD, API, limit=MANY)
        assert [reference.name for reference in names] == ["1.0", "latest"]
        listed = await catalog.list_artifacts(PROD, API, after=START, limit=MANY)
        assert [summary.digest for summary in listed] == [one.digest]
        assert await catalog.find_package(PROD, API) is not None
        assert await catalog.find_package(DEV, API) is None
        assert await catalog.violations() == []

    async def test_a_clearance_covers_what_an_index_contains_and_every_referrer(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        child = image(b"layer")
        inner = index(child)
        outer = index(inner)
        signature = referrer(child)
        countersigned = referrer(signature, "application/vnd.example.countersignature")
        for built in (outer, signature, countersigned):
            await fill.artifact(built)
        unrelated = await fill.artifact(image(b"other"))

        await fill.clear(outer.digest)

        for built in (outer, inner, child, signature, countersigned):
            assert await catalog.find_artifact(PROD, API, digest=built.digest) is not None
        assert await catalog.find_artifact(PROD, API, digest=unrelated) is None
        assert await catalog.find_blob(PROD, API, Digest.of(b"layer")) is not None
        roots = [clearance.digest for clearance in await catalog.list_clearances(API)]
        assert roots == [outer.digest]

    async def test_a_clearance_covers_referrers_that_come_later(self, catalog: Catalog, fill: Filling) -> None:
        child = image(b"layer")
        await fill.artifact(index(child))
        await fill.clear(index(child).digest)
        signature = referrer(child)
        countersigned = referrer(signature, "application/vnd.example.countersignature")

        # A referrer may come before its subject.
        await fill.artifact(countersigned)
        assert await catalog.find_artifact(PROD, API, digest=countersigned.digest) is None
        await fill.artifact(signature)

        for built in (signature, countersigned):
            assert await catalog.find_artifact(PROD, API, digest=built.digest) is not None

    async def test_a_clearance_covers_nothing_of_another_package(self, catalog: Catalog, fill: Filling) -> None:
        built, signature = image(b"layer"), referrer(image(b"layer"))
        await fill.artifact(built)
        await fill.artifact(built, where=OTHER)
        await fill.artifact(signature, where=OTHER)

        await fill.clear(built.digest)

        assert await catalog.find_artifact(PROD, OTHER, digest=built.digest) is None
        assert await catalog.find_artifact(PROD, OTHER, digest=signature.digest) is None
        assert await catalog.find_artifact(PROD, API, digest=signature.digest) is None

    async def test_a_clearance_does_not_reach_through_what_is_not_in_the_package(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        built, elsewhere = image(b"layer"), referrer(image(b"layer"))
        stranger = referrer(elsewhere, "application/vnd.example.stranger")
        await fill.artifact(built)
        await fill.artifact(elsewhere, where=OTHER)
        await fill.artifact(stranger)

        await fill.clear(built.digest)

        assert await catalog.find_artifact(PROD, API, digest=stranger.digest) is None

    async def test_closing_a_clearance_takes_back_what_it_covered(self, catalog: Catalog, fill: Filling) -> None:
        child = image(b"layer")
        listed, signature = index(child), referrer(child)
        for built in (listed, signature):
            await fill.artifact(built)
        await fill.clear(listed.digest)

        assert await fill.close(listed.digest)
        assert not await fill.close(listed.digest)

        for built in (listed, child, signature):
            assert await catalog.find_artifact(PROD, API, digest=built.digest) is None
        assert await catalog.list_clearances(API) == []
        (closed,) = await catalog.list_clearances(API, history=True)
        assert closed.digest == listed.digest
        assert closed.until_position is not None

    async def test_what_two_clearances_cover_stays_until_both_are_closed(self, catalog: Catalog, fill: Filling) -> None:
        child = image(b"layer")
        listed = index(child)
        await fill.artifact(listed)
        await fill.clear(listed.digest)
        assert await fill.clear(child.digest)

        await fill.close(listed.digest)
        assert await catalog.find_artifact(PROD, API, digest=child.digest) is not None
        assert await catalog.find_artifact(PROD, API, digest=listed.digest) is None

        await fill.close(child.digest)
        assert await catalog.find_artifact(PROD, API, digest=child.digest) is None

    async def test_what_is_only_covered_is_no_clearance_to_be_closed(self, catalog: Catalog, fill: Filling) -> None:
        child = image(b"layer")
        await fill.artifact(index(child))
        await fill.clear(index(child).digest)

        assert not await fill.close(child.digest)

        assert await catalog.find_artifact(PROD, API, digest=child.digest) is not None

    async def test_only_what_is_there_can_be_cleared_and_only_for_a_channel(
        self, catalog: Catalog, fill: Filling
    ) -> None:
        built = image(b"layer")
        await fill.artifact(built)

        with pytest.raises(ArtifactUnknown):
            await fill.clear(Digest.of(b"never seen"))
        with pytest.raises(ArtifactUnknown):
            await fill.clear(Digest.of(b"layer"))
        with pytest.raises(ArtifactUnknown):
            await fill.clear(built.digest, where=OTHER)
        with pytest.raises(ChannelUnknown):
            await fill.clear(built.digest, "moon")
        assert not await fill.close(Digest.of(b"never seen"))
        assert not await fill.close(built.digest, where=OTHER)
        assert await catalog.find_package(ALL, OTHER) is None

    async def test_what_is_cleared_says_for_what(self, catalog: Catalog, fill: Filling) -> None:
        child = image(b"layer")
        await fill.artifact(index(child))
        await fill.clear(index(child).digest, "dev")
        await fill.clear(index(child).digest, "prod")

        def ask(transaction: Transaction) -> list[ChannelName | None]:
            return [transaction.cleared_for(API, built.digest) for built in (child, index(child))] + [
                transaction.cleared_for(API, Digest.of(b"layer"))
            ]

        assert await catalog.write(ask) == ["prod", "prod", None]

    async def test_an_artifacts_details_say_its_names_and_clearances(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer", annotations={"org.example.a": "b"})
        await fill.artifact(built, "1.0", "latest")
        await fill.clear(built.digest, "dev")
        await fill.clear(built.digest, "prod")

        whole = await catalog.find_details(ALL, API, built.digest)
        through = await catalog.find_details(PROD, API, built.digest)

        assert whole is not None
        assert through is not None
        assert (whole.summary.size, whole.summary.annotations) == (len(built.content), {"org.example.a": "b"})
        assert whole.references == through.references == ("1.0", "latest")
        assert [clearance.channel for clearance in whole.clearances] == ["dev", "prod"]
        assert [clearance.channel for clearance in through.clearances] == ["prod"]
        assert await catalog.find_details(View.parse("acme.staging"), API, built.digest) is None

    # --- listings ---

    async def test_packages_are_listed_by_namespace_format_and_name(self, catalog: Catalog, fill: Filling) -> None:
        for name in ("zeta", "beta"):
            await fill.namespace(name)
        expected = sorted(
            package(f"{owner}/{name}", format=format_)
            for owner in ("acme", "beta", "zeta")
            for format_ in ("generic", "oci")
            for name in ("a", "a/b", "a-b", "b", "z")
        )
        for where in reversed(expected):
            await fill.artifact(image(b"layer"), where=where)
        await fill.blob(package("acme/a0"))

        async def pages(limit: int, namespace: str | None = None, format: str | None = None) -> list[PackageId]:
            found: list[PackageId] = []
            after: PackageId | None = None
            while page := await catalog.list_packages(
                namespace=None if namespace is None else NamespaceName(namespace),
                format=format,
                after=after,
                limit=limit,
            ):
                assert len(page) <= limit
                found += [row.id for row in page]
                after = page[-1].id
            return found

        for limit in (1, 4, 7, MANY):
            assert await pages(limit) == expected
            assert await pages(limit, "beta") == [each for each in expected if each.namespace == "beta"]
            assert await pages(limit, None, "oci") == [each for each in expected if each.format == "oci"]
            assert await pages(limit, "acme", "generic") == [
                each for each in expected if (each.namespace, each.format) == ("acme", "generic")
            ]
        assert await pages(MANY, "nobody") == []
        assert await pages(MANY, None, "npm") == []

    async def test_a_page_of_packages_may_begin_anywhere(self, catalog: Catalog, fill: Filling) -> None:
        for name in ("b", "d"):
            await fill.artifact(image(b"layer"), where=package(f"acme/{name}"))

        async def after(text: str, namespace: str | None = None) -> list[str]:
            rows = await catalog.list_packages(
                namespace=None if namespace is None else NamespaceName(namespace),
                format=None,
                after=package(text),
                limit=MANY,
            )
            return [row.id.name for row in rows]

        assert await after("acme/c") == ["d"]
        assert await after("aaa/z") == ["b", "d"]
        assert await after("zzz/a") == []
        assert await after("aaa/z", "acme") == ["b", "d"]
        assert await after("zzz/a", "acme") == []

    async def test_a_package_says_the_position_of_its_last_event(self, catalog: Catalog, fill: Filling) -> None:
        await fill.artifact(image(b"layer"), "latest")
        await fill.blob(OTHER)

        found = await catalog.find_package(ALL, API)
        (listed,) = await catalog.list_packages(namespace=None, format=None, after=None, limit=MANY)

        assert found == listed
        assert found is not None
        assert found.revision == 4
        assert await catalog.find_package(ALL, package("acme/unknown")) is None

    async def test_names_are_listed_in_byte_order(self, catalog: Catalog, fill: Filling) -> None:
        tags, versions = ["A", "_", "a", "a-b", "a.b", "latest"], ["0.9", "1.0", "1.10", "1.9", "v2"]
        await fill.artifact(image(b"one"), *tags)
        await fill.artifact(image(b"two"), *versions, kind=ReferenceKind.VERSION)

        async def pages(limit: int, kind: ReferenceKind | None = None) -> list[str]:
            found: list[str] = []
            while page := await catalog.list_references(
                ALL, API, kind=kind, after=found[-1] if found else "", limit=limit
            ):
                found += [reference.name for reference in page]
            return found

        for limit in (1, 4, MANY):
            assert await pages(limit) == sorted([*tags, *versions])
            assert await pages(limit, ReferenceKind.TAG) == sorted(tags)
            assert await pages(limit, ReferenceKind.VERSION) == sorted(versions)

    async def test_a_blob_came_into_each_package_at_a_time_of_its_own(
        self, catalog: Catalog, clock: StoppedClock, fill: Filling
    ) -> None:
        first = clock.now()
        digest = await fill.blob(API)
        clock.advance(hours=1)
        await fill.blob(OTHER)

        assert await catalog.list_times(API) == {digest: first}
        assert [await catalog.find_time(where, digest) for where in (API, OTHER)] == [first, clock.now()]
        assert await catalog.find_time(API, Digest.of(b"nowhere")) is None

    async def test_artifacts_are_listed_in_the_order_they_came(
        self, catalog: Catalog, clock: StoppedClock, fill: Filling
    ) -> None:
        built = [image(bytes([number]), annotations={"n": str(number)}) for number in range(5)]
        times = []
        for each in built:
            clock.advance(seconds=1)
            times.append(clock.now())
            await fill.artifact(each)

        first = await catalog.list_artifacts(ALL, API, after=START, limit=2)
        rest = await catalog.list_artifacts(ALL, API, after=first[-1].published_position, limit=MANY)

        listed = [*first, *rest]
        assert [summary.digest for summary in listed] == [each.digest for each in built]
        assert [summary.published_at for summary in listed] == times
        assert [summary.annotations for summary in listed] == [{"n": str(number)} for number in range(5)]
        assert listed[0].artifact_type == "application/vnd.oci.empty.v1+json"

    async def test_referrers_are_listed_by_digest_and_type(self, catalog: Catalog, fill: Filling) -> None:
        subject = image(b"layer")
        await fill.artifact(subject)
        built = [
            referrer(subject, f"application/vnd.example.{number % 2}", annotations={"n": str(number)})
            for number in range(6)
        ]
        for each in built:
            await fill.artifact(each)
        await fill.artifact(referrer(subject), where=OTHER)
        await fill.artifact(referrer(image(b"other")))

        async def pages(limit: int, artifact_type: str | None = None) -> list[Digest]:
            found: list[Digest] = []
            while page := await catalog.list_referrers(
                ALL,
                API,
                subject.digest,
                artifact_type=artifact_type,
                after=str(found[-1]) if found else "",
                limit=limit,
            ):
                found += [summary.digest for summary in page]
            return found

        for limit in (1, 4, MANY):
            assert await pages(limit) == sorted(each.digest for each in built)
            assert await pages(limit, "application/vnd.example.1") == sorted(each.digest for each in built[1::2])
        assert await pages(MANY, "application/vnd.example.2") == []

    async def test_a_blob_says_where_it_might_be_mounted_from(self, catalog: Catalog, fill: Filling) -> None:
        await fill.namespace("open", public=True)
        for where in (API, OTHER, package("open/api")):
            await fill.blob(where)
        await fill.remove(NAME, OTHER, artifact=False)

        found = await catalog.list_sources(NAME, limit=MANY)

        assert list(found) == [(API, False), (package("open/api"), True)]
        assert len(await catalog.list_sources(NAME, limit=1)) == 1
        assert await catalog.list_sources(Digest.of(b"never seen"), limit=MANY) == []

    async def test_artifacts_are_found_by_what_they_say_of_themselves(self, catalog: Catalog, fill: Filling) -> None:
        key = "org.opencontainers.image.revision"
        one, two = (image(b"layer", annotations={key: f"abc{number}"}) for number in (1, 2))
        await fill.artifact(one, "1.0")
        await fill.artifact(two, where=OTHER)
        await fill.artifact(image(b"layer", annotations={key: "abd", "com.example.other": "abc"}))

        async def search(text: str, *, namespaces: list[str] | None = None, **more: int) -> list[Digest]:
            hits = await catalog.search(
                key=key,
                text=text,
                namespaces=None if namespaces is None else [NamespaceName(name) for name in namespaces],
                **{"limit": MANY, **more},
            )
            return [hit.digest for hit in hits]

        assert await search("abc") == [two.digest, one.digest]
        assert await search("abc2") == [two.digest]
        assert await search("abc", limit=1) == [two.digest]
        assert await search("abc", limit=1, offset=1) == [one.digest]
        assert await search("abc", namespaces=["acme"]) == [two.digest, one.digest]
        assert await search("abc", namespaces=["zeta"]) == []
        assert await search("abc", namespaces=[]) == []
        assert await search("bc") == []
        (hit,) = await catalog.search(key=key, text="abc1", namespaces=None, limit=MANY)
        assert (hit.package, hit.references, hit.annotations) == (API, ("1.0",), {key: "abc1"})

    async def test_artifacts_are_found_by_the_names_of_things(self, catalog: Catalog, fill: Filling) -> None:
        one, two = image(b"one"), image(b"two")
        await fill.artifact(one, "1.0", where=package("acme/team/api"))
        await fill.artifact(two, "2.0", where=package("acme/team/web"))

        async def search(text: str, namespaces: list[str] | None = None) -> set[Digest]:
            hits = await catalog.search(
                key=None,
                text=text,
                namespaces=None if namespaces is None else [NamespaceName(name) for name in namespaces],
                limit=MANY,
            )
            return {hit.digest for hit in hits}

        assert await search("team") == {one.digest, two.digest}
        assert await search("2.0") == {two.digest}
        assert await search(str(one.digest)) == {one.digest}
        assert await search("team", ["zeta"]) == set()
        assert await search("%") == await search("_") == set()

    async def test_storage_is_counted(self, catalog: Catalog, fill: Filling) -> None:
        built = image(b"layer")
        await fill.artifact(built)
        await fill.artifact(referrer(image(b"never pushed"), config=b"{}"))

        assert await catalog.storage() == {
            "blobs": 4,
            "bytes": sum(
                len(content) for content in (b"{}", b"layer", built.content, referrer(image(b"never pushed")).content)
            ),
            "damaged": 0,
            "artifacts": 2,
            "packages": 1,
            "namespaces": 1,
        }

    async def test_every_blob_is_walked_over_in_pages(self, catalog: Catalog, fill: Filling) -> None:
        contents = {Digest.of(bytes([number])): bytes([number]) for number in range(7)}
        for number, content in enumerate(contents.values()):
            await fill.blob(content=content, inline=number % 2 == 0)
        await catalog.write(lambda transaction: transaction.damage_blob(Digest.of(b"\x00")))

        found: list[BlobRow] = []
        while page := await catalog.iter_blobs(after=str(found[-1].digest) if found else "", limit=3):
            found += page

        assert [blob.digest for blob in found] == sorted(contents)
        assert {(blob.size, blob.generation) for blob in found} == {(1, 0)}
        assert {blob.digest: blob.content for blob in found} == {
            digest: content if number % 2 == 0 else None for number, (digest, content) in enumerate(contents.items())
        }

    # --- uploads ---

    async def test_an_upload_that_ended_is_known_until_nobody_can_hold_its_name(
        self, catalog: Catalog, again: Catalog, clock: StoppedClock
    ) -> None:
        upload = Upload(UploadId(clock.new_id()), API, "alice", clock.now() + timedelta(hours=1))
        assert not await catalog.upload_has_ended(upload.id)
        for _ in range(2):
            await catalog.write(lambda transaction: transaction.end_upload(upload))
        assert await again.upload_has_ended(upload.id)

        await catalog.write(lambda transaction: transaction.forget_uploads())
        assert await catalog.upload_has_ended(upload.id)

        clock.advance(hours=1, seconds=1)
        await catalog.write(lambda transaction: transaction.forget_uploads())
        assert not await catalog.upload_has_ended(upload.id)

    async def test_closing_finishes_what_is_being_written(
        self, catalog: Catalog, again: Catalog, fill: Filling
    ) -> None:
        writing = [
            asyncio.ensure_future(catalog.write(lambda transaction: fallible(transaction, fails=False)))
            for _ in range(100)
        ]
        await asyncio.sleep(0)

        await asyncio.gather(*writing)

        assert (await again.head())[0] == 101
