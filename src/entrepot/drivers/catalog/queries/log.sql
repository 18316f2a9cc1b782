-- The transparency log: its tiles, its last checkpoint, and what was seen of the logs that we witness.

-- find_head --
SELECT size, root, note, journal_hash, signed_at FROM log_head

-- set_head --
INSERT INTO log_head (id, size, root, note, journal_hash, signed_at)
VALUES (1, :size, :root, :note, :journal_hash, :signed_at)
    ON CONFLICT (id) DO UPDATE SET
        size = excluded.size, root = excluded.root, note = excluded.note,
        journal_hash = excluded.journal_hash, signed_at = excluded.signed_at

-- find_cosigned --
SELECT size, note, at FROM log_cosigned

-- set_cosigned --
INSERT INTO log_cosigned (id, size, note, at) VALUES (1, :size, :note, :at)
    ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = excluded.note, at = excluded.at

-- find_tile --
SELECT hashes FROM log_tile WHERE level = :level AND number = :number

-- set_tile --
INSERT INTO log_tile (level, number, hashes) VALUES (:level, :number, :hashes)
    ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes

-- find_seen --
SELECT origin, size, root, note, at FROM log_seen WHERE origin = :origin

-- list_seen --
SELECT origin, size, root, note, at FROM log_seen ORDER BY origin

-- see --
INSERT INTO log_seen (origin, size, root, note, at) VALUES (:origin, :size, :root, :note, :at)
    ON CONFLICT (origin) DO UPDATE SET
        size = excluded.size, root = excluded.root, note = excluded.note, at = excluded.at
