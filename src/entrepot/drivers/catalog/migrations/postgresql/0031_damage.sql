-- What is wrong with each damaged blob, since when, and what came of having it repaired.
CREATE TABLE damaged_blob (
    blob_id BIGINT PRIMARY KEY REFERENCES blob (id),
    problem TEXT COLLATE "C" NOT NULL,
    at TEXT COLLATE "C" NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    tried_at TEXT COLLATE "C",
    outcome TEXT COLLATE "C" NOT NULL DEFAULT ''
);
