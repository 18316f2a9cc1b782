"""go, in front of a registry that reads through to a real proxy and to another Entrepot, with a checksum database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.goproxy import SUMDB, Database, Repositories, checksum_database, goproxy
from tests.clients.programs import Done, Shell
from tests.clients.python_packages import run_entrepot
from tests.clients.server import Registry, serve
from tests.clients.test_go import Go, go_command, zipped

pytestmark = pytest.mark.clients


@dataclass
class Setting:
    """A registry with the namespace ``acme``, the go command in front of it, and behind it others."""

    shell: Shell
    folder: Path
    go: Go
    repositories: Repositories
    behind: ExitStack
    """Ends what is behind."""

    def entrepot(self, registry: Registry, data: Path, *command: str) -> str:
        """The administrator's command line."""
        return run_entrepot(self.shell, registry, (data / "data" / "admin-token").read_text().strip(), *command)

    def read_through(self, address: str, *more: str) -> None:
        self.entrepot(
            *(self.go.registry, self.folder / "front", "upstream", "add", "acme", "other", address),
            *("--format", "go", "--private", *more),
        )

    def environment(self, database: Database | None, home: str) -> dict[str, str]:
        """An empty module cache; with a checksum database, every module is looked up there."""
        sums = {"GONOSUMDB": "", "GOSUMDB": "off" if database is None else database.key}
        return {**sums, "GOPATH": str(self.folder / home)}

    def run(self, *arguments: str, database: Database | None = None, home: str = "first") -> Done:
        return self.go.run(*arguments, **self.environment(database, home))

    def refuse(self, *arguments: str, database: Database | None = None, home: str = "first") -> Done:
        return self.go.refuse(*arguments, **self.environment(database, home))

    def download(self, version: str, *, database: Database | None = None, home: str = "first") -> dict[str, str]:
        """What ``go mod download`` says that it got of the module in the repository ``greet``."""
        name = f"{self.repositories.module('greet')}@{version}"
        found: dict[str, str] = json.loads(
            self.run("mod", "download", "-json", name, database=database, home=home).output
        )
        return found


@pytest.fixture
def setting(shell: Shell, tmp_path: Path) -> Iterator[Setting]:
    with (
        serve(tmp_path / "front", "acme") as front,
        go_command(shell, front) as go,
        ExitStack() as behind,
    ):
        go.login(front.reader)
        yield Setting(shell, tmp_path, go, Repositories(shell, tmp_path / "repositories"), behind)


def test_modules_of_a_real_proxy_are_got_and_verified_also_when_it_is_gone(setting: Setting) -> None:
    repositories = setting.repositories
    repositories.commit("lib", "v1.0.0", "v2.0.0", files={"lib.go": "package lib\n"})
    lib = repositories.module("lib")
    files = {"greet.go": f'package greet\n\nimport _ "{lib}"\n', "vendor/x/x.go": "package x\n"}
    repositories.commit("greet", "v1.0.0", files=files, needs=f"\nrequire {lib} v1.0.0\n")
    repositories.commit("greet", "v1.1.0", files={"more.go": "package greet\n"}, needs=f"\nrequire {lib} v1.0.0\n")
    commit = repositories.commit("greet", files={"newest.go": "package greet\n"}, needs=f"\nrequire {lib} v1.0.0\n")
    wanted = [("lib", "v1.0.0"), ("greet", "v1.0.0"), ("greet", "v1.1.0"), ("greet", commit)]
    sums = "".join(repositories.sums(*each) for each in wanted)
    database = setting.behind.enter_context(checksum_database(setting.folder / "database", sums))
    setting.read_through(setting.behind.enter_context(goproxy(setting.folder / "goproxy", repositories, database)))
    module = repositories.module("greet")
    folder = setting.go.user()
    (folder / "main.go").write_text(f'package main\n\nimport _ "{module}"\n\nfunc main() {{}}\n')

    listed = setting.run("list", "-m", "-versions", module, database=database)
    setting.run("get", f"{module}@v1.0.0", database=database)
    setting.run("get", module, database=database)
    newest = setting.run("list", "-m", "-json", f"{module}@main", database=database)
    setting.run("get", f"{module}@{commit[:12]}", database=database)
    verified = setting.run("mod", "verify", database=database)
    asked = database.asked
    got = {version: setting.download(version, database=database) for version in ("v1.0.0", "v1.1.0", commit[:12])}
    setting.behind.close()
    again = {
        version: setting.download(version, database=database, home="second")
        for version in ("v1.0.0", "v1.1.0", json.loads(newest.output)["Version"])
    }
    listed_again = setting.run("list", "-m", "-versions", module, database=database, home="second")

    assert listed.output.split() == listed_again.output.split() == [module, "v1.0.0", "v1.1.0"]
    assert "all modules verified" in verified.output
    assert f"/lookup/{module}@v1.0.0" in asked
    assert f"/lookup/{lib}@v1.0.0" in asked
    assert set((folder / "go.sum").read_text().splitlines()) <= set(sums.splitlines())
    assert json.loads(newest.output)["Version"].endswith(commit[:12])
    for version, direct in (("v1.0.0", "v1.0.0"), ("v1.1.0", "v1.1.0"), (commit[:12], commit)):
        without = repositories.download("greet", direct)
        assert Path(got[version]["Zip"]).read_bytes() == Path(without["Zip"]).read_bytes()
        assert (got[version]["Sum"], got[version]["GoModSum"]) == (without["Sum"], without["GoModSum"])
    assert [each["Sum"] for each in again.values()] == [each["Sum"] for each in got.values()]


def test_a_module_that_is_not_what_the_checksum_database_says_is_refused(setting: Setting) -> None:
    repositories = setting.repositories
    repositories.commit("greet", "v1.0.0", files={"greet.go": "package greet\n"})
    sums = repositories.sums("greet", "v1.0.0")
    lying = sums.replace(sums.split()[2], "h1:" + "A" * 43 + "=")
    database = setting.behind.enter_context(checksum_database(setting.folder / "database", lying))
    setting.read_through(setting.behind.enter_context(goproxy(setting.folder / "goproxy", repositories, database)))

    refused = setting.refuse("mod", "download", f"{repositories.module('greet')}@v1.0.0", database=database)

    assert "SECURITY ERROR" in refused.errors


def test_the_name_of_what_is_published_here_or_reserved_gets_to_no_checksum_database(setting: Setting) -> None:
    repositories, go = setting.repositories, setting.go
    repositories.commit("greet", "v1.0.0", files={"greet.go": "package greet\n"})
    sums = setting.repositories.sums("greet", "v1.0.0")
    database = setting.behind.enter_context(checksum_database(setting.folder / "database", sums))
    setting.read_through(setting.behind.enter_context(goproxy(setting.folder / "goproxy", repositories, database)))
    setting.entrepot(
        go.registry, setting.folder / "front", "namespace", "set", "acme", "--reserve", "pkg:go/example.com/secret*"
    )
    go.upload("example.com/ours", "v1.0.0", zipped("example.com/ours", "v1.0.0"))

    ours = setting.refuse("mod", "download", "example.com/ours@v1.0.0", database=database)
    reserved = setting.refuse("mod", "download", "example.com/secret@v1.0.0", database=database)
    theirs = setting.download("v1.0.0", database=database)
    team = go.run("mod", "download", "-json", "example.com/ours@v1.0.0", GOSUMDB=database.key)

    assert "404 Not Found" in ours.errors
    assert "404 Not Found" in reserved.errors
    assert theirs["Sum"]
    assert json.loads(team.output)["Sum"]
    assert "/lookup/example.com/greet.git@v1.0.0" in database.asked
    assert "ours" not in database.asked
    assert "secret" not in database.asked


def test_another_entrepot_with_credentials_reads_through_to_a_proxy_and_its_checksum_database(setting: Setting) -> None:
    repositories = setting.repositories
    repositories.commit("greet", "v1.0.0", files={"greet.go": "package greet\n"})
    sums = setting.repositories.sums("greet", "v1.0.0")
    database = setting.behind.enter_context(checksum_database(setting.folder / "database", sums))
    peer = setting.behind.enter_context(goproxy(setting.folder / "goproxy", repositories, database))
    middle = setting.behind.enter_context(serve(setting.folder / "middle", "lib"))
    setting.entrepot(
        middle, setting.folder / "middle", "upstream", "add", "lib", "peer", peer, "--format", "go", "--private"
    )
    password = setting.folder / "password"
    password.write_text(middle.reader.password)
    setting.read_through(f"{middle.url}/go/lib", "--user", "front", "--password-file", str(password))

    got = setting.download("v1.0.0", database=database)
    setting.behind.close()
    again = setting.download("v1.0.0", database=database, home="second")

    assert f"/lookup/{repositories.module('greet')}@v1.0.0" in database.asked
    without = repositories.download("greet", "v1.0.0")
    assert Path(got["Zip"]).read_bytes() == Path(again["Zip"]).read_bytes() == Path(without["Zip"]).read_bytes()
    assert SUMDB in database.key


def test_what_a_go_sum_names_is_had_before_somebody_wants_it(setting: Setting) -> None:
    repositories = setting.repositories
    repositories.commit("lib", "v1.0.0", files={"lib.go": "package lib\n"})
    repositories.commit("greet", "v1.0.0", files={"greet.go": "package greet\n"})
    [_, only_mod] = repositories.sums("lib", "v1.0.0").splitlines()
    lock = setting.folder / "go.sum"
    lock.write_text(f"{repositories.sums('greet', 'v1.0.0')}{only_mod}\n")
    setting.read_through(setting.behind.enter_context(goproxy(setting.folder / "goproxy", repositories)))

    said = setting.entrepot(setting.go.registry, setting.folder / "front", "upstream", "warm", "acme", str(lock))
    setting.behind.close()
    got = setting.download("v1.0.0")
    missing = setting.refuse("mod", "download", f"{repositories.module('lib')}@v1.0.0")

    assert said.startswith("2 of 2 versions are in acme")
    assert Path(got["Zip"]).read_bytes() == Path(repositories.download("greet", "v1.0.0")["Zip"]).read_bytes()
    assert "502 Bad Gateway" in missing.errors
