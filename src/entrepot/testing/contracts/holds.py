"""What every catalog promises of leases, holds and deployments, and of what they protect."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from entrepot.model.deployment import Deployment, Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.events import BlobAdded
from entrepot.model.hold import Hold, HoldKind
from entrepot.model.names import NamespaceName, ReferenceName
from entrepot.model.namespace import Namespace
from entrepot.model.position import START, Position
from entrepot.model.protection import Protection, ProtectionKind
from entrepot.model.reference import Reference, ReferenceKind
from entrepot.testing.builders import Image, image, index, package, referrer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entrepot.model.names import PackageId
    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.testing.builders import StoppedClock

_ACME: Final = NamespaceName("acme")
_API, _WEB = package("acme/api"), package("acme/web")
_ONE, _TWO = image(b"one"), image(b"two")
_LIST: Final = index(_ONE, _TWO)
_AT: Final = datetime(2026, 1, 31, 13, 30, 15, 123456, tzinfo=UTC)
_LEASE: Final = Hold("lease", _API, _ONE.digest, HoldKind.LEASE, "replica", "because", "robot", _AT)
_HOLD: Final = Hold("hold", _API, _ONE.digest, HoldKind.LEGAL, "counsel", "case 7", "pat")
_PROD: Final = Place(_ACME, "prod", "payments", "eu-1", "eu")
_KNOWN: Final = Particulars("1.0", {"team": "pay"}, ("internet-exposed",), "acme/api")


def _add(where: PackageId, added: Image) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        for blob in added.blobs:
            transaction.keep_blob(Digest.of(blob), len(blob), blob)
            transaction.add_blob_member(where, Digest.of(blob))
        transaction.keep_artifact(added.artifact)
        transaction.add_artifact_member(where, added.digest)
        _note(transaction)

    return change


def _note(transaction: Transaction) -> None:
    """Let a change have its place in the journal."""
    transaction.append("somebody", BlobAdded(namespace=_ACME, package=_API.path, digest="sha256:0", size=0))


def _open(hold: Hold) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        transaction.holds.open(hold)
        _note(transaction)

    return change


def _deploy(
    deployed: Image, place: Place = _PROD, *, known: Particulars = _KNOWN
) -> Callable[[Transaction], Deployment]:
    def change(transaction: Transaction) -> Deployment:
        before = transaction.deployments.find(place)
        if before is not None:
            transaction.deployments.close(before.id)
        opened = transaction.deployments.open(Deployment(0, place, _API, deployed.digest, "robot", known))
        _note(transaction)
        return opened

    return change


def _end(place: Place = _PROD) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        running = transaction.deployments.find(place)
        assert running is not None
        transaction.deployments.close(running.id)
        _note(transaction)

    return change


class HoldsContract:
    """To be inherited by a test class that has the fixtures ``catalog`` and ``clock``."""

    @pytest.fixture
    async def stocked(self, catalog: Catalog) -> Catalog:
        """With two images and a list of both in one package."""

        def found(transaction: Transaction) -> None:
            transaction.add_namespace(Namespace(_ACME))
            transaction.add_namespace(Namespace(NamespaceName("zeta")))
            _note(transaction)

        await catalog.write(found)
        for added in (_ONE, _TWO, _LIST):
            await catalog.write(_add(_API, added))
        await catalog.write(_add(_WEB, _ONE))
        return catalog

    # --- leases and holds ---

    async def test_a_hold_is_found_as_it_was_opened(self, stocked: Catalog, clock: StoppedClock) -> None:
        for opened in (_LEASE, _HOLD):
            await stocked.write(_open(opened))

        lease, hold = await stocked.holds.find("lease"), await stocked.holds.find("hold")
        assert lease is not None
        assert hold is not None
        assert replace(lease, from_position=None, at=None) == _LEASE
        assert replace(hold, from_position=None, at=None) == _HOLD
        assert lease.at == clock.now()
        assert await stocked.holds.find("nothing") is None
        assert await stocked.write(lambda change: change.holds.find("lease")) == lease
        assert await stocked.write(lambda change: change.holds.find("nothing")) is None

    async def test_holds_are_listed_in_pages_apart_from_leases(self, stocked: Catalog) -> None:
        others = [replace(_LEASE, id=id, package=where) for id, where in (("2", _WEB), ("3", _API))]
        for opened in (_LEASE, _HOLD, *others):
            await stocked.write(_open(opened))

        async def listed(after: Position = START, limit: int = 9, *, where: PackageId | None = None) -> Sequence[Hold]:
            return await stocked.holds.list(_ACME, where, leases=True, now=None, after=after, limit=limit)

        first = await listed(limit=2)
        assert [each.id for each in first] == ["lease", "2"]
        assert [each.id for each in await listed(first[-1].from_position or START)] == ["3"]
        assert [each.id for each in await listed(where=_WEB)] == ["2"]
        holds = await stocked.holds.list(_ACME, leases=False, now=_AT, after=START, limit=9)
        assert [each.id for each in holds] == ["hold"]
        of_two = await stocked.holds.list(_ACME, leases=False, digest=_TWO.digest, now=None, after=START, limit=9)
        assert of_two == []
        assert await stocked.holds.list(NamespaceName("zeta"), leases=True, now=None, after=START, limit=9) == []

    async def test_a_lease_counts_until_its_time(self, stocked: Catalog, clock: StoppedClock) -> None:
        await stocked.write(_open(_LEASE))
        await stocked.write(_open(replace(_LEASE, id="longer", expires_at=_AT + timedelta(days=1))))
        before, after = _AT - timedelta(microseconds=1), _AT

        async def live(now: datetime) -> list[str]:
            found = await stocked.holds.list(_ACME, leases=True, now=now, after=START, limit=9)
            return [each.id for each in found]

        assert await live(before) == ["lease", "longer"]
        assert await live(after) == ["longer"]
        assert await stocked.holds.list_expired(before, limit=9) == []
        assert [each.id for each in await stocked.holds.list_expired(after, limit=9)] == ["lease"]
        clock.advance(seconds=(_AT - clock.now()).total_seconds())
        counts = await stocked.write(
            lambda change: [
                change.holds.count(_API),
                change.holds.count(_API, _ONE.digest),
                change.holds.count(_API, _TWO.digest),
                change.holds.count(_API, Digest.of(b"nothing")),
            ]
        )
        assert counts == [1, 1, 0, 0]

    async def test_a_lease_is_renewed_and_closed_once(self, stocked: Catalog, clock: StoppedClock) -> None:
        await stocked.write(_open(_LEASE))
        later = _AT + timedelta(days=1)

        def renew(transaction: Transaction) -> None:
            transaction.holds.renew("lease", later)
            _note(transaction)

        def close(transaction: Transaction) -> bool:
            closed = transaction.holds.close("lease")
            _note(transaction)
            return closed

        await stocked.write(renew)
        renewed = await stocked.holds.find("lease")
        assert renewed is not None
        assert renewed.expires_at == later
        assert [await stocked.write(close), await stocked.write(close)] == [True, False]
        ended = await stocked.holds.find("lease")
        assert ended is not None
        assert (ended.until_position, ended.ended_at) == ((renewed.from_position or 0) + 2, clock.now())
        assert await stocked.holds.list(_ACME, leases=True, now=clock.now(), after=START, limit=9) == []
        assert await stocked.holds.list_expired(later, limit=9) == []
        assert "I5" not in [invariant for invariant, _ in await stocked.violations()]

    # --- deployments ---

    async def test_a_deployment_is_found_as_it_was_opened(self, stocked: Catalog, clock: StoppedClock) -> None:
        opened = await stocked.write(_deploy(_ONE))

        assert (opened.place, opened.package, opened.digest) == (_PROD, _API, _ONE.digest)
        assert (opened.since, opened.until, opened.particulars) == (clock.now(), None, _KNOWN)
        assert await stocked.deployments.list(_ACME, limit=9) == [opened]
        assert await stocked.write(lambda change: change.deployments.find(_PROD)) == opened
        assert await stocked.write(lambda change: change.deployments.find_last(_PROD, _ONE.digest)) == opened
        assert await stocked.write(lambda change: change.deployments.find_last(_PROD, _TWO.digest)) is None
        for other in (
            replace(_PROD, environment="dev"),
            replace(_PROD, service="web"),
            replace(_PROD, cluster=""),
            replace(_PROD, region=""),
            replace(_PROD, namespace=NamespaceName("zeta")),
        ):
            assert await stocked.write(lambda change, at=other: change.deployments.find(at)) is None  # type: ignore[misc]  # the loop's own

    async def test_deployments_are_listed_in_pages(self, stocked: Catalog) -> None:
        first = await stocked.write(_deploy(_ONE))
        second = await stocked.write(_deploy(_TWO))
        web = await stocked.write(_deploy(_ONE, replace(_PROD, service="web", cluster="us-1")))

        async def listed(**asked: object) -> list[int]:
            found = await stocked.deployments.list(_ACME, **{"limit": 9, **asked})  # type: ignore[arg-type]  # each test its own
            return [each.id for each in found]

        assert await listed() == [second.id, web.id]
        assert await listed(history=True) == [first.id, second.id, web.id]
        assert await listed(history=True, limit=2) == [first.id, second.id]
        assert await listed(history=True, after=second.id) == [web.id]
        assert await listed(history=True, digest=_ONE.digest) == [first.id, web.id]
        assert await listed(service="web") == [web.id]
        assert await listed(cluster="eu-1") == [second.id]
        assert await listed(environment="dev") == []
        assert await listed(package=_WEB) == []
        assert await stocked.deployments.list(NamespaceName("zeta"), history=True, limit=9) == []

    async def test_a_deployment_changes_and_ends(self, stocked: Catalog, clock: StoppedClock) -> None:
        opened = await stocked.write(_deploy(_ONE))
        clock.advance(hours=1)

        def change(transaction: Transaction) -> None:
            transaction.deployments.change(opened.id, Particulars("2.0"))
            _note(transaction)

        await stocked.write(change)
        (changed,) = await stocked.deployments.list(_ACME, limit=9)
        assert (changed.particulars, changed.since, changed.changed_at) == (
            Particulars("2.0"),
            opened.since,
            clock.now(),
        )
        by_name = await stocked.write(lambda change: change.deployments.find_by_name(_API, ReferenceName("2.0")))
        assert by_name == changed
        assert await stocked.write(lambda change: change.deployments.find_by_name(_WEB, ReferenceName("2.0"))) is None
        await stocked.write(_end())
        (ended,) = await stocked.deployments.list(_ACME, history=True, limit=9)
        assert ended.until == clock.now()
        assert await stocked.write(lambda change: change.deployments.find(_PROD)) is None
        assert await stocked.write(lambda change: change.deployments.find_last(_PROD, _ONE.digest)) == ended
        assert await stocked.write(lambda change: change.deployments.find_by_name(_API, ReferenceName("2.0"))) is None
        assert "I5" not in [invariant for invariant, _ in await stocked.violations()]

    async def test_it_is_known_as_what_artifacts_run_and_where_they_are(self, stocked: Catalog) -> None:
        opened = await stocked.write(_deploy(_ONE))

        running = await stocked.deployments.list_running(
            [(_API, _ONE.digest), (_API, _TWO.digest), (_WEB, _ONE.digest)]
        )

        assert running == {(_API, _ONE.digest): [opened]}
        assert await stocked.deployments.list_running([]) == {}
        assert await stocked.deployments.list_packages(_ACME, _ONE.digest, limit=9) == [_API, _WEB]
        assert await stocked.deployments.list_packages(_ACME, _ONE.digest, limit=1) == [_API]
        assert await stocked.deployments.list_packages(NamespaceName("zeta"), _ONE.digest, limit=9) == []

    # --- what they protect ---

    async def test_what_is_kept_is_protected_with_what_it_contains_and_its_referrers(
        self, stocked: Catalog, clock: StoppedClock
    ) -> None:
        signature = referrer(_ONE)
        of_file = replace(signature, artifact=referrer(_file_of(_ONE)).artifact)
        for added in (signature, of_file):
            await stocked.write(_add(_API, added))
        await stocked.write(_open(replace(_HOLD, digest=_LIST.digest)))

        async def kinds(where: PackageId, digest: Digest) -> list[ProtectionKind]:
            found = await stocked.protections.find(where, digest, now=clock.now(), limit=9)
            return [each.kind for each in found]

        for kept in (_LIST, _ONE, _TWO, signature, of_file):
            assert await kinds(_API, kept.digest) == [ProtectionKind.LEGAL]
        assert await kinds(_WEB, _ONE.digest) == []
        assert await kinds(_API, Digest.of(b"nothing")) == []
        assert await kinds(package("acme/nothing"), _ONE.digest) == []

    async def test_what_protects_any_of_many_is_asked_once_and_told_once(
        self, stocked: Catalog, clock: StoppedClock
    ) -> None:
        await stocked.write(_open(replace(_HOLD, digest=_LIST.digest)))
        await stocked.write(_open(_LEASE))
        many = [_LIST.digest, _ONE.digest, _TWO.digest, Digest.of(b"nothing")]

        found = await stocked.protections.find_any(_API, many, now=clock.now(), limit=9)

        assert sorted(each.kind for each in found) == [ProtectionKind.LEASE, ProtectionKind.LEGAL]
        assert await stocked.protections.find_any(_API, [], now=clock.now(), limit=9) == ()

    async def test_a_hold_is_found_however_much_else_protects_and_a_lease_is_none(self, stocked: Catalog) -> None:
        def found(*digests: Digest) -> Callable[[Transaction], Protection | None]:
            return lambda change: change.protections.find_hold(_API, digests)

        await stocked.write(_open(_LEASE))
        assert await stocked.write(found(_ONE.digest)) is None

        await stocked.write(_open(replace(_HOLD, digest=_LIST.digest)))
        hold = await stocked.write(found(_TWO.digest, _ONE.digest, Digest.of(b"nothing")))
        assert hold is not None
        assert (hold.kind, hold.digest) == (ProtectionKind.LEGAL, _LIST.digest)
        assert await stocked.write(found(Digest.of(b"nothing"))) is None
        assert await stocked.write(found()) is None

    async def test_protections_say_who_since_when_and_until_when(self, stocked: Catalog, clock: StoppedClock) -> None:
        begin = clock.now()
        await stocked.write(_deploy(_ONE))
        for opened in (_LEASE, _HOLD):
            await stocked.write(_open(opened))
        clock.advance(minutes=1)
        await stocked.write(_deploy(_TWO))
        await stocked.write(_deploy(_ONE, replace(_PROD, cluster="us-1")))

        found = await stocked.protections.find(_API, _ONE.digest, now=clock.now(), limit=9)

        assert [(each.kind, each.since, each.until, each.holder) for each in found] == [
            (ProtectionKind.DEPLOYED, clock.now(), None, ""),
            (ProtectionKind.ROLLBACK, begin, clock.now(), ""),
            (ProtectionKind.LEASE, begin, _AT, "replica"),
            (ProtectionKind.LEGAL, begin, None, "counsel"),
        ]
        assert [each.place for each in found[:2]] == [replace(_PROD, cluster="us-1"), _PROD]
        asked = await stocked.write(lambda change: change.protections.find(_API, _ONE.digest, limit=9))
        assert asked == found
        assert len(await stocked.protections.find(_API, _ONE.digest, now=clock.now(), limit=2)) == 2
        later = await stocked.protections.find(_API, _ONE.digest, now=_AT, limit=9)
        assert ProtectionKind.LEASE not in [each.kind for each in later]

    async def test_what_a_version_has_grown_into_is_protected_as_what_it_was(
        self, stocked: Catalog, clock: StoppedClock
    ) -> None:
        grown = image(b"one", b"more")
        await stocked.write(_add(_API, grown))
        await stocked.write(_open(_HOLD))
        for meant in (_ONE, grown):
            await stocked.write(_name(meant))

        assert await stocked.protections.find(_API, grown.digest, now=clock.now(), limit=9)

    async def test_a_namespace_says_how_many_that_ran_are_protected(
        self, stocked: Catalog, clock: StoppedClock
    ) -> None:
        builds = [image(f"{number}".encode()) for number in range(4)]
        for build in builds:
            await stocked.write(_add(_API, build))
            await stocked.write(_deploy(build))

        async def kept() -> list[int]:
            found = [await stocked.protections.find(_API, each.digest, now=clock.now(), limit=9) for each in builds]
            return [number for number, protections in enumerate(found) if protections]

        assert await kept() == [0, 1, 2, 3]
        await stocked.write(_set(1))
        assert await kept() == [2, 3]
        await stocked.write(_set(0))
        assert await kept() == [3]
        await stocked.write(_set(2))
        await stocked.write(_end())
        assert await kept() == [2, 3]
        clock.advance(days=31)
        assert await kept() == []


def _set(rollbacks: int) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        transaction.set_namespace(Namespace(_ACME, rollbacks=rollbacks))
        _note(transaction)

    return change


def _name(meant: Image) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        name = Reference(ReferenceKind.VERSION, ReferenceName("1.0"), meant.digest, transaction.position)
        transaction.set_reference(_API, name)
        _note(transaction)

    return change


def _file_of(held: Image) -> Image:
    """The first file of an artifact, as if it were one: what a referrer of a file has as its subject."""
    return Image(replace(held.artifact, digest=Digest.of(held.blobs[1]), content=held.blobs[1]))
