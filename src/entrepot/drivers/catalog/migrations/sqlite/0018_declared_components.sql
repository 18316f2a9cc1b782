-- What a lockfile in an image declares is a relation of its own.

CREATE TABLE component_use_or_declared (
    component_id  INTEGER NOT NULL REFERENCES component (id),
    blob_id       INTEGER NOT NULL REFERENCES artifact (blob_id),
    package_id    INTEGER NOT NULL REFERENCES package (id),
    relation      TEXT    NOT NULL CHECK (relation IN ('subject', 'contained', 'dependency', 'declared')),
    PRIMARY KEY (component_id, blob_id, package_id)
) STRICT, WITHOUT ROWID;
INSERT INTO component_use_or_declared (component_id, blob_id, package_id, relation)
SELECT component_id, blob_id, package_id, relation FROM component_use ORDER BY component_id, blob_id, package_id;
DROP TABLE component_use;
ALTER TABLE component_use_or_declared RENAME TO component_use;
CREATE INDEX component_use_blob_idx ON component_use (blob_id, package_id);
