"""What lockfiles say, as each tool writes its own."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.client import Misuse
from entrepot.client.lockfiles import Locked, LockedFile, read_lockfile, read_lockfiles

A, B = "a" * 64, "b" * 64
SHA512 = bytes(range(64))
INTEGRITY = f"sha512-{base64.b64encode(SHA512).decode()}"
SHA512_FILE = LockedFile(f"sha512:{SHA512.hex()}")


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_requirements_say_what_is_pinned_and_with_what_hashes(tmp_path: Path) -> None:
    write(tmp_path, "base.txt", "idna==3.7\n-r requirements.txt\n")
    path = write(
        tmp_path,
        "requirements.txt",
        f"""# made by a compiler
-r base.txt
--index-url https://registry.example.com/simple
Requests[socks]==2.31.0 ; python_version >= "3.8" \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via -r requirements.in
urllib3>=2
flask==3.*
local @ file:///tmp/local
-e ./editable
""",
    )

    found = read_lockfile(path)

    assert found.locked == (
        Locked("pypi", "idna", "3.7"),
        Locked("pypi", "Requests", "2.31.0", (LockedFile(f"sha256:{A}"), LockedFile(f"sha256:{B}"))),
    )
    assert [reason.partition(":")[0] for reason in found.skipped] == ["urllib3", "flask", "local"]


def test_uv_names_each_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "uv.lock",
        f"""version = 1
[[package]]
name = "project"
source = {{ virtual = "." }}
version = "0"
[[package]]
name = "idna"
version = "3.7"
source = {{ registry = "https://registry.example.com/simple" }}
sdist = {{ url = "https://registry.example.com/f/idna-3.7.tar.gz", hash = "sha256:{A}", size = 1 }}
wheels = [{{ url = "https://registry.example.com/f/idna-3.7-py3-none-any.whl#x", hash = "sha256:{B}", size = 1 }}]
""",
    )

    found = read_lockfile(path)

    [locked] = found.locked
    assert locked == Locked(
        "pypi",
        "idna",
        "3.7",
        (LockedFile(f"sha256:{A}", "idna-3.7.tar.gz"), LockedFile(f"sha256:{B}", "idna-3.7-py3-none-any.whl")),
    )
    assert locked.hashes(["*-none-any.whl"]) == (f"sha256:{B}",)
    assert found.skipped == ("project: it comes from no registry",)


def test_poetry_names_each_file_in_both_of_its_forms(tmp_path: Path) -> None:
    package = '[[package]]\nname = "idna"\nversion = "3.7"\n'
    files = f'[{{file = "idna-3.7.tar.gz", hash = "sha256:{A}"}}]\n'
    (tmp_path / "old").mkdir()
    newer = write(
        tmp_path,
        "poetry.lock",
        f'{package}files = {files}[[package]]\nname="x"\nversion="1"\n[package.source]\ntype = "git"\n',
    )
    older = write(tmp_path / "old", "poetry.lock", f"{package}[metadata.files]\nidna = {files}")

    expected = (Locked("pypi", "idna", "3.7", (LockedFile(f"sha256:{A}", "idna-3.7.tar.gz"),)),)
    assert read_lockfile(newer).locked == read_lockfile(older).locked == expected
    assert read_lockfile(newer).skipped == ("x: it comes from no registry",)


def test_npm_s_lockfile_is_flat_or_a_tree(tmp_path: Path) -> None:
    said = {"version": "1.0.0", "resolved": "https://registry.example.com/a.tgz", "integrity": INTEGRITY}
    flat = {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "project"},
            "node_modules/a": said,
            "node_modules/a/node_modules/@s/b": said,
            "node_modules/alias": {**said, "name": "real"},
            "node_modules/bundled": {**said, "inBundle": True},
            "node_modules/git": {"version": "1.0.0", "resolved": "git+ssh://example.com/x.git"},
            "packages/part": {"version": "1.0.0"},
            "node_modules/part": {"resolved": "packages/part", "link": True},
        },
    }
    tree = {
        "lockfileVersion": 1,
        "dependencies": {
            "a": {**said, "dependencies": {"@s/b": said, "bundled": {**said, "bundled": True}}},
            "alias": {**said, "version": "npm:real@1.0.0"},
        },
    }
    (tmp_path / "old").mkdir()

    read = read_lockfile(write(tmp_path, "package-lock.json", json.dumps(flat)))
    old = read_lockfile(write(tmp_path / "old", "npm-shrinkwrap.json", json.dumps(tree)))

    assert read.locked == tuple(Locked("npm", name, "1.0.0", (SHA512_FILE,)) for name in ("a", "@s/b", "real"))
    assert old.locked == read.locked
    assert [each.partition(":")[0] for each in read.skipped] == ["git", "packages/part"]


def test_pnpm_writes_names_with_what_they_depend_on(tmp_path: Path) -> None:
    lines = "".join(
        f"  '{key}':\n    resolution: {{integrity: {INTEGRITY}}}\n"
        for key in ("/a/1.0.0", "/@s/b@2.0.0(c@1.0.0)", "d@3.0.0-rc.1", "/@s/e/4.0.0_f@1.0.0")
    )
    path = write(
        tmp_path, "pnpm-lock.yaml", f"lockfileVersion: '9.0'\npackages:\n{lines}  'file:x':\n    resolution: {{}}\n"
    )

    found = read_lockfile(path)

    assert [(each.name, each.version) for each in found.locked] == [
        ("a", "1.0.0"),
        ("@s/b", "2.0.0"),
        ("d", "3.0.0-rc.1"),
        ("@s/e", "4.0.0"),
    ]
    assert all(each.files == (SHA512_FILE,) for each in found.locked)
    assert found.skipped == ("file:x: it comes from no registry",)


def test_cargo_s_checksums_stand_with_the_package_or_at_the_end(tmp_path: Path) -> None:
    source = "registry+https://registry.example.com/index"
    package = f'[[package]]\nname = "serde"\nversion = "1.0.0"\nsource = "{source}"\n'
    (tmp_path / "old").mkdir()
    newer = write(
        tmp_path,
        "Cargo.lock",
        f'[[package]]\nname = "me"\nversion = "0.1.0"\n{package}checksum = "{A}"\n'
        '[[package]]\nname = "g"\nversion = "1.0.0"\nsource = "git+https://example.com/g"\n',
    )
    older = write(tmp_path / "old", "Cargo.lock", f'{package}[metadata]\n"checksum serde 1.0.0 ({source})" = "{A}"\n')

    expected = (Locked("cargo", "serde", "1.0.0", (LockedFile(f"sha256:{A}"),)),)
    assert read_lockfile(newer).locked == read_lockfile(older).locked == expected
    assert read_lockfile(newer).skipped == ("g: it comes from no registry",)


def test_go_names_modules_and_go_mod_of_others(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "go.sum",
        "example.com/M v1.0.0 h1:abc=\nexample.com/M v1.0.0/go.mod h1:def=\nexample.com/N v2.0.0/go.mod h1:ghi=\n",
    )

    assert read_lockfile(path).locked == (
        Locked("go", "example.com/M", "v1.0.0", (LockedFile("h1:abc="), LockedFile("h1:def="))),
        Locked("go", "example.com/N", "v2.0.0", (LockedFile("h1:ghi="),)),
    )


def test_several_are_read_as_one(tmp_path: Path) -> None:
    one, two = write(tmp_path, "one.txt", "a==1\nb==1\n"), write(tmp_path, "two.txt", "b==1\nc==1\n")

    assert [each.name for each in read_lockfiles([one, two]).locked] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Gemfile.lock", ""),
        ("uv.lock", "= no toml"),
        ("uv.lock", "package = 1"),
        ("poetry.lock", "[[package]]\nversion = '1'"),
        ("package-lock.json", "[]"),
        ("package-lock.json", '{"packages": {"node_modules/a": 1}}'),
        ("pnpm-lock.yaml", "packages: [1]"),
        ("pnpm-lock.yaml", "!!python/object/apply:os.system [x]"),
        ("pnpm-lock.yaml", "{"),
        ("go.sum", "one two"),
        ("requirements.txt", "\udcff"),
        ("requirements.txt", "-r absent.txt"),
        ("pnpm-lock.yaml", ""),
    ],
)
def test_what_is_no_lockfile_is_misuse(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(Misuse):
        read_lockfile(tmp_path / name)


@given(
    name=st.sampled_from(["uv.lock", "package-lock.json", "pnpm-lock.yaml", "Cargo.lock", "go.sum", "x.txt"]),
    content=st.binary(max_size=200),
)
def test_no_content_is_worse_than_misuse(tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes) -> None:
    path = tmp_path_factory.mktemp("lock") / name
    path.write_bytes(content)

    try:
        read_lockfile(path)
    except Misuse:
        return
