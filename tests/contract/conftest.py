from __future__ import annotations

import pytest

# So that a failed assertion of a contract says what the two sides were.
pytest.register_assert_rewrite("entrepot.testing.contracts")
