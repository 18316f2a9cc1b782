"""One change to the catalog: the statements behind `entrepot.ports.catalog.Transaction`."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.advisories import SqlAdvisoryChanges
from entrepot.drivers.catalog.assessments import SqlAssessmentChanges
from entrepot.drivers.catalog.attestations import SqlAttestationChanges
from entrepot.drivers.catalog.blocks import SqlBlockChanges
from entrepot.drivers.catalog.collection import SqlCollectionChanges
from entrepot.drivers.catalog.cursors import SqlCursorChanges
from entrepot.drivers.catalog.deployments import SqlDeploymentChanges
from entrepot.drivers.catalog.erasures import SqlErasureChanges
from entrepot.drivers.catalog.federation import SqlFederationChanges
from entrepot.drivers.catalog.holds import SqlHoldChanges
from entrepot.drivers.catalog.inventories import SqlInventoryChanges
from entrepot.drivers.catalog.log import SqlLogChanges
from entrepot.drivers.catalog.policies import SqlPolicyChanges
from entrepot.drivers.catalog.promotions import SqlPromotionChanges
from entrepot.drivers.catalog.protections import SqlProtectionQuestions
from entrepot.drivers.catalog.pulls import SqlPullChanges
from entrepot.drivers.catalog.retention import SqlRetentionChanges
from entrepot.drivers.catalog.scrubs import SqlScrubChanges
from entrepot.drivers.catalog.secrets import SqlSecretChanges
from entrepot.drivers.catalog.session import CHANGE, LISTINGS, Session, identity
from entrepot.drivers.catalog.statements import load
from entrepot.drivers.catalog.tiers import SqlTierChanges
from entrepot.drivers.catalog.tombstones import SqlTombstoneChanges
from entrepot.drivers.catalog.trash import SqlTrashChanges
from entrepot.drivers.catalog.usage import SqlUsageChanges
from entrepot.drivers.catalog.webhooks import SqlWebhookChanges
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    ErasedForGood,
    PrincipalUnknown,
    Protected,
    TokenUnknown,
    Unavailable,
    UpstreamUnknown,
)
from entrepot.model.events import ACCESS_EVENTS, ArtifactPublished, UpstreamIndexChanged, chain, encode
from entrepot.model.names import ChannelName, NamespaceName
from entrepot.model.position import Position
from entrepot.model.tier import Tier
from entrepot.model.upstream import ACTOR
from entrepot.ports.epochs import ACCESS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.drivers.catalog.session import Connection
    from entrepot.drivers.catalog.statements import Statement
    from entrepot.model.access import PrincipalKind
    from entrepot.model.artifact import Artifact
    from entrepot.model.events import Event
    from entrepot.model.names import PackageId, PrincipalName, ReferenceName
    from entrepot.model.namespace import Namespace
    from entrepot.model.reference import Reference
    from entrepot.model.upload import Upload
    from entrepot.model.upstream import Upstream
    from entrepot.ports.catalog import Grant, Mirrored, TokenRow
    from entrepot.ports.epochs import Epochs

ACCESS_SQL: Final = load("access")
UPSTREAMS: Final = load("upstreams")

_NOT_THERE: Final = frozenset({BlobState.ABSENT, BlobState.DAMAGED})
"""Where somebody's bytes are the only ones."""

_LEVEL: Final = 1
"""Of compression: everybody else waits while an answer is packed, and higher ones save little."""


class SqlTransaction(Session):
    """What one change does, inside a savepoint of the writer's transaction."""

    def __init__(
        self, connection: Connection, epochs: Epochs, *, position: Position, hash_before: bytes, now: datetime
    ) -> None:
        super().__init__(connection, position=position, now=now)
        self._epochs = epochs
        self.hash = hash_before
        """The journal's last hash, as this change sees it."""
        self.appended = False
        self.slots: set[int] = set()
        """Whose caches end with this change."""

    # --- areas, each with statements of its own ---

    @cached_property
    def blocks(self) -> SqlBlockChanges:
        """What is kept and not served."""
        return SqlBlockChanges(self)

    @cached_property
    def policies(self) -> SqlPolicyChanges:
        """What namespaces demand."""
        return SqlPolicyChanges(self)

    @cached_property
    def promotions(self) -> SqlPromotionChanges:
        """How artifacts come into channels."""
        return SqlPromotionChanges(self)

    @cached_property
    def trash(self) -> SqlTrashChanges:
        """What was deleted, and can be had back."""
        return SqlTrashChanges(self)

    @cached_property
    def tiers(self) -> SqlTierChanges:
        """In which tier bytes lie."""
        return SqlTierChanges(self)

    @cached_property
    def scrubs(self) -> SqlScrubChanges:
        """How far all blobs were read again."""
        return SqlScrubChanges(self)

    @cached_property
    def usage(self) -> SqlUsageChanges:
        """What namespaces take up."""
        return SqlUsageChanges(self)

    @cached_property
    def pulls(self) -> SqlPullChanges:
        """What is used."""
        return SqlPullChanges(self)

    @cached_property
    def retentions(self) -> SqlRetentionChanges:
        """What stays, and what was planned to go."""
        return SqlRetentionChanges(self)

    @cached_property
    def collection(self) -> SqlCollectionChanges:
        """Giving up bytes that nobody can reach."""
        return SqlCollectionChanges(self)

    @cached_property
    def cursors(self) -> SqlCursorChanges:
        """How far the followers have read."""
        return SqlCursorChanges(self)

    @cached_property
    def advisories(self) -> SqlAdvisoryChanges:
        """What is known to be bad."""
        return SqlAdvisoryChanges(self)

    @cached_property
    def assessments(self) -> SqlAssessmentChanges:
        """What others say of flaws."""
        return SqlAssessmentChanges(self)

    @cached_property
    def attestations(self) -> SqlAttestationChanges:
        """Who is believed, and what was found."""
        return SqlAttestationChanges(self)

    @cached_property
    def federation(self) -> SqlFederationChanges:
        """Issuers and trusted publishers."""
        return SqlFederationChanges(self)

    @cached_property
    def log(self) -> SqlLogChanges:
        """The transparency log."""
        return SqlLogChanges(self)

    @cached_property
    def webhooks(self) -> SqlWebhookChanges:
        """Who is told of events."""
        return SqlWebhookChanges(self)

    @cached_property
    def inventories(self) -> SqlInventoryChanges:
        """What is in artifacts."""
        return SqlInventoryChanges(self)

    @cached_property
    def holds(self) -> SqlHoldChanges:
        """What is leased and held."""
        return SqlHoldChanges(self)

    @cached_property
    def deployments(self) -> SqlDeploymentChanges:
        """What runs where."""
        return SqlDeploymentChanges(self)

    @cached_property
    def protections(self) -> SqlProtectionQuestions:
        """Why something cannot be deleted."""
        return SqlProtectionQuestions(self)

    @cached_property
    def tombstones(self) -> SqlTombstoneChanges:
        """What does not come from upstreams again."""
        return SqlTombstoneChanges(self)

    @cached_property
    def erasures(self) -> SqlErasureChanges:
        """What is here no more, and may not come again."""
        return SqlErasureChanges(self)

    @property
    def secrets(self) -> SqlSecretChanges:
        """What should not be in them."""
        return SqlSecretChanges(self)

    # --- reading ---

    def find_namespace(self, name: NamespaceName) -> Namespace | None:
        """The namespace, or None."""
        row = self.one(LISTINGS.find_namespace, name=name)
        return None if row is None else rows.namespace(row)

    def find_reference(self, package: PackageId, name: ReferenceName) -> Reference | None:
        """What *name* means in *package* now, or None."""
        row = self.one(LISTINGS.find_reference, **identity(package), name=name)
        return None if row is None else rows.reference(row)

    def find_meaning(self, package: PackageId, name: ReferenceName) -> Reference | None:
        """What *name* means in *package*, or else the version that it meant last."""
        package_id = self.find_package_id(package)
        row = None if package_id is None else self.one(LISTINGS.find_meaning, package=package_id, name=name)
        return None if row is None else rows.reference(row)

    # --- namespaces ---

    def add_namespace(self, namespace: Namespace) -> bool:
        """Create it with its channels; False when it is there already."""
        row = self.one(
            CHANGE.add_namespace,
            name=namespace.name,
            public=namespace.public,
            rules=rows.rules_text(namespace),
            position=self.position,
        )
        if row is None:
            return False
        self._add_channels(row[0], namespace.channels)
        return True

    def set_namespace(self, namespace: Namespace) -> None:
        """Replace its visibility and rules."""
        self.run(
            CHANGE.set_namespace,
            name=namespace.name,
            public=namespace.public,
            rules=rows.rules_text(namespace),
            position=self.position,
        )

    def set_channels(self, name: NamespaceName, channels: Sequence[ChannelName]) -> None:
        """Replace its channels; those that go must have no open clearance. Raises `Protected`."""
        namespace = self.namespace_id(name)
        for channel, old, in_use in self.all(CHANGE.channels_in_use, namespace=namespace):
            if old not in channels:
                if in_use:
                    raise Protected(f"channel {old} still clears something")
                self.run(CHANGE.retire_channel, channel=channel)
        self._add_channels(namespace, channels)
        self.run(CHANGE.touch_namespace, namespace=namespace, position=self.position)

    def _add_channels(self, namespace: int, channels: Sequence[ChannelName]) -> None:
        for rank, channel in enumerate(channels):
            self.run(CHANGE.add_channel, namespace=namespace, name=channel, rank=rank)

    # --- upstreams ---

    def add_upstream(self, upstream: Upstream, secret: str | None) -> bool:
        """Read through to it from now on; False when there is one of this name."""
        return self._change_upstream(UPSTREAMS.add_upstream, upstream, secret=secret)

    def find_upstream(self, upstream: Upstream) -> Upstream | None:
        """What is known of the upstream that has this one's name now."""
        row = self.one(UPSTREAMS.find_upstream, **rows.upstream_key(upstream))
        return None if row is None else rows.upstream(row)

    def set_upstream(self, upstream: Upstream) -> bool:
        """Replace where it is and its rules; False when there is none of this name."""
        return self._change_upstream(UPSTREAMS.set_upstream, upstream)

    def set_upstream_secret(self, upstream: Upstream, secret: str | None) -> None:
        """Replace what it is asked with."""
        self._change_upstream(UPSTREAMS.set_secret, upstream, secret=secret)

    def remove_upstream(self, upstream: Upstream) -> bool:
        """Forget it with what it said. False when there is none of this name."""
        return self._change_upstream(UPSTREAMS.remove_upstream, upstream)

    def _change_upstream(self, statement: Statement, upstream: Upstream, **more: object) -> bool:
        namespace = self.namespace_id(upstream.namespace)
        changed = self.run(
            statement,
            namespace=namespace,
            format=upstream.format,
            name=upstream.name,
            url=upstream.url,
            private=upstream.private,
            rules=rows.upstream_rules_text(upstream.rules),
            **more,
        )
        if changed:
            self.run(CHANGE.touch_namespace, namespace=namespace, position=self.position)
        return changed > 0

    def keep_mirrored(
        self,
        upstream: Upstream,
        package: PackageId | None,
        target: str,
        answer: Mirrored,
        *,
        compressed: bytes | None = None,
    ) -> bool:
        """Keep an upstream's answer about *package*, or about all; whether it says something else now."""
        upstream_id = self._upstream_id(upstream)
        content = answer.content
        parameters = {
            "upstream": upstream_id,
            "target": target,
            "package": "" if package is None else package.name,
            "url": answer.url,
            "etag": answer.etag,
            "hash": sha256(b"%d\0%s\0%s" % (answer.status, answer.media_type.encode(), content)).digest(),
            "checked_at": rows.time_text(answer.checked_at),
        }
        if self.run(UPSTREAMS.renew_mirrored, **parameters):
            return False
        self.run(
            UPSTREAMS.keep_mirrored,
            **parameters,
            status=answer.status,
            media_type=answer.media_type,
            content=zlib.compress(content, level=_LEVEL) if compressed is None else compressed,
            fetched_at=rows.time_text(answer.fetched_at),
        )
        return True

    def outdate_mirrored(self, upstream: Upstream, package: PackageId) -> bool:
        """Have an upstream asked again for all that it said of *package*; False when it never said anything."""
        checked_at = rows.time_text(datetime.fromtimestamp(0, UTC))
        upstream_id = self._upstream_id(upstream)
        return (
            self.run(UPSTREAMS.outdate_mirrored, upstream=upstream_id, package=package.name, checked_at=checked_at) > 0
        )

    def see_versions(self, upstream: Upstream, package: PackageId, seen: Mapping[str, datetime]) -> None:
        """Remember when versions were first seen."""
        upstream_id = self._upstream_id(upstream)
        if seen:
            said = [{"version": version, "at": rows.time_text(at)} for version, at in seen.items()]
            text = json.dumps(said)
            self.run(UPSTREAMS.see_versions, upstream=upstream_id, package=package.name, seen=text)

    def _upstream_id(self, upstream: Upstream) -> int:
        row = self.one(UPSTREAMS.upstream_id, **rows.upstream_key(upstream))
        if row is None:
            raise UpstreamUnknown(upstream.name)
        return int(row[0])

    # --- who may ---

    def add_principal(self, name: PrincipalName, kind: PrincipalKind) -> bool:
        """Make somebody known; False when they are already."""
        return self.run(ACCESS_SQL.add_principal, name=name, kind=kind) > 0

    def is_robot(self, name: PrincipalName) -> bool:
        """Whether somebody who is known is a program."""
        return self.one(ACCESS_SQL.is_robot, name=name) is not None

    def disable_principal(self, name: PrincipalName) -> bool:
        """Let them do nothing any more; False when that is so already."""
        self._principal_id(name)
        return self.run(ACCESS_SQL.set_disabled, name=name, disabled=True) > 0

    def enable_principal(self, name: PrincipalName) -> bool:
        """Let them do again what they may; False when they can."""
        self._principal_id(name)
        return self.run(ACCESS_SQL.set_disabled, name=name, disabled=False) > 0

    def add_grant(self, grant: Grant) -> bool:
        """Give a role; False when they have it already."""
        return self.run(ACCESS_SQL.add_grant, **self._grant(grant)) > 0

    def remove_grant(self, grant: Grant) -> bool:
        """Take a role; False when they do not have it."""
        return self.run(ACCESS_SQL.remove_grant, **self._grant(grant)) > 0

    def _grant(self, grant: Grant) -> dict[str, Any]:
        return {
            "principal": self._principal_id(grant.principal),
            "role": grant.allowance.role,
            "view": rows.view_text(grant.allowance.view),
            "pattern": str(grant.allowance.pattern),
            "position": self.position,
        }

    def add_token(self, token: TokenRow, secret_hash: bytes) -> None:
        """Store a token."""
        self.run(
            ACCESS_SQL.add_token,
            id=token.id,
            principal=self._principal_id(token.principal),
            label=token.label,
            secret_hash=secret_hash,
            scope=rows.scope_text(token.scope),
            parent=token.parent,
            created_at=rows.time_text(token.created_at),
            expires_at=None if token.expires_at is None else rows.time_text(token.expires_at),
        )

    def revoke_token(self, token_id: str) -> bool:
        """Stop a token and what was minted from it; False when it is stopped already."""
        row = self.one(ACCESS_SQL.token_is_revoked, id=token_id)
        if row is None:
            raise TokenUnknown(token_id)
        self.run(ACCESS_SQL.revoke_token, id=token_id)
        return not row[0]

    def _principal_id(self, name: PrincipalName) -> int:
        row = self.one(ACCESS_SQL.principal_id, name=name)
        if row is None:
            raise PrincipalUnknown(name)
        return int(row[0])

    # --- content ---

    def keep_blob(self, digest: Digest, size: int, content: bytes | None, *, generation: int = 0) -> None:
        """Know some bytes as present: in the catalog with *content*, else durable in the blob store already (I1)."""
        self._keep_blob(digest, size, content, generation)

    def _keep_blob(self, digest: Digest, size: int, content: bytes | None, generation: int = 0) -> bool:
        """The same; whether *content* was put into the catalog."""
        home = self.one(CHANGE.find_home, digest=str(digest)) or (None, "absent", 0, 0, Tier.HOT, 0)
        blob, state, is_here, current, tier, is_erased = home
        if is_erased:
            raise ErasedForGood(digest)
        if content is None and not is_here and (generation, Tier.HOT) != (current, tier):
            arrived = self.tiers.arrive(digest, generation)
            if not arrived and state in _NOT_THERE:
                raise Unavailable(after=1)  # What was kept there has been given up since, and may be deleted already.
        if blob is None:
            (blob,) = self.returned(CHANGE.add_blob, digest=str(digest), size=size)
        elif state != "present":
            self.run(CHANGE.revive_blob, blob=blob, size=size)
            if state == BlobState.DAMAGED:
                self.scrubs.forget_damage(digest)
        self._blobs[digest] = blob
        if content is not None and (is_here or state != "present"):
            self.run(CHANGE.keep_content, blob=blob, bytes=content)
            return True
        if content is None and is_here and state == "damaged":
            # Sound bytes are in the blob store now; those that are here are not to be served again.
            self.run(CHANGE.forget_content, blob=blob)
        return False

    def damage_blob(self, digest: Digest) -> bool:
        """Know some bytes as damaged; False when that is known already."""
        return self.run(CHANGE.damage_blob, digest=str(digest)) > 0

    def keep_artifact(self, artifact: Artifact) -> None:
        """Know an artifact, its bytes and its links."""
        digest, content = artifact.digest, artifact.content
        put = self._keep_blob(digest, len(content), content)
        blob = self.blob_id(digest)
        subject = None if artifact.subject is None else self.name_blob(artifact.subject.digest, artifact.subject.size)
        known = not self.run(
            CHANGE.keep_artifact,
            blob=blob,
            media_type=artifact.media_type,
            artifact_type=artifact.effective_type,
            subject=subject,
        )
        if known:
            return
        if not put:
            # A manifest's bytes are here in any case, also if somebody pushed them as an ordinary large blob before.
            self.run(CHANGE.keep_content_if_elsewhere, blob=blob, bytes=content)
        links = rows.links_text(artifact)
        self.run(CHANGE.name_blobs, links=links)
        self.run(CHANGE.keep_links, artifact=blob, links=links)
        for key, value in rows.searchable_annotations(artifact):
            self.run(CHANGE.keep_annotation, blob=blob, key=key, value=value)

    def find_content(self, digest: Digest) -> bytes | None:
        """The bytes of a manifest, or of a small blob."""
        row = self.one(CHANGE.find_content, digest=str(digest))
        return None if row is None else bytes(row[0])

    def list_files(self, digest: Digest) -> Sequence[Digest]:
        """The files that an artifact is made of, also of one whose bytes were given up."""
        return [Digest.parse(each) for (each,) in self.all(CHANGE.list_files, digest=str(digest))]

    def has_member(self, package: PackageId, digest: Digest) -> bool:
        """Whether the bytes are in the package, and present."""
        return self._is_member(package, digest, role=None)

    def has_artifact(self, package: PackageId, digest: Digest) -> bool:
        """Whether they are in the package as an artifact."""
        return self._is_member(package, digest, role="artifact")

    def missing_members(self, package: PackageId, artifact: Artifact) -> Sequence[Digest]:
        """Which required targets of the artifact's links are not present members of *package* (I2)."""
        package_id = self.find_package_id(package)
        found = self.all(CHANGE.missing_members, package=package_id, links=rows.links_text(artifact))
        return [Digest.parse(digest) for (digest,) in found]

    def _is_member(self, package: PackageId, digest: Digest, *, role: str | None) -> bool:
        package_id = self.find_package_id(package)
        if package_id is None:
            return False
        return self.one(CHANGE.has_member, package=package_id, digest=str(digest), role=role) is not None

    def add_blob_member(self, package: PackageId, digest: Digest) -> bool:
        """Put a blob into a package; False when it is there already. The package is made when it is new."""
        return self._add_member(self.package_id(package), self.blob_id(digest), "blob")

    def add_artifact_member(self, package: PackageId, digest: Digest) -> bool:
        """Put an artifact into a package, cleared wherever its subject or an index that contains it is."""
        package_id, blob = self.package_id(package), self.blob_id(digest)
        if not self._add_member(package_id, blob, "artifact"):
            return False
        for channel, root in self.all(CHANGE.clearances_around, package=package_id, blob=blob):
            self._cover(package_id, channel, start=blob, root=root)
        self.blocks.apply(package, digest)
        return True

    def _add_member(self, package: int, blob: int, role: str) -> bool:
        return self.run(CHANGE.add_member, package=package, blob=blob, role=role, position=self.position) > 0

    def remove_member(self, package: PackageId, digest: Digest, *, artifact: bool) -> bool:
        """Take a blob or an artifact out of a package; False when it is not there."""
        package_id, blob = self.find_package_id(package), self.find_blob_id(digest)
        if package_id is None or blob is None:
            return False
        role = "artifact" if artifact else "blob"
        removed = self.run(CHANGE.remove_member, package=package_id, blob=blob, role=role, position=self.position)
        return removed > 0

    def linked_by(self, package: PackageId, digest: Digest, *, artifact: bool) -> str | None:
        """The digest of an artifact of the package that needs *digest*, if there is one (I2)."""
        row = self.one(
            CHANGE.linked_by,
            package=self.package_id(package),
            blob=self.blob_id(digest),
            role="artifact" if artifact else "blob",
        )
        return None if row is None else str(row[0])

    def cleared_for(self, package: PackageId, digest: Digest) -> ChannelName | None:
        """A channel in which the artifact is cleared, if there is one (I9)."""
        row = self.one(CHANGE.cleared_for, package=self.package_id(package), blob=self.blob_id(digest))
        return None if row is None else ChannelName(row[0])

    # --- names ---

    def list_deleted(self, package: PackageId, name: ReferenceName) -> Sequence[Reference]:
        """What a version's name meant each time when it was deleted."""
        package_id = self.find_package_id(package)
        return [rows.reference(row) for row in self.all(LISTINGS.list_deleted, package=package_id, name=name)]

    def set_reference(self, package: PackageId, reference: Reference) -> None:
        """Give *reference* its meaning from this position on, ending what the name meant before."""
        package_id = self.package_id(package)
        self.end_reference(package, reference.name)
        self.run(
            CHANGE.add_reference,
            package=package_id,
            kind=reference.kind,
            name=reference.name,
            blob=self.blob_id(reference.digest),
            sealed=reference.sealed,
            yanked=reference.yanked,
            deprecated=reference.deprecated,
            position=self.position,
        )

    def end_reference(self, package: PackageId, name: ReferenceName) -> None:
        """Let the name mean nothing from this position on."""
        self.run(CHANGE.end_reference, package=self.package_id(package), name=name, position=self.position)

    def names_of(self, package: PackageId, digest: Digest) -> Sequence[Reference]:
        """The open references to an artifact."""
        found = self.all(CHANGE.names_of, package=self.package_id(package), blob=self.blob_id(digest))
        return [rows.reference(row) for row in found]

    def mark_version(self, package: PackageId, reference: Reference) -> None:
        """Store the marks (sealed, yanked, deprecated) of an open version."""
        self.run(
            CHANGE.mark_version,
            package=self.package_id(package),
            name=reference.name,
            sealed=reference.sealed,
            yanked=reference.yanked,
            deprecated=reference.deprecated,
        )

    # --- clearances ---

    def open_clearance(self, package: PackageId, channel: ChannelName, digest: Digest) -> bool:
        """Clear an artifact and all that it covers; False when it is already."""
        package_id, blob = self.package_id(package), self.find_blob_id(digest)
        if blob is None or not self.has_artifact(package, digest):
            raise ArtifactUnknown(digest)
        channel_id = self.channel_id(package.namespace, channel)
        if self.one(CHANGE.is_cleared, package=package_id, channel=channel_id, blob=blob) is not None:
            return False
        self._cover(package_id, channel_id, start=blob, root=blob)
        return True

    def close_clearance(self, package: PackageId, channel: ChannelName, digest: Digest) -> bool:
        """Close what `open_clearance` opened; False when it is not open."""
        channel_id = self.channel_id(package.namespace, channel)
        package_id, blob = self.find_package_id(package), self.find_blob_id(digest)
        if package_id is None or blob is None:
            return False
        closed = self.run(
            CHANGE.close_clearance,
            package=package_id,
            channel=channel_id,
            blob=blob,
            position=self.position,
        )
        return closed > 0

    def _cover(self, package: int, channel: int, *, start: int, root: int) -> None:
        self.run(CHANGE.cover, package=package, channel=channel, start=start, root=root, position=self.position)

    # --- uploads ---

    def end_upload(self, upload: Upload) -> None:
        """Let an upload that was finished or cancelled be unknown."""
        self.run(CHANGE.end_upload, id=upload.id, expires_at=rows.time_text(upload.expires_at))

    def forget_uploads(self) -> None:
        """Forget the ended uploads whose names nobody can hold any more."""
        self.run(CHANGE.forget_uploads, now=rows.time_text(self.now))

    # --- the journal ---

    def append(self, actor: str, event: Event) -> Position:
        """Append the one event of this change: the last statement of a change (I5)."""
        if self.appended:
            message = "a change has one event"
            raise RuntimeError(message)
        if event.namespace is not None and event.package is not None:
            package = rows.package_id(event.namespace, *event.package.split("/", 1))
            # To sign what came from elsewhere, or to clear it, is not to publish it.
            hosts = type(event) is ArtifactPublished and bool(event.references) and not actor.startswith(ACTOR)
            if isinstance(event, UpstreamIndexChanged):
                self.package_id(package)  # Of what has an index there is a page, though nothing of it is here.
            self._touch(package, hosted=hosts)
        elif event.namespace is not None and isinstance(event, UpstreamIndexChanged):
            # It says something else of all that it has.
            namespace = self.namespace_id(NamespaceName(event.namespace))
            self.run(CHANGE.touch_namespace, namespace=namespace, position=self.position)
        content = encode(event)
        self.hash = chain(self.hash, self.position, self.now, actor=actor, content=content)
        self.run(
            CHANGE.append,
            position=self.position,
            at=rows.time_text(self.now),
            actor=actor,
            namespace=event.namespace,
            package=event.package,
            content=content,
            hash=self.hash,
        )
        self.appended = True
        if event.namespace is not None:
            self.slots.add(self._epochs.slot_of(event.namespace))
        if event.namespace is None or isinstance(event, ACCESS_EVENTS):
            # What is of no namespace, such as damage, may concern any answer; every cached one has seen this slot.
            self.slots.add(ACCESS)
        return self.position

    def _touch(self, package: PackageId, *, hosted: bool) -> None:
        """Let the package be of this change's revision, and perhaps of here."""
        package_id = self.find_package_id(package)
        if package_id is not None:
            self.run(CHANGE.touch_package, package=package_id, position=self.position, hosted=hosted)
