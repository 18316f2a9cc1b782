-- In which of the two blob stores bytes lie, and how they come to lie in the other one. A place in either store has a
-- number, the generation, that is given out once for a blob: reserved is the last one that was, for whatever tier.
ALTER TABLE blob ADD COLUMN tier TEXT COLLATE "C" NOT NULL DEFAULT 'hot' CHECK (tier IN ('hot', 'cold'));
ALTER TABLE blob ADD COLUMN reserved BIGINT NOT NULL DEFAULT 0;
CREATE INDEX blob_cold_idx ON blob (id) WHERE tier = 'cold';

-- What is given up is deleted no earlier than that: somebody may be reading it.
ALTER TABLE garbage ADD COLUMN tier TEXT COLLATE "C" NOT NULL DEFAULT 'hot' CHECK (tier IN ('hot', 'cold'));
ALTER TABLE garbage ADD COLUMN not_before TEXT COLLATE "C";

-- What lies in the cold tier: how many bytes it takes up there, and how it comes back to who asks for it.
CREATE TABLE cold_blob (
    blob_id BIGINT PRIMARY KEY REFERENCES blob (id),
    stored BIGINT NOT NULL,
    recall TEXT COLLATE "C" NOT NULL CHECK (recall IN ('stream', 'request')),
    rule TEXT COLLATE "C" NOT NULL,
    at TEXT COLLATE "C" NOT NULL
);

-- Where somebody is copying a blob to, and when he said so last.
CREATE TABLE blob_move (
    blob_id BIGINT PRIMARY KEY REFERENCES blob (id),
    tier TEXT COLLATE "C" NOT NULL CHECK (tier IN ('hot', 'cold')),
    generation BIGINT NOT NULL,
    renewed_at TEXT COLLATE "C" NOT NULL
);

-- What stays hot in a namespace: its rules, what stays whatever they say, and whether the rest goes by itself.
CREATE TABLE tiering (
    namespace_id BIGINT PRIMARY KEY REFERENCES namespace (id),
    rules TEXT COLLATE "C" NOT NULL,
    stays TEXT COLLATE "C" NOT NULL,
    automatic BOOLEAN NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL
);
