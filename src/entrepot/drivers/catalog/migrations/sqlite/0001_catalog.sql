-- The catalog: who owns, who may, what is there, what it is called, where it is cleared, and the journal of it all.
-- Intervals are of journal positions: until_position is NULL while something holds.

CREATE TABLE namespace (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE,
    public    INTEGER NOT NULL CHECK (public IN (0, 1)),
    rules     TEXT    NOT NULL,
    revision  INTEGER NOT NULL
) STRICT;

CREATE TABLE channel (
    id            INTEGER PRIMARY KEY,
    namespace_id  INTEGER NOT NULL REFERENCES namespace (id),
    name          TEXT    NOT NULL,
    rank          INTEGER NOT NULL,
    UNIQUE (namespace_id, name)
) STRICT;

CREATE TABLE package (
    id            INTEGER PRIMARY KEY,
    namespace_id  INTEGER NOT NULL REFERENCES namespace (id),
    format        TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    revision      INTEGER NOT NULL,
    UNIQUE (namespace_id, format, name)
) STRICT;

-- --- content ---

CREATE TABLE blob (
    id      INTEGER PRIMARY KEY,
    digest  TEXT    NOT NULL UNIQUE,
    size    INTEGER NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('absent', 'present', 'damaged', 'condemned'))
) STRICT;
CREATE INDEX blob_damaged_idx ON blob (digest) WHERE state = 'damaged';

-- The bytes of manifests and of small blobs. A blob without a row here has its bytes in the blob store.
CREATE TABLE content (
    blob_id  INTEGER PRIMARY KEY REFERENCES blob (id),
    bytes    BLOB    NOT NULL
) STRICT;

CREATE TABLE artifact (
    blob_id        INTEGER PRIMARY KEY REFERENCES blob (id),
    media_type     TEXT    NOT NULL,
    artifact_type  TEXT,
    subject_id     INTEGER REFERENCES blob (id)
) STRICT;
CREATE INDEX artifact_subject_idx ON artifact (subject_id) WHERE subject_id IS NOT NULL;

CREATE TABLE link (
    artifact_id  INTEGER NOT NULL REFERENCES artifact (blob_id),
    ordinal      INTEGER NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('config', 'layer', 'manifest')),
    target_id    INTEGER NOT NULL REFERENCES blob (id),
    required     INTEGER NOT NULL CHECK (required IN (0, 1)),
    PRIMARY KEY (artifact_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_target_idx ON link (target_id);

-- The annotations that people search by.
CREATE TABLE annotation (
    blob_id  INTEGER NOT NULL REFERENCES artifact (blob_id),
    key      TEXT    NOT NULL,
    value    TEXT    NOT NULL,
    PRIMARY KEY (blob_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX annotation_value_idx ON annotation (key, value);

-- --- what is where ---

CREATE TABLE membership (
    id             INTEGER PRIMARY KEY,
    package_id     INTEGER NOT NULL REFERENCES package (id),
    blob_id        INTEGER NOT NULL REFERENCES blob (id),
    role           TEXT    NOT NULL CHECK (role IN ('blob', 'artifact')),
    from_position  INTEGER NOT NULL,
    until_position INTEGER
) STRICT;
CREATE UNIQUE INDEX membership_open_idx ON membership (package_id, blob_id, role) WHERE until_position IS NULL;
CREATE INDEX membership_blob_idx ON membership (blob_id) WHERE until_position IS NULL;
CREATE INDEX membership_artifact_idx ON membership (package_id, from_position)
    WHERE until_position IS NULL AND role = 'artifact';

CREATE TABLE reference (
    id             INTEGER PRIMARY KEY,
    package_id     INTEGER NOT NULL REFERENCES package (id),
    kind           TEXT    NOT NULL CHECK (kind IN ('version', 'tag')),
    name           TEXT    NOT NULL,
    blob_id        INTEGER NOT NULL REFERENCES artifact (blob_id),
    sealed         INTEGER NOT NULL CHECK (sealed IN (0, 1)),
    yanked         TEXT,
    deprecated     TEXT,
    from_position  INTEGER NOT NULL,
    until_position INTEGER
) STRICT;
CREATE UNIQUE INDEX reference_open_idx ON reference (package_id, name) WHERE until_position IS NULL;
CREATE INDEX reference_history_idx ON reference (package_id, name, from_position);
CREATE INDEX reference_artifact_idx ON reference (blob_id, package_id) WHERE until_position IS NULL;

CREATE INDEX reference_name_idx ON reference (name) WHERE until_position IS NULL;

-- What was cleared (root_id) and everything that covers: one row each, so that a pull asks one index.
CREATE TABLE clearance (
    id             INTEGER PRIMARY KEY,
    channel_id     INTEGER NOT NULL REFERENCES channel (id),
    package_id     INTEGER NOT NULL REFERENCES package (id),
    blob_id        INTEGER NOT NULL REFERENCES artifact (blob_id),
    root_id        INTEGER NOT NULL REFERENCES artifact (blob_id),
    from_position  INTEGER NOT NULL,
    until_position INTEGER
) STRICT;
CREATE UNIQUE INDEX clearance_open_idx ON clearance (package_id, blob_id, channel_id, root_id)
    WHERE until_position IS NULL;
CREATE INDEX clearance_channel_idx ON clearance (channel_id, package_id, root_id) WHERE until_position IS NULL;
CREATE INDEX clearance_history_idx ON clearance (package_id, from_position) WHERE blob_id = root_id;

-- Uploads that were finished or cancelled, until nobody can hold their names any more.
CREATE TABLE ended_upload (
    id          TEXT PRIMARY KEY,
    expires_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_upload_expiry_idx ON ended_upload (expires_at);

-- --- who may ---

CREATE TABLE principal (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE,
    kind      TEXT    NOT NULL CHECK (kind IN ('user', 'robot')),
    disabled  INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1))
) STRICT;

CREATE TABLE role_grant (
    id             INTEGER PRIMARY KEY,
    principal_id   INTEGER NOT NULL REFERENCES principal (id),
    role           TEXT    NOT NULL,
    view           TEXT    NOT NULL,
    pattern        TEXT    NOT NULL,
    from_position  INTEGER NOT NULL,
    until_position INTEGER
) STRICT;
CREATE UNIQUE INDEX role_grant_open_idx ON role_grant (principal_id, role, view, pattern)
    WHERE until_position IS NULL;

CREATE TABLE token (
    id            TEXT    PRIMARY KEY,
    principal_id  INTEGER NOT NULL REFERENCES principal (id),
    label         TEXT    NOT NULL,
    secret_hash   BLOB    NOT NULL UNIQUE,
    scope         TEXT,
    parent_id     TEXT    REFERENCES token (id),
    created_at    TEXT    NOT NULL,
    expires_at    TEXT,
    revoked       INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1))
) STRICT;

-- Random secrets of this installation, such as the key that signs access tokens.
CREATE TABLE secret (
    name   TEXT PRIMARY KEY,
    value  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- --- the journal ---

CREATE TABLE event (
    position   INTEGER PRIMARY KEY,
    at         TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    namespace  TEXT,
    package    TEXT,
    content    BLOB    NOT NULL,
    hash       BLOB    NOT NULL
) STRICT;
CREATE INDEX event_package_idx ON event (namespace, package, position);
CREATE INDEX event_namespace_idx ON event (namespace, position);

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the journal cannot be rewritten'); END;
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the journal cannot be rewritten'); END;

-- How far each named reader of the journal has come.
CREATE TABLE cursor (
    follower  TEXT    PRIMARY KEY,
    position  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- --- totals ---

-- One row: how much there is, for the metrics.
CREATE TABLE total (
    blobs       INTEGER NOT NULL DEFAULT 0,
    bytes       INTEGER NOT NULL DEFAULT 0,
    damaged     INTEGER NOT NULL DEFAULT 0,
    artifacts   INTEGER NOT NULL DEFAULT 0,
    packages    INTEGER NOT NULL DEFAULT 0,
    namespaces  INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO total DEFAULT VALUES;

CREATE TRIGGER blob_is_counted AFTER INSERT ON blob WHEN new.state = 'present'
BEGIN UPDATE total SET blobs = blobs + 1, bytes = bytes + new.size; END;
CREATE TRIGGER blob_is_counted_again AFTER UPDATE OF state, size ON blob
WHEN old.state <> new.state OR old.size <> new.size
BEGIN
    UPDATE total
       SET blobs = blobs + (new.state = 'present') - (old.state = 'present'),
           bytes = bytes + (new.state = 'present') * new.size - (old.state = 'present') * old.size,
           damaged = damaged + (new.state = 'damaged') - (old.state = 'damaged');
END;
CREATE TRIGGER artifact_is_counted AFTER INSERT ON artifact BEGIN UPDATE total SET artifacts = artifacts + 1; END;
CREATE TRIGGER package_is_counted AFTER INSERT ON package BEGIN UPDATE total SET packages = packages + 1; END;
CREATE TRIGGER namespace_is_counted AFTER INSERT ON namespace BEGIN UPDATE total SET namespaces = namespaces + 1; END;
