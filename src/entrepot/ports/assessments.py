"""What others say of flaws, and whose word that is: an area of the catalog (`entrepot.ports.cursors` says what that is).

What signed statements say comes with what is known of their signatures (`entrepot.ports.attestations`): whether it
counts is asked of the signers as they stand now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.model.assessment import Exemption, Report, Reported, VexStatement
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.position import Position
    from entrepot.model.signer import SignerName


@dataclass(frozen=True, slots=True)
class VexSigner:
    """Somebody who is proven to have signed a statement."""

    name: SignerName
    reason: str | None
    """Why that does not count; None when it does."""
    suppresses: bool
    """Whether the signer may say that findings do not matter."""

    @property
    def counts(self) -> bool:
        """Whether a finding is suppressed on its word."""
        return self.reason is None and self.suppresses


@dataclass(frozen=True, slots=True)
class VexRow:
    """What a signed statement says, about which artifact."""

    subject: Digest
    carrier: Digest
    statement: VexStatement
    signers: tuple[VexSigner, ...]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A scanner's report, as it came."""

    id: int
    subject: Digest
    carrier: Digest
    """The referrer that brings it."""
    ordinal: int
    content: Digest
    actor: str
    """Who sent it."""
    report: Report
    """Without its findings."""
    findings: int
    problem: str | None
    """Why it could not be read: then nothing is known from it."""
    position: Position


class Assessments(Protocol):
    """What is known of that."""

    async def list_vex(self, package: PackageId, digest: Digest, *, counting: bool, limit: int) -> Sequence[VexRow]:
        """What signed statements of the package say of flaws in an artifact and what it contains.

        *counting* asks only for those whose signers are believed now, and may suppress.
        """

    async def list_assessed(self, places: Collection[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        """Of artifacts, each by the number of its package and its own, those of which somebody says something."""

    async def list_exemptions(self, package: PackageId) -> Sequence[Exemption]:
        """What people have decided, the oldest first; also what has ended by itself."""

    async def list_reports(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[ReportRow]:
        """The reports about an artifact and what it contains, the newest first."""

    async def list_reported(self, reports: Collection[int], *, limit: int) -> Sequence[tuple[int, Reported]]:
        """What is in reports, each with the number of its report."""

    async def count_reports(self, package: PackageId, subject: Digest) -> int:
        """How many reports about just this artifact could be read."""


class AssessmentChanges(Protocol):
    """What a change may do to it."""

    def add_exemption(self, exemption: Exemption) -> None:
        """Keep what somebody decided."""

    def find_exemption(self, package: PackageId, id: str) -> Exemption | None:
        """A decision that was not taken back."""

    def count_exemptions(self, package: PackageId) -> int:
        """How many there are."""

    def end_exemption(self, package: PackageId, id: str) -> bool:
        """Take a decision back; False when there is none."""

    def add_report(
        self,
        package: PackageId,
        subject: Digest,
        report: Report,
        *,
        carrier: Digest,
        ordinal: int,
        content: Digest,
        actor: str,
        problem: str | None = None,
    ) -> bool:
        """Know of a report, with what it found; False when that is no news."""
