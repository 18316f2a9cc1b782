from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from entrepot.drivers import turn
from entrepot.drivers.turn import FileTurn


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_LOOK_SECONDS", 0.0)


async def test_a_turn_is_one_holders_until_it_is_given_back(tmp_path: Path) -> None:
    first, second = FileTurn(tmp_path / "lock"), FileTurn(tmp_path / "lock")
    await first.take()

    waiting = asyncio.create_task(second.take())
    await asyncio.sleep(0)
    waited = not waiting.done()
    first.give_back()
    await waiting

    assert waited
    first.close()
    second.close()


async def test_the_turn_of_one_who_is_gone_is_free(tmp_path: Path) -> None:
    first, second = FileTurn(tmp_path / "lock"), FileTurn(tmp_path / "lock")
    await first.take()

    first.close()

    await second.take()
    second.close()
