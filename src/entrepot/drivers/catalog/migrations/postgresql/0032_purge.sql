-- What somebody took out of the trash of a package for good: it cannot be had back, wherever else its bytes are.
CREATE TABLE purge (
    package_id  BIGINT NOT NULL REFERENCES package (id),
    blob_id     BIGINT NOT NULL REFERENCES artifact (blob_id),
    position    BIGINT NOT NULL,
    PRIMARY KEY (package_id, blob_id)
);
