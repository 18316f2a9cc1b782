from __future__ import annotations

import pytest

from tests.unit.api.world import World

API = "/api/v1/packages/acme/oci/api/-"
ACME = "/api/v1/namespaces/acme"
GITHUB = "/api/v3/orgs/acme/artifacts"


@pytest.fixture
async def digest(world: World) -> str:
    await world.namespace()
    return str((await world.image("1.0")).digest)


# --- leases and holds ---


async def test_a_lease_is_taken_renewed_listed_and_released(world: World, digest: str) -> None:
    robot = await world.token("publisher")
    body = {"ttl_seconds": 3_600, "reason": "build 123", "holder": "build-123"}

    taken = await world.ask("POST", f"{API}/leases/1.0", body, token=robot)

    assert (taken.status, taken.json["kind"], taken.json["digest"]) == (201, "lease", digest)
    assert (taken.json["holder"], taken.json["reason"]) == ("build-123", "build 123")
    refused = await world.ask("DELETE", f"{API}/artifacts/{digest}")
    assert (refused.status, refused.code) == (403, "protected")
    assert "leased by build-123 until" in refused.json["detail"]
    lease = f"/api/v1/leases/{taken.json['id']}"
    renewed = await world.ask("POST", f"{lease}/renew", {"ttl_seconds": 7_200}, token=robot)
    assert renewed.json["expires_at"] > taken.json["expires_at"]
    assert (await world.ask("GET", f"{ACME}/leases")).items == [renewed.json]
    assert (await world.ask("GET", f"{ACME}/holds")).items == []
    assert (await world.ask("DELETE", lease, token=robot)).status == 204
    assert (await world.ask("DELETE", lease, token=robot)).code == "lease-unknown"
    assert (await world.ask("GET", f"{ACME}/leases")).items == []
    (ended,) = (await world.ask("GET", f"{ACME}/leases?history=1")).items
    assert ended["ended_at"] is not None
    assert (await world.ask("DELETE", f"{API}/artifacts/{digest}")).status == 204


async def test_a_hold_is_placed_by_one_and_lifted_by_another(world: World, digest: str) -> None:
    maintainer, custodian = await world.token("maintainer"), await world.token("custodian")

    placed = await world.ask("POST", f"{API}/holds/{digest}", {"reason": "case 7"}, token=maintainer)
    legal = await world.ask("POST", f"{API}/holds/1.0", {"reason": "case 8", "legal": True}, token=maintainer)

    assert (placed.status, placed.json["kind"], placed.json["expires_at"]) == (201, "manual", None)
    assert legal.status == 403
    hold = f"/api/v1/holds/{placed.json['id']}"
    assert (await world.ask("DELETE", hold, token=maintainer)).status == 403
    refused = await world.ask("DELETE", f"{API}/references/1.0", token=maintainer)
    assert "under a manual hold of maintainer" in refused.json["detail"]
    assert (await world.ask("DELETE", f"{API}/references/1.0", token=custodian)).status == 403
    assert (await world.ask("DELETE", f"{hold}?reason=closed", token=custodian)).status == 204
    assert (await world.ask("DELETE", hold, token=custodian)).code == "hold-unknown"
    assert (await world.ask("DELETE", f"{API}/references/1.0", token=maintainer)).status == 204


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ttl_seconds": 0, "reason": "x"},
        {"ttl_seconds": 31 * 86_400, "reason": "x"},
        {"ttl_seconds": 1.5, "reason": "x"},
        {"ttl_seconds": 60, "reason": ""},
        {"ttl_seconds": 60, "reason": "x", "holder": "\u0000"},
        {"ttl_seconds": 60, "reason": "x", "forever": True},
    ],
    ids=str,
)
async def test_a_lease_that_is_not_well_formed_is_refused(world: World, digest: str, body: dict[str, object]) -> None:
    assert (await world.ask("POST", f"{API}/leases/{digest}", body)).status == 400


async def test_leases_come_in_pages(world: World, digest: str) -> None:
    for number in range(3):
        await world.ask("POST", f"{API}/leases/1.0", {"ttl_seconds": 60, "reason": str(number)})

    first = await world.ask("GET", f"{ACME}/leases?limit=2")
    second = await world.ask("GET", f"{ACME}/leases?limit=2&after={first.json['next']}")

    assert [each["reason"] for each in [*first.items, *second.items]] == ["0", "1", "2"]
    assert second.json["next"] is None


# --- deployments ---

RUNS = {"environment": "prod", "service": "payments", "cluster": "eu-1"}


async def test_a_deployment_is_recorded_listed_and_ended(world: World, digest: str) -> None:
    cluster = await world.token("deployer")
    more = {**RUNS, "region": "eu", "tags": {"team": "pay"}, "risks": ["internet-exposed"], "repository": "acme/api"}

    done = await world.ask("POST", f"{API}/deployments/1.0", more, token=cluster)

    assert (done.status, done.json["status"], done.json["version"], done.json["digest"]) == (
        200,
        "deployed",
        "1.0",
        digest,
    )
    assert (await world.ask("GET", f"{ACME}/deployments?environment=prod")).items == [done.json]
    assert (await world.ask("GET", f"{ACME}/deployments?environment=dev")).items == []
    refused = await world.ask("DELETE", f"{API}/artifacts/{digest}")
    assert "deployed as payments in prod on eu-1 (eu) since" in refused.json["detail"]
    assert (await world.ask("POST", f"{ACME}/deployments/end", RUNS, token=cluster)).code == "deployment-unknown"
    ended = await world.ask("POST", f"{ACME}/deployments/end", {**RUNS, "region": "eu"}, token=cluster)
    assert (ended.json["id"], ended.json["status"]) == (done.json["id"], "decommissioned")
    assert (await world.ask("GET", f"{ACME}/deployments")).items == []
    assert (await world.ask("GET", f"{ACME}/deployments?history=1")).items == [ended.json]


async def test_a_namespace_is_told_how_many_rollbacks_it_keeps(world: World, digest: str) -> None:
    await world.ask("POST", f"{API}/deployments/1.0", RUNS)
    other = await world.image("2.0", annotations={"build": "2"})
    await world.ask("POST", f"{API}/deployments/2.0", RUNS)
    refused = await world.ask("DELETE", f"{API}/artifacts/{digest}")
    assert "to be rolled back to for payments in prod on eu-1" in refused.json["detail"]

    changed = await world.ask("PATCH", ACME, {"rollbacks": 0})

    assert changed.json["rollbacks"] == 0
    assert (await world.ask("DELETE", f"{API}/artifacts/{digest}")).status == 204
    assert (await world.ask("DELETE", f"{API}/artifacts/{other.digest}")).status == 403


# --- as GitHub's clients write them ---


def record(digest: str, **more: object) -> dict[str, object]:
    return {
        "name": "registry.example.com/acme/api",
        "digest": digest,
        "version": "1.0",
        "status": "deployed",
        "logical_environment": "prod",
        "physical_environment": "pacific-east",
        "cluster": "moda-1",
        "deployment_name": "prod-api-web",
        "tags": {"data-access": "sensitive"},
        "runtime_risks": ["internet-exposed"],
        "github_repository": "acme/api",
        **more,
    }


async def test_a_deployment_record_is_taken_as_githubs_clients_send_it(world: World, digest: str) -> None:
    token = await world.token("deployer")
    headers = {
        "authorization": f"token {token}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        "content-type": "application/json; charset=utf-8",
    }

    done = await world.ask(
        "POST", "/api/v3/orgs/ACME/artifacts/metadata/deployment-record", record(digest), token=None, headers=headers
    )

    assert done.status == 200
    assert done.json["total_count"] == 1
    (shown,) = done.json["deployment_records"]
    assert isinstance(shown["id"], int)
    assert shown["created_at"] == shown["updated_at"]
    assert {key: shown[key] for key in ("digest", "cluster", "deployment_name", "tags", "runtime_risks")} == {
        key: record(digest)[key] for key in ("digest", "cluster", "deployment_name", "tags", "runtime_risks")
    }
    listed = await world.ask("GET", f"{GITHUB}/{digest}/metadata/deployment-records", token=token)
    assert listed.json == done.json
    (ours,) = (await world.ask("GET", f"{ACME}/deployments")).items
    assert (ours["service"], ours["environment"], ours["region"], ours["package"], ours["version"]) == (
        "prod-api-web",
        "prod",
        "pacific-east",
        "api",
        "1.0",
    )


async def test_the_same_deployment_is_one_record_until_it_is_decommissioned(world: World, digest: str) -> None:
    path = f"{GITHUB}/metadata/deployment-record"
    first = await world.ask("POST", path, record(digest))

    again = await world.ask("POST", path, record(digest, tags={"data-access": "public"}, not_known_yet=1))
    ended = await world.ask("POST", path, record(digest, status="decommissioned", return_records=False))

    assert again.json["deployment_records"][0]["id"] == first.json["deployment_records"][0]["id"]
    assert again.json["deployment_records"][0]["tags"] == {"data-access": "public"}
    assert ended.json == {"total_count": 1}
    assert (await world.ask("GET", f"{ACME}/deployments")).items == []
    unknown = await world.ask("POST", path, record(digest, status="decommissioned", deployment_name="other"))
    assert (unknown.status, unknown.code) == (404, "deployment-unknown")


async def test_a_cluster_is_set_at_once_and_what_it_does_not_name_stays(world: World, digest: str) -> None:
    other = str((await world.image("2.0", annotations={"build": "2"})).digest)
    path = f"{GITHUB}/metadata/deployment-record/cluster/eu-1"

    def body(*deployments: dict[str, object]) -> dict[str, object]:
        return {"logical_environment": "prod", "deployments": list(deployments)}

    def runs(service: str, digest: str, **more: object) -> dict[str, object]:
        return {"name": "acme/api", "digest": digest, "deployment_name": service, **more}

    first = await world.ask("POST", path, body(runs("web", digest), runs("jobs", digest)))
    second = await world.ask("POST", path, body(runs("web", other, status="deployed")))

    assert first.json["total_count"] == 2
    assert second.json["deployment_records"][0]["cluster"] == "eu-1"
    running = {each["service"]: each["digest"] for each in (await world.ask("GET", f"{ACME}/deployments")).items}
    assert running == {"web": other, "jobs": digest}
    unknown = await world.ask("POST", path, body(runs("jobs", other), runs("web", "sha256:" + 64 * "0")))
    assert (unknown.status, unknown.code) == (404, "artifact-unknown")
    after = {each["service"]: each["digest"] for each in (await world.ask("GET", f"{ACME}/deployments")).items}
    assert after == running


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "sha256:abc"},
        {"digest": None},
        {"status": "gone"},
        {"logical_environment": ""},
        {"deployment_name": "x" * 257},
        {"tags": {"a": 1}},
        {"runtime_risks": ["sunburn"]},
        {"name": ""},
    ],
    ids=str,
)
async def test_a_record_that_is_not_well_formed_is_refused(world: World, digest: str, wrong: dict[str, object]) -> None:
    answer = await world.ask("POST", f"{GITHUB}/metadata/deployment-record", {**record(digest), **wrong})

    assert (answer.status, answer.json["status"]) == (400, 400)


async def test_a_cluster_says_only_so_much_at_once(world: World, digest: str) -> None:
    runs = {"name": "acme/api", "digest": digest, "deployment_name": "web"}
    for deployments in ([], [runs] * 1_001):
        answer = await world.ask(
            "POST",
            f"{GITHUB}/metadata/deployment-record/cluster/eu-1",
            {"logical_environment": "prod", "deployments": deployments},
        )
        assert answer.status == 400
