"""Webhooks are told of what happened, once at least, in order, and never of what is not theirs."""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from entrepot.model.access import Caller, Role
from entrepot.model.errors import Denied, Invalid, NamespaceUnknown, TooMany, Unauthenticated, WebhookUnknown
from entrepot.model.names import NamespaceName
from entrepot.model.position import START, Position
from entrepot.model.webhook import Outcome, Webhook
from entrepot.operations.deliver import deliver_due, test_webhook
from entrepot.operations.webhooks import (
    add_webhook,
    find_webhook,
    list_deliveries,
    list_webhooks,
    remove_webhook,
    replay,
    rotate_secret,
    set_webhook,
)
from entrepot.schedules.webhooks import deliver
from entrepot.testing.builders import ADMINISTRATOR, HOST, World, caller, image
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere

ANYBODY = Caller(None)
test_webhook.__test__ = False  # type: ignore[attr-defined]  # an operation, not a test


@pytest.fixture
async def receiver() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as receiver:
        receiver.says["/hook"] = Said()
        yield receiver


async def hook(world: World, receiver: Elsewhere, **options: Any) -> tuple[Webhook, str]:
    return await add_webhook(
        world.registry, ADMINISTRATOR, f"{receiver.url}/hook", source=HOST, private=True, **options
    )


async def send_all(world: World, id: str) -> None:
    while await deliver_due(world.registry, id):
        pass


def received(receiver: Elsewhere) -> list[dict[str, Any]]:
    return [msgspec.json.decode(body) for body in receiver.bodies]


def types(receiver: Elsewhere) -> list[str]:
    return [message["type"].removeprefix("dev.entrepot.").removesuffix(".v1") for message in received(receiver)]


async def test_what_happens_is_told_as_signed_cloud_events(world: World, receiver: Elsewhere) -> None:
    added, secret = await hook(world, receiver)
    await world.namespace("beta")
    await send_all(world, added.id)

    end, _ = await world.catalog.head()
    assert types(receiver) == ["webhook.added", "namespace.created"]
    message, headers = received(receiver)[1], receiver.requests[1]
    assert message == {
        "specversion": "1.0",
        "id": str(end),
        "source": HOST,
        "type": "dev.entrepot.namespace.created.v1",
        "time": "2026-01-31T12:00:00+00:00",
        "datacontenttype": "application/json",
        "actor": "administrator",
        "subject": "beta",
        "data": {"namespace": "beta"},
    }
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["webhook-id"] == f"{added.id}_{end}"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + receiver.bodies[1]
    expected = hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, sha256)
    assert headers["webhook-signature"] == f"v1,{b64encode(expected).decode()}"
    assert headers["webhook-timestamp"] == str(int(world.clock.now().timestamp()))


async def test_a_webhook_without_a_namespace_is_told_of_all_of_them_also_of_new_ones(
    world: World, receiver: Elsewhere
) -> None:
    """Users' thread 84: webhooks for the whole instance, and not one to be set up for each project."""
    added, _ = await hook(world, receiver, types=("dev.entrepot.artifact.*",))
    for name in ("beta", "gamma"):
        await world.namespace(name)
        await world.push(f"{name}/api", image(b"layer"), "1.0")
    await send_all(world, added.id)

    assert [message["subject"] for message in received(receiver)] == ["beta/oci/api", "gamma/oci/api"]


async def test_a_webhook_of_a_namespace_is_told_of_nothing_else(world: World, receiver: Elsewhere) -> None:
    await world.namespace("beta")
    added, _ = await hook(world, receiver, namespace=NamespaceName("beta"))
    await world.namespace("zeta")
    await world.push("zeta/api", image(b"layer"), "1.0")
    await world.push("beta/api", image(b"layer"), "1.0")
    await world.token("reader", "beta")
    await send_all(world, added.id)

    assert {message["data"].get("namespace") for message in received(receiver)} == {"beta"}
    assert received(receiver)[-1]["subject"] == "beta/oci/api"


async def test_only_what_is_asked_for_is_told(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver, types=("dev.entrepot.artifact.*", "dev.entrepot.version.yanked.v1"))
    await world.namespace("beta")
    await world.push("beta/api", image(b"layer"), "1.0")
    await send_all(world, added.id)

    assert types(receiver) == ["artifact.published"]


async def test_what_did_not_arrive_is_sent_again_later_and_as_it_was(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver)
    receiver.says["/hook"] = Said(status=503)
    await world.namespace("beta")
    await send_all(world, added.id)
    await send_all(world, added.id)

    assert len(receiver.bodies) == 1  # it is not due yet, and nothing overtakes it
    receiver.says["/hook"] = Said()
    world.clock.advance(seconds=7)
    await send_all(world, added.id)

    assert types(receiver) == ["webhook.added", "webhook.added", "namespace.created"]
    assert receiver.bodies[0] == receiver.bodies[1]
    assert receiver.requests[0]["webhook-id"] == receiver.requests[1]["webhook-id"]
    first, second = await list_deliveries(world.registry, ADMINISTRATOR, added.id, after=START, limit=10)
    assert (first.outcome, first.attempts, first.status) == (Outcome.DELIVERED, 2, 200)
    assert (second.outcome, second.attempts) == (Outcome.DELIVERED, 1)


async def test_a_receiver_is_given_the_time_that_it_asks_for(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver)
    receiver.says["/hook"] = Said(status=429, headers={"retry-after": "600"})
    await send_all(world, added.id)

    waiting = await find_webhook(world.registry, ADMINISTRATOR, added.id)
    assert waiting.due_at is not None
    assert (waiting.due_at - world.clock.now()).total_seconds() == 600


async def test_what_never_arrives_is_put_aside_and_can_be_sent_again(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver)
    receiver.says["/hook"] = Said(status=500)
    for _ in range(11):
        await send_all(world, added.id)
        world.clock.advance(hours=3 if len(receiver.bodies) < 8 else 16)

    (dead,) = await list_deliveries(world.registry, ADMINISTRATOR, added.id, after=START, limit=10, failed=True)
    assert (dead.outcome, dead.attempts, dead.status) == (Outcome.DEAD, 11, 500)
    assert dead.problem == "it answered 500"

    receiver.says["/hook"] = Said()
    await world.namespace("beta")
    await send_all(world, added.id)
    assert types(receiver)[11:] == ["namespace.created"]
    await replay(world.registry, ADMINISTRATOR, added.id, Position(dead.position - 1))
    await send_all(world, added.id)

    assert types(receiver)[12:] == ["webhook.added", "namespace.created"]
    assert await list_deliveries(world.registry, ADMINISTRATOR, added.id, after=START, limit=9, failed=True) == []


async def test_who_takes_nothing_for_long_is_told_no_more_and_everybody_sees_it(
    world: World, receiver: Elsewhere
) -> None:
    added, _ = await hook(world, receiver)
    receiver.says["/hook"] = Said(status=500)
    for _ in range(20):
        await send_all(world, added.id)
        world.clock.advance(hours=13)

    disabled = await find_webhook(world.registry, ADMINISTRATOR, added.id)
    assert disabled.disabled == "nothing has arrived since 2026-01-31 12:00 UTC: it answered 500"
    assert (await world.events())[-1] == "webhook.disabled"

    receiver.says["/hook"] = Said()
    await set_webhook(world.registry, ADMINISTRATOR, added.id, enabled=True)
    await send_all(world, added.id)
    assert types(receiver)[-3:] == ["webhook.added", "webhook.disabled", "webhook.changed"]


async def test_who_is_gone_is_told_no_more_at_once(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver)
    receiver.says["/hook"] = Said(status=410)
    await send_all(world, added.id)

    assert (await find_webhook(world.registry, ADMINISTRATOR, added.id)).disabled == "it is gone: it answered 410"


async def test_a_redirect_is_not_followed(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver)
    receiver.says["/hook"] = Said(status=307, headers={"location": f"{receiver.url}/other"})
    receiver.says["/other"] = Said()
    await send_all(world, added.id)

    assert receiver.asked == {"/hook": 1}


async def test_a_private_address_is_not_reached_unless_it_was_allowed(world: World, receiver: Elsewhere) -> None:
    added, _ = await add_webhook(world.registry, ADMINISTRATOR, f"{receiver.url}/hook", source=HOST)
    await send_all(world, added.id)

    assert receiver.bodies == []
    assert (await find_webhook(world.registry, ADMINISTRATOR, added.id)).attempts == 1


async def test_a_secret_is_replaced_without_a_moment_in_which_none_is_right(world: World, receiver: Elsewhere) -> None:
    added, old = await hook(world, receiver)
    new = await rotate_secret(world.registry, ADMINISTRATOR, added.id)
    await send_all(world, added.id)
    world.clock.advance(hours=25)
    await world.namespace("beta")
    await send_all(world, added.id)

    assert old != new
    assert len(receiver.requests[0]["webhook-signature"].split(" ")) == 2
    assert len(receiver.requests[-1]["webhook-signature"].split(" ")) == 1
    assert await world.catalog.webhooks.find_secrets(added.id, world.clock.now()) == [new]


async def test_one_that_is_slow_keeps_no_other_waiting(world: World, receiver: Elsewhere) -> None:
    slow, _ = await hook(world, receiver)
    gate = asyncio.Event()
    receiver.says["/hook"] = Said(body=b"slowly", gate=gate)
    async with elsewhere() as quick:
        quick.says["/hook"] = Said()
        await hook(world, quick)
        sending = asyncio.create_task(deliver(world.registry))
        async with asyncio.timeout(30):
            while len(quick.bodies) < 1:
                await quick.says["/hook"].reached.wait()
                await asyncio.sleep(0)
        before = await find_webhook(world.registry, ADMINISTRATOR, slow.id)
        gate.set()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    assert before.position == slow.position


async def test_a_test_is_sent_and_its_answer_told(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver)

    good = await test_webhook(world.registry, ADMINISTRATOR, added.id)
    receiver.says["/hook"] = Said(status=404)
    bad = await test_webhook(world.registry, ADMINISTRATOR, added.id)

    assert (good.status, good.problem) == (200, None)
    assert (bad.status, bad.problem) == (404, "it answered 404")
    assert types(receiver) == ["webhook.tested", "webhook.tested"]


async def test_what_was_removed_or_changed_meanwhile_stands(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver)
    gate = asyncio.Event()
    receiver.says["/hook"] = said = Said(body=b"slowly", gate=gate)
    sending = asyncio.create_task(deliver_due(world.registry, added.id))
    await said.reached.wait()
    await remove_webhook(world.registry, ADMINISTRATOR, added.id)
    gate.set()

    assert await sending is False
    assert await world.catalog.webhooks.list() == []
    with pytest.raises(WebhookUnknown):
        await find_webhook(world.registry, ADMINISTRATOR, added.id)


async def test_only_so_many_deliveries_that_arrived_are_remembered(
    world: World, receiver: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrepot.operations.deliver._KEPT", 3)
    added, _ = await hook(world, receiver)
    for number in range(6):
        await world.namespace(f"n{number}")
    await send_all(world, added.id)

    kept = await list_deliveries(world.registry, ADMINISTRATOR, added.id, after=START, limit=100)
    end, _ = await world.catalog.head()
    assert [delivery.position for delivery in kept] == [end - 2, end - 1, end]


# --- who may ---


async def test_a_webhook_takes_the_rights_to_see_and_to_govern(world: World, receiver: Elsewhere) -> None:
    await world.namespace("beta")
    beta = NamespaceName("beta")
    owner = caller(Role.ADMINISTRATOR, "beta")
    url = "https://hooks.example.com/"

    await add_webhook(world.registry, owner, url, source=HOST, namespace=beta)
    for who, refusal in (
        (caller(Role.AUDITOR, "beta"), Denied),
        (caller(Role.MAINTAINER, "beta"), Denied),
        (caller(Role.ADMINISTRATOR, "zeta"), NamespaceUnknown),
        (ANYBODY, Unauthenticated),
    ):
        with pytest.raises(refusal):
            await add_webhook(world.registry, who, url, source=HOST, namespace=beta)
        with pytest.raises(refusal):
            await list_webhooks(world.registry, who, beta)
    with pytest.raises(Denied):
        await add_webhook(world.registry, owner, url, source=HOST)
    with pytest.raises(Denied):
        await add_webhook(world.registry, owner, url, source=HOST, namespace=beta, private=True)
    with pytest.raises(NamespaceUnknown):
        await add_webhook(world.registry, ADMINISTRATOR, url, source=HOST, namespace=NamespaceName("nowhere"))


async def test_another_s_webhook_is_not_known(world: World, receiver: Elsewhere) -> None:
    added, _ = await hook(world, receiver)
    stranger = caller(Role.ADMINISTRATOR, "beta")

    for act in (find_webhook, remove_webhook, rotate_secret, test_webhook):
        with pytest.raises(WebhookUnknown):
            await act(world.registry, stranger, added.id)
        with pytest.raises(Unauthenticated):
            await act(world.registry, ANYBODY, added.id)
    assert receiver.bodies == []


@pytest.mark.parametrize("url", ["ftp://example.com/", "https://user:secret@example.com/", "https://e.com/?key=1", ""])
async def test_an_address_with_more_than_a_place_is_refused(world: World, url: str) -> None:
    with pytest.raises(Invalid):
        await add_webhook(world.registry, ADMINISTRATOR, url, source=HOST)


async def test_patterns_and_numbers_have_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://hooks.example.com/"
    for wrong in ((), ("no spaces",), ("*",) * 51):
        with pytest.raises(Invalid):
            await add_webhook(world.registry, ADMINISTRATOR, url, source=HOST, types=wrong)
    monkeypatch.setattr("entrepot.operations.webhooks._MOST", 1)
    added, _ = await add_webhook(world.registry, ADMINISTRATOR, url, source=HOST)
    with pytest.raises(TooMany):
        await add_webhook(world.registry, ADMINISTRATOR, url, source=HOST)
    with pytest.raises(Invalid):
        await replay(world.registry, ADMINISTRATOR, added.id, Position(10**6))


async def test_what_changes_of_a_webhook_is_journaled_without_its_secret(world: World, receiver: Elsewhere) -> None:
    added, secret = await hook(world, receiver)
    changed = await set_webhook(
        world.registry, ADMINISTRATOR, added.id, url="https://hooks.example.com/a/", types=("dev.entrepot.tag.*",)
    )
    again = await set_webhook(world.registry, ADMINISTRATOR, added.id, url="https://hooks.example.com/a/")
    new = await rotate_secret(world.registry, ADMINISTRATOR, added.id)
    await remove_webhook(world.registry, ADMINISTRATOR, added.id)

    assert changed == replace(added, url="https://hooks.example.com/a/", types=("dev.entrepot.tag.*",))
    assert again == changed
    events = (await world.events())[-4:]
    assert events == ["webhook.added", "webhook.changed", "webhook.changed", "webhook.removed"]
    for entry in await world.catalog.list_entries(after=START, limit=1_000):
        assert secret.encode() not in entry.content
        assert new.encode() not in entry.content
