-- The hot path: what a pull asks, one statement each.

-- find_artifact_by_name --
-- Uses reference_open_idx, membership_open_idx, and clearance_open_idx when the view is a channel's.
SELECT b.digest, a.media_type, c.bytes, n.public, r.sealed, r.yanked, r.deprecated
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN reference r ON r.package_id = p.id AND r.name = :name AND r.until_position IS NULL
  JOIN membership m ON m.package_id = p.id AND m.blob_id = r.blob_id AND m.role = 'artifact' AND m.until_position IS NULL
       AND (:barred OR NOT m.barred)
  JOIN blob b ON b.id = r.blob_id AND b.state = 'present'
  JOIN artifact a ON a.blob_id = b.id
  JOIN content c ON c.blob_id = b.id
 WHERE n.name = :namespace
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = b.id AND k.until_position IS NULL
           AND ch.namespace_id = n.id AND ch.name = :channel))

-- find_artifact_by_digest --
-- Uses membership_open_idx, and clearance_open_idx when the view is a channel's.
SELECT b.digest, a.media_type, c.bytes, n.public, 0, NULL, NULL
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest AND b.state = 'present'
  JOIN membership m ON m.package_id = p.id AND m.blob_id = b.id AND m.role = 'artifact' AND m.until_position IS NULL
       AND (:barred OR NOT m.barred)
  JOIN artifact a ON a.blob_id = b.id
  JOIN content c ON c.blob_id = b.id
 WHERE n.name = :namespace
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = b.id AND k.until_position IS NULL
           AND ch.namespace_id = n.id AND ch.name = :channel))

-- find_blob --
-- A blob through a channel's view is one that a cleared artifact links, or that is one. Uses membership_open_idx.
SELECT b.digest, b.size, c.bytes, n.public, b.generation, b.tier
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest AND b.state = 'present'
  LEFT JOIN content c ON c.blob_id = b.id
 WHERE n.name = :namespace
   AND EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = p.id AND m.blob_id = b.id AND m.until_position IS NULL AND (:barred OR NOT m.barred))
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.until_position IS NULL AND ch.namespace_id = n.id AND ch.name = :channel
           AND (k.blob_id = b.id
                OR (EXISTS (SELECT 1 FROM link l WHERE l.target_id = b.id AND l.artifact_id = k.blob_id)
                    AND EXISTS (
                        SELECT 1 FROM membership h
                         WHERE h.package_id = p.id AND h.blob_id = k.blob_id AND h.role = 'artifact'
                           AND h.until_position IS NULL AND (:barred OR NOT h.barred))))))

-- had_blob --
-- Uses membership_open_idx and membership_left_idx.
SELECT EXISTS (SELECT 1 FROM membership m WHERE m.package_id = p.id AND m.blob_id = b.id AND m.until_position IS NULL)
    OR EXISTS (SELECT 1 FROM membership m WHERE m.package_id = p.id AND m.blob_id = b.id AND m.until_position IS NOT NULL)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  LEFT JOIN blob b ON b.digest = :digest
 WHERE n.name = :namespace
