-- How far the reading of all blobs again has come.

-- find_round --
SELECT began_at, after, blobs, bytes, damaged, ended_at, last_ended_at FROM scrub WHERE id = 1

-- keep_round --
INSERT INTO scrub (id, began_at, after, blobs, bytes, damaged, ended_at, last_ended_at)
VALUES (1, :began_at, :after, :blobs, :bytes, :damaged, :ended_at, :last_ended_at)
    ON CONFLICT (id) DO UPDATE
   SET began_at = excluded.began_at, after = excluded.after, blobs = excluded.blobs, bytes = excluded.bytes,
       damaged = excluded.damaged, ended_at = excluded.ended_at, last_ended_at = excluded.last_ended_at
