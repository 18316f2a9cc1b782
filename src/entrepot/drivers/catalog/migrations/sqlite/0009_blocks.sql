-- What is kept and not served: blocked, or in quarantine, with the reason; remembered when the content is gone.
CREATE TABLE block (
    id             TEXT    PRIMARY KEY,
    package_id     INTEGER NOT NULL REFERENCES package (id),
    blob_id        INTEGER NOT NULL REFERENCES blob (id),
    kind           TEXT    NOT NULL CHECK (kind IN ('blocked', 'quarantined', 'awaiting')),
    reason         TEXT    NOT NULL,
    policy         TEXT,
    actor          TEXT    NOT NULL,
    from_position  INTEGER NOT NULL,
    until_position INTEGER
) STRICT;
CREATE UNIQUE INDEX block_open_idx ON block (package_id, blob_id) WHERE until_position IS NULL;
CREATE INDEX block_awaiting_idx ON block (from_position) WHERE until_position IS NULL AND kind = 'awaiting';
CREATE INDEX block_history_idx ON block (package_id, from_position);

-- What a block comes to, for each artifact and blob in the package: so a pull asks nothing more than before.
ALTER TABLE membership ADD COLUMN barred INTEGER NOT NULL DEFAULT 0 CHECK (barred IN (0, 1));
