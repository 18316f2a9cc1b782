-- What requests list. Every page is bounded, and walks an index from where the last one ended.

-- find_namespace --
SELECT n.id, n.name, n.public, n.rules, n.revision,
       (SELECT json_group_object(c.name, c.rank) FROM channel c WHERE c.namespace_id = n.id AND c.rank >= 0)
  FROM namespace n WHERE n.name = :name

-- list_namespaces --
SELECT n.id, n.name, n.public, n.rules, n.revision,
       (SELECT json_group_object(c.name, c.rank) FROM channel c WHERE c.namespace_id = n.id AND c.rank >= 0)
  FROM namespace n WHERE n.name > :after ORDER BY n.name LIMIT :limit

-- find_package --
SELECT n.name, p.format, p.name, p.revision, p.hosted
  FROM namespace n JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
 WHERE n.name = :namespace
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.until_position IS NULL AND ch.namespace_id = n.id AND ch.name = :channel))

-- list_packages_of --
-- The rest of one namespace: walks the unique index of package; packages that hold nothing are passed over.
SELECT n.name, p.format, p.name, p.revision, p.hosted
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND (p.format, p.name) > (:after_format, :after_package)
       AND p.format <= :last_format
 WHERE n.name = :namespace
   AND EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = p.id AND m.role = 'artifact' AND m.until_position IS NULL)
 ORDER BY p.format, p.name
 LIMIT :limit

-- list_packages_after --
-- The namespaces behind one: walks the unique indexes of both.
SELECT n.name, p.format, p.name, p.revision, p.hosted
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format >= :first_format AND p.format <= :last_format
 WHERE n.name > :namespace
   AND EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = p.id AND m.role = 'artifact' AND m.until_position IS NULL)
 ORDER BY n.name, p.format, p.name
 LIMIT :limit

-- list_references --
-- One page of a package's open names, in byte order. Uses reference_open_idx and membership_open_idx.
SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN reference r ON r.package_id = p.id AND r.until_position IS NULL AND r.name > :after
  JOIN blob b ON b.id = r.blob_id
 WHERE n.name = :namespace
   AND (:kind IS NULL OR r.kind = :kind)
   AND NOT EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = p.id AND m.blob_id = r.blob_id AND m.role = 'artifact' AND m.until_position IS NULL
           AND m.barred)
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = b.id AND k.until_position IS NULL
           AND ch.namespace_id = n.id AND ch.name = :channel))
 ORDER BY r.name
 LIMIT :limit

-- list_history --
-- Uses reference_history_idx.
SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN reference r ON r.package_id = p.id AND r.name = :name
  JOIN blob b ON b.id = r.blob_id
 WHERE n.name = :namespace
 ORDER BY r.from_position, r.id

-- list_versions --
-- Each with its manifest, its config as far as that is here, and when it was first published. Uses reference_open_idx.
SELECT r.name, b.digest, mc.bytes, cc.bytes, r.sealed, r.yanked, r.deprecated,
       (SELECT e.at FROM reference f JOIN event e ON e.position = f.from_position
         WHERE f.package_id = p.id AND f.name = r.name ORDER BY f.from_position, f.id LIMIT 1)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN reference r ON r.package_id = p.id AND r.until_position IS NULL AND r.name > :after
  JOIN blob b ON b.id = r.blob_id AND b.state = 'present'
  JOIN content mc ON mc.blob_id = r.blob_id
  LEFT JOIN link l ON l.artifact_id = r.blob_id AND l.kind = 'config'
  LEFT JOIN content cc ON cc.blob_id = l.target_id
 WHERE n.name = :namespace AND r.kind = 'version'
   AND NOT EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = p.id AND m.blob_id = r.blob_id AND m.role = 'artifact' AND m.until_position IS NULL
           AND m.barred)
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = r.blob_id AND k.until_position IS NULL
           AND ch.namespace_id = n.id AND ch.name = :channel AND ch.rank >= 0))
 ORDER BY r.name LIMIT :limit

-- list_times --
-- When each blob of a package came into it. Uses membership_open_idx.
SELECT b.digest, e.at
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN membership m ON m.package_id = p.id AND m.until_position IS NULL AND m.role = 'blob'
  JOIN blob b ON b.id = m.blob_id
  JOIN event e ON e.position = m.from_position
 WHERE n.name = :namespace

-- find_time --
-- When a blob came into a package. Uses membership_open_idx.
SELECT e.at
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
  JOIN membership m ON m.package_id = p.id AND m.blob_id = b.id AND m.until_position IS NULL AND m.role = 'blob'
  JOIN event e ON e.position = m.from_position
 WHERE n.name = :namespace

-- find_reference --
SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN reference r ON r.package_id = p.id AND r.name = :name AND r.until_position IS NULL
  JOIN blob b ON b.id = r.blob_id
 WHERE n.name = :namespace

-- list_deleted --
-- What a version meant last before it meant nothing. Uses reference_history_idx.
SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
  FROM reference r JOIN blob b ON b.id = r.blob_id
 WHERE r.package_id = :package AND r.name = :name AND r.until_position IS NOT NULL AND r.kind = 'version'
   AND NOT EXISTS (
        SELECT 1 FROM reference s
         WHERE s.package_id = r.package_id AND s.name = r.name AND s.from_position = r.until_position)
 ORDER BY r.from_position

-- find_meaning --
-- Uses reference_open_idx; reference_history_idx only when the name means nothing now.
SELECT * FROM (
    SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
      FROM reference r JOIN blob b ON b.id = r.blob_id
     WHERE r.package_id = :package AND r.name = :name AND r.until_position IS NULL) now
UNION ALL
SELECT * FROM (
    SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
      FROM reference r JOIN blob b ON b.id = r.blob_id
     WHERE r.package_id = :package AND r.name = :name AND r.until_position IS NOT NULL AND r.kind = 'version'
     ORDER BY r.from_position DESC, r.id DESC LIMIT 1) before
LIMIT 1

-- list_artifacts --
-- Uses membership_artifact_idx.
SELECT b.digest, b.size, a.media_type, a.artifact_type, c.blob_id, m.from_position, e.at
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN membership m ON m.package_id = p.id AND m.role = 'artifact' AND m.until_position IS NULL
       AND m.from_position > :after AND NOT m.barred
  JOIN blob b ON b.id = m.blob_id
  JOIN artifact a ON a.blob_id = b.id
  JOIN content c ON c.blob_id = b.id
  JOIN event e ON e.position = m.from_position
 WHERE n.name = :namespace
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = b.id AND k.until_position IS NULL
           AND ch.namespace_id = n.id AND ch.name = :channel))
 ORDER BY m.from_position
 LIMIT :limit

-- find_summary --
-- Uses membership_open_idx.
SELECT b.digest, b.size, a.media_type, a.artifact_type, c.bytes, m.from_position, e.at, b.id
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest AND b.state = 'present'
  JOIN membership m ON m.package_id = p.id AND m.blob_id = b.id AND m.role = 'artifact' AND m.until_position IS NULL
  JOIN artifact a ON a.blob_id = b.id
  JOIN content c ON c.blob_id = b.id
  JOIN event e ON e.position = m.from_position
 WHERE n.name = :namespace
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = b.id AND k.until_position IS NULL
           AND ch.namespace_id = n.id AND ch.name = :channel))

-- clearances_of --
-- The first open clearance in each channel that covers an artifact. Uses clearance_open_idx.
SELECT name, digest, from_position, until_position
  FROM (SELECT ch.name, ch.rank, root.digest, k.from_position, k.until_position,
               row_number() OVER (PARTITION BY ch.id ORDER BY k.from_position, k.id) AS place
          FROM namespace n
          JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
          JOIN clearance k ON k.package_id = p.id AND k.blob_id = :blob AND k.until_position IS NULL
          JOIN channel ch ON ch.id = k.channel_id
          JOIN blob root ON root.id = k.root_id
         WHERE n.name = :namespace AND (:channel IS NULL OR ch.name = :channel)) c
 WHERE place = 1
 ORDER BY rank

-- list_referrers --
-- Uses artifact_subject_idx and membership_open_idx (CROSS JOIN: of an artifact there are few referrers).
SELECT b.digest, b.size, a.media_type, a.artifact_type, c.blob_id, m.from_position, e.at
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob s ON s.digest = :subject
 CROSS JOIN artifact a ON a.subject_id = s.id
 CROSS JOIN membership m ON m.package_id = p.id AND m.blob_id = a.blob_id AND m.role = 'artifact' AND m.until_position IS NULL
       AND NOT m.barred
  JOIN blob b ON b.id = a.blob_id
  JOIN content c ON c.blob_id = b.id
  JOIN event e ON e.position = m.from_position
 WHERE n.name = :namespace
   AND b.digest > :after
   AND (:artifact_type IS NULL OR a.artifact_type = :artifact_type)
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = b.id AND k.until_position IS NULL
           AND ch.namespace_id = n.id AND ch.name = :channel))
 ORDER BY b.digest
 LIMIT :limit

-- list_sources --
-- Uses membership_blob_idx.
SELECT n.name, p.format, p.name, n.public
  FROM blob b
  JOIN membership m ON m.blob_id = b.id AND m.until_position IS NULL AND NOT m.barred
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
 WHERE b.digest = :digest AND b.state = 'present'
 ORDER BY m.id
 LIMIT :limit

-- list_clearances --
-- Uses clearance_history_idx.
SELECT ch.name, b.digest, k.from_position, k.until_position
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN clearance k ON k.package_id = p.id AND k.blob_id = k.root_id
  JOIN channel ch ON ch.id = k.channel_id
  JOIN blob b ON b.id = k.blob_id
 WHERE n.name = :namespace AND (:history OR k.until_position IS NULL)
 ORDER BY k.from_position, k.id

-- upload_has_ended --
SELECT 1 FROM ended_upload WHERE id = :id

-- list_entries --
SELECT position, at, actor, content, hash FROM event WHERE position > :after ORDER BY position LIMIT :limit

-- list_entries_of --
-- Uses event_namespace_idx.
SELECT position, at, actor, content, hash
  FROM event
 WHERE namespace = :namespace AND position > :after
 ORDER BY position
 LIMIT :limit

-- head --
SELECT position, hash FROM event ORDER BY position DESC LIMIT 1

-- search_annotations --
-- Uses annotation_value_idx: a range of values that begin with the text.
SELECT DISTINCT n.name, p.format, p.name, b.id, b.digest, m.from_position
  FROM annotation t
  JOIN membership m ON m.blob_id = t.blob_id AND m.role = 'artifact' AND m.until_position IS NULL AND NOT m.barred
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = t.blob_id
  JOIN content c ON c.blob_id = b.id
 WHERE t.key = :key AND t.value >= :text AND t.value < :text_end
   AND (:namespaces IS NULL OR n.name IN (SELECT value FROM json_each(:namespaces)))
 ORDER BY m.from_position DESC
 LIMIT :limit OFFSET :offset

-- packages_named --
-- As many as there is room for of the packages whose name has all these letters in a row. Uses package_name.
SELECT rowid FROM package_name WHERE package_name MATCH :phrase LIMIT :limit

-- packages_named [postgresql] --
SELECT id FROM package WHERE name LIKE :pattern LIMIT :limit

-- search_few_names --
-- Of these packages those whose name contains the text, by name, each with its newest artifact.
-- Uses membership_artifact_idx.
SELECT n.name, p.format, p.name, b.id, b.digest, m.from_position
  FROM json_each(:packages) f
  JOIN package p ON p.id = CAST(f.value AS BIGINT) AND instr(p.name, :text) > 0
  JOIN namespace n ON n.id = p.namespace_id
  JOIN membership m ON m.id = (
        SELECT x.id FROM membership x
         WHERE x.package_id = p.id AND x.role = 'artifact' AND x.until_position IS NULL AND NOT x.barred
         ORDER BY x.from_position DESC LIMIT 1)
  JOIN blob b ON b.id = m.blob_id
  JOIN content c ON c.blob_id = b.id
 WHERE :namespaces IS NULL OR n.name IN (SELECT value FROM json_each(:namespaces))
 ORDER BY n.name, p.format, p.name
 LIMIT :limit OFFSET :offset

-- search_names --
-- The same among all packages; stops when the page is full.
SELECT n.name, p.format, p.name, b.id, b.digest, m.from_position
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND instr(p.name, :text) > 0
  JOIN membership m ON m.id = (
        SELECT x.id FROM membership x
         WHERE x.package_id = p.id AND x.role = 'artifact' AND x.until_position IS NULL AND NOT x.barred
         ORDER BY x.from_position DESC LIMIT 1)
  JOIN blob b ON b.id = m.blob_id
  JOIN content c ON c.blob_id = b.id
 WHERE :namespaces IS NULL OR n.name IN (SELECT value FROM json_each(:namespaces))
 ORDER BY n.name, p.format, p.name
 LIMIT :limit OFFSET :offset

-- search_references --
-- Artifacts that have the text as a tag or version. Uses reference_name_idx.
SELECT n.name, p.format, p.name, b.id, b.digest, r.from_position
  FROM reference r
  JOIN package p ON p.id = r.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = r.blob_id
  JOIN content c ON c.blob_id = b.id
 WHERE r.name = :text AND r.until_position IS NULL
   AND NOT EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = p.id AND m.blob_id = r.blob_id AND m.role = 'artifact' AND m.until_position IS NULL
           AND m.barred)
   AND (:namespaces IS NULL OR n.name IN (SELECT value FROM json_each(:namespaces)))
 LIMIT :limit OFFSET :offset

-- search_digest --
-- Uses membership_blob_idx.
SELECT n.name, p.format, p.name, b.id, b.digest, m.from_position
  FROM blob b
  JOIN membership m ON m.blob_id = b.id AND m.until_position IS NULL AND m.role = 'artifact'
       AND NOT m.barred
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN content c ON c.blob_id = b.id
 WHERE b.digest = :text
   AND (:namespaces IS NULL OR n.name IN (SELECT value FROM json_each(:namespaces)))
 LIMIT :limit OFFSET :offset

-- content_of --
SELECT bytes FROM content WHERE blob_id = :blob

-- names_in_package --
-- Uses reference_artifact_idx.
SELECT r.name
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN reference r ON r.package_id = p.id AND r.blob_id = :blob AND r.until_position IS NULL
 WHERE n.name = :namespace
 ORDER BY r.name || ''

-- iter_stored --
-- A page of the blobs that are in a blob store: of all rows only those without content here are looked up.
SELECT b.id, b.digest, b.size, b.generation, b.tier
  FROM blob b
 WHERE b.id > :after AND b.state IN ('present', 'damaged') AND NOT EXISTS (SELECT 1 FROM content c WHERE c.blob_id = b.id)
 ORDER BY b.id
 LIMIT :limit

-- iter_blobs --
SELECT b.digest, b.size, c.blob_id, b.generation, b.tier
  FROM blob b LEFT JOIN content c ON c.blob_id = b.id
 WHERE b.state IN ('present', 'damaged') AND b.digest > :after
 ORDER BY b.digest
 LIMIT :limit

-- storage --
-- Kept by triggers: counting a million rows is not for every scrape.
SELECT blobs, bytes, damaged, artifacts, packages, namespaces FROM total
