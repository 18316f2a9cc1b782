from __future__ import annotations

import pytest

from tests.unit.api.world import World

API = "/api/v1/packages/acme/oci/api"
NOTHING = "sha256:" + 64 * "0"


async def test_a_package_is_shown_with_its_revision(world: World) -> None:
    await world.namespace()
    await world.image("1.0", package="team/api")

    shown = await world.ask("GET", "/api/v1/packages/acme/oci/team/api")

    assert shown.json == {"namespace": "acme", "format": "oci", "name": "team/api", "revision": 3}
    assert shown.headers["etag"] == '"3"'
    assert shown.cached


async def test_the_slashes_of_a_name_may_be_escaped(world: World) -> None:
    await world.namespace()
    await world.image("1.0", package="team/api")

    plain = await world.ask("GET", "/api/v1/packages/acme/oci/team/api/-/references")
    escaped = await world.ask("GET", "/api/v1/packages/acme/oci/team%2Fapi/-/references")

    assert plain.status == 200
    assert escaped.json == plain.json


async def test_a_package_may_be_called_like_a_part_of_the_api(world: World) -> None:
    await world.namespace()
    await world.image("1.0", package="references/artifacts")

    shown = await world.ask("GET", "/api/v1/packages/acme/oci/references/artifacts")

    assert shown.json["name"] == "references/artifacts"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("acme/oci/ghost", 404, "package-unknown"),
        ("ghost/oci/api", 404, "package-unknown"),
        ("acme.prod/oci/api", 404, "package-unknown"),
        ("acme/cobol/api", 400, "invalid"),
        ("acme/oci/API", 400, "invalid-name"),
        ("Acme/oci/api", 400, "invalid-name"),
        ("acme.Prod/oci/api", 400, "invalid-name"),
        ("acme/oci/api/-", 404, "route-unknown"),
        ("acme/oci/-/references", 404, "route-unknown"),
        ("acme/oci", 404, "route-unknown"),
    ],
)
async def test_an_address_without_a_package_is_refused(world: World, path: str, status: int, code: str) -> None:
    await world.namespace()
    await world.image("1.0")

    answer = await world.ask("GET", f"/api/v1/packages/{path}")

    assert (answer.status, answer.code) == (status, code)


async def test_packages_are_listed_by_namespace_format_and_name(world: World) -> None:
    await world.namespace()
    await world.namespace("beta")
    for namespace, package in (("beta", "a"), ("acme", "web"), ("acme", "api")):
        await world.image("1.0", namespace=namespace, package=package)

    async def names(query: str) -> list[str]:
        found = (await world.ask("GET", f"/api/v1/packages{query}")).items
        return [f"{item['namespace']}/{item['name']}" for item in found]

    assert await names("") == ["acme/api", "acme/web", "beta/a"]
    assert await names("?namespace=acme&format=oci") == ["acme/api", "acme/web"]
    assert await names("?format=generic") == []
    assert await names("?namespace=ghost") == []


async def test_packages_are_listed_through_a_channels_view(world: World) -> None:
    await world.namespace()
    cleared = await world.image("1.0", package="api")
    await world.image("1.0", package="web")
    await world.ask("PUT", f"{API}/-/clearances/prod/{cleared.digest}")
    reader = await world.token("reader", "acme.prod")

    shown = await world.ask("GET", "/api/v1/packages?view=acme.prod", token=reader)
    whole = await world.ask("GET", "/api/v1/packages", token=reader)
    absent = await world.ask("GET", "/api/v1/packages?view=acme.nowhere")

    assert [item["name"] for item in shown.items] == ["api"]
    assert whole.items == []
    assert (absent.status, absent.code) == (404, "channel-unknown")


async def test_pages_of_packages_join_to_the_whole(world: World) -> None:
    await world.namespace()
    names = ["a", "a/b", "a/b/c", "b", "c"]
    for name in names:
        await world.image("1.0", package=name)

    found: list[str] = []
    query = "?limit=2"
    while query:
        page = (await world.ask("GET", f"/api/v1/packages{query}")).json
        found += [item["name"] for item in page["items"]]
        query = f"?limit=2&after={page['next']}" if page["next"] else ""

    assert found == names


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "limit=-1", "limit=", "after=x", "format=cobol", "namespace=A", "colour=1"],
)
async def test_a_query_that_is_not_well_formed_is_refused(world: World, query: str) -> None:
    answer = await world.ask("GET", f"/api/v1/packages?{query}")

    assert answer.status == 400


# --- references ---


async def test_references_are_listed_in_byte_order_with_their_kind(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0", "latest", "Beta")

    listed = await world.ask("GET", f"{API}/-/references")
    tags = await world.ask("GET", f"{API}/-/references?kind=tag")

    assert [(item["name"], item["kind"], item["sealed"]) for item in listed.items] == [
        ("1.0", "version", True),
        ("Beta", "tag", False),
        ("latest", "tag", False),
    ]
    assert listed.items[0] == {
        "kind": "version",
        "name": "1.0",
        "digest": str(image.digest),
        "from_position": 3,
        "sealed": True,
        "yanked": None,
        "deprecated": None,
    }
    assert [item["name"] for item in tags.items] == ["Beta", "latest"]


async def test_pages_of_references_join_to_the_whole(world: World) -> None:
    await world.namespace()
    await world.image(*(f"1.{number}" for number in range(7)))

    first = (await world.ask("GET", f"{API}/-/references?limit=5")).json
    second = (await world.ask("GET", f"{API}/-/references?limit=5&after={first['next']}")).json

    assert [item["name"] for item in first["items"] + second["items"]] == [f"1.{number}" for number in range(7)]
    assert (first["next"], second["next"]) == ("1.4", None)


async def test_a_kind_that_there_is_not_is_refused(world: World) -> None:
    await world.namespace()
    await world.image("1.0")

    answer = await world.ask("GET", f"{API}/-/references?kind=branch")

    assert answer.status == 400
    assert "kind" in answer.json["detail"]


async def test_a_tag_is_made_and_moved(world: World) -> None:
    await world.namespace()
    old, new = await world.image("1.0"), await world.image("2.0")

    made = await world.ask("PUT", f"{API}/-/references/latest", {"digest": str(old.digest)})
    moved = await world.ask("PUT", f"{API}/-/references/latest", {"digest": str(new.digest)})
    history = await world.ask("GET", f"{API}/-/references/latest/history")

    assert made.json == {"name": "latest", "digest": str(old.digest)}
    assert moved.status == 200
    assert [(item["digest"], item["from_position"], item["until_position"]) for item in history.items] == [
        (str(old.digest), 5, 6),
        (str(new.digest), 6, None),
    ]


async def test_pages_of_a_history_join_to_the_whole(world: World) -> None:
    await world.namespace()
    images = [await world.image(f"{number}.0", "latest") for number in range(1, 4)]

    first = (await world.ask("GET", f"{API}/-/references/latest/history?limit=2")).json
    second = (await world.ask("GET", f"{API}/-/references/latest/history?limit=2&after={first['next']}")).json

    digests = [item["digest"] for item in first["items"] + second["items"]]
    assert digests == [str(image.digest) for image in images]


async def test_a_name_that_never_was_has_no_history(world: World) -> None:
    await world.namespace()
    await world.image("1.0")

    answer = await world.ask("GET", f"{API}/-/references/2.0/history")

    assert (answer.status, answer.code) == (404, "reference-unknown")


async def test_a_version_does_not_move(world: World) -> None:
    await world.namespace()
    await world.image("1.0")
    new = await world.image("2.0")

    answer = await world.ask("PUT", f"{API}/-/references/1.0", {"digest": str(new.digest)})

    assert (answer.status, answer.code) == (409, "version-sealed")


async def test_a_tag_that_the_rules_hold_moves_only_for_who_may_overwrite(world: World) -> None:
    await world.namespace()
    await world.ask("PATCH", "/api/v1/namespaces/acme", {"movable": ["latest"]})
    await world.image("1.0", "stable")
    new = await world.image("2.0")
    publisher, maintainer = await world.token("publisher"), await world.token("maintainer")
    target = {"digest": str(new.digest)}

    refused = await world.ask("PUT", f"{API}/-/references/stable", target, token=publisher)
    moved = await world.ask("PUT", f"{API}/-/references/stable", target, token=maintainer)

    assert (refused.status, refused.code) == (409, "tag-immutable")
    assert moved.status == 200


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("latest", {"digest": NOTHING}, 404, "artifact-unknown"),
        ("latest", {"digest": "latest"}, 400, "invalid-digest"),
        ("latest", {"digest": None}, 400, "invalid"),
        ("latest", {}, 400, "invalid"),
        ("not+oci", {"digest": NOTHING}, 400, "invalid-reference"),
        ("-x", {"digest": NOTHING}, 400, "invalid-reference"),
    ],
)
async def test_a_tag_that_cannot_be_is_refused(world: World, name: str, body: object, status: int, code: str) -> None:
    await world.namespace()
    await world.image("1.0")

    answer = await world.ask("PUT", f"{API}/-/references/{name}", body)

    assert (answer.status, answer.code) == (status, code)


async def test_a_deleted_tag_means_nothing_and_leaves_its_artifact(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0", "latest")

    deleted = await world.ask("DELETE", f"{API}/-/references/latest")
    again = await world.ask("DELETE", f"{API}/-/references/latest")

    assert (deleted.status, again.status, again.code) == (204, 404, "reference-unknown")
    assert [item["name"] for item in (await world.ask("GET", f"{API}/-/references")).items] == ["1.0"]
    assert (await world.ask("GET", f"{API}/-/artifacts/{image.digest}")).status == 200


# --- versions ---


async def test_a_version_is_yanked_and_deprecated_with_a_reason_and_taken_back(world: World) -> None:
    await world.namespace()
    await world.image("1.0")

    async def marks() -> tuple[object, object]:
        (version,) = (await world.ask("GET", f"{API}/-/references")).items
        return version["yanked"], version["deprecated"]

    assert (await world.ask("POST", f"{API}/-/versions/1.0/yank", {"reason": "broken"})).status == 204
    assert (await world.ask("POST", f"{API}/-/versions/1.0/deprecate")).status == 204
    assert await marks() == ("broken", "")
    assert (await world.ask("POST", f"{API}/-/versions/1.0/unyank")).status == 204
    assert (await world.ask("POST", f"{API}/-/versions/1.0/undeprecate")).status == 204
    assert await marks() == (None, None)


async def test_a_version_is_sealed(world: World) -> None:
    await world.namespace()
    await world.image("1.0", sealed=False)
    before = (await world.ask("GET", f"{API}/-/references")).items

    answer = await world.ask("POST", f"{API}/-/versions/1.0/seal")

    assert answer.status == 204
    assert [item["sealed"] for item in before] == [False]
    assert [item["sealed"] for item in (await world.ask("GET", f"{API}/-/references")).items] == [True]


@pytest.mark.parametrize("mark", ["seal", "yank", "unyank", "deprecate", "undeprecate"])
async def test_only_a_version_is_marked_and_only_by_who_may(world: World, mark: str) -> None:
    await world.namespace()
    await world.image("1.0", "latest")
    reader = await world.token("reader")

    for name in ("2.0", "latest"):
        answer = await world.ask("POST", f"{API}/-/versions/{name}/{mark}")
        assert (answer.status, answer.code) == (404, "reference-unknown")
    refused = await world.ask("POST", f"{API}/-/versions/1.0/{mark}", token=reader)
    unknown = await world.ask("POST", f"{API}/-/versions/1.0/{mark}", token=None)
    through_a_channel = await world.ask("POST", f"/api/v1/packages/acme.prod/oci/api/-/versions/1.0/{mark}")

    assert (refused.status, unknown.status) == (403, 401)
    assert (through_a_channel.status, through_a_channel.code) == (403, "read-only")


async def test_a_reason_is_not_endless(world: World) -> None:
    await world.namespace()
    await world.image("1.0")

    answer = await world.ask("POST", f"{API}/-/versions/1.0/yank", {"reason": "x" * 1001})

    assert answer.status == 400


async def test_a_version_of_files_is_shown_and_marked_but_not_tagged(world: World) -> None:
    await world.namespace()
    put = await world.ask("PUT", "/files/acme/Tool/1.0/bin/tool", content=b"#!")
    api = "/api/v1/packages/acme/generic/Tool/-"

    shown = (await world.ask("GET", f"{api}/artifacts/1.0")).json
    yanked = await world.ask("POST", f"{api}/versions/1.0/yank", {"reason": "broken"})
    tagged = await world.ask("PUT", f"{api}/references/latest", {"digest": shown["digest"]})

    assert put.status == 201
    assert shown["digest"] == put.json["artifact"]
    assert [link["kind"] for link in shown["links"]] == ["config", "layer"]
    assert yanked.status == 204
    assert (await world.ask("GET", f"{api}/references")).items[0]["yanked"] == "broken"
    assert (tagged.status, tagged.code) == (403, "denied")


# --- artifacts ---


async def test_artifacts_are_listed_in_the_order_they_came(world: World) -> None:
    await world.namespace()
    old = await world.image("1.0", annotations={"org.opencontainers.image.revision": "4f2c1e0"})
    new = await world.image("2.0", artifact_type="application/x-thing")

    listed = await world.ask("GET", f"{API}/-/artifacts")
    rest = await world.ask("GET", f"{API}/-/artifacts?after={listed.items[0]['published_position']}")

    assert listed.items[0] == {
        "digest": str(old.digest),
        "size": len(old.content),
        "media_type": "application/vnd.oci.image.manifest.v1+json",
        "artifact_type": "application/vnd.oci.empty.v1+json",
        "annotations": {"org.opencontainers.image.revision": "4f2c1e0"},
        "published_position": 3,
        "published_at": listed.items[0]["published_at"],
    }
    assert listed.items[0]["published_at"].startswith("2026-01-31T12:00:")
    assert [(item["digest"], item["artifact_type"]) for item in rest.items] == [
        (str(new.digest), "application/x-thing")
    ]


async def test_pages_of_artifacts_join_to_the_whole(world: World) -> None:
    await world.namespace()
    images = [await world.image(f"{number}.0") for number in range(5)]

    first = (await world.ask("GET", f"{API}/-/artifacts?limit=3")).json
    second = (await world.ask("GET", f"{API}/-/artifacts?limit=3&after={first['next']}")).json

    digests = [item["digest"] for item in first["items"] + second["items"]]
    assert digests == [str(image.digest) for image in images]
    assert second["next"] is None


@pytest.mark.parametrize("after", ["x", "-1", str(2**63), "nan", "1e400"])
async def test_a_position_that_is_none_is_refused(world: World, after: str) -> None:
    await world.namespace()
    await world.image("1.0")

    answer = await world.ask("GET", f"{API}/-/artifacts?after={after}")

    assert answer.status == 400


async def test_an_artifact_is_shown_whole_by_name_and_by_digest(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0", "latest")
    sbom = await world.image(subject=image, artifact_type="application/spdx+json", annotations={"tool": "syft"})
    await world.ask("PUT", f"{API}/-/clearances/prod/{image.digest}")

    by_name = await world.ask("GET", f"{API}/-/artifacts/latest")
    by_digest = await world.ask("GET", f"{API}/-/artifacts/{image.digest}")

    shown = by_name.json
    assert by_digest.json == shown
    assert shown["digest"] == str(image.digest)
    assert shown["references"] == ["1.0", "latest"]
    assert [link["kind"] for link in shown["links"]] == ["config", "layer"]
    assert shown["links"][1]["annotations"] == {"org.opencontainers.image.title": "layer"}
    assert shown["links"][1]["size"] == image.links[1].target.size
    assert shown["subject"] is None
    assert shown["referrers"] == [
        {
            "digest": str(sbom.digest),
            "artifact_type": "application/spdx+json",
            "size": len(sbom.content),
            "annotations": {"tool": "syft"},
        }
    ]
    assert shown["clearances"] == [{"channel": "prod", "from_position": 5}]


async def test_a_referrer_names_its_subject_and_shares_its_clearances(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0")
    sbom = await world.image(subject=image)
    await world.ask("PUT", f"{API}/-/clearances/staging/{image.digest}")
    await world.ask("PUT", f"{API}/-/clearances/dev/{sbom.digest}")

    shown = (await world.ask("GET", f"{API}/-/artifacts/{sbom.digest}")).json

    assert shown["subject"] == str(image.digest)
    assert shown["references"] == []
    assert shown["clearances"] == [
        {"channel": "dev", "from_position": 6},
        {"channel": "staging", "from_position": 5},
    ]


async def test_an_index_links_what_it_contains(world: World) -> None:
    await world.namespace()
    image = await world.image()
    index = await world.index("1.0", of=image)

    shown = (await world.ask("GET", f"{API}/-/artifacts/1.0")).json

    assert shown["digest"] == str(index.digest)
    assert [(link["kind"], link["digest"]) for link in shown["links"]] == [("manifest", str(image.digest))]


async def test_a_channels_view_shows_what_is_cleared_for_it_alone(world: World) -> None:
    await world.namespace()
    cleared, other = await world.image("1.0"), await world.image("2.0")
    for channel in ("staging", "prod"):
        await world.ask("PUT", f"{API}/-/clearances/{channel}/{cleared.digest}")
    reader = await world.token("reader", "acme.prod")
    prod = "/api/v1/packages/acme.prod/oci/api"

    shown = await world.ask("GET", f"{prod}/-/artifacts/1.0", token=reader)

    assert [clearance["channel"] for clearance in shown.json["clearances"]] == ["prod"]
    assert [item["name"] for item in (await world.ask("GET", f"{prod}/-/references", token=reader)).items] == ["1.0"]
    assert len((await world.ask("GET", f"{prod}/-/artifacts", token=reader)).items) == 1
    assert (await world.ask("GET", f"{prod}/-/artifacts/2.0", token=reader)).code == "reference-unknown"
    assert (await world.ask("GET", f"{prod}/-/artifacts/{other.digest}", token=reader)).code == "artifact-unknown"
    assert (await world.ask("GET", f"{API}/-/artifacts/1.0", token=reader)).code == "package-unknown"


async def test_a_channels_view_has_no_history(world: World) -> None:
    await world.namespace()
    await world.image("1.0")

    for question in ("references/1.0/history", "clearances"):
        answer = await world.ask("GET", f"/api/v1/packages/acme.prod/oci/api/-/{question}")
        assert (answer.status, answer.code) == (400, "invalid")
        assert answer.json["expected"].startswith("acme:")


@pytest.mark.parametrize(
    ("artifact", "status", "code"),
    [
        ("2.0", 404, "reference-unknown"),
        (NOTHING, 404, "artifact-unknown"),
        ("sha256:abc", 400, "invalid-digest"),
        ("md5:" + 32 * "0", 400, "invalid-digest"),
        ("-", 400, "invalid-reference"),
        ("%00", 400, "invalid-reference"),
    ],
)
async def test_an_artifact_that_there_is_not_is_refused(world: World, artifact: str, status: int, code: str) -> None:
    await world.namespace()
    await world.image("1.0")

    answer = await world.ask("GET", f"{API}/-/artifacts/{artifact}")

    assert (answer.status, answer.code) == (status, code)


async def test_a_deleted_artifact_goes_with_its_names(world: World) -> None:
    await world.namespace()
    gone, stays = await world.image("1.0", "latest"), await world.image("2.0")

    deleted = await world.ask("DELETE", f"{API}/-/artifacts/{gone.digest}")
    again = await world.ask("DELETE", f"{API}/-/artifacts/{gone.digest}")

    assert (deleted.status, again.status, again.code) == (204, 404, "artifact-unknown")
    assert [item["digest"] for item in (await world.ask("GET", f"{API}/-/artifacts")).items] == [str(stays.digest)]
    assert [item["name"] for item in (await world.ask("GET", f"{API}/-/references")).items] == ["2.0"]


async def test_what_is_in_use_is_not_deleted(world: World) -> None:
    await world.namespace()
    contained, cleared = await world.image(), await world.image("2.0")
    await world.index("1.0", of=contained)
    await world.ask("PUT", f"{API}/-/clearances/prod/{cleared.digest}")

    for target in (f"artifacts/{contained.digest}", f"artifacts/{cleared.digest}", "references/2.0"):
        answer = await world.ask("DELETE", f"{API}/-/{target}")
        assert (answer.status, answer.code) == (403, "protected")


async def test_an_artifact_is_deleted_by_digest_alone(world: World) -> None:
    await world.namespace()
    await world.image("1.0")

    answer = await world.ask("DELETE", f"{API}/-/artifacts/1.0")

    assert (answer.status, answer.code) == (400, "invalid-digest")


# --- asking again ---


@pytest.mark.parametrize("address", ["", "/-/references", "/-/artifacts", "/-/artifacts/1.0", "/-/clearances"])
async def test_what_has_not_changed_is_not_sent_again(world: World, address: str) -> None:
    await world.namespace()
    await world.image("1.0")
    first = await world.ask("GET", API + address)
    known = {"if-none-match": f'W/"old", {first.headers["etag"]}'}

    unchanged = await world.ask("GET", API + address, headers=known)
    await world.image("2.0")
    changed = await world.ask("GET", API + address, headers=known)

    assert (unchanged.status, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == first.headers["etag"]
    assert (changed.status, changed.headers["etag"] != first.headers["etag"]) == (200, True)
    assert first.headers["cache-control"] == "no-cache"
    assert first.cached
    assert unchanged.cached


async def test_an_entity_tag_opens_nothing(world: World) -> None:
    await world.namespace()
    await world.image("1.0")
    etag = (await world.ask("GET", API)).headers["etag"]

    answer = await world.ask("GET", API, token=None, headers={"if-none-match": etag})

    assert answer.status == 401


async def test_head_says_what_get_says(world: World) -> None:
    await world.namespace()
    await world.image("1.0")
    got = await world.ask("GET", f"{API}/-/artifacts/1.0")

    head = await world.ask("HEAD", f"{API}/-/artifacts/1.0")

    assert (head.status, head.headers, head.content) == (200, got.headers, b"")
