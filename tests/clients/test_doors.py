"""The doors as real clients meet them: what may not come in or be read they are told in words, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

import entrepot.client as entrepot
from entrepot.client.promotions import Policy
from tests.clients.content import Layout, large_image, small_image
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.test_cosign import OFFLINE, UNATTENDED, key_pair
from tests.clients.test_cosign import log_in as cosign_log_in
from tests.clients.test_crane import log_in
from tests.faults.patience import eventually

pytestmark = pytest.mark.clients

NAMESPACE = "doors"
UNSIGNED = "Nobody whom we know has signed it."


@pytest.fixture(scope="session")
def guarded(registry: Registry) -> Registry:
    """A namespace that lets in what is small, and lets what it has be read once it is signed."""
    if registry.administrator is None:
        pytest.skip("makes a namespace, on a registry of its own alone")
    mine = registry.administrator
    with entrepot.Client(registry.url, mine.password, environment={}) as client:
        client.namespaces.create(NAMESPACE)
        reader = Account("__token__", client.tokens.create("doors", "reader", view=NAMESPACE).token)
        small = Policy("small", door="admission", condition="size < 1000000", description="Too large for us.")
        signed = Policy("signed", door="reading", condition="size(signed.by) > 0", description=UNSIGNED)
        for policy in (small, signed):
            client.policies.set(NAMESPACE, policy.name, policy)
    return replace(registry, namespace=NAMESPACE, publisher=mine, maintainer=mine, reader=reader)


@pytest.fixture
def administrator(guarded: Registry) -> Iterator[entrepot.Client]:
    with entrepot.Client(guarded.url, guarded.maintainer.password, environment={}) as client:
        yield client


def test_an_image_is_pulled_once_the_fact_that_the_door_asks_for_has_come(
    guarded: Registry, administrator: entrepot.Client, shell: Shell, layout: Layout
) -> None:
    crane, cosign = program("crane"), program("cosign")
    image = small_image(layout, "doors")
    layout.tag("1.0.0", image)
    name = f"{guarded.host}/{NAMESPACE}/api"
    private, public = key_pair(cosign, shell, "release")
    administrator.signers.add(NAMESPACE, "release", key=public.read_text())
    log_in(crane, shell, guarded, guarded.publisher)
    shell.run(crane, "push", layout.root, f"{name}:1.0.0")
    log_in(crane, shell, guarded, guarded.reader)
    before = eventually(lambda: _refused_for_good(shell, crane, f"{name}:1.0.0"))

    cosign_log_in(cosign, shell, guarded, guarded.publisher)
    shell.run(cosign, "sign", "--key", str(private), *OFFLINE, f"{name}@{image['digest']}", environment=UNATTENDED)
    log_in(crane, shell, guarded, guarded.reader)
    eventually(lambda: shell.attempt(crane, "digest", f"{name}:1.0.0").code == 0)
    shell.run(crane, "pull", "--format", "oci", f"{name}:1.0.0", shell.home / "pulled")
    administrator.signers.set_state(NAMESPACE, "release", "compromised", reason="lost")
    after = eventually(lambda: _refused_for_good(shell, crane, f"{name}:1.0.0"))

    assert f"signed: {UNSIGNED}" in before
    assert f"signed: {UNSIGNED}" in after


def _refused_for_good(shell: Shell, crane: str, reference: str) -> str | None:
    """What a client is told once all that is asked for is known."""
    said = shell.attempt(crane, "digest", reference).said
    return said if "signed: " in said and "not known yet" not in said else None


def test_who_pushes_what_the_door_refuses_is_told_why(guarded: Registry, shell: Shell, layout: Layout) -> None:
    crane = program("crane")
    layout.tag("1.0.0", large_image(layout, "doors"))
    log_in(crane, shell, guarded, guarded.publisher)

    refused = shell.refuse(crane, "push", layout.root, f"{guarded.host}/{NAMESPACE}/large:1.0.0")

    assert "small: Too large for us." in refused.said
