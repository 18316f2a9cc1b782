"""What another registry's published tests ask of a Go module proxy, asked of ours.

The cases are Gitea's (``tests/integration/api_packages_goproxy_test.go``); each test names its own.
Where it expects something else than we do, the test says why.
"""

from __future__ import annotations

import pytest

from tests.formats.go.conftest import Go
from tests.formats.go.modules import module, zipped

PATH = "git.example.com/go-team/tool"
GO_MOD = f'module "{PATH}"'.encode()


def only_go_mod(version: str) -> bytes:
    """A module without a line of Go, its path in quotes and no newline behind it."""
    return zipped({f"{PATH}@{version}/go.mod": GO_MOD})


async def published(go: Go) -> None:
    for version in ("v0.0.1", "v0.0.2"):
        assert (await go.put(f"{PATH}/@v/{version}.zip", only_go_mod(version))).status_code == 201


async def test_a_module_of_nothing_but_a_go_mod_is_taken_once(go: Go) -> None:
    """Case "Upload": who says nothing, a zip of nothing, a module, and the same again.

    There the same zip again is 409; here that is no error, so that a release can be repeated, and other bytes are one.
    """
    place = f"{PATH}/@v/v0.0.1.zip"

    answers = [
        await go.put(place, only_go_mod("v0.0.1"), by=None),
        await go.put(place, zipped({})),
        await go.put(place, only_go_mod("v0.0.1")),
        await go.put(place, only_go_mod("v0.0.1")),
        await go.put(place, module(PATH, "v0.0.1")),
    ]

    assert [answer.status_code for answer in answers] == [401, 400, 201, 200, 409]


async def test_an_upload_says_in_its_address_what_it_is(go: Go) -> None:
    """Case "Upload" takes any zip at one address, and what is inside for its name.

    Here the address is where the module will be found, so that rights to one module can be told before it is read.
    """
    answer = await go.put("upload", only_go_mod("v0.0.1"))

    assert answer.status_code == 405
    assert "artifact.published" not in await go.world.events()


async def test_versions_are_listed_and_the_highest_is_the_latest(go: Go) -> None:
    """Cases "List" and "Info"."""
    await published(go)

    assert (await go.get(f"{PATH}/@v/list")).text == "v0.0.1\nv0.0.2\n"
    assert (await go.get(f"{PATH}/@v/v0.0.1.info")).json()["Version"] == "v0.0.1"
    assert (await go.get(f"{PATH}/@latest")).json()["Version"] == "v0.0.2"


async def test_a_version_s_files_come_as_they_are_inside(go: Go) -> None:
    """Cases "GoMod" and "Download"."""
    await published(go)

    assert (await go.get(f"{PATH}/@v/v0.0.1.mod")).content == GO_MOD
    assert (await go.get(f"{PATH}/@v/v0.0.1.zip")).content == only_go_mod("v0.0.1")


@pytest.mark.parametrize("kind", ["info", "mod", "zip"])
async def test_latest_is_asked_for_at_its_own_address_alone(go: Go, kind: str) -> None:
    """Cases "Info", "GoMod" and "Download" have ``@v/latest.<kind>`` too, which the protocol does not, nor the command.

    "latest" is a version query; what it means is said at ``@latest``, and the rest is asked for by that version.
    """
    await published(go)

    assert (await go.get(f"{PATH}/@v/latest.{kind}")).status_code == 404
