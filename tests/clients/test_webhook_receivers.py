"""What others wrote to receive webhooks believes ours, and refuses what was tampered with on the way.

The receiver is the Standard Webhooks project's own verifier, and the CloudEvents project's own SDK.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from entrepot.operations.deliver import deliver_due
from entrepot.operations.webhooks import add_webhook, rotate_secret
from entrepot.testing.builders import ADMINISTRATOR, HOST, StoppedClock, image, open_world
from entrepot.testing.elsewhere import Said, elsewhere
from tests.clients.programs import Shell, program

_RECEIVE = """
import base64, json, sys
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook, WebhookVerificationError

given = json.load(sys.stdin)
body = base64.b64decode(given["body"])
try:
    Webhook(given["secret"]).verify(body, given["headers"])
    event = from_http_event(HTTPMessage(given["headers"], body))
except WebhookVerificationError as error:
    print("refused:", error, file=sys.stderr)
    sys.exit(1)
print(json.dumps({"id": event.get_id(), "type": event.get_type(), "source": event.get_source(),
                  "subject": event.get_subject(), "time": event.get_time().isoformat(), "data": event.get_data()}))
"""

Message = dict[str, Any]


@pytest.fixture
async def sent(tmp_path: Path) -> tuple[str, str, list[Message]]:
    """The old secret, the new one, and what was sent: signed with one, and later with both."""
    clock = StoppedClock(datetime.now(UTC))  # receivers refuse what is older than five minutes
    (tmp_path / "world").mkdir()
    async with open_world(tmp_path / "world", clock=clock) as world, elsewhere() as receiver:
        receiver.says["/hook"] = Said()
        hook, old = await add_webhook(
            world.registry,
            ADMINISTRATOR,
            f"{receiver.url}/hook",
            source=HOST,
            private=True,
            types=("dev.entrepot.artifact.*",),
        )
        await world.namespace("beta")
        await world.push("beta/api", image(b"layer"), "1.0")
        await deliver_due(world.registry, hook.id)
        new = await rotate_secret(world.registry, ADMINISTRATOR, hook.id)
        await world.push("beta/api", image(b"another"), "2.0")
        await deliver_due(world.registry, hook.id)
        return (
            old,
            new,
            [
                {"headers": headers, "body": b64encode(body).decode()}
                for headers, body in zip(receiver.requests, receiver.bodies, strict=True)
            ],
        )


@pytest.fixture
def python(tmp_path: Path) -> tuple[Shell, Path]:
    # The environment's own command: a link to it would not find its packages.
    return Shell(tmp_path), Path(program("webhooks")).parent / "environment" / "bin" / "python"


async def test_a_message_is_believed_and_read_by_the_libraries_of_others(
    sent: tuple[str, str, list[Message]], python: tuple[Shell, Path]
) -> None:
    old, new, (first, second) = sent
    shell, command = python

    for secret, message, version in ((old, first, "1.0"), (old, second, "2.0"), (new, second, "2.0")):
        done = shell.run(command, "-c", _RECEIVE, given=json.dumps({"secret": secret, **message}))
        event = json.loads(done.output)
        assert event["type"] == "dev.entrepot.artifact.published.v1"
        assert event["source"] == HOST
        assert event["subject"] == "beta/oci/api"
        assert event["data"]["references"] == [version]
    shell.refuse(command, "-c", _RECEIVE, given=json.dumps({"secret": new, **first}))


TAMPERED: dict[str, Callable[[Message], None]] = {
    "the body": lambda message: message.update(body=message["body"].replace("e", "f", 1)),
    "the time": lambda message: _header(message, "webhook-timestamp", lambda text: str(int(text) + 1)),
    "an old time": lambda message: _header(message, "webhook-timestamp", lambda text: str(int(text) - 600)),
    "the id": lambda message: _header(message, "webhook-id", lambda text: text + "1"),
    "the signature": lambda message: _header(message, "webhook-signature", lambda _: "v1," + "A" * 43 + "="),
    "its version": lambda message: _header(message, "webhook-signature", lambda text: text.replace("v1,", "v2,")),
    "no signature": lambda message: _header(message, "webhook-signature", lambda _: ""),
}


def _header(message: Message, name: str, change: Callable[[str], str]) -> None:
    message["headers"][name] = change(message["headers"][name])


@pytest.mark.parametrize("name", TAMPERED)
async def test_a_message_that_was_tampered_with_is_refused(
    sent: tuple[str, str, list[Message]], python: tuple[Shell, Path], name: str
) -> None:
    old, _, (message, _) = sent
    shell, command = python
    TAMPERED[name](message)

    done = shell.refuse(command, "-c", _RECEIVE, given=json.dumps({"secret": old, **message}))
    assert "refused:" in done.errors
