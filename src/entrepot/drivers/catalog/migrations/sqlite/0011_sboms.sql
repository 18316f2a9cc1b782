-- Which document says what is in an artifact: SBOMs that came with it, and the one that we made.

-- carrier_id is the referrer that brings the document, and content is what its bytes are called. problem is why it could
-- not be read; then nothing is known from it.
CREATE TABLE sbom (
    id          INTEGER PRIMARY KEY,
    package_id  INTEGER NOT NULL REFERENCES package (id),
    subject_id  INTEGER NOT NULL REFERENCES artifact (blob_id),
    carrier_id  INTEGER NOT NULL REFERENCES artifact (blob_id),
    content     TEXT    NOT NULL,
    source      TEXT    NOT NULL CHECK (source IN ('attested', 'uploaded', 'generated')),
    form        TEXT    NOT NULL,
    components  INTEGER NOT NULL,
    unread      INTEGER NOT NULL,
    problem     TEXT,
    position    INTEGER NOT NULL,
    UNIQUE (subject_id, package_id, carrier_id)
) STRICT;
CREATE INDEX sbom_carrier_idx ON sbom (carrier_id, package_id);

CREATE TABLE licence (
    id          INTEGER PRIMARY KEY,
    expression  TEXT    NOT NULL UNIQUE,
    category    TEXT    NOT NULL
) STRICT;

-- The licences of what an artifact holds, each with how many of its components have it.
CREATE TABLE licence_use (
    blob_id     INTEGER NOT NULL REFERENCES artifact (blob_id),
    licence_id  INTEGER NOT NULL REFERENCES licence (id),
    components  INTEGER NOT NULL,
    PRIMARY KEY (blob_id, licence_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX licence_use_licence_idx ON licence_use (licence_id, blob_id);
