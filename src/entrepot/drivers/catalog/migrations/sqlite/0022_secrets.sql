-- Secrets in what was published, by the bytes that have them. The secrets themselves are nowhere.

-- What was searched, by which version of what searches; unread is in how many places it could not look, and notes why.
CREATE TABLE secret_search (
    blob_id   INTEGER PRIMARY KEY REFERENCES blob (id),
    detector  INTEGER NOT NULL,
    found     INTEGER NOT NULL,
    unread    INTEGER NOT NULL,
    notes     TEXT    NOT NULL
) STRICT;
CREATE INDEX secret_search_detector_idx ON secret_search (detector);

-- token_id is the token of this registry that it is; tokens whose time is over may be gone.
CREATE TABLE found_secret (
    blob_id   INTEGER NOT NULL REFERENCES secret_search (blob_id),
    name      TEXT    NOT NULL,
    path      TEXT    NOT NULL,
    rule      TEXT    NOT NULL,
    line      INTEGER NOT NULL,
    excerpt   TEXT    NOT NULL,
    token_id  TEXT,
    PRIMARY KEY (blob_id, name, path)
) STRICT, WITHOUT ROWID;

-- In which package it was told that bytes have secrets, and of which search.
CREATE TABLE secret_notice (
    package_id  INTEGER NOT NULL REFERENCES package (id),
    blob_id     INTEGER NOT NULL REFERENCES blob (id),
    detector    INTEGER NOT NULL,
    PRIMARY KEY (package_id, blob_id)
) STRICT, WITHOUT ROWID;

-- Which secrets are none, or are meant to be there: who says so, why, and until when.
CREATE TABLE secret_acceptance (
    id              INTEGER PRIMARY KEY,
    package_id      INTEGER NOT NULL REFERENCES package (id),
    name            TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    expires_at      TEXT,
    from_position   INTEGER NOT NULL,
    until_position  INTEGER
) STRICT;
CREATE UNIQUE INDEX secret_acceptance_open_idx ON secret_acceptance (package_id, name) WHERE until_position IS NULL;
