"""Real registries behind a line on which things go wrong: nobody gets wrong bytes, and what is well again is served."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.clients.content import Layout, large_image, noise
from tests.clients.distribution import distribution
from tests.clients.faulty_line import Fault, FaultyLine, faulty_line
from tests.clients.goproxy import Repositories, goproxy
from tests.clients.programs import Shell, program
from tests.clients.python_packages import module_wheel, run_entrepot
from tests.clients.python_peers import devpi, pypiserver
from tests.clients.server import Registry, serve
from tests.clients.verdaccio import verdaccio
from tests.formats.pypi.building import Built

pytestmark = pytest.mark.clients

WHEEL = module_wheel("through", "1.0", noise("through", 1 << 20))
_JSON = {"accept": "application/vnd.pypi.simple.v1+json"}


@dataclass(frozen=True, slots=True)
class Peer:
    """A registry that runs, and one file that it has."""

    format: str
    url: str
    """Without a path."""
    path: str
    """Of what an upstream's address is."""
    spoilt: str
    """What is in the paths of its files."""
    find: Callable[[httpx.Client], str]
    """Where the registry in front has the file; asked as clients do."""
    content: bytes | None = None
    """What is in it; None where what it is becomes known by asking when all is well."""


Start = Callable[[Shell, Path], AbstractContextManager[Peer]]


def _python_file(front: httpx.Client) -> str:
    page = front.get("/pypi/acme/simple/through/", headers=_JSON).raise_for_status()
    return str(page.url.join(page.json()["files"][0]["url"]))


@contextmanager
def _pypiserver(_: Shell, home: Path) -> Iterator[Peer]:
    with pypiserver(home, (WHEEL,)) as index:
        yield _python_peer(index.simple, "/packages/")


@contextmanager
def _devpi(_: Shell, home: Path) -> Iterator[Peer]:
    with devpi(home, (WHEEL,)) as index:
        yield _python_peer(index.simple, r"\+f/")


@contextmanager
def _second(_: Shell, home: Path) -> Iterator[Peer]:
    with serve(home, "lib") as behind, _account(behind) as http:
        http.patch("/api/v1/namespaces/lib", json={"public": True}).raise_for_status()
        _upload(http, WHEEL)
        yield _python_peer(f"{behind.url}/pypi/lib/simple", "/files/")


def _upload(http: httpx.Client, built: Built) -> None:
    fields = {**built.fields, "metadata_version": "2.1", "name": "through", "version": "1.0"}
    files = {"content": (built.filename, built.content)}
    http.post("/pypi/lib/legacy/", data=fields, files=files).raise_for_status()


def _python_peer(simple: str, spoilt: str) -> Peer:
    address = urlsplit(simple)
    return Peer("pypi", f"http://{address.netloc}", address.path, spoilt, _python_file, WHEEL.content)


@contextmanager
def _verdaccio(_: Shell, home: Path) -> Iterator[Peer]:
    def tarball(front: httpx.Client) -> str:
        found = front.get("/npm/acme/through").raise_for_status().json()
        return str(found["versions"]["1.0.0"]["dist"]["tarball"])

    with verdaccio(home) as behind:
        behind.publish("through", files={"data.bin": noise("through", 1 << 20).hex()})
        yield Peer("npm", behind.url, "", r"\.tgz", tarball)


@contextmanager
def _distribution(shell: Shell, home: Path) -> Iterator[Peer]:
    layout = Layout(shell.home / "layout")
    manifest = large_image(layout, "image")
    layout.tag("1.0", manifest)
    layer = max(layout.contents(manifest["digest"]).items(), key=lambda item: len(item[1]))

    def blob(front: httpx.Client) -> str:
        front.get("/v2/acme/image/manifests/1.0").raise_for_status()
        return f"/v2/acme/image/blobs/{layer[0]}"

    with distribution(home) as behind:
        shell.run(program("crane"), "push", layout.root, f"{behind}/team/image:1.0")
        yield Peer("oci", f"http://{behind}", "/team", layer[0], blob, layer[1])


@contextmanager
def _goproxy(shell: Shell, home: Path) -> Iterator[Peer]:
    repositories = Repositories(shell, shell.home / "repositories")
    repositories.commit("greet", "v1.0.0", files={"greet.go": "package greet\n", "noise": noise("go", 1 << 18).hex()})
    path = f"/go/acme/{repositories.module('greet')}/@v/v1.0.0.zip"
    with goproxy(home, repositories) as behind:
        yield Peer("go", behind, "", r"\.zip$", lambda _: path)


@contextmanager
def _account(registry: Registry) -> Iterator[httpx.Client]:
    account = registry.administrator
    assert account is not None
    with httpx.Client(
        base_url=registry.url, auth=(account.user, account.password), timeout=120, trust_env=False
    ) as client:
        yield client


@pytest.mark.parametrize("start", [_pypiserver, _devpi, _verdaccio, _distribution, _goproxy, _second])
def test_what_a_line_spoils_reaches_nobody_and_what_is_slow_holds_up_nobody_else(
    shell: Shell, tmp_path: Path, start: Start
) -> None:
    with ExitStack() as running:
        registry = running.enter_context(serve(tmp_path / "front", "acme"))
        peer = running.enter_context(start(shell, tmp_path / "behind"))
        line = running.enter_context(faulty_line(peer.url, peer.spoilt))
        http = running.enter_context(_account(registry))
        token = registry.administrator.password if registry.administrator else ""
        said = ("--format", peer.format, "--private", "--refresh", "0s")
        run_entrepot(shell, registry, token, "upstream", "add", "acme", "other", line.url + peer.path, *said)
        place = peer.find(http)

        spoilt = {fault: _whole(http, place, line, fault) for fault in Fault if fault is not Fault.SLOW}
        slow, meanwhile = _slowly(http, place, line)
        line.fault = None
        again = http.get(place)

    assert spoilt == {Fault.LYING: None, Fault.TRUNCATING: None, Fault.REDIRECTING: None}
    assert (slow.status_code, again.status_code, meanwhile.status_code) == (200, 200, 200)
    assert slow.content == again.content == (again.content if peer.content is None else peer.content)
    assert len(again.content) > 1 << 17


def _whole(http: httpx.Client, place: str, line: FaultyLine, fault: Fault) -> bytes | None:
    """What comes as a whole answer; None for a refusal, and for an answer that is cut."""
    line.fault = fault
    try:
        answer = http.get(place)
    except httpx.RemoteProtocolError:
        return None
    assert answer.status_code in (200, 502, 503), answer.text
    return answer.content if answer.status_code == 200 else None


def _slowly(http: httpx.Client, place: str, line: FaultyLine) -> tuple[httpx.Response, httpx.Response]:
    """The answer that is waited for, and another one that came while it was."""
    line.fault = Fault.SLOW
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(http.get(place)))
    waiting.start()
    assert line.halves.acquire(timeout=60)
    meanwhile = http.get("/api/v1/status")
    assert waiting.is_alive()
    line.go_on.set()
    waiting.join()
    return answers[0], meanwhile
