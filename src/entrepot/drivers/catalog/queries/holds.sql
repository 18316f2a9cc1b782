-- Leases and holds.

-- open_hold --
INSERT INTO hold (id, package_id, blob_id, kind, holder, reason, actor, expires_at, from_position)
VALUES (:id, :package, :blob, :kind, :holder, :reason, :actor, :expires_at, :position)

-- renew_lease --
UPDATE hold SET expires_at = :expires_at WHERE id = :id AND until_position IS NULL

-- close_hold --
UPDATE hold SET until_position = :position WHERE id = :id AND until_position IS NULL

-- find_hold --
SELECT h.id, n.name, p.format, p.name, b.digest, h.kind, h.holder, h.reason, h.actor, h.expires_at, h.from_position,
       h.until_position, (SELECT e.at FROM event e WHERE e.position = h.from_position),
       (SELECT e.at FROM event e WHERE e.position = h.until_position)
  FROM hold h
  JOIN package p ON p.id = h.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = h.blob_id
 WHERE h.id = :id

-- list_holds --
-- Those that protect at :now, or without it all that ever were. Uses hold_history_idx.
SELECT h.id, n.name, p.format, p.name, b.digest, h.kind, h.holder, h.reason, h.actor, h.expires_at, h.from_position,
       h.until_position, (SELECT e.at FROM event e WHERE e.position = h.from_position),
       (SELECT e.at FROM event e WHERE e.position = h.until_position)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND (:package IS NULL OR (p.format = :format AND p.name = :package))
  JOIN hold h ON h.package_id = p.id AND h.from_position > :after
  JOIN blob b ON b.id = h.blob_id
 WHERE n.name = :namespace
   AND (h.kind = 'lease') = :leases
   AND (:digest IS NULL OR b.digest = :digest)
   AND (:now IS NULL OR (h.until_position IS NULL AND (h.expires_at IS NULL OR h.expires_at > :now)))
 ORDER BY h.from_position
 LIMIT :limit

-- list_expired --
-- Uses hold_expiry_idx.
SELECT h.id, n.name, p.format, p.name, b.digest, h.kind, h.holder, h.reason, h.actor, h.expires_at, h.from_position,
       h.until_position, (SELECT e.at FROM event e WHERE e.position = h.from_position), NULL
  FROM hold h
  JOIN package p ON p.id = h.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = h.blob_id
 WHERE h.until_position IS NULL AND h.expires_at IS NOT NULL AND h.expires_at <= :now
 ORDER BY h.expires_at
 LIMIT :limit

-- count_on_artifact --
-- Uses hold_open_idx.
SELECT count(*) FROM hold
 WHERE package_id = :package AND blob_id = :blob AND until_position IS NULL
   AND (expires_at IS NULL OR expires_at > :now)

-- count_in_namespace --
-- Uses hold_open_idx, once for each package.
SELECT count(*)
  FROM package q
  JOIN package p ON p.namespace_id = q.namespace_id
  JOIN hold h ON h.package_id = p.id AND h.until_position IS NULL AND (h.expires_at IS NULL OR h.expires_at > :now)
 WHERE q.id = :package
