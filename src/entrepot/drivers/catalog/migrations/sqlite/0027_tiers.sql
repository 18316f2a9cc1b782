-- In which of the two blob stores bytes lie, and how they come to lie in the other one. A place in either store has a
-- number, the generation, that is given out once for a blob: reserved is the last one that was, for whatever tier.
ALTER TABLE blob ADD COLUMN tier TEXT NOT NULL DEFAULT 'hot' CHECK (tier IN ('hot', 'cold'));
ALTER TABLE blob ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;
CREATE INDEX blob_cold_idx ON blob (id) WHERE tier = 'cold';

-- What is given up is deleted no earlier than that: somebody may be reading it.
ALTER TABLE garbage ADD COLUMN tier TEXT NOT NULL DEFAULT 'hot' CHECK (tier IN ('hot', 'cold'));
ALTER TABLE garbage ADD COLUMN not_before TEXT;

-- What lies in the cold tier: how many bytes it takes up there, and how it comes back to who asks for it.
CREATE TABLE cold_blob (
    blob_id   INTEGER PRIMARY KEY REFERENCES blob (id),
    stored    INTEGER NOT NULL,
    recall    TEXT    NOT NULL CHECK (recall IN ('stream', 'request')),
    rule      TEXT    NOT NULL,
    at        TEXT    NOT NULL
) STRICT;

-- Where somebody is copying a blob to, and when he said so last.
CREATE TABLE blob_move (
    blob_id     INTEGER PRIMARY KEY REFERENCES blob (id),
    tier        TEXT    NOT NULL CHECK (tier IN ('hot', 'cold')),
    generation  INTEGER NOT NULL,
    renewed_at  TEXT    NOT NULL
) STRICT;

-- What stays hot in a namespace: its rules, what stays whatever they say, and whether the rest goes by itself.
CREATE TABLE tiering (
    namespace_id  INTEGER PRIMARY KEY REFERENCES namespace (id),
    rules         TEXT    NOT NULL,
    stays         TEXT    NOT NULL,
    automatic     INTEGER NOT NULL CHECK (automatic IN (0, 1)),
    actor         TEXT    NOT NULL,
    position      INTEGER NOT NULL
) STRICT;
