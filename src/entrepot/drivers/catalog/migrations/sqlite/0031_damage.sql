-- What is wrong with each damaged blob, since when, and what came of having it repaired.
CREATE TABLE damaged_blob (
    blob_id   INTEGER PRIMARY KEY REFERENCES blob (id),
    problem   TEXT    NOT NULL,
    at        TEXT    NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0,
    tried_at  TEXT,
    outcome   TEXT    NOT NULL DEFAULT ''
) STRICT;
