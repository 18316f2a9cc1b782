-- What others say of flaws: statements that one does not matter, people's own decisions, and what other scanners found.

-- Whether the signer may say that findings do not matter: only one whose scope says so in so many words.
ALTER TABLE verification ADD COLUMN suppresses INTEGER NOT NULL DEFAULT 0;

-- What signed statements say of flaws (OpenVEX, CycloneDX); believed as far as the attestation is.
CREATE TABLE vex_statement (
    attestation_id  INTEGER NOT NULL REFERENCES attestation (id) ON DELETE CASCADE,
    ordinal         INTEGER NOT NULL,
    flaws           TEXT    NOT NULL,
    products        TEXT    NOT NULL,
    components      TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    author          TEXT    NOT NULL,
    at              TEXT,
    until           TEXT,
    PRIMARY KEY (attestation_id, ordinal)
) STRICT, WITHOUT ROWID;

-- Somebody's own decision that a flaw does not matter; of every artifact of the package where there is no blob.
CREATE TABLE exemption (
    id              TEXT    PRIMARY KEY,
    package_id      INTEGER NOT NULL REFERENCES package (id),
    blob_id         INTEGER REFERENCES blob (id),
    flaw            TEXT    NOT NULL,
    component       TEXT,
    status          TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    at              TEXT    NOT NULL,
    until           TEXT,
    from_position   INTEGER NOT NULL,
    until_position  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX exemption_package_idx ON exemption (package_id, from_position);

-- What another scanner says of an artifact. carrier_id is the referrer that brings the report, actor who sent it.
-- problem is why it could not be read.
CREATE TABLE report (
    id          INTEGER PRIMARY KEY,
    package_id  INTEGER NOT NULL REFERENCES package (id),
    subject_id  INTEGER NOT NULL REFERENCES artifact (blob_id),
    carrier_id  INTEGER NOT NULL REFERENCES artifact (blob_id),
    ordinal     INTEGER NOT NULL,
    content     TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    form        TEXT    NOT NULL,
    tool        TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    at          TEXT,
    findings    INTEGER NOT NULL,
    problem     TEXT,
    position    INTEGER NOT NULL,
    UNIQUE (subject_id, package_id, carrier_id, ordinal)
) STRICT;

CREATE TABLE reported (
    report_id  INTEGER NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    ordinal    INTEGER NOT NULL,
    tool       TEXT    NOT NULL,
    flaw       TEXT    NOT NULL,
    level      TEXT    NOT NULL,
    score      REAL,
    component  TEXT,
    version    TEXT,
    fixed      TEXT,
    message    TEXT    NOT NULL,
    places     TEXT    NOT NULL,
    PRIMARY KEY (report_id, ordinal)
) STRICT, WITHOUT ROWID;
