"""npm, pnpm and yarn install through a registry what only Verdaccio behind it has, also when Verdaccio is gone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clients.content import noise
from tests.clients.node import Client, npmrc, registry_of
from tests.clients.programs import Shell, program
from tests.clients.python_packages import run_entrepot
from tests.clients.server import Registry, serve
from tests.clients.test_yarn import log_in as yarn_log_in
from tests.clients.verdaccio import Verdaccio, verdaccio

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("npm upstream")]  # one filled registry for all of them

LOCKS = {
    "npm10": ("package-lock.json", ("ci",)),
    "npm11": ("package-lock.json", ("ci",)),
    "pnpm": ("pnpm-lock.yaml", ("install", "--frozen-lockfile")),
    "yarn1": ("yarn.lock", ("install", "--frozen-lockfile")),
    "yarn4": ("yarn.lock", ("install", "--immutable")),
}
OPTIONS = ("--format", "npm", "--private", "--refresh", "0s")
CONTENT = noise("through", 1 << 20)


@dataclass(slots=True)
class Place:
    """A registry in front, and Verdaccio behind it until it is stopped."""

    front: Registry
    behind: Verdaccio
    root: Path
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def administrator(self) -> str:
        return (self.root / "front" / "data" / "admin-token").read_text().strip()

    def stop_behind(self) -> None:
        """Nobody is there any more."""
        self.stack.close()

    def entrepot(self, *command: str) -> None:
        run_entrepot(Shell(self.root), self.front, self.administrator, *command)

    def client(self, name: str, place: str) -> Client:
        """A client with an empty home, as a reader of the registry in front."""
        program(name)
        home = self.root / place
        home.mkdir()
        client = Client(Shell(home), name)
        if name.startswith("yarn"):
            yarn_log_in(client, self.front, self.front.reader)
        else:
            (home / ".npmrc").write_text(npmrc(registry_of(self.front), self.front.reader))
        return client


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Verdaccio has: a scoped package with data, a command and a script, and one that needs it."""
    home = tmp_path_factory.mktemp("filled") / "verdaccio"
    with verdaccio(home) as behind:
        behind.publish(
            "@deep/base",
            bin={"base": "cli.js"},
            scripts={"postinstall": "node -e 1"},
            engines={"node": ">=18"},
            files={"cli.js": "#!/usr/bin/env node\nconsole.log('base')\n", "data.bin": CONTENT.hex()},
        )
        behind.publish("through", "1.0.0", dependencies={"@deep/base": "^1.0.0"})
        behind.publish("through", "1.1.0", dependencies={"@deep/base": "^1.0.0"})
        behind.publish("through", "2.0.0-rc.1")
        behind.publisher().run("deprecate", "through@1.0.0", "use another")
    return home


@pytest.fixture
def place(tmp_path: Path, filled: Path) -> Iterator[Place]:
    with ExitStack() as outer, ExitStack() as stack:
        front = outer.enter_context(serve(tmp_path / "front", "acme"))
        behind = stack.enter_context(verdaccio(tmp_path / "behind", like=filled))
        found = Place(front, behind, tmp_path, stack)
        found.entrepot("upstream", "add", "acme", "other", behind.url, *OPTIONS)
        yield found


def installed(folder: Path) -> dict[str, str]:
    """What is in the modules: versions, and that the data is as it was."""
    modules = folder / "node_modules"
    found = {
        name: str(json.loads((modules / name / "package.json").read_text())["version"])
        for name in ("through", "@deep/base")
    }
    assert (modules / "@deep/base" / "data.bin").read_text() == CONTENT.hex()
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_client_installs_through_and_again_when_the_other_is_gone(place: Place, name: str) -> None:
    lock, frozen = LOCKS[name]
    first = place.client(name, "first")
    folder = first.consumer(through="^1.0.0", **{"@deep/base": "*"})
    if lock == "yarn.lock":
        (folder / lock).write_text("")

    first.run("install", folder=folder)
    place.stop_behind()
    from_lock = place.client(name, "from-lock")
    locked = from_lock.consumer(through="^1.0.0", **{"@deep/base": "*"})
    shutil.copy(folder / lock, locked / lock)
    from_lock.run(*frozen, folder=locked)
    anew = place.client(name, "anew")
    resolved = anew.consumer(through="^1.0.0", **{"@deep/base": "*"})
    if lock == "yarn.lock":
        (resolved / lock).write_text("")
    anew.run("install", folder=resolved)

    expected = {"through": "1.1.0", "@deep/base": "1.0.0"}
    assert installed(folder) == installed(locked) == installed(resolved) == expected
    assert place.behind.url not in (folder / lock).read_text(), "whoever has the lock asks the registry in front"


@pytest.mark.parametrize("name", ["npm10", "npm11"])
def test_npm_sees_tags_deprecations_and_hidden_versions(place: Place, name: str) -> None:
    npm = place.client(name, "home")

    before = json.loads(npm.run("view", "through", "--json"))
    deprecated = npm.run("view", "through@1.0.0", "deprecated").strip()
    place.entrepot("upstream", "set", "acme", "other", "--block", "pkg:npm/through@1.1.0")
    after = json.loads(npm.run("view", "through", "--json", "--prefer-online"))

    assert (before["versions"], before["dist-tags"]) == (
        ["1.0.0", "1.1.0", "2.0.0-rc.1"],
        {"latest": "1.1.0", "next": "2.0.0-rc.1"},
    )
    assert deprecated == "use another"
    assert after["dist-tags"] == {"latest": "1.0.0", "next": "2.0.0-rc.1"}
    assert "ETARGET" in npm.refuse("install", "through@1.1.0", folder=npm.consumer()).said


def test_npm_publishes_beside_and_is_not_mixed_with_the_other(place: Place) -> None:
    npm = place.client("npm11", "home")
    (npm.shell.home / ".npmrc").write_text(npmrc(registry_of(place.front), place.front.publisher))

    npm.run("publish", folder=npm.project("through", "9.0.0"))

    assert json.loads(npm.run("view", "through", "versions", "--json")) in ("9.0.0", ["9.0.0"])


def test_verdaccio_with_credentials_is_asked_with_them(tmp_path: Path, filled: Path) -> None:
    with (
        serve(tmp_path / "front", "acme") as front,
        verdaccio(tmp_path / "behind", like=filled, public=False) as behind,
    ):
        place = Place(front, behind, tmp_path)
        token = tmp_path / "token"
        token.write_text(behind.token)
        place.entrepot("upstream", "add", "acme", "other", behind.url, *OPTIONS)
        npm = place.client("npm11", "home")
        folder = npm.consumer(through="1.0.0")

        refused = npm.refuse("install", "--fetch-retries=0", folder=folder).said
        place.entrepot("upstream", "set", "acme", "other", "--token-file", str(token))
        npm.run("install", "--prefer-online", folder=folder)

    assert "E502" in refused
    assert installed(folder) == {"through": "1.0.0", "@deep/base": "1.0.0"}
