"""What `entrepot export` writes is an OCI image layout to programs that know nothing of us."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from entrepot.trust.signing import LocalKey
from tests.cli.installation import Installation, install
from tests.clients.programs import program

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with a bundle of a file and its SBOM, as a tar and as a folder."""
    home = tmp_path_factory.mktemp("exported")
    (home / "app.bin").write_bytes(b"x" * 100_000)
    (home / "sbom.json").write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}')
    with install(home) as running:
        running.must("namespace", "create", "acme")
        running.must("push", "app.bin", "acme/tool:1.0")
        running.must("attach", "acme/tool:1.0", "sbom.json", "--artifact-type", "application/vnd.example.note")
        running.must("export", "acme/tool", "bundle.tar", "--data", running.data)
    with tarfile.open(home / "bundle.tar") as archive:
        archive.extractall(home / "layout", filter="data")
    return running


REFERENCE = "acme/generic/tool:1.0"


def first(exported: Installation) -> str:
    """The digest of the version."""
    digest = json.loads((exported.home / "layout" / "index.json").read_text())["manifests"][0]["digest"]
    assert isinstance(digest, str)
    return digest


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def test_oras_reads_it(exported: Installation) -> None:
    found = run(
        program("oras"), "discover", "--oci-layout", f"{exported.home}/layout@{first(exported)}", "--format", "json"
    )

    assert "application/vnd.example.note" in found


def test_skopeo_reads_it(exported: Installation) -> None:
    found = run(program("skopeo"), "inspect", "--raw", f"oci-archive:{exported.home}/bundle.tar:{REFERENCE}")

    assert json.loads(found)["layers"][0]["size"] == 100_000


def test_regctl_reads_it(exported: Installation) -> None:
    found = run(
        program("regctl"),
        "manifest",
        "get",
        f"ocidir://{exported.home}/layout@{first(exported)}",
        "--format",
        "raw-body",
    )

    assert json.loads(found)["layers"][0]["size"] == 100_000


def test_what_is_exported_is_imported_by_the_command(exported: Installation, tmp_path: Path) -> None:
    key = exported.home / "data" / "signing-key.pem"
    (tmp_path / "outside.pub").write_text(_public(key))
    with install(tmp_path) as inside:
        inside.must("namespace", "create", "acme")
        refused = inside.run("import", exported.home / "bundle.tar", "--data", inside.data)
        done = inside.must(
            *("import", exported.home / "bundle.tar", "--key", "outside.pub", "--data", inside.data, "-o", "json")
        ).json
        inside.must("pull", "acme/tool:1.0", "--into", "pulled")
        tree = inside.must("inspect", "acme/tool:1.0").out

    assert refused.code == 1
    assert "a seal by" in refused.err
    assert done["names"] == 1
    assert (tmp_path / "pulled" / "app.bin").read_bytes() == b"x" * 100_000
    assert "application/vnd.example.note" in tree


def _public(path: Path) -> str:
    return LocalKey.parse(path.read_bytes()).public_key.pem
