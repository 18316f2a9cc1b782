"""The OCI distribution-spec conformance program: every test runs, none fails, none is skipped.

The program's exit code is no verdict: it is 0 when its own set-up fails, and 0 when tests were skipped because the
registry lacks something. Its summary by API is none either: there a skip hides behind a later pass.
So its own count of every single result decides, and both reports must be there.
"""

from __future__ import annotations

import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.clients.programs import Shell, program
from tests.clients.server import Registry, serve

pytestmark = pytest.mark.conformance

_ARTIFACTS = Path(__file__).parents[2] / ".cache" / "conformance"
# Tests are added to the program over time; fewer than today's means that it did not run them.
_AT_LEAST = 986
# What version 1.1 leaves to the registry and the next version demands: we have it, so it is tested in both.
_OPTIONAL = {
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_TAG_PARAM": "true",
}
# Off unless asked for, in every version: manifests whose parts were never pushed, which a registry may refuse as we do.
_REFUSED = {"Sparse Manifests": "Disabled"}


@dataclass(frozen=True, slots=True)
class Report:
    """What the program found: results by kind, what is said of those that did not pass, and its own summary."""

    counts: dict[str, int]
    troubles: str
    summary: dict[str, str]


@pytest.fixture(scope="module")
def conformance() -> str:
    return program("conformance")


@pytest.fixture(scope="module")
def registry(conformance: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server with two namespaces, so that a mount crosses a boundary of permission."""
    with serve(tmp_path_factory.mktemp("conformance"), "first", "second") as running:
        yield running


@pytest.mark.parametrize("version", ["1.1", "dev"])
def test_every_test_of_the_program_passes(
    conformance: str, registry: Registry, tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run(conformance, registry, version, tmp_path)

    assert {kind: report.counts[kind] for kind in ("failures", "errors", "skipped", "disabled")} == {
        "failures": 0,
        "errors": 0,
        "skipped": 0,
        "disabled": 0,
    }, report.troubles
    assert report.counts["tests"] >= _AT_LEAST
    assert {name: state for name, state in report.summary.items() if state != "Pass"} == _REFUSED
    with capsys.disabled():
        sys.stdout.write(f"\nOCI conformance {version}: {report.counts['tests']} results, all passed\n")


def run(conformance: str, registry: Registry, version: str, home: Path) -> Report:
    """Run the whole program, keep its reports as an artifact, and read them."""
    repository = f"conformance/{version.replace('.', '-')}"
    done = Shell(home).attempt(
        conformance,
        environment={
            "OCI_REGISTRY": registry.host,
            "OCI_TLS": "disabled",
            "OCI_REPO1": f"first/{repository}",
            "OCI_REPO2": f"second/{repository}",
            "OCI_USERNAME": registry.maintainer.user,
            "OCI_PASSWORD": registry.maintainer.password,
            "OCI_VERSION": version,
            "OCI_RESULTS_DIR": str(home / "results"),
            **_OPTIONAL,
        },
    )
    assert (home / "results" / "results.yaml").exists(), done.said
    shutil.rmtree(_ARTIFACTS / version, ignore_errors=True)
    shutil.copytree(home / "results", _ARTIFACTS / version)
    return read(home / "results")


def read(results: Path) -> Report:
    """The two reports in *results*; a missing or broken one is an error."""
    summary = yaml.safe_load((results / "results.yaml").read_text())
    suite = ET.parse(results / "junit.xml").find("testsuite")  # noqa: S314 (the report of our own run)
    assert suite is not None
    leaves = [leaf for leaf in suite.findall("testcase") if leaf.get("status") != "passed"]
    kinds = ("tests", "failures", "errors", "skipped", "disabled")
    return Report(
        counts={kind: int(suite.get(kind, "0")) for kind in kinds},
        troubles="\n".join(
            f"{leaf.get('name')}: {leaf.get('status')}\n{leaf.findtext('system-out', '')}" for leaf in leaves
        ),
        summary=summary["apis"] | summary["data"],
    )
