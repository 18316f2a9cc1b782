-- Upstreams: what a namespace reads through to, and what was read there.

CREATE TABLE upstream (
    id            INTEGER PRIMARY KEY,
    namespace_id  INTEGER NOT NULL REFERENCES namespace (id),
    format        TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    private       INTEGER NOT NULL CHECK (private IN (0, 1)),
    rules         TEXT    NOT NULL,
    credentials   TEXT,
    UNIQUE (namespace_id, format, name)
) STRICT;

-- The last good answer of an upstream to one question: an index page, a packument, a list.
-- status 200 has content; 404 says that there was nothing.
CREATE TABLE mirrored (
    upstream_id  INTEGER NOT NULL REFERENCES upstream (id) ON DELETE CASCADE,
    target       TEXT    NOT NULL,
    status       INTEGER NOT NULL CHECK (status IN (200, 404)),
    url          TEXT    NOT NULL,
    media_type   TEXT    NOT NULL,
    etag         TEXT,
    content      BLOB,
    hash         BLOB    NOT NULL,
    fetched_at   TEXT    NOT NULL,
    checked_at   TEXT    NOT NULL,
    PRIMARY KEY (upstream_id, target)
) STRICT;

-- When a version was first seen at an upstream: what a cooldown counts from.
CREATE TABLE first_seen (
    upstream_id  INTEGER NOT NULL REFERENCES upstream (id) ON DELETE CASCADE,
    package      TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    at           TEXT    NOT NULL,
    PRIMARY KEY (upstream_id, package, version)
) STRICT, WITHOUT ROWID;

-- Whether somebody here published into the package: then no upstream is asked for it any more.
-- All that were there before there were upstreams are of here.
ALTER TABLE package ADD COLUMN hosted INTEGER NOT NULL DEFAULT 0 CHECK (hosted IN (0, 1));
UPDATE package SET hosted = 1;
