-- The transparency log over the journal. A tile has 256 hashes of 32 bytes at most; the last of a level grows.

CREATE TABLE log_tile (
    level   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    hashes  BLOB    NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (level, number)
) STRICT;

CREATE TABLE log_head (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    size          INTEGER NOT NULL,
    root          BLOB    NOT NULL,
    note          BLOB    NOT NULL,
    journal_hash  BLOB    NOT NULL,
    signed_at     TEXT    NOT NULL
) STRICT;

-- A log's head never goes back to fewer entries: it would be signed again for others.
CREATE TRIGGER log_never_shrinks BEFORE UPDATE ON log_head WHEN new.size < old.size
BEGIN SELECT RAISE(ABORT, 'a log never shrinks'); END;

-- The last checkpoint of each other log that was seen and signed as its witness.
CREATE TABLE log_seen (
    origin  TEXT    PRIMARY KEY,
    size    INTEGER NOT NULL,
    root    BLOB    NOT NULL,
    note    BLOB    NOT NULL,
    at      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
