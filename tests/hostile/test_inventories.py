"""SBOMs, licences and images made up and spoilt: the only answer is an inventory or `Invalid`, soon."""

from __future__ import annotations

import copy
import io
import json
import struct
import tempfile
import time
import zlib
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.inventory import cyclonedx_writer, spdx_writer
from entrepot.inventory.documents import decode, read_decoded, read_document, read_predicate
from entrepot.inventory.images.hash_file import read_hash
from entrepot.inventory.images.ndb_file import read_ndb
from entrepot.inventory.images.programs import read_program
from entrepot.inventory.images.sqlite_file import read_blobs
from entrepot.inventory.images.stock import Stock
from entrepot.inventory.images.systems import read_rpm_header
from entrepot.inventory.licences import Category, category_of, normalise, normalise_classifiers
from entrepot.model.errors import Invalid, InvalidArchive, InvalidMetadata, InvalidName, TooLarge
from entrepot.model.purl import Purl
from entrepot.testing.builders import NOON
from tests.hostile.effort import fuzz
from tests.unit.archives.packing import zip_of
from tests.unit.inventory import documents
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
from tests.unit.inventory.test_lockfiles import LOCKFILES

LONG: Final = 30
"""Seconds of the processor that nothing here may take."""

LEAVES: Final = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON: Final = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
SEEDS: Final = [
    *(json.loads(documents.cyclonedx(version)) for version in ("1.2", "1.5", "1.7")),
    documents.spdx(),
    documents.spdx3(),
]


def places(found: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [at, *(place for key, each in inner for place in places(each, (*at, key)))]


@st.composite
def spoilt_documents(draw: st.DrawFn) -> Any:
    """A valid document in which something is something else, or is missing."""
    found = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 3))):
        left = [each for each in places(found) if each]
        if not left:
            break
        place = draw(st.sampled_from(left))
        holder = found
        for key in place[:-1]:
            holder = holder[key]
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[place[-1]]
        else:
            holder[place[-1]] = draw(JSON)
    return found


@fuzz
@given(spoilt_documents())
def test_a_spoilt_sbom_is_an_inventory_or_refused(found: Any) -> None:
    try:
        document = read_decoded(found)
    except Invalid:
        return
    for write in (cyclonedx_writer.write, spdx_writer.write):
        again = read_document(write(document.inventory, NOON, "1"))
        assert len(again.inventory.components) == len(document.inventory.components)


@fuzz
@given(JSON, st.binary(max_size=200))
def test_what_is_no_sbom_is_refused(found: Any, content: bytes) -> None:
    for read in (lambda: read_document(content), lambda: read_predicate(found), lambda: read_document(dumped(found))):
        with pytest.raises((Invalid, TooLarge)):
            read()


def dumped(found: Any) -> bytes:
    return json.dumps(found).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 1_000_000,
        b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":'
        + b'[{"type":"library","name":"x","components":' * 5_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":[' + b"0," * 7_000_000 + b"0]}",
        b'{"spdxVersion":"SPDX-2.3","packages":[' + b"{}," * 900_000 + b"{}]}",
    ],
    ids=["lists", "components", "objects", "numbers", "packages"],
)
def test_documents_without_end_are_refused_soon(content: bytes) -> None:
    begun = time.process_time()

    with pytest.raises(Invalid):
        read_decoded(decode(content))

    assert time.process_time() - begun < LONG


def test_a_document_as_large_as_may_be_is_read() -> None:
    component = {"type": "library", "name": "x", "purl": "pkg:pypi/x@1"}
    components = [{**component, "version": str(number)} for number in range(20_000)]
    content = dumped({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components})
    begun = time.process_time()

    assert len(read_document(content).inventory.components) == 20_000
    assert time.process_time() - begun < LONG


@fuzz
@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["MIT", "GPL-2.0", " AND ", "/", "(", ")", " WITH ", "+", ","])).map("".join)
)
def test_any_text_is_a_licence_or_none(text: str) -> None:
    expression = normalise(text)

    assert isinstance(category_of(text), Category)
    assert isinstance(category_of(expression), Category)
    if expression is not None:
        assert normalise(expression) == expression
    normalise_classifiers([f"License :: {text}"])


# --- images ---

FILES: dict[str, bytes] = {
    "etc/os-release": OS_RELEASE,
    "var/lib/dpkg/status": b"Package: a\nStatus: install ok installed\nVersion: 1\nSource: b (2)\n\nPackage: c\nVersion: 1\n",
    "usr/share/doc/a/copyright": b"Format: x\n\nFiles: *\nLicense: MIT\n",
    "lib/apk/db/installed": b"C:Q1/V5CF4fHiJTu5GnkJqCDJwGrNY0=\nP:a\nV:1\nL:MIT\no:b\nA:x\n\n",
    "var/lib/rpm/rpmdb.sqlite": rpm_database([rpm_header({1000: "a", 1001: "1", 1002: "1"}, epoch=1)], 512),
    "var/lib/rpm/Packages.db": ndb_database([rpm_header({1000: "a", 1001: "1", 1002: "1"}, epoch=1)]),
    "var/lib/rpm/Packages": hash_database([rpm_header({1000: "a", 1001: "1", 1002: "r" * 600}, epoch=1)], 512),
    "a-1.dist-info/METADATA": dist_info("a", "1", "License: MIT\n"),
    "node_modules/a/package.json": package_json("@a/b", "1.0.0", license={"type": "MIT"}),
    "a.jar": zip_of(
        {"META-INF/maven/a/b/pom.properties": b"groupId=a\nartifactId=b\nversion=1\n", "b.jar": zip_of({"x": b""})}
    ),
    "bin/go": elf({".go.buildinfo": go_information("go1.21.3", "mod\ta.com/b\tv1.0.0\n")}),
    "bin/older": older_go_program("go1.17", "dep\ta.com/b\tv1.0.0\n"),
    "bin/windows": pe(go_information("go1.21.3", "mod\ta.com/b\tv1.0.0\n")),
    "bin/macos": mach(go_information("go1.21.3", "mod\ta.com/b\tv1.0.0\n")),
    "lib/old-1.0.jar": zip_of(
        {"META-INF/MANIFEST.MF": b"Implementation-Vendor-Id: a.b\n", "META-INF/maven/a/b/pom.xml": b""}
    ),
    "bin/rust": elf({".dep-v0": zlib.compress(b'{"packages":[{"name":"a","version":"1"}]}')}),
}


FILES |= {f"app/{name}": content.encode() for name, content, _ in LOCKFILES}


@st.composite
def spoilt_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Some bytes changed, cut, doubled or put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 3)):
            case 0 if data:
                data[at] = draw(st.integers(0, 255))
            case 1:
                del data[at : at + draw(st.integers(1, 64))]
            case 2:
                data[at:at] = draw(st.binary(max_size=64))
            case _:
                data[at : at + 8] = draw(
                    st.sampled_from([b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7, b"\x00\x00\x00\x01" * 2])
                )
    return bytes(data)


@fuzz
@given(st.data())
def test_a_spoilt_file_in_an_image_spoils_nothing_else(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(FILES)))
    spoilt = data.draw(spoilt_bytes(FILES[path]))
    other = "sound-1.dist-info/METADATA"

    inventory = stock_of(layer({path: spoilt, other: dist_info("sound", "1")}))

    assert "pkg:pypi/sound@1" in purls(inventory)
    for write in (cyclonedx_writer.write, spdx_writer.write):
        read_document(write(inventory, NOON, "1"))


@fuzz
@given(st.data())
def test_a_spoilt_layer_is_taken_stock_of_or_refused(data: st.DataObject) -> None:
    whole = layer(FILES, data.draw(st.sampled_from(["", "gzip", "zstd"])))
    stock = Stock(tempfile.TemporaryFile)

    try:
        stock.add_layer(io.BytesIO(data.draw(spoilt_bytes(whole))))
    except (InvalidArchive, TooLarge):
        return
    stock.inventory()


@fuzz
@given(st.data())
def test_spoilt_programs_and_databases_are_read_or_refused(data: st.DataObject) -> None:
    for name in ("bin/go", "bin/older", "bin/rust", "bin/windows", "bin/macos"):
        try:
            read_program(io.BytesIO(data.draw(spoilt_bytes(FILES[name]))), name)
        except InvalidMetadata:
            continue
    for name, read in (
        ("rpmdb.sqlite", lambda file: read_blobs(file, "Packages")),
        ("Packages.db", read_ndb),
        ("Packages", lambda file: (value for _, value in read_hash(file))),
    ):
        try:
            for header in read(io.BytesIO(data.draw(spoilt_bytes(FILES[f"var/lib/rpm/{name}"])))):
                read_rpm_header(header)
        except InvalidMetadata:
            continue


def test_databases_whose_parts_share_places_end_soon() -> None:
    """Each byte is one value's, whatever the pages say."""
    sound = hash_database([bytes(100_000)], 512)
    pointer = sound.index(struct.pack("<B3x", 3))
    (first,) = struct.unpack_from("<I", sound, pointer + 4)
    forever, loop = bytearray(sound), bytearray(sound)
    struct.pack_into("<I", forever, pointer + 8, 30_000_000)
    struct.pack_into("<I", loop, first * 512 + 16, first)
    struct.pack_into("<H", loop, first * 512 + 22, 1)
    shared = bytearray(ndb_database([bytes(20_000), *[bytes(2_000)] * 199]))
    for number in range(1, 200):
        struct.pack_into("<3I", shared, 32 + 16 * (number + 1) + 4, 1, *struct.unpack_from("<2I", shared, 32 + 8))
    begun = time.process_time()

    for spoilt in (forever, loop):
        with pytest.raises(InvalidMetadata):
            list(read_hash(io.BytesIO(spoilt)))
    with pytest.raises(InvalidMetadata, match="fit their places"):
        list(read_ndb(io.BytesIO(shared)))
    assert time.process_time() - begun < LONG


def test_whiteouts_without_end_are_dealt_with_soon() -> None:
    lower = layer({f"d{number}/x-1.dist-info/METADATA": dist_info(f"p{number}", "1") for number in range(5_000)})
    upper = layer({f"d{number}/.wh.x-1.dist-info": b"" for number in range(5_000)})
    begun = time.process_time()

    assert purls(stock_of(lower, upper)) == set()
    assert time.process_time() - begun < LONG


def test_jars_within_jars_end() -> None:
    inner = zip_of({"META-INF/maven/a/b/pom.properties": b"groupId=a\nartifactId=b\nversion=1\n"})
    for _ in range(20):
        inner = zip_of({"a.jar": inner, "b.jar": inner})

    inventory = stock_of(layer({"x.jar": inner}))

    assert any("archives within archives" in note for note in inventory.unread)


@fuzz
@given(
    st.sampled_from(["pypi", "npm", "maven", "golang", "deb", "x"]),
    st.text(alphabet="/@%#?.a\x00é ", max_size=6) | st.text(max_size=20),
    st.none() | st.text(alphabet="/@%#?.a\x00é ", max_size=6),
    st.none() | st.text(max_size=20),
)
def test_any_parts_are_a_package_url_or_refused(
    type: str, name: str, namespace: str | None, version: str | None
) -> None:
    try:
        made = Purl.of(type, name, version, namespace=namespace)
    except InvalidName:
        return

    assert made.name
    assert Purl.parse(str(made)).name


LINES: Final = (
    "a" + " " * 4_000 + "b",
    "a" * 4_000 + "==",
    "a[" + "x" * 4_000,
    "a." * 2_000,
    "require " + "a." * 2_000,
    "  a@1" + "." * 4_000,
    "  '@a/b@1" + "_" * 4_000,
    '  resolution: "a@npm:' + "x" * 4_000,
    '  version "' + "x" * 4_000,
    "    a (1" + ".1" * 2_000,
    "name = " + '"' * 4_000,
    "a:" * 2_000,
    '"' + "@a/" * 1_300,
)


@pytest.mark.parametrize("name", sorted({each[0] for each in LOCKFILES}))
def test_no_line_of_a_lockfile_takes_long(name: str) -> None:
    heads = {"pnpm-lock.yaml": "packages:", "Gemfile.lock": "GEM", "go.mod": "require (", "Cargo.lock": "[[package]]"}
    text = "\n".join([heads.get(name, ""), *LINES * 40])
    begun = time.process_time()

    stock_of(layer({name: text.encode()}))

    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "deep", [b'{"dependencies":{"a":', b'{"packages":{"node_modules/a":', b'{"default":{"a":', b"["]
)
def test_lockfiles_without_end_say_nothing_soon(deep: bytes) -> None:
    begun = time.process_time()

    for name in ("package-lock.json", "Pipfile.lock", "composer.lock", "packages.lock.json"):
        assert stock_of(layer({name: deep * 100_000})).components == ()

    assert time.process_time() - begun < LONG


def test_a_lockfile_of_a_million_packages_is_read_as_far_as_may_be() -> None:
    text = "".join(f"a{number}==1.0\n" for number in range(1_000_000))
    begun = time.process_time()

    assert len(stock_of(layer({"requirements.txt": text.encode()})).components) == 50_000
    assert time.process_time() - begun < LONG


def test_names_and_licences_of_great_length_are_cut() -> None:
    long = "x" * 1_000_000
    component = {"type": "library", "name": long, "version": "1", "purl": f"pkg:pypi/{long}@1"}
    licences = [{"license": {"name": long}}] * 10
    content = dumped(
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{**component, "licenses": licences}]}
    )
    begun = time.process_time()

    (found,) = read_document(content).inventory.components

    assert found.purl is None
    assert len(found.name) + len(found.version or "") + len(found.licence or "") < 50_000
    assert time.process_time() - begun < LONG


def test_components_that_need_each_other_in_circles_are_read() -> None:
    names = [f"a{number}" for number in range(1_000)]
    content = dumped(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "components": [{"type": "library", "name": each, "bom-ref": each} for each in names],
            "dependencies": [
                {"ref": each, "dependsOn": [each, names[at - 1], names[(at + 1) % len(names)]]}
                for at, each in enumerate(names)
            ],
        }
    )

    assert len(read_document(content).inventory.edges) == 3_000
