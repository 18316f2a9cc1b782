"""A catalog's file in a backup: pages that backups share."""

from __future__ import annotations

import os
from io import BytesIO

import pytest

from entrepot.drivers.clock import SystemClock
from entrepot.operations.backup_pages import PAGE, add_catalog, write_catalog
from entrepot.testing.memory import MemoryBlobStore
from entrepot.trust.backup import SealedCatalog


@pytest.mark.parametrize("size", [0, 1, PAGE, PAGE + 1, 300 * PAGE])
async def test_a_file_of_any_size_comes_back_as_it_was(size: int) -> None:
    blobs, clock = MemoryBlobStore(), SystemClock()
    content = os.urandom(size)
    catalog, _ = await add_catalog(blobs, clock, BytesIO(content), 1, None)
    back = BytesIO()

    await write_catalog(blobs, catalog, back)

    assert back.getvalue() == content


async def test_pages_are_shared_wherever_they_stand_and_however_often() -> None:
    blobs, clock = MemoryBlobStore(), SystemClock()
    pages = [os.urandom(PAGE) for _ in range(10)]
    kept: list[tuple[bytes, SealedCatalog]] = []
    before, sizes = None, []
    for content in (pages, [*pages, *pages], pages[::-1], [os.urandom(PAGE), *pages[3:], bytes(PAGE)]):
        before, size = await add_catalog(blobs, clock, BytesIO(b"".join(content)), 1, before)
        kept.append((b"".join(content), before))
        sizes.append(size - before.index.size)

    for content, catalog in kept:
        back = BytesIO()
        await write_catalog(blobs, catalog, back)
        assert back.getvalue() == content

    assert sizes == [10 * PAGE, 0, 0, 2 * PAGE]


async def test_after_many_backups_one_begins_anew() -> None:
    blobs, clock = MemoryBlobStore(), SystemClock()
    before, packs = None, []
    for _ in range(35):
        before, _ = await add_catalog(blobs, clock, BytesIO(os.urandom(PAGE)), 1, before)
        packs.append(len(before.packs))

    assert max(packs) == 30
    assert packs[30:] == [1, 2, 3, 4, 5]
