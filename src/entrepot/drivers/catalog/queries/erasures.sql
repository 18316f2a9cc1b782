-- What was erased, and what would be.

-- find_row --
SELECT b.id, a.blob_id IS NOT NULL FROM blob b LEFT JOIN artifact a ON a.blob_id = b.id WHERE b.digest = :digest

-- states --
-- Every artifact that a version was which this one was, too.
-- Uses reference_artifact_idx, reference_left_idx and reference_history_idx.
SELECT DISTINCT o.blob_id
  FROM (SELECT package_id, name FROM reference WHERE blob_id = :blob AND until_position IS NULL AND kind = 'version'
        UNION
        SELECT package_id, name FROM reference WHERE blob_id = :blob AND until_position IS NOT NULL AND kind = 'version') r
 CROSS JOIN reference o ON o.package_id = r.package_id AND o.name = r.name AND o.kind = 'version'

-- holders --
-- What cannot be whole without any of these. Uses link_target_idx.
SELECT DISTINCT l.artifact_id
  FROM json_each(:blobs) s
 CROSS JOIN link l ON l.target_id = CAST(s.value AS BIGINT) AND l.required

-- referrers --
-- Uses artifact_subject_idx.
SELECT DISTINCT a.blob_id
  FROM json_each(:blobs) s
 CROSS JOIN artifact a ON a.subject_id = CAST(s.value AS BIGINT)

-- content --
-- What these link, and whether anything else does that is here, or it has a name of its own. Uses link_target_idx.
SELECT DISTINCT t.id, t.digest,
       EXISTS (
            SELECT 1 FROM link o JOIN blob h ON h.id = o.artifact_id AND h.state <> 'absent'
             WHERE o.target_id = t.id
               AND o.artifact_id NOT IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:known) k))
    OR EXISTS (SELECT 1 FROM reference r WHERE r.blob_id = t.id AND r.until_position IS NULL)
  FROM json_each(:blobs) s
 CROSS JOIN link l ON l.artifact_id = CAST(s.value AS BIGINT) AND (:whole OR l.kind = 'config')
 CROSS JOIN blob t ON t.id = l.target_id
 WHERE t.state <> 'absent' AND t.id NOT IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:known) k)

-- parts --
SELECT b.id, b.digest, b.size, a.media_type, a.artifact_type
  FROM json_each(:blobs) s
 CROSS JOIN blob b ON b.id = CAST(s.value AS BIGINT)
  LEFT JOIN artifact a ON a.blob_id = b.id
 ORDER BY a.blob_id IS NULL, b.digest

-- place [part] --
SELECT n.name, p.format, p.name, b.digest, m.until_position IS NULL,
       (SELECT json_group_array(x.name)
          FROM (SELECT DISTINCT r.name FROM reference r WHERE r.package_id = p.id AND r.blob_id = b.id) x),
       (SELECT json_group_array(y.name)
          FROM (SELECT DISTINCT c.name FROM clearance k JOIN channel c ON c.id = k.channel_id
                 WHERE k.package_id = p.id AND k.blob_id = b.id AND k.until_position IS NULL) y)
  FROM json_each(:blobs) s
 CROSS JOIN blob b ON b.id = CAST(s.value AS BIGINT)

-- places --
-- Each package with what it has or had of these, what that was called there, and where it is cleared.
-- Uses membership_blob_idx and membership_left_idx.
{place}
 CROSS JOIN membership m ON m.blob_id = b.id AND m.until_position IS NULL
 CROSS JOIN package p ON p.id = m.package_id
 CROSS JOIN namespace n ON n.id = p.namespace_id
UNION ALL
{place}
 CROSS JOIN membership m ON m.blob_id = b.id AND m.until_position IS NOT NULL
 CROSS JOIN package p ON p.id = m.package_id
 CROSS JOIN namespace n ON n.id = p.namespace_id

-- erasure [part] --
SELECT e.id, e.target, e.reason, e.actor, e.extent, e.position, v.at, e.sealed_position, e.tombstone
  FROM erasure e JOIN event v ON v.position = e.position

-- find --
{erasure}
  JOIN erased_blob x ON x.erasure_id = e.id AND x.lifted_position IS NULL
  JOIN blob b ON b.id = x.blob_id
 WHERE b.digest = :digest

-- list --
{erasure}
 WHERE e.position > :after ORDER BY e.position LIMIT :limit

-- list_unfinished --
-- Uses erasure_unsealed_idx.
{erasure}
 WHERE e.sealed_position IS NULL ORDER BY e.position LIMIT :limit

-- find_told_name --
-- Through a channel's view only what was cleared for it. Uses reference_history_idx.
SELECT b.digest
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN reference r ON r.id = (
        SELECT x.id FROM reference x WHERE x.package_id = p.id AND x.name = :name
         ORDER BY x.from_position DESC, x.id DESC LIMIT 1)
  JOIN erased_blob e ON e.blob_id = r.blob_id AND e.lifted_position IS NULL
  JOIN blob b ON b.id = r.blob_id
 WHERE n.name = :namespace
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel c ON c.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = r.blob_id AND c.namespace_id = n.id AND c.name = :channel))

-- find_told_digest --
-- A blob through a channel's view is one that an artifact links which was cleared for it.
SELECT b.digest
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
  JOIN erased_blob e ON e.blob_id = b.id AND e.lifted_position IS NULL
 WHERE n.name = :namespace
   AND (EXISTS (SELECT 1 FROM membership m WHERE m.package_id = p.id AND m.blob_id = b.id AND m.until_position IS NULL)
     OR EXISTS (SELECT 1 FROM membership m WHERE m.package_id = p.id AND m.blob_id = b.id AND m.until_position IS NOT NULL))
   AND (:channel IS NULL OR EXISTS (
        SELECT 1 FROM clearance k JOIN channel c ON c.id = k.channel_id
         WHERE k.package_id = p.id AND c.namespace_id = n.id AND c.name = :channel
           AND (k.blob_id = b.id
                OR EXISTS (SELECT 1 FROM link l WHERE l.target_id = b.id AND l.artifact_id = k.blob_id))))

-- list_erased --
SELECT b.digest FROM erased_blob e JOIN blob b ON b.id = e.blob_id
 WHERE e.lifted_position IS NULL AND b.digest > :after ORDER BY b.digest LIMIT :limit

-- may_be --
-- Of what was erased before it ever was here no size is known. What was erased is little, and all of it is looked at.
SELECT 1 FROM erased_blob e CROSS JOIN blob b ON b.id = e.blob_id
 WHERE e.lifted_position IS NULL
   AND (CAST(:size AS BIGINT) IS NULL OR b.size = 0 OR b.size = CAST(:size AS BIGINT)) LIMIT 1

-- list_left --
-- Here and below: what is let again may have come again since, and whoever is late with the erasure leaves it alone.
-- Uses erased_blob_erasure_idx and membership_blob_idx.
SELECT DISTINCT n.name, p.format, p.name
  FROM erasure e
  JOIN erased_blob x ON x.erasure_id = e.id AND x.lifted_position IS NULL
  JOIN membership m ON m.blob_id = x.blob_id AND m.until_position IS NULL
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
 WHERE e.position = :position
 ORDER BY n.name, p.format, p.name

-- list_bytes --
-- Uses erased_blob_erasure_idx.
SELECT b.digest, b.generation, b.size
  FROM erasure e
  JOIN erased_blob x ON x.erasure_id = e.id AND x.lifted_position IS NULL
  JOIN blob b ON b.id = x.blob_id
 WHERE e.position = :position

-- add --
INSERT INTO erasure (target, reason, actor, extent, position)
VALUES (:target, :reason, :actor, :extent, :position) RETURNING id

-- add_blob --
INSERT INTO erased_blob (blob_id, erasure_id) VALUES (:blob, :erasure)
    ON CONFLICT (blob_id) DO UPDATE SET erasure_id = excluded.erasure_id, lifted_position = NULL
 WHERE erased_blob.lifted_position IS NOT NULL

-- empty --
-- From here on the bytes are not found under this name and generation, whoever still means to keep them there.
UPDATE blob
   SET state = 'absent', condemned_at = NULL, tier = 'hot',
       generation = CASE WHEN reserved > generation THEN reserved ELSE generation END + 1
 WHERE id = :blob AND state <> 'absent'

-- delete_content --
DELETE FROM content WHERE blob_id = :blob

-- delete_now --
UPDATE garbage SET not_before = NULL WHERE digest = :digest

-- names --
-- Uses reference_artifact_idx.
SELECT r.kind, r.name, b.digest, r.from_position, r.until_position, r.sealed, r.yanked, r.deprecated
  FROM erasure e
  JOIN erased_blob x ON x.erasure_id = e.id AND x.lifted_position IS NULL
  JOIN reference r ON r.blob_id = x.blob_id AND r.package_id = :package AND r.until_position IS NULL
  JOIN blob b ON b.id = r.blob_id
 WHERE e.position = :erasure
 ORDER BY r.name || ''

-- members --
-- Uses membership_blob_idx.
SELECT DISTINCT b.digest
  FROM erasure e
  JOIN erased_blob x ON x.erasure_id = e.id AND x.lifted_position IS NULL
  JOIN membership m ON m.blob_id = x.blob_id AND m.package_id = :package AND m.until_position IS NULL
  JOIN blob b ON b.id = x.blob_id
 WHERE e.position = :erasure
 ORDER BY b.digest

-- gone [part] --
IN (SELECT x.blob_id
      FROM erasure e JOIN erased_blob x ON x.erasure_id = e.id AND x.lifted_position IS NULL
     WHERE e.position = :erasure)

-- end_references --
UPDATE reference SET until_position = :position
 WHERE package_id = :package AND until_position IS NULL AND blob_id {gone}

-- end_clearances --
UPDATE clearance SET until_position = :position
 WHERE package_id = :package AND until_position IS NULL AND (blob_id {gone} OR root_id {gone})

-- end_memberships --
UPDATE membership SET until_position = :position
 WHERE package_id = :package AND until_position IS NULL AND blob_id {gone}

-- seal --
UPDATE erasure SET sealed_position = :position, tombstone = :tombstone
 WHERE position = :erasure AND sealed_position IS NULL

-- lift --
UPDATE erased_blob SET lifted_position = :position
 WHERE lifted_position IS NULL AND blob_id = (SELECT id FROM blob WHERE digest = :digest)

-- leave_place --
-- Whoever still deletes what was erased may have been told of the place where it would come to lie.
UPDATE blob
   SET generation = CASE WHEN reserved > generation THEN reserved ELSE generation END + 1
 WHERE digest = :digest AND state = 'absent'

-- forget_annotations --
DELETE FROM annotation WHERE blob_id {gone}

-- forget_components --
DELETE FROM component_use WHERE blob_id {gone}

-- forget_licences --
DELETE FROM licence_use WHERE blob_id {gone}

-- forget_sboms --
DELETE FROM sbom WHERE subject_id {gone} OR carrier_id {gone}

-- forget_reports --
DELETE FROM report WHERE subject_id {gone} OR carrier_id {gone}

-- forget_attestations --
DELETE FROM attestation WHERE subject_id {gone} OR carrier_id {gone} OR holder_id {gone}

-- forget_secrets --
DELETE FROM found_secret WHERE blob_id {gone}

-- forget_notices --
DELETE FROM secret_notice WHERE blob_id {gone}

-- forget_searches --
DELETE FROM secret_search WHERE blob_id {gone}

-- forget_damage --
DELETE FROM damaged_blob WHERE blob_id {gone}
