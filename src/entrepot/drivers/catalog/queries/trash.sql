-- What was deleted and can be had back.

-- list_trash --
-- Uses membership_closed_idx, and membership_open_idx for what is there again.
SELECT n.name, p.format, p.name, b.digest, m.until_position, e.at, e.actor, b.condemned_at,
       (SELECT json_group_array(r.name) FROM (
            SELECT r.name FROM reference r
             WHERE r.package_id = m.package_id AND r.blob_id = m.blob_id AND r.until_position = m.until_position
             ORDER BY r.name) r)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND (:package IS NULL OR (p.format = :format AND p.name = :package))
  JOIN membership m ON m.package_id = p.id AND m.role = 'artifact'
                   AND m.until_position IS NOT NULL AND (CAST(:before AS BIGINT) IS NULL OR m.until_position < :before)
  JOIN blob b ON b.id = m.blob_id AND b.state IN ('present', 'condemned')
  JOIN event e ON e.position = m.until_position
   -- What left with another comes back with it.
   AND coalesce(json_extract(CAST(e.content AS TEXT), '$.digest'), b.digest) = b.digest
 WHERE n.name = :namespace
   AND NOT EXISTS (
        SELECT 1 FROM membership o
         WHERE o.package_id = m.package_id AND o.blob_id = m.blob_id AND o.role = 'artifact'
           AND (o.until_position IS NULL OR o.until_position > m.until_position))
   AND NOT EXISTS (
        SELECT 1 FROM purge g
         WHERE g.package_id = m.package_id AND g.blob_id = m.blob_id AND g.position > m.until_position)
 ORDER BY m.until_position DESC, m.id DESC
 LIMIT :limit

-- list_trash [postgresql] --
SELECT n.name, p.format, p.name, b.digest, m.until_position, e.at, e.actor, b.condemned_at,
       (SELECT json_group_array(r.name) FROM (
            SELECT r.name FROM reference r
             WHERE r.package_id = m.package_id AND r.blob_id = m.blob_id AND r.until_position = m.until_position
             ORDER BY r.name) r)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND (:package IS NULL OR (p.format = :format AND p.name = :package))
  JOIN membership m ON m.package_id = p.id AND m.role = 'artifact'
                   AND m.until_position IS NOT NULL AND (CAST(:before AS BIGINT) IS NULL OR m.until_position < :before)
  JOIN blob b ON b.id = m.blob_id AND b.state IN ('present', 'condemned')
  JOIN event e ON e.position = m.until_position
   -- What left with another comes back with it.
   AND coalesce(read_json(e.content) ->> 'digest', b.digest) = b.digest
 WHERE n.name = :namespace
   AND NOT EXISTS (
        SELECT 1 FROM membership o
         WHERE o.package_id = m.package_id AND o.blob_id = m.blob_id AND o.role = 'artifact'
           AND (o.until_position IS NULL OR o.until_position > m.until_position))
   AND NOT EXISTS (
        SELECT 1 FROM purge g
         WHERE g.package_id = m.package_id AND g.blob_id = m.blob_id AND g.position > m.until_position)
 ORDER BY m.until_position DESC, m.id DESC
 LIMIT :limit

-- find_last --
-- Uses reference_history_idx.
SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
  FROM reference r JOIN blob b ON b.id = r.blob_id
 WHERE r.package_id = :package AND r.name = :name
 ORDER BY r.until_position IS NOT NULL, r.from_position DESC, r.id DESC
 LIMIT 1

-- names_when_it_left --
-- A version's name is never a tag's (I4), also one that was a tag then.
-- Uses membership_closed_idx, reference_open_idx and reference_history_idx.
SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
  FROM reference r JOIN blob b ON b.id = r.blob_id
 WHERE r.package_id = :package AND r.blob_id = :blob
   AND r.until_position = (
        SELECT max(m.until_position) FROM membership m
         WHERE m.package_id = :package AND m.blob_id = :blob AND m.role = 'artifact')
   AND NOT EXISTS (
        SELECT 1 FROM reference o WHERE o.package_id = :package AND o.name = r.name AND o.until_position IS NULL)
   AND (r.kind = 'version' OR NOT EXISTS (
        SELECT 1 FROM reference v
         WHERE v.package_id = :package AND v.name = r.name AND v.until_position IS NOT NULL AND v.kind = 'version'))
 ORDER BY r.name

-- companions --
-- Uses membership_closed_idx.
SELECT b.digest
  FROM membership m JOIN blob b ON b.id = m.blob_id
 WHERE m.package_id = :package AND m.role = 'artifact' AND m.blob_id <> :blob
   AND m.until_position = (
        SELECT max(x.until_position) FROM membership x
         WHERE x.package_id = :package AND x.blob_id = :blob AND x.role = 'artifact')
 ORDER BY m.id

-- missing_within --
WITH RECURSIVE within (id, nested) AS (
    SELECT CAST(:blob AS BIGINT), TRUE
    UNION
    SELECT l.target_id, l.kind = 'manifest' FROM within JOIN link l ON l.artifact_id = within.id
     WHERE within.nested AND l.required
)
SELECT DISTINCT b.digest FROM within JOIN blob b ON b.id = within.id WHERE b.state NOT IN ('present', 'condemned')

-- within --
-- An artifact and what it contains, the innermost first; each with whether it is needed as an artifact.
WITH RECURSIVE within (id, nested, depth) AS (
    SELECT CAST(:blob AS BIGINT), TRUE, 0
    UNION
    SELECT l.target_id, l.kind = 'manifest', within.depth + 1 FROM within JOIN link l ON l.artifact_id = within.id
     WHERE within.nested AND l.required AND within.depth < 16
)
SELECT w.id, b.digest, w.nested, max(w.depth)
  FROM within w JOIN blob b ON b.id = w.id
 GROUP BY w.id, b.digest, w.nested
 ORDER BY max(w.depth) DESC, w.id

-- revive --
UPDATE blob SET state = 'present', condemned_at = NULL WHERE id = :blob AND state = 'condemned'

-- was_there --
-- Uses membership_closed_idx.
SELECT 1 FROM membership WHERE package_id = :package AND blob_id = :blob AND role = 'artifact'

-- describe --
SELECT a.media_type, a.artifact_type, s.digest
  FROM blob b JOIN artifact a ON a.blob_id = b.id LEFT JOIN blob s ON s.id = a.subject_id
 WHERE b.digest = :digest

-- is_purged --
-- Uses membership_closed_idx.
SELECT 1 FROM purge g
 WHERE g.package_id = :package AND g.blob_id = :blob
   AND g.position > (SELECT max(m.until_position) FROM membership m
                      WHERE m.package_id = :package AND m.blob_id = :blob AND m.role = 'artifact')

-- purge --
INSERT INTO purge (package_id, blob_id, position) VALUES (:package, :blob, :position)
    ON CONFLICT (package_id, blob_id) DO UPDATE SET position = excluded.position

-- is_needed --
-- Whether some bytes are in a package, or may come back to one: by themselves, or with an artifact that links them, or
-- with an index that contains that one, which left and was not purged since. Uses membership_blob_idx and link_target_idx.
WITH RECURSIVE holder (id) AS (
    SELECT CAST(:blob AS BIGINT)
    UNION
    SELECT l.artifact_id FROM holder h JOIN link l ON l.target_id = h.id AND (h.id = :blob OR l.kind = 'manifest')
)
SELECT 1
  FROM holder h
  JOIN blob b ON b.id = h.id AND b.state IN ('present', 'condemned')
  JOIN membership m ON m.blob_id = h.id AND (m.role = 'artifact' OR m.until_position IS NULL)
 WHERE m.until_position IS NULL
    OR NOT EXISTS (
        SELECT 1 FROM purge g
         WHERE g.package_id = m.package_id AND g.blob_id = m.blob_id AND g.position >= m.until_position)
 LIMIT 1

-- list_content --
-- What an artifact links, with whether as an artifact.
SELECT DISTINCT b.digest, b.size, l.kind = 'manifest'
  FROM link l JOIN blob b ON b.id = l.target_id
 WHERE l.artifact_id = :blob AND b.state IN ('present', 'condemned')
