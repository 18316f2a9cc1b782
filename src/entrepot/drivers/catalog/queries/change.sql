-- What transactions do.

-- add_namespace --
INSERT INTO namespace (name, public, rules, revision) VALUES (:name, :public, :rules, :position)
ON CONFLICT DO NOTHING RETURNING id

-- set_namespace --
UPDATE namespace SET public = :public, rules = :rules, revision = :position WHERE name = :name

-- touch_namespace --
UPDATE namespace SET revision = :position WHERE id = :namespace

-- add_channel --
INSERT INTO channel (namespace_id, name, rank) VALUES (:namespace, :name, :rank)
ON CONFLICT (namespace_id, name) DO UPDATE SET rank = excluded.rank

-- channel_id --
SELECT id FROM channel WHERE namespace_id = :namespace AND name = :name AND rank >= 0

-- channels_in_use --
-- Those of a namespace that have an open clearance. Uses clearance_channel_idx.
SELECT ch.id, ch.name,
       EXISTS (SELECT 1 FROM clearance k WHERE k.channel_id = ch.id AND k.until_position IS NULL)
  FROM channel ch WHERE ch.namespace_id = :namespace AND ch.rank >= 0

-- retire_channel --
-- A channel that ever cleared something stays, for its history; it is only no longer one of the stages.
UPDATE channel SET rank = -1 WHERE id = :channel

-- package_id --
SELECT p.id
  FROM namespace n JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
 WHERE n.name = :namespace

-- add_package --
INSERT INTO package (namespace_id, format, name, revision)
SELECT id, :format, :package, :position FROM namespace WHERE name = :namespace
RETURNING id

-- blob_id --
SELECT id FROM blob WHERE digest = :digest

-- add_blob --
INSERT INTO blob (digest, size, state) VALUES (:digest, :size, 'present') RETURNING id

-- revive_blob --
-- A blob that was only named, or was condemned, is present from now on.
UPDATE blob SET state = 'present', size = :size, condemned_at = NULL WHERE id = :blob

-- damage_blob --
UPDATE blob SET state = 'damaged' WHERE digest = :digest AND state = 'present'

-- name_blob --
-- Something links these bytes, seen or not.
INSERT INTO blob (digest, size, state) VALUES (:digest, :size, 'absent')
ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest
RETURNING id

-- keep_content --
INSERT INTO content (blob_id, bytes) VALUES (:blob, :bytes) ON CONFLICT (blob_id) DO UPDATE SET bytes = excluded.bytes
 WHERE content.bytes <> excluded.bytes

-- keep_content_if_elsewhere --
INSERT INTO content (blob_id, bytes) VALUES (:blob, :bytes) ON CONFLICT DO NOTHING

-- find_home --
-- The state of some bytes, whether they live here rather than in a blob store, their generation there, and in which; and
-- whether they may not come again.
SELECT b.id, b.state, c.blob_id IS NOT NULL, b.generation, b.tier,
       EXISTS (SELECT 1 FROM erased_blob e WHERE e.blob_id = b.id AND e.lifted_position IS NULL)
  FROM blob b LEFT JOIN content c ON c.blob_id = b.id
 WHERE b.digest = :digest

-- forget_content --
DELETE FROM content WHERE blob_id = :blob

-- keep_artifact --
INSERT INTO artifact (blob_id, media_type, artifact_type, subject_id)
VALUES (:blob, :media_type, :artifact_type, :subject) ON CONFLICT DO NOTHING

-- name_blobs --
-- Something links these bytes, seen or not.
INSERT INTO blob (digest, size, state)
SELECT l.value ->> 'digest', CAST(l.value ->> 'size' AS BIGINT), 'absent' FROM json_each(:links) l
 WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = l.value ->> 'digest')
ON CONFLICT DO NOTHING

-- keep_links --
INSERT INTO link (artifact_id, ordinal, kind, target_id, required)
SELECT :artifact, l.key, l.value ->> 'kind', b.id, CAST(l.value ->> 'required' AS BOOLEAN)
  FROM json_each(:links) l CROSS JOIN blob b ON b.digest = l.value ->> 'digest'

-- keep_annotation --
INSERT INTO annotation (blob_id, key, value) VALUES (:blob, :key, :value) ON CONFLICT DO NOTHING

-- missing_members --
-- Uses membership_open_idx.
SELECT l.value ->> 'digest'
  FROM json_each(:links) l
 WHERE CAST(l.value ->> 'required' AS BOOLEAN)
   AND NOT EXISTS (
       SELECT 1 FROM blob b
         JOIN membership m ON m.package_id = :package AND m.blob_id = b.id AND m.until_position IS NULL
        WHERE b.digest = l.value ->> 'digest' AND b.state = 'present'
          AND (l.value ->> 'kind' <> 'manifest' OR m.role = 'artifact'))
 ORDER BY l.key

-- has_member --
-- Uses membership_open_idx.
SELECT 1 FROM blob b JOIN membership m ON m.package_id = :package AND m.blob_id = b.id AND m.until_position IS NULL
 WHERE b.digest = :digest AND b.state = 'present' AND (:role IS NULL OR m.role = :role)

-- add_member --
INSERT INTO membership (package_id, blob_id, role, from_position)
VALUES (:package, :blob, :role, :position) ON CONFLICT DO NOTHING

-- remove_member --
UPDATE membership SET until_position = :position
 WHERE package_id = :package AND blob_id = :blob AND role = :role AND until_position IS NULL

-- linked_by --
-- Where an artifact is linked as a file, it is needed as an artifact only if the package does not have it as a blob too.
-- Uses link_target_idx and membership_open_idx.
SELECT o.digest
  FROM link l
  JOIN membership m ON m.package_id = :package AND m.blob_id = l.artifact_id AND m.role = 'artifact'
       AND m.until_position IS NULL
  JOIN blob o ON o.id = l.artifact_id
 WHERE l.target_id = :blob AND l.required
   AND CASE WHEN :role = 'blob' THEN l.kind <> 'manifest'
            ELSE l.kind = 'manifest' OR NOT EXISTS (
                 SELECT 1 FROM membership x
                  WHERE x.package_id = :package AND x.blob_id = :blob AND x.role = 'blob' AND x.until_position IS NULL)
        END
 LIMIT 1

-- end_reference --
UPDATE reference SET until_position = :position
 WHERE package_id = :package AND name = :name AND until_position IS NULL

-- add_reference --
INSERT INTO reference (package_id, kind, name, blob_id, sealed, yanked, deprecated, from_position)
VALUES (:package, :kind, :name, :blob, :sealed, :yanked, :deprecated, :position)

-- mark_version --
UPDATE reference SET sealed = :sealed, yanked = :yanked, deprecated = :deprecated
 WHERE package_id = :package AND name = :name AND until_position IS NULL

-- names_of --
-- Uses reference_artifact_idx.
SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
  FROM reference r JOIN blob b ON b.id = r.blob_id
 WHERE r.blob_id = :blob AND r.package_id = :package AND r.until_position IS NULL
 ORDER BY r.name || ''

-- cleared_for --
-- Uses clearance_open_idx.
SELECT ch.name FROM clearance k JOIN channel ch ON ch.id = k.channel_id
 WHERE k.package_id = :package AND k.blob_id = :blob AND k.until_position IS NULL
 ORDER BY ch.rank DESC LIMIT 1

-- cover --
-- Clear :start and all that it contains, with the referrers of each and of its files, under the clearance of :root; as
-- far as they are in the package. Uses artifact_subject_idx and membership_open_idx.
WITH RECURSIVE covered (id) AS (
    SELECT :start
    UNION
    SELECT l.target_id FROM covered JOIN link l ON l.artifact_id = covered.id AND l.kind = 'manifest'
    UNION
    SELECT a.blob_id
      FROM covered
     CROSS JOIN artifact a ON a.subject_id = covered.id
     CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = a.blob_id AND m.role = 'artifact'
           AND m.until_position IS NULL
    UNION
    SELECT a.blob_id
      FROM covered
     CROSS JOIN link l ON l.artifact_id = covered.id AND l.kind = 'layer'
     CROSS JOIN artifact a ON a.subject_id = l.target_id
     CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = a.blob_id AND m.role = 'artifact'
           AND m.until_position IS NULL
)
INSERT INTO clearance (channel_id, package_id, blob_id, root_id, from_position)
SELECT :channel, :package, covered.id, :root, :position FROM covered WHERE true
ON CONFLICT DO NOTHING

-- cover [postgresql] --
WITH RECURSIVE covered (id) AS (
    SELECT CAST(:start AS BIGINT)
    UNION
    SELECT next.id FROM covered CROSS JOIN LATERAL (
        SELECT l.target_id AS id FROM link l WHERE l.artifact_id = covered.id AND l.kind = 'manifest'
        UNION ALL
        SELECT a.blob_id
          FROM artifact a
          JOIN membership m ON m.package_id = :package AND m.blob_id = a.blob_id AND m.role = 'artifact'
               AND m.until_position IS NULL
         WHERE a.subject_id = covered.id
        UNION ALL
        SELECT a.blob_id
          FROM link l
          JOIN artifact a ON a.subject_id = l.target_id
          JOIN membership m ON m.package_id = :package AND m.blob_id = a.blob_id AND m.role = 'artifact'
               AND m.until_position IS NULL
         WHERE l.artifact_id = covered.id AND l.kind = 'layer') next
)
INSERT INTO clearance (channel_id, package_id, blob_id, root_id, from_position)
SELECT :channel, :package, covered.id, :root, :position FROM covered
ON CONFLICT DO NOTHING

-- clearances_around --
-- The open clearances that reach a new artifact: of its subject, of what has its subject as a file, and of the indexes
-- that contain it (CROSS JOIN: these are few, and looked for first). Uses link_target_idx and clearance_open_idx.
SELECT k.channel_id, k.root_id FROM artifact a CROSS JOIN clearance k ON k.blob_id = a.subject_id
 WHERE a.blob_id = :blob AND k.package_id = :package AND k.until_position IS NULL
UNION
SELECT k.channel_id, k.root_id
  FROM artifact a
 CROSS JOIN link l ON l.target_id = a.subject_id AND l.kind = 'layer'
 CROSS JOIN clearance k ON k.blob_id = l.artifact_id
 WHERE a.blob_id = :blob AND k.package_id = :package AND k.until_position IS NULL
UNION
SELECT k.channel_id, k.root_id FROM link l CROSS JOIN clearance k ON k.blob_id = l.artifact_id
 WHERE l.target_id = :blob AND l.kind = 'manifest' AND k.package_id = :package AND k.until_position IS NULL

-- is_cleared --
SELECT 1 FROM clearance
 WHERE package_id = :package AND blob_id = :blob AND channel_id = :channel AND root_id = :blob
   AND until_position IS NULL

-- close_clearance --
-- Uses clearance_channel_idx.
UPDATE clearance SET until_position = :position
 WHERE package_id = :package AND channel_id = :channel AND root_id = :blob AND until_position IS NULL

-- end_upload --
INSERT INTO ended_upload (id, expires_at) VALUES (:id, :expires_at) ON CONFLICT DO NOTHING

-- forget_uploads --
-- Uses ended_upload_expiry_idx.
DELETE FROM ended_upload WHERE expires_at < :now

-- find_content --
SELECT c.bytes FROM blob b JOIN content c ON c.blob_id = b.id WHERE b.digest = :digest AND b.state = 'present'

-- list_files --
-- The layers of an artifact, also of one that is not here any more: its links stay.
SELECT t.digest
  FROM blob b
  JOIN link l ON l.artifact_id = b.id AND l.kind = 'layer'
  JOIN blob t ON t.id = l.target_id
 WHERE b.digest = :digest
 ORDER BY l.ordinal

-- append --
INSERT INTO event (position, at, actor, namespace, package, content, hash)
VALUES (:position, :at, :actor, :namespace, :package, :content, :hash)

-- touch_package --
UPDATE package SET revision = :position, hosted = hosted OR :hosted WHERE id = :package
