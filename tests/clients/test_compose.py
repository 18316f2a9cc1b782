"""deploy/compose as it stands, as processes: its proxy, its secrets and its nodes' environment; upgraded under load.

There is no daemon that runs images here. What a file of compose says of them is held to the specification by the
project's own reader, and what runs inside is run beside each other.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import yaml

from entrepot.client import Client
from entrepot.settings import load
from tests.clients.content import IMAGE
from tests.clients.programs import Shell, program
from tests.faults.line import manifest_of
from tests.faults.server import Server, start
from tests.object_servers import CREDENTIALS, ObjectServer, versitygw
from tests.postgresql import Cluster, running_cluster

pytestmark = pytest.mark.clients

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
_PATIENCE = 60.0
_CLIENTS = 4
_PLACE = re.compile(r"172\.30\.40\.1(\d):8080")
"""Where a node is, in the network of the file."""


def described() -> dict[str, Any]:
    """The file, read."""
    return dict(yaml.safe_load((COMPOSE / "compose.yaml").read_text()))


def test_the_file_is_one_of_the_specification(shell: Shell, tmp_path: Path) -> None:
    folder = shutil.copytree(COMPOSE, tmp_path / "compose")
    shell.run(folder / "make-secrets.sh", "registry.example.com")

    done = shell.run(program("compose-spec"), folder / "compose.yaml")

    read = yaml.safe_load(done.output)
    assert {"node-1", "node-2", "node-3", "migrate", "proxy", "postgresql", "objects"} <= set(read["services"])


def test_every_image_is_named_by_a_registry_of_ones_own() -> None:
    images = [service["image"] for service in described()["services"].values()]

    assert all("registry.example.com/" in image for image in images)


def test_what_a_node_is_told_are_settings() -> None:
    given = described()["x-node"]["environment"]

    settings = load(environ=given | {"ENTREPOT_PUBLIC_URL": "https://registry.example.com"})

    names = {name.removeprefix("ENTREPOT_").lower() for name in given if name.startswith("ENTREPOT_")}
    assert names <= set(settings.__struct_fields__)
    assert settings.trusted_proxies == (described()["services"]["proxy"]["networks"]["inside"]["ipv4_address"],)


def test_nodes_are_given_time_to_leave() -> None:
    node = described()["x-node"]
    settings = load(environ=node["environment"])

    assert float(node["stop_grace_period"].removesuffix("s")) > settings.drain_seconds + settings.graceful_seconds


def test_the_proxy_and_the_nodes_agree_on_where_nodes_are() -> None:
    services = described()["services"]
    nodes = [services[f"node-{number}"]["networks"]["inside"]["ipv4_address"] for number in (1, 2, 3)]

    asked = services["proxy"]["environment"]["NODES"].split()
    written = set(re.findall(r"server (\S+:8080) ", (COMPOSE / "proxy" / "nginx.conf").read_text()))

    assert asked == [f"{node}:8080" for node in nodes]
    assert written == set(asked)


# --- the same, running ---


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        with versitygw(tmp_path_factory.mktemp("objects")) as server:
            yield server


@dataclass
class Installation:
    """What the file describes: two of its nodes, and the proxy before them."""

    home: Path
    cluster: Cluster
    objects: ObjectServer
    address: str
    nodes: list[Server] = field(default_factory=list)
    proxy: str = ""

    @property
    def secrets(self) -> Path:
        return self.home / "compose" / "secrets"

    def start(self, number: int, listen: str = "127.0.0.1:0") -> Server:
        """Start a node with the environment that the file gives it, but for where things are."""
        given: Mapping[str, str] = described()["x-node"]["environment"]
        told = {name: value.replace("/run/secrets", str(self.secrets)) for name, value in given.items()} | {
            "ENTREPOT_LISTEN": listen,
            "ENTREPOT_DATABASE": self.address,
            "ENTREPOT_BLOBS": self.objects.address("registry"),
            "ENTREPOT_PUBLIC_URL": self.proxy,
            "ENTREPOT_TRUSTED_PROXIES": "127.0.0.1",
        }
        settings = {
            name.removeprefix("ENTREPOT_").lower(): value
            for name, value in told.items()
            if name.startswith("ENTREPOT_")
        }
        return start(self.home / f"node-{number}", **settings)


@pytest.fixture(scope="module")
def installation(
    cluster: Cluster, objects: ObjectServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("compose")
    shutil.copytree(COMPOSE, home / "compose")
    Shell(home).run(home / "compose" / "make-secrets.sh", "localhost")
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        # nginx takes it as it is: of two workers that wake for one connection, the second would wait for another.
        listening.setblocking(False)
        proxy = f"https://localhost:{listening.getsockname()[1]}"
        made = Installation(home, cluster, objects, cluster.create(), proxy=proxy)
        for number in (1, 2):
            made.nodes.append(made.start(number))
        stack.callback(lambda: [node.kill() for node in made.nodes])
        stack.enter_context(running_proxy(made, listening))
        yield made


@contextmanager
def running_proxy(installation: Installation, listening: socket.socket) -> Iterator[None]:
    """run.sh and nginx.conf as they stand, but for where nodes are and where it listens."""
    home = installation.home / "proxy"
    shutil.copytree(COMPOSE / "proxy", home)
    (home / "state").mkdir()
    shutil.copytree(installation.secrets / "tls", home / "tls")
    places = [node.url.removeprefix("http://") for node in installation.nodes]
    # The third node of the file is not there, as one that was taken away.
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        places.append(f"127.0.0.1:{nobody.getsockname()[1]}")
        configuration = (home / "nginx.conf").read_text()
        configuration = _PLACE.sub(lambda found: places[int(found[1]) - 1], configuration)
        configuration = configuration.replace("listen 8443", f"listen 127.0.0.1:{listening.getsockname()[1]}")
        configuration = re.sub(r"    server \{\n        listen 8080;.*?\n    \}\n", "", configuration, flags=re.DOTALL)
        # Started by root, its workers would be another user, who may not enter a temporary folder.
        user = "user root;\n" if os.geteuid() == 0 else ""
        (home / "nginx.conf").write_text(user + configuration)
        tools = {Path(program(name)).parent for name in ("nginx", "curl")}
        with (
            (home / "log").open("wb") as log,
            subprocess.Popen(
                ["/bin/sh", home / "run.sh", home],
                env={
                    "PATH": ":".join([*map(str, tools), os.defpath]),
                    "NODES": " ".join(places),
                    # It takes over a socket that we listen on: nobody else can have the port.
                    "NGINX": f"{listening.fileno()};",
                },
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            ) as process,
        ):
            try:
                yield
            finally:
                process.terminate()
                process.wait(_PATIENCE)


def client(installation: Installation, token: str) -> httpx.Client:
    """Somebody who comes through the proxy."""
    trust = ssl.create_default_context(cafile=str(installation.secrets / "tls" / "tls.crt"))
    return httpx.Client(
        base_url=installation.proxy, auth=("any", token), verify=trust, trust_env=False, timeout=_PATIENCE
    )


def token_of(installation: Installation) -> str:
    """The administrator's, which the first node printed."""
    return installation.nodes[0].token


class Load:
    """Clients who push and pull, and remember each answer that is not as it should be."""

    def __init__(self, installation: Installation, token: str) -> None:
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []
        self._installation, self._token = installation, token
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(_CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        """Until so many more things were done, or one failed."""
        with self._changed:
            until = self.done.total() + more
            assert self._changed.wait_for(lambda: self.done.total() >= until or self.failed, _PATIENCE)

    def _count(self, what: str) -> None:
        with self._changed:
            self.done[what] += 1
            self._changed.notify_all()

    def _work(self, number: int) -> None:
        chance = random.Random(number)
        package = f"/v2/acme/upgraded-{number}"
        with client(self._installation, self._token) as line:
            while not self._over.is_set() and not self.failed:
                try:
                    self._push_and_pull(line, package, chance)
                except (httpx.HTTPError, AssertionError) as error:
                    with self._changed:
                        self.failed.append(repr(error))
                        self._changed.notify_all()

    def _push_and_pull(self, line: httpx.Client, package: str, chance: random.Random) -> None:
        # What is small is in the catalog, what is larger in the bucket; and one comes in pieces, to any node.
        small, large = chance.randbytes(500), chance.randbytes(200_000)
        for content in (small, large):
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            begun = self._must(202, line.post(f"{package}/blobs/uploads/"))
            half = len(content) // 2
            place = {"Content-Range": f"0-{half - 1}", "Content-Type": "application/octet-stream"}
            more = self._must(202, line.patch(begun.headers["Location"], content=content[:half], headers=place))
            self._must(201, line.put(more.headers["Location"], params={"digest": digest}, content=content[half:]))
        manifest = manifest_of(small, large)
        self._must(201, line.put(f"{package}/manifests/latest", content=manifest, headers={"Content-Type": IMAGE}))
        assert self._must(200, line.get(f"{package}/manifests/latest")).content == manifest
        digest = f"sha256:{hashlib.sha256(large).hexdigest()}"
        assert self._must(200, line.get(f"{package}/blobs/{digest}")).content == large

    def _must(self, status: int, answer: httpx.Response) -> httpx.Response:
        assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
        self._count(answer.request.method)
        return answer


def wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def asked(node: Server, token: str) -> float:
    """How often clients of containers came to that very node."""
    told = httpx.get(f"{node.url}/metrics", auth=("any", token), trust_env=False, timeout=_PATIENCE).text
    counts = re.findall(r'^entrepot_requests_total{format="oci".*} (\S+)$', told, re.MULTILINE)
    return sum(map(float, counts))


def test_nodes_are_gone_over_one_after_another_without_a_failed_request(installation: Installation) -> None:
    """Users' threads 8 and 82: no window of reading alone, and no downtime, for an upgrade.

    Users' thread 81: any request to any node, over one bucket.
    """
    token = token_of(installation)
    with Client(installation.nodes[0].url, token, environment={}) as registry:
        registry.namespaces.create("acme")

    with Load(installation, token) as load:
        load.wait_for(20)
        for number, node in enumerate(installation.nodes):
            node.process.send_signal(signal.SIGTERM)
            # It says that it leaves, and answers: the proxy has time to notice, and then asks the other.
            leaves = installation.home / "proxy" / "state" / f"leaves-{number + 1}"
            wait_until(leaves.exists)
            before = asked(node, token)
            load.wait_for(40)
            assert asked(node, token) - before <= _CLIENTS  # what was on its way to it already
            assert node.terminate() == 0
            load.wait_for(20)
            installation.nodes[number] = installation.start(number + 1, node.url.removeprefix("http://"))
            wait_until(lambda leaves=leaves: not leaves.exists())  # type: ignore[misc]
            load.wait_for(20)

    assert load.failed == []
    assert min(load.done[method] for method in ("POST", "PATCH", "PUT", "GET")) > 0


def test_metrics_are_not_told_to_those_outside(installation: Installation) -> None:
    with client(installation, token_of(installation)) as line:
        assert line.get("/metrics").status_code == 404
        assert line.get("/livez").status_code == 200
