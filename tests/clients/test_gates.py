"""What cosign has signed is promoted, and what it has not, or a stranger has, is not: with every format alike.

Each version is signed through the OCI endpoint, as an image is; the rule is the one that holds by default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic

import httpx
import pytest

from tests.clients.content import Layout, digest_of, noise, small_image
from tests.clients.programs import Shell, program
from tests.clients.python_packages import module_wheel, publish, run_entrepot
from tests.clients.server import Registry
from tests.clients.test_cosign import OFFLINE, UNATTENDED, key_pair, log_in
from tests.clients.wire import Wire
from tests.formats.cargo.crates import crate
from tests.formats.helm.charts import chart

pytestmark = pytest.mark.clients

NAMESPACE = "gates"
BUNDLE = ("--registry-referrers-mode", "oci-1-1")


def publish_image(registry: Registry, wire: Wire, layout: Layout) -> str:
    wire.put(layout, small_image(layout, "oci-vessel"), f"{registry.namespace}/oci-vessel", "1.0.0")
    return "oci-vessel"


def publish_wheel(registry: Registry, wire: Wire, layout: Layout) -> str:
    publish(registry, module_wheel("pypi-vessel", "1.0.0", noise("pypi-vessel", 1 << 12)))
    return "pypi/pypi-vessel"


def publish_crate(registry: Registry, wire: Wire, layout: Layout) -> str:
    wire.http.put(
        f"/cargo/{registry.namespace}/api/v1/crates/new", content=crate("cargo-vessel").body()
    ).raise_for_status()
    return "cargo/cargo-vessel"


def publish_chart(registry: Registry, wire: Wire, layout: Layout) -> str:
    wire.http.post(f"/helm/{registry.namespace}/api/charts", content=chart("helm-vessel")).raise_for_status()
    return "helm/helm-vessel"


PUBLISH: dict[str, Callable[[Registry, Wire, Layout], str]] = {
    "oci": publish_image,
    "pypi": publish_wheel,
    "cargo": publish_crate,
    "helm": publish_chart,
}


@pytest.fixture(scope="session")
def gated(registry: Registry) -> Registry:
    """A namespace in which a signer is registered, and nothing else is changed."""
    if registry.administrator is None:
        pytest.skip("makes a namespace, on a registry of its own alone")
    mine = registry.administrator
    return replace(registry, namespace=NAMESPACE, publisher=mine, maintainer=mine)


@pytest.fixture
def wire(gated: Registry) -> Iterator[Wire]:
    with Wire(gated) as opened:
        opened.http.post("/api/v1/namespaces", json={"name": NAMESPACE})
        yield opened


def promotion(format_: str) -> str:
    return f"/api/v1/packages/{NAMESPACE}/{format_}/{format_}-vessel/-/promotions/prod/1.0.0"


def refusals(wire: Wire, format_: str) -> list[str]:
    """Why the version would not be promoted."""
    deadline = monotonic() + 120
    while monotonic() < deadline:
        # What was pushed just now is examined in a moment, which is waited for; on a busy machine again.
        found = wire.http.get(promotion(format_)).raise_for_status().json()["decision"]
        reasons: list[str] = found["refusals"]
        assert found["allowed"] == (not reasons)
        if not any("not known yet" in reason for reason in reasons):
            return reasons
    raise AssertionError(reasons)


@pytest.mark.parametrize("format_", PUBLISH)
def test_what_cosign_signed_is_promoted_and_what_it_did_not_is_refused_with_the_missing_fact(
    format_: str, gated: Registry, wire: Wire, shell: Shell, layout: Layout
) -> None:
    cosign = program("cosign")
    package = f"{NAMESPACE}/{PUBLISH[format_](gated, wire, layout)}"
    manifest = wire.manifest(package, "1.0.0")
    reference = f"{gated.host}/{package}@{digest_of(manifest)}"
    address = f"{NAMESPACE}/{format_}/{format_}-vessel:1.0.0"
    view = f"/v2/{package.replace(NAMESPACE, f'{NAMESPACE}.prod', 1)}/manifests/1.0.0"
    release, public = key_pair(cosign, shell, "release")
    stranger, _ = key_pair(cosign, shell, "stranger")
    signer = {
        "name": format_,
        "namespace": NAMESPACE,
        "key": public.read_text(),
        "scope": {"packages": [f"{format_}/{format_}-vessel"]},
    }
    wire.http.post("/api/v1/signers", json=signer).raise_for_status()
    log_in(cosign, shell, gated, gated.publisher)
    token = gated.publisher.password

    def sign(key: object) -> None:
        shell.run(
            *(cosign, "sign", "--key", str(key), *BUNDLE, *OFFLINE, reference),
            environment={**UNATTENDED, "COSIGN_EXPERIMENTAL": "1"},
        )

    unsigned = refusals(wire, format_)
    sign(stranger)
    by_a_stranger = refusals(wire, format_)
    before = wire.http.get(view).status_code
    sign(release)
    run_entrepot(shell, gated, token, "verify", address, "--signer", format_)
    promoted = wire.http.post(promotion(format_), json={}).raise_for_status().json()
    after = wire.http.get(view)

    assert unsigned == ["signed-where-signers-are-registered: none of the 1 registered signers has signed it"]
    assert by_a_stranger == unsigned
    assert before == httpx.codes.NOT_FOUND
    assert promoted["state"] == "applied"
    assert after.content == manifest
