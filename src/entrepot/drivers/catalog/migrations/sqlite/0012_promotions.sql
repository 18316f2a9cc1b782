-- The policies of namespaces, every version of them; a policy that was removed has no open one.
CREATE TABLE policy (
    id              INTEGER PRIMARY KEY,
    namespace_id    INTEGER NOT NULL REFERENCES namespace (id),
    name            TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    content         TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    from_position   INTEGER NOT NULL,
    until_position  INTEGER,
    UNIQUE (namespace_id, name, version)
) STRICT;
CREATE UNIQUE INDEX policy_open_idx ON policy (namespace_id, name) WHERE until_position IS NULL;

-- What a channel asks beside the policies.
CREATE TABLE channel_rule (
    channel_id     INTEGER PRIMARY KEY REFERENCES channel (id),
    approvals      INTEGER NOT NULL,
    self_approval  INTEGER NOT NULL CHECK (self_approval IN (0, 1)),
    soak           INTEGER NOT NULL,
    ordered        INTEGER NOT NULL CHECK (ordered IN (0, 1)),
    automatic      INTEGER NOT NULL CHECK (automatic IN (0, 1))
) STRICT;

-- Every promotion that was asked for, with what was known and what was decided.
CREATE TABLE promotion (
    id              TEXT    PRIMARY KEY,
    package_id      INTEGER NOT NULL REFERENCES package (id),
    blob_id         INTEGER NOT NULL REFERENCES blob (id),
    version         TEXT    NOT NULL,
    channel_id      INTEGER NOT NULL REFERENCES channel (id),
    state           TEXT    NOT NULL CHECK (state IN ('proposed', 'applied', 'refused')),
    actor           TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    refusals        TEXT    NOT NULL,
    facts           TEXT    NOT NULL,
    policies        TEXT    NOT NULL,
    statement       TEXT,
    from_position   INTEGER NOT NULL,
    until_position  INTEGER
) STRICT;
CREATE UNIQUE INDEX promotion_open_idx ON promotion (package_id, channel_id, blob_id) WHERE state = 'proposed';
CREATE INDEX promotion_history_idx ON promotion (package_id, from_position);

CREATE TABLE approval (
    promotion_id  TEXT    NOT NULL REFERENCES promotion (id),
    principal     TEXT    NOT NULL,
    note          TEXT    NOT NULL,
    position      INTEGER NOT NULL,
    PRIMARY KEY (promotion_id, principal)
) STRICT, WITHOUT ROWID;
