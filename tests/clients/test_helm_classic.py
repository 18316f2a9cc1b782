"""helm with a classic chart repository, in the two release lines that people run; and the same charts through OCI."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry, serve
from tests.clients.test_helm_oci import log_in

pytestmark = pytest.mark.clients

_SIGNER = "Harbour Master <harbour@example.com>"


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    return program(request.param)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A chart that no other test has: they all are in one index."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")[:60].strip("-")


def repository(registry: Registry, view: str = "acme") -> str:
    return f"{registry.url}/helm/{view}"


def packaged(helm: str, shell: Shell, name: str, version: str, *options: str | Path) -> Path:
    """A packaged chart with one template."""
    chart = shell.home / name
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text(
        f"apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: 1.10\ndescription: A berth for ships\n"
    )
    (chart / "values.yaml").write_text("berths: 3\n")
    (chart / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: quay\ndata:\n  berths: {{ .Values.berths | quote }}\n"
    )
    shell.run(helm, "package", chart, *options)
    return shell.home / f"{name}-{version}.tgz"


def upload(shell: Shell, registry: Registry, *sent: str | Path) -> None:
    """What a script does: curl, with a token for a password."""
    shell.run(
        *(program("curl"), "--silent", "--show-error", "--fail-with-body", "--user", registry.publisher.pair),
        *sent,
        f"{repository(registry)}/api/charts",
    )


def add(helm: str, shell: Shell, registry: Registry, account: Account, view: str = "acme") -> None:
    shell.run(
        *(helm, "repo", "add", "harbour", repository(registry, view)),
        *("--username", account.user, "--password-stdin"),
        given=account.password,
    )


@pytest.mark.everywhere
def test_a_chart_is_found_pulled_and_rendered(
    helm: str, shell: Shell, registry: Registry, name: str, tmp_path: Path
) -> None:
    for version in ("1.2.0", "1.10.0", "2.0.0-rc.1"):
        upload(shell, registry, "--data-binary", f"@{packaged(helm, shell, name, version)}")
    add(helm, shell, registry, registry.reader)

    found = shell.run(helm, "search", "repo", f"harbour/{name}", "--versions", "--devel")
    shell.run(helm, "pull", f"harbour/{name}", "--version", "^1.2", "--destination", tmp_path)
    rendered = shell.run(helm, "template", "berth", f"harbour/{name}", "--set", "berths=5")

    assert re.findall(rf"harbour/{name}\s+(\S+)\s+1.10?\s", found.output) == ["2.0.0-rc.1", "1.10.0", "1.2.0"]
    assert (tmp_path / f"{name}-1.10.0.tgz").read_bytes() == (shell.home / f"{name}-1.10.0.tgz").read_bytes()
    assert 'berths: "5"' in rendered.output


def test_a_new_version_is_found_after_an_update(helm: str, shell: Shell, registry: Registry, name: str) -> None:
    upload(shell, registry, "--data-binary", f"@{packaged(helm, shell, name, '1.0.0+first')}")
    add(helm, shell, registry, registry.reader)

    upload(shell, registry, "--data-binary", f"@{packaged(helm, shell, name, '1.1.0+second')}")
    before = shell.run(helm, "show", "chart", f"harbour/{name}")
    shell.run(helm, "repo", "update")
    after = shell.run(helm, "show", "chart", f"harbour/{name}")

    assert "version: 1.0.0+first" in before.output
    assert "version: 1.1.0+second" in after.output


def signed(helm: str, shell: Shell, name: str, version: str) -> tuple[Path, Path]:
    """A chart with its provenance beside it, and the public key that it was signed with."""
    gpg, ring = program("gpg"), shell.home / "ring"
    ring.mkdir(mode=0o700)
    key = (gpg, "--homedir", ring, "--batch", "--passphrase", "", "--pinentry-mode", "loopback", "--yes")
    shell.run(*key, "--quick-generate-key", _SIGNER, "rsa3072", "sign", "never")
    shell.run(*key, "--output", shell.home / "secret.gpg", "--export-secret-keys")
    shell.run(*key, "--output", shell.home / "public.gpg", "--export")
    shell.run(program("gpg").replace("gpg", "gpgconf"), "--homedir", ring, "--kill", "gpg-agent")
    options = ("--sign", "--key", "Harbour Master", "--keyring", shell.home / "secret.gpg")
    return packaged(helm, shell, name, version, *options), shell.home / "public.gpg"


def test_a_chart_is_verified_by_its_provenance(
    helm: str, shell: Shell, registry: Registry, name: str, tmp_path: Path
) -> None:
    chart, key = signed(helm, shell, name, "1.0.0")
    provenance = Path(f"{chart}.prov")
    upload(shell, registry, "--form", f"chart=@{chart}", "--form", f"prov=@{provenance}")
    add(helm, shell, registry, registry.reader)

    shell.run(helm, "pull", f"harbour/{name}", "--verify", "--keyring", key, "--destination", tmp_path)
    # Helm 4.2 asks for provenance without credentials unless it pulls, so what was pulled is verified and rendered.
    shell.run(helm, "template", "berth", tmp_path / chart.name, "--verify", "--keyring", key)

    assert (tmp_path / provenance.name).read_bytes() == provenance.read_bytes()


def test_a_chart_without_provenance_is_not_verified(helm: str, shell: Shell, registry: Registry, name: str) -> None:
    upload(shell, registry, "--data-binary", f"@{packaged(helm, shell, name, '1.0.0')}")
    add(helm, shell, registry, registry.reader)
    (shell.home / "public.gpg").write_bytes(b"")

    refused = shell.refuse(helm, "pull", f"harbour/{name}", "--verify", "--keyring", shell.home / "public.gpg")

    assert "failed to fetch provenance" in refused.said


def test_the_same_chart_is_pulled_through_oci(
    helm: str, shell: Shell, registry: Registry, name: str, tmp_path: Path
) -> None:
    chart, key = signed(helm, shell, name, "1.0.0+build.7")
    upload(shell, registry, "--form", f"chart=@{chart}", "--form", f"prov=@{chart}.prov")
    shell.run(
        *(helm, "registry", "login", registry.host, "--plain-http"),
        *("--username", registry.reader.user, "--password-stdin"),
        given=registry.reader.password,
    )
    address = f"oci://{registry.host}/acme/helm/{name}"

    shell.run(
        *(helm, "pull", address, "--plain-http", "--version", "^1.0.0"),
        *("--verify", "--keyring", key, "--destination", tmp_path),
    )
    rendered = shell.run(helm, "template", "berth", address, "--plain-http", "--version", "1.0.0+build.7")

    assert (tmp_path / chart.name).read_bytes() == chart.read_bytes()
    assert 'berths: "3"' in rendered.output


def test_a_pushed_chart_is_in_the_index(helm: str, shell: Shell, registry: Registry, name: str, tmp_path: Path) -> None:
    chart, key = signed(helm, shell, name, "1.0.0+build.7")
    log_in(helm, shell, registry, registry.publisher)

    for _ in range(2):
        pushed = shell.run(helm, "push", "--plain-http", chart, f"oci://{registry.host}/acme/helm")
    add(helm, shell, registry, registry.reader)
    found = shell.run(helm, "search", "repo", f"harbour/{name}")
    shell.run(helm, "pull", f"harbour/{name}", "--verify", "--keyring", key, "--destination", tmp_path)
    again = shell.run(
        *(helm, "pull", f"oci://{registry.host}/acme/helm/{name}", "--plain-http", "--version", "1.0.0+build.7"),
        *("--verify", "--keyring", key, "--destination", tmp_path),
    )

    assert re.findall(rf"harbour/{name}\s+(\S+)", found.output) == ["1.0.0+build.7"]
    for suffix in ("", ".prov"):
        assert (tmp_path / f"{chart.name}{suffix}").read_bytes() == Path(f"{chart}{suffix}").read_bytes()
    digests = [set(re.findall(r"Digest: (\S+)", done.said)) for done in (pushed, again)]
    assert digests[0] == digests[1] != set()


def test_a_used_version_is_not_pushed(helm: str, shell: Shell, registry: Registry, name: str) -> None:
    upload(shell, registry, "--data-binary", f"@{packaged(helm, shell, name, '1.0.0')}")
    log_in(helm, shell, registry, registry.publisher)
    (shell.home / name / "values.yaml").write_text("berths: 4\n")
    shell.run(helm, "package", shell.home / name)

    refused = shell.refuse(
        helm, "push", "--plain-http", shell.home / f"{name}-1.0.0.tgz", f"oci://{registry.host}/acme/helm"
    )

    assert "403" in refused.said
    assert "exists" in refused.said


def test_a_dependency_is_locked_and_built_from_the_repository(
    helm: str, shell: Shell, registry: Registry, name: str
) -> None:
    library = packaged(helm, shell, name, "1.3.0")
    upload(shell, registry, "--data-binary", f"@{library}")
    add(helm, shell, registry, registry.reader)
    shop = shell.home / "shop"
    shop.mkdir()
    (shop / "Chart.yaml").write_text(
        "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n"
        f"- name: {name}\n  version: ^1.0.0\n  repository: {repository(registry)}\n"
    )

    shell.run(helm, "dependency", "update", shop)

    assert (shop / "charts" / library.name).read_bytes() == library.read_bytes()
    assert "version: 1.3.0" in (shop / "Chart.lock").read_text()


def test_a_channel_s_repository_has_what_is_cleared(helm: str, shell: Shell, tmp_path: Path) -> None:
    with serve(tmp_path / "server", "acme") as registry:
        for version in ("1.0.0", "1.1.0"):
            upload(shell, registry, "--data-binary", f"@{packaged(helm, shell, 'quay', version)}")
        token = (tmp_path / "server" / "data" / "admin-token").read_text().strip()

        shell.run(
            *(Path(sys.executable).with_name("entrepot"), "clearance", "open", "acme/helm/quay:1.0.0", "prod"),
            environment={"ENTREPOT_URL": registry.url, "ENTREPOT_TOKEN": token},
        )
        add(helm, shell, registry, registry.reader, "acme.prod")
        found = shell.run(helm, "search", "repo", "harbour/quay", "--versions")
        refused = shell.refuse(helm, "pull", "harbour/quay", "--version", "1.1.0")

    assert re.findall(r"harbour/quay\s+(\S+)", found.output) == ["1.0.0"]
    assert "1.1.0" in refused.said


def test_wrong_missing_and_lesser_credentials_are_told_so(
    helm: str, shell: Shell, registry: Registry, name: str
) -> None:
    chart = packaged(helm, shell, name, "1.0.0")
    wrong = shell.refuse(
        *(helm, "repo", "add", "harbour", repository(registry)),
        *("--username", registry.stranger.user, "--password-stdin"),
        given=registry.stranger.password,
    )
    missing = shell.refuse(helm, "repo", "add", "harbour", repository(registry))
    lesser = shell.refuse(
        *(program("curl"), "--silent", "--fail-with-body", "--user", registry.reader.pair),
        *("--data-binary", f"@{chart}", f"{repository(registry)}/api/charts"),
    )

    assert "401 Unauthorized" in wrong.said
    assert "401 Unauthorized" in missing.said
    assert "may not publish" in lesser.said
