-- Where bytes lie, and how they come to lie elsewhere.

-- find_placement --
SELECT b.digest, b.size, b.state, b.tier, b.generation, x.blob_id IS NOT NULL, c.stored, c.recall, c.rule, c.at, m.tier
  FROM blob b
  LEFT JOIN content x ON x.blob_id = b.id
  LEFT JOIN cold_blob c ON c.blob_id = b.id
  LEFT JOIN blob_move m ON m.blob_id = b.id
 WHERE b.digest = :digest

-- measure --
-- What is hot is what is not: counting all rows is not for every question. Uses blob_cold_idx.
SELECT count(*), coalesce(sum(c.stored), 0), coalesce(sum(b.size), 0)
  FROM blob b JOIN cold_blob c ON c.blob_id = b.id
 WHERE b.tier = 'cold'

-- measure_hot --
SELECT count(*), coalesce(sum(b.size), 0)
  FROM blob b
 WHERE b.tier = 'hot' AND b.state IN ('present', 'damaged') AND NOT EXISTS (SELECT 1 FROM content c WHERE c.blob_id = b.id)

-- list_cold --
-- Uses blob_cold_idx and membership_blob_idx.
SELECT b.digest, b.size, b.state, b.tier, b.generation, 0, c.stored, c.recall, c.rule, c.at, m.tier
  FROM blob b
  JOIN cold_blob c ON c.blob_id = b.id
  LEFT JOIN blob_move m ON m.blob_id = b.id
 WHERE b.tier = 'cold' AND b.digest > :after
   AND (:namespace IS NULL OR EXISTS (
        SELECT 1 FROM membership x JOIN package p ON p.id = x.package_id JOIN namespace n ON n.id = p.namespace_id
         WHERE x.blob_id = b.id AND x.until_position IS NULL AND n.name = :namespace))
 ORDER BY b.digest
 LIMIT :limit

-- list_users --
-- Uses link_target_idx and membership_blob_idx.
SELECT n.name, p.format, p.name, h.digest
  FROM blob b
  JOIN link l ON l.target_id = b.id
  JOIN membership m ON m.blob_id = l.artifact_id AND m.role = 'artifact' AND m.until_position IS NULL
  JOIN membership o ON o.package_id = m.package_id AND o.blob_id = b.id AND o.until_position IS NULL
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob h ON h.id = m.blob_id
 WHERE b.digest = :digest
UNION
SELECT n.name, p.format, p.name, b.digest
  FROM blob b
  JOIN membership m ON m.blob_id = b.id AND m.role = 'artifact' AND m.until_position IS NULL
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
 WHERE b.digest = :digest
 LIMIT :limit

-- list_blobs --
-- Uses membership_open_idx.
SELECT b.digest, b.size, b.state, b.tier, b.generation, 0, c.stored, c.recall, c.rule, c.at, m.tier
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob a ON a.digest = :digest
  JOIN membership h ON h.package_id = p.id AND h.blob_id = a.id AND h.role = 'artifact' AND h.until_position IS NULL
  JOIN link l ON l.artifact_id = a.id AND l.kind <> 'manifest'
  JOIN blob b ON b.id = l.target_id AND b.state IN ('present', 'damaged')
  LEFT JOIN cold_blob c ON c.blob_id = b.id
  LEFT JOIN blob_move m ON m.blob_id = b.id
 WHERE n.name = :namespace AND NOT EXISTS (SELECT 1 FROM content x WHERE x.blob_id = b.id)
   AND EXISTS (SELECT 1 FROM membership o WHERE o.package_id = p.id AND o.blob_id = b.id AND o.until_position IS NULL)
 ORDER BY l.ordinal

-- find_tiering --
SELECT t.rules, t.stays, t.automatic FROM tiering t JOIN namespace n ON n.id = t.namespace_id WHERE n.name = :namespace

-- list_tiered --
SELECT n.name FROM tiering t JOIN namespace n ON n.id = t.namespace_id WHERE t.automatic ORDER BY n.name

-- set_tiering --
INSERT INTO tiering (namespace_id, rules, stays, automatic, actor, position)
VALUES (:namespace, :rules, :stays, :automatic, :actor, :position)
ON CONFLICT (namespace_id) DO UPDATE
   SET rules = excluded.rules, stays = excluded.stays, automatic = excluded.automatic, actor = excluded.actor,
       position = excluded.position
 WHERE tiering.rules <> excluded.rules OR tiering.stays <> excluded.stays OR tiering.automatic <> excluded.automatic

-- find_row --
SELECT id, size, state, tier, generation, reserved FROM blob WHERE digest = :digest

-- find_move --
SELECT tier, generation, renewed_at FROM blob_move WHERE blob_id = :blob

-- set_reserved --
UPDATE blob SET reserved = :generation WHERE id = :blob

-- begin_move --
INSERT INTO blob_move (blob_id, tier, generation, renewed_at) VALUES (:blob, :tier, :generation, :now)
ON CONFLICT (blob_id) DO UPDATE
   SET tier = excluded.tier, generation = excluded.generation, renewed_at = excluded.renewed_at

-- renew_move --
UPDATE blob_move SET renewed_at = :now
 WHERE generation = :generation AND blob_id = (SELECT id FROM blob WHERE digest = :digest)

-- end_move --
DELETE FROM blob_move WHERE blob_id = :blob

-- set_place --
UPDATE blob SET tier = :tier, generation = :generation WHERE id = :blob

-- keep_cold --
INSERT INTO cold_blob (blob_id, stored, recall, rule, at) VALUES (:blob, :stored, :recall, :rule, :now)
ON CONFLICT (blob_id) DO UPDATE
   SET stored = excluded.stored, recall = excluded.recall, rule = excluded.rule, at = excluded.at

-- forget_cold --
DELETE FROM cold_blob WHERE blob_id = :blob

-- add_garbage --
INSERT INTO garbage (digest, generation, size, tier, not_before) VALUES (:digest, :generation, :size, :tier, :not_before)
ON CONFLICT DO NOTHING
