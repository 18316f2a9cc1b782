"""What every catalog promises of signers and evidence (`entrepot.ports.attestations`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from entrepot.model.build import Build, Material
from entrepot.model.digest import Digest
from entrepot.model.errors import NamespaceUnknown
from entrepot.model.events import ArtifactPublished, NamespaceCreated, SignerAdded
from entrepot.model.names import ChannelName, NamespaceName, PackageId, PackagePattern, ReferenceName
from entrepot.model.namespace import Namespace
from entrepot.model.reference import Reference, ReferenceKind
from entrepot.model.signer import Scope, Signer, SignerKind, SignerName, SignerState
from entrepot.ports.attestations import Accepted, Attestation, BuildKey, Completeness, Examined, Source
from entrepot.testing.builders import Image, image, package, referrer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.ports.attestations import Affected, AttestationRow, SignerRow
    from entrepot.ports.catalog import Catalog, Transaction

ACME = NamespaceName("acme")
API = package("acme/api")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = Signer(SignerName("ci"), SignerKind.KEY, {"key": "pem"}, namespace=ACME)


async def create(catalog: Catalog, name: str = "acme", *, public: bool = False) -> None:
    """Make a namespace with two channels."""

    def change(transaction: Transaction) -> None:
        transaction.add_namespace(
            Namespace(NamespaceName(name), public=public, channels=(ChannelName("dev"), ChannelName("prod")))
        )
        transaction.append("test", NamespaceCreated(namespace=name))

    await catalog.write(change)


async def publish(catalog: Catalog, where: PackageId, *pushed: Image, name: str | None = None) -> None:
    """Put artifacts into a package; the first gets the name."""

    def change(transaction: Transaction) -> None:
        for each in pushed:
            for blob in each.blobs:
                transaction.keep_blob(Digest.of(blob), len(blob), blob)
                transaction.add_blob_member(where, Digest.of(blob))
            transaction.keep_artifact(each.artifact)
            transaction.add_artifact_member(where, each.digest)
        if name is not None:
            version = Reference(
                ReferenceKind.VERSION, ReferenceName(name), pushed[0].digest, from_position=transaction.position
            )
            transaction.set_reference(where, version)
        transaction.append(
            "test",
            ArtifactPublished(
                namespace=where.namespace, package=where.path, digest=str(pushed[0].digest), media_type="m"
            ),
        )

    await catalog.write(change)


async def know(catalog: Catalog, signer: Signer = KEY) -> SignerRow:
    """Register a signer."""

    def change(transaction: Transaction) -> None:
        transaction.attestations.add_signer(signer)
        transaction.append("test", SignerAdded(namespace=signer.namespace, signer=signer.name, kind="key", material={}))

    await catalog.write(change)
    found = await catalog.attestations.find_signer(signer.namespace, signer.name)
    assert found is not None
    return found


async def change_signer(catalog: Catalog, signer: Signer) -> None:
    """Let a signer be otherwise."""

    def change(transaction: Transaction) -> None:
        transaction.attestations.set_signer(signer)
        transaction.append("test", SignerAdded(namespace=signer.namespace, signer=signer.name, kind="key", material={}))

    await catalog.write(change)


def found_in(holder: Image, subject: Digest, **more: Any) -> Attestation:
    """Evidence in a referrer."""
    return replace(
        Attestation(
            subject=subject,
            carrier=holder.digest,
            ordinal=0,
            source=Source.REFERRER,
            holder=holder.digest,
            kind="dsse",
            content=holder.digest,
            seen_at=NOON,
        ),
        **more,
    )


async def keep(catalog: Catalog, where: PackageId, holder: Image, *examined: Examined) -> None:
    """Know what an artifact holds."""
    await catalog.write(lambda transaction: transaction.attestations.keep(where, holder.digest, examined))


def reasons(rows: Sequence[AttestationRow]) -> list[str | None]:
    """Why each signature does not count."""
    return [each.reason for row in rows for each in row.verifications]


def everything(_: PackageId, __: bool) -> bool:
    """Who may read all that there is."""
    return True


class AttestationsContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    # --- signers ---

    async def test_a_signer_is_known_as_it_was_added(self, catalog: Catalog) -> None:
        await create(catalog)
        scope = Scope((PackagePattern("oci/*"),), (PackagePattern("signature"),), {"https://build.example.com": 3})
        signer = replace(KEY, scope=scope, state=SignerState.PENDING)

        row = await know(catalog, signer)

        assert row.signer == signer
        assert [each.signer for each in await catalog.attestations.list_signers(ACME)] == [signer]
        assert row.added == row.changed == (await catalog.head())[0]

    async def test_a_name_is_one_signers(self, catalog: Catalog) -> None:
        await create(catalog)
        await know(catalog)

        assert await catalog.write(lambda change: change.attestations.add_signer(KEY)) is False

    async def test_the_registrys_signers_are_every_namespaces(self, catalog: Catalog) -> None:
        await create(catalog)
        own = replace(KEY, name=SignerName("entrepot-1"), namespace=None)
        await know(catalog, own)

        assert [row.signer for row in await catalog.attestations.list_signers(ACME)] == [own]
        assert await catalog.attestations.list_signers(ACME, inherited=False) == []
        assert await catalog.attestations.find_signer(ACME, own.name) is None

    async def test_a_signer_of_no_namespace_that_there_is_cannot_be(self, catalog: Catalog) -> None:
        with pytest.raises(NamespaceUnknown):
            await know(catalog)

    async def test_a_trusted_root_hides_the_registrys_of_its_name(self, catalog: Catalog) -> None:
        await create(catalog)
        assert await catalog.write(lambda change: change.attestations.set_root(None, "public", b"1"))
        assert await catalog.write(lambda change: change.attestations.set_root(ACME, "public", b"2"))
        assert not await catalog.write(lambda change: change.attestations.set_root(ACME, "public", b"2"))
        assert [row.content for row in await catalog.attestations.list_roots(ACME)] == [b"2"]

        assert await catalog.write(lambda change: change.attestations.remove_root(ACME, "public"))

        assert [row.content for row in await catalog.attestations.list_roots(ACME)] == [b"1"]
        assert not await catalog.write(lambda change: change.attestations.remove_root(ACME, "public"))

    async def test_whatever_changes_trust_moves_its_revision(self, catalog: Catalog) -> None:
        await create(catalog)
        before = await catalog.write(lambda change: change.attestations.trust_revision(ACME))

        await know(catalog)

        after = await catalog.write(lambda change: change.attestations.trust_revision(ACME))
        assert before < after == (await catalog.head())[0]

    # --- evidence ---

    async def test_evidence_is_found_by_its_subject_with_who_signed(self, catalog: Catalog) -> None:
        signer, built, signature = await self._signed(catalog)

        (row,) = await catalog.attestations.list_attestations(API, [built.digest])

        assert row.verified
        assert row.attestation == found_in(signature, built.digest, predicate_type="https://example.com/x")
        (verification,) = row.verifications
        assert (verification.signer, verification.key, verification.level) == (signer.signer.name, "sha256:1", 2)

    async def test_evidence_that_is_kept_again_is_there_once_and_as_old_as_before(self, catalog: Catalog) -> None:
        _, built, signature = await self._signed(catalog)

        await keep(catalog, API, signature, Examined(found_in(signature, built.digest, seen_at=NOON + HOUR)))

        (row,) = await catalog.attestations.list_attestations(API, [built.digest])
        assert row.attestation.seen_at == NOON
        assert not row.verified

    async def test_what_a_holder_does_not_hold_any_more_is_forgotten(self, catalog: Catalog) -> None:
        _, built, signature = await self._signed(catalog)

        await keep(catalog, API, signature)

        assert await catalog.attestations.list_attestations(API, [built.digest]) == []

    async def test_evidence_goes_with_what_carries_it(self, catalog: Catalog) -> None:
        _, built, signature = await self._signed(catalog)

        await catalog.write(lambda change: change.remove_member(API, signature.digest, artifact=True))

        assert await catalog.attestations.list_attestations(API, [built.digest]) == []

    async def test_evidence_under_a_tag_needs_the_tag(self, catalog: Catalog) -> None:
        await create(catalog)
        built, signature = image(b"1"), image(b"signature")
        await publish(catalog, API, built)
        await publish(catalog, API, signature)
        await keep(catalog, API, signature, Examined(found_in(signature, built.digest, source=Source.TAG)))
        assert await catalog.attestations.list_attestations(API, [built.digest]) == []

        await publish(catalog, API, signature, name="sha256-1.sig")

        assert len(await catalog.attestations.list_attestations(API, [built.digest])) == 1

    async def test_evidence_of_another_package_is_not_found(self, catalog: Catalog) -> None:
        _, built, _ = await self._signed(catalog)
        await publish(catalog, package("acme/other"), built)

        assert await catalog.attestations.list_attestations(package("acme/other"), [built.digest]) == []

    # --- how long a signer is believed ---

    @pytest.mark.parametrize(
        ("state", "until", "counts"),
        [
            (SignerState.ACTIVE, None, True),
            (SignerState.PENDING, None, False),
            (SignerState.RETIRED, NOON + HOUR, True),
            (SignerState.RETIRED, NOON, False),
            (SignerState.REVOKED, NOON + HOUR, True),
            (SignerState.REVOKED, NOON - HOUR, False),
            (SignerState.COMPROMISED, NOON + HOUR, False),
        ],
    )
    async def test_a_signature_counts_as_its_signer_stands(
        self, catalog: Catalog, state: SignerState, until: datetime | None, counts: bool
    ) -> None:
        _, built, _ = await self._signed(catalog)

        await change_signer(catalog, replace(KEY, state=state, until=until))

        rows = await catalog.attestations.list_attestations(API, [built.digest])
        assert [row.verified for row in rows] == [counts]
        assert (reasons(rows) == [None]) is counts

    async def test_a_proven_time_counts_where_it_is_earlier_than_when_it_came(self, catalog: Catalog) -> None:
        await self._signed(catalog, signed_at=NOON - 2 * HOUR)

        await change_signer(catalog, replace(KEY, state=SignerState.REVOKED, until=NOON - HOUR))

        assert reasons(await catalog.attestations.list_attestations(API, [image(b"1").digest])) == [None]

    async def test_evidence_that_was_seen_elsewhere_before_is_as_old_as_there(self, catalog: Catalog) -> None:
        _, built, signature = await self._signed(catalog)
        other = package("acme/other")
        await publish(catalog, other, built, signature)

        await keep(catalog, other, signature, Examined(found_in(signature, built.digest, seen_at=NOON + 5 * HOUR)))

        (row,) = await catalog.attestations.list_attestations(other, [built.digest])
        assert row.attestation.seen_at == NOON

    async def test_an_objection_counts_whatever_the_state(self, catalog: Catalog) -> None:
        _, built, _ = await self._signed(catalog, objection="it may not")

        rows = await catalog.attestations.list_attestations(API, [built.digest])

        assert reasons(rows) == ["it may not"]
        assert not rows[0].verified

    async def test_another_scope_makes_nothing_count_until_it_is_verified_again(self, catalog: Catalog) -> None:
        _, built, _ = await self._signed(catalog)

        await change_signer(catalog, replace(KEY, scope=Scope((PackagePattern("pypi/*"),))))

        assert not (await catalog.attestations.list_attestations(API, [built.digest]))[0].verified

    async def test_another_root_makes_nothing_count_that_hangs_from_one(self, catalog: Catalog) -> None:
        _, built, _ = await self._signed(catalog, signed_at=NOON)

        await catalog.write(lambda change: change.attestations.set_root(ACME, "public", b"1"))

        assert not (await catalog.attestations.list_attestations(API, [built.digest]))[0].verified

    async def test_a_root_changes_nothing_about_what_a_key_alone_signed(self, catalog: Catalog) -> None:
        _, built, _ = await self._signed(catalog)

        await catalog.write(lambda change: change.attestations.set_root(None, "public", b"1"))

        assert (await catalog.attestations.list_attestations(API, [built.digest]))[0].verified

    async def test_what_a_signer_vouches_for_is_listed_with_what_it_is_cleared_for(self, catalog: Catalog) -> None:
        signer, built, _ = await self._signed(catalog)
        await catalog.write(lambda change: change.open_clearance(API, ChannelName("prod"), built.digest))

        (affected,) = await catalog.attestations.list_affected(signer.id, after=0, limit=10)

        assert (affected.package, affected.subject) == (API, built.digest)
        assert (affected.references, affected.channels, affected.still_verified) == (("1.0",), ("prod",), True)
        assert await catalog.attestations.list_affected(signer.id, after=affected.id, limit=10) == []

    async def test_a_change_knows_what_it_takes(self, catalog: Catalog) -> None:
        signer, built, _ = await self._signed(catalog)
        await catalog.write(lambda change: change.open_clearance(API, ChannelName("prod"), built.digest))

        def compromise(change: Transaction) -> Sequence[Affected]:
            change.attestations.set_signer(replace(signer.signer, state=SignerState.COMPROMISED))
            return change.attestations.list_affected(signer.id, limit=10)

        (affected,) = await catalog.write(compromise)

        assert (affected.subject, affected.channels, affected.still_verified) == (built.digest, ("prod",), False)

    async def test_what_is_affected_of_a_file_is_the_version_that_has_it(self, catalog: Catalog) -> None:
        signer, built, _ = await self._signed(catalog, file=b"1")
        await catalog.write(lambda change: change.open_clearance(API, ChannelName("prod"), built.digest))

        (affected,) = await catalog.attestations.list_affected(signer.id, after=0, limit=10)

        assert affected.subject == Digest.of(b"1")
        assert (affected.references, affected.channels) == (("1.0",), ("prod",))

    async def test_holders_come_in_pages_of_a_kind(self, catalog: Catalog) -> None:
        _, _, signature = await self._signed(catalog)

        (found,) = await catalog.attestations.list_holders(ACME, ["dsse", "notation"], after=0, limit=10)

        assert (found.package, found.holder) == (API, signature.digest)
        assert await catalog.attestations.list_holders(None, ["notation"], after=0, limit=10) == []
        assert await catalog.attestations.list_holders(None, ["dsse"], after=found.id, limit=10) == []

    # --- builds ---

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            (BuildKey.REVISION, "c0ffee"),
            (BuildKey.REVISION, "c0ff"),
            (BuildKey.REPOSITORY, "https://git.example.com/app"),
            (BuildKey.BUILD, "run/7"),
            (BuildKey.BUILDER, "https://build.example.com"),
            (BuildKey.MATERIAL, str(Digest.of(b"material"))),
            (BuildKey.MATERIAL_URI, "pkg:pypi/flit@3"),
        ],
    )
    async def test_what_was_built_is_found_by(self, catalog: Catalog, key: BuildKey, value: str) -> None:
        _, built, _ = await self._signed(catalog, build=BUILD)

        (found,) = await catalog.attestations.list_builds(
            key, value, namespace=None, may_read=everything, after=0, limit=10
        )

        assert (found.package, found.subject, found.references) == (API, built.digest, ("1.0",))
        assert found.build == replace(BUILD, materials=())
        assert (found.verified_by, found.level) == (("ci",), 2)

    async def test_what_was_built_elsewhere_or_otherwise_is_not_found(self, catalog: Catalog) -> None:
        await self._signed(catalog, build=BUILD)

        async def find(key: BuildKey, value: str, namespace: NamespaceName | None = None) -> int:
            found = await catalog.attestations.list_builds(
                key, value, namespace=namespace, may_read=everything, after=0, limit=10
            )
            return len(found)

        assert await find(BuildKey.REVISION, "c0ffee", NamespaceName("other")) == 0
        assert await find(BuildKey.REVISION, "c0ffef") == 0
        assert await find(BuildKey.BUILD, "run/") == 0

    async def test_builds_in_packages_that_the_caller_may_not_read_are_not_there(self, catalog: Catalog) -> None:
        _, built, _ = await self._signed(catalog, build=BUILD)

        def nothing(_: PackageId, public: bool) -> bool:
            return public

        assert (
            await catalog.attestations.list_builds(
                BuildKey.REVISION, "c0ffee", namespace=None, may_read=nothing, after=0, limit=10
            )
            == []
        )
        assert await catalog.attestations.trace(API, built.digest, may_read=nothing, depth=5, limit=10) == []

    async def test_an_origin_is_traced_through_what_went_into_what_went_into_it(self, catalog: Catalog) -> None:
        _, built, _ = await self._signed(catalog, build=replace(BUILD, materials=(Material("base", str(BASE.digest)),)))
        attested = referrer(BASE)
        other = package("acme/base")
        await publish(catalog, other, BASE, attested)
        source = Material("git+https://git.example.com/base", "gitCommit:" + 40 * "a")
        await keep(
            catalog,
            other,
            attested,
            Examined(found_in(attested, BASE.digest, build=Build(builder="b", materials=(source,)))),
        )

        traced = await catalog.attestations.trace(API, built.digest, may_read=everything, depth=5, limit=10)

        assert [(origin.depth, origin.product, origin.material.uri, origin.package) for origin in traced] == [
            (0, built.digest, "base", API),
            (1, BASE.digest, source.uri, other),
        ]
        assert [origin.verified_by for origin in traced] == [("ci",), ()]
        assert len(await catalog.attestations.trace(API, built.digest, may_read=everything, depth=1, limit=10)) == 1

    async def test_an_origin_that_goes_in_circles_has_an_end(self, catalog: Catalog) -> None:
        _, built, signature = await self._signed(catalog)
        build = Build(materials=(Material("itself", str(built.digest)),))
        await keep(catalog, API, signature, Examined(found_in(signature, built.digest, build=build)))

        traced = await catalog.attestations.trace(API, built.digest, may_read=everything, depth=50, limit=1000)

        assert [origin.depth for origin in traced] == [0]

    async def test_a_namespace_knows_how_much_of_it_has_provenance(self, catalog: Catalog) -> None:
        await self._signed(catalog, build=BUILD)
        await publish(catalog, API, image(b"2"), name="2.0")
        assert await catalog.attestations.completeness(ACME) == Completeness(2, 1, 1)

        await change_signer(catalog, replace(KEY, state=SignerState.COMPROMISED))

        assert await catalog.attestations.completeness(ACME) == Completeness(2, 0, 0)

    async def _signed(
        self,
        catalog: Catalog,
        *,
        file: bytes | None = None,
        build: Build | None = None,
        signed_at: datetime | None = None,
        objection: str | None = None,
    ) -> tuple[SignerRow, Image, Image]:
        """A version that a key has signed, or one of its files, and its signature."""
        await create(catalog)
        signer = await know(catalog)
        built = image(b"1")
        signature = referrer(built)
        await publish(catalog, API, built, signature, name="1.0")
        subject = built.digest if file is None else Digest.of(file)
        attestation = found_in(signature, subject, predicate_type="https://example.com/x", build=build)
        accepted = Accepted(signer.id, key="sha256:1", level=2, signed_at=signed_at, objection=objection)
        await keep(catalog, API, signature, Examined(attestation, (accepted,)))
        return signer, built, signature


BASE = image(b"base")
BUILD = Build(
    builder="https://build.example.com",
    build_type="https://build.example.com/type",
    build="run/7",
    repository="https://git.example.com/app",
    revision="c0ffee",
    started_at=NOON,
    finished_at=NOON + HOUR,
    materials=(Material("pkg:pypi/flit@3", str(Digest.of(b"material")), "flit"),),
)
