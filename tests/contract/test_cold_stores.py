from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.object_store import ObjectBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.drivers.blobs.retrying import RetryingObjects
from entrepot.model.digest import Digest
from entrepot.model.errors import Corrupt
from entrepot.testing.contracts.cold_stores import CONTENTS, TEXT, ColdStoreContract, pieces
from tests.object_servers import ObjectServer


class TestColdFiles(ColdStoreContract):
    @pytest.fixture
    def files(self, tmp_path: Path) -> FileBlobStore:
        return FileBlobStore(tmp_path)

    @pytest.fixture
    def store(self, files: FileBlobStore) -> Iterator[PackedStore]:
        store = PackedStore(files)
        yield store
        store.close()

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
    @pytest.mark.parametrize("where", ["first", "middle", "last", "cut", "longer"])
    async def test_whatever_has_changed_is_not_taken_for_it(
        self, store: PackedStore, files: FileBlobStore, content: bytes, where: str
    ) -> None:
        digest = Digest.of(content)
        await store.add(digest, pieces(content), size=len(content), generation=3)
        path = Path(files.locate(digest, generation=3))
        kept = bytearray(path.read_bytes())
        if where in {"first", "middle", "last"}:
            kept[{"first": 0, "middle": len(kept) // 2, "last": -1}[where]] ^= 1
        path.write_bytes({"cut": bytes(kept[:-1]), "longer": bytes(kept) + b"x"}.get(where, bytes(kept)))

        assert not await store.verify(digest, generation=3)

    async def test_what_cannot_be_unpacked_is_no_content(self, store: PackedStore, files: FileBlobStore) -> None:
        digest = Digest.of(TEXT)
        await store.add(digest, pieces(TEXT), size=len(TEXT), generation=3)
        path = Path(files.locate(digest, generation=3))
        path.write_bytes(path.read_bytes()[:-5])

        with pytest.raises(Corrupt):
            _ = [piece async for piece in store.read(digest, generation=3)]

    async def test_a_frame_that_claims_more_than_fits_is_not_unpacked(
        self, store: PackedStore, files: FileBlobStore
    ) -> None:
        digest = Digest.of(TEXT)
        # RFC 8878, 3.1.1.1.2: a window of 2 TiB, and one block of no bytes.
        Path(files.locate(digest, generation=3)).write_bytes(b"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00")

        assert not await store.verify(digest, generation=3)


class TestColdObjects(ColdStoreContract):
    @pytest.fixture
    def store(self, versitygw_server: ObjectServer, socket_enabled: None, tmp_path: Path) -> Iterator[PackedStore]:
        objects = RetryingObjects(versitygw_server.objects(str(uuid4())))
        store = PackedStore(ObjectBlobStore(objects, tmp_path, threads=8))
        yield store
        store.close()
