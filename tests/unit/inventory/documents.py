"""SBOMs for tests: made by the reference implementation, or written out by hand where it has no words."""

from __future__ import annotations

from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL


def cyclonedx(version: str) -> bytes:
    """A service that holds two packages, of which one needs the other."""
    licences = LicenseFactory()
    bom = Bom()
    subject = Component(name="service", version="1.0", type=ComponentType.APPLICATION, bom_ref="service")
    bom.metadata.component = subject
    one = Component(
        name="requests",
        version="2.31.0",
        purl=PackageURL("pypi", name="requests", version="2.31.0"),
        licenses=[licences.make_from_string("Apache-2.0")],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content="ab" * 32)],
        bom_ref="requests",
    )
    other = Component(
        name="urllib3",
        version="2.0.0",
        purl=PackageURL("pypi", name="urllib3", version="2.0.0"),
        licenses=[licences.make_from_string("The MIT licence")],
        bom_ref="urllib3",
    )
    bom.components.update({one, other})
    bom.register_dependency(subject, [one])
    bom.register_dependency(one, [other])
    outputter = make_outputter(bom, OutputFormat.JSON, SchemaVersion.from_version(version))
    return outputter.output_as_string().encode()


def spdx() -> dict[str, Any]:
    """The same as SPDX 2.3."""
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "service",
        "documentNamespace": "https://registry.example.com/sbom/1",
        "creationInfo": {"created": "2026-01-02T03:04:05Z", "creators": ["Tool: hand-1.0"]},
        "packages": [
            {"SPDXID": "SPDXRef-service", "name": "service", "versionInfo": "1.0", "downloadLocation": "NOASSERTION"},
            {
                "SPDXID": "SPDXRef-requests",
                "name": "requests",
                "versionInfo": "2.31.0",
                "downloadLocation": "NOASSERTION",
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": "Apache-2.0",
                "checksums": [{"algorithm": "SHA256", "checksumValue": "AB" * 32}],
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": "pkg:pypi/requests@2.31.0",
                    }
                ],
            },
            {
                "SPDXID": "SPDXRef-urllib3",
                "name": "urllib3",
                "versionInfo": "2.0.0",
                "downloadLocation": "NONE",
                "licenseConcluded": "LicenseRef-1",
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE_MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": "pkg:pypi/urllib3@2.0.0",
                    }
                ],
            },
        ],
        "hasExtractedLicensingInfos": [{"licenseId": "LicenseRef-1", "extractedText": "…", "name": "The MIT licence"}],
        "relationships": [
            _related("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-service"),
            _related("SPDXRef-service", "CONTAINS", "SPDXRef-requests"),
            _related("SPDXRef-service", "CONTAINS", "SPDXRef-urllib3"),
            _related("SPDXRef-service", "DEPENDS_ON", "SPDXRef-requests"),
            _related("SPDXRef-urllib3", "DEPENDENCY_OF", "SPDXRef-requests"),
        ],
    }


def _related(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def spdx3() -> dict[str, Any]:
    """The same as SPDX 3.0."""
    at = "https://registry.example.com/sbom/3#"
    creation = {"creationInfo": "_:creation"}
    return {
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [
            {"type": "CreationInfo", "@id": "_:creation", "specVersion": "3.0.1", "created": "2026-01-02T03:04:05Z"},
            {"type": "Tool", "spdxId": f"{at}tool", "name": "hand 1.0", **creation},
            {"type": "SpdxDocument", "spdxId": f"{at}document", "rootElement": [f"{at}bom"], **creation},
            {"type": "software_Sbom", "spdxId": f"{at}bom", "rootElement": [f"{at}service"], **creation},
            {
                "type": "software_Package",
                "spdxId": f"{at}service",
                "name": "service",
                "software_packageVersion": "1.0",
                "software_primaryPurpose": "application",
                **creation,
            },
            {
                "type": "software_Package",
                "spdxId": f"{at}requests",
                "name": "requests",
                "software_packageVersion": "2.31.0",
                "software_packageUrl": "pkg:pypi/requests@2.31.0",
                "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "ab" * 32}],
                **creation,
            },
            {
                "type": "software_Package",
                "spdxId": f"{at}urllib3",
                "name": "urllib3",
                "software_packageVersion": "2.0.0",
                "externalIdentifier": [
                    {
                        "type": "ExternalIdentifier",
                        "externalIdentifierType": "packageUrl",
                        "identifier": "pkg:pypi/urllib3@2.0.0",
                    }
                ],
                **creation,
            },
            {
                "type": "simplelicensing_LicenseExpression",
                "spdxId": f"{at}apache",
                "simplelicensing_licenseExpression": "Apache-2.0",
                **creation,
            },
            {
                "type": "simplelicensing_LicenseExpression",
                "spdxId": f"{at}mit",
                "simplelicensing_licenseExpression": "MIT",
                **creation,
            },
            _relationship(at, 1, "service", "contains", "requests", "urllib3"),
            _relationship(at, 2, "service", "dependsOn", "requests"),
            _relationship(at, 3, "requests", "dependsOn", "urllib3"),
            _relationship(at, 4, "requests", "hasDeclaredLicense", "apache"),
            _relationship(at, 5, "urllib3", "hasConcludedLicense", "mit"),
        ],
    }


def _relationship(at: str, number: int, one: str, kind: str, *others: str) -> dict[str, Any]:
    return {
        "type": "Relationship",
        "spdxId": f"{at}relationship-{number}",
        "from": f"{at}{one}",
        "relationshipType": kind,
        "to": [f"{at}{other}" for other in others],
        "creationInfo": "_:creation",
    }
