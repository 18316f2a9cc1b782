"""What rpm itself has installed is found in its databases, whichever of their kinds they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from entrepot.inventory.images.sqlite_file import read_blobs
from entrepot.model.purl import Purl
from tests.clients.programs import Shell, program
from tests.clients.test_inventories import run_syft
from tests.unit.inventory.images import layer, ndb_database, purls, stock_of

pytestmark = pytest.mark.clients

_SPEC = """
Name: {name}
Version: 1.{number}
Release: {number}.el9
Epoch: {number}
Summary: a package
License: MIT
BuildArch: noarch
%description
{description}
%files
"""
_COUNT = 12
_REMOVED = 5
_LEFT = [number for number in range(_COUNT) if number != _REMOVED]
EXPECTED = {f"pkg:rpm/p{n}@1.{n}-{n}.el9?arch=noarch&epoch={n}&upstream=p{n}-1.{n}-{n}.el9.src.rpm" for n in _LEFT}


@pytest.fixture
def database(shell: Shell) -> Path:
    """What rpm has after it installed packages, one of which fills many pages, and removed another again."""
    for number in range(_COUNT):
        text = _SPEC.format(name=f"p{number}", number=number, description="word " * (10_000 if number == 3 else 10))
        (shell.home / f"p{number}.spec").write_text(text)
    specs = [f"p{number}.spec" for number in range(_COUNT)]
    shell.run(program("rpmbuild"), "-bb", "--define", f"_topdir {shell.home}/built", *specs)
    folder = shell.home / "rpm"
    here = (program("rpm"), "--dbpath", folder, "--define", "_db_backend sqlite")
    built = sorted((shell.home / "built" / "RPMS" / "noarch").iterdir())
    shell.run(*here, "--initdb")
    shell.run(*here, "--install", "--justdb", "--nodeps", *built)
    shell.run(*here, "--erase", "--justdb", "--nodeps", f"p{_REMOVED}")
    asked = shell.run(*here, "--query", "--all", "--queryformat", "%{NAME} %{EPOCH} %{VERSION} %{RELEASE}\n")
    assert sorted(asked.output.splitlines()) == sorted(f"p{n} {n} 1.{n} {n}.el9" for n in _LEFT)
    return folder / "rpmdb.sqlite"


def headers_in(database: Path) -> list[bytes]:
    """What rpm has to say of each package, whatever kind of database it is in."""
    with database.open("rb") as file:
        return list(read_blobs(file, "Packages"))


def found(path: str, content: bytes) -> set[str]:
    inventory = stock_of(layer({path: content}))
    assert inventory.unread == ()
    return purls(inventory)


def test_what_rpm_installed_is_found(database: Path) -> None:
    assert found("usr/lib/sysimage/rpm/rpmdb.sqlite", database.read_bytes()) == EXPECTED


def test_what_is_found_in_ndb_is_what_syft_finds(shell: Shell, database: Path) -> None:
    """Debian's rpm does not write it, so it is made here; that it is made as it should be, another reader shows."""
    content = ndb_database(headers_in(database))
    root = shell.home / "root"
    for path, each in {"usr/lib/sysimage/rpm/Packages.db": content, "etc/os-release": b"ID=sles\n"}.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_bytes(each)
    said = json.loads(run_syft(shell, program("syft"), f"dir:{root}", "cyclonedx-json"))
    theirs = [Purl.parse(each["purl"]) for each in said["components"] if "purl" in each]

    assert found("usr/lib/sysimage/rpm/Packages.db", content) == EXPECTED
    assert {(each.name, each.version) for each in theirs} == {(f"p{n}", f"1.{n}-{n}.el9") for n in _LEFT}


@pytest.mark.parametrize("order", ["1234", "4321"], ids=["little", "big"])
def test_what_rpm_kept_in_berkeley_db_is_found(shell: Shell, database: Path, order: str) -> None:
    """No rpm of today writes it: Berkeley DB's own program is given what rpm has to say of each package."""
    headers = headers_in(database)
    number = "little" if order == "1234" else "big"
    lines = ["VERSION=3", "format=bytevalue", "type=hash", "db_pagesize=4096", f"db_lorder={order}", "HEADER=END"]
    for key, value in enumerate([len(headers).to_bytes(4, number), *headers]):
        lines += [f" {key.to_bytes(4, number).hex()}", f" {value.hex()}"]
    shell.run(program("db5.3_load"), "Packages", given="\n".join([*lines, "DATA=END", ""]))

    assert found("var/lib/rpm/Packages", (shell.home / "Packages").read_bytes()) == EXPECTED
