"""Taking stock of images."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from entrepot.inventory.images.stock import IMAGE_LIMITS
from entrepot.model.errors import InvalidArchive, TooLarge
from tests.unit.archives.packing import zip_of
from tests.unit.inventory.images import (
    OS_RELEASE,
    dist_info,
    elf,
    go_information,
    hash_database,
    layer,
    mach,
    ndb_database,
    older_go_program,
    package_json,
    pe,
    purls,
    rpm_database,
    rpm_header,
    stock_of,
)

STATUS = b"""Package: curl
Status: install ok installed
Architecture: amd64
Version: 7.88.1-10
Description: a tool
 for transferring data

Package: libgcc-s1
Status: install ok installed
Architecture: amd64
Source: gcc-12 (12.2.0-14)
Version: 12.2.0-14

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
A = "usr/lib/python3/dist-packages/a-1.dist-info/METADATA"
B = "usr/lib/python3/dist-packages/b-1.dist-info/METADATA"


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_the_packages_of_debian_have_their_distribution_source_and_licence(compression: str) -> None:
    licences = b"Format: https://example.com\n\nFiles: *\nLicense: curl\n\nFiles: debian/*\nLicense: GPL-2+\n text\n"
    files = {
        "etc/os-release": OS_RELEASE,
        "var/lib/dpkg/status": STATUS,
        "usr/share/doc/curl/copyright": licences,
        "usr/share/doc/libgcc-s1/copyright": b"This is GCC.",
    }

    inventory = stock_of(layer(files, compression))

    assert purls(inventory) == {
        "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libgcc-s1@12.2.0-14?arch=amd64&distro=debian-12&upstream=gcc-12%4012.2.0-14",
    }
    found = {each.name: each for each in inventory.components}
    assert found["curl"].licence == "curl AND GPL-2.0-or-later"
    assert found["libgcc-s1"].licence is None
    assert (found["debian"].kind, found["debian"].version) == ("operating-system", "12")
    assert inventory.unread == ()


def test_images_without_dpkg_have_a_file_for_each_package() -> None:
    files = {
        "usr/lib/os-release": OS_RELEASE,
        "var/lib/dpkg/status.d/base": b"Package: base-files\nVersion: 12.4\nArchitecture: amd64\n",
        "var/lib/dpkg/status.d/base.md5sums": b"d41d8cd98f00b204e9800998ecf8427e  etc/x\n",
    }

    assert purls(stock_of(layer(files))) == {"pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12"}


def test_the_packages_of_alpine_are_found() -> None:
    installed = b"C:Q1/V5CF4fHiJTu5GnkJqCDJwGrNY0=\nP:musl-utils\nV:1.2.4-r2\nA:x86_64\no:musl\nL:MIT AND BSD-2-Clause\n\nP:x\n\n"
    files = {"etc/os-release": b"ID=alpine\nVERSION_ID=3.18.4\n", "lib/apk/db/installed": installed}

    inventory = stock_of(layer(files))

    assert purls(inventory) == {
        "pkg:apk/alpine/musl-utils@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4&upstream=musl",
    }
    found = next(each for each in inventory.components if each.name == "musl-utils")
    assert found.licence == "MIT AND BSD-2-Clause"
    assert found.hashes[0].startswith("sha1:")


DATABASES: dict[str, tuple[str, Callable[[list[bytes]], bytes]]] = {
    **{f"sqlite {size}": ("rpmdb.sqlite", partial(rpm_database, page_size=size)) for size in (512, 4096, 65536)},
    "ndb": ("Packages.db", ndb_database),
    **{
        f"Berkeley DB {order}{size}": ("Packages", partial(hash_database, page_size=size, order=order))
        for size in (512, 4096)
        for order in "<>"
    },
}


@pytest.mark.parametrize("kind", DATABASES)
def test_the_packages_of_rpm_are_found(kind: str) -> None:
    name, made = DATABASES[kind]
    many = [
        rpm_header({1000: f"p{number}", 1001: "1", 1002: "2.fc38", 1022: "x86_64", 1014: "MIT"})
        for number in range(300)
    ]
    large = rpm_header(
        {1005: "x" * 100_000, 1000: "bash", 1001: "5.2.15", 1002: "1.fc38", 1044: "bash-5.2.15-1.fc38.src.rpm"}, epoch=1
    )
    key = rpm_header({1000: "gpg-pubkey", 1001: "1"})
    database = made([*many, large, key])
    files = {"etc/os-release": b"ID=fedora\nVERSION_ID=38\n", f"usr/lib/sysimage/rpm/{name}": database}

    inventory = stock_of(layer(files))

    assert len(inventory.components) == 302
    assert "pkg:rpm/fedora/p0@1-2.fc38?arch=x86_64&distro=fedora-38" in purls(inventory)
    bash = next(each for each in inventory.components if each.name == "bash")
    assert bash.version == "1:5.2.15-1.fc38"
    assert str(bash.purl) == (
        "pkg:rpm/fedora/bash@5.2.15-1.fc38?distro=fedora-38&epoch=1&upstream=bash-5.2.15-1.fc38.src.rpm"
    )


@pytest.mark.parametrize("name", ["Packages", "Packages.db", "rpmdb.sqlite"])
@pytest.mark.parametrize("content", [b"x", b"x" * 8192])
def test_what_is_no_database_of_rpm_is_said_to_be_unread(name: str, content: bytes) -> None:
    inventory = stock_of(layer({f"var/lib/rpm/{name}": content}))

    assert len(inventory.unread) == 1
    assert inventory.unread[0].startswith(f"var/lib/rpm/{name}: ")


def test_what_languages_installed_is_found() -> None:
    files = {
        A: dist_info("Typing_Extensions", "4.8.0", "Classifier: License :: OSI Approved :: MIT License\n"),
        "usr/lib/python3/dist-packages/old.egg-info": dist_info("old", "1.0", "License: BSD-3-Clause\n"),
        "app/node_modules/@types/node/package.json": package_json("@types/node", "20.1.0", license="MIT"),
        "app/node_modules/x/package.json": package_json("x", "1.0.0", licenses=[{"type": "ISC"}]),
        "app/node_modules/x/esm/package.json": b'{"type": "module"}',
        "app/node_modules/y/test/package.json": b"{ broken on purpose",
    }

    inventory = stock_of(layer(files))

    assert {(str(each.purl), each.licence) for each in inventory.components} == {
        ("pkg:pypi/typing-extensions@4.8.0", "MIT"),
        ("pkg:pypi/old@1.0", "BSD-3-Clause"),
        ("pkg:npm/%40types/node@20.1.0", "MIT"),
        ("pkg:npm/x@1.0.0", "ISC"),
    }
    assert inventory.unread == ()


def test_jars_are_looked_into_and_what_they_hold_too() -> None:
    pom = "META-INF/maven/org.example/inner/pom.properties"
    inner = zip_of({pom: b"#made\nversion=1.2\ngroupId=org.example\nartifactId=inner\n"})
    other = zip_of(
        {
            "META-INF/maven/org.example/shaded/pom.properties": b"version=3\r\ngroupId=org.example\r\nartifactId=shaded\r\n"
        }
    )
    war = zip_of({"WEB-INF/lib/inner-1.2.jar": inner, "WEB-INF/lib/other.jar": other, "index.html": b""})
    plain = zip_of(
        {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\nImplementation-Version: 2\r\n .5\r\n", "A.class": b""}
    )

    inventory = stock_of(layer({"srv/app.war": war, "usr/share/java/plain.jar": plain}))

    assert purls(inventory) == {
        "pkg:maven/org.example/inner@1.2",
        "pkg:maven/org.example/shaded@3",
        "pkg:maven/plain/plain@2.5",
    }
    found = {each.name: each for each in inventory.components}
    assert found["org.example:inner"].found_in == ("srv/app.war:WEB-INF/lib/inner-1.2.jar",)
    assert found["plain"].version == "2.5"


@pytest.mark.parametrize(
    ("files", "purl"),
    [
        ({"META-INF/maven/org.example/lib/pom.xml": b""}, "pkg:maven/org.example/lib@1.0"),
        (
            {"META-INF/maven/org.a/a/pom.xml": b"", "META-INF/maven/org.b/b/pom.xml": b""},
            "pkg:maven/commons-old/commons-old@1.0",
        ),
        ({"META-INF/MANIFEST.MF": b"Implementation-Vendor-Id: org.vendor\n"}, "pkg:maven/org.vendor/commons-old@1.0"),
        ({"META-INF/MANIFEST.MF": b"Implementation-Vendor-Id: A Vendor\n"}, "pkg:maven/commons-old/commons-old@1.0"),
        ({"META-INF/MANIFEST.MF": b"Bundle-SymbolicName: org.bundle\n"}, "pkg:maven/commons-old/commons-old@1.0"),
    ],
)
def test_a_jar_without_coordinates_is_called_by_what_tells_its_name(files: dict[str, bytes], purl: str) -> None:
    inventory = stock_of(layer({"lib/commons-old-1.0.jar": zip_of({"A.class": b"", **files})}))

    assert purls(inventory) == {purl}


def test_a_jar_that_has_only_a_title_has_no_package_url() -> None:
    manifest = b"Implementation-Title: The Great Library\nImplementation-Version: 1.0\n"

    inventory = stock_of(layer({"lib/.jar": zip_of({"META-INF/MANIFEST.MF": manifest})}))

    assert [(each.name, each.purl) for each in inventory.components] == [("The Great Library", None)]


def test_a_jar_that_cannot_be_read_is_named_and_noted() -> None:
    inventory = stock_of(layer({"lib/guava-31.1.jar": b"PK\x03\x04 nonsense"}))

    assert [(each.name, each.version) for each in inventory.components] == [("guava", "31.1")]
    assert inventory.unread[0].startswith("lib/guava-31.1.jar: ")


MODULES = (
    "path\texample.com/app\nmod\texample.com/app\t(devel)\t\n"
    "dep\tgithub.com/x/y/v2\tv2.1.0\th1:abc=\ndep\texample.com/a\tv1.0.0\n=>\texample.com/b\tv1.5.0\th1:def=\n"
    "build\t-compiler=gc\n"
)


@pytest.mark.parametrize(
    "program",
    [
        elf({".go.buildinfo": go_information("go1.21.3", MODULES)}),
        older_go_program("go1.21.3", MODULES),
        pe(go_information("go1.21.3", MODULES)),
        mach(go_information("go1.21.3", MODULES)),
        mach(go_information("go1.21.3", MODULES), section=b"__data"),
        mach(go_information("go1.21.3", MODULES), order=">"),
    ],
    ids=["inline", "pointers", "windows", "macos", "macos without the section", "macos of old"],
)
def test_go_programs_say_their_modules(program: bytes) -> None:
    inventory = stock_of(layer({"usr/bin/app": program}))

    assert purls(inventory) == {
        "pkg:golang/stdlib@1.21.3",
        "pkg:golang/example.com/app",
        "pkg:golang/github.com/x/y/v2@v2.1.0",
        "pkg:golang/example.com/b@v1.5.0",
    }


def test_rust_programs_say_their_crates() -> None:
    packages = [
        {"name": "app", "version": "0.1.0", "source": "local", "root": True},
        {"name": "serde", "version": "1.0.1", "source": "registry"},
        {"name": "cc", "version": "1.0.0", "source": "registry", "kind": "build"},
    ]
    program = elf({".dep-v0": zlib.compress(json.dumps({"packages": packages}).encode())})

    assert purls(stock_of(layer({"usr/bin/app": program}))) == {"pkg:cargo/app@0.1.0", "pkg:cargo/serde@1.0.1"}


# --- layers ---


def test_a_whiteout_hides_a_file_below_it_alone() -> None:
    lower = layer({A: dist_info("a", "1"), B: dist_info("b", "1")})
    folder, _, name = A.rpartition("/")

    assert purls(stock_of(lower, layer({f"{folder}/.wh.{name}": b""}))) == {"pkg:pypi/b@1"}


def test_a_whiteout_hides_a_folder() -> None:
    lower = layer({A: dist_info("a", "1"), B: dist_info("b", "1"), "app/package.json": package_json("app", "1.0.0")})

    assert purls(stock_of(lower, layer({"usr/lib/.wh.python3": b""}))) == {"pkg:npm/app@1.0.0"}


def test_an_opaque_folder_hides_what_is_below_it_whatever_the_order_within_the_layer() -> None:
    lower = layer({A: dist_info("a", "1")})
    new = {B: dist_info("b", "1")}
    opaque = {"usr/lib/python3/.wh..wh..opq": b""}

    assert purls(stock_of(lower, layer({**new, **opaque}))) == {"pkg:pypi/b@1"}
    assert purls(stock_of(lower, layer({**opaque, **new}))) == {"pkg:pypi/b@1"}
    assert purls(stock_of(lower, layer({".wh..wh..opq": b""}))) == set()


def test_a_higher_layer_replaces_a_file() -> None:
    lower = layer({A: dist_info("a", "1")})

    assert purls(stock_of(lower, layer({A: dist_info("a", "2")}))) == {"pkg:pypi/a@2"}
    assert purls(stock_of(lower, layer({A: b"->elsewhere"}))) == set()
    assert purls(stock_of(lower, layer({"usr/lib/python3": b"->python3.11"}))) == set()
    assert purls(stock_of(lower, layer({"usr/lib/python3": None}))) == {"pkg:pypi/a@1"}


def test_what_a_layer_brings_again_is_there_again() -> None:
    lower = layer({A: dist_info("a", "1")})
    removed = layer({"usr/.wh.lib": b""})

    assert purls(stock_of(lower, removed, lower)) == {"pkg:pypi/a@1"}


@pytest.mark.parametrize("spelling", [f"/{A}", f"./{A}", f"../../{A}", f"usr/x/../{A[4:]}", A.replace("/", "//")])
def test_a_path_is_where_a_runtime_puts_it(spelling: str) -> None:
    lower = layer({A: dist_info("a", "1")})

    assert purls(stock_of(layer({spelling: dist_info("a", "2")}))) == {"pkg:pypi/a@2"}
    assert purls(stock_of(lower, layer({spelling: dist_info("a", "2")}))) == {"pkg:pypi/a@2"}


def test_names_that_other_archives_may_not_have_are_no_fault_of_a_layer() -> None:
    files = {"lib/systemd/system-x\\x2dy.slice": b"x", "a\x07b": b"x", A: dist_info("a", "1")}

    assert purls(stock_of(layer(files))) == {"pkg:pypi/a@1"}


def test_a_damaged_layer_is_no_image_without_packages() -> None:
    whole = layer({A: dist_info("a", "1")}, "gzip")

    with pytest.raises(InvalidArchive):
        stock_of(whole[:-20])
    with pytest.raises(InvalidArchive):
        stock_of(b"nonsense" * 100)


def test_images_are_held_to_limits() -> None:
    files = {f"{number}.dist-info/METADATA": dist_info(f"p{number}", "1") for number in range(10)}
    packed = layer(files)

    for limits in (
        replace(IMAGE_LIMITS, findings=5),
        replace(IMAGE_LIMITS, components=5),
        replace(IMAGE_LIMITS, unpacked_size=100),
        replace(IMAGE_LIMITS, layers=0),
        replace(IMAGE_LIMITS, inventory=replace(IMAGE_LIMITS.inventory, components=5)),
    ):
        with pytest.raises(TooLarge):
            stock_of(packed, limits=limits)
