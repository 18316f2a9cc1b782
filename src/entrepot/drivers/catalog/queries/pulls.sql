-- What was pulled.

-- find_pull --
SELECT u.at, u.actor, u.days
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
  JOIN pull u ON u.package_id = p.id AND u.blob_id = b.id
 WHERE n.name = :namespace

-- find_start --
SELECT at FROM pull_start

-- meant --
-- The artifacts of a package that a pull of some bytes is a use of: they themselves, and what links them.
-- Uses membership_open_idx and link_target_idx.
SELECT m.blob_id
  FROM membership m
 WHERE m.package_id = :package AND m.blob_id = :blob AND m.role = 'artifact' AND m.until_position IS NULL
UNION
SELECT m.blob_id
  FROM link l
  JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.role = 'artifact'
                   AND m.until_position IS NULL
 WHERE l.target_id = :blob
 LIMIT :limit

-- last_pull --
SELECT at, days FROM pull WHERE package_id = :package AND blob_id = :blob

-- keep_pull --
INSERT INTO pull (package_id, blob_id, at, actor, days) VALUES (:package, :blob, :at, :actor, :days)
ON CONFLICT (package_id, blob_id) DO UPDATE SET at = excluded.at, actor = excluded.actor, days = excluded.days
