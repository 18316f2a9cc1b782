-- What others say of flaws.

-- list_vex --
-- What signed statements say of flaws in an artifact and in what it contains. Uses attestation_subject_idx.
WITH RECURSIVE inside (id) AS (
    SELECT id FROM blob WHERE digest = :digest
    UNION SELECT l.target_id FROM inside i JOIN link l ON l.artifact_id = i.id AND l.kind = 'manifest')
SELECT s.digest, c.digest, v.flaws, v.products, v.components, v.status, v.reason, v.author, v.at, v.until,
       (SELECT json_group_array(json_array(g.name, d.reason, x.suppresses))
          FROM verdict d
          JOIN verification x ON x.attestation_id = d.attestation_id AND x.signer_id = d.signer_id
          JOIN signer g ON g.id = d.signer_id
         WHERE d.attestation_id = a.id)
  FROM inside i
 CROSS JOIN evidence a ON a.subject_id = i.id AND a.package_id = :package
 CROSS JOIN vex_statement v ON v.attestation_id = a.id
  JOIN blob s ON s.id = a.subject_id
  JOIN blob c ON c.id = a.carrier_id
 WHERE NOT :counting OR EXISTS (
        SELECT 1 FROM verdict d
          JOIN verification x ON x.attestation_id = d.attestation_id AND x.signer_id = d.signer_id
         WHERE d.attestation_id = a.id AND d.reason IS NULL AND x.suppresses)
 ORDER BY a.id, v.ordinal
 LIMIT :limit

-- list_assessed --
-- Uses exemption_package_idx and attestation_subject_idx.
SELECT CAST(j.value ->> 0 AS BIGINT), CAST(j.value ->> 1 AS BIGINT)
  FROM json_each(:places) j
 WHERE EXISTS (SELECT 1 FROM exemption e WHERE e.package_id = CAST(j.value ->> 0 AS BIGINT) AND e.until_position IS NULL)
    OR EXISTS (SELECT 1 FROM attestation a CROSS JOIN vex_statement v ON v.attestation_id = a.id
                WHERE a.subject_id = CAST(j.value ->> 1 AS BIGINT) AND a.package_id = CAST(j.value ->> 0 AS BIGINT))

-- forget_vex --
DELETE FROM vex_statement WHERE attestation_id = :attestation

-- keep_vex --
WITH r AS MATERIALIZED (SELECT key, value FROM json_each(:rows))
INSERT INTO vex_statement (attestation_id, ordinal, flaws, products, components, status, reason, author, at, until)
SELECT :attestation, r.key, r.value ->> 'flaws', r.value ->> 'products', r.value ->> 'components', r.value ->> 'status',
       r.value ->> 'reason', r.value ->> 'author', r.value ->> 'at', r.value ->> 'until'
  FROM r

-- list_exemptions --
-- Uses exemption_package_idx.
SELECT e.id, b.digest, e.flaw, e.component, e.status, e.reason, e.actor, e.at, e.until
  FROM exemption e LEFT JOIN blob b ON b.id = e.blob_id
 WHERE e.package_id = :package AND e.until_position IS NULL
 ORDER BY e.from_position

-- find_exemption --
SELECT e.id, b.digest, e.flaw, e.component, e.status, e.reason, e.actor, e.at, e.until
  FROM exemption e LEFT JOIN blob b ON b.id = e.blob_id
 WHERE e.id = :id AND e.package_id = :package AND e.until_position IS NULL

-- count_exemptions --
SELECT count(*) FROM exemption WHERE package_id = :package AND until_position IS NULL

-- add_exemption --
INSERT INTO exemption (id, package_id, blob_id, flaw, component, status, reason, actor, at, until, from_position)
VALUES (:id, :package, :blob, :flaw, :component, :status, :reason, :actor, :at, :until, :position)

-- end_exemption --
UPDATE exemption SET until_position = :position WHERE id = :id AND package_id = :package AND until_position IS NULL

-- list_reports --
-- Those whose carrier is still in the package, the newest first. Uses the table's own key.
WITH RECURSIVE inside (id) AS (
    SELECT id FROM blob WHERE digest = :digest
    UNION SELECT l.target_id FROM inside i JOIN link l ON l.artifact_id = i.id AND l.kind = 'manifest')
SELECT r.id, s.digest, c.digest, r.ordinal, r.content, r.actor, r.form, r.tool, r.version, r.at, r.findings, r.problem,
       r.position
  FROM inside i
 CROSS JOIN report r ON r.subject_id = i.id AND r.package_id = :package
  JOIN blob s ON s.id = r.subject_id
  JOIN blob c ON c.id = r.carrier_id
 WHERE EXISTS (SELECT 1 FROM membership m
                WHERE m.package_id = r.package_id AND m.blob_id = r.carrier_id AND m.until_position IS NULL)
 ORDER BY r.position DESC, r.id DESC
 LIMIT :limit

-- list_reported --
SELECT r.id, w.tool, w.flaw, w.level, w.score, w.component, w.version, w.fixed, w.message, w.places
  FROM json_each(:reports) j
 CROSS JOIN report r ON r.id = CAST(j.value AS BIGINT)
 CROSS JOIN reported w ON w.report_id = r.id
 ORDER BY j.key, w.ordinal
 LIMIT :limit

-- count_reports --
SELECT count(*) FROM report r
 WHERE r.subject_id = (SELECT id FROM blob WHERE digest = :subject) AND r.package_id = :package
   AND r.problem IS NULL
   AND EXISTS (SELECT 1 FROM membership m
                WHERE m.package_id = r.package_id AND m.blob_id = r.carrier_id AND m.until_position IS NULL)

-- find_report --
SELECT r.id FROM report r
 WHERE r.subject_id = :subject AND r.package_id = :package AND r.carrier_id = :carrier AND r.ordinal = :ordinal

-- add_report --
INSERT INTO report (package_id, subject_id, carrier_id, ordinal, content, actor, form, tool, version, at, findings,
                    problem, position)
VALUES (:package, :subject, :carrier, :ordinal, :content, :actor, :form, :tool, :version, :at, :findings,
        :problem, :position)
RETURNING id

-- add_reported --
WITH r AS MATERIALIZED (SELECT key, value FROM json_each(:rows))
INSERT INTO reported (report_id, ordinal, tool, flaw, level, score, component, version, fixed, message, places)
SELECT :report, r.key, r.value ->> 'tool', r.value ->> 'flaw', r.value ->> 'level',
       CAST(r.value ->> 'score' AS DOUBLE PRECISION), r.value ->> 'component', r.value ->> 'version', r.value ->> 'fixed',
       r.value ->> 'message', r.value ->> 'places'
  FROM r
