-- The way back from an artifact to what it was built from.

-- find_subject --
SELECT id FROM blob WHERE digest = :digest

-- list_holding --
-- A page of the packages that have one of these as an artifact. Uses membership_blob_idx.
SELECT DISTINCT p.id, n.name, p.format, p.name, n.public
  FROM json_each(:blobs) j
 CROSS JOIN membership m ON m.blob_id = CAST(j.value AS BIGINT) AND m.role = 'artifact' AND m.until_position IS NULL
 CROSS JOIN package p ON p.id = m.package_id
 CROSS JOIN namespace n ON n.id = p.namespace_id
 WHERE p.id > :after
 ORDER BY p.id
 LIMIT :limit

-- list_telling --
-- A page of the packages that have evidence about one of these. Uses attestation_subject_idx.
SELECT DISTINCT p.id, n.name, p.format, p.name, n.public
  FROM json_each(:blobs) j
 CROSS JOIN evidence a ON a.subject_id = CAST(j.value AS BIGINT)
 CROSS JOIN package p ON p.id = a.package_id
 CROSS JOIN namespace n ON n.id = p.namespace_id
 WHERE p.id > :after
 ORDER BY p.id
 LIMIT :limit

-- list_parts --
-- What these contain, as far as one of the packages has them. Uses link's own key and membership_open_idx.
SELECT DISTINCT l.target_id
  FROM json_each(:blobs) j
 CROSS JOIN link l ON l.artifact_id = CAST(j.value AS BIGINT) AND l.kind <> 'config'
 WHERE EXISTS (
        SELECT 1 FROM json_each(:packages) q
         CROSS JOIN membership m ON m.package_id = CAST(q.value AS BIGINT) AND m.blob_id = l.artifact_id
               AND m.role = 'artifact' AND m.until_position IS NULL)
 LIMIT :limit

-- list_materials --
-- What provenance about these in the packages names. Uses attestation_subject_idx.
SELECT DISTINCT b.id
  FROM json_each(:blobs) j
 CROSS JOIN evidence a ON a.subject_id = CAST(j.value AS BIGINT)
       AND a.package_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:packages))
 CROSS JOIN material m ON m.attestation_id = a.id
 CROSS JOIN blob b ON b.digest = m.digest
 LIMIT :limit

-- list_origins --
-- The materials of all that was met, each [blob, depth]. Uses attestation_subject_idx.
SELECT CAST(j.value ->> 1 AS BIGINT), s.digest, m.uri, m.digest, m.name, n.name, p.format, p.name, pr.builder, pr.build,
       (SELECT json_group_array(g.name)
          FROM verdict v
          JOIN signer g ON g.id = v.signer_id
          LEFT JOIN namespace gn ON gn.id = g.namespace_id
         WHERE v.attestation_id = a.id AND v.reason IS NULL AND (gn.name IS NULL OR gn.name = :namespace))
  FROM json_each(:met) j
 CROSS JOIN evidence a ON a.subject_id = CAST(j.value ->> 0 AS BIGINT)
       AND a.package_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:packages))
 CROSS JOIN provenance pr ON pr.attestation_id = a.id
 CROSS JOIN material m ON m.attestation_id = a.id
  JOIN blob s ON s.id = a.subject_id
  JOIN package p ON p.id = a.package_id
  JOIN namespace n ON n.id = p.namespace_id
 ORDER BY 1, a.id, m.ordinal
 LIMIT :limit
