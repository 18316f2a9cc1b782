"""What evidence each format's versions carry among their files."""

from __future__ import annotations

import base64
import hashlib

import pytest

from entrepot.formats import discover
from entrepot.model.artifact import Artifact
from entrepot.model.contents import Contents, File, FilePath, Kind, compose
from entrepot.model.digest import Digest
from entrepot.model.names import FormatName
from entrepot.operations.registry import Carried
from entrepot.testing.builders import package
from entrepot.trust.evidence import EvidenceKind
from entrepot.wire.format import evidence_of

FIND = evidence_of(discover())
HELM = "application/vnd.cncf.helm.config.v1+json"


def version(kind: Kind, *paths: str) -> Artifact:
    """A version whose files have their own names as content."""
    files = {
        FilePath(path): File(FilePath(path), "application/octet-stream", digest(path), len(path)) for path in paths
    }
    return compose(kind, b"{}", Contents(dict(sorted(files.items()))))


def digest(path: str) -> Digest:
    return Digest.of(path.encode())


def found(format_: str, artifact: Artifact, name: str = "lib", **metadata: object) -> list[Carried]:
    return list(FIND[FormatName(format_)](package(f"acme/{name}", format=format_), artifact, metadata))


def test_a_python_attestation_is_about_its_distribution() -> None:
    wheel = "lib-1.0-py3-none-any.whl"
    artifact = version(Kind.of("pypi"), wheel, f"{wheel}.attestation.abc", f"{wheel}.asc", f"{wheel}.metadata")

    assert found("pypi", artifact) == [
        Carried(EvidenceKind.OPENPGP_DETACHED, digest(f"{wheel}.asc"), digest(wheel)),
        Carried(EvidenceKind.PEP740, digest(f"{wheel}.attestation.abc"), digest(wheel), name=wheel),
    ]


def test_an_npm_bundle_is_about_the_tarball_by_the_digest_that_npm_signs() -> None:
    tarball, bundle = "lib-1.0.0.tgz", "lib-1.0.0.sigstore"
    sha512 = hashlib.sha512(b"tarball").digest()
    facts = {tarball: {"integrity": f"sha512-{base64.b64encode(sha512).decode()}"}}
    artifact = version(Kind.of("npm"), tarball, bundle)

    (carried,) = found("npm", artifact, "@acme/lib", files=facts)

    assert (carried.kind, carried.subject) == (EvidenceKind.NPM_PROVENANCE, digest(tarball))
    assert (carried.name, carried.others) == ("@acme/lib@1.0.0", (Digest("sha512", sha512.hex()),))


@pytest.mark.parametrize("integrity", [None, 1, "sha1-AAAA", "sha512-", "sha512-!!", "sha512-AAAA"])
def test_an_integrity_that_is_none_names_nothing(integrity: object) -> None:
    artifact = version(Kind.of("npm"), "lib-1.0.0.tgz", "lib-1.0.0.sigstore")

    (carried,) = found("npm", artifact, files={"lib-1.0.0.tgz": {"integrity": integrity}})

    assert carried.others == ()


def test_maven_s_signatures_lie_beside_each_file() -> None:
    artifact = version(Kind.of("maven"), "lib.jar", "lib.jar.asc", "lib.pom", "lib.pom.sigstore.json", "lost.jar.asc")

    assert found("maven", artifact, "org.acme/lib") == [
        Carried(EvidenceKind.OPENPGP_DETACHED, digest("lib.jar.asc"), digest("lib.jar")),
        Carried(EvidenceKind.SIGSTORE_BUNDLE, digest("lib.pom.sigstore.json"), digest("lib.pom")),
    ]


def test_a_chart_s_provenance_names_its_file() -> None:
    artifact = version(Kind(HELM, HELM), "web-1.0.0.tgz", "web-1.0.0.tgz.prov")

    assert found("helm", artifact, "web") == [
        Carried(
            EvidenceKind.OPENPGP_CLEARSIGNED,
            digest("web-1.0.0.tgz.prov"),
            digest("web-1.0.0.tgz"),
            name="web-1.0.0.tgz",
        )
    ]


def test_a_model_s_signature_is_over_all_other_files() -> None:
    artifact = version(Kind.of("generic"), "model.sig", "weights/a.safetensors", "config.json")

    (carried,) = found("generic", artifact)

    assert (carried.kind, carried.subject) == (EvidenceKind.MODEL_SIGNING, artifact.digest)
    assert carried.files == {path: digest(path) for path in ("weights/a.safetensors", "config.json")}


@pytest.mark.parametrize("format_", sorted(FIND))
def test_an_artifact_of_another_kind_carries_nothing(format_: str) -> None:
    assert found(format_, version(Kind("application/vnd.example", "application/vnd.example"), "a", "a.asc")) == []
