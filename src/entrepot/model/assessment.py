"""What others say of flaws: that one does not matter here (VEX, exemptions), and what another scanner found.

A finding that somebody says does not matter stays, and is shown as suppressed: by whom, why, until when.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from entrepot.model.advisory import Severity
from entrepot.model.errors import InvalidName
from entrepot.model.purl import Purl

if TYPE_CHECKING:
    from collections.abc import Collection

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId


class VexStatus(StrEnum):
    """What is said of a product and a flaw (OpenVEX 0.2.0, "Status Labels")."""

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"


SUPPRESSING: Final = frozenset({VexStatus.NOT_AFFECTED, VexStatus.FIXED})
"""What takes the sting out of a finding; what is still looked into does not."""


@dataclass(frozen=True, slots=True)
class VexStatement:
    """One claim about flaws and products."""

    flaws: frozenset[str]
    """All names of the flaw."""
    products: tuple[str, ...]
    """Package URLs and digests; the words of the document."""
    components: tuple[str, ...]
    """Parts of the products that have the flaw; nothing for whatever part it is."""
    status: VexStatus
    reason: str
    author: str
    at: datetime | None
    until: datetime | None = None
    """When the claim ends; None for one without end."""

    def suppresses(
        self, flaws: Collection[str], *, products: Collection[str], component: Purl | None, now: datetime
    ) -> bool:
        """Whether the claim takes the sting out of a finding: it is about this flaw, this product and this part of it.

        *products* is all that the artifact is called: its digests and package URLs.
        """
        if self.status not in SUPPRESSING or self.flaws.isdisjoint(flaws):
            return False
        if self.until is not None and self.until <= now:
            return False
        about_product = any(_names(said, product) for said in self.products for product in products)
        about_component = component is not None and any(
            means(said, component) for said in self.components or self.products
        )
        return (about_product and (not self.components or about_component)) or (not self.components and about_component)


def _names(said: str, product: str) -> bool:
    if said == product:
        return True
    if not (said.startswith("pkg:") and product.startswith("pkg:")):
        return False
    try:
        return means(said, Purl.parse(product))
    except InvalidName:
        return False


def means(said: str, component: Purl) -> bool:
    """Whether a package URL is about a component: without a version about all of them, else about that one."""
    try:
        claimed = Purl.parse(said)
    except InvalidName:
        return False
    same = (claimed.type, claimed.namespace, claimed.name) == (component.type, component.namespace, component.name)
    told = all(component.qualifier(key) in (None, value) for key, value in claimed.qualifiers)
    return same and claimed.version in (None, component.version) and told


@dataclass(frozen=True, slots=True)
class Exemption:
    """Somebody's own decision that a flaw does not matter in a package, or in one artifact of it."""

    id: str
    package: PackageId
    flaw: str
    """By any of its names."""
    reason: str
    actor: str
    digest: Digest | None = None
    """The artifact; None for all that there are and will be."""
    component: Purl | None = None
    """What has the flaw; None for whatever has it."""
    status: VexStatus = VexStatus.NOT_AFFECTED
    at: datetime | None = None
    until: datetime | None = None
    """When it ends; None for one without end."""

    def suppresses(
        self, flaws: Collection[str], *, artifacts: Collection[Digest], component: Purl | None, now: datetime
    ) -> bool:
        """Whether it is about a finding; *artifacts* are what it was found in, and what contains that."""
        if self.flaw not in flaws or (self.until is not None and self.until <= now):
            return False
        if self.component is not None and (component is None or not means(str(self.component), component)):
            return False
        return self.digest is None or self.digest in artifacts


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding does not count."""

    by: str
    """Whose word it is."""
    why: str
    status: VexStatus
    at: datetime | None
    until: datetime | None
    through: str
    """The exemption's id, or the digest of what brought the statement."""


# --- what another scanner found ---


@dataclass(frozen=True, slots=True)
class Reported:
    """One thing that a scanner found."""

    tool: str
    id: str
    """The flaw's name, or that of the tool's rule."""
    severity: Severity
    component: str | None
    """A package URL, or what the tool calls it."""
    version: str | None
    fixed: str | None
    message: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a scanner said of an artifact, at one time."""

    form: str
    """``SARIF 2.1.0``, ``Trivy`` or ``Grype``."""
    tool: str
    version: str = ""
    """The tool's; empty where it does not say."""
    at: datetime | None = None
    """When it looked; None where it does not say."""
    findings: tuple[Reported, ...] = field(default=())
