"""Webhooks as who governs a namespace has them: commands, a server, and somebody who is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import msgspec
import pytest

from tests.cli.installation import Installation

_SECONDS = 60


class Receiver:
    """Takes whatever is sent, and answers with *status*."""

    def __init__(self) -> None:
        self.status = 200
        self.came: Queue[tuple[dict[str, str], dict[str, object]]] = Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()
                receiver.came.put(({k.lower(): v for k, v in self.headers.items()}, msgspec.json.decode(body)))

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/"

    def next(self) -> dict[str, object]:
        """The next event that comes."""
        return self.came.get(timeout=_SECONDS)[1]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


def test_a_namespace_s_events_are_sent_listed_and_sent_again(
    installation: Installation, namespace: str, receiver: Receiver
) -> None:
    made = installation.must("webhook", "add", receiver.url, "--namespace", namespace, "--private", "-o", "json").json
    id, position = made["webhook"]["id"], made["webhook"]["position"]
    assert receiver.next()["type"] == "dev.entrepot.webhook.added.v1"
    installation.must("channel", "set", namespace, "dev", "prod")
    changed = receiver.next()
    tested = installation.must("webhook", "test", id)
    assert receiver.next()["type"] == "dev.entrepot.webhook.tested.v1"
    installation.must("webhook", "replay", id, "--after", str(position))
    again = [receiver.next()["type"], receiver.next()["id"]]

    assert made["secret"].startswith("whsec_")
    assert (changed["type"], changed["subject"]) == ("dev.entrepot.channels.changed.v1", namespace)
    assert tested.out == "the test arrived: 200\n"
    assert again == ["dev.entrepot.webhook.added.v1", changed["id"]]
    assert "delivered" in installation.must("webhook", "deliveries", id).out
    assert installation.must("webhook", "deliveries", id, "--failed", "-o", "json").json == []
    assert installation.must("webhook", "rotate", id).out.startswith("whsec_")
    assert receiver.url in installation.must("webhook", "list", "--namespace", namespace).out

    installation.must("webhook", "disable", id)
    assert "disabled: by" in installation.must("webhook", "list", "--namespace", namespace).out
    installation.must("webhook", "enable", id)
    unsure = installation.run("webhook", "remove", id)
    installation.must("webhook", "remove", id, "--yes")
    assert unsure.code == 2
    assert installation.must("webhook", "list", "--namespace", namespace, "-o", "json").json == []


def test_what_does_not_arrive_is_said(installation: Installation, namespace: str, receiver: Receiver) -> None:
    receiver.status = 500
    made = installation.must("webhook", "add", receiver.url, "-n", namespace, "--private", "-o", "json").json
    receiver.next()
    tested = installation.run("webhook", "test", made["webhook"]["id"])

    assert tested.code == 1
    assert "the test did not arrive: it answered 500" in tested.err
    installation.must("webhook", "remove", made["webhook"]["id"], "--yes")
