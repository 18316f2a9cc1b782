-- Giving up bytes that nobody can reach. A blob goes from present to condemned to absent; its generation says how many
-- times bytes of its name were given up, and is part of where they are in the blob store: no place is used twice.
ALTER TABLE blob ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blob ADD COLUMN condemned_at TEXT;
CREATE INDEX blob_condemned_idx ON blob (condemned_at) WHERE state = 'condemned';

-- Bytes in the blob store that were given up for good, until somebody has deleted them.
CREATE TABLE garbage (
    digest      TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    PRIMARY KEY (digest, generation)
) STRICT, WITHOUT ROWID;
