-- Who is believed, what was found beside artifacts and files, and who is proven to have signed it.

-- trusted_root.json documents of Sigstore instances; of the whole registry where there is no namespace. One that was
-- removed is empty.
CREATE TABLE trusted_root (
    id              INTEGER PRIMARY KEY,
    namespace_id    INTEGER REFERENCES namespace (id),
    name            TEXT    NOT NULL,
    content         BLOB    NOT NULL,
    position        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX trusted_root_name_idx ON trusted_root (coalesce(namespace_id, 0), name);

CREATE TABLE signer (
    id              INTEGER PRIMARY KEY,
    namespace_id    INTEGER REFERENCES namespace (id),
    name            TEXT    NOT NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('key', 'identity', 'openpgp', 'x509')),
    material        TEXT    NOT NULL,
    scope           TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'retired', 'revoked', 'compromised')),
    until           TEXT,
    reason          TEXT    NOT NULL DEFAULT '',
    from_position   INTEGER NOT NULL,
    state_position  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX signer_name_idx ON signer (coalesce(namespace_id, 0), name);

-- One piece of evidence about one thing in one package. carrier_id is what has to be in the package for it to count:
-- the referrer, the file beside, or the version whose metadata says it. seen_at is when its bytes first came.
CREATE TABLE attestation (
    id              INTEGER PRIMARY KEY,
    package_id      INTEGER NOT NULL REFERENCES package (id),
    subject_id      INTEGER NOT NULL REFERENCES blob (id),
    carrier_id      INTEGER NOT NULL REFERENCES blob (id),
    ordinal         INTEGER NOT NULL,
    source          TEXT    NOT NULL CHECK (source IN ('referrer', 'tag', 'file', 'metadata')),
    holder_id       INTEGER NOT NULL REFERENCES artifact (blob_id),
    kind            TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    predicate_type  TEXT,
    issuer          TEXT,
    identity        TEXT,
    hint            TEXT,
    reason          TEXT,
    seen_at         TEXT    NOT NULL,
    UNIQUE (package_id, subject_id, carrier_id, ordinal)
) STRICT;
CREATE INDEX attestation_subject_idx ON attestation (subject_id, package_id);
CREATE INDEX attestation_content_idx ON attestation (content);
CREATE INDEX attestation_holder_idx ON attestation (holder_id, package_id);

-- A signer is proven to have signed it. objection is why its word does not count here, whatever its state.
CREATE TABLE verification (
    attestation_id  INTEGER NOT NULL REFERENCES attestation (id) ON DELETE CASCADE,
    signer_id       INTEGER NOT NULL REFERENCES signer (id),
    key             TEXT,
    issuer          TEXT,
    identity        TEXT,
    signed_at       TEXT,
    level           INTEGER NOT NULL,
    objection       TEXT,
    PRIMARY KEY (attestation_id, signer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX verification_signer_idx ON verification (signer_id);

-- What comes of it as the signers stand now: reason is why it does not count, NULL when it does. Nothing is marked when
-- a signer is revoked: whoever asks next is told so.
CREATE VIEW verdict AS
SELECT v.attestation_id, v.signer_id, v.key, v.issuer, v.identity, v.signed_at, v.level,
       CASE WHEN v.objection IS NOT NULL THEN v.objection
            WHEN s.state = 'active' THEN NULL
            WHEN s.state = 'pending' THEN 'the signer ' || s.name || ' is not active yet'
            WHEN s.state = 'compromised' THEN 'the signer ' || s.name || ' is compromised'
            WHEN min(a.seen_at, coalesce(v.signed_at, a.seen_at)) < s.until THEN NULL
            ELSE 'the signer ' || s.name || ' is ' || s.state || ', and nothing proves that it signed this before'
       END AS reason
  FROM verification v
  JOIN signer s ON s.id = v.signer_id
  JOIN attestation a ON a.id = v.attestation_id;

-- The evidence that is there now: its carrier is in the package, and still has its tag where that is what says of what
-- it is.
CREATE VIEW evidence AS
SELECT a.*
  FROM attestation a
 WHERE EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = a.package_id AND m.blob_id = a.carrier_id AND m.until_position IS NULL)
   AND (a.source <> 'tag' OR EXISTS (
        SELECT 1 FROM reference r
         WHERE r.blob_id = a.carrier_id AND r.package_id = a.package_id AND r.until_position IS NULL));

-- What provenance says of a build; believed as far as its attestation is.
CREATE TABLE provenance (
    attestation_id  INTEGER PRIMARY KEY REFERENCES attestation (id) ON DELETE CASCADE,
    builder         TEXT,
    build_type      TEXT,
    build           TEXT,
    repository      TEXT,
    revision        TEXT,
    started_at      TEXT,
    finished_at     TEXT
) STRICT;
CREATE INDEX provenance_revision_idx ON provenance (revision) WHERE revision IS NOT NULL;
CREATE INDEX provenance_repository_idx ON provenance (repository) WHERE repository IS NOT NULL;
CREATE INDEX provenance_build_idx ON provenance (build) WHERE build IS NOT NULL;
CREATE INDEX provenance_builder_idx ON provenance (builder) WHERE builder IS NOT NULL;

CREATE TABLE material (
    attestation_id  INTEGER NOT NULL REFERENCES attestation (id) ON DELETE CASCADE,
    ordinal         INTEGER NOT NULL,
    uri             TEXT,
    name            TEXT,
    digest          TEXT,
    PRIMARY KEY (attestation_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX material_digest_idx ON material (digest) WHERE digest IS NOT NULL;
CREATE INDEX material_uri_idx ON material (uri) WHERE uri IS NOT NULL;
