"""What others say of flaws: the part of the management API that is about exemptions, VEX and reports of scanners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape
from entrepot.client.packages import path_of
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.packages import Packages


@dataclass(frozen=True, slots=True)
class Exemption:
    """A decision that a flaw does not matter in a package, or in one artifact of it."""

    id: str
    flaw: str
    reason: str
    by: str
    status: str
    artifact: str | None = None
    component: str | None = None
    at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class VexStatement:
    """What a signed statement says of flaws; it counts if anybody is in `signed_by`."""

    subject: str
    carrier: str
    flaws: tuple[str, ...]
    status: str
    reason: str
    author: str = ""
    at: datetime | None = None
    until: datetime | None = None
    signed_by: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PushedReport:
    """A scanner's report that was taken in."""

    digest: Digest
    form: str
    tool: str
    version: str
    findings: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScannerReport:
    """A scanner's report."""

    digest: Digest
    subject: Digest
    form: str
    tool: str
    version: str
    findings: int
    sent_by: str
    at: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Stated:
    digest: Digest


@dataclass(frozen=True, slots=True)
class Assessments:
    """What others say of flaws. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def exemptions(self, address: Address | str) -> Iterator[Exemption]:
        """What was decided of a package, the oldest first."""
        return self._connection.pages(self._exemptions(address), Exemption)

    def exempt(
        self,
        address: Address | str,
        flaw: str,
        reason: str,
        *,
        artifact: Digest | None = None,
        component: str | None = None,
        status: str = "not_affected",
        until: datetime | None = None,
    ) -> Exemption:
        """Decide that a flaw does not matter in a package, or in one artifact of it."""
        document = {
            "flaw": flaw,
            "reason": reason,
            "artifact": None if artifact is None else str(artifact),
            "component": component,
            "status": status,
            "until": None if until is None else until.isoformat(),
        }
        return self._connection.call("POST", self._exemptions(address), document=document).read(Exemption)

    def end_exemption(self, address: Address | str, id: str, reason: str = "") -> Exemption:
        """Take a decision back."""
        path = f"{self._exemptions(address)}/{escape(id)}"
        return self._connection.call("DELETE", path, document={"reason": reason}).read(Exemption)

    def vex(self, address: Address | str) -> Iterator[VexStatement]:
        """What signed statements say of flaws in an artifact."""
        return self._connection.pages(f"{self._artifact(address)}/vex", VexStatement)

    def push_vex(self, address: Address | str, content: bytes) -> Digest:
        """Have the registry sign a VEX document about an artifact; the digest of the referrer."""
        answer = self._connection.call("POST", f"{self._artifact(address)}/vex", content=content, repeatable=True)
        return answer.read(_Stated).digest

    def reports(self, address: Address | str) -> Iterator[ScannerReport]:
        """The reports of other scanners about an artifact, the newest first."""
        return self._connection.pages(f"{self._artifact(address)}/reports", ScannerReport)

    def push_report(self, address: Address | str, content: bytes) -> PushedReport:
        """Send what another scanner found: SARIF, or the JSON of Trivy or Grype."""
        path = f"{self._artifact(address)}/reports"
        return self._connection.call("POST", path, content=content, repeatable=True).read(PushedReport)

    def state_findings(self, address: Address | str) -> Digest:
        """Have the registry sign what is known to be bad of an artifact; the digest of the referrer."""
        path = f"{self._artifact(address)}/findings/statement"
        return self._connection.call("POST", path, repeatable=True).read(_Stated).digest

    def _exemptions(self, address: Address | str) -> str:
        return f"{path_of(self._packages.locate(address))}/-/exemptions"

    def _artifact(self, address: Address | str) -> str:
        located = self._packages.locate(address)
        artifact = str(located.digest or located.name)
        return f"{path_of(located)}/-/artifacts/{escape(artifact)}"
