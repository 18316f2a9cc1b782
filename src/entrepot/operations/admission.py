"""May it come in? The policies of the first door, asked inside the change that publishes.

They are asked of what is known at once. What they refuse is refused, and nothing of it is kept. What they cannot say
yet, because nobody has examined it, comes in and *awaits*: it is kept and resolves for nobody but who may publish it,
until the door is asked again (`entrepot.operations.doors`).

- What has no name yet is never refused, but awaits: an index may come that contains it, and is let in with it.
- What only says something of another artifact, such as a signature, is not asked: it goes where its subject goes.
- Of an index that comes from an upstream each image is asked when it is fetched.
- What is in already is not sent back to wait by another name; but it may be refused that name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.block import Block, BlockKind
from entrepot.model.errors import InvalidManifest, PolicyDenied
from entrepot.model.events import AdmissionRefused, ArtifactPublished
from entrepot.model.policy import Door
from entrepot.model.reference import ReferenceKind, is_fallback
from entrepot.model.upstream import ACTOR
from entrepot.operations.facts import Asked, Standing, known_at_once
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.facts import Facts
from entrepot.policy.rules import Decision, decide, policy_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.ports.catalog import Transaction

_RUNNABLE: Final = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
"""What the layers are called that a container is made of: what has one is more than a statement."""
_IMAGES: Final = "oci"
_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Admission:
    """What the door says of what is being published."""

    package: PackageId
    artifact: Artifact
    names: tuple[ReferenceName, ...]
    """All that it would be called."""
    decision: Decision = Decision()  # noqa: RUF009 (it is immutable)
    awaiting: Block | None = None
    """What keeps it from being served until the door is asked again."""

    @property
    def refused(self) -> bool:
        """Whether it must not come in at all."""
        return not self.decision.allowed and self.awaiting is None

    @property
    def told(self) -> tuple[str, ...]:
        """What whoever publishes it should know, though it was taken."""
        waits = () if self.awaiting is None else (f"not served yet: {self.awaiting.reason}",)
        return (*waits, *self.decision.warnings)

    def refusal(self) -> PolicyDenied:
        """What whoever publishes it is told."""
        what = ", ".join(self.names) or self.artifact.digest
        return PolicyDenied(f"{self.package.name} {what}: {words_of(self.decision)}")

    def refused_event(self) -> AdmissionRefused:
        """What the journal says of that."""
        return AdmissionRefused(
            namespace=self.package.namespace,
            package=self.package.path,
            digest=str(self.artifact.digest),
            references=self.names,
            refusals=self.decision.refusals,
            policies=self.decision.asked,
        )

    def mark(self, event: ArtifactPublished) -> ArtifactPublished:
        """The event of the publication, with what the door said."""
        if not self.decision.reasons:
            return event
        return ArtifactPublished(
            namespace=event.namespace,
            package=event.package,
            digest=event.digest,
            media_type=event.media_type,
            artifact_type=event.artifact_type,
            subject=event.subject,
            references=event.references,
            policies=self.decision.asked,
            awaiting=None if self.awaiting is None else self.awaiting.reason,
            warnings=self.decision.warnings,
            unenforced=self.decision.unenforced,
        )


def ask_admission(
    transaction: Transaction, actor: str, package: PackageId, artifact: Artifact, names: tuple[ReferenceName, ...]
) -> Admission:
    """Ask the door of an artifact that is in the package by now and has its names; changes nothing."""
    nothing = Admission(package, artifact, names)
    known_policies = policy_set(transaction.policies.list(package.namespace), DEFAULTS)
    # What must not be read is not served for a moment first.
    reading = known_policies.at(package, Door.READING)
    policies = (*known_policies.at(package, Door.ADMISSION), *reading)
    if not policies or only_says(package, artifact, names):
        return nothing
    if artifact.is_index and actor.startswith(ACTOR):
        return nothing  # Its images come one by one, when they are wanted, and are asked then.
    digest = artifact.digest
    first_seen = transaction.promotions.first_seen(package, digest)
    references = transaction.names_of(package, digest)
    standing = Standing(
        references=references,
        size=transaction.promotions.measure(digest),
        hosted=not actor.startswith(ACTOR),
        first_seen=first_seen or (transaction.now, actor),
        cleared=transaction.promotions.cleared_since(package, digest),
    )
    version = next((each.name for each in references if each.kind is ReferenceKind.VERSION), "")
    asked = Asked(version=version, requester=actor)
    facts = Facts.of(known_at_once(package, digest, artifact, standing, asked, now=transaction.now))
    said = replace(nothing, decision=decide(policies, facts))
    if said.decision.allowed:
        return said
    may_wait = not references or not said.decision.refused_at(Door.ADMISSION)
    known = transaction.blocks.find(package, digest)
    if first_seen is not None and may_wait and (known is None or known.kind is not BlockKind.AWAITING):
        return nothing  # It is in already.
    return replace(said, awaiting=waiting(package, artifact, said.decision, actor)) if may_wait else said


def waiting(package: PackageId, artifact: Artifact, decision: Decision, actor: str, *, id: str = "") -> Block:
    """What keeps an artifact from being served as long as the door is closed."""
    policy = next(reason.policy.name for reason in decision.reasons if reason.refuses)
    return Block(id, package, artifact.digest, BlockKind.AWAITING, words_of(decision), actor, policy=policy)


def words_of(decision: Decision) -> str:
    """Why not, in one text."""
    return "; ".join(decision.refusals)[:_LONGEST]


def only_says(package: PackageId, artifact: Artifact, names: Sequence[ReferenceName]) -> bool:
    """Whether it is nothing that anybody installs or runs: a signature, an SBOM, or what is said of a whole package."""
    layers = [link.target.media_type for link in artifact.links if link.kind is LinkKind.LAYER]
    if package.format != _IMAGES and not layers and not artifact.is_index:
        return True
    about = artifact.subject is not None and not names
    kept_for = bool(names) and all(is_fallback(name) for name in names)
    return (about or kept_for) and not any(layer.startswith(_RUNNABLE) for layer in layers)


def is_statement(package: PackageId, content: bytes, media_type: str, names: Sequence[ReferenceName]) -> bool:
    """The same of a stored artifact. What cannot be parsed is asked about."""
    try:
        artifact = Artifact.parse(content, media_type)
    except InvalidManifest:
        return False
    return only_says(package, artifact, names)
