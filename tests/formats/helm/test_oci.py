"""The same charts through OCI: pushed there and in the repository's index, posted here and pulled there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from entrepot.formats.helm.rules import CHART, CONFIG, PROVENANCE
from entrepot.operations.check import check
from entrepot.testing.builders import World
from tests.formats.helm.charts import chart, packed, provenance

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ONE = chart(description="A shop", dependencies=[{"name": "db", "version": "^1", "condition": "db.enabled"}])


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def described(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


@dataclass
class Push:
    """What ``helm push`` sends."""

    chart: bytes = ONE
    name: str = "web"
    version: str = "1.0.0"
    config: dict[str, Any] | bytes | None = None
    provenance: bytes | None = None
    manifest: dict[str, Any] = field(default_factory=dict)
    """Fields that are otherwise than Helm's."""

    @property
    def config_content(self) -> bytes:
        if isinstance(self.config, bytes):
            return self.config
        fields = {"name": self.name, "version": self.version, "apiVersion": "v2", "description": "A shop"}
        return json.dumps(fields if self.config is None else self.config).encode()

    @property
    def content(self) -> bytes:
        layers = [described(CHART, self.chart)]
        if self.provenance is not None:
            layers.append(described(PROVENANCE, self.provenance))
        said = {
            "schemaVersion": 2,
            "config": described(CONFIG, self.config_content),
            "layers": layers,
            "annotations": {
                "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
                "org.opencontainers.image.title": self.name,
                "org.opencontainers.image.version": self.version,
            },
        }
        return json.dumps(said | self.manifest).encode()

    async def send(
        self, client: httpx.AsyncClient, tag: str | None = None, *, name: str | None = None, media_type: str = IMAGE
    ) -> httpx.Response:
        place = f"/v2/acme/helm/{name or self.name}"
        for blob in (self.chart, self.config_content, self.provenance):
            if blob is not None:
                answer = await client.post(f"{place}/blobs/uploads/?digest={digest(blob)}", content=blob)
                assert answer.status_code == 201, answer.text
        tag = self.version.replace("+", "_") if tag is None else tag
        return await client.put(f"{place}/manifests/{tag}", content=self.content, headers={"content-type": media_type})


async def index(client: httpx.AsyncClient, view: str = "acme") -> dict[str, Any]:
    entries: dict[str, Any] = (await client.get(f"/helm/{view}/index.yaml")).json()["entries"]
    return entries


async def test_a_chart_that_is_pushed_is_in_the_index_and_comes_back_with_its_provenance(
    world: World, client: httpx.AsyncClient
) -> None:
    content = chart(version="1.0.0+build.7")
    push = Push(content, version="1.0.0+build.7", provenance=provenance(content, version="1.0.0+build.7"))

    pushed = await push.send(client)

    assert pushed.status_code == 201, pushed.text
    assert pushed.headers["docker-content-digest"] == digest(push.content)
    [entry] = (await index(client))["web"]
    assert entry == {
        "apiVersion": "v2",
        "name": "web",
        "version": "1.0.0+build.7",
        "description": "A shop",
        "urls": ["charts/web/web-1.0.0+build.7.tgz"],
        "created": entry["created"],
        "digest": hashlib.sha256(content).hexdigest(),
    }
    assert (await client.get(f"/helm/acme/{entry['urls'][0]}")).content == content
    assert (await client.get(f"/helm/acme/{entry['urls'][0]}.prov")).content == push.provenance
    assert (await client.get("/v2/acme/helm/web/manifests/1.0.0_build.7")).content == push.content
    assert (await client.get("/helm/acme/api/charts/web/1.0.0+build.7")).json() == entry
    assert await check(world.registry, read_bytes=True) == []


async def test_the_same_push_again_is_no_event_and_another_is_refused(world: World, client: httpx.AsyncClient) -> None:
    push, other = Push(), Push(chart(values="other: 1"))
    await push.send(client)
    before = await world.registry.catalog.head()

    again, refused = await push.send(client), await other.send(client)

    assert again.status_code == 201
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "DENIED")
    assert (await client.get("/helm/acme/charts/web/web-1.0.0.tgz")).content == ONE
    # The other chart's bytes came, and are nobody's.
    assert (await world.registry.catalog.head())[0] - before[0] <= 2
    assert await check(world.registry) == []


async def test_what_was_pushed_is_posted_again_without_effect_and_never_otherwise(client: httpx.AsyncClient) -> None:
    push = Push(provenance=provenance(ONE))
    await push.send(client)
    form = {"chart": ("web-1.0.0.tgz", ONE), "prov": ("web-1.0.0.tgz.prov", provenance(ONE))}

    same = await client.post("/helm/acme/api/charts", content=ONE)
    both = await client.post("/helm/acme/api/charts", files=form)
    other = await client.post("/helm/acme/api/charts", content=chart(values="other: 1"))

    assert (same.status_code, both.status_code, other.status_code) == (201, 201, 409)
    assert (await client.get("/v2/acme/helm/web/manifests/1.0.0")).content == push.content


async def test_what_was_pushed_is_whole(client: httpx.AsyncClient) -> None:
    """Its digest was told to whoever pushed it: provenance would make it another manifest."""
    push = Push()
    await push.send(client)

    answer = await client.post("/helm/acme/api/prov", content=provenance(ONE))

    assert answer.status_code == 409
    assert (await client.get("/v2/acme/helm/web/manifests/1.0.0")).content == push.content


async def test_a_version_that_was_posted_is_not_pushed_over(client: httpx.AsyncClient) -> None:
    await client.post("/helm/acme/api/charts", content=ONE)
    before = (await client.get("/v2/acme/helm/web/manifests/1.0.0")).content

    for push in (Push(), Push(chart(values="other: 1"))):
        assert (await push.send(client)).status_code == 403
    assert (await client.get("/v2/acme/helm/web/manifests/1.0.0")).content == before


async def test_a_deleted_version_comes_back_as_it_was_alone(client: httpx.AsyncClient) -> None:
    push = Push()
    await push.send(client)
    assert (await client.delete("/helm/acme/api/charts/web/1.0.0")).status_code == 200
    assert await index(client) == {}

    assert (await Push(chart(values="other: 1")).send(client)).status_code == 403
    assert (await push.send(client)).status_code == 201
    assert [each["version"] for each in (await index(client))["web"]] == ["1.0.0"]


SAID = {"name": "web", "version": "1.0.0", "apiVersion": "v2"}


@pytest.mark.parametrize(
    "push",
    [
        Push(chart("api")),
        Push(chart(version="2.0.0")),
        Push(chart()[:-20]),
        Push(b"no archive"),
        Push(packed({"web/Chart.yaml": json.dumps(SAID).encode()}, "web/link")),
        Push(packed({"web/README": b""})),
        Push(config=SAID | {"name": "api"}),
        Push(config=SAID | {"version": "2.0.0"}),
        Push(config=SAID | {"keywords": 5}),
        Push(config=SAID | {"Keywords": 5}),
        Push(config=SAID | {"dependencies": [{"Name": 5}]}),
        Push(config=b"name: web\nversion: 1.0.0\napiVersion: v2\n"),
        Push(config=b"[]"),
        Push(config=b"[" * 100_000),
        Push(config=b" " * 300_000),
        Push(config=b"\xff"),
        Push(provenance=provenance(chart(values="other: 1"))),
        Push(provenance=provenance(ONE, "api")),
        Push(provenance=b"not signed"),
        Push(manifest={"annotations": {}}),
        Push(manifest={"annotations": {"org.opencontainers.image.title": "web"}}),
        Push(manifest={"layers": []}),
        Push(manifest={"layers": [described(CHART, ONE)] * 2}),
        Push(manifest={"layers": [described(CHART, ONE), described("application/x", ONE)]}),
        Push(manifest={"layers": [described(PROVENANCE, ONE)]}),
        Push(manifest={"layers": [described(CHART, b"never sent")]}),
        Push(manifest={"layers": [described(CHART, ONE) | {"annotations": {"org.opencontainers.image.title": "x"}}]}),
        Push(manifest={"artifactType": "application/x"}),
        Push(manifest={"config": described("application/vnd.oci.image.config.v1+json", ONE)}),
        Push(manifest={"subject": described(IMAGE, ONE)}),
    ],
)
async def test_what_is_not_the_chart_that_it_says_is_refused(
    world: World, client: httpx.AsyncClient, push: Push
) -> None:
    answer = await push.send(client)

    assert answer.status_code in (400, 413)
    assert answer.json()["errors"][0]["code"] in {"MANIFEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "SIZE_INVALID"}
    assert await index(client) == {}
    assert (await client.get("/v2/acme/helm/web/tags/list")).json().get("tags") == []
    assert await check(world.registry) == []


@pytest.mark.parametrize("tag", ["latest", "1.0.1", "1.0.0?tag=2.0.0", "1.0.0_"])
async def test_a_chart_has_its_version_for_a_tag_and_no_other(client: httpx.AsyncClient, tag: str) -> None:
    answer = await Push().send(client, tag)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "MANIFEST_INVALID")
    assert await index(client) == {}


async def test_a_chart_that_is_pushed_by_its_digest_is_its_version(world: World, client: httpx.AsyncClient) -> None:
    """As Helm does, before it pushes it by its version."""
    push, other = Push(), Push(chart(values="other: 1"))

    assert (await push.send(client, digest(push.content))).status_code == 201
    assert [each["version"] for each in (await index(client))["web"]] == ["1.0.0"]
    before = await world.registry.catalog.head()
    assert (await push.send(client)).status_code == 201
    assert await world.registry.catalog.head() == before
    assert (await other.send(client, digest(other.content))).status_code == 403
    assert (await client.get(f"/v2/acme/helm/web/manifests/{digest(other.content)}")).status_code == 404


async def test_an_index_is_no_chart(client: httpx.AsyncClient) -> None:
    listing = Push(manifest={"mediaType": INDEX, "manifests": []})

    assert (await listing.send(client, media_type=INDEX)).status_code == 400


async def test_a_blob_of_another_package_is_no_part_of_a_chart(client: httpx.AsyncClient) -> None:
    await Push(chart("api"), "api").send(client)
    push = Push(chart("api"), "api")
    for blob in (push.config_content,):
        await client.post(f"/v2/acme/helm/web/blobs/uploads/?digest={digest(blob)}", content=blob)

    answer = await client.put(
        "/v2/acme/helm/web/manifests/1.0.0", content=push.content, headers={"content-type": IMAGE}
    )

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")


async def test_titles_name_the_files_where_the_manifest_has_no_annotations(client: httpx.AsyncClient) -> None:
    """As ``oras push`` writes them."""
    layer = described(CHART, ONE) | {"annotations": {"org.opencontainers.image.title": "web-1.0.0.tgz"}}

    assert (await Push(manifest={"layers": [layer], "annotations": {}}).send(client)).status_code == 201
    assert (await client.get("/helm/acme/charts/web/web-1.0.0.tgz")).content == ONE


async def test_who_may_not_publish_a_chart_may_not_push_it(world: World, client: httpx.AsyncClient) -> None:
    push = Push()
    await push.send(client)
    async with world.client(await world.token("reader", "acme")) as reader, world.client(None) as nobody:
        for who, status in ((reader, 403), (nobody, 401)):
            answer = await who.put(
                "/v2/acme/helm/web/manifests/1.0.0", content=push.content, headers={"content-type": IMAGE}
            )
            assert answer.status_code == status


async def test_a_name_outside_oci_s_grammar_is_pushed_by_its_spelling(client: httpx.AsyncClient) -> None:
    push = Push(chart("My_Shop"), "My_Shop")

    assert (await push.send(client, name="x--4dy--5f--53hop")).status_code == 201
    assert (await client.get("/helm/acme/charts/My_Shop/My_Shop-1.0.0.tgz")).content == push.chart


async def test_a_chart_that_was_pushed_is_signed(client: httpx.AsyncClient) -> None:
    push = Push()
    await push.send(client)
    empty = b"{}"
    await client.post(f"/v2/acme/helm/web/blobs/uploads/?digest={digest(empty)}", content=empty)
    signature = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "artifactType": "application/vnd.example.signature",
            "config": described("application/vnd.oci.empty.v1+json", empty),
            "layers": [described("application/vnd.oci.empty.v1+json", empty)],
            "subject": described(IMAGE, push.content),
        }
    ).encode()

    answer = await client.put(
        f"/v2/acme/helm/web/manifests/{digest(signature)}", content=signature, headers={"content-type": IMAGE}
    )

    assert answer.status_code == 201
    referrers = (await client.get(f"/v2/acme/helm/web/referrers/{digest(push.content)}")).json()
    assert [each["digest"] for each in referrers["manifests"]] == [digest(signature)]
    assert [each["version"] for each in (await index(client))["web"]] == ["1.0.0"]
