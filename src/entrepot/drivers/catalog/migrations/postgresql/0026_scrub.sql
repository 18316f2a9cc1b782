-- How far the reading of all blobs again has come: one round after another, one row.
CREATE TABLE scrub (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    began_at TEXT COLLATE "C" NOT NULL,
    after TEXT COLLATE "C" NOT NULL,
    blobs BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    damaged BIGINT NOT NULL,
    ended_at TEXT COLLATE "C",
    last_ended_at TEXT COLLATE "C"
);
