from __future__ import annotations

from entrepot.wire.server.uvicorn_parts import altered_parts


def test_what_we_lean_on_in_uvicorn_is_what_it_was() -> None:
    """When this fails after an upgrade, read the differences of these parts before renewing the fingerprints."""
    assert altered_parts() == []
