-- Who is told of events, and what became of it.

CREATE TABLE webhook (
    id             TEXT    PRIMARY KEY,
    namespace_id   INTEGER REFERENCES namespace (id),
    url            TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    types          TEXT    NOT NULL,
    private        INTEGER NOT NULL CHECK (private IN (0, 1)),
    created_at     TEXT    NOT NULL,
    disabled       TEXT,
    position       INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    due_at         TEXT,
    failing_since  TEXT,
    secret         TEXT    NOT NULL,
    old_secret     TEXT,
    old_until      TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_delivery (
    webhook_id  TEXT    NOT NULL REFERENCES webhook (id),
    position    INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    outcome     TEXT    NOT NULL CHECK (outcome IN ('delivered', 'failed', 'dead')),
    attempts    INTEGER NOT NULL,
    status      INTEGER,
    problem     TEXT,
    at          TEXT    NOT NULL,
    PRIMARY KEY (webhook_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_delivery_outcome_idx ON webhook_delivery (webhook_id, outcome, position);
