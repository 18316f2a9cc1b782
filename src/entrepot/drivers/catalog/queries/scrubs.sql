-- How far the reading of all blobs again has come.

-- find_round --
SELECT began_at, after, blobs, bytes, damaged, ended_at, last_ended_at FROM scrub WHERE id = 1

-- keep_round --
INSERT INTO scrub (id, began_at, after, blobs, bytes, damaged, ended_at, last_ended_at)
VALUES (1, :began_at, :after, :blobs, :bytes, :damaged, :ended_at, :last_ended_at)
    ON CONFLICT (id) DO UPDATE
   SET began_at = excluded.began_at, after = excluded.after, blobs = excluded.blobs, bytes = excluded.bytes,
       damaged = excluded.damaged, ended_at = excluded.ended_at, last_ended_at = excluded.last_ended_at

-- list_damaged --
-- Uses blob_damaged_idx.
SELECT b.digest, b.size, b.tier, b.generation, EXISTS (SELECT 1 FROM content c WHERE c.blob_id = b.id),
       d.problem, d.at, d.tries, d.tried_at, d.outcome
  FROM blob b LEFT JOIN damaged_blob d ON d.blob_id = b.id
 WHERE b.state = 'damaged' AND b.digest > :after
 ORDER BY b.digest
 LIMIT :limit

-- find_damaged --
SELECT b.digest, b.size, b.tier, b.generation, EXISTS (SELECT 1 FROM content c WHERE c.blob_id = b.id),
       d.problem, d.at, d.tries, d.tried_at, d.outcome
  FROM blob b LEFT JOIN damaged_blob d ON d.blob_id = b.id
 WHERE b.state = 'damaged' AND b.digest = :digest

-- count_unrepaired --
-- Uses blob_damaged_idx.
SELECT count(*) FROM blob b JOIN damaged_blob d ON d.blob_id = b.id WHERE b.state = 'damaged' AND d.tries > 0

-- is_damaged_member --
-- Uses membership_open_idx.
SELECT 1
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest AND b.state = 'damaged'
  JOIN membership m ON m.package_id = p.id AND m.blob_id = b.id AND m.until_position IS NULL
 WHERE n.name = :namespace

-- note_damage --
INSERT INTO damaged_blob (blob_id, problem, at) SELECT id, :problem, :now FROM blob WHERE digest = :digest
ON CONFLICT (blob_id) DO UPDATE
   SET problem = excluded.problem, at = excluded.at, tries = 0, tried_at = NULL, outcome = ''

-- note_attempt --
UPDATE damaged_blob SET tries = tries + 1, tried_at = :now, outcome = :outcome
 WHERE blob_id = (SELECT id FROM blob WHERE digest = :digest)

-- forget_damage --
DELETE FROM damaged_blob WHERE blob_id = (SELECT id FROM blob WHERE digest = :digest)
