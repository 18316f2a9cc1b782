"""What the laws need beside what they make themselves."""

from tests.postgresql import cluster, database, migrated

__all__ = ["cluster", "database", "migrated"]
