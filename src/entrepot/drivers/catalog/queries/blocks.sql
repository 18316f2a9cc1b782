-- What is kept and not served.

-- find_block --
-- Uses block_open_idx.
SELECT k.id, n.name, p.format, p.name, b.digest, k.kind, k.reason, k.actor, k.policy, k.from_position,
       k.until_position, (SELECT e.at FROM event e WHERE e.position = k.from_position)
  FROM block k
  JOIN package p ON p.id = k.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = k.blob_id
 WHERE k.package_id = :package AND k.blob_id = :blob AND k.until_position IS NULL

-- any_block --
-- Uses block_open_idx.
SELECT 1 FROM block WHERE package_id = :package AND until_position IS NULL LIMIT 1

-- block_above --
-- The open block on an artifact, or on an index that contains it. Uses link_target_idx and block_open_idx.
WITH RECURSIVE above (id, height) AS (
    SELECT CAST(:blob AS BIGINT), 0
    UNION
    SELECT l.artifact_id, above.height + 1 FROM above JOIN link l ON l.target_id = above.id AND l.kind = 'manifest'
     WHERE above.height < 8
)
SELECT k.id, n.name, p.format, p.name, b.digest, k.kind, k.reason, k.actor, k.policy, k.from_position,
       k.until_position, (SELECT e.at FROM event e WHERE e.position = k.from_position)
  FROM above
 CROSS JOIN block k ON k.package_id = :package AND k.blob_id = above.id AND k.until_position IS NULL
  JOIN package p ON p.id = k.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = k.blob_id
 WHERE :final IS NULL OR k.kind <> 'awaiting'
 ORDER BY above.height
 LIMIT 1

-- block_on_holder --
-- The open block on an artifact that links a blob. Uses block_open_idx.
SELECT k.id, n.name, p.format, p.name, b.digest, k.kind, k.reason, k.actor, k.policy, k.from_position,
       k.until_position, (SELECT e.at FROM event e WHERE e.position = k.from_position)
  FROM block k
  JOIN package p ON p.id = k.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = k.blob_id
 WHERE k.package_id = :package AND k.until_position IS NULL
   AND EXISTS (
        WITH RECURSIVE within (id) AS (
            SELECT k.blob_id
            UNION
            SELECT l.target_id FROM within JOIN link l ON l.artifact_id = within.id AND l.kind = 'manifest')
        SELECT 1 FROM within JOIN link l ON l.artifact_id = within.id AND l.target_id = :blob)
 ORDER BY k.kind, k.from_position
 LIMIT 1

-- block_on_successor --
-- The open block on what a version has grown into that once meant an artifact. Uses block_open_idx,
-- reference_artifact_idx and reference_history_idx.
SELECT k.id, n.name, p.format, p.name, b.digest, k.kind, k.reason, k.actor, k.policy, k.from_position,
       k.until_position, (SELECT e.at FROM event e WHERE e.position = k.from_position)
  FROM block k
  JOIN package p ON p.id = k.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = k.blob_id
  JOIN reference new ON new.package_id = k.package_id AND new.blob_id = k.blob_id AND new.until_position IS NULL
  JOIN reference old ON old.package_id = k.package_id AND old.name = new.name AND old.blob_id = :blob
 WHERE k.package_id = :package AND k.until_position IS NULL AND new.kind = 'version'
 LIMIT 1

-- block_on_file --
-- The final block on an artifact that has one of these files, unless something that may be read has it, too.
SELECT k.id, n.name, p.format, p.name, b.digest, k.kind, k.reason, k.actor, k.policy, k.from_position,
       k.until_position, (SELECT e.at FROM event e WHERE e.position = k.from_position)
  FROM block k
  JOIN package p ON p.id = k.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = k.blob_id
  JOIN link l ON l.artifact_id = k.blob_id AND l.kind = 'layer'
  JOIN blob f ON f.id = l.target_id
 WHERE k.package_id = :package AND k.until_position IS NULL AND k.kind <> 'awaiting'
   AND f.digest IN (SELECT value FROM json_each(:digests))
   AND NOT EXISTS (
        SELECT 1 FROM membership m JOIN link x ON x.artifact_id = m.blob_id AND x.target_id = f.id
         WHERE m.package_id = :package AND m.role = 'artifact' AND m.until_position IS NULL AND NOT m.barred)
 LIMIT 1

-- list_blocks --
-- Uses block_history_idx.
SELECT k.id, n.name, p.format, p.name, b.digest, k.kind, k.reason, k.actor, k.policy, k.from_position,
       k.until_position, (SELECT e.at FROM event e WHERE e.position = k.from_position)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND (:package IS NULL OR (p.format = :format AND p.name = :package))
  JOIN block k ON k.package_id = p.id AND (:history OR k.until_position IS NULL) AND k.from_position > :after
  JOIN blob b ON b.id = k.blob_id
 WHERE n.name = :namespace
 ORDER BY k.from_position, k.id
 LIMIT :limit

-- list_awaiting --
-- Uses block_awaiting_idx.
SELECT k.id, n.name, p.format, p.name, b.digest, k.kind, k.reason, k.actor, k.policy, k.from_position,
       k.until_position, (SELECT e.at FROM event e WHERE e.position = k.from_position)
  FROM block k
  JOIN package p ON p.id = k.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = k.blob_id
 WHERE k.until_position IS NULL AND k.kind = 'awaiting' AND (CAST(:before AS BIGINT) IS NULL OR k.from_position < :before)
 ORDER BY k.from_position DESC, k.id
 LIMIT :limit

-- list_awaiting_of --
-- Uses block_history_idx.
SELECT k.id, n.name, p.format, p.name, b.digest, k.kind, k.reason, k.actor, k.policy, k.from_position,
       k.until_position, (SELECT e.at FROM event e WHERE e.position = k.from_position)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN block k ON k.package_id = p.id AND k.until_position IS NULL AND k.kind = 'awaiting'
       AND (CAST(:before AS BIGINT) IS NULL OR k.from_position < :before)
  JOIN blob b ON b.id = k.blob_id
 WHERE n.name = :namespace
 ORDER BY k.from_position DESC, k.id
 LIMIT :limit

-- open_block --
INSERT INTO block (id, package_id, blob_id, kind, reason, policy, actor, from_position)
VALUES (:id, :package, :blob, :kind, :reason, :policy, :actor, :position)

-- close_block --
UPDATE block SET until_position = :position
 WHERE package_id = :package AND blob_id = :blob AND until_position IS NULL

-- admit --
-- Uses block_open_idx.
UPDATE block SET until_position = :position
 WHERE package_id = :package AND blob_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:blobs))
   AND until_position IS NULL AND kind = 'awaiting'

-- around --
-- An artifact, what it is about, and what contains these: as far as they are in the package and stand for themselves,
-- because they have a name or nothing else contains them. Uses link_target_idx and membership_open_idx.
WITH RECURSIVE around (id) AS (
    SELECT b.id FROM blob b WHERE b.digest = :digest
    UNION
    SELECT a.subject_id FROM around JOIN artifact a ON a.blob_id = around.id WHERE a.subject_id IS NOT NULL
    UNION
    SELECT l.artifact_id FROM around JOIN link l ON l.target_id = around.id AND l.kind = 'manifest'
)
SELECT b.digest
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  CROSS JOIN around
  JOIN membership m ON m.package_id = p.id AND m.blob_id = around.id AND m.role = 'artifact' AND m.until_position IS NULL
  JOIN blob b ON b.id = around.id
 WHERE n.name = :namespace
   AND (EXISTS (SELECT 1 FROM reference r WHERE r.package_id = p.id AND r.blob_id = m.blob_id AND r.until_position IS NULL)
        OR NOT EXISTS (
            SELECT 1 FROM link l JOIN membership c ON c.package_id = p.id AND c.blob_id = l.artifact_id
                 AND c.role = 'artifact' AND c.until_position IS NULL
             WHERE l.target_id = m.blob_id AND l.kind = 'manifest'))
 ORDER BY m.from_position, m.id

-- around [postgresql] --
WITH RECURSIVE around (id) AS (
    SELECT b.id FROM blob b WHERE b.digest = :digest
    UNION
    SELECT next.id FROM around CROSS JOIN LATERAL (
        SELECT a.subject_id AS id FROM artifact a WHERE a.blob_id = around.id AND a.subject_id IS NOT NULL
        UNION ALL
        SELECT l.artifact_id FROM link l WHERE l.target_id = around.id AND l.kind = 'manifest') next
)
SELECT b.digest
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  CROSS JOIN around
  JOIN membership m ON m.package_id = p.id AND m.blob_id = around.id AND m.role = 'artifact' AND m.until_position IS NULL
  JOIN blob b ON b.id = around.id
 WHERE n.name = :namespace
   AND (EXISTS (SELECT 1 FROM reference r WHERE r.package_id = p.id AND r.blob_id = m.blob_id AND r.until_position IS NULL)
        OR NOT EXISTS (
            SELECT 1 FROM link l JOIN membership c ON c.package_id = p.id AND c.blob_id = l.artifact_id
                 AND c.role = 'artifact' AND c.until_position IS NULL
             WHERE l.target_id = m.blob_id AND l.kind = 'manifest'))
 ORDER BY m.from_position, m.id

-- grown_from --
-- What the versions that mean an artifact meant before, and nothing means now. Uses reference_artifact_idx and
-- reference_history_idx.
SELECT DISTINCT old.blob_id
  FROM reference new
  JOIN reference old ON old.package_id = new.package_id AND old.name = new.name AND old.kind = 'version'
       AND old.until_position IS NOT NULL
 WHERE new.package_id = :package AND new.blob_id = :blob AND new.kind = 'version' AND new.until_position IS NULL
   AND NOT EXISTS (
        SELECT 1 FROM reference r
         WHERE r.package_id = :package AND r.blob_id = old.blob_id AND r.until_position IS NULL)

-- within --
-- These artifacts, and all artifacts that they contain.
WITH RECURSIVE within (id) AS (
    SELECT CAST(value AS BIGINT) FROM json_each(:blobs)
    UNION
    SELECT l.target_id FROM within JOIN link l ON l.artifact_id = within.id AND l.kind = 'manifest'
)
SELECT id FROM within

-- containers --
-- The artifacts of a package that contain one of these, each with whether it is barred. Uses link_target_idx.
SELECT l.target_id, l.artifact_id, m.barred
  FROM json_each(:blobs) w
 CROSS JOIN link l ON l.target_id = CAST(w.value AS BIGINT) AND l.kind = 'manifest'
 CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.role = 'artifact'
       AND m.until_position IS NULL

-- blocked_among --
-- Uses block_open_idx.
SELECT k.blob_id FROM json_each(:blobs) w
 CROSS JOIN block k ON k.package_id = :package AND k.blob_id = CAST(w.value AS BIGINT) AND k.until_position IS NULL

-- bar_artifacts --
UPDATE membership SET barred = :barred
 WHERE package_id = :package AND blob_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:blobs))
   AND until_position IS NULL AND barred <> :barred

-- bar_blobs --
-- What these artifacts link is barred when what is barred links it, and nothing that may be read. (What is as small as the empty
-- configuration tells nobody anything, and is everywhere.)
UPDATE membership SET barred = NOT EXISTS (
        SELECT 1 FROM link l
          JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.role = 'artifact'
               AND m.until_position IS NULL AND NOT m.barred
         WHERE l.target_id = membership.blob_id AND l.kind <> 'manifest')
       AND (EXISTS (
            SELECT 1 FROM json_each(:barred) w JOIN link l ON l.artifact_id = CAST(w.value AS BIGINT)
             WHERE l.target_id = membership.blob_id)
        OR EXISTS (
            SELECT 1 FROM link l
              JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.until_position IS NULL
                   AND m.barred
             WHERE l.target_id = membership.blob_id))
 WHERE package_id = :package AND role = 'blob' AND until_position IS NULL
   AND blob_id IN (
        SELECT l.target_id FROM json_each(:blobs) w
         CROSS JOIN link l ON l.artifact_id = CAST(w.value AS BIGINT) AND l.kind <> 'manifest'
          JOIN blob b ON b.id = l.target_id AND b.size > 2)

-- ids --
SELECT p.id, b.id
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
 WHERE n.name = :namespace
