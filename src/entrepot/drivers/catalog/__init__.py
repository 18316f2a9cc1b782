"""The catalog and the journal on SQLite, and on PostgreSQL."""

from entrepot.drivers.catalog.uncounted import count_no_memory

count_no_memory()
