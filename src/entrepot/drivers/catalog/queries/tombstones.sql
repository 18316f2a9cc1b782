-- What was deleted, and is not to come from upstreams again.

-- keep_tombstone --
-- Of what is hosted nothing comes from upstreams anyway.
INSERT INTO tombstone (package_id, target, position)
SELECT p.id, :target, :position FROM package p WHERE p.id = :package AND NOT p.hosted
    ON CONFLICT DO NOTHING

-- lift_tombstone --
DELETE FROM tombstone WHERE package_id = :package AND target = :target

-- has_tombstone --
SELECT 1 FROM tombstone WHERE package_id = :package AND target = :target

-- list_withheld --
-- Uses block_open_idx and reference_artifact_idx.
SELECT t.target
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN tombstone t ON t.package_id = p.id
 WHERE n.name = :namespace
UNION
SELECT r.name
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
 CROSS JOIN block k ON k.package_id = p.id AND k.until_position IS NULL
 CROSS JOIN reference r ON r.blob_id = k.blob_id AND r.package_id = p.id AND r.until_position IS NULL
       AND r.kind = 'version'
 WHERE n.name = :namespace

-- list_all_withheld --
-- From the tables that are small.
SELECT p.name, t.target
  FROM tombstone t
 CROSS JOIN package p ON p.id = t.package_id AND p.format = :format
 CROSS JOIN namespace n ON n.id = p.namespace_id AND n.name = :namespace
UNION
SELECT p.name, r.name
  FROM block k
 CROSS JOIN package p ON p.id = k.package_id AND p.format = :format
 CROSS JOIN namespace n ON n.id = p.namespace_id AND n.name = :namespace
 CROSS JOIN reference r ON r.blob_id = k.blob_id AND r.package_id = p.id AND r.until_position IS NULL
       AND r.kind = 'version'
 WHERE k.until_position IS NULL
