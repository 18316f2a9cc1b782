"""The contract of blob stores over real object stores: one of them always, the others in ``make test-all``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import httpx
import pytest

from entrepot.drivers.blobs.object_store import ObjectBlobStore
from entrepot.drivers.blobs.objects import Objects
from entrepot.drivers.blobs.retrying import RetryingObjects
from entrepot.drivers.blobs.s3 import S3Address, S3Objects
from entrepot.model.digest import Digest
from entrepot.ports.blobs import BlobStore
from entrepot.testing.builders import stream
from entrepot.testing.contracts.blobs import HELLO, LARGE, PLENTY, BlobStoreContract, Gate, keep, new_stage, read
from tests.object_servers import ObjectServer

HUGE = LARGE * 6
"""Nineteen megabytes: more than two parts."""
LONG = os.environ.get("ENTREPOT_TEST_LONG") == "1"


@contextmanager
def opened(objects: Objects, folder: Path) -> Iterator[ObjectBlobStore]:
    """A store as a process has it."""
    store = ObjectBlobStore(RetryingObjects(objects), folder, threads=8)
    yield store
    store.close()


class ObjectStoreContract(BlobStoreContract):
    """Each test has a part of the bucket for itself."""

    honours_conditions = True
    lists_assemblies = True
    """Rather than ending them itself."""

    @pytest.fixture
    def server(self) -> ObjectServer:
        raise NotImplementedError

    @pytest.fixture
    def objects(self, server: ObjectServer) -> Objects:
        return server.objects(str(uuid4()))

    @pytest.fixture
    def store(self, objects: Objects, tmp_path: Path) -> Iterator[ObjectBlobStore]:
        with opened(objects, tmp_path / "spool") as store:
            yield store

    @pytest.fixture
    def again(self, objects: Objects, tmp_path: Path) -> Iterator[ObjectBlobStore]:
        with opened(objects, tmp_path / "another-spool") as again:
            yield again

    @pytest.fixture(autouse=True)
    def _behind(self, objects: Objects) -> None:
        self.objects = objects

    def damage(self, store: BlobStore, digest: Digest) -> None:
        key = f"{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"
        found = self.objects.stat(key)
        assert found is not None
        reader = self.objects.open(key)
        content = bytearray(reader.read(found.size))
        reader.close()
        content[len(content) // 2] ^= 1
        self.objects.put(key, bytes(content))

    # --- what only an object store has ---

    async def test_a_large_blob_is_put_together_of_its_parts(
        self, store: ObjectBlobStore, again: ObjectBlobStore
    ) -> None:
        stage, name = new_stage(), Digest.of(HUGE)
        await store.append(stage, stream(HUGE[:9_000_000]), at=0, limit=PLENTY)
        await again.append(stage, stream(HUGE[9_000_000:9_000_007]), at=9_000_000, limit=PLENTY)
        await store.append(stage, stream(HUGE[9_000_007:]), at=9_000_007, limit=PLENTY)

        assert await again.keep(stage, name) == len(HUGE)

        assert await store.verify(name)
        assert await read(store, name, 8_388_600, 9_000_010) == HUGE[8_388_600:9_000_010]
        assert [each async for each in store.stages()] == []

    async def test_a_large_blob_may_be_kept_by_two_at_once(
        self, store: ObjectBlobStore, again: ObjectBlobStore
    ) -> None:
        stages, name = (new_stage(), new_stage()), Digest.of(HUGE)
        for stage in stages:
            await store.append(stage, stream(HUGE), at=0, limit=PLENTY)

        await asyncio.gather(store.keep(stages[0], name), again.keep(stages[1], name))

        assert await store.verify(name)
        assert [each async for each in store.stages()] == []

    async def test_what_comes_is_read_before_it_is_in_the_store(self, store: ObjectBlobStore) -> None:
        stage, gate = new_stage(), Gate(LARGE, b"")
        writing = asyncio.ensure_future(store.append(stage, gate.content(), at=0, limit=PLENTY))
        await gate.reached.wait()

        while not (seen := await store.peek(stage, 1_000_000, 10)):  # noqa: ASYNC110 (a thread is waited for)
            await asyncio.sleep(0)

        assert seen == LARGE[1_000_000:1_000_010]
        gate.opened.set()
        await writing

    async def test_an_upload_whose_node_died_goes_on_at_another(
        self, store: ObjectBlobStore, again: ObjectBlobStore
    ) -> None:
        stage, gate = new_stage(), Gate(LARGE, b"late")
        await store.append(stage, stream(HELLO), at=0, limit=PLENTY)
        hanging = asyncio.ensure_future(store.append(stage, gate.content(), at=5, limit=PLENTY))
        await gate.reached.wait()

        held = await again.settle(stage)
        assert await again.append(stage, stream(b", world"), at=held, limit=PLENTY) == held + 7

        gate.opened.set()
        assert held == 5
        await asyncio.wait([hanging])
        assert await again.keep(stage, Digest.of(b"hello, world")) == 12

    async def test_a_blob_that_was_never_put_together_is_listed_and_goes(
        self, store: ObjectBlobStore, objects: Objects
    ) -> None:
        assembly = objects.begin("sha256/ab/abandoned")
        objects.add(assembly, 1, b"x")

        listed = [(stage, begun_at) async for stage, begun_at in store.stages()]
        for stage, _ in listed:
            await store.discard(stage)

        assert [begun_at > 0 for _, begun_at in listed] == [True] * self.lists_assemblies
        assert [each async for each in store.stages()] == []
        assert objects.stat("sha256/ab/abandoned") is None

    async def test_a_signed_address_is_good_for_anybody_and_the_same_for_a_while(
        self, server: ObjectServer, objects: Objects, tmp_path: Path
    ) -> None:
        store = ObjectBlobStore(objects, tmp_path / "signing", redirect_seconds=300)
        digest = await keep(store, LARGE)

        address, second = await store.presign(digest), await store.presign(digest)

        assert address is not None
        assert address == second
        assert server.secret not in unquote(address)
        async with httpx.AsyncClient() as anybody:
            got = await anybody.get(address, headers={"range": "bytes=8-15"})
        assert got.content == LARGE[8:16]
        store.close()

    async def test_no_address_is_signed_unless_the_installation_says_so(self, store: ObjectBlobStore) -> None:
        assert await store.presign(await keep(store)) is None

    async def test_whether_conditions_hold_is_found_out(self, store: ObjectBlobStore) -> None:
        assert await store.honours_conditions() is self.honours_conditions
        await store.probe()

    async def test_more_than_a_page_is_listed(self, store: ObjectBlobStore, objects: Objects) -> None:
        page = objects.list("")
        assert (page.objects, page.is_last) == ([], True)
        for number in range(3):
            objects.put(f"sha256/00/{number}", b"")

        assert [each.key for each in objects.list("sha256/", after="sha256/00/0").objects] == [
            "sha256/00/1",
            "sha256/00/2",
        ]
        assert [each async for each in store.kept()] == []


class TestVersitygw(ObjectStoreContract):
    @pytest.fixture
    def server(self, versitygw_server: ObjectServer) -> ObjectServer:
        return versitygw_server


@pytest.mark.long
@pytest.mark.skipif(not LONG, reason="another store: ENTREPOT_TEST_LONG=1")
class TestSeaweedFS(ObjectStoreContract):
    @pytest.fixture
    def server(self, seaweedfs_server: ObjectServer) -> ObjectServer:
        return seaweedfs_server


@pytest.mark.long
@pytest.mark.skipif(not LONG, reason="another way to use a store: ENTREPOT_TEST_LONG=1")
class TestAsGoogleIsUsed(ObjectStoreContract):
    """Neither conditions nor copies of parts are asked for. Google's own answers are no program that runs here."""

    honours_conditions = False

    @pytest.fixture
    def server(self, versitygw_server: ObjectServer) -> ObjectServer:
        return versitygw_server

    @pytest.fixture
    def objects(self, server: ObjectServer) -> Objects:
        address = server.address(str(uuid4())).replace("s3://", "gs://")
        return S3Objects(S3Address.parse(address), server.client)


@pytest.mark.long
@pytest.mark.skipif(not LONG, reason="another store: ENTREPOT_TEST_LONG=1")
class TestAzurite(ObjectStoreContract):
    lists_assemblies = False

    @pytest.fixture
    def server(self, azurite_server: ObjectServer) -> ObjectServer:
        return azurite_server


@pytest.mark.long
@pytest.mark.skipif(not LONG, reason="another store: ENTREPOT_TEST_LONG=1")
class TestRclone(ObjectStoreContract):
    honours_conditions = False

    @pytest.fixture
    def server(self, rclone_server: ObjectServer) -> ObjectServer:
        return rclone_server
