-- What namespaces take up, and how much they may.

-- find_account --
SELECT n.name, a.blobs, a.bytes, a.unique_bytes, a.trash_bytes, a.versions, q.bytes, q.versions
  FROM namespace n
  JOIN account a ON a.namespace_id = n.id
  LEFT JOIN quota q ON q.namespace_id = n.id
 WHERE n.name = :namespace

-- list_largest --
-- Uses account_bytes_idx.
SELECT n.name, a.blobs, a.bytes, a.unique_bytes, a.trash_bytes, a.versions, q.bytes, q.versions
  FROM account a
  JOIN namespace n ON n.id = a.namespace_id
  LEFT JOIN quota q ON q.namespace_id = n.id
 ORDER BY a.bytes DESC, a.namespace_id
 LIMIT :limit

-- is_charged --
SELECT 1
  FROM namespace n JOIN blob b ON b.digest = :digest JOIN charge c ON c.namespace_id = n.id AND c.blob_id = b.id
 WHERE n.name = :namespace

-- measure_package --
-- Alone: what no other package of the namespace has. Uses membership_open_idx and charge_blob_idx.
SELECT count(*), coalesce(sum(h.size), 0),
       coalesce(sum(CASE WHEN h.times = (
            SELECT c.members FROM package p JOIN charge c ON c.namespace_id = p.namespace_id AND c.blob_id = h.id
             WHERE p.id = :package)
            THEN h.size ELSE 0 END), 0),
       (SELECT count(*) FROM reference r
         WHERE r.package_id = :package AND r.kind = 'version' AND r.until_position IS NULL)
  FROM (SELECT b.id, b.size, count(*) AS times
          FROM membership m JOIN blob b ON b.id = m.blob_id
         WHERE m.package_id = :package AND m.until_position IS NULL
         GROUP BY b.id, b.size) h

-- measure_cold --
SELECT coalesce(sum(c.size), 0), coalesce(sum(k.stored), 0)
  FROM namespace n
  JOIN charge c ON c.namespace_id = n.id
  JOIN cold_blob k ON k.blob_id = c.blob_id
 WHERE n.name = :namespace

-- list_samples --
SELECT s.day, s.bytes, s.unique_bytes, s.trash_bytes, s.versions
  FROM namespace n JOIN account_sample s ON s.namespace_id = n.id
 WHERE n.name = :namespace AND s.day >= :since
 ORDER BY s.day

-- set_quota --
INSERT INTO quota (namespace_id, bytes, versions) VALUES (:namespace, :bytes, :versions)
    ON CONFLICT (namespace_id) DO UPDATE SET bytes = excluded.bytes, versions = excluded.versions

-- remove_quota --
DELETE FROM quota WHERE namespace_id = :namespace

-- release --
-- What lives on elsewhere: what does not goes when its bytes do. Uses charge_left_idx and charge_blob_idx.
DELETE FROM charge
 WHERE (namespace_id, blob_id) IN (
        SELECT c.namespace_id, c.blob_id FROM charge c
         WHERE c.members = 0 AND c.left_position <= :before
           AND EXISTS (SELECT 1 FROM charge o WHERE o.blob_id = c.blob_id AND o.members > 0)
         LIMIT :limit)

-- sample --
INSERT INTO account_sample (namespace_id, day, bytes, unique_bytes, trash_bytes, versions)
SELECT namespace_id, :day, bytes, unique_bytes, trash_bytes, versions FROM account WHERE true
    ON CONFLICT (namespace_id, day) DO UPDATE
   SET bytes = excluded.bytes, unique_bytes = excluded.unique_bytes, trash_bytes = excluded.trash_bytes,
       versions = excluded.versions

-- forget_samples --
DELETE FROM account_sample WHERE day < :before
