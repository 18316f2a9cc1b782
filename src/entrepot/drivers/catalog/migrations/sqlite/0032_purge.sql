-- What somebody took out of the trash of a package for good: it cannot be had back, wherever else its bytes are.
CREATE TABLE purge (
    package_id  INTEGER NOT NULL REFERENCES package (id),
    blob_id     INTEGER NOT NULL REFERENCES artifact (blob_id),
    position    INTEGER NOT NULL,
    PRIMARY KEY (package_id, blob_id)
) STRICT, WITHOUT ROWID;
