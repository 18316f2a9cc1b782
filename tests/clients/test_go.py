"""go: modules from a private proxy, with credentials in .netrc and without, as a team sets it up."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from tests.clients.programs import Done, Shell, program
from tests.clients.server import Account, Registry, serve
from tests.clients.tls import NAME, Secured, secured, tunnel

pytestmark = pytest.mark.clients


@dataclass(frozen=True)
class Go:
    """The go command in an empty home, whose only proxy is ours."""

    shell: Shell
    program: str
    registry: Registry
    secured: Secured

    def environment(self, view: str = "acme", **more: str) -> dict[str, str]:
        # A folder of its own, because go.mod is not read in the one for temporary files.
        temporary = self.shell.home / "tmp"
        temporary.mkdir(exist_ok=True)
        return {
            "GOPROXY": f"{self.secured.url}/go/{view}",
            "SSL_CERT_FILE": str(self.secured.certificate),
            "TMPDIR": str(temporary),
            # What a team sets for modules that no public checksum database knows.
            "GONOSUMDB": "example.com/*",
            "GOPATH": str(self.shell.home / "go"),
            "GOCACHE": str(self.shell.home / "cache"),
            "GOENV": "off",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-modcacherw",
            **more,
        }

    def login(self, account: Account) -> None:
        file = self.shell.home / ".netrc"
        file.write_text(f"machine {self.secured.host} login me password {account.password}\n")
        file.chmod(0o600)

    def run(self, *arguments: str, view: str = "acme", **more: str) -> Done:
        return self.shell.run(self.program, *arguments, environment=self.environment(view, **more))

    def refuse(self, *arguments: str, view: str = "acme", **more: str) -> Done:
        return self.shell.refuse(self.program, *arguments, environment=self.environment(view, **more))

    def upload(self, module: str, version: str, content: bytes, *, account: Account | None = None) -> dict[str, object]:
        """Put a zip there with curl, as a release job does; return the answer."""
        file = self.shell.home / "module.zip"
        file.write_bytes(content)
        who = account or self.registry.publisher
        done = self.shell.run(
            *(program("curl"), "--silent", "--fail-with-body", "--user", who.pair, "--upload-file", file),
            f"{self.registry.url}/go/acme/{escaped(module)}/@v/{escaped(version)}.zip",
        )
        answer: dict[str, object] = json.loads(done.output)
        return answer

    def download(self, module: str, version: str, *, view: str = "acme") -> dict[str, str]:
        """What ``go mod download`` says that it got."""
        found: dict[str, str] = json.loads(
            self.run("mod", "download", "-json", f"{module}@{version}", view=view).output
        )
        return found

    def user(self, *, go_mod: str = "") -> Path:
        """A program in the home's folder, which is where commands run."""
        (self.shell.home / "go.mod").write_text(f"module example.com/user\n\ngo 1.20\n{go_mod}")
        return self.shell.home


def escaped(text: str) -> str:
    return "".join(f"!{c.lower()}" if c.isupper() else c for c in text)


def zipped(module: str, version: str, *, go_mod: str | None = "", more: dict[str, str] | None = None) -> bytes:
    files = {"greet.go": f'package greet\n\nconst Version = "{version}"\n', "LICENSE": "MIT\n", **(more or {})}
    if go_mod is not None:
        files["go.mod"] = f"module {module}\n\ngo 1.20\n{go_mod}"
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"{module}@{version}/{path}"), content)
    return out.getvalue()


@pytest.fixture
def go(shell: Shell, registry: Registry) -> Iterator[Go]:
    with go_command(shell, registry) as go:
        yield go


@contextmanager
def go_command(shell: Shell, registry: Registry) -> Iterator[Go]:
    """The go command sends credentials over TLS alone."""
    with secured(registry.host, shell, program("openssl")) as way:
        yield Go(shell, program("go"), registry, way)


@pytest.fixture
def module(request: pytest.FixtureRequest) -> str:
    """A module that no other test uses."""
    return f"example.com/t{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"


def test_a_module_comes_as_it_was_uploaded_and_its_hashes_are_those_of_go_sum(go: Go, module: str) -> None:
    content = zipped(module, "v1.0.0")
    uploaded = go.upload(module, "v1.0.0", content)
    go.login(go.registry.reader)

    got = go.download(module, "v1.0.0")

    assert Path(got["Zip"]).read_bytes() == content
    assert [f"{module} v1.0.0 {got['Sum']}", f"{module} v1.0.0/go.mod {got['GoModSum']}"] == uploaded["go_sum"]


@pytest.mark.everywhere
def test_a_program_gets_a_module_and_is_built_with_it_and_verified(go: Go, module: str) -> None:
    go.upload(module, "v1.0.0", zipped(module, "v1.0.0"))
    go.upload(module, "v1.1.0", zipped(module, "v1.1.0"))
    go.login(go.registry.reader)
    folder = go.user()
    (folder / "main.go").write_text(
        f'package main\n\nimport greet "{module}"\n\nfunc main() {{ print(greet.Version) }}\n'
    )

    go.run("get", module)
    go.run("build", "-o", "user", "main.go")
    verified = go.run("mod", "verify")
    said = go.shell.run(folder / "user")

    assert said.errors == "v1.1.0"
    assert "all modules verified" in verified.output
    assert f"{module} v1.1.0 h1:" in (folder / "go.sum").read_text()


def test_versions_are_listed_retracted_ones_apart(go: Go, module: str) -> None:
    for version, retract in (("v1.0.0", ""), ("v1.1.0", ""), ("v1.2.0", "retract v1.1.0 // it was wrong\n")):
        go.upload(module, version, zipped(module, version, go_mod=retract))
    go.login(go.registry.reader)
    go.user()

    listed = go.run("list", "-m", "-versions", module).output
    retracted = go.run("list", "-m", "-versions", "-retracted", module).output

    assert listed.split() == [module, "v1.0.0", "v1.2.0"]
    assert retracted.split() == [module, "v1.0.0", "v1.1.0", "v1.2.0"]


@pytest.mark.parametrize(
    ("suffix", "version", "go_mod"),
    [
        ("", "v0.0.0-20260102030405-abcdef012345", ""),
        ("", "v2.0.0+incompatible", None),
        ("", "v1.0.0-RC1", ""),
        ("/v3", "v3.1.0", ""),
        ("/Sub/Azure_x", "v1.0.0", ""),
        ("", "v1.0.0", None),
    ],
)
def test_every_kind_of_version_and_path_is_got(
    go: Go, module: str, suffix: str, version: str, go_mod: str | None
) -> None:
    path = module + suffix
    uploaded = go.upload(path, version, zipped(path, version, go_mod=go_mod))
    go.login(go.registry.reader)
    folder = go.user()

    go.run("get", f"{path}@{version}")

    assert f"{path} {version}" in (folder / "go.mod").read_text()
    assert set(uploaded["go_sum"]) <= set((folder / "go.sum").read_text().splitlines())  # type: ignore[call-overload]


def test_the_latest_is_found_where_only_commits_are(go: Go, module: str) -> None:
    for version in ("v0.0.0-20260102030405-abcdef012345", "v0.0.0-20250102030405-000000000000"):
        go.upload(module, version, zipped(module, version))
    go.login(go.registry.reader)
    folder = go.user()

    go.run("get", f"{module}@latest")

    assert f"{module} v0.0.0-20260102030405-abcdef012345" in (folder / "go.mod").read_text()


def test_a_module_that_go_itself_has_zipped_is_taken(go: Go, module: str, tmp_path: Path) -> None:
    # The zip that the go command makes of a repository, as it is in its cache.
    repository, path = tmp_path / "repository", f"{module}.git"
    (repository / "sub").mkdir(parents=True)
    (repository / "go.mod").write_text(f"module {path}\n\ngo 1.20\n")
    (repository / "sub" / "sub.go").write_text("package sub\n")
    git = ("git", "-C", repository, "-c", "user.name=me", "-c", "user.email=me@example.com")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first"), ("tag", "v1.0.0")):
        go.shell.run(*git, *command)
    go.shell.run("git", "config", "--global", f"url.file://{repository}.insteadOf", f"https://{module}")
    made = json.loads(
        go.run(
            "mod", "download", "-json", f"{path}@v1.0.0", GOPROXY="direct", GOVCS="*:all", GOPATH=str(tmp_path)
        ).output
    )

    uploaded = go.upload(path, "v1.0.0", Path(made["Zip"]).read_bytes())
    go.login(go.registry.reader)
    got = go.download(path, "v1.0.0")

    assert Path(got["Zip"]).read_bytes() == Path(made["Zip"]).read_bytes()
    assert got["Sum"] == made["Sum"]
    assert f"{path} v1.0.0 {made['Sum']}" in uploaded["go_sum"]  # type: ignore[operator]


def test_a_module_that_is_not_here_is_asked_of_the_next_proxy(go: Go, module: str, tmp_path: Path) -> None:
    # A file tree is a proxy too; the go command goes on to it after 404 and not after another error.
    place = tmp_path / "proxy" / module / "@v"
    place.mkdir(parents=True)
    (place / "v1.0.0.zip").write_bytes(zipped(module, "v1.0.0"))
    (place / "v1.0.0.mod").write_text(f"module {module}\n")
    (place / "v1.0.0.info").write_text('{"Version":"v1.0.0"}')
    proxies = f"{go.secured.url}/go/acme,file://{tmp_path}/proxy"

    stopped = go.refuse("mod", "download", f"{module}@v1.0.0", GOPROXY=proxies)
    go.login(go.registry.reader)
    go.run("mod", "download", f"{module}@v1.0.0", GOPROXY=proxies)

    assert "401 Unauthorized" in stopped.errors


def test_missing_wrong_and_lesser_credentials_are_told_so(go: Go, module: str) -> None:
    go.upload(module, "v1.0.0", zipped(module, "v1.0.0"))

    missing = go.refuse("mod", "download", f"{module}@v1.0.0")
    go.login(go.registry.stranger)
    wrong = go.refuse("mod", "download", f"{module}@v1.0.0")
    file = go.shell.home / "module.zip"
    lesser = go.shell.run(
        *(program("curl"), "--silent", "--user", go.registry.reader.pair, "--upload-file", file),
        f"{go.registry.url}/go/acme/{module}/@v/v1.0.1.zip",
    )

    assert "401 Unauthorized" in missing.errors
    assert "Credentials are needed" in missing.errors
    assert "that is not one of this registry's tokens" in wrong.errors
    assert "reader may not publish" in lesser.output


def test_a_version_that_is_not_here_is_named(go: Go, module: str) -> None:
    go.upload(module, "v1.0.0", zipped(module, "v1.0.0"))
    go.login(go.registry.reader)

    refused = go.refuse("mod", "download", f"{module}@v1.0.1")

    assert f"{module}@v1.0.1" in refused.errors
    assert "404 Not Found" in refused.errors


def test_a_channel_s_proxy_has_what_was_cleared_and_nothing_else(shell: Shell, module: str, tmp_path: Path) -> None:
    with serve(tmp_path / "server", "acme") as registry, go_command(shell, registry) as go:
        go.login(registry.reader)
        for version in ("v1.0.0", "v1.1.0"):
            go.upload(module, version, zipped(module, version))
        token = (tmp_path / "server" / "data" / "admin-token").read_text().strip()
        shell.run(
            *(Path(sys.executable).with_name("entrepot"), "clearance", "open", f"acme/go/{module}:v1.0.0", "prod"),
            environment={"ENTREPOT_URL": registry.url, "ENTREPOT_TOKEN": token},
        )
        go.user()

        listed = go.run("list", "-m", "-versions", module, view="acme.prod")
        got = go.download(module, "v1.0.0", view="acme.prod")
        refused = go.refuse("mod", "download", f"{module}@v1.1.0", view="acme.prod")

    assert listed.output.split() == [module, "v1.0.0"]
    assert Path(got["Zip"]).read_bytes() == zipped(module, "v1.0.0")
    assert "404 Not Found" in refused.errors


def test_a_module_called_like_the_registry_is_found_without_a_proxy(shell: Shell, tmp_path: Path) -> None:
    module = f"{NAME}/go/acme/greet/v2"
    settings = {"ENTREPOT_PUBLIC_URL": f"https://{NAME}"}
    with (
        serve(tmp_path / "server", "acme", settings=settings) as registry,
        go_command(shell, registry) as go,
        tunnel(go.secured.host) as proxy,
    ):
        content = zipped(module, "v2.0.1")
        go.upload(module, "v2.0.1", content)
        (shell.home / ".netrc").write_text(f"machine {NAME} login me password {registry.reader.password}\n")
        go.user()

        go.run("get", module, GOPROXY="direct", GOPRIVATE=NAME, GONOSUMDB="", HTTPS_PROXY=proxy)
        got = go.run("mod", "download", "-json", GOPROXY="off", GOPRIVATE=NAME, GONOSUMDB="")

    assert Path(json.loads(got.output)["Zip"]).read_bytes() == content


def test_a_module_s_version_is_pulled_by_oras(go: Go, module: str, tmp_path: Path) -> None:
    oras, registry = program("oras"), go.registry
    content = zipped(module, "v1.0.0")
    go.upload(module, "v1.0.0", content)
    login = (oras, "login", registry.host, "--plain-http", "--username", "me", "--password-stdin")
    go.shell.run(*login, given=registry.reader.password)

    go.shell.run(
        *(oras, "pull", "--plain-http", "--output", tmp_path / "pulled"), f"{registry.host}/acme/go/{module}:v1.0.0"
    )

    assert (tmp_path / "pulled" / "v1.0.0.zip").read_bytes() == content
