-- What was erased: why and by whom, what it was and where; and what is signed of that when all of it is done.
CREATE TABLE erasure (
    id               INTEGER PRIMARY KEY,
    target           TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    actor            TEXT    NOT NULL,
    extent           TEXT    NOT NULL,
    position         INTEGER NOT NULL UNIQUE,
    sealed_position  INTEGER,
    tombstone        BLOB
) STRICT;
CREATE INDEX erasure_unsealed_idx ON erasure (position) WHERE sealed_position IS NULL;

-- The bytes that went, and that nobody may bring again until that is lifted.
CREATE TABLE erased_blob (
    blob_id          INTEGER PRIMARY KEY REFERENCES blob (id),
    erasure_id       INTEGER NOT NULL REFERENCES erasure (id),
    lifted_position  INTEGER
) STRICT;
CREATE INDEX erased_blob_erasure_idx ON erased_blob (erasure_id);

-- Where something was, and what it was called, is asked of bytes that may have left long ago.
CREATE INDEX membership_left_idx ON membership (blob_id) WHERE until_position IS NOT NULL;
CREATE INDEX reference_left_idx ON reference (blob_id) WHERE until_position IS NOT NULL;
