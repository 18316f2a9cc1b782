"""What the go command reads: https://go.dev/ref/mod#goproxy-protocol"""

from __future__ import annotations

import pytest

from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, PackageId, PackageName, parse_channel, parse_namespace
from entrepot.operations.clear import open_clearance
from entrepot.operations.mark import yank
from entrepot.testing.builders import ADMINISTRATOR, caller
from tests.formats.go.conftest import Go
from tests.formats.go.modules import MODULE, module

_PACKAGE = PackageId(parse_namespace("acme"), FormatName("go"), PackageName(MODULE))


async def test_a_module_is_listed_and_served_file_by_file(go: Go) -> None:
    await go.publish("v1.0.0")

    listed = await go.get(f"{MODULE}/@v/list")
    info = await go.get(f"{MODULE}/@v/v1.0.0.info")
    mod = await go.get(f"{MODULE}/@v/v1.0.0.mod")
    archive = await go.get(f"{MODULE}/@v/v1.0.0.zip")

    assert listed.text == "v1.0.0\n"
    assert listed.headers["content-type"].startswith("text/plain")
    assert info.json() == {"Version": "v1.0.0", "Time": "2026-01-31T12:00:00Z"}
    assert mod.text == f"module {MODULE}\n\ngo 1.20\n"
    assert archive.content == module()
    assert "immutable" in archive.headers["cache-control"]


async def test_a_list_goes_up_and_has_no_pseudo_versions(go: Go) -> None:
    await go.publish("v1.10.0", "v1.9.0", "v1.10.0-rc.2", "v1.10.0-rc.10", "v0.0.0-20260102030405-abcdef012345")

    answer = await go.get(f"{MODULE}/@v/list")

    assert answer.text.split() == ["v1.9.0", "v1.10.0-rc.2", "v1.10.0-rc.10", "v1.10.0"]


async def test_a_module_of_pseudo_versions_alone_has_an_empty_list(go: Go) -> None:
    await go.publish("v0.0.0-20260102030405-abcdef012345", "v0.0.0-20260103030405-000000000000")

    listed = await go.get(f"{MODULE}/@v/list")
    latest = await go.get(f"{MODULE}/@latest")

    assert (listed.status_code, listed.text) == (200, "")
    # A pseudo-version says when its commit was made.
    assert latest.json() == {"Version": "v0.0.0-20260103030405-000000000000", "Time": "2026-01-03T03:04:05Z"}


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (["v1.2.0", "v1.10.0", "v1.11.0-rc.1"], "v1.10.0"),
        (["v1.0.0-rc.1", "v1.0.0-rc.2", "v0.0.0-20260102030405-abcdef012345"], "v1.0.0-rc.2"),
        (["v1.0.0", "v2.0.0+incompatible"], "v2.0.0+incompatible"),
    ],
)
async def test_the_latest_is_a_release_if_there_is_one(go: Go, versions: list[str], latest: str) -> None:
    for version in versions:
        await go.publish(version, go_mod=None)

    assert (await go.get(f"{MODULE}/@latest")).json()["Version"] == latest


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("example.com/greet", "v0.0.0"),
        ("example.com/greet/v2", "v2.1.0"),
        ("example.com/greet/v10", "v10.0.0-20260102030405-abcdef012345"),
        ("gopkg.in/yaml.v3", "v3.0.1"),
        ("gopkg.in/check.v1", "v0.0.0-20161208181325-20d25e280405"),
        ("example.com/Azure/SDK-for_Go~x", "v1.0.0-RC1"),
    ],
)
async def test_every_way_to_say_a_major_version_is_served_unchanged(go: Go, path: str, version: str) -> None:
    escaped = "".join(f"!{c.lower()}" if c.isupper() else c for c in f"{path}/@v/{version}")

    put = await go.put(f"{escaped}.zip", module(path, version))
    info = await go.get(f"{escaped}.info")
    archive = await go.get(f"{escaped}.zip")

    assert put.status_code == 201, put.text
    assert info.json()["Version"] == version
    assert archive.content == module(path, version)


async def test_upper_case_is_another_module_and_is_asked_for_with_escapes(go: Go) -> None:
    await go.put("example.com/!greet/@v/v1.0.0.zip", module("example.com/Greet"))

    assert (await go.get("example.com/!greet/@v/list")).text == "v1.0.0\n"
    assert (await go.get("example.com/greet/@v/list")).status_code == 404
    assert (await go.get("example.com/Greet/@v/list")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "example.com/nosuch/@v/list",
        "example.com/nosuch/@latest",
        f"{MODULE}/@v/v1.0.1.info",
        f"{MODULE}/@v/v1.0.1.mod",
        f"{MODULE}/@v/v1.0.1.zip",
        f"{MODULE}/@v/main.info",
        f"{MODULE}/@v/v1.info",
        f"{MODULE}/@v/v1.0.0+meta.info",
        f"{MODULE}/@v/v1.0.0.ziphash",
        f"{MODULE}/@v/",
        "fmt/@v/list",
        "example.com/..%2f..%2fx/@v/list",
        "sumdb/sum.example.com/supported",
        "example.com/a!/@v/list",
        "",
    ],
)
async def test_what_is_not_here_is_404_so_that_the_next_proxy_is_asked(go: Go, path: str) -> None:
    # "GOPROXY protocol": only 404 and 410 lead on; the text is shown when no proxy has it.
    await go.publish("v1.0.0")

    answer = await go.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_zip_without_go_mod_gets_the_one_that_the_reference_says(go: Go) -> None:
    await go.publish("v1.0.0", go_mod=None)

    assert (await go.get(f"{MODULE}/@v/v1.0.0.mod")).text == f"module {MODULE}\n"


async def test_a_module_whose_major_version_is_behind_a_dot_needs_no_go_mod(go: Go) -> None:
    await go.publish("v4.13.0", path="gopkg.in/patch.v4", go_mod=None)

    assert (await go.get("gopkg.in/patch.v4/@v/v4.13.0.mod")).text == "module gopkg.in/patch.v4\n"


async def test_a_time_that_is_said_is_served(go: Go) -> None:
    said = await go.put(f"{MODULE}/@v/v1.0.0.zip?time=2019-05-06T07:08:09%2B02:00", module())

    assert said.status_code == 201
    assert (await go.get(f"{MODULE}/@v/v1.0.0.info")).json()["Time"] == "2019-05-06T05:08:09Z"


async def test_what_has_not_changed_is_not_sent_again(go: Go) -> None:
    await go.publish("v1.0.0")
    paths = [f"{MODULE}/@v/list", f"{MODULE}/@latest", f"{MODULE}/@v/v1.0.0.info", f"{MODULE}/@v/v1.0.0.zip"]

    for path in paths:
        first = await go.get(path)
        again = await go.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_a_yanked_version_is_not_listed_and_is_still_served(go: Go) -> None:
    await go.publish("v1.0.0", "v1.1.0")
    version = go.world.registry.formats[FormatName("go")].parse_version("v1.1.0")

    await yank(go.world.registry, caller("maintainer"), _PACKAGE, version)

    assert (await go.get(f"{MODULE}/@v/list")).text == "v1.0.0\n"
    assert (await go.get(f"{MODULE}/@latest")).json()["Version"] == "v1.0.0"
    assert (await go.get(f"{MODULE}/@v/v1.1.0.zip")).status_code == 200


async def test_a_channel_s_view_shows_only_what_is_cleared(go: Go) -> None:
    await go.publish("v1.0.0", "v1.1.0")
    hidden = await go.get(f"{MODULE}/@v/list", view="acme.prod")
    async with go.world.client(await go.world.token("reader", name="oci")) as client:
        manifest = await client.head(f"/v2/acme/go/{MODULE}/manifests/v1.0.0")
    digest = Digest.parse(manifest.headers["docker-content-digest"])
    await open_clearance(go.world.registry, ADMINISTRATOR, _PACKAGE, parse_channel("prod"), digest)

    listed = await go.get(f"{MODULE}/@v/list", view="acme.prod")
    statuses = [
        (await go.get(f"{MODULE}/@v/{version}.{kind}", view="acme.prod")).status_code
        for version in ("v1.0.0", "v1.1.0")
        for kind in ("info", "mod", "zip")
    ]

    assert hidden.status_code == 404
    assert listed.text == "v1.0.0\n"
    assert statuses == [200, 200, 200, 404, 404, 404]


async def test_without_credentials_nothing_of_a_private_namespace_is_read(go: Go) -> None:
    await go.publish("v1.0.0")

    for path in (f"{MODULE}/@v/list", f"{MODULE}/@latest", f"{MODULE}/@v/v1.0.0.zip", "example.com/nosuch/@v/list"):
        answer = await go.get(path, by=None)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_the_go_command_is_told_where_modules_called_like_this_registry_are(go: Go) -> None:
    # "Finding a repository for a module path": the tag with "mod" names a proxy.
    page = await go.get("greet/v2?go-get=1")
    root = await go.get("?go-get=1")
    nobody = await go.get("greet?go-get=1", by=None)

    expected = 'content="registry.example.com/go/acme mod http://registry.example.com/go/acme"'
    assert expected in page.text
    assert expected in root.text
    assert nobody.status_code == 401


async def test_a_module_is_an_artifact_of_its_files(go: Go) -> None:
    await go.publish("v1.0.0")

    async with go.world.client(await go.world.token("reader", name="oci")) as client:
        manifest = (await client.get(f"/v2/acme/go/{MODULE}/manifests/v1.0.0")).json()

    assert manifest["artifactType"] == "application/vnd.entrepot.go.v1"
    titles = [layer["annotations"]["org.opencontainers.image.title"] for layer in manifest["layers"]]
    assert titles == ["v1.0.0.mod", "v1.0.0.zip"]


async def test_a_path_in_upper_case_is_escaped_for_oci(go: Go) -> None:
    await go.put("example.com/!azure/_x/@v/v1.0.0.zip", module("example.com/Azure/_x"))

    async with go.world.client(await go.world.token("reader", name="oci")) as client:
        found = await client.get("/v2/acme/go/example.com/x--41zure/x--5fx/tags/list")

    assert found.json()["tags"] == ["v1.0.0"]
