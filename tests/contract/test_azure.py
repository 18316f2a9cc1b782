"""What is Azure's own in its driver, by a server of its protocol; the contract is in `test_object_stores`."""

from __future__ import annotations

from io import BytesIO
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from entrepot.drivers.blobs.azure import AzureAddress, AzureObjects, connect
from entrepot.drivers.blobs.objects import NotOffered, ObjectMissing, Objects
from entrepot.model.errors import Unavailable
from tests.object_servers import ObjectServer

LARGE = bytes(range(256)) * 4096 * 9
"""Nine megabytes: more than is put or read at once."""


@pytest.fixture
def objects(azurite_server: ObjectServer, socket_enabled: None) -> Objects:
    return azurite_server.objects(str(uuid4()))


def read(objects: Objects, key: str, start: int = 0, stop: int | None = None) -> bytes:
    reader = objects.open(key, start, stop)
    return b"".join(iter(lambda: reader.read(1_000_000), b""))


@pytest.mark.parametrize(
    "body", [b"hello", LARGE, BytesIO(b"hello"), BytesIO(LARGE)], ids=["bytes", "more", "file", "blocks"]
)
def test_an_object_is_written_on_condition_in_one_request_or_in_several(
    objects: Objects, body: bytes | BytesIO
) -> None:
    content = body if isinstance(body, bytes) else body.getvalue()

    assert objects.put("a", body, new=True)
    assert not objects.put("a", BytesIO(LARGE), new=True)
    assert not objects.put("a", b"other", new=True)

    assert read(objects, "a") == content
    assert read(objects, "a", 3, 5) == content[3:5]
    assert read(objects, "a", len(content)) == b""


def test_what_another_commit_has_dropped_is_said_to_be_there(objects: Objects) -> None:
    first, second = objects.begin("a"), objects.begin("a")
    mine, theirs = objects.add(first, 1, b"the same"), objects.add(second, 1, b"the same")

    assert objects.complete(second, [theirs], new=True)
    assert not objects.complete(first, [mine], new=True)
    assert not objects.complete(first, [mine])

    assert read(objects, "a") == b"the same"


def test_what_is_nowhere_any_more_is_not_said_to_be_there(objects: Objects) -> None:
    first, second = objects.begin("a"), objects.begin("a")
    mine, theirs = objects.add(first, 1, b"the same"), objects.add(second, 1, b"the same")
    objects.complete(second, [theirs])
    objects.delete("a")

    with pytest.raises(Unavailable):
        objects.complete(first, [mine], new=True)

    assert objects.stat("a") is None


def test_an_assembly_is_seen_when_it_is_complete(objects: Objects) -> None:
    assembly = objects.begin("a")
    blocks = [objects.add(assembly, number, b"%d" % number) for number in (1, 2, 3)]

    assert objects.stat("a") is None
    assert objects.list("").objects == []
    with pytest.raises(ObjectMissing):
        objects.open("a")

    assert objects.complete(assembly, blocks, new=True)
    assert read(objects, "a") == b"123"


def test_a_store_that_does_not_copy_blocks_says_so(objects: Objects) -> None:
    objects.put("part", b"some")

    with pytest.raises(NotOffered):
        objects.add_copy(objects.begin("a"), 1, "part")


def test_a_listing_may_begin_behind_any_key(objects: Objects) -> None:
    keys = [f"sha256/{number:02}" for number in range(5)]
    for key in keys:
        objects.put(key, b"")

    assert [each.key for each in objects.list("sha256/", after="sha256/01x").objects] == keys[2:]
    assert objects.list("sha256/", after=keys[-1]).objects == []


def test_a_signed_address_is_for_reading_one_object_for_a_while(objects: Objects) -> None:
    objects.put("a", b"mine")
    objects.put("b", b"not for you")

    address = objects.sign("a", 60)

    asked = parse_qs(urlsplit(address).query)
    assert (asked["sp"], asked["sr"]) == (["r"], ["b"])
    other = urlsplit(address)._replace(path=urlsplit(address).path[:-1] + "b").geturl()
    assert httpx.get(address).content == b"mine"
    assert httpx.get(other).status_code == httpx.codes.FORBIDDEN
    assert httpx.delete(address).status_code == httpx.codes.FORBIDDEN
    assert httpx.get(objects.sign("a", -60)).status_code == httpx.codes.FORBIDDEN


def test_a_container_that_is_missing_is_no_missing_object(azurite_server: ObjectServer, socket_enabled: None) -> None:
    address = AzureAddress.parse(azurite_server.address().replace("goods", "nowhere"))
    objects = AzureObjects(address, connect(address))

    with pytest.raises(Unavailable, match="ContainerNotFound"):
        objects.open("a")
    with pytest.raises(Unavailable):
        objects.stat("a")


def test_who_is_not_let_in_hears_it_without_the_key(
    azurite_server: ObjectServer, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "YW5vdGhlciBzZWNyZXQ=")
    address = AzureAddress.parse(azurite_server.address())
    objects = AzureObjects(address, connect(address))

    with pytest.raises(Unavailable) as refused:
        objects.put("a", b"some")

    assert "YW5v" not in str(refused.value)
