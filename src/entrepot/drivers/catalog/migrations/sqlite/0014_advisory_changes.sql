-- Advisories for others and from others: in which order ours changed, and who said it first where they were handed on.

-- The name of this set of advisories, made up once, and the number of the last change. The number is also a time (in
-- microseconds), so that a catalog that was restored from a copy gives none out a second time.
CREATE TABLE advisory_feed (
    instance  TEXT    NOT NULL,
    change    INTEGER NOT NULL
) STRICT;
INSERT INTO advisory_feed (instance, change)
SELECT lower(hex(randomblob(16))), (SELECT coalesce(max(id), 0) FROM advisory);

-- A source that hands on what it has from elsewhere: where from, by their names there, and through which instances.
CREATE TABLE advisory_origin (
    id         INTEGER PRIMARY KEY,
    source_id  INTEGER NOT NULL REFERENCES advisory_source (id),
    name       TEXT    NOT NULL,
    through    TEXT    NOT NULL,
    read_at    TEXT,
    UNIQUE (source_id, name)
) STRICT;

ALTER TABLE advisory ADD COLUMN origin_id INTEGER REFERENCES advisory_origin (id);
ALTER TABLE advisory ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
UPDATE advisory SET change = id;
CREATE UNIQUE INDEX advisory_change_idx ON advisory (change);
CREATE INDEX advisory_origin_idx ON advisory (origin_id);

-- Advisories that were forgotten, so that others forget them too.
CREATE TABLE advisory_removed (
    name    TEXT    PRIMARY KEY,
    change  INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- Where reading goes on, of a source that says what changed; and what sources are asked with.
ALTER TABLE advisory_source ADD COLUMN cursor TEXT;
ALTER TABLE advisory_source ADD COLUMN credentials TEXT;
