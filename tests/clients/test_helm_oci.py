"""helm, in the two release lines that people run: charts in an OCI registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    return program(request.param)


def log_in(helm: str, shell: Shell, registry: Registry, account: Account) -> None:
    shell.run(
        *(helm, "registry", "login", registry.host, "--plain-http"),
        *("--username", account.user, "--password-stdin"),
        given=account.password,
    )


def packaged(helm: str, shell: Shell, version: str) -> Path:
    """A packaged chart called `quay` with one template."""
    chart = shell.home / "quay"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(
        f"apiVersion: v2\nname: quay\nversion: {version}\ndescription: A berth for ships\n"
    )
    (chart / "values.yaml").write_text("berths: 3\n")
    (chart / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: quay\ndata:\n  berths: {{ .Values.berths | quote }}\n"
    )
    shell.run(helm, "package", chart)
    return shell.home / f"quay-{version}.tgz"


def test_a_chart_comes_back_as_it_was_pushed(
    helm: str, shell: Shell, registry: Registry, package: str, tmp_path: Path
) -> None:
    chart = packaged(helm, shell, "1.2.3")
    log_in(helm, shell, registry, registry.publisher)
    (tmp_path / "pulled").mkdir()

    shell.run(helm, "push", "--plain-http", chart, f"oci://{registry.host}/{package}")
    shell.run(
        *(helm, "pull", "--plain-http", f"oci://{registry.host}/{package}/quay", "--version", "1.2.3"),
        *("--destination", tmp_path / "pulled"),
    )

    assert (tmp_path / "pulled" / "quay-1.2.3.tgz").read_bytes() == chart.read_bytes()


def test_a_version_with_build_metadata_is_found_by_its_range(
    helm: str, shell: Shell, registry: Registry, package: str, wire: Wire
) -> None:
    chart = packaged(helm, shell, "1.2.3+build.7")
    log_in(helm, shell, registry, registry.publisher)

    shell.run(helm, "push", "--plain-http", chart, f"oci://{registry.host}/{package}")
    shown = shell.run(
        helm, "show", "chart", "--plain-http", f"oci://{registry.host}/{package}/quay", "--version", "^1.0.0"
    )

    # A tag cannot hold a plus sign; helm writes an underscore.
    assert wire.tags(f"{package}/quay") == ["1.2.3_build.7"]
    assert "version: 1.2.3+build.7" in shown.output


def test_a_chart_is_rendered_straight_from_the_registry(
    helm: str, shell: Shell, registry: Registry, package: str
) -> None:
    chart = packaged(helm, shell, "1.0.0")
    log_in(helm, shell, registry, registry.publisher)
    shell.run(helm, "push", "--plain-http", chart, f"oci://{registry.host}/{package}")

    rendered = shell.run(
        helm, "template", "berth", "--plain-http", f"oci://{registry.host}/{package}/quay", "--set", "berths=5"
    )

    assert 'berths: "5"' in rendered.output


def test_wrong_credentials_are_refused_at_the_login(helm: str, shell: Shell, registry: Registry) -> None:
    refused = shell.refuse(
        *(helm, "registry", "login", registry.host, "--plain-http"),
        *("--username", registry.stranger.user, "--password-stdin"),
        given=registry.stranger.password,
    )

    assert "unauthorized" in refused.said.lower()


def test_without_credentials_nothing_is_pushed(
    helm: str, shell: Shell, registry: Registry, package: str, wire: Wire
) -> None:
    chart = packaged(helm, shell, "1.0.0")

    refused = shell.refuse(helm, "push", "--plain-http", chart, f"oci://{registry.host}/{package}")

    assert "unauthorized" in refused.said.lower() or "basic credential not found" in refused.said
    assert wire.tags(f"{package}/quay") == []
