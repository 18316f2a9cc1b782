"""Statements that a flaw does not matter here: OpenVEX 0.2.0 and CycloneDX's form of VEX, for hostile input.

Neither form has a word for when a statement ends: that is ``entrepot:until``, a field of an OpenVEX statement and a
property of a vulnerability in CycloneDX.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from entrepot.model.assessment import VexStatement, VexStatus
from entrepot.model.errors import InvalidMetadata, TooLarge
from entrepot.model.nul import has_nul

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 16 * 1024 * 1024
_MOST: Final = 5_000
"""Statements of a document: each becomes a row, and is asked about each finding."""
_MOST_COMPONENTS: Final = 50_000
_CONTEXT: Final = "https://openvex.dev/ns"
UNTIL: Final = "entrepot:until"

OPENVEX_TYPE: Final = "https://openvex.dev/ns/v0.2.0"
_CYCLONEDX_TYPES: Final = ("https://cyclonedx.org/bom", "https://cyclonedx.org/vex")


def is_vex(predicate_type: str) -> bool:
    """Whether statements of a type say something of flaws, or may: CycloneDX has it beside what is inside."""
    return predicate_type.startswith((_CONTEXT, *_CYCLONEDX_TYPES))


def predicate_type_of(content: bytes) -> str:
    """As which type of statement a document is signed. Raises like `parse_vex`."""
    parse_vex(content)
    return (
        _CYCLONEDX_TYPES[0]
        if "bomFormat" in msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        else OPENVEX_TYPE
    )


_CYCLONE: Final = {
    # https://cyclonedx.org/docs/1.6/json/#vulnerabilities_items_analysis_state
    "not_affected": VexStatus.NOT_AFFECTED,
    "false_positive": VexStatus.NOT_AFFECTED,
    "resolved": VexStatus.FIXED,
    "resolved_with_pedigree": VexStatus.FIXED,
    "exploitable": VexStatus.AFFECTED,
    "in_triage": VexStatus.UNDER_INVESTIGATION,
}


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
    status: VexStatus
    products: list[_Product] = []
    justification: str = ""
    impact_statement: str = ""
    action_statement: str = ""
    timestamp: datetime | None = None
    until: datetime | None = msgspec.field(default=None, name=UNTIL)


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


class _Property(msgspec.Struct, frozen=True):
    name: str = ""
    value: str = ""


class _CycloneVulnerability(msgspec.Struct, frozen=True):
    id: str = ""
    properties: list[_Property] = []
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
    components: Annotated[list[_CycloneComponent], msgspec.Meta(max_length=_MOST_COMPONENTS)] = []
    vulnerabilities: Annotated[list[_CycloneVulnerability], msgspec.Meta(max_length=_MOST)] = []


def parse_vex(content: bytes) -> list[VexStatement]:
    """Read a document of either form. Raises `InvalidMetadata`, `TooLarge`."""
    if len(content) > LONGEST:
        raise TooLarge("the VEX document", expected=f"at most {LONGEST} bytes", actual=len(content))
    if has_nul(content):
        raise InvalidMetadata("the VEX document", expected="texts without NUL")
    try:
        fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        if "bomFormat" in fields:
            return list(_of_cyclonedx(msgspec.json.decode(content, type=_Cyclone)))
        return list(_of_openvex(msgspec.json.decode(content, type=_OpenVex)))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMetadata(
            "the VEX document", expected="OpenVEX 0.2.0 or CycloneDX", actual=str(error)[:200]
        ) from error


def _of_openvex(document: _OpenVex) -> Iterable[VexStatement]:
    if not document.context.startswith(_CONTEXT):
        raise InvalidMetadata("@context", expected=_CONTEXT, actual=document.context[:200])
    for said in document.statements:
        names = {said.vulnerability.name, said.vulnerability.id.rpartition("/")[2], *said.vulnerability.aliases} - {""}
        reason = said.justification or said.impact_statement
        if said.status is VexStatus.NOT_AFFECTED and not reason:
            # OpenVEX 0.2.0, "Status Labels": it must say why.
            raise InvalidMetadata(said.vulnerability.name, expected="a justification or an impact statement")
        if not names:
            raise InvalidMetadata("vulnerability", expected="a name")
        yield VexStatement(
            flaws=frozenset(names),
            products=tuple(name for product in said.products for name in _identifiers(product)),
            components=tuple(
                name for product in said.products for part in product.subcomponents for name in _identifiers(part)
            ),
            status=said.status,
            reason=reason or said.action_statement,
            author=document.author,
            at=_aware(said.timestamp or document.timestamp),
            until=_aware(said.until),
        )


def _identifiers(product: _Subcomponent) -> list[str]:
    found = [product.id, product.identifiers.get("purl", "")]
    found += [f"sha256:{value}" for name, value in product.hashes.items() if name.lower() in ("sha-256", "sha256")]
    return [each for each in dict.fromkeys(found) if each]


def _of_cyclonedx(document: _Cyclone) -> Iterable[VexStatement]:
    if document.bom_format != "CycloneDX":
        raise InvalidMetadata("bomFormat", expected="CycloneDX", actual=document.bom_format[:200])
    metadata = document.metadata or _CycloneMetadata()
    known = [*document.components, *([metadata.component] if metadata.component is not None else [])]
    purls = {each.ref: each.purl for each in known if each.ref and each.purl}
    for said in document.vulnerabilities:
        names = {said.id, *(reference.id for reference in said.references)} - {""}
        if said.analysis is None or said.analysis.state not in _CYCLONE or not names:
            continue
        yield VexStatement(
            flaws=frozenset(names),
            products=tuple(purls.get(target.ref, target.ref.rpartition("#")[2]) for target in said.affects),
            components=(),
            status=_CYCLONE[said.analysis.state],
            reason=said.analysis.justification or said.analysis.detail,
            author="",
            at=_aware(said.analysis.last_updated or metadata.timestamp),
            until=_until(said),
        )


def _until(said: _CycloneVulnerability) -> datetime | None:
    """The first end that is said. What cannot be read is an error, and never a claim without end."""
    ends = [each.value for each in said.properties if each.name == UNTIL]
    return _aware(min(msgspec.convert(end, datetime, strict=False) for end in ends)) if ends else None


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
