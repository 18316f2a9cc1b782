"""Other registries of every format, which all say the same: a package in one version or two, and a file of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from entrepot.model.artifact import IMAGE_MANIFEST
from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, parse_namespace
from entrepot.model.upstream import Upstream, UpstreamName, UpstreamRules
from entrepot.testing.builders import Image, image
from entrepot.testing.elsewhere import Elsewhere, Said
from tests.formats.cargo.crates import crate
from tests.formats.cargo.test_upstream import offer as offer_crates
from tests.formats.go.modules import MODULE, module
from tests.formats.go.test_upstream import offer as offer_module
from tests.formats.helm.charts import chart
from tests.formats.helm.test_upstream import offer as offer_charts
from tests.formats.maven.artifacts import jar
from tests.formats.maven.test_upstream import offer as offer_artifact
from tests.formats.npm.packages import tarball
from tests.formats.npm.test_upstream import offer as offer_package
from tests.formats.pypi.building import wheel
from tests.formats.pypi.test_upstream import offer as offer_project

ONE, TWO = "1.0.0", "1.1.0"


@dataclass(frozen=True, slots=True)
class Peer:
    """What a format's registry says, and where the same is here."""

    format: str
    below: str
    """The path of its address."""
    offer: Callable[[Elsewhere, Sequence[str]], None]
    """Lets it have these versions and no others."""
    index_there: str
    index: str
    file_there: Callable[[str], str]
    file: Callable[[str], str]
    content: Callable[[str], bytes]
    forged: Callable[[str], bytes]
    """A sound file of that name, which is not the one that was promised."""
    package: str
    """What it is called here."""
    before: Callable[[str], str] | None = None
    """What clients ask for before they ask for the file."""
    written: Callable[[str], str] = str
    """How the format writes a version."""

    def upstream(self, url: str, *, private: bool, rules: UpstreamRules) -> Upstream:
        """It as an upstream of the namespace ``acme``."""
        format = FormatName(self.format)
        return Upstream(
            parse_namespace("acme"), format, UpstreamName("public"), f"{url}{self.below}", private=private, rules=rules
        )


def _offer_crates(other: Elsewhere, versions: Sequence[str]) -> None:
    other.says["/index/config.json"] = Said(json.dumps({"dl": f"{other.url}/dl"}).encode())
    offer_crates(other, *(crate(version=version) for version in versions))


def _offer_modules(other: Elsewhere, versions: Sequence[str]) -> None:
    for version in versions:
        offer_module(other, f"v{version}")


def _offer_images(other: Elsewhere, versions: Sequence[str]) -> None:
    listed = {"name": "api", "tags": list(versions)}
    other.says["/v2/api/tags/list"] = Said(json.dumps(listed).encode(), headers={"content-type": "application/json"})
    for version in versions:
        built = _image(version)
        for reference in (version, built.digest):
            headers = {"content-type": IMAGE_MANIFEST}
            other.says[f"/v2/api/manifests/{reference}"] = Said(built.content, headers=headers)
        for blob in built.blobs:
            other.says[f"/v2/api/blobs/{Digest.of(blob)}"] = Said(blob)


def _image(version: str) -> Image:
    return image(b"layer of " + version.encode() * 20)


def _layer(version: str) -> bytes:
    return _image(version).blobs[-1]


PEERS = (
    Peer(
        "pypi",
        "/simple",
        lambda other, versions: offer_project(other, *(wheel("tool", version) for version in versions)),
        "/simple/tool/",
        "/pypi/acme/simple/tool/",
        lambda version: f"/simple/files/tool-{version}-py3-none-any.whl",
        lambda version: f"/pypi/acme/files/tool/{version}/tool-{version}-py3-none-any.whl",
        lambda version: wheel("tool", version).content,
        lambda version: wheel("tool", version, content=b"print('loot')\n").content,
        "tool",
    ),
    Peer(
        "npm",
        "/npm",
        lambda other, versions: offer_package(other, *versions),
        "/npm/tool",
        "/npm/acme/tool",
        lambda version: f"/npm/tool/-/tool-{version}.tgz",
        lambda version: f"/npm/acme/tool/-/tool-{version}.tgz",
        lambda version: tarball("tool", version),
        lambda version: tarball("tool", version, files={"package/index.js": b"loot()"}),
        "tool",
    ),
    Peer(
        "cargo",
        "/index",
        _offer_crates,
        "/index/he/ll/hello",
        "/cargo/acme/he/ll/hello",
        lambda version: f"/dl/hello/{version}/download",
        lambda version: f"/cargo/acme/api/v1/crates/hello/{version}/download",
        lambda version: crate(version=version).crate,
        lambda version: crate(version=version, files={"build.rs": b"fn main() {}"}).crate,
        "hello",
    ),
    Peer(
        "go",
        "/proxy",
        _offer_modules,
        f"/proxy/{MODULE}/@v/list",
        f"/go/acme/{MODULE}/@v/list",
        lambda version: f"/proxy/{MODULE}/@v/v{version}.zip",
        lambda version: f"/go/acme/{MODULE}/@v/v{version}.zip",
        lambda version: module(version=f"v{version}"),
        # Module proxies promise nothing of a zip but that it is the version's.
        lambda version: module(version=f"v{version}-other"),
        MODULE,
        written=lambda version: f"v{version}",
    ),
    Peer(
        "maven",
        "/m2",
        lambda other, versions: offer_artifact(other, *versions),
        "/m2/org/acme/lib/maven-metadata.xml",
        "/maven/acme/org/acme/lib/maven-metadata.xml",
        lambda version: f"/m2/org/acme/lib/{version}/lib-{version}.jar",
        lambda version: f"/maven/acme/org/acme/lib/{version}/lib-{version}.jar",
        lambda version: jar({"says": version}),
        lambda _: jar({"says": "loot"}),
        "org.acme/lib",
        before=lambda version: f"/maven/acme/org/acme/lib/{version}/lib-{version}.pom",
    ),
    Peer(
        "helm",
        "/charts",
        lambda other, versions: offer_charts(other, *(("web", each, chart(version=each)) for each in versions)),
        "/charts/index.yaml",
        "/helm/acme/index.yaml",
        lambda version: f"/charts/files/web-{version}.tgz",
        lambda version: f"/helm/acme/charts/web/web-{version}.tgz",
        lambda version: chart(version=version),
        lambda version: chart(version=version, values="loot: true"),
        "web",
    ),
    Peer(
        "oci",
        "",
        _offer_images,
        "/v2/api/tags/list",
        "/v2/acme/api/tags/list",
        lambda version: f"/v2/api/blobs/{Digest.of(_layer(version))}",
        lambda version: f"/v2/acme/api/blobs/{Digest.of(_layer(version))}",
        _layer,
        lambda version: _layer(version)[::-1],
        "api",
        before=lambda version: f"/v2/acme/api/manifests/{version}",
    ),
)
