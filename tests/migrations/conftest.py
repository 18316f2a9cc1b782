from __future__ import annotations

from tests.postgresql import cluster, database, migrated

__all__ = ["cluster", "database", "migrated"]
