"""Uploads: what is inside a zip is held to https://go.dev/ref/mod#zip-files"""

from __future__ import annotations

import asyncio
import stat
import zipfile
from collections.abc import AsyncIterator

import pytest

from entrepot.formats.go import module as module_file
from entrepot.formats.go.module import module_path
from entrepot.operations.check import check
from tests.formats.go.conftest import Go
from tests.formats.go.modules import MODULE, module, zipped

_PLACE = f"{MODULE}/@v/v1.0.0.zip"
_PREFIX = f"{MODULE}@v1.0.0/"


async def test_an_upload_is_answered_with_the_lines_of_go_sum(go: Go) -> None:
    answer = await go.put(_PLACE, module())

    # What golang.org/x/mod/sumdb/dirhash says of this zip and of its go.mod.
    assert answer.status_code == 201
    document = answer.json()
    assert (document["module"], document["version"], document["size"]) == (MODULE, "v1.0.0", len(module()))
    assert document["go_sum"] == [
        f"{MODULE} v1.0.0 h1:3oVBWbc6xYX62/6UGk/9RLsOFMptZk5gg/LTD56GzUs=",
        f"{MODULE} v1.0.0/go.mod h1:ezdhZKEu+Gj7LcQ7t5K3GBoyL2hW0fPYAdlIplX3cwM=",
    ]
    assert await check(go.world.registry, read_bytes=True) == []


async def test_the_same_zip_again_changes_nothing_and_another_is_refused(go: Go) -> None:
    await go.publish("v1.0.0")
    before = await go.world.events()

    same = await go.put(_PLACE, module())
    other = await go.put(_PLACE, module(files={"more.go": b"package greet\n"}))

    assert (same.status_code, other.status_code) == (200, 409)
    assert f"{MODULE}@v1.0.0" in other.text
    assert await go.world.events() == before


async def test_the_same_module_zipped_otherwise_is_another_file(go: Go) -> None:
    # go.sum would not tell them apart; but what was served stays what it is.
    await go.publish("v1.0.0")
    stored = {_PREFIX + "greet.go": b"package greet\n", _PREFIX + "go.mod": f"module {MODULE}\n\ngo 1.20\n".encode()}

    answer = await go.put(_PLACE, zipped(dict(reversed(stored.items()))))

    assert answer.status_code == 409


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"link": link()}, "link"),
        ({"sub/go.mod": b"module example.com/greet/sub\n"}, "sub/go.mod"),
        ({"sub/GO.MOD": b""}, "sub/GO.MOD"),
        ({"GO.mod": b""}, "GO.mod"),
        ({"vendor/example.com/x/x.go": b""}, "vendor/example.com/x/x.go"),
        ({"pkg/vendor/x/x.go": b""}, "pkg/vendor/x/x.go"),
        ({"Greet.go": b""}, "reet.go"),
        ({"A/x.go": b"", "a/y.go": b""}, "/"),
        ({"greet.go/x": b""}, "greet.go"),
        ({"con": b""}, "con"),
        ({"sub/Aux.txt": b""}, "Aux.txt"),
        ({"a:b": b""}, "a:b"),
        ({"a'b": b""}, "a'b"),
        ({"a*": b""}, "a*"),
        ({"a.": b""}, "a."),
        ({"sub./a": b""}, "sub."),
        ({"a\u2014b": b""}, "a\\u2014b"),
        ({"../x": b""}, "../x"),
        ({"a//b": b""}, "a//b"),
        ({"a\\b": b""}, "a"),
        ({"folder/": b""}, "folder/"),
    ],
)
async def test_what_the_go_command_would_refuse_is_refused_by_name(go: Go, files: dict[str, bytes], named: str) -> None:
    answer = await go.put(_PLACE, module(files=files))

    assert answer.status_code == 400
    assert named in answer.text
    assert "artifact.published" not in await go.world.events()


@pytest.mark.parametrize(
    "files",
    [
        {"vendor/modules.txt": b""},
        {"pkg/vendor/vendor.go": b"package vendor\n"},
        {"README.MD": b"", ".hidden": b"", "a b (c)/[d]{e}~1+=@!#$%&,^_.txt": b""},
        {"föhn/日本.go": b"package x\n"},
        {"context.go": b"", "auxiliary/null.go": b""},
        {"a/x.go": b"", "a/y.go": b"", "a/b/x.go": b""},
        {"empty": b""},
    ],
)
async def test_what_the_go_command_takes_is_taken(go: Go, files: dict[str, bytes]) -> None:
    answer = await go.put(_PLACE, module(files=files))

    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip",
        zipped({}),
        zipped({"greet.go": b""}),
        zipped({"example.com/other@v1.0.0/greet.go": b""}),
        zipped({f"{MODULE}@v1.0.1/greet.go": b""}),
        zipped({f"{_PREFIX}greet.go": b"", "outside": b""}),
        module()[:-1],
        module() + b"!",
        b"!" + module(),
        module(go_mod=b"module example.com/other\n"),
        module(go_mod=b"// nothing\n"),
        module(go_mod=b'module "example.com/greet\n'),
        module(go_mod=b"module \xff\n"),
        module(go_mod=b"go 1.20\n"),
    ],
)
async def test_what_is_not_this_module_is_refused(go: Go, content: bytes) -> None:
    answer = await go.put(_PLACE, content)

    assert answer.status_code == 400
    assert "artifact.published" not in await go.world.events()


@pytest.mark.parametrize(
    ("path", "version", "go_mod", "status"),
    [
        ("example.com/greet", "v2.0.0", b"", 400),
        ("example.com/greet", "v2.0.0+incompatible", None, 201),
        ("example.com/greet", "v2.0.0+incompatible", b"", 400),
        ("example.com/greet", "v1.0.0+incompatible", None, 400),
        ("example.com/greet/v2", "v2.0.0", b"", 201),
        ("example.com/greet/v2", "v2.0.0", None, 400),
        ("example.com/greet/v2", "v1.0.0", b"", 400),
        ("example.com/greet/v2", "v3.0.0", b"", 400),
        ("example.com/greet/v2", "v2.0.0+incompatible", None, 400),
        ("example.com/greet/v1", "v1.0.0", b"", 400),
        ("example.com/greet/v02", "v2.0.0", b"", 400),
        ("gopkg.in/yaml.v3", "v2.0.0", b"", 400),
        ("gopkg.in/yaml", "v1.0.0", b"", 400),
        ("example.com/greet", "v1.0.0+meta", b"", 400),
        ("example.com/greet", "v1.0", b"", 400),
        ("example.com/greet", "1.0.0", b"", 400),
        ("example.com/greet", "v01.0.0", b"", 400),
        ("example.com/greet", "v0.0.0-20261302030405-abcdef012345", b"", 400),
        ("example/greet", "v1.0.0", b"", 400),
        ("example.com/con", "v1.0.0", b"", 400),
        ("example.com/greet~1", "v1.0.0", b"", 400),
        ("example.com/.greet", "v1.0.0", b"", 400),
        ("example.com/greet.", "v1.0.0", b"", 400),
        ("example.com/a+b", "v1.0.0", b"", 400),
        ("-example.com/greet", "v1.0.0", b"", 400),
        ("example.com/" + "a" * 255, "v1.0.0", b"", 400),
    ],
)
async def test_path_and_version_must_go_together(
    go: Go, path: str, version: str, go_mod: bytes | None, status: int
) -> None:
    answer = await go.put(f"{path}/@v/{version}.zip", module(path, version, go_mod=go_mod))

    assert answer.status_code == status, answer.text


async def test_a_path_in_upper_case_is_not_guessed_at(go: Go) -> None:
    answer = await go.put("example.com/Greet/@v/v1.0.0.zip", module("example.com/Greet"))

    assert answer.status_code == 400
    assert "!" in answer.text


@pytest.mark.parametrize(
    "time",
    ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00%2B23:00"],
)
async def test_a_time_that_is_none_is_refused(go: Go, time: str) -> None:
    assert (await go.put(f"{_PLACE}?time={time}", module())).status_code == 400


async def test_a_pseudo_version_has_no_other_time_than_its_own(go: Go) -> None:
    version = "v0.0.0-20260102030405-abcdef012345"
    place, content = f"{MODULE}/@v/{version}.zip", module(version=version)

    other = await go.put(f"{place}?time=2026-01-02T03:04:06Z", content)
    own = await go.put(f"{place}?time=2026-01-02T03:04:05Z", content)

    assert (other.status_code, own.status_code) == (400, 201)


async def test_a_zip_that_is_too_large_is_refused_before_it_is_read(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrepot.formats.go.routes.ZIP_SIZE", 1_000)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 2_000

    said = await go.put(_PLACE, b"x" * 2_000)
    unsaid = await go.put(_PLACE, pieces())

    assert (said.status_code, unsaid.status_code) == (413, 413)
    assert module_file.ZIP_SIZE == 500 * 1024 * 1024


async def test_a_file_that_unpacks_to_more_than_is_allowed_is_refused(go: Go) -> None:
    answer = await go.put(_PLACE, module(go_mod=f"module {MODULE}\n//".encode() + b"x" * 16 * 1024 * 1024))

    assert answer.status_code == 400
    assert "go.mod" in answer.text


async def test_a_large_go_mod_is_kept_like_any_other(go: Go) -> None:
    go_mod = f"module {MODULE}\n//".encode() + b"x" * 200_000
    await go.publish("v1.0.0", go_mod=go_mod)

    assert (await go.get(f"{MODULE}/@v/v1.0.0.mod")).content == go_mod


@pytest.mark.parametrize(("by", "status"), [(None, 401), ("reader", 403), ("publisher", 201), ("maintainer", 201)])
async def test_who_may_upload(go: Go, by: str | None, status: int) -> None:
    assert (await go.put(_PLACE, module(), by=by)).status_code == status


async def test_of_two_zips_under_one_version_at_the_same_time_one_is_published(go: Go) -> None:
    await go.get(f"{MODULE}/@v/list", by="publisher")
    zips = [module(files={"more.go": f"package greet // {number}\n".encode()}) for number in range(2)]

    answers = await asyncio.gather(*(go.put(_PLACE, content) for content in zips))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    winner = zips[[answer.status_code for answer in answers].index(201)]
    assert (await go.get(_PLACE)).content == winner


async def test_a_channel_s_view_takes_no_modules(go: Go) -> None:
    assert (await go.put(_PLACE, module(), view="acme.prod")).status_code == 403


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"module example.com/a\n", "example.com/a"),
        (b"\n\n// module x\nmodule example.com/a // b\n", "example.com/a"),
        (b'module "example.com/a"', "example.com/a"),
        (b"module `example.com/a`\r\n", "example.com/a"),
        (b"\tmodule\texample.com/a\n", "example.com/a"),
        (b"modules example.com/a\n", None),
        (b"module\n", None),
        (b"module `\n", None),
        (b'module "\\x"\n', None),
        (b"", None),
    ],
)
def test_a_module_s_path_is_read_from_its_directive(content: bytes, path: str | None) -> None:
    assert module_path(content) == path
