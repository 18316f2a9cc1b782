-- What a backup asks of the copy that it made of a catalog.

-- list_blobs --
-- Blobs whose bytes are not in the catalog, in the order of digests: also those that nobody has, for they may be had back.
SELECT b.digest, b.size, b.generation, b.state, b.tier
  FROM blob b
 WHERE b.digest > :after AND b.state <> 'absent' AND NOT EXISTS (SELECT 1 FROM content c WHERE c.blob_id = b.id)
 ORDER BY b.digest
 LIMIT :limit

-- let_all_be_hot --
-- What comes back comes into one place, whatever place it was in; no two places of a blob have one number.
UPDATE blob SET tier = 'hot' WHERE tier <> 'hot'

-- forget_cold --
DELETE FROM cold_blob

-- forget_moves --
DELETE FROM blob_move

-- forget_garbage --
-- What was given up was not copied.
DELETE FROM garbage
