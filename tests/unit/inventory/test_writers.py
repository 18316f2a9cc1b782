"""Writing SBOMs: valid, the same each time, and read again as what they were."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema_rs
import pytest
from cyclonedx.model.bom import Bom

from entrepot.inventory import cyclonedx_writer, spdx_writer
from entrepot.inventory.compare import ChangeKind, diff
from entrepot.inventory.cyclonedx import read_schema
from entrepot.inventory.documents import read_document
from entrepot.inventory.inventory import Edge, Inventory
from entrepot.model.component import Component, Relation
from entrepot.model.purl import Purl
from tests.unit.inventory import documents

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WRITERS = {"CycloneDX": cyclonedx_writer.write, "SPDX": spdx_writer.write}

INVENTORY = Inventory(
    components=(
        Component("service", "1.0", None, relation=Relation.SUBJECT, kind="application"),
        Component(
            "curl",
            "7.88.1-10",
            Purl.parse("pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12"),
            licence="MIT AND LicenseRef-Odd",
            hashes=(f"sha256:{'ab' * 32}", f"md5:{'cd' * 16}"),
            found_in=("var/lib/dpkg/status",),
        ),
        Component("curl", "7.88.1-10", Purl.parse("pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12")),
        Component("odd", None, None, licence="Use it, but be nice", kind="file"),
        Component(
            "requests",
            None,
            Purl.parse("pkg:pypi/requests"),
            licence="Apache-2.0",
            relation=Relation.DEPENDENCY,
            constraint=">=2,<3",
        ),
    ),
    edges=(Edge(0, 4), Edge(1, 3)),
)


@pytest.mark.parametrize("form", WRITERS)
def test_what_is_written_is_read_as_it_was(form: str) -> None:
    document = read_document(WRITERS[form](INVENTORY, NOW, "1.0"))

    assert (document.format, document.version) in (("CycloneDX", "1.6"), ("SPDX", "2.3"))
    places = {"CycloneDX": True, "SPDX": False}[form]
    expected = [each if places else replace(each, found_in=()) for each in INVENTORY.components]
    assert sorted(map(repr, document.inventory.components)) == sorted(
        repr(replace(each, hashes=tuple(sorted(each.hashes)))) for each in expected
    )
    names = [each.name for each in document.inventory.components]
    assert {(names[edge.source], names[edge.target]) for edge in document.inventory.edges} == {
        ("service", "requests"),
        ("curl", "odd"),
    }


@pytest.mark.parametrize("form", WRITERS)
def test_the_bytes_do_not_depend_on_the_order_of_what_is_written(form: str) -> None:
    last = len(INVENTORY.components) - 1
    other = Inventory(
        components=tuple(reversed(INVENTORY.components)),
        edges=tuple(Edge(last - edge.source, last - edge.target) for edge in reversed(INVENTORY.edges)),
    )

    assert WRITERS[form](other, NOW, "1.0") == WRITERS[form](INVENTORY, NOW, "1.0")
    assert WRITERS[form](Inventory(()), NOW, "1.0") != WRITERS[form](INVENTORY, NOW, "1.0")


def faults(written: bytes) -> list[str]:
    """What the whole schema says against it: its own list of licences, and the forms of fields, too."""
    base = "http://cyclonedx.org/schema/"
    others = [
        (f"{base}{name}", read_schema(name)) for name in ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")
    ]
    validator = jsonschema_rs.Draft7Validator(
        read_schema("bom-1.6.SNAPSHOT.schema.json"),
        validate_formats=True,
        registry=jsonschema_rs.Registry(others),
        offline=True,
    )
    return [error.message for error in validator.iter_errors(json.loads(written))]


def test_cyclonedx_is_valid_and_the_reference_implementation_reads_it() -> None:
    written = cyclonedx_writer.write(INVENTORY, NOW, "1.0")

    assert faults(written) == []
    bom = Bom.from_json(json.loads(written))  # type: ignore[attr-defined]  # the serialiser adds it
    assert {str(each.purl) for each in bom.components if each.purl} == {
        str(each.purl) for each in INVENTORY.components if each.purl
    }
    assert bom.metadata.component.name == "service"


def test_what_the_reference_implementation_writes_and_we_write_again_is_valid() -> None:
    for version in ("1.2", "1.7"):
        inventory = read_document(documents.cyclonedx(version)).inventory

        written = cyclonedx_writer.write(inventory, NOW, "1.0")

        assert faults(written) == []


def test_every_licence_reference_of_an_spdx_document_is_defined() -> None:
    written = json.loads(spdx_writer.write(INVENTORY, NOW, "1.0"))

    defined = {each["licenseId"] for each in written["hasExtractedLicensingInfos"]}
    used = {
        word
        for package in written["packages"]
        for word in package["licenseDeclared"].split()
        if word.startswith("LicenseRef-")
    }
    assert used == defined
    assert len(used) == 2


def test_a_difference_is_an_addition_a_removal_another_version_or_another_licence() -> None:
    def component(name: str, version: str, licence: str | None = None) -> Component:
        return Component(name, version, Purl.of("pypi", name, version), licence=licence)

    before = Inventory((component("a", "1"), component("b", "1"), component("c", "1", "MIT"), component("d", "1")))
    after = Inventory(
        (component("a", "1"), component("b", "2"), component("c", "1", "GPL-3.0-only"), component("e", "1"))
    )

    changes = diff(before, after)

    assert [(each.kind, each.component.name, each.before and each.before.version) for each in changes] == [
        (ChangeKind.VERSION, "b", "1"),
        (ChangeKind.LICENCE, "c", "1"),
        (ChangeKind.REMOVED, "d", None),
        (ChangeKind.ADDED, "e", None),
    ]
    assert diff(after, after) == ()


def test_the_schema_finds_what_is_wrong() -> None:
    written = json.loads(cyclonedx_writer.write(INVENTORY, NOW, "1.0"))
    written["components"][0]["licenses"] = [{"license": {"id": "No-Such"}}]

    assert faults(json.dumps(written).encode()) != []
