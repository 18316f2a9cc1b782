-- What goes with an artifact.

-- needed [part] --
SELECT m.blob_id, b.digest,
       (SELECT json_group_array(r.name) FROM reference r
         WHERE r.blob_id = m.blob_id AND r.package_id = m.package_id AND r.until_position IS NULL),
       (SELECT json_group_array(h.blob_id)
          FROM link l
          JOIN membership h ON h.package_id = m.package_id AND h.blob_id = l.artifact_id AND h.role = 'artifact'
                           AND h.until_position IS NULL
         WHERE l.target_id = m.blob_id AND l.kind = 'manifest'),
       (SELECT json_group_array(h.blob_id)
          FROM artifact a
          JOIN membership h ON h.package_id = m.package_id AND h.role = 'artifact' AND h.until_position IS NULL
           AND h.blob_id IN (SELECT a.subject_id UNION ALL SELECT l.artifact_id FROM link l WHERE l.target_id = a.subject_id)
         WHERE a.blob_id = m.blob_id),
       EXISTS (SELECT 1 FROM clearance k
                WHERE k.package_id = m.package_id AND k.blob_id = m.blob_id AND k.until_position IS NULL)
  FROM part
  JOIN membership m ON m.package_id = :package AND m.blob_id = part.id AND m.role = 'artifact'
                   AND m.until_position IS NULL
  JOIN blob b ON b.id = m.blob_id
 WHERE m.blob_id <> :blob
 ORDER BY m.id

-- list_parts --
-- What refers to an artifact, to its files, or to any of these, what that contains, and what is kept under the tags that
-- clients make of their digests; what the artifact itself contains only with :whole. As far as each is in the package: it
-- ends at what is not. Each with the artifacts that need it. Uses link_target_idx, artifact_subject_idx,
-- membership_open_idx and reference_open_idx.
WITH RECURSIVE within (id) AS (
    SELECT :blob
    UNION
    SELECT m.blob_id
      FROM within
     CROSS JOIN link l ON l.artifact_id = within.id AND l.kind = 'manifest'
     CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = l.target_id AND m.role = 'artifact'
           AND m.until_position IS NULL
     WHERE :whole OR within.id <> :blob
    UNION
    SELECT m.blob_id
      FROM within
     CROSS JOIN artifact a ON a.subject_id = within.id
     CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = a.blob_id AND m.role = 'artifact'
           AND m.until_position IS NULL
    UNION
    SELECT m.blob_id
      FROM within
     CROSS JOIN link l ON l.artifact_id = within.id AND l.kind <> 'manifest'
     CROSS JOIN artifact a ON a.subject_id = l.target_id
     CROSS JOIN membership m ON m.package_id = :package AND m.blob_id = a.blob_id AND m.role = 'artifact'
           AND m.until_position IS NULL
    UNION
    SELECT r.blob_id
      FROM within JOIN blob b ON b.id = within.id
      JOIN reference r ON r.package_id = :package AND r.until_position IS NULL
       AND r.name >= replace(substr(b.digest, 1, 71), ':', '-') AND r.name < replace(substr(b.digest, 1, 71), ':', '-') || '~'
    LIMIT :limit
), part (id) AS (SELECT id FROM within)
{needed}

-- list_parts [postgresql] --
WITH RECURSIVE within (id) AS (
    SELECT CAST(:blob AS BIGINT)
    UNION
    SELECT next.id FROM within CROSS JOIN LATERAL (
        SELECT l.target_id AS id FROM link l
         WHERE l.artifact_id = within.id AND l.kind = 'manifest' AND (:whole OR within.id <> :blob)
        UNION ALL
        SELECT a.blob_id FROM artifact a WHERE a.subject_id = within.id
        UNION ALL
        SELECT a.blob_id
          FROM link l JOIN artifact a ON a.subject_id = l.target_id
         WHERE l.artifact_id = within.id AND l.kind <> 'manifest'
        UNION ALL
        SELECT r.blob_id
          FROM blob b
          JOIN reference r ON r.package_id = :package AND r.until_position IS NULL
           AND r.name >= replace(substr(b.digest, 1, 71), ':', '-')
           AND r.name < replace(substr(b.digest, 1, 71), ':', '-') || '~'
         WHERE b.id = within.id) next
      JOIN membership m ON m.package_id = :package AND m.blob_id = next.id AND m.role = 'artifact'
           AND m.until_position IS NULL
), part (id) AS (SELECT id FROM within LIMIT :limit)
{needed}
