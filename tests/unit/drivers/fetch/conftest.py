from __future__ import annotations

import pytest

pytest.register_assert_rewrite("entrepot.testing.contracts.fetch")


@pytest.fixture(autouse=True)
def _loopback(socket_enabled: None) -> None:
    """Here real sockets are what is tested, on loopback and on ports that the system chooses."""
