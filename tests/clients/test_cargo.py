"""cargo: publish, depend, build, yank, own, search, with a token and without."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.content import noise
from tests.clients.programs import Done, Shell, program
from tests.clients.server import Account, Registry, serve

pytestmark = pytest.mark.clients


@dataclass(frozen=True)
class Cargo:
    """cargo in an empty home, with one registry configured: ``ours``."""

    shell: Shell
    program: str
    rustc: str
    registry: Registry
    view: str = "acme"

    def __post_init__(self) -> None:
        for name, view in (("ours", self.view), ("prod", f"{self.view}.prod")):
            self._configure(name, view)

    def _configure(self, name: str, view: str) -> None:
        config = self.shell.home / ".cargo" / "config.toml"
        config.parent.mkdir(exist_ok=True)
        with config.open("a") as file:
            file.write(f'[registries.{name}]\nindex = "sparse+{self.registry.url}/cargo/{view}/"\n')
            if name == "ours":
                file.write('[registry]\nglobal-credential-providers = ["cargo:token"]\n[net]\nretry = 0\n')

    def environment(self) -> dict[str, str]:
        return {"RUSTC": self.rustc, "CARGO_TERM_COLOR": "never", "CARGO_INCREMENTAL": "0"}

    def login(self, account: Account, name: str = "ours") -> None:
        self.shell.run(
            *(self.program, "login", "--registry", name), given=account.password, environment=self.environment()
        )

    def run(self, *arguments: str | Path) -> Done:
        return self.shell.run(self.program, *arguments, environment=self.environment())

    def refuse(self, *arguments: str | Path) -> Done:
        return self.shell.refuse(self.program, *arguments, environment=self.environment())

    def package(self, name: str, version: str = "0.1.0", *, manifest: str = "", code: str = "") -> Path:
        """A crate's sources, as its author has them."""
        folder = self.shell.home / f"{name}-{version}"
        (folder / "src").mkdir(parents=True)
        text = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
        text += 'description = "A crate for a test"\nlicense = "MIT"\n'
        (folder / "Cargo.toml").write_text(text + manifest)
        (folder / "src" / "lib.rs").write_text(code or f'pub fn name() -> &\'static str {{ "{name} {version}" }}\n')
        return folder

    def publish(self, folder: Path, *, verify: bool = False) -> Done:
        more = () if verify else ("--no-verify",)
        return self.run(
            "publish", "--registry", "ours", "--allow-dirty", *more, "--manifest-path", folder / "Cargo.toml"
        )

    def packed(self, folder: Path) -> bytes:
        """What cargo has sent of a package."""
        # Each release of cargo has its own place for it.
        return next((folder / "target" / "package").rglob(f"{folder.name}.crate")).read_bytes()

    def downloaded(self, name: str) -> bytes:
        """What cargo has got of a crate."""
        (found,) = (self.shell.home / ".cargo" / "registry" / "cache").glob(f"*/{name}.crate")
        return found.read_bytes()

    def user(self, folder: str, manifest: str, *, registry: str = "ours") -> Path:
        """A program that depends on crates: the lines below ``[dependencies]``."""
        place = self.shell.home / folder
        (place / "src").mkdir(parents=True)
        (place / "Cargo.toml").write_text(
            f'[package]\nname = "{folder}"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{manifest}'
        )
        (place / "src" / "main.rs").write_text("fn main() {}\n")
        return place / "Cargo.toml"


@pytest.fixture
def cargo(shell: Shell, registry: Registry) -> Cargo:
    return Cargo(shell, program("cargo"), program("rustc"), registry)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A crate that no other test uses."""
    return "t" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]


def ours(name: str, requirement: str, more: str = "", *, registry: str = "ours") -> str:
    return f'{name} = {{ version = "{requirement}", registry = "{registry}"{more} }}\n'


@pytest.mark.everywhere
def test_a_published_crate_is_built_by_who_depends_on_it_from_the_same_bytes(cargo: Cargo, name: str) -> None:
    cargo.login(cargo.registry.publisher)
    folder = cargo.package(name)
    # More than curl sends without being told that it may.
    (folder / "noise").write_bytes(noise(name, 3 << 20))
    published = cargo.publish(folder, verify=True)
    manifest = cargo.user("user", ours(name, "0.1"))
    (manifest.parent / "src" / "main.rs").write_text(f'fn main() {{ println!("{{}}", {name}::name()); }}\n')

    cargo.run("build", "--manifest-path", manifest)
    said = cargo.shell.run(manifest.parent / "target" / "debug" / "user")

    assert "Published" in published.errors
    assert said.output == f"{name} 0.1.0\n"
    assert cargo.downloaded(f"{name}-0.1.0") == cargo.packed(folder)


def test_a_crate_with_every_kind_of_dependency_and_feature_is_resolved(cargo: Cargo, name: str) -> None:
    # The shapes are those of cargo's own tests (publish.rs, rename_deps.rs, features_namespaced.rs).
    cargo.login(cargo.registry.publisher)
    for part in ("one", "two", "three"):
        cargo.publish(cargo.package(f"{name}-{part}", manifest="[features]\nextra = []\n"))
    needs = (
        "[dependencies]\n"
        + ours("alias", "0.1", f', package = "{name}-one", optional = true, default-features = false')
        + "[build-dependencies]\n"
        + ours(f"{name}-two", "=0.1.0")
        + "[dev-dependencies]\n"
        + ours(f"{name}-two", "0.1")
        + "[target.'cfg(any(unix,windows))'.dependencies]\n"
        + ours(f"{name}-three", ">=0.1,<0.2", ', features = ["extra"]')
        + '[features]\ndefault = ["named"]\nnamed = ["dep:alias"]\nweak = ["alias?/extra"]\n'
    )
    folder = cargo.package(name, manifest=needs)

    cargo.publish(folder, verify=True)
    manifest = cargo.user("user", ours(name, "0.1", ', features = ["weak"]'))
    cargo.run("check", "--manifest-path", manifest)

    locked = (manifest.parent / "Cargo.lock").read_text()
    assert all(f'name = "{name}-{part}"' in locked for part in ("one", "two", "three"))
    assert cargo.downloaded(f"{name}-0.1.0") == cargo.packed(folder)


def test_an_upper_case_name_with_underscores_is_found(cargo: Cargo, name: str) -> None:
    spelled = f"{name.title()}_X"
    cargo.login(cargo.registry.publisher)
    cargo.publish(cargo.package(spelled))

    cargo.run("fetch", "--manifest-path", cargo.user("user", ours(spelled, "0.1")))

    refused = cargo.refuse(
        *("publish", "--registry", "ours", "--allow-dirty", "--no-verify", "--manifest-path"),
        cargo.package(f"{name}-x", "0.2.0") / "Cargo.toml",
    )
    assert "The name is taken" in refused.errors
    assert spelled in refused.errors


def test_a_version_that_is_there_is_not_published_again(cargo: Cargo, name: str) -> None:
    cargo.login(cargo.registry.publisher)
    folder = cargo.package(name)
    cargo.publish(folder)

    refused = cargo.refuse(
        *("publish", "--registry", "ours", "--allow-dirty", "--no-verify", "--manifest-path", folder / "Cargo.toml")
    )

    assert "already exists" in refused.errors


def test_a_yanked_version_is_not_picked_and_a_lock_file_still_gets_it(cargo: Cargo, name: str) -> None:
    cargo.login(cargo.registry.maintainer)
    for version in ("0.1.0", "0.1.1"):
        cargo.publish(cargo.package(name, version))
    locked = cargo.user("locked", ours(name, "0.1"))
    cargo.run("generate-lockfile", "--manifest-path", locked)

    cargo.run("yank", "--registry", "ours", f"{name}@0.1.1")
    fresh = cargo.user("fresh", ours(name, "0.1"))
    cargo.run("generate-lockfile", "--manifest-path", fresh)
    cargo.run("fetch", "--locked", "--manifest-path", locked)
    cargo.run("yank", "--registry", "ours", "--undo", f"{name}@0.1.1")
    again = cargo.user("again", ours(name, "0.1"))
    cargo.run("generate-lockfile", "--manifest-path", again)

    versions = ['version = "0.1.0"', 'version = "0.1.1"']
    assert [v in (fresh.parent / "Cargo.lock").read_text() for v in versions] == [True, False]
    assert [v in (again.parent / "Cargo.lock").read_text() for v in versions] == [False, True]


def test_owners_are_listed_added_and_removed(cargo: Cargo, name: str) -> None:
    cargo.login(cargo.registry.maintainer)
    cargo.publish(cargo.package(name))

    added = cargo.run("owner", "--registry", "ours", "--add", "reader", name)
    with_reader = cargo.run("owner", "--registry", "ours", "--list", name).output
    cargo.run("owner", "--registry", "ours", "--remove", "reader", name)
    without = cargo.run("owner", "--registry", "ours", "--list", name).output

    assert f"reader may publish {name}" in added.errors
    assert "reader" in with_reader
    assert "reader" not in without
    assert "publisher" in without


def test_a_crate_is_found_by_a_part_of_its_name(cargo: Cargo, name: str) -> None:
    cargo.login(cargo.registry.publisher)
    cargo.publish(cargo.package(f"{name}-first"))
    cargo.publish(cargo.package(f"{name}-second"))

    found = cargo.run("search", "--registry", "ours", name)
    one = cargo.run("info", "--registry", "ours", f"{name}-first")

    assert [line.split()[0] for line in found.output.splitlines()[:2]] == [f"{name}-first", f"{name}-second"]
    assert "A crate for a test" in found.output
    assert "version: 0.1.0" in one.output


def test_the_index_is_asked_for_again_by_its_tag(cargo: Cargo, name: str) -> None:
    cargo.login(cargo.registry.publisher)
    cargo.publish(cargo.package(name))
    manifest = cargo.user("user", ours(name, "0.1"))
    cargo.run("generate-lockfile", "--manifest-path", manifest)
    cargo.publish(cargo.package(name, "0.1.5"))

    cargo.run("update", "--manifest-path", manifest)

    assert 'version = "0.1.5"' in (manifest.parent / "Cargo.lock").read_text()


def test_without_a_token_cargo_says_how_to_get_one(cargo: Cargo, name: str) -> None:
    publish = cargo.refuse(
        *("publish", "--registry", "ours", "--allow-dirty", "--no-verify", "--manifest-path"),
        cargo.package(name) / "Cargo.toml",
    )
    fetch = cargo.refuse("fetch", "--manifest-path", cargo.user("user", ours(name, "0.1")))

    assert "no token found" in publish.errors
    assert "cargo login --registry ours" in fetch.errors


def test_a_token_may_come_from_the_environment(cargo: Cargo, name: str) -> None:
    folder = cargo.package(name)

    cargo.shell.run(
        *(cargo.program, "publish", "--registry", "ours", "--allow-dirty", "--no-verify"),
        *("--manifest-path", folder / "Cargo.toml"),
        environment=cargo.environment() | {"CARGO_REGISTRIES_OURS_TOKEN": cargo.registry.publisher.password},
    )

    cargo.login(cargo.registry.reader)
    cargo.run("fetch", "--manifest-path", cargo.user("user", ours(name, "0.1")))
    assert cargo.downloaded(f"{name}-0.1.0") == cargo.packed(folder)


def test_a_wrong_token_is_named_as_that(cargo: Cargo, name: str) -> None:
    cargo.login(cargo.registry.stranger)

    refused = cargo.refuse("fetch", "--manifest-path", cargo.user("user", ours(name, "0.1")))

    assert "token rejected for `ours`" in refused.errors


def test_a_reader_is_told_that_they_may_not_publish_and_can_still_read(cargo: Cargo, name: str) -> None:
    cargo.login(cargo.registry.publisher)
    cargo.publish(cargo.package(name))
    cargo.login(cargo.registry.reader)

    cargo.run("fetch", "--manifest-path", cargo.user("user", ours(name, "0.1")))
    refused = cargo.refuse(
        *("publish", "--registry", "ours", "--allow-dirty", "--no-verify", "--manifest-path"),
        cargo.package(name, "0.2.0") / "Cargo.toml",
    )

    assert "reader may not publish" in refused.errors


def test_a_channel_s_registry_has_what_was_cleared_and_nothing_else(shell: Shell, name: str, tmp_path: Path) -> None:
    with serve(tmp_path / "server", "acme") as registry:
        cargo = Cargo(shell, program("cargo"), program("rustc"), registry)
        cargo.login(registry.publisher)
        cargo.login(registry.reader, "prod")
        for version in ("0.1.0", "0.2.0"):
            cargo.publish(cargo.package(name, version))
        token = (tmp_path / "server" / "data" / "admin-token").read_text().strip()
        shell.run(
            *(Path(sys.executable).with_name("entrepot"), "clearance", "open", f"acme/cargo/{name}:0.1.0", "prod"),
            environment={"ENTREPOT_URL": registry.url, "ENTREPOT_TOKEN": token},
        )

        cargo.run("fetch", "--manifest-path", cargo.user("old", ours(name, "0.1", registry="prod")))
        refused = cargo.refuse("fetch", "--manifest-path", cargo.user("new", ours(name, "0.2", registry="prod")))

        with (shell.home / ".cargo" / "config.toml").open("a") as file:
            file.write(f'[source.ours]\nregistry = "sparse+{registry.url}/cargo/acme/"\nreplace-with = "prod"\n')
        cargo.run("fetch", "--manifest-path", cargo.user("replaced", ours(name, "0.1")))
        replaced = cargo.refuse("fetch", "--manifest-path", cargo.user("missing", ours(name, "0.2")))

    assert "candidate versions found which didn't match: 0.1.0" in refused.errors
    assert "candidate versions found which didn't match: 0.1.0" in replaced.errors
    assert cargo.downloaded(f"{name}-0.1.0") == cargo.packed(shell.home / f"{name}-0.1.0")


def test_a_crate_s_version_is_pulled_by_oras(cargo: Cargo, shell: Shell, name: str, tmp_path: Path) -> None:
    oras = program("oras")
    registry = cargo.registry
    cargo.login(registry.publisher)
    folder = cargo.package(name)
    cargo.publish(folder)
    login = (oras, "login", registry.host, "--plain-http", "--username", "me", "--password-stdin")
    shell.run(*login, given=registry.reader.password)

    shell.run(oras, "pull", "--plain-http", "--output", tmp_path / "pulled", f"{registry.host}/acme/cargo/{name}:0.1.0")

    assert (tmp_path / "pulled" / f"{name}-0.1.0.crate").read_bytes() == cargo.packed(folder)


def test_a_crate_s_version_is_signed_and_verified_by_cosign_and_cargo_does_not_notice(
    cargo: Cargo, shell: Shell, name: str
) -> None:
    cosign, oras, registry = program("cosign"), program("oras"), cargo.registry
    cargo.login(registry.publisher)
    folder = cargo.package(name)
    cargo.publish(folder)
    shell.run(
        *(cosign, "login", registry.host, "--username", "me", "--password-stdin"), given=registry.publisher.password
    )
    place = f"{registry.host}/acme/cargo/{name}"
    digest = shell.run(oras, "resolve", "--plain-http", f"{place}:0.1.0").output.strip()
    unattended = {"COSIGN_PASSWORD": "", "COSIGN_YES": "true", "COSIGN_EXPERIMENTAL": "1"}
    shell.run(cosign, "generate-key-pair", environment=unattended)

    shell.run(
        *(cosign, "sign", "--key", "cosign.key", "--registry-referrers-mode", "oci-1-1", "--tlog-upload=false"),
        *("--use-signing-config=false", "--allow-http-registry", f"{place}@{digest}"),
        environment=unattended,
    )
    verified = shell.run(
        *(cosign, "verify", "--key", "cosign.pub", "--insecure-ignore-tlog", "--allow-http-registry"),
        f"{place}@{digest}",
    )
    cargo.run("fetch", "--manifest-path", cargo.user("user", ours(name, "0.1")))

    assert digest in verified.said
    assert cargo.downloaded(f"{name}-0.1.0") == cargo.packed(folder)
