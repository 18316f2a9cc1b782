from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from entrepot.client import Denied, LocalFailure, Misuse, NotFound, Refused, Unintelligible, WrongContent
from tests.unit.client.conftest import Open
from tests.unit.client.depot import Depot, name
from tests.unit.client.loopback import Asked, Say, loopback

LARGE = random.Random(3).randbytes(9 * 1024 * 1024)
ADDRESS = "acme/oci/team/art:1.0"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def depot() -> Depot:
    return Depot()


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Two files to push."""
    folder = tmp_path / "dist"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"a")
    (folder / "sub" / "b.txt").write_bytes(b"b")
    return folder


def _descriptor(content: bytes, **more: object) -> dict[str, Any]:
    return {"mediaType": "application/octet-stream", "digest": name(content), "size": len(content)} | more


def _titled(content: bytes, title: str) -> dict[str, Any]:
    return _descriptor(content, annotations={"org.opencontainers.image.title": title})


def _manifest(*layers: dict[str, Any], config: bytes = b"{}", **more: object) -> bytes:
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": _descriptor(config), "layers": list(layers)}
    return json.dumps(document | more).encode()


# --- push ---


def test_files_become_titled_layers_of_an_artifact(connect: Open, depot: Depot, dist: Path) -> None:
    with loopback(depot) as server:
        pushed = connect(server.url).push(
            [dist], "acme/team/art:1.0", format="oci", annotations={"k": "v"}, artifact_type="application/x.test"
        )

    media_type, content = depot.manifests["1.0"]
    assert media_type == MANIFEST
    assert str(pushed.digest) == name(content)
    assert json.loads(content) == {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/x.test",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": name(b"{}"),
            "size": 2,
            "data": "e30=",
        },
        "layers": [_titled(b"a", "a.txt"), _titled(b"b", "sub/b.txt")],
        "annotations": {"k": "v"},
    }
    assert depot.blobs == {name(each): each for each in (b"{}", b"a", b"b")}


def test_an_artifact_that_says_no_type_has_orass(connect: Open, depot: Depot, dist: Path) -> None:
    with loopback(depot) as server:
        connect(server.url).push([dist], ADDRESS)

    assert json.loads(depot.manifests["1.0"][1])["artifactType"] == "application/vnd.unknown.artifact.v1"


def test_blobs_that_are_there_are_not_sent_again(connect: Open, depot: Depot, dist: Path) -> None:
    depot.blobs = {name(each): each for each in (b"{}", b"a", b"b")}

    with loopback(depot) as server:
        connect(server.url).push([dist], ADDRESS)

    assert {each.method for each in server.asked} == {"HEAD", "PUT"}


def test_a_registry_that_takes_no_single_post_is_put_to(connect: Open, depot: Depot, dist: Path) -> None:
    depot.single_post = False

    with loopback(depot) as server:
        connect(server.url).push([dist], ADDRESS)

    assert depot.blobs == {name(each): each for each in (b"{}", b"a", b"b")}


def test_a_large_blob_goes_on_where_it_broke(connect: Open, depot: Depot, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    depot.cuts = [3_000_000]

    with loopback(depot) as server:
        connect(server.url).push([tmp_path / "large"], ADDRESS)

    ranges = [each.headers["content-range"] for each in server.asked if each.method == "PATCH"]
    assert depot.blobs[name(LARGE)] == LARGE
    assert ranges == [f"0-{len(LARGE) - 1}", f"3000000-{len(LARGE) - 1}"]


def test_a_lost_answer_to_the_last_request_is_not_a_failure(connect: Open, depot: Depot, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    depot.lose_answers = 1

    with loopback(depot) as server:
        connect(server.url).push([tmp_path / "large"], ADDRESS)

    assert "1.0" in depot.manifests


def test_a_file_that_changes_between_reading_and_sending_is_noticed(
    connect: Open, depot: Depot, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(LARGE)

    def before(asked: Asked) -> Say | None:
        if asked.method == "POST" and "digest" not in asked.query:
            status = large.stat()
            large.write_bytes(LARGE[::-1])
            # With the same size and time only its digest tells that the file has changed.
            os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))
        return None

    depot.before = before
    with loopback(depot) as server, pytest.raises(WrongContent, match="when it was read first"):
        connect(server.url).push([large], ADDRESS)

    assert "1.0" not in depot.manifests


def test_the_same_again_is_no_error_though_the_time_differs(connect: Open, depot: Depot, dist: Path) -> None:
    created = "org.opencontainers.image.created"
    with loopback(depot) as server:
        client = connect(server.url)
        first = client.push([dist], ADDRESS, annotations={created: "2026-01-01T00:00:00Z", "k": "v"})

        again = client.push([dist], ADDRESS, annotations={created: "2026-01-02T00:00:00Z", "k": "v"})

    assert again.digest == first.digest


def test_other_content_under_a_version_is_refused_with_advice(connect: Open, depot: Depot, dist: Path) -> None:
    with loopback(depot) as server:
        client = connect(server.url)
        client.push([dist], ADDRESS)
        (dist / "a.txt").write_bytes(b"changed")

        with pytest.raises(Denied, match="The version exists") as refused:
            client.push([dist], ADDRESS)

    assert "push under a new one" in (refused.value.hint or "")


def test_a_refusal_that_is_about_rights_stays_one(connect: Open, depot: Depot, dist: Path) -> None:
    denied = Say.json({"errors": [{"code": "DENIED", "message": "You may not."}]}, 403)
    depot.before = lambda asked: denied if asked.method == "PUT" else None

    with loopback(depot) as server, pytest.raises(Denied, match="You may not") as refused:
        connect(server.url).push([dist], ADDRESS)

    assert "role" in (refused.value.hint or "")


# --- pull ---


def test_titled_layers_become_files(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.blobs = {name(each): each for each in (b"a", b"b", b"c")}
    digest = depot.tag("1.0", _manifest(_titled(b"a", "a.txt"), _titled(b"b", "sub/b.txt"), _descriptor(b"c")))

    with loopback(depot) as server:
        pulled = connect(server.url).pull(ADDRESS, tmp_path / "into")

    assert (tmp_path / "into" / "a.txt").read_bytes() == b"a"
    assert (tmp_path / "into" / "sub" / "b.txt").read_bytes() == b"b"
    assert len(list((tmp_path / "into").rglob("*"))) == 3
    assert str(pulled.digest) == digest


def test_only_what_is_wanted_is_pulled(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.blobs = {name(each): each for each in (b"a", b"b")}
    depot.tag("1.0", _manifest(_titled(b"a", "a.txt"), _titled(b"b", "b.bin")))

    with loopback(depot) as server:
        client = connect(server.url)
        client.pull(ADDRESS, tmp_path / "into", only=["*.bin"])
        with pytest.raises(Misuse, match=r"\*\.zip"):
            client.pull(ADDRESS, tmp_path / "into", only=["*.zip"])

    assert [path.name for path in (tmp_path / "into").iterdir()] == ["b.bin"]


def test_a_manifest_is_verified_against_the_digest_that_was_asked_for(
    connect: Open, depot: Depot, tmp_path: Path
) -> None:
    wanted = name(b"the right one")
    other = _manifest(_titled(b"a", "a.txt"))
    # A server that lies does so in its header too.
    headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": wanted}
    depot.before = lambda _: Say(200, other, headers)

    with loopback(depot) as server, pytest.raises(WrongContent) as refused:
        connect(server.url).pull(f"acme/oci/team/art@{wanted}", tmp_path / "into")

    assert wanted in str(refused.value)
    assert not (tmp_path / "into").exists()


def test_a_manifest_that_is_not_what_its_header_says_is_refused(connect: Open, depot: Depot, tmp_path: Path) -> None:
    headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": name(b"other")}
    depot.before = lambda _: Say(200, _manifest(), headers)

    with loopback(depot) as server, pytest.raises(WrongContent):
        connect(server.url).pull(ADDRESS, tmp_path / "into")


def test_a_digest_is_pulled_by_its_digest(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.blobs = {name(b"a"): b"a"}
    digest = depot.tag("1.0", _manifest(_titled(b"a", "a.txt")))

    with loopback(depot) as server:
        connect(server.url).pull(f"acme/oci/team/art:1.0@{digest}", tmp_path / "into")

    assert f"GET /v2/acme/team/art/manifests/{digest}" in server.lines


def test_a_wrong_blob_is_never_left_under_its_name(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.blobs = {name(b"a"): b"!"}
    depot.tag("1.0", _manifest(_titled(b"a", "a.txt")))

    with loopback(depot) as server, pytest.raises(WrongContent):
        connect(server.url).pull(ADDRESS, tmp_path / "into")

    assert list((tmp_path / "into").iterdir()) == []


def test_a_title_that_leads_outside_is_refused(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.blobs = {name(b"a"): b"a"}
    depot.tag("1.0", _manifest(_titled(b"a", "../a.txt")))

    with loopback(depot) as server, pytest.raises(WrongContent, match="outside"):
        connect(server.url).pull(ADDRESS, tmp_path / "into")

    assert not (tmp_path / "a.txt").exists()


def test_an_image_says_to_be_pulled_as_a_layout(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.tag("1.0", _manifest(_descriptor(b"layer")))

    with loopback(depot) as server, pytest.raises(Misuse, match="no named files") as refused:
        connect(server.url).pull(ADDRESS, tmp_path)

    assert "--layout" in (refused.value.hint or "")


def test_an_index_says_to_be_pulled_as_a_layout(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.tag("1.0", json.dumps({"schemaVersion": 2, "manifests": [_descriptor(b"m")]}).encode(), INDEX)

    with loopback(depot) as server, pytest.raises(Misuse, match="an index of 1 manifests") as refused:
        connect(server.url).pull(ADDRESS, tmp_path)

    assert "--layout" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("media_type", "content"), [("text/html", b"<html>"), (MANIFEST, b"{"), (MANIFEST, b'{"schemaVersion":1}')]
)
def test_what_is_no_manifest_is_not_understood(
    connect: Open, depot: Depot, tmp_path: Path, media_type: str, content: bytes
) -> None:
    depot.tag("1.0", content, media_type)

    with loopback(depot) as server, pytest.raises(Unintelligible):
        connect(server.url).pull(ADDRESS, tmp_path)


# --- layouts ---


def _two_platforms(depot: Depot) -> tuple[str, list[bytes]]:
    """A nested index, and all that is below it."""
    blobs = [b"config one", b"layer one", b"config two", b"shared"]
    depot.blobs = {name(each): each for each in blobs}
    one = _manifest(_descriptor(b"layer one"), _descriptor(b"shared"), config=b"config one")
    two = _manifest(_descriptor(b"shared"), config=b"config two")
    depot.tag("one", one)
    depot.tag("two", two)
    inner = json.dumps({"schemaVersion": 2, "manifests": [_descriptor(two, mediaType=MANIFEST)]}).encode()
    depot.tag("inner", inner, INDEX)
    entries = [_descriptor(one, mediaType=MANIFEST), _descriptor(inner, mediaType=INDEX)]
    outer = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    return depot.tag("1.0", outer, INDEX), [*blobs, one, two, inner, outer]


def test_a_layout_holds_the_whole_of_an_index(connect: Open, depot: Depot, tmp_path: Path) -> None:
    digest, contents = _two_platforms(depot)

    with loopback(depot) as server:
        connect(server.url).pull(ADDRESS, tmp_path / "layout", layout=True)

    blobs = tmp_path / "layout" / "blobs" / "sha256"
    index = json.loads((tmp_path / "layout" / "index.json").read_bytes())
    assert json.loads((tmp_path / "layout" / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert {path.name: path.read_bytes() for path in blobs.iterdir()} == {name(each)[7:]: each for each in contents}
    assert index["manifests"] == [
        {
            "mediaType": INDEX,
            "digest": digest,
            "size": len(contents[-1]),
            "annotations": {"org.opencontainers.image.ref.name": "1.0"},
        }
    ]


def test_a_layout_gains_what_is_pulled_into_it(connect: Open, depot: Depot, tmp_path: Path) -> None:
    old, new = _manifest(x=1), _manifest(x=2)
    depot.blobs = {name(b"{}"): b"{}"}
    names = "org.opencontainers.image.ref.name"
    with loopback(depot) as server:
        client = connect(server.url)
        depot.tag("1.0", old)
        depot.tag("other", old)
        client.pull(ADDRESS, tmp_path, layout=True)
        depot.tag("1.0", new)
        client.pull(ADDRESS, tmp_path, layout=True)
        client.pull(ADDRESS.replace("1.0", "other"), tmp_path, layout=True)

    listed = json.loads((tmp_path / "index.json").read_bytes())["manifests"]
    assert [(each["digest"], each["annotations"][names]) for each in listed] == [
        (name(new), "1.0"),
        (name(old), "other"),
    ]


def test_a_layer_that_may_not_be_distributed_need_not_be_there(connect: Open, depot: Depot, tmp_path: Path) -> None:
    foreign = _descriptor(b"f", mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar", urls=["http://x"])
    depot.blobs = {name(b"{}"): b"{}"}
    depot.tag("1.0", _manifest(foreign))

    with loopback(depot) as server:
        pulled = connect(server.url).pull(ADDRESS, tmp_path, layout=True)

    assert [str(file.digest) for file in pulled.files] == [name(b"{}")]


def test_a_blob_that_is_missing_is_named_and_no_index_is_written(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.tag("1.0", _manifest(_descriptor(b"gone")))

    with loopback(depot) as server, pytest.raises(NotFound):
        connect(server.url).pull(ADDRESS, tmp_path, layout=True)

    assert not (tmp_path / "index.json").exists()


def test_an_index_that_is_no_index_is_left_alone(connect: Open, depot: Depot, tmp_path: Path) -> None:
    depot.blobs = {name(b"{}"): b"{}"}
    depot.tag("1.0", _manifest())
    (tmp_path / "index.json").write_text("[]")

    with loopback(depot) as server, pytest.raises(LocalFailure, match="not the index of an OCI layout"):
        connect(server.url).pull(ADDRESS, tmp_path, layout=True)

    assert (tmp_path / "index.json").read_text() == "[]"


def test_an_index_that_is_nested_too_deeply_is_given_up(connect: Open, depot: Depot, tmp_path: Path) -> None:
    content, media_type = _manifest(), MANIFEST
    for _ in range(12):
        depot.tag("1.0", content, media_type)
        entry = _descriptor(content, mediaType=media_type)
        content, media_type = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode(), INDEX
    depot.tag("1.0", content, media_type)

    with loopback(depot) as server, pytest.raises(Misuse, match="nested deeper"):
        connect(server.url).pull(ADDRESS, tmp_path, layout=True)


def test_plain_files_are_pulled_by_digest_through_the_same_door(connect: Open, tmp_path: Path) -> None:
    manifest = _manifest(_titled(b"a", "a.txt"))

    def script(asked: Asked) -> Say:
        if asked.path == f"/v2/acme/generic/tool/manifests/{name(manifest)}":
            return Say(200, manifest, {"Content-Type": MANIFEST})
        assert asked.path == f"/v2/acme/generic/tool/blobs/{name(b'a')}"
        return Say(200, b"a")

    with loopback(script) as server:
        connect(server.url).pull(f"acme/generic/tool@{name(manifest)}", tmp_path)

    assert (tmp_path / "a.txt").read_bytes() == b"a"


def test_a_version_of_any_format_is_pulled_under_whatever_name_it_has(connect: Open, tmp_path: Path) -> None:
    manifest = _manifest(_titled(b"a", "a.whl"))
    found = {"digest": name(manifest), "media_type": MANIFEST, "size": len(manifest)}

    def script(asked: Asked) -> Say:
        if asked.path.startswith("/api/"):
            assert asked.path == "/api/v1/packages/acme/pypi/Tool_v2/-/artifacts/1.0+local"
            return Say.json(found)
        if asked.path == f"/v2/acme/pypi/x--54ool_v2/manifests/{name(manifest)}":
            return Say(200, manifest, {"Content-Type": MANIFEST})
        assert asked.path == f"/v2/acme/pypi/x--54ool_v2/blobs/{name(b'a')}"
        return Say(200, b"a")

    with loopback(script) as server:
        connect(server.url).pull("acme/pypi/Tool_v2:1.0+local", tmp_path)

    assert (tmp_path / "a.whl").read_bytes() == b"a"


def test_a_refused_upload_says_why(connect: Open, depot: Depot, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    full = Say.json({"errors": [{"code": "UNAVAILABLE", "message": "no room left"}]}, 507)
    depot.before = lambda asked: full if asked.method == "PATCH" else None

    with loopback(depot) as server, pytest.raises(Refused, match="no room left"):
        connect(server.url).push([tmp_path / "large"], ADDRESS)
