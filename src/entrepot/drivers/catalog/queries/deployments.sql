-- What runs where.

-- add_place --
INSERT INTO place (namespace_id, environment, service, cluster, region)
VALUES (:namespace, :environment, :service, :cluster, :region) ON CONFLICT DO NOTHING

-- place_id --
SELECT id FROM place
 WHERE namespace_id = :namespace AND environment = :environment AND service = :service AND cluster = :cluster
   AND region = :region

-- open_deployment --
INSERT INTO deployment (place_id, package_id, blob_id, version, particulars, actor, from_position, changed_position)
VALUES (:place, :package, :blob, :version, :particulars, :actor, :position, :position) RETURNING id

-- change_deployment --
UPDATE deployment SET version = :version, particulars = :particulars, changed_position = :position WHERE id = :id

-- close_deployment --
UPDATE deployment SET until_position = :position WHERE id = :id AND until_position IS NULL

-- find_open --
-- Uses deployment_open_idx.
SELECT d.id, n.name, l.environment, l.service, l.cluster, l.region, p.format, p.name, b.digest, d.version, d.particulars,
       d.actor, d.from_position, d.until_position, (SELECT e.at FROM event e WHERE e.position = d.from_position),
       NULL, (SELECT e.at FROM event e WHERE e.position = d.changed_position)
  FROM deployment d
  JOIN place l ON l.id = d.place_id
  JOIN namespace n ON n.id = l.namespace_id
  JOIN package p ON p.id = d.package_id
  JOIN blob b ON b.id = d.blob_id
 WHERE d.place_id = :place AND d.until_position IS NULL

-- find_last --
-- Uses deployment_history_idx.
SELECT d.id, n.name, l.environment, l.service, l.cluster, l.region, p.format, p.name, b.digest, d.version, d.particulars,
       d.actor, d.from_position, d.until_position, (SELECT e.at FROM event e WHERE e.position = d.from_position),
       (SELECT e.at FROM event e WHERE e.position = d.until_position),
       (SELECT e.at FROM event e WHERE e.position = d.changed_position)
  FROM deployment d
  JOIN place l ON l.id = d.place_id
  JOIN namespace n ON n.id = l.namespace_id
  JOIN package p ON p.id = d.package_id
  JOIN blob b ON b.id = d.blob_id
 WHERE d.place_id = :place AND d.blob_id = :blob
 ORDER BY d.id DESC LIMIT 1

-- find_by_name --
-- Uses deployment_name_idx.
SELECT d.id, n.name, l.environment, l.service, l.cluster, l.region, p.format, p.name, b.digest, d.version, d.particulars,
       d.actor, d.from_position, d.until_position, (SELECT e.at FROM event e WHERE e.position = d.from_position),
       NULL, (SELECT e.at FROM event e WHERE e.position = d.changed_position)
  FROM deployment d
  JOIN place l ON l.id = d.place_id
  JOIN namespace n ON n.id = l.namespace_id
  JOIN package p ON p.id = d.package_id
  JOIN blob b ON b.id = d.blob_id
 WHERE d.package_id = :package AND d.version = :name AND d.until_position IS NULL
 ORDER BY d.id LIMIT 1

-- list_deployments --
-- Uses the unique index of place, then deployment_open_idx or deployment_history_idx.
SELECT d.id, n.name, l.environment, l.service, l.cluster, l.region, p.format, p.name, b.digest, d.version, d.particulars,
       d.actor, d.from_position, d.until_position, (SELECT e.at FROM event e WHERE e.position = d.from_position),
       (SELECT e.at FROM event e WHERE e.position = d.until_position),
       (SELECT e.at FROM event e WHERE e.position = d.changed_position)
  FROM namespace n
  JOIN place l ON l.namespace_id = n.id
       AND (:environment IS NULL OR l.environment = :environment)
       AND (:service IS NULL OR l.service = :service)
       AND (:cluster IS NULL OR l.cluster = :cluster)
  JOIN deployment d ON d.place_id = l.id AND d.id > :after AND (:history OR d.until_position IS NULL)
  JOIN package p ON p.id = d.package_id AND (:package IS NULL OR (p.format = :format AND p.name = :package))
  JOIN blob b ON b.id = d.blob_id AND (:digest IS NULL OR b.digest = :digest)
 WHERE n.name = :namespace
 ORDER BY d.id
 LIMIT :limit

-- any_running --
-- Uses deployment_open_idx.
SELECT 1 FROM deployment WHERE until_position IS NULL LIMIT 1

-- list_running --
-- The deployments that last of artifacts, each [namespace, format, name, digest]. Uses deployment_artifact_idx.
SELECT d.id, n.name, l.environment, l.service, l.cluster, l.region, p.format, p.name, b.digest, d.version, d.particulars,
       d.actor, d.from_position, d.until_position, (SELECT e.at FROM event e WHERE e.position = d.from_position),
       NULL, (SELECT e.at FROM event e WHERE e.position = d.changed_position)
  FROM json_each(:artifacts) j
 CROSS JOIN blob b ON b.digest = j.value ->> 3
 CROSS JOIN namespace n ON n.name = j.value ->> 0
 CROSS JOIN package p ON p.namespace_id = n.id AND p.format = j.value ->> 1 AND p.name = j.value ->> 2
 CROSS JOIN deployment d ON d.package_id = p.id AND d.blob_id = b.id AND d.until_position IS NULL
 CROSS JOIN place l ON l.id = d.place_id
 ORDER BY l.environment, l.service, l.cluster, l.region

-- list_packages --
-- Uses membership_blob_idx.
SELECT n.name, p.format, p.name
  FROM blob b
 CROSS JOIN membership m ON m.blob_id = b.id AND m.role = 'artifact' AND m.until_position IS NULL
 CROSS JOIN package p ON p.id = m.package_id
 CROSS JOIN namespace n ON n.id = p.namespace_id AND n.name = :namespace
 WHERE b.digest = :digest
 ORDER BY p.format, p.name
 LIMIT :limit
