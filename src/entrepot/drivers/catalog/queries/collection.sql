-- Giving up bytes that nobody can reach.

-- find_generation --
SELECT generation FROM blob WHERE digest = :digest

-- last_blob --
SELECT coalesce(max(id), 0) FROM blob

-- list_unreachable --
-- Of a stretch of blobs, the present ones that no package has. Uses membership_blob_idx.
SELECT b.digest, b.size
  FROM blob b
 WHERE b.id > :after AND b.id <= :upto AND b.state IN ('present', 'damaged')
   AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.blob_id = b.id AND m.until_position IS NULL)

-- list_condemned --
-- Uses blob_condemned_idx.
SELECT b.digest, b.size, b.condemned_at
  FROM blob b
 WHERE b.state = 'condemned' AND (:before IS NULL OR b.condemned_at <= :before)
 ORDER BY b.condemned_at, b.id
 LIMIT :limit

-- measure_condemned --
-- Uses blob_condemned_idx.
SELECT count(*), coalesce(sum(size), 0), min(condemned_at) FROM blob WHERE state = 'condemned'

-- list_garbage --
SELECT digest, generation, size, tier FROM garbage
 WHERE not_before IS NULL OR not_before <= :at
 ORDER BY digest, generation LIMIT :limit

-- list_places_left --
SELECT generation, size, tier FROM garbage WHERE digest = :digest ORDER BY generation DESC

-- measure_garbage --
SELECT count(*), coalesce(sum(size), 0) FROM garbage

-- known_generations --
-- What the catalog says of bytes that are in the blob store: the generation that it would read.
SELECT b.digest, b.generation, b.state, b.size, b.tier FROM blob b WHERE b.digest IN (SELECT value FROM json_each(:digests))

-- last_membership --
SELECT coalesce(max(id), 0) FROM membership

-- list_loose --
-- Of a stretch of memberships, those of blobs that no artifact of their package links, and that are not young.
-- A blob has few links, or is in many packages: of one that has many it is asked what else the package has, because who
-- links it there may come late among all who do. Uses membership_open_idx, membership_artifact_idx, link_target_idx and the
-- key of link: `+ 0` keeps databases from reading all who link it once more for each package. What the few that are found
-- are called is looked up of these alone; of tables that are joined PostgreSQL would read all of blob for each stretch. And the
-- stretch is read first, by itself: else PostgreSQL reads all of membership_open_idx each time, to spare itself a third of it.
WITH stretch AS MATERIALIZED (
    SELECT package_id, blob_id, role, from_position, until_position FROM membership WHERE id > :after AND id <= :upto
)
SELECT (SELECT n.name FROM package p JOIN namespace n ON n.id = p.namespace_id WHERE p.id = m.package_id),
       (SELECT p.format FROM package p WHERE p.id = m.package_id),
       (SELECT p.name FROM package p WHERE p.id = m.package_id),
       (SELECT b.digest FROM blob b WHERE b.id = m.blob_id),
       (SELECT b.size FROM blob b WHERE b.id = m.blob_id)
  FROM stretch m
 WHERE m.until_position IS NULL AND m.role = 'blob' AND m.from_position <= :until
   AND NOT EXISTS (
        SELECT 1 FROM (SELECT l.artifact_id FROM link l WHERE l.target_id = m.blob_id LIMIT 100) few
         CROSS JOIN membership h ON h.package_id = m.package_id AND h.blob_id = few.artifact_id AND h.role = 'artifact'
                                AND h.until_position IS NULL)
   AND NOT (EXISTS (SELECT 1 FROM link l WHERE l.target_id = m.blob_id LIMIT 1 OFFSET 100)
        AND EXISTS (
            SELECT 1 FROM membership h
             CROSS JOIN link l ON l.artifact_id = h.blob_id AND l.target_id + 0 = m.blob_id
             WHERE h.package_id = m.package_id AND h.role = 'artifact' AND h.until_position IS NULL))
 ORDER BY m.package_id

-- position_at --
-- Where the journal stood at a time, found by halves: there is no index of times, and they go up.
WITH RECURSIVE half (low, high) AS (
    SELECT CAST(0 AS BIGINT), (SELECT coalesce(max(position), 0) FROM event)
    UNION ALL
    SELECT CASE WHEN e.at <= :time THEN e.position ELSE half.low END,
           CASE WHEN e.at <= :time THEN half.high ELSE e.position - 1 END
      FROM half JOIN event e ON e.position = (half.low + half.high + 1) / 2
     WHERE half.low < half.high
)
SELECT min(high) FROM half

-- condemn --
-- Uses membership_blob_idx.
UPDATE blob SET state = 'condemned', condemned_at = :now
 WHERE digest = :digest AND state IN ('present', 'damaged')
   AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.blob_id = blob.id AND m.until_position IS NULL)

-- give_up --
-- From here on the bytes are not found under this name and generation, whoever still means to keep them there.
UPDATE blob
   SET state = 'absent', condemned_at = NULL, tier = 'hot',
       generation = CASE WHEN reserved > generation THEN reserved ELSE generation END + 1
 WHERE digest = :digest AND state = 'condemned' AND condemned_at <= :before
   AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.blob_id = blob.id AND m.until_position IS NULL)
   AND NOT EXISTS (SELECT 1 FROM collection_pause p WHERE p.until > :now)

-- pause --
INSERT INTO collection_pause (holder, until) VALUES (:holder, :until)
ON CONFLICT (holder) DO UPDATE SET until = excluded.until

-- find_pause --
SELECT 1 FROM collection_pause WHERE holder = :holder AND until > :now

-- resume --
DELETE FROM collection_pause WHERE :holder IS NULL OR holder = :holder

-- give_up_content --
DELETE FROM content WHERE blob_id = :blob

-- forget_garbage --
DELETE FROM garbage WHERE digest = :digest AND generation = :generation

-- disown --
-- Bytes that came without their row: whoever brought them may not count on them any more. Never what is in use.
INSERT INTO blob (digest, size, state, generation) VALUES (:digest, :size, 'absent', :generation + 1)
ON CONFLICT (digest) DO UPDATE
   SET generation = CASE WHEN blob.reserved > :generation THEN blob.reserved ELSE :generation END + 1
 WHERE blob.state = 'absent' AND blob.generation <= :generation

-- explain --
-- Every package that has some bytes, as what, and since when. Uses membership_blob_idx.
SELECT n.name, p.format, p.name, m.role, m.from_position
  FROM blob b
  JOIN membership m ON m.blob_id = b.id AND m.until_position IS NULL
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
 WHERE b.digest = :digest
 ORDER BY m.id
 LIMIT :limit

-- find_state --
SELECT b.state, b.size, b.generation, b.condemned_at, b.tier,
       EXISTS (SELECT 1 FROM erased_blob e WHERE e.blob_id = b.id AND e.lifted_position IS NULL)
  FROM blob b WHERE b.digest = :digest

-- holders --
-- The artifacts of a package that link some bytes. Uses link_target_idx and membership_open_idx.
SELECT h.digest
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
  JOIN link l ON l.target_id = b.id
  JOIN membership m ON m.package_id = p.id AND m.blob_id = l.artifact_id AND m.role = 'artifact'
                   AND m.until_position IS NULL
  JOIN blob h ON h.id = l.artifact_id
 WHERE n.name = :namespace
 ORDER BY m.id
 LIMIT :limit

-- names --
-- What means an artifact in a package. Uses reference_artifact_idx.
SELECT r.name
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
  JOIN reference r ON r.blob_id = b.id AND r.package_id = p.id AND r.until_position IS NULL
 WHERE n.name = :namespace
 ORDER BY r.name
 LIMIT :limit
