"""The catalog in PostgreSQL, for many nodes: a pool that reads, one writer at a time of all nodes, caches told by NOTIFY."""
