-- What protects an artifact.

-- ids --
SELECT p.id, b.id
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
 WHERE n.name = :namespace

-- ids_of_many --
SELECT p.id, b.id
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
 CROSS JOIN json_each(:digests) j
 CROSS JOIN blob b ON b.digest = j.value
 WHERE n.name = :namespace

-- above --
-- What artifacts are kept for: themselves; what contains them in the package; what they refer to there, or what links
-- that as a file; and what a version that means one now has meant before. Uses link_target_idx, membership_open_idx,
-- reference_artifact_idx and reference_history_idx.
WITH RECURSIVE above (id) AS (
    SELECT CAST(s.value AS BIGINT) FROM json_each(:seeds) s
    UNION
    SELECT l.artifact_id
      FROM above
     CROSS JOIN link l ON l.target_id = above.id AND l.kind = 'manifest'
     CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.role = 'artifact'
           AND m.until_position IS NULL
    UNION
    SELECT a.subject_id
      FROM above
     CROSS JOIN artifact a ON a.blob_id = above.id AND a.subject_id IS NOT NULL
     CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = a.subject_id AND m.role = 'artifact'
           AND m.until_position IS NULL
    UNION
    SELECT l.artifact_id
      FROM above
     CROSS JOIN artifact a ON a.blob_id = above.id AND a.subject_id IS NOT NULL
     CROSS JOIN link l ON l.target_id = a.subject_id AND l.kind = 'layer'
     CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.role = 'artifact'
           AND m.until_position IS NULL
    UNION
    SELECT old.blob_id
      FROM above
     CROSS JOIN reference now ON now.blob_id = above.id AND now.package_id = :package AND now.until_position IS NULL
           AND now.kind = 'version'
     CROSS JOIN reference old ON old.package_id = :package AND old.name = now.name AND old.kind = 'version'
)
SELECT id FROM above

-- above [postgresql] --
WITH RECURSIVE above (id) AS (
    SELECT CAST(s.value AS BIGINT) FROM json_each(:seeds) s
    UNION
    SELECT next.id FROM above CROSS JOIN LATERAL (
        SELECT l.artifact_id AS id
          FROM link l
          JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.role = 'artifact'
               AND m.until_position IS NULL
         WHERE l.target_id = above.id AND l.kind = 'manifest'
        UNION ALL
        SELECT a.subject_id
          FROM artifact a
          JOIN membership m ON m.package_id = :package AND m.blob_id = a.subject_id AND m.role = 'artifact'
               AND m.until_position IS NULL
         WHERE a.blob_id = above.id
        UNION ALL
        SELECT l.artifact_id
          FROM artifact a
          JOIN link l ON l.target_id = a.subject_id AND l.kind = 'layer'
          JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.role = 'artifact'
               AND m.until_position IS NULL
         WHERE a.blob_id = above.id
        UNION ALL
        SELECT old.blob_id
          FROM reference now
          JOIN reference old ON old.package_id = :package AND old.name = now.name AND old.kind = 'version'
         WHERE now.blob_id = above.id AND now.package_id = :package AND now.until_position IS NULL
           AND now.kind = 'version') next
)
SELECT id FROM above

-- protected [part] --
-- Whether anything in a package runs, ran, is leased or held. Uses hold_open_idx and deployment_artifact_idx.
EXISTS (SELECT 1 FROM hold h WHERE h.package_id = p.id AND h.until_position IS NULL)
    OR EXISTS (SELECT 1 FROM deployment d WHERE d.package_id = p.id)

-- any --
-- Whether anything is kept in the package at all.
SELECT {protected} FROM package p WHERE p.id = :package

-- survey --
-- A page of a namespace's packages in the order of their names: how much is in each, as far as that is few, and whether
-- anything there runs, ran, is leased or held. Walks the unique index of package; uses membership_artifact_idx.
SELECT p.id, p.format, p.name,
       (SELECT count(*) FROM (
            SELECT 1 FROM membership m
             WHERE m.package_id = p.id AND m.role = 'artifact' AND m.until_position IS NULL LIMIT :most) few),
       {protected}
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND (p.format, p.name) > (:after_format, :after_package)
 WHERE n.name = :namespace
 ORDER BY p.format, p.name
 LIMIT :limit

-- running --
-- Uses deployment_artifact_idx.
SELECT d.id, b.digest, d.actor, (SELECT e.at FROM event e WHERE e.position = d.from_position),
       n.name, l.environment, l.service, l.cluster, l.region
  FROM json_each(:blobs) j
 CROSS JOIN deployment d ON d.package_id = :package AND d.blob_id = CAST(j.value AS BIGINT) AND d.until_position IS NULL
  JOIN place l ON l.id = d.place_id
  JOIN namespace n ON n.id = l.namespace_id
  JOIN blob b ON b.id = d.blob_id
 ORDER BY d.id
 LIMIT :limit

-- rollbacks --
-- Where an artifact ran last is one of the last that ran there, as many as the namespace keeps: not counting what runs
-- there now, nor what is not in its package any more; and something runs there, or did not long ago.
-- Uses deployment_artifact_idx, deployment_open_idx, deployment_history_idx and membership_open_idx.
SELECT d.id, b.digest, d.actor, (SELECT e.at FROM event e WHERE e.position = d.from_position),
       n.name, l.environment, l.service, l.cluster, l.region,
       (SELECT e.at FROM event e WHERE e.position = d.until_position)
  FROM json_each(:blobs) j
 CROSS JOIN deployment d ON d.package_id = :package AND d.blob_id = CAST(j.value AS BIGINT) AND d.until_position IS NOT NULL
 CROSS JOIN place l ON l.id = d.place_id
 CROSS JOIN namespace n ON n.id = l.namespace_id
 CROSS JOIN blob b ON b.id = d.blob_id
 WHERE NOT EXISTS (
        SELECT 1 FROM deployment x
         WHERE x.place_id = d.place_id AND x.blob_id = d.blob_id AND x.package_id = d.package_id
           AND (x.until_position IS NULL OR x.until_position > d.until_position))
   AND EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = d.package_id AND m.blob_id = d.blob_id AND m.role = 'artifact' AND m.until_position IS NULL)
   AND coalesce(CAST(n.rules ->> 'rollbacks' AS BIGINT), :rollbacks) > (
        SELECT count(DISTINCT x.package_id || '/' || x.blob_id)
          FROM deployment x
         WHERE x.place_id = d.place_id AND x.until_position > d.until_position
           AND NOT EXISTS (
                SELECT 1 FROM deployment o
                 WHERE o.place_id = x.place_id AND o.until_position IS NULL AND o.blob_id = x.blob_id
                   AND o.package_id = x.package_id)
           AND EXISTS (
                SELECT 1 FROM membership m
                 WHERE m.package_id = x.package_id AND m.blob_id = x.blob_id AND m.role = 'artifact'
                   AND m.until_position IS NULL))
   AND (EXISTS (SELECT 1 FROM deployment o WHERE o.place_id = d.place_id AND o.until_position IS NULL)
        OR (SELECT e.at FROM event e
             WHERE e.position = (SELECT max(x.until_position) FROM deployment x WHERE x.place_id = d.place_id)) > :horizon)
 ORDER BY d.id DESC
 LIMIT :limit

-- hold --
-- Uses hold_open_idx.
SELECT h.id, b.digest, h.actor, (SELECT e.at FROM event e WHERE e.position = h.from_position),
       h.kind, h.holder, h.reason, h.expires_at
  FROM json_each(:blobs) j
 CROSS JOIN hold h ON h.package_id = :package AND h.blob_id = CAST(j.value AS BIGINT) AND h.until_position IS NULL
           AND h.kind <> 'lease'
  JOIN blob b ON b.id = h.blob_id
 ORDER BY h.from_position
 LIMIT 1

-- held --
-- Uses hold_open_idx.
SELECT h.id, b.digest, h.actor, (SELECT e.at FROM event e WHERE e.position = h.from_position),
       h.kind, h.holder, h.reason, h.expires_at
  FROM json_each(:blobs) j
 CROSS JOIN hold h ON h.package_id = :package AND h.blob_id = CAST(j.value AS BIGINT) AND h.until_position IS NULL
           AND (h.expires_at IS NULL OR h.expires_at > :now)
  JOIN blob b ON b.id = h.blob_id
 ORDER BY h.from_position
 LIMIT :limit
