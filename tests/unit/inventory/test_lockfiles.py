"""Lockfiles in images: what they say is declared, and never taken for what is there."""

from __future__ import annotations

import json

import pytest

from entrepot.inventory import cyclonedx_writer
from entrepot.inventory.documents import read_document
from entrepot.model.component import Relation
from entrepot.testing.builders import NOON
from tests.unit.inventory.images import layer, package_json, purls, stock_of

PACKAGE_LOCK = {
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "app", "version": "1.0.0"},
        "node_modules/left-pad": {"version": "1.3.0"},
        "node_modules/@types/node": {"version": "20.1.0"},
        "node_modules/a/node_modules/b": {"version": "2.0.0"},
        "node_modules/alias": {"name": "real", "version": "3.0.0"},
        "node_modules/linked": {"resolved": "packages/linked", "link": True},
        "node_modules/jest": {"version": "29.0.0", "dev": True},
        "node_modules/ours": {"version": "file:../ours"},
        "packages/linked": {"version": "0.0.1"},
    },
}
OLDER_PACKAGE_LOCK = {
    "lockfileVersion": 1,
    "dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}}, "c": {"dev": True}},
}
YARN = """# yarn lockfile v1


"@babel/core@^7.0.0", "@babel/core@^7.1.0":
  version "7.21.0"
  resolved "https://registry.example.com/@babel/core/-/core-7.21.0.tgz#abc"
  dependencies:
    version "^1.0.0"

left-pad@^1.0.0:
  version "1.3.0"

alias@npm:real@^2.0.0:
  version "2.1.0"
"""
YARN_BERRY = """__metadata:
  version: 8
  cacheKey: 10

"@babel/core@npm:^7.0.0, @babel/core@npm:^7.1.0":
  version: 7.21.0
  resolution: "@babel/core@npm:7.21.0"
  dependencies:
    debug: ^4.1.0
  languageName: node

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
"""
PNPM_5 = """lockfileVersion: 5.4
dependencies:
  left-pad: 1.3.0
packages:

  /left-pad/1.3.0:
    resolution: {integrity: sha512-x}
    dev: false

  /@babel/core/7.21.0_abc@1.0.0:
    resolution: {integrity: sha512-x}
"""
PNPM_9 = """lockfileVersion: '9.0'

packages:

  '@babel/core@7.21.0':
    resolution: {integrity: sha512-x}

  left-pad@1.3.0:
    resolution: {integrity: sha512-x}

  debug@4.1.0(supports-color@5.0.0):
    resolution: {integrity: sha512-x}

snapshots:

  other@1.0.0: {}
"""
REQUIREMENTS = """# comment
--index-url https://registry.example.com/simple
requests==2.31.0
flask[async]==3.0.0 ; python_version >= "3.8"
pinned===1.0 \\
    --hash=sha256:abc
loose>=1.0
any==1.*
-e ./ours
"""
POETRY = """# generated
[[package]]
name = "requests"
version = "2.31.0"
description = "version = \\"9\\""

[package.dependencies]
name = "no"
version = "9"

[[package]]
name = "flask"
version = "3.0.0"

[metadata]
lock-version = "2.0"
"""
UV = """version = 1

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }

[[package]]
name = "idna"
version = "3.6"
source = { registry = "https://registry.example.com/simple" }
"""
CARGO = """version = 3

[[package]]
name = "app"
version = "0.1.0"

[[package]]
name = "serde"
version = "1.0.190"
source = "registry+https://registry.example.com/index"
checksum = "abc"
"""
GO_MOD = """module example.com/app

go 1.21

require example.com/one v1.0.0

require (
\texample.com/two/v2 v2.1.0 // indirect
\texample.com/old v3.0.0+incompatible
)

replace example.com/one => example.com/fork v1.0.1

exclude (
\texample.com/bad v0.1.0
)
"""
GO_SUM = """example.com/one v1.0.0 h1:abc=
example.com/one v1.0.0/go.mod h1:abc=
example.com/unneeded v1.0.0/go.mod h1:abc=
"""
GEMFILE = """GEM
  remote: https://registry.example.com/
  specs:
    rails (7.0.4)
      activesupport (= 7.0.4)
    nokogiri (1.15.0-x86_64-linux)

PATH
  remote: .
  specs:
    ours (0.1.0)

BUNDLED WITH
   2.4.1
"""
PIPFILE = {
    "default": {"requests": {"version": "==2.31.0"}, "ours": {"path": "."}},
    "develop": {"pytest": {"version": "==8"}},
}
COMPOSER = {
    "packages": [{"name": "monolog/monolog", "version": "v3.4.0"}],
    "packages-dev": [{"name": "a/b", "version": "1"}],
}
NUGET = {"version": 1, "dependencies": {"net8.0": {"Serilog": {"type": "Direct", "resolved": "3.1.1"}}}}
GRADLE = """# This is a Gradle generated file
com.google.guava:guava:31.1-jre=compileClasspath,runtimeClasspath
empty=annotationProcessor
"""

LOCKFILES = [
    (
        "package-lock.json",
        json.dumps(PACKAGE_LOCK),
        {"npm/left-pad@1.3.0", "npm/%40types/node@20.1.0", "npm/b@2.0.0", "npm/real@3.0.0"},
    ),
    ("npm-shrinkwrap.json", json.dumps(OLDER_PACKAGE_LOCK), {"npm/a@1.0.0", "npm/b@2.0.0"}),
    ("yarn.lock", YARN, {"npm/%40babel/core@7.21.0", "npm/left-pad@1.3.0", "npm/real@2.1.0"}),
    ("yarn.lock", YARN_BERRY, {"npm/%40babel/core@7.21.0"}),
    ("pnpm-lock.yaml", PNPM_5, {"npm/left-pad@1.3.0", "npm/%40babel/core@7.21.0"}),
    ("pnpm-lock.yaml", PNPM_9, {"npm/%40babel/core@7.21.0", "npm/left-pad@1.3.0", "npm/debug@4.1.0"}),
    ("requirements-dev.txt", REQUIREMENTS, {"pypi/requests@2.31.0", "pypi/flask@3.0.0", "pypi/pinned@1.0"}),
    ("poetry.lock", POETRY, {"pypi/requests@2.31.0", "pypi/flask@3.0.0"}),
    ("uv.lock", UV, {"pypi/idna@3.6"}),
    ("Cargo.lock", CARGO, {"cargo/serde@1.0.190"}),
    ("Pipfile.lock", json.dumps(PIPFILE), {"pypi/requests@2.31.0"}),
    (
        "go.mod",
        GO_MOD,
        {"golang/example.com/one@v1.0.0", "golang/example.com/two/v2@v2.1.0", "golang/example.com/old@v3.0.0"},
    ),
    ("go.sum", GO_SUM, {"golang/example.com/one@v1.0.0"}),
    ("Gemfile.lock", GEMFILE, {"gem/rails@7.0.4", "gem/nokogiri@1.15.0"}),
    ("composer.lock", json.dumps(COMPOSER), {"composer/monolog/monolog@3.4.0"}),
    ("packages.lock.json", json.dumps(NUGET), {"nuget/Serilog@3.1.1"}),
    ("gradle.lockfile", GRADLE, {"maven/com.google.guava/guava@31.1-jre"}),
]


@pytest.mark.parametrize(("name", "content", "expected"), LOCKFILES, ids=[each[0] for each in LOCKFILES])
def test_what_a_lockfile_wants_is_declared(name: str, content: str, expected: set[str]) -> None:
    inventory = stock_of(layer({f"srv/app/{name}": content.encode()}))

    assert purls(inventory) == {f"pkg:{each}" for each in expected}
    assert {each.relation for each in inventory.components} == {Relation.DECLARED}
    assert {each.found_in for each in inventory.components} == {(f"srv/app/{name}",)}


def test_what_is_installed_is_so_whatever_declares_it_too() -> None:
    inventory = stock_of(
        layer(
            {
                "app/package-lock.json": json.dumps(PACKAGE_LOCK).encode(),
                "app/node_modules/left-pad/package.json": package_json("left-pad", "1.3.0", license="WTFPL"),
            }
        )
    )

    (found,) = [each for each in inventory.components if each.name == "left-pad"]
    assert (found.relation, found.licence) == (Relation.CONTAINED, "WTFPL")
    assert set(found.found_in) == {"app/package-lock.json", "app/node_modules/left-pad/package.json"}


@pytest.mark.parametrize(
    "folder", ["app/node_modules/x", "usr/lib/python3/site-packages/x", "srv/vendor/x", "root/go/pkg/mod/x"]
)
def test_lockfiles_of_what_is_installed_are_of_those_who_made_it(folder: str) -> None:
    assert stock_of(layer({f"{folder}/yarn.lock": YARN.encode()})).components == ()


@pytest.mark.parametrize("name", sorted({each[0] for each in LOCKFILES}))
@pytest.mark.parametrize(
    "content", [b"{", b"[" * 100_000, b"\xff\xfe", b"x" * 100_000, b'{"packages": 1, "default": []}']
)
def test_a_lockfile_that_says_nothing_makes_nothing_unknown(name: str, content: bytes) -> None:
    inventory = stock_of(layer({name: content}))

    assert (inventory.components, inventory.unread) == ((), ())


def test_what_is_declared_is_written_down_as_that() -> None:
    inventory = stock_of(layer({"go.sum": GO_SUM.encode()}))

    again = read_document(cyclonedx_writer.write(inventory, NOON, "1")).inventory

    assert [(each.name, each.relation) for each in again.components] == [("example.com/one", Relation.DECLARED)]
