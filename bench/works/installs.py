"""Installing what a lock names through a registry that has to fetch it from another, and again when it has it.

The other registry is a folder of files that nginx serves; it is also asked directly, which is what the way through
a registry costs or saves.
Each round installs packages that no other did, and each installation begins with an empty cache of the client's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from bench.load import LEAST_CPU_SECONDS, Cost, costing
from bench.packages import Tarball, Wheel
from bench.scale import KIB, Scale
from bench.session import DEVPI, ENTREPOT, UPSTREAM, VERDACCIO, Group, Session, say
from bench.subjects import Nginx, Subject

_PACKAGE_SIZE = 32 * KIB
_VERSION = "1.0.0"
_STATES = ("cold", "warm")
_INSTALL_SECONDS = 300


class InstallFailed(Exception):
    """A client did not install what its lock names."""


@dataclass(frozen=True, slots=True)
class Source:
    """A registry as a client is given it."""

    name: str
    subject: Subject
    url: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Installer:
    """A client: what the other registry has for it, the registries beside each other, and one installation."""

    name: str
    tool: str
    fill: Callable[[Nginx, Sequence[str], Path], None]
    """Put packages into the folder of files, and their lock into a folder."""
    sources: Callable[[Session, Nginx], Iterator[list[Source]]]
    prepare: Callable[[Path, Path, Source], tuple[list[str], dict[str, str]]]
    """What to run in an empty folder, with the client's program and a lock in it."""
    installed: str
    """What there is one of for each installed package."""


# --- uv ---


def _fill_index(upstream: Nginx, names: Sequence[str], lock: Path) -> None:
    lines = []
    for name in names:
        wheel = Wheel.of(name, _VERSION, _PACKAGE_SIZE)
        target = f"/packages/{wheel.filename}"
        upstream.store_file(target, wheel.content)
        upstream.store_file(f"{target}.metadata", wheel.metadata)
        known = f'data-core-metadata="sha256={wheel.metadata_sha256}"'
        link = f'<a href="{target}#sha256={wheel.sha256}" {known}>{wheel.filename}</a>'
        upstream.store_file(f"/simple/{name}/index.html", f"<!DOCTYPE html>\n<html><body>{link}</body></html>".encode())
        lines.append(f"{name}=={_VERSION} --hash=sha256:{wheel.sha256}\n")
    (lock / "requirements.txt").write_text("".join(lines))


def _python_sources(session: Session, upstream: Nginx) -> Iterator[list[Source]]:
    url = f"{upstream.url}/simple/"
    with session.indexes(ENTREPOT, DEVPI, upstream=url) as indexes:
        yield [*(Source(index.name, index, index.index_url) for index in indexes), Source(UPSTREAM, upstream, url)]


def _prepare_uv(folder: Path, program: Path, source: Source) -> tuple[list[str], dict[str, str]]:
    options = ["--no-config", "--quiet", "--require-hashes", "--python", sys.executable, "--target", "installed"]
    place = ["--default-index", source.url, "--cache-dir", str(folder / "cache")]
    return [str(program), "pip", "sync", *options, *place, "requirements.txt"], {}


# --- npm ---


def _fill_registry(upstream: Nginx, names: Sequence[str], lock: Path) -> None:
    locked: dict[str, object] = {}
    for name in names:
        tarball = Tarball.of(name, _VERSION, _PACKAGE_SIZE)
        upstream.store_file(f"/tarballs/{tarball.filename}", tarball.content)
        manifest = tarball.manifest(f"{upstream.url}/tarballs/{tarball.filename}")
        packument = {"name": name, "dist-tags": {"latest": _VERSION}, "versions": {_VERSION: manifest}}
        upstream.store_file(f"/npm/{name}", json.dumps(packument).encode())
        locked[f"node_modules/{name}"] = {"version": _VERSION, "integrity": tarball.integrity}
    application = {"name": "application", "version": "1.0.0", "dependencies": dict.fromkeys(names, _VERSION)}
    (lock / "package.json").write_text(json.dumps(application))
    # Without addresses, so that whichever registry is asked says where the tarballs are.
    document = {**application, "lockfileVersion": 3, "packages": {"": application, **locked}}
    (lock / "package-lock.json").write_text(json.dumps(document))


def _node_sources(session: Session, upstream: Nginx) -> Iterator[list[Source]]:
    url = f"{upstream.url}/npm/"
    with session.node_registries(ENTREPOT, VERDACCIO, upstream=url) as registries:
        through = [Source(each.name, each, each.url + each.registry_path, each.npm_token) for each in registries]
        yield [*through, Source(UPSTREAM, upstream, url)]


def _prepare_npm(folder: Path, program: Path, source: Source) -> tuple[list[str], dict[str, str]]:
    place = urlsplit(source.url)
    lines = [f"registry={source.url}", f"cache={folder / 'cache'}", "update-notifier=false"]
    if source.token:
        lines.append(f"//{place.netloc}{place.path}:_authToken={source.token}")
    (folder / ".npmrc").write_text("\n".join([*lines, ""]))
    return [str(program), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], {"HOME": str(folder)}


_INSTALLERS = (
    Installer("uv", "uv", _fill_index, _python_sources, _prepare_uv, "installed/*.dist-info"),
    Installer("npm", "npm10", _fill_registry, _node_sources, _prepare_npm, "node_modules/*/package.json"),
)


# --- the works ---


def works(scale: Scale) -> Sequence[str]:
    return [_title(scale, installer, state) for installer in _INSTALLERS for state in _STATES]


def _title(scale: Scale, installer: Installer, state: str) -> str:
    return f"{installer.name} installs {scale.locked_packages} packages, {state}"


def run(session: Session, wanted: Sequence[str]) -> None:
    session.report.versions[UPSTREAM] = "the nginx that is read through to, asked directly"
    for installer in _INSTALLERS:
        program = session.program(installer.tool)
        if program and any(_title(session.scale, installer, state) in wanted for state in _STATES):
            with session.static() as static:
                for upstream in static:  # one, or none when it is missing
                    _measure(session, installer, program, upstream, wanted)


def _measure(session: Session, installer: Installer, program: Path, upstream: Nginx, wanted: Sequence[str]) -> None:
    count, rounds = session.scale.locked_packages, session.scale.transfer_rounds
    with (
        TemporaryDirectory(dir=session.home, prefix="locks-") as home,
        contextmanager(installer.sources)(session, upstream) as sources,
    ):
        for turn in range(rounds):
            lock = Path(home, str(turn))
            lock.mkdir()
            installer.fill(upstream, [f"wanted{turn}x{number}" for number in range(count)], lock)
            # Whoever only wants the warm one pays for the cold one too: it is what warms.
            for source in sources:
                for state in _STATES:
                    work = _title(session.scale, installer, state)
                    say(f"{work}: round {turn + 1} of {rounds}, {source.name}")
                    cost = _install(session, installer, program, lock, source)
                    if work in wanted:
                        session.row(work, "s", "lower").record(source.name, cost.seconds)
                        cpu_seconds = max(cost.cpu_seconds, LEAST_CPU_SECONDS)
                        session.row(work, "CPU-s of the server", "lower").record(source.name, cpu_seconds)


def _install(session: Session, installer: Installer, program: Path, lock: Path, source: Source) -> Cost:
    with TemporaryDirectory(dir=session.home, prefix="installation-") as home:
        folder = Path(home)
        names = [file.name for file in lock.iterdir()]
        for name in names:
            (folder / name).write_bytes((lock / name).read_bytes())
        command, environment = installer.prepare(folder, program, source)
        with costing(source.subject) as cost:
            _run(command, folder, environment)
        count = len(list(folder.glob(installer.installed)))
        if count != session.scale.locked_packages:
            raise InstallFailed(f"{installer.name} installed {count} packages from {source.name}")
    return cost


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        raise InstallFailed(f"{' '.join(command[:3])}: {done.stderr or done.stdout}")


GROUP = Group(works, run)
