"""What every catalog promises of webhooks (`entrepot.ports.webhooks`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from entrepot.model.errors import NamespaceUnknown
from entrepot.model.names import NamespaceName
from entrepot.model.position import START, Position
from entrepot.model.webhook import Delivery, Outcome, Webhook

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.ports.catalog import Catalog, Transaction

_AT: Final = datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=UTC)
_HOOK: Final = Webhook(
    id="one",
    url="https://hooks.example.com/",
    source="https://registry.example.com",
    types=("dev.entrepot.artifact.*", "dev.entrepot.tag.*"),
    private=True,
    created_at=_AT,
    disabled="because",
    position=Position(7),
    attempts=3,
    due_at=_AT + timedelta(hours=1),
    failing_since=_AT - timedelta(hours=1),
)


def _delivery(position: int, outcome: Outcome) -> Delivery:
    return Delivery(Position(position), "dev.entrepot.tag.moved.v1", outcome, 2, 503, "it answered 503", _AT)


def _record(delivery: Delivery, *, keep: int) -> Callable[[Transaction], None]:
    return lambda change: change.webhooks.record("one", delivery, keep=keep)


class WebhooksContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    async def test_a_webhook_is_found_as_it_was_added(self, catalog: Catalog) -> None:
        other = Webhook("two", "https://hooks.example.com/", "https://registry.example.com", created_at=_AT)
        await catalog.write(lambda change: change.webhooks.add(other, "whsec_b"))
        await catalog.write(lambda change: change.webhooks.add(_HOOK, "whsec_a"))

        assert await catalog.webhooks.find("one") == _HOOK
        assert await catalog.webhooks.list() == [_HOOK, other]
        assert await catalog.webhooks.find("three") is None
        assert await catalog.write(lambda change: change.webhooks.find("one")) == _HOOK
        assert await catalog.write(lambda change: change.webhooks.find("three")) is None

    async def test_a_webhook_is_of_a_namespace_that_there_is(self, catalog: Catalog) -> None:
        with pytest.raises(NamespaceUnknown):
            await catalog.write(
                lambda change: change.webhooks.add(replace(_HOOK, namespace=NamespaceName("nowhere")), "whsec_a")
            )

    async def test_what_is_known_of_it_changes(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.webhooks.add(_HOOK, "whsec_a"))
        new = replace(_HOOK, url="https://other.example.com/", types=("*",), disabled=None, attempts=0, due_at=None)

        await catalog.write(lambda change: change.webhooks.set(new))

        assert await catalog.webhooks.find("one") == new

    async def test_of_two_secrets_the_old_one_has_an_end(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.webhooks.add(_HOOK, "whsec_a"))
        assert await catalog.webhooks.find_secrets("one", _AT) == ["whsec_a"]

        await catalog.write(lambda change: change.webhooks.set_secret("one", "whsec_b", old_until=_AT))

        assert await catalog.webhooks.find_secrets("one", _AT - timedelta(seconds=1)) == ["whsec_b", "whsec_a"]
        assert await catalog.webhooks.find_secrets("one", _AT) == ["whsec_b"]
        assert await catalog.webhooks.find_secrets("three", _AT) == []

    async def test_what_became_of_events_is_listed_by_position(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.webhooks.add(_HOOK, "whsec_a"))
        told = [
            _delivery(number, outcome)
            for number, outcome in enumerate([Outcome.DELIVERED, Outcome.FAILED, Outcome.DEAD], 1)
        ]
        for each in reversed(told):
            await catalog.write(_record(each, keep=9))

        listed = catalog.webhooks.list_deliveries
        assert await listed("one", after=START, limit=9) == told
        assert await listed("one", after=Position(1), limit=1) == told[1:2]
        assert await listed("one", after=START, limit=9, failed=True) == told[1:]
        await catalog.write(
            lambda change: change.webhooks.record("one", replace(told[1], outcome=Outcome.DELIVERED), keep=9)
        )
        assert await listed("one", after=START, limit=9, failed=True) == told[2:]

    async def test_of_what_arrived_only_the_last_is_remembered(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.webhooks.add(_HOOK, "whsec_a"))
        told = [_delivery(1, Outcome.DEAD), *(_delivery(number, Outcome.DELIVERED) for number in range(2, 8))]
        for each in told:
            await catalog.write(_record(each, keep=2))

        assert await catalog.webhooks.list_deliveries("one", after=START, limit=9) == [told[0], *told[-2:]]

    async def test_a_webhook_that_was_removed_is_forgotten(self, catalog: Catalog) -> None:
        await catalog.write(lambda change: change.webhooks.add(_HOOK, "whsec_a"))
        await catalog.write(lambda change: change.webhooks.record("one", _delivery(1, Outcome.DEAD), keep=2))

        await catalog.write(lambda change: change.webhooks.remove("one"))

        assert await catalog.webhooks.list() == []
        assert await catalog.webhooks.list_deliveries("one", after=START, limit=9) == []
