-- What is kept: leases and holds, and what runs where.

-- expires_at is of a lease, which protects nothing once that has passed; until_position is when somebody noticed.
CREATE TABLE hold (
    id              TEXT    PRIMARY KEY,
    package_id      INTEGER NOT NULL REFERENCES package (id),
    blob_id         INTEGER NOT NULL REFERENCES artifact (blob_id),
    kind            TEXT    NOT NULL CHECK (kind IN ('lease', 'manual', 'legal')),
    holder          TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    expires_at      TEXT    CHECK ((kind = 'lease') = (expires_at IS NOT NULL)),
    from_position   INTEGER NOT NULL,
    until_position  INTEGER
) STRICT;
CREATE INDEX hold_open_idx ON hold (package_id, blob_id) WHERE until_position IS NULL;
CREATE INDEX hold_history_idx ON hold (package_id, from_position);
CREATE INDEX hold_expiry_idx ON hold (expires_at) WHERE until_position IS NULL AND expires_at IS NOT NULL;

-- Where one artifact runs at a time.
CREATE TABLE place (
    id            INTEGER PRIMARY KEY,
    namespace_id  INTEGER NOT NULL REFERENCES namespace (id),
    environment   TEXT    NOT NULL,
    service       TEXT    NOT NULL,
    cluster       TEXT    NOT NULL,
    region        TEXT    NOT NULL,
    UNIQUE (namespace_id, environment, service, cluster, region)
) STRICT;

CREATE TABLE deployment (
    id                INTEGER PRIMARY KEY,
    place_id          INTEGER NOT NULL REFERENCES place (id),
    package_id        INTEGER NOT NULL REFERENCES package (id),
    blob_id           INTEGER NOT NULL REFERENCES artifact (blob_id),
    version           TEXT    NOT NULL,
    particulars       TEXT    NOT NULL,
    actor             TEXT    NOT NULL,
    from_position     INTEGER NOT NULL,
    changed_position  INTEGER NOT NULL,
    until_position    INTEGER
) STRICT;
CREATE UNIQUE INDEX deployment_open_idx ON deployment (place_id) WHERE until_position IS NULL;
CREATE INDEX deployment_history_idx ON deployment (place_id, until_position, blob_id, package_id);
CREATE INDEX deployment_artifact_idx ON deployment (package_id, blob_id);
CREATE INDEX deployment_name_idx ON deployment (package_id, version) WHERE until_position IS NULL;
