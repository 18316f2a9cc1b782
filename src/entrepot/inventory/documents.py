"""SBOMs in the forms in which they come: told apart, checked and read.

CycloneDX 1.2 to 1.7 and SPDX 2.2, 2.3 and 3.0, as JSON; also as the predicate of an in-toto statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from entrepot.inventory import cyclonedx, spdx, spdx3
from entrepot.inventory.inventory import Inventory
from entrepot.inventory.limits import LIMITS, InventoryLimits
from entrepot.model.errors import InvalidInventory, TooLarge
from entrepot.model.nul import has_nul

CYCLONEDX_TYPE: Final = "application/vnd.cyclonedx+json"
SPDX_TYPE: Final = "application/spdx+json"
MEDIA_TYPES: Final = frozenset(
    {
        CYCLONEDX_TYPE,
        SPDX_TYPE,
        "text/spdx+json",  # what cosign calls SPDX 2 in JSON
        "application/vnd.syft+cyclonedx+json",
    }
)
"""By which an artifact or a layer says that it is an SBOM that can be read."""

_PREDICATES: Final = ("https://cyclonedx.org/bom", "https://spdx.dev/Document")


@dataclass(frozen=True, slots=True)
class Document:
    """An SBOM that was read."""

    format: str
    """``CycloneDX`` or ``SPDX``."""
    version: str
    inventory: Inventory

    @property
    def media_type(self) -> str:
        """What its bytes are sent as."""
        return CYCLONEDX_TYPE if self.format == "CycloneDX" else SPDX_TYPE


def read_document(content: bytes, limits: InventoryLimits = LIMITS) -> Document:
    """Read and check an SBOM. Raises `InvalidInventory`, `TooLarge`."""
    return read_decoded(decode(content, limits), limits)


def decode(content: bytes, limits: InventoryLimits = LIMITS) -> Mapping[str, Any]:
    """The JSON of an SBOM, within the limits, not yet checked. Raises `InvalidInventory`, `TooLarge`."""
    if len(content) > limits.document_size:
        raise TooLarge("SBOM", expected=f"at most {limits.document_size} bytes", actual=len(content))
    if sum(map(content.count, (b",", b"[", b"{"))) > limits.values:
        raise TooLarge("SBOM", expected=f"at most {limits.values} values")
    content = content.removeprefix(b"\xef\xbb\xbf")
    head = content[:200].lstrip()
    if head.startswith(b"<"):
        raise InvalidInventory("SBOM", expected="JSON: CycloneDX or SPDX", actual="XML")
    if head.startswith((b"SPDXVersion:", b"#")):
        raise InvalidInventory("SBOM", expected="JSON: CycloneDX or SPDX", actual="SPDX in its tag-value form")
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInventory("SBOM", expected="JSON: CycloneDX or SPDX", actual=str(error)[:200]) from error
    if has_nul(content):
        raise InvalidInventory("SBOM", expected="texts without NUL")
    if not isinstance(found, dict):
        raise InvalidInventory("SBOM", expected="a JSON object")
    return found


def read_decoded(found: Mapping[str, Any], limits: InventoryLimits = LIMITS) -> Document:
    """The same of a document that is JSON already. Raises `InvalidInventory`, `TooLarge`."""
    if found.get("bomFormat") == "CycloneDX":
        return Document("CycloneDX", str(found.get("specVersion")), cyclonedx.read(found, limits))
    if "spdxVersion" in found:
        return Document("SPDX", str(found["spdxVersion"]).removeprefix("SPDX-"), spdx.read(found, limits))
    if "@context" in found:
        return Document("SPDX", spdx3.version_of(found), spdx3.read(found, limits))
    raise InvalidInventory(
        "SBOM", expected="CycloneDX (bomFormat) or SPDX (spdxVersion, or 3.0's @context)", actual=_keys(found)
    )


def is_predicate(predicate_type: str) -> bool:
    """Whether an in-toto predicate of this type is an SBOM."""
    return any(predicate_type == each or predicate_type.startswith(f"{each}/") for each in _PREDICATES)


def read_predicate(predicate: object, limits: InventoryLimits = LIMITS) -> Document:
    """The SBOM in an in-toto statement. Raises `InvalidInventory`, `TooLarge`.

    Early writers put it as a string, or below ``Data``.
    """
    if isinstance(predicate, dict) and predicate.keys() <= {"Data", "Timestamp"}:
        predicate = predicate.get("Data")
    if isinstance(predicate, str):
        return read_document(predicate.encode("utf-8", "surrogatepass"), limits)
    if not isinstance(predicate, dict):
        raise InvalidInventory("predicate", expected="an SBOM")
    return read_decoded(predicate, limits)


def _keys(found: Mapping[str, Any]) -> str:
    return ", ".join(sorted(ascii(key)[:40] for key in list(found)[:8])) or "an empty object"
