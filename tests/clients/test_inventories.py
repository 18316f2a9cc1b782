"""What is found in images, beside what another program finds; and SBOMs that others read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sysconfig
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from entrepot.inventory import spdx_writer
from entrepot.inventory.documents import read_document
from entrepot.inventory.images.stock import Stock
from entrepot.inventory.inventory import Inventory
from entrepot.model.component import Component, Relation
from entrepot.model.errors import InvalidName
from entrepot.model.purl import Purl
from tests.clients.programs import Shell, program
from tests.unit.archives.packing import zip_of
from tests.unit.inventory.images import stock_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)

pytestmark = pytest.mark.clients

Key = tuple[str, str, str | None]


def test_what_is_found_in_an_image_is_what_syft_finds(shell: Shell, tmp_path: Path) -> None:
    """An image of what this machine has: Debian's packages, Python's, npm's, a jar and programs written in Go."""
    syft, crane, npm = program("syft"), program("crane"), program("npm10")
    system = pack(
        {
            **{path: Path("/", path) for path in ("etc/os-release", "usr/lib/os-release", "var/lib/dpkg/status")},
            **{str(path)[1:]: path for path in Path("/usr/share/doc").glob("*/copyright") if path.is_file()},
        }
    )
    packages = Path(sysconfig.get_path("purelib"))
    modules = next(parent for parent in Path(npm).resolve().parents if parent.name == "node_modules")
    pom = "META-INF/maven/org.example/lib/pom.properties"
    manifest = {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n"}
    inner = zip_of({**manifest, pom: b"version=1.2\ngroupId=org.example\nartifactId=lib\n"})
    properties = b"version=2\ngroupId=org.example\nartifactId=app\n"
    outer = zip_of({**manifest, "BOOT-INF/lib/lib-1.2.jar": inner, pom.replace("lib", "app"): properties})
    application = pack(
        {
            **{f"opt/venv/lib/{path.relative_to(packages)}": path for path in packages.glob("*.dist-info/*")},
            **{f"opt/node_modules/{path.relative_to(modules)}": path for path in modules.rglob("package.json")},
            "usr/local/bin/crane": Path(crane).resolve(),
            "srv/app.jar": outer,
        }
    )

    ours, theirs = compare(shell, syft, tmp_path, system, application)

    # Files of a dist-info that are not METADATA, and programs that syft knows by patterns in their bytes, are no packages
    # of a package manager; of the rest all but a few are found.
    missing = theirs - ours
    assert len(theirs) > 200
    assert len(ours & theirs) / len(theirs) >= 0.95, sorted(map(str, missing))
    # What we find and syft does not: nothing that is unexplained.
    extra = {key for key in ours - theirs if not explained(key)}
    assert extra == set()


def explained(key: Key) -> bool:
    """Why syft has it not: it writes the version of a module that was built where it lay as ``(devel)``, or leaves it out."""
    kind, _, version = key
    return kind == "golang" and version is None


@pytest.mark.long
def test_a_fresh_debian_is_found_whole(shell: Shell, tmp_path: Path) -> None:
    syft, debootstrap = program("syft"), program("debootstrap")
    root = tmp_path / "root"
    # It fetches and unpacks a hundred packages: that takes longer than clients may. What it mounts below the root, and
    # leaves there when it is not let, goes with the process.
    subprocess.run(
        ["unshare", "--mount", debootstrap, "--variant=minbase", "stable", root],
        check=True,
        capture_output=True,
        timeout=900,
        env=shell.variables(),
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(root, arcname=".")

    ours, theirs = compare(shell, syft, tmp_path, gzip.compress(packed.getvalue(), 1))

    assert len(theirs) > 50
    assert len(ours & theirs) / len(theirs) >= 0.95, sorted(map(str, theirs - ours))
    assert ours - theirs == set()


def test_the_modules_of_a_program_are_those_that_go_tells(shell: Shell) -> None:
    go, crane = program("go"), Path(program("crane")).resolve()
    said = shell.run(go, "version", "-m", crane).output

    inventory = stock_of(pack({"usr/bin/crane": crane}))

    told = set()
    for line in said.splitlines():
        kind, *fields = line.strip().split("\t")
        if kind in ("mod", "dep"):
            told.add((fields[0], None if fields[1] == "(devel)" else fields[1]))
    assert len(told) > 10
    assert {(each.name, each.version) for each in inventory.components if each.name != "stdlib"} == told


def test_spdx_documents_are_valid_to_the_reference_tools(shell: Shell, tmp_path: Path) -> None:
    validate = program("pyspdxtools")
    inventory = Inventory(
        components=(
            Component("service", "1.0", None, relation=Relation.SUBJECT, kind="application"),
            Component(
                "requests",
                "2.31.0",
                Purl.parse("pkg:pypi/requests@2.31.0"),
                licence="Apache-2.0 OR LicenseRef-Ours",
                hashes=(f"sha256:{'ab' * 32}",),
            ),
            Component("odd", None, None, licence="Use it, but be nice", constraint=">=1", relation=Relation.DEPENDENCY),
        )
    )
    document = tmp_path / "service.spdx.json"
    document.write_bytes(spdx_writer.write(inventory, NOW, "1.0"))

    told = shell.run(validate, "--infile", document).said

    assert "not valid" not in told.lower()
    document.write_text(document.read_text().replace("SPDXRef-Package-1", "no identifier", 1))
    shell.refuse(validate, "--infile", document)


@pytest.mark.parametrize("form", ["cyclonedx-json@1.2", "cyclonedx-json@1.6", "spdx-json@2.2", "spdx-json@2.3"])
def test_what_syft_writes_is_read_in_every_form(shell: Shell, form: str) -> None:
    syft = program("syft")
    info = Path(sysconfig.get_path("purelib"))

    written = run_syft(shell, syft, f"dir:{info}", form)

    document = read_document(written.encode())
    named = {each.name.lower() for each in document.inventory.components}
    assert {"packaging", "msgspec", "httpx"} <= named
    assert document.inventory.tools == ("syft-1.18.1" if form.startswith("spdx") else "syft 1.18.1",)


# --- images ---


def pack(files: dict[str, Path | bytes]) -> bytes:
    """A layer of files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, source in files.items():
            content = source if isinstance(source, bytes) else source.read_bytes() if source.is_file() else None
            if content is not None:
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(content), 0o755
                archive.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), 1)


def compare(shell: Shell, syft: str, folder: Path, *layers: bytes) -> tuple[set[Key], set[Key]]:
    """The packages that we find in an image of these layers, and those that syft finds."""
    write_layout(folder / "image", layers)
    said = json.loads(run_syft(shell, syft, f"oci-dir:{folder / 'image'}", "cyclonedx-json"))
    stock = Stock(tempfile.TemporaryFile)
    for each in layers:
        stock.add_layer(io.BytesIO(each))
    ours = {key(each.purl) for each in stock.inventory().components if each.purl is not None}
    theirs = set()
    for each in said["components"]:
        try:
            theirs.add(key(Purl.parse(each["purl"])))
        except (KeyError, InvalidName):
            continue
    return ours, theirs


def key(purl: Purl) -> Key:
    """Type, whole name and version: syft writes the end of a Go module's path as a path within it."""
    within = purl.subpath if purl.type == "golang" else None
    return purl.type, "/".join(part for part in (purl.namespace, purl.name, within) if part), purl.version


def run_syft(shell: Shell, syft: str, source: str, form: str) -> str:
    return shell.run(
        syft, "scan", source, "--quiet", "--output", form, environment={"SYFT_CHECK_FOR_APP_UPDATE": "false"}
    ).output


def write_layout(folder: Path, layers: tuple[bytes, ...]) -> None:
    """An image as OCI's layout has it."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    described = [put(each, "application/vnd.oci.image.layer.v1.tar+gzip") for each in layers]
    ids = [f"sha256:{hashlib.sha256(gzip.decompress(each)).hexdigest()}" for each in layers]
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": described,
    }
    listed = put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [listed]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
