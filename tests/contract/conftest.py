from __future__ import annotations

import pytest

from tests.postgresql import cluster, database, migrated

__all__ = ["cluster", "database", "migrated"]

# So that a failed assertion of a contract says what the two sides were.
pytest.register_assert_rewrite("entrepot.testing.contracts")
