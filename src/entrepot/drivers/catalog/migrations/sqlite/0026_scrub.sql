-- How far the reading of all blobs again has come: one round after another, one row.
CREATE TABLE scrub (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    began_at TEXT NOT NULL,
    after TEXT NOT NULL,
    blobs INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    damaged INTEGER NOT NULL,
    ended_at TEXT,
    last_ended_at TEXT
) STRICT;
