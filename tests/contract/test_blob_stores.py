from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.digest import Digest
from entrepot.ports.blobs import BlobStore
from entrepot.testing.contracts.blobs import BlobStoreContract
from entrepot.testing.memory import MemoryBlobStore


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self) -> MemoryBlobStore:
        return MemoryBlobStore()

    def damage(self, store: BlobStore, digest: Digest) -> None:
        assert isinstance(store, MemoryBlobStore)
        store.damage(digest)


class TestFileBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[FileBlobStore]:
        store = FileBlobStore(tmp_path)
        yield store
        store.close()

    @pytest.fixture
    def again(self, store: BlobStore, tmp_path: Path) -> Iterator[FileBlobStore]:
        again = FileBlobStore(tmp_path)
        yield again
        again.close()

    def damage(self, store: BlobStore, digest: Digest) -> None:
        assert isinstance(store, FileBlobStore)
        path = Path(store.locate(digest))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
