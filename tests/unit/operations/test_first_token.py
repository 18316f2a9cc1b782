"""The administrator's first token, and another one when it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.operations.check import check
from entrepot.operations.token import create_first_token, recover_administrator

if TYPE_CHECKING:
    from entrepot.model.access import TokenSecret
    from entrepot.testing.builders import World


async def test_a_secret_that_could_not_be_kept_is_no_token(world: World) -> None:
    def keep(_: TokenSecret) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await create_first_token(world.registry, keep)
    kept: list[TokenSecret] = []
    secret = await create_first_token(world.registry, kept.append)

    assert secret is not None
    assert kept == [secret]
    assert await world.registry.catalog.find_credential(secret.hash) is not None


async def test_there_is_one_first_token(world: World) -> None:
    kept: list[TokenSecret] = []
    await create_first_token(world.registry, kept.append)

    assert await create_first_token(world.registry, kept.append) is None
    assert len(kept) == 1


async def test_a_lost_administrator_gets_another_token_that_is_journaled(world: World) -> None:
    secret = await recover_administrator(world.registry)

    credential = await world.registry.catalog.find_credential(secret.hash)
    assert credential is not None
    assert credential.principal.name == "administrator"
    assert await check(world.registry) == []
