"""What runs, is leased or held is not deleted, whatever format it is of and by whichever route.

Users' threads 18, 19 and 27: production that was deleted, and models that were registered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final

import httpx
import pytest

from entrepot.model.access import Role
from entrepot.model.artifact import Artifact
from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, PackageId, ReferenceName, View
from entrepot.model.upstream import UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR, World, open_world
from entrepot.testing.elsewhere import elsewhere
from tests.formats.peers import ONE, PEERS, Peer

pytestmark = pytest.mark.usefixtures("socket_enabled")

OWN: Final[Mapping[str, Callable[[Digest], list[str]]]] = {
    "npm": lambda _: ["/npm/acme/tool/-rev/{revision}"],
    "maven": lambda _: [f"/maven/acme/org/acme/lib/{ONE}"],
    "helm": lambda _: [f"/helm/acme/api/charts/web/{ONE}"],
    "oci": lambda digest: [f"/v2/acme/api/manifests/{ONE}", f"/v2/acme/api/manifests/{digest}"],
}
"""How the formats that have a way of their own to delete something do it; the others have none."""

Kept = tuple[World, httpx.AsyncClient, PackageId, ReferenceName, Digest]


@pytest.fixture(params=PEERS, ids=lambda peer: peer.format)
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    """A registry with one version of a package, which came as a client would have it."""
    peer: Peer = request.param
    async with elsewhere() as other, open_world(tmp_path) as world:
        await world.namespace("acme")
        peer.offer(other, (ONE,))
        await add_upstream(world.registry, ADMINISTRATOR, peer.upstream(other.url, private=True, rules=UpstreamRules()))
        rules = world.registry.formats[FormatName(peer.format)]
        package = PackageId(View.parse("acme").namespace, rules.format, rules.normalize(peer.package))
        async with world.client(await world.token(Role.ADMINISTRATOR, None)) as client:
            for path in (peer.index, *([] if peer.before is None else [peer.before(ONE)]), peer.file(ONE)):
                assert (await client.get(path)).status_code == 200
            await world.registry.flights.landed()
            name = rules.parse_version(peer.written(ONE))
            found = await world.catalog.find_artifact(View(package.namespace), package, name=name)
            assert found is not None
            yield world, client, package, name, found.digest
        assert await check(world.registry) == []


async def routes(kept: Kept) -> list[str]:
    """Every address at which the version, its artifact or a blob of it can be deleted."""
    world, client, package, name, digest = kept
    revision = (await client.get("/npm/acme/tool?write=true")).json()["_rev"] if package.format == "npm" else ""
    found = await world.catalog.find_artifact(View(package.namespace), package, digest=digest)
    assert found is not None
    blobs = [link.target.digest for link in Artifact.parse(found.content, found.media_type).links]
    ours = f"/api/v1/packages/{package.namespace}/{package.format}/{package.name}/-"
    images = "/v2/acme/api" if package.format == "oci" else None
    return [
        *(path.format(revision=revision) for path in OWN.get(package.format, lambda _: [])(digest)),
        f"{ours}/references/{name}",
        f"{ours}/artifacts/{digest}",
        *([] if images is None else [f"{images}/blobs/{blob}" for blob in blobs]),
    ]


@pytest.mark.parametrize("how", ["deployments", "leases", "holds"])
async def test_no_route_of_any_format_deletes_what_is_kept(kept: Kept, how: str) -> None:
    world, client, package, name, digest = kept
    ours = f"/api/v1/packages/{package.namespace}/{package.format}/{package.name}/-"
    body = {
        "deployments": {"environment": "prod", "service": "payments", "cluster": "eu-1"},
        "leases": {"ttl_seconds": 3_600, "reason": "a build"},
        "holds": {"reason": "case 7"},
    }[how]
    done = await client.post(f"{ours}/{how}/{name}", json=body)
    assert done.status_code in (200, 201), done.text

    answers = {path: await client.delete(path) for path in await routes(kept)}

    said = {"deployments": "deployed as payments in prod on eu-1", "leases": "a build", "holds": "case 7"}[how]
    for path, answer in answers.items():
        assert answer.status_code == 403, (path, answer.text)
        assert said in answer.text, path
    assert await world.catalog.find_artifact(View(package.namespace), package, name=name) is not None
    assert len(answers) >= 2
    assert digest == Digest.parse(done.json()["digest"])


async def test_every_route_deletes_what_nothing_keeps(kept: Kept) -> None:
    _, client, package, name, _ = kept
    ours = f"/api/v1/packages/{package.namespace}/{package.format}/{package.name}/-"
    taken = await client.post(f"{ours}/leases/{name}", json={"ttl_seconds": 60, "reason": "a build"})
    await client.delete(f"/api/v1/leases/{taken.json()['id']}")
    first, *_ = await routes(kept)

    answer = await client.delete(first)

    assert answer.status_code in (200, 202, 204), answer.text
