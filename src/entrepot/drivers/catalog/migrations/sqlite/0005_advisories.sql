-- What is inside artifacts, and what is known to be bad of it.

-- A package at a version, once for all artifacts that have it. The columns are the parts of its package URL; of its
-- qualifiers only those that say which package it is (distro, upstream, epoch), sorted. What is missing is empty.
CREATE TABLE component (
    id          INTEGER PRIMARY KEY,
    type        TEXT    NOT NULL,
    namespace   TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    qualifiers  TEXT    NOT NULL DEFAULT '',
    UNIQUE (type, namespace, name, version, qualifiers)
) STRICT;

-- Which artifact has it.
CREATE TABLE component_use (
    component_id  INTEGER NOT NULL REFERENCES component (id),
    blob_id       INTEGER NOT NULL REFERENCES artifact (blob_id),
    relation      TEXT    NOT NULL CHECK (relation IN ('subject', 'contained', 'dependency')),
    PRIMARY KEY (component_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX component_use_blob_idx ON component_use (blob_id);

-- What advisories call a component: only what is here is compared with them.
CREATE TABLE component_subject (
    component_id  INTEGER PRIMARY KEY REFERENCES component (id),
    ecosystem     TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    release       TEXT    NOT NULL,
    version       TEXT
) STRICT;
CREATE INDEX component_subject_idx ON component_subject (ecosystem, name, release, version);

-- Where advisories come from. One without an address was given to us as files.
CREATE TABLE advisory_source (
    id             INTEGER PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    url            TEXT,
    private        INTEGER NOT NULL DEFAULT 0 CHECK (private IN (0, 1)),
    etag           TEXT,
    last_modified  TEXT,
    imported_at    TEXT,
    checked_at     TEXT,
    problem        TEXT
) STRICT;

CREATE TABLE advisory (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    source_id  INTEGER NOT NULL REFERENCES advisory_source (id),
    modified   TEXT    NOT NULL,
    published  TEXT,
    withdrawn  TEXT,
    level      TEXT    NOT NULL,
    score      REAL,
    vector     TEXT,
    summary    TEXT    NOT NULL,
    aliases    TEXT    NOT NULL,
    upstream   TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    content    BLOB    NOT NULL
) STRICT;
CREATE INDEX advisory_source_idx ON advisory (source_id, modified);

-- Every name by which an advisory is found, its own among them.
CREATE TABLE advisory_name (
    name         TEXT    NOT NULL,
    advisory_id  INTEGER NOT NULL REFERENCES advisory (id),
    PRIMARY KEY (name, advisory_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE affected (
    ecosystem    TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    advisory_id  INTEGER NOT NULL REFERENCES advisory (id),
    release      TEXT    NOT NULL,
    rule         BLOB    NOT NULL,
    PRIMARY KEY (ecosystem, name, advisory_id, release)
) STRICT, WITHOUT ROWID;
CREATE INDEX affected_advisory_idx ON affected (advisory_id);

-- What came of comparing; a component that an advisory clears has no row.
CREATE TABLE component_match (
    component_id  INTEGER NOT NULL REFERENCES component (id),
    advisory_id   INTEGER NOT NULL REFERENCES advisory (id),
    state         TEXT    NOT NULL CHECK (state IN ('affected', 'unknown')),
    fixed         TEXT,
    PRIMARY KEY (component_id, advisory_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX component_match_advisory_idx ON component_match (advisory_id, component_id);

-- How likely a flaw is to be used (EPSS), and since when it is known to be (KEV).
CREATE TABLE exploitation (
    name        TEXT PRIMARY KEY,
    epss        REAL,
    percentile  REAL,
    known_since TEXT
) STRICT, WITHOUT ROWID;
