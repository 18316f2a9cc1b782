-- Signers, trusted roots, evidence and what came of it.

-- list_signers --
SELECT s.id, n.name, s.name, s.kind, s.material, s.scope, s.state, s.until, s.reason, s.from_position, s.state_position
  FROM signer s LEFT JOIN namespace n ON n.id = s.namespace_id
 WHERE n.name IS :namespace OR (:inherited AND s.namespace_id IS NULL)
 ORDER BY s.namespace_id IS NULL, s.name

-- find_signer --
SELECT s.id, n.name, s.name, s.kind, s.material, s.scope, s.state, s.until, s.reason, s.from_position, s.state_position
  FROM signer s LEFT JOIN namespace n ON n.id = s.namespace_id
 WHERE n.name IS :namespace AND s.name = :name

-- add_signer --
INSERT INTO signer (namespace_id, name, kind, material, scope, state, until, reason, from_position, state_position)
VALUES (:namespace, :name, :kind, :material, :scope, :state, :until, :reason, :position, :position)
ON CONFLICT DO NOTHING

-- set_signer --
UPDATE signer
   SET scope = :scope, state = :state, until = :until, reason = :reason, state_position = :position
 WHERE namespace_id IS :namespace AND name = :name

-- object_to_signer --
-- Until a follower has looked again. Uses verification_signer_idx.
UPDATE verification SET objection = :objection, level = 0 WHERE signer_id = :signer

-- object_to_certified --
-- What a certificate, or the time of a log, is part of: it hangs from a root.
UPDATE verification SET objection = :objection, level = 0
 WHERE (issuer IS NOT NULL OR signed_at IS NOT NULL)
   AND (CAST(:namespace AS BIGINT) IS NULL OR EXISTS (
        SELECT 1 FROM attestation a JOIN package p ON p.id = a.package_id
         WHERE a.id = verification.attestation_id AND p.namespace_id = :namespace))

-- list_roots --
-- A namespace's own hides the registry's of the same name.
SELECT t.name, t.content, n.name, t.position
  FROM trusted_root t LEFT JOIN namespace n ON n.id = t.namespace_id
 WHERE length(t.content) > 0
   AND (n.name IS :namespace
        OR (t.namespace_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM trusted_root x JOIN namespace y ON y.id = x.namespace_id
             WHERE y.name = :namespace AND x.name = t.name AND length(x.content) > 0)))
 ORDER BY t.name

-- set_root --
INSERT INTO trusted_root (namespace_id, name, content, position) VALUES (:namespace, :name, :content, :position)
ON CONFLICT (coalesce(namespace_id, 0), name) DO UPDATE
   SET content = excluded.content, position = excluded.position
 WHERE trusted_root.content <> excluded.content

-- remove_root --
UPDATE trusted_root SET content = :empty, position = :position
 WHERE namespace_id IS :namespace AND name = :name AND length(content) > 0

-- find_trust_revision --
WITH owner (id) AS (SELECT id FROM namespace WHERE name = :namespace)
SELECT coalesce(max(position), 0)
  FROM (SELECT max(state_position) AS position FROM signer
         WHERE namespace_id IS NULL OR namespace_id = (SELECT id FROM owner)
        UNION ALL
        SELECT max(position) FROM trusted_root
         WHERE namespace_id IS NULL OR namespace_id = (SELECT id FROM owner)) r

-- keep_unchanged --
UPDATE attestation SET holder_id = :holder WHERE id = :attestation

-- keep_attestation --
-- The same evidence may have come before, in another place: then that is when it was first seen.
-- Uses attestation_content_idx.
INSERT INTO attestation
       (package_id, subject_id, carrier_id, ordinal, source, holder_id, kind, content, predicate_type, issuer, identity,
        hint, reason, seen_at)
VALUES (:package, :subject, :carrier, :ordinal, :source, :holder, :kind, :content, :predicate_type, :issuer, :identity,
        :hint, :reason,
        coalesce((SELECT min(x.seen_at) FROM attestation x
                   WHERE x.content = :content AND x.subject_id = :subject AND x.seen_at < :seen_at), :seen_at))
ON CONFLICT (package_id, subject_id, carrier_id, ordinal) DO UPDATE
   SET source = excluded.source, holder_id = excluded.holder_id, kind = excluded.kind, content = excluded.content,
       predicate_type = excluded.predicate_type, issuer = excluded.issuer, identity = excluded.identity,
       hint = excluded.hint, reason = excluded.reason, seen_at = excluded.seen_at
RETURNING id

-- forget_others --
-- Uses attestation_holder_idx.
DELETE FROM attestation
 WHERE holder_id = :holder AND package_id = :package AND id NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(:kept))

-- forget_verifications --
DELETE FROM verification WHERE attestation_id = :attestation

-- keep_verification --
INSERT INTO verification (attestation_id, signer_id, key, issuer, identity, signed_at, level, objection, suppresses)
VALUES (:attestation, :signer, :key, :issuer, :identity, :signed_at, :level, :objection, :suppresses)

-- forget_provenance --
DELETE FROM provenance WHERE attestation_id = :attestation

-- forget_materials --
DELETE FROM material WHERE attestation_id = :attestation

-- keep_provenance --
INSERT INTO provenance (attestation_id, builder, build_type, build, repository, revision, started_at, finished_at)
VALUES (:attestation, :builder, :build_type, :build, :repository, :revision, :started_at, :finished_at)

-- keep_materials --
WITH r AS MATERIALIZED (SELECT key, value FROM json_each(:rows))
INSERT INTO material (attestation_id, ordinal, uri, name, digest)
SELECT :attestation, r.key, r.value ->> 0, r.value ->> 1, r.value ->> 2 FROM r

-- list_attestations --
-- Uses attestation_subject_idx.
SELECT a.id, s.digest, c.digest, a.ordinal, a.source, h.digest, a.kind, a.content, a.seen_at, a.predicate_type,
       a.issuer, a.identity, a.hint, a.reason,
       pr.attestation_id, pr.builder, pr.build_type, pr.build, pr.repository, pr.revision, pr.started_at, pr.finished_at,
       (SELECT json_group_array(json_array(g.name, gn.name, g.kind, v.key, v.issuer, v.identity, v.signed_at, v.level,
                                           v.reason))
          FROM verdict v JOIN signer g ON g.id = v.signer_id LEFT JOIN namespace gn ON gn.id = g.namespace_id
         WHERE v.attestation_id = a.id)
  FROM json_each(:subjects) w
 CROSS JOIN blob s ON s.digest = w.value
 CROSS JOIN evidence a ON a.subject_id = s.id AND a.package_id = :package
  JOIN blob c ON c.id = a.carrier_id
  JOIN blob h ON h.id = a.holder_id
  LEFT JOIN provenance pr ON pr.attestation_id = a.id
 ORDER BY a.id

-- list_holders --
SELECT a.id, n.name, p.format, p.name, h.digest
  FROM attestation a
  JOIN package p ON p.id = a.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob h ON h.id = a.holder_id
 WHERE a.id > :after AND (:namespace IS NULL OR n.name = :namespace)
   AND a.kind IN (SELECT value FROM json_each(:kinds))
 ORDER BY a.id
 LIMIT :limit

-- list_affected --
-- Uses verification_signer_idx, and clearance_open_idx for each artifact that the subject is, or is a file of.
SELECT a.id, n.name, p.format, p.name, s.digest, a.predicate_type,
       (SELECT json_group_array(DISTINCT r.name)
          FROM (SELECT a.subject_id AS id
                UNION SELECT l.artifact_id FROM link l WHERE l.target_id = a.subject_id AND l.kind = 'layer') x
         CROSS JOIN reference r ON r.blob_id = x.id AND r.package_id = a.package_id AND r.until_position IS NULL),
       (SELECT json_group_array(DISTINCT ch.name)
          FROM (SELECT a.subject_id AS id
                UNION SELECT l.artifact_id FROM link l WHERE l.target_id = a.subject_id AND l.kind = 'layer') x
         CROSS JOIN clearance k ON k.package_id = a.package_id AND k.blob_id = x.id AND k.until_position IS NULL
          JOIN channel ch ON ch.id = k.channel_id),
       EXISTS (SELECT 1 FROM verdict w WHERE w.attestation_id = a.id AND w.reason IS NULL)
  FROM verification v
  JOIN evidence a ON a.id = v.attestation_id
  JOIN package p ON p.id = a.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob s ON s.id = a.subject_id
 WHERE v.signer_id = :signer AND a.id > :after
 ORDER BY a.id
 LIMIT :limit

-- list_builds_by_revision --
-- Uses provenance_revision_idx. The statements that follow are this one by other columns.
SELECT a.id, n.name, p.format, p.name, s.digest,
       (SELECT json_group_array(DISTINCT r.name)
          FROM (SELECT a.subject_id AS id
                UNION SELECT l.artifact_id FROM link l WHERE l.target_id = a.subject_id AND l.kind = 'layer') x
         CROSS JOIN reference r ON r.blob_id = x.id AND r.package_id = a.package_id AND r.until_position IS NULL),
       (SELECT json_group_array(json_array(g.name, v.level))
          FROM verdict v JOIN signer g ON g.id = v.signer_id
         WHERE v.attestation_id = a.id AND v.reason IS NULL),
       pr.attestation_id, pr.builder, pr.build_type, pr.build, pr.repository, pr.revision, pr.started_at, pr.finished_at,
       n.public
  FROM provenance pr
 CROSS JOIN evidence a ON a.id = pr.attestation_id
  JOIN package p ON p.id = a.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob s ON s.id = a.subject_id
 WHERE pr.revision BETWEEN :value AND :last
   AND a.id > :after AND (:namespace IS NULL OR n.name = :namespace)
 ORDER BY a.id
 LIMIT :limit

-- completeness --
-- Of what the names of a namespace mean: how many have a signature that counts, and how many provenance that does.
WITH named (package_id, blob_id) AS (
    SELECT DISTINCT r.package_id, r.blob_id
      FROM namespace n
      JOIN package p ON p.namespace_id = n.id
      JOIN reference r ON r.package_id = p.id AND r.until_position IS NULL
     WHERE n.name = :namespace AND substr(r.name, 1, 7) NOT IN ('sha256-', 'sha512-')
), counting (package_id, subject_id, built) AS (
    SELECT a.package_id, a.subject_id, EXISTS (SELECT 1 FROM provenance pr WHERE pr.attestation_id = a.id)
      FROM namespace n
      JOIN package p ON p.namespace_id = n.id
      JOIN evidence a ON a.package_id = p.id
     WHERE n.name = :namespace
       AND EXISTS (SELECT 1 FROM verdict v WHERE v.attestation_id = a.id AND v.reason IS NULL)
), covered (package_id, blob_id, built) AS (
    SELECT package_id, subject_id, built FROM counting
    UNION
    SELECT c.package_id, l.artifact_id, c.built
      FROM counting c JOIN link l ON l.target_id = c.subject_id AND l.kind = 'layer'
)
SELECT count(*),
       count(CASE WHEN (d.package_id, d.blob_id) IN (SELECT c.package_id, c.blob_id FROM covered c) THEN 1 END),
       count(CASE WHEN (d.package_id, d.blob_id) IN (SELECT c.package_id, c.blob_id FROM covered c WHERE c.built) THEN 1 END)
  FROM named d
