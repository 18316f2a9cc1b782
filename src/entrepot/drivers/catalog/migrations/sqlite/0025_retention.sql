-- What stays of a namespace's versions, what was planned to go, and what is pulled.

-- When an artifact was pulled last, to the hour, and on which of the days before that: bit n of days, the lowest bit in
-- the last byte, stands for n days before.
CREATE TABLE pull (
    package_id  INTEGER NOT NULL REFERENCES package (id),
    blob_id     INTEGER NOT NULL REFERENCES blob (id),
    at          TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    days        BLOB    NOT NULL,
    PRIMARY KEY (package_id, blob_id)
) STRICT, WITHOUT ROWID;

-- Since when that is written down, where there was something before.
CREATE TABLE pull_start (at TEXT NOT NULL) STRICT;
INSERT INTO pull_start (at)
SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE EXISTS (SELECT 1 FROM event);

CREATE TABLE retention (
    namespace_id  INTEGER PRIMARY KEY REFERENCES namespace (id),
    rules         TEXT    NOT NULL,
    automatic     INTEGER NOT NULL CHECK (automatic IN (0, 1)),
    actor         TEXT    NOT NULL,
    position      INTEGER NOT NULL
) STRICT;

-- A plan is drafted row by row, and is there for others once it is planned.
CREATE TABLE retention_plan (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    namespace_id  INTEGER NOT NULL REFERENCES namespace (id),
    state         TEXT    NOT NULL CHECK (state IN ('drafted', 'planned', 'begun', 'applied')),
    rules         TEXT    NOT NULL,
    digest        TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    at            TEXT    NOT NULL,
    looked_at     INTEGER NOT NULL,
    size          INTEGER NOT NULL,
    begun_by      TEXT,
    position      INTEGER
) STRICT;
CREATE INDEX retention_plan_namespace_idx ON retention_plan (namespace_id, id);
CREATE INDEX retention_plan_begun_idx ON retention_plan (id) WHERE state = 'begun';

-- keeper is what keeps an artifact that the rules would let go; size what is free once it and all before it are gone.
CREATE TABLE retention_item (
    plan_id     INTEGER NOT NULL REFERENCES retention_plan (id),
    ordinal     INTEGER NOT NULL,
    package_id  INTEGER NOT NULL REFERENCES package (id),
    blob_id     INTEGER NOT NULL REFERENCES blob (id),
    names       TEXT    NOT NULL,
    parts       TEXT    NOT NULL,
    rule        TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    at          TEXT    NOT NULL,
    pulled_at   TEXT,
    pulled_by   TEXT    NOT NULL,
    keeper      TEXT,
    size        INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('planned', 'kept', 'deleted', 'moved')),
    PRIMARY KEY (plan_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX retention_item_state_idx ON retention_item (plan_id, state);

-- All that would leave its package, to tell what nobody needs then.
CREATE TABLE retention_part (
    plan_id     INTEGER NOT NULL,
    package_id  INTEGER NOT NULL,
    blob_id     INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    PRIMARY KEY (plan_id, package_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX retention_part_ordinal_idx ON retention_part (plan_id, ordinal);
