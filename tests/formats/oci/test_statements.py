"""How many questions and changes of rows a push is: over a network each is a round trip, and changes take turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

from entrepot.drivers.catalog.sqlite import SqliteCatalog
from tests.formats.oci.conversation import Client, Registry, with_digest
from tests.formats.oci.documents import digest_of, image, some_bytes


@contextmanager
def counted(catalog: SqliteCatalog) -> Iterator[list[str]]:
    """What the catalog's reader and writer are told."""
    statements: list[str] = []
    connections = (catalog._reader, catalog._writer)
    for each in connections:
        each.set_trace_callback(statements.append)
    yield statements
    for each in connections:
        each.set_trace_callback(None)


def count(told: list[str]) -> int:
    """Without what triggers do, which is reported as their statement again."""
    return len([*groupby(told)])


async def test_a_push_costs_no_more_statements_than_this(registry: Registry, client: Client) -> None:
    await client.push(image(some_bytes(seed=1)), "1.0")
    layer = some_bytes(seed=2)
    digest, pushed = digest_of(layer), image(layer)
    catalog, costs = registry.world.catalog, {}

    with counted(catalog) as told:
        await client.ask("HEAD", f"/v2/acme/api/blobs/{digest}")
        costs["HEAD of a blob that was never here"] = count(told)
    with counted(catalog) as told:
        location = await client.begin()
        costs["POST of an upload"] = count(told)
    with counted(catalog) as told:
        await client.put(with_digest(location, digest), layer)
        costs["PUT of a blob"] = count(told)
    with counted(catalog) as told:
        await client.put_manifest(pushed, "1.1")
        costs["PUT of a manifest"] = count(told)

    assert costs == {
        "HEAD of a blob that was never here": 3,
        "POST of an upload": 1,
        "PUT of a blob": 14,
        "PUT of a manifest": 22,
    }
