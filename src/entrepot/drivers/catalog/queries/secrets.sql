-- Secrets in what was published.

-- list_parts --
-- The bytes of an artifact and of all that it contains. Uses blob's and link's own keys.
WITH RECURSIVE within (id) AS (
    SELECT id FROM blob WHERE digest = :artifact
    UNION
    SELECT l.target_id FROM within JOIN link l ON l.artifact_id = within.id AND l.kind = 'manifest'
), part (id) AS (
    SELECT id FROM within
    UNION
    SELECT l.target_id FROM within JOIN link l ON l.artifact_id = within.id
)
SELECT b.digest, b.size, b.state = 'present', s.detector, s.found, s.unread, s.notes
  FROM part
  JOIN blob b ON b.id = part.id AND b.size >= :least
  LEFT JOIN secret_search s ON s.blob_id = b.id
 ORDER BY b.id

-- list_found --
-- Uses the same, and found_secret's own key.
WITH RECURSIVE within (id) AS (
    SELECT id FROM blob WHERE digest = :artifact
    UNION
    SELECT l.target_id FROM within JOIN link l ON l.artifact_id = within.id AND l.kind = 'manifest'
), part (id) AS (
    SELECT id FROM within
    UNION
    SELECT l.target_id FROM within JOIN link l ON l.artifact_id = within.id
)
SELECT b.digest, x.name, x.rule, x.path, x.line, x.excerpt, x.token_id
  FROM part
  JOIN found_secret x ON x.blob_id = part.id
  JOIN blob b ON b.id = part.id
 ORDER BY b.id, x.path, x.line, x.name

-- list_places --
-- The bytes in a namespace that have secrets. Uses secret_notice's and found_secret's own keys, membership_blob_idx, and
-- link_target_idx for what has them as a file.
SELECT p.id, b.id, p.format, p.name, b.digest,
       (SELECT json_group_array(DISTINCT r.name)
          FROM (SELECT b.id AS id UNION SELECT l.artifact_id FROM link l WHERE l.target_id = b.id) o
         CROSS JOIN reference r ON r.blob_id = o.id AND r.package_id = p.id AND r.until_position IS NULL),
       (SELECT json_group_array(json_array(x.name, x.rule, x.path, x.line, x.excerpt, x.token_id))
          FROM found_secret x WHERE x.blob_id = b.id)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id
  JOIN secret_notice t ON t.package_id = p.id
  JOIN blob b ON b.id = t.blob_id
 WHERE n.name = :namespace AND (p.id > :package OR (p.id = :package AND b.id > :blob))
   AND EXISTS (SELECT 1 FROM found_secret x WHERE x.blob_id = b.id)
   AND EXISTS (SELECT 1 FROM membership m
                WHERE m.package_id = p.id AND m.blob_id = b.id AND m.until_position IS NULL)
 ORDER BY p.id, b.id
 LIMIT :limit

-- list_outdated --
-- Uses secret_search_detector_idx and membership_blob_idx.
SELECT n.name, p.format, p.name, b.digest
  FROM secret_search s
  JOIN blob b ON b.id = s.blob_id AND b.state = 'present'
  JOIN membership m ON m.id = (
        SELECT min(o.id) FROM membership o WHERE o.blob_id = s.blob_id AND o.until_position IS NULL)
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
 WHERE s.detector < :detector
 LIMIT :limit

-- list_acceptances --
-- Uses secret_acceptance_open_idx.
SELECT a.name, a.reason, a.actor, a.expires_at, (SELECT e.at FROM event e WHERE e.position = a.from_position)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN secret_acceptance a ON a.package_id = p.id AND a.until_position IS NULL
 WHERE n.name = :namespace
 ORDER BY a.name

-- find_token --
-- Uses the key of the hashes.
SELECT id FROM token WHERE secret_hash = :hash

-- keep_searches --
-- Uses blob's own keys.
WITH s AS MATERIALIZED (SELECT value FROM json_each(:rows))
INSERT INTO secret_search (blob_id, detector, found, unread, notes)
SELECT b.id, CAST(s.value ->> 'detector' AS BIGINT), CAST(s.value ->> 'found' AS BIGINT),
       CAST(s.value ->> 'unread' AS BIGINT), s.value ->> 'notes'
  FROM s CROSS JOIN blob b ON b.digest = s.value ->> 'digest'
 WHERE TRUE
ON CONFLICT (blob_id) DO UPDATE
   SET detector = excluded.detector, found = excluded.found, unread = excluded.unread, notes = excluded.notes

-- forget_secrets --
-- Uses blob's and found_secret's own keys.
DELETE FROM found_secret
 WHERE blob_id IN (SELECT b.id FROM json_each(:rows) s CROSS JOIN blob b ON b.digest = s.value ->> 'digest')

-- add_secrets --
-- Uses blob's own key.
WITH r AS MATERIALIZED (SELECT value FROM json_each(:rows))
INSERT INTO found_secret (blob_id, name, path, rule, line, excerpt, token_id)
SELECT b.id, r.value ->> 'name', r.value ->> 'path', r.value ->> 'rule', CAST(r.value ->> 'line' AS BIGINT),
       r.value ->> 'excerpt', r.value ->> 'token'
  FROM r CROSS JOIN blob b ON b.digest = r.value ->> 'digest'
 WHERE TRUE
ON CONFLICT DO NOTHING

-- tell --
INSERT INTO secret_notice (package_id, blob_id, detector) VALUES (:package, :blob, :detector)
ON CONFLICT (package_id, blob_id) DO UPDATE SET detector = excluded.detector WHERE secret_notice.detector < excluded.detector

-- find_acceptance --
-- Uses secret_acceptance_open_idx.
SELECT reason, actor, expires_at FROM secret_acceptance
 WHERE package_id = :package AND name = :name AND until_position IS NULL

-- close_acceptance --
UPDATE secret_acceptance SET until_position = :position
 WHERE package_id = :package AND name = :name AND until_position IS NULL

-- open_acceptance --
INSERT INTO secret_acceptance (package_id, name, reason, actor, expires_at, from_position)
VALUES (:package, :name, :reason, :actor, :expires_at, :position)
