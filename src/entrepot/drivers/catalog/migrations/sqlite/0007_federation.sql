-- Trusted publishers: whose identity tokens are traded for tokens of the registry.

CREATE TABLE issuer (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    provider      TEXT    NOT NULL CHECK (provider IN ('github', 'gitlab', 'generic')),
    url           TEXT    NOT NULL UNIQUE,
    audiences     TEXT    NOT NULL,
    algorithms    TEXT    NOT NULL,
    max_lifetime  INTEGER NOT NULL,
    private       INTEGER NOT NULL CHECK (private IN (0, 1)),
    keys          TEXT
) STRICT;

CREATE TABLE publisher (
    id            INTEGER PRIMARY KEY,
    namespace_id  INTEGER NOT NULL REFERENCES namespace (id),
    name          TEXT    NOT NULL,
    issuer_id     INTEGER NOT NULL REFERENCES issuer (id) ON DELETE CASCADE,
    rules         TEXT    NOT NULL,
    packages      TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    lifetime      INTEGER NOT NULL,
    used_at       TEXT,
    UNIQUE (namespace_id, name)
) STRICT;
CREATE INDEX publisher_issuer_idx ON publisher (issuer_id);

-- Identity tokens that were traded already, by a hash, until they expire.
CREATE TABLE used_token (
    hash        TEXT PRIMARY KEY,
    expires_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_token_expiry_idx ON used_token (expires_at);

-- What is forgotten when it has long expired: the tokens that publishers were given.
CREATE INDEX token_expiry_idx ON token (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX token_parent_idx ON token (parent_id) WHERE parent_id IS NOT NULL;
