"""Statements that a flaw does not matter here: OpenVEX 0.2.0 and CycloneDX's form of VEX, for hostile input.

A finding that a statement is about stays, and is shown as suppressed: by whom, why, until when.
Only what is said not to be affected, or to be repaired, suppresses; what is still looked into does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from entrepot.model.errors import InvalidMetadata, InvalidName, TooLarge
from entrepot.model.purl import Purl

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LONGEST: Final = 16 * 1024 * 1024
_MOST: Final = 50_000
_CONTEXT: Final = "https://openvex.dev/ns"


class Status(StrEnum):
    """What is said of a product and a flaw (OpenVEX 0.2.0, "Status Labels")."""

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"


_CYCLONE: Final = {
    # https://cyclonedx.org/docs/1.6/json/#vulnerabilities_items_analysis_state
    "not_affected": Status.NOT_AFFECTED,
    "false_positive": Status.NOT_AFFECTED,
    "resolved": Status.FIXED,
    "resolved_with_pedigree": Status.FIXED,
    "exploitable": Status.AFFECTED,
    "in_triage": Status.UNDER_INVESTIGATION,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One claim about flaws and products."""

    flaws: frozenset[str]
    """All names of the flaw."""
    products: tuple[str, ...]
    """Package URLs and digests; the words of the document."""
    components: tuple[str, ...]
    """Parts of the products that have the flaw; nothing for whatever part it is."""
    status: Status
    reason: str
    author: str
    at: datetime | None
    until: datetime | None = None
    """When the claim ends; None for one without end. The formats have no such field: who stores it says so."""

    def suppresses(self, flaws: Collection[str], *, products: Collection[str], component: Purl, now: datetime) -> bool:
        """Whether the claim takes the sting out of a finding: it is about this flaw, this product and this part of it.

        *products* is all that the artifact is called: its digests and package URLs.
        """
        if self.status not in (Status.NOT_AFFECTED, Status.FIXED) or self.flaws.isdisjoint(flaws):
            return False
        if self.until is not None and self.until <= now:
            return False
        about_product = any(_names(said, product) for said in self.products for product in products)
        about_component = any(_means(said, component) for said in self.components or self.products)
        return (about_product and (not self.components or about_component)) or (not self.components and about_component)


def _names(said: str, product: str) -> bool:
    if said == product:
        return True
    if not (said.startswith("pkg:") and product.startswith("pkg:")):
        return False
    try:
        return _means(said, Purl.parse(product))
    except InvalidName:
        return False


def _means(said: str, component: Purl) -> bool:
    """Whether a package URL is about a component: without a version about all of them, else about that one."""
    try:
        claimed = Purl.parse(said)
    except InvalidName:
        return False
    same = (claimed.type, claimed.namespace, claimed.name) == (component.type, component.namespace, component.name)
    told = all(component.qualifier(key) in (None, value) for key, value in claimed.qualifiers)
    return same and claimed.version in (None, component.version) and told


# --- reading ---


class _Vulnerability(msgspec.Struct, frozen=True):
    name: str = ""
    id: str = msgspec.field(default="", name="@id")
    aliases: list[str] = []


class _Subcomponent(msgspec.Struct, frozen=True):
    id: str = msgspec.field(default="", name="@id")
    identifiers: dict[str, str] = {}
    hashes: dict[str, str] = {}


class _Product(_Subcomponent, frozen=True):
    subcomponents: list[_Subcomponent] = []


class _Statement(msgspec.Struct, frozen=True):
    vulnerability: _Vulnerability
    status: Status
    products: list[_Product] = []
    justification: str = ""
    impact_statement: str = ""
    action_statement: str = ""
    timestamp: datetime | None = None


class _OpenVex(msgspec.Struct, frozen=True):
    context: str = msgspec.field(name="@context")
    statements: Annotated[list[_Statement], msgspec.Meta(max_length=_MOST)]
    author: str = ""
    timestamp: datetime | None = None


class _Analysis(msgspec.Struct, frozen=True, rename="camel"):
    state: str = ""
    justification: str = ""
    detail: str = ""
    last_updated: datetime | None = None


class _Reference(msgspec.Struct, frozen=True):
    id: str = ""


class _Target(msgspec.Struct, frozen=True):
    ref: str = ""


class _CycloneVulnerability(msgspec.Struct, frozen=True):
    id: str = ""
    references: list[_Reference] = []
    analysis: _Analysis | None = None
    affects: list[_Target] = []


class _CycloneComponent(msgspec.Struct, frozen=True):
    ref: str = msgspec.field(default="", name="bom-ref")
    purl: str = ""


class _CycloneMetadata(msgspec.Struct, frozen=True):
    timestamp: datetime | None = None
    component: _CycloneComponent | None = None


class _Cyclone(msgspec.Struct, frozen=True, rename="camel"):
    bom_format: str
    metadata: _CycloneMetadata | None = None
    components: Annotated[list[_CycloneComponent], msgspec.Meta(max_length=_MOST)] = []
    vulnerabilities: Annotated[list[_CycloneVulnerability], msgspec.Meta(max_length=_MOST)] = []


def parse_vex(content: bytes) -> list[Statement]:
    """Read a document of either form. Raises `InvalidMetadata`, `TooLarge`."""
    if len(content) > LONGEST:
        raise TooLarge("the VEX document", expected=f"at most {LONGEST} bytes", actual=len(content))
    try:
        fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        if "bomFormat" in fields:
            return list(_of_cyclonedx(msgspec.json.decode(content, type=_Cyclone)))
        return list(_of_openvex(msgspec.json.decode(content, type=_OpenVex)))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMetadata(
            "the VEX document", expected="OpenVEX 0.2.0 or CycloneDX", actual=str(error)[:200]
        ) from error


def _of_openvex(document: _OpenVex) -> Iterable[Statement]:
    if not document.context.startswith(_CONTEXT):
        raise InvalidMetadata("@context", expected=_CONTEXT, actual=document.context[:200])
    for said in document.statements:
        names = {said.vulnerability.name, said.vulnerability.id.rpartition("/")[2], *said.vulnerability.aliases} - {""}
        reason = said.justification or said.impact_statement
        if said.status is Status.NOT_AFFECTED and not reason:
            # OpenVEX 0.2.0, "Status Labels": it must say why.
            raise InvalidMetadata(said.vulnerability.name, expected="a justification or an impact statement")
        if not names:
            raise InvalidMetadata("vulnerability", expected="a name")
        yield Statement(
            flaws=frozenset(names),
            products=tuple(name for product in said.products for name in _identifiers(product)),
            components=tuple(
                name for product in said.products for part in product.subcomponents for name in _identifiers(part)
            ),
            status=said.status,
            reason=reason or said.action_statement,
            author=document.author,
            at=_aware(said.timestamp or document.timestamp),
        )


def _identifiers(product: _Subcomponent) -> list[str]:
    found = [product.id, product.identifiers.get("purl", "")]
    found += [f"sha256:{value}" for name, value in product.hashes.items() if name.lower() in ("sha-256", "sha256")]
    return [each for each in dict.fromkeys(found) if each]


def _of_cyclonedx(document: _Cyclone) -> Iterable[Statement]:
    if document.bom_format != "CycloneDX":
        raise InvalidMetadata("bomFormat", expected="CycloneDX", actual=document.bom_format[:200])
    metadata = document.metadata or _CycloneMetadata()
    known = [*document.components, *([metadata.component] if metadata.component is not None else [])]
    purls = {each.ref: each.purl for each in known if each.ref and each.purl}
    for said in document.vulnerabilities:
        names = {said.id, *(reference.id for reference in said.references)} - {""}
        if said.analysis is None or said.analysis.state not in _CYCLONE or not names:
            continue
        yield Statement(
            flaws=frozenset(names),
            products=tuple(purls.get(target.ref, target.ref.rpartition("#")[2]) for target in said.affects),
            components=(),
            status=_CYCLONE[said.analysis.state],
            reason=said.analysis.justification or said.analysis.detail,
            author="",
            at=_aware(said.analysis.last_updated or metadata.timestamp),
        )


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
