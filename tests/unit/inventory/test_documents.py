"""Reading SBOMs in the forms in which they come."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from entrepot.inventory.documents import is_predicate, read_document, read_predicate
from entrepot.inventory.inventory import Edge
from entrepot.inventory.limits import LIMITS
from entrepot.model.component import Relation
from entrepot.model.errors import InvalidInventory, TooLarge
from tests.unit.inventory import documents


def written(found: dict[str, Any]) -> bytes:
    return json.dumps(found).encode()


SAME = {
    **{f"CycloneDX {version}": documents.cyclonedx(version) for version in ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7")},
    "SPDX 2.2": written({**documents.spdx(), "spdxVersion": "SPDX-2.2"}),
    "SPDX 2.3": written(documents.spdx()),
    "SPDX 3.0.1": written(documents.spdx3()),
}


@pytest.mark.parametrize("form", SAME)
def test_every_form_says_the_same(form: str) -> None:
    document = read_document(SAME[form])

    assert f"{document.format} {document.version}" == form
    inventory = document.inventory
    assert inventory.subject is not None
    assert (inventory.subject.name, inventory.subject.version) == ("service", "1.0")
    found = {str(each.purl): each for each in inventory.components if each.purl is not None}
    assert found.keys() == {"pkg:pypi/requests@2.31.0", "pkg:pypi/urllib3@2.0.0"}
    assert {each.relation for each in found.values()} == {Relation.CONTAINED}
    assert found["pkg:pypi/requests@2.31.0"].licence == "Apache-2.0"
    assert found["pkg:pypi/requests@2.31.0"].hashes == (f"sha256:{'ab' * 32}",)
    assert found["pkg:pypi/urllib3@2.0.0"].licence == "MIT"
    names = [each.name for each in inventory.components]
    assert {(names[edge.source], names[edge.target]) for edge in inventory.edges} == {
        ("service", "requests"),
        ("requests", "urllib3"),
    }


def test_components_within_components_are_found() -> None:
    inner = {"type": "library", "name": "inner", "version": "1"}
    outer = {"type": "library", "name": "outer", "version": "1", "components": [inner]}
    found = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [outer]}

    inventory = read_document(written(found)).inventory

    assert [each.name for each in inventory.components] == ["outer", "inner"]


def test_what_is_only_depended_on_is_not_contained() -> None:
    found = documents.spdx()
    found["relationships"] = [each for each in found["relationships"] if each["relationshipType"] != "CONTAINS"]

    inventory = read_document(written(found)).inventory

    assert [each.relation for each in inventory.components] == [
        Relation.SUBJECT,
        Relation.DEPENDENCY,
        Relation.DEPENDENCY,
    ]
    assert inventory.edges == (Edge(0, 1), Edge(1, 2))


@pytest.mark.parametrize(
    "url", ["not a purl", "pkg:pypi/odd%00@1", "pkg:pypi/odd@1%00", "pkg:deb/debian/odd@1?arch=a%00"]
)
def test_a_wrong_package_url_leaves_the_component(url: str) -> None:
    component = {"type": "library", "name": "odd", "version": "1", "purl": url}
    found = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [component]}

    inventory = read_document(written(found)).inventory

    assert [(each.name, each.purl) for each in inventory.components] == [("odd", None)]


def test_a_licence_that_is_newer_than_the_schema_is_no_fault() -> None:
    component = {"type": "library", "name": "new", "version": "1", "licenses": [{"license": {"id": "Newest-9.0"}}]}
    found = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [component]}

    inventory = read_document(written(found)).inventory

    assert inventory.components[0].licence == "Newest-9.0"


def cyclonedx_with(**changes: Any) -> bytes:
    return written({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, **changes})


def spdx_with(**changes: Any) -> bytes:
    return written({**documents.spdx(), **changes})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "JSON"),
        (b"[]", "a JSON object"),
        (b"{}", "bomFormat"),
        (b'<?xml version="1.0"?><bom/>', "XML"),
        (b"SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n", "tag-value"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "1.1"}', "one of 1.2"),
        (b'{"bomFormat": "CycloneDX", "specVersion": ["1.5"]}', "one of 1.2"),
        (cyclonedx_with(components=[{"name": "no type"}]), "components/0"),
        (cyclonedx_with(components=[{"type": "nonsense", "name": "x"}]), "components/0/type"),
        (cyclonedx_with(dependencies="none"), "dependencies"),
        (cyclonedx_with(components=[{"type": "library", "name": "a\0b"}]), "NUL"),
        (cyclonedx_with(serialNumber="1"), "serialNumber"),
        (spdx_with(spdxVersion="SPDX-2.1"), "SPDX-2.2"),
        (spdx_with(dataLicense="MIT"), "dataLicense"),
        (spdx_with(creationInfo={"created": "2026-01-02T03:04:05Z", "creators": []}), "6.8"),
        (spdx_with(creationInfo={"created": "2026-01-02T03:04:05Z", "creators": ["me"]}), "6.8"),
        (spdx_with(creationInfo={"created": "yesterday", "creators": ["Tool: x"]}), "6.9"),
        (spdx_with(packages=[{"name": "x", "SPDXID": "x", "downloadLocation": "NONE"}]), "7.2"),
        (spdx_with(packages=[{"name": "x", "SPDXID": "SPDXRef-x", "downloadLocation": "NONE"}] * 2), "of its own"),
        (spdx_with(packages=[{"name": "x"}]), "SPDXID"),
        (written({"@context": "https://example.com", "@graph": []}), "@context"),
        (written({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}), "SpdxDocument"),
        (written({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [1]}), "@graph"),
    ],
)
def test_what_is_no_valid_sbom_is_refused_with_the_reason(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInventory) as refused:
        read_document(content)

    assert said in str(refused.value)


def test_too_large_documents_are_refused() -> None:
    limits = replace(LIMITS, components=1)
    for form in SAME.values():
        with pytest.raises(TooLarge):
            read_document(form, limits)
    for limits in (replace(LIMITS, document_size=100), replace(LIMITS, values=10)):
        with pytest.raises(TooLarge):
            read_document(SAME["SPDX 2.3"], limits)


def test_components_that_are_nested_without_end_are_refused() -> None:
    component: dict[str, Any] = {"type": "library", "name": "x"}
    for _ in range(60):
        component = {"type": "library", "name": "x", "components": [component]}

    with pytest.raises((TooLarge, InvalidInventory)):
        read_document(cyclonedx_with(components=[component]))
    with pytest.raises(InvalidInventory):
        read_document(b'{"bomFormat":' + b"[" * 100_000)


def test_the_predicates_of_statements_are_read_in_all_their_forms() -> None:
    content = SAME["SPDX 2.3"]
    for predicate in (json.loads(content), content.decode(), {"Data": content.decode(), "Timestamp": "now"}):
        document = read_predicate(predicate)

        assert len(document.inventory.components) == 3
    assert is_predicate("https://spdx.dev/Document/v2.3")
    assert is_predicate("https://cyclonedx.org/bom")
    assert not is_predicate("https://cyclonedx.org/bombast")
    with pytest.raises(InvalidInventory):
        read_predicate(None)
