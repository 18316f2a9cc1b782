"""The catalog and the journal on SQLite."""
