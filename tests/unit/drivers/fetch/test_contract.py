from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.testing.contracts.fetch import FetcherContract


async def _at_once(seconds: float) -> None:
    """Waits for nothing."""


class TestHttpFetcher(FetcherContract):
    @pytest.fixture
    async def fetcher(self) -> AsyncIterator[HttpFetcher]:
        fetcher = HttpFetcher(proxies=Proxies.read({}), sleep=_at_once)
        yield fetcher
        await fetcher.aclose()
