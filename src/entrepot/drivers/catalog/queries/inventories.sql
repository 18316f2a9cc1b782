-- SBOMs, and what they say is in artifacts.

-- list_sboms --
-- Those whose carrier is still in the package. Uses the table's own key.
SELECT s.id, c.digest, s.ordinal, s.content, s.source, s.form, s.components, s.unread, s.problem, s.position
  FROM sbom s
  JOIN blob c ON c.id = s.carrier_id
 WHERE s.subject_id = (SELECT id FROM blob WHERE digest = :subject) AND s.package_id = :package
   AND EXISTS (SELECT 1 FROM membership m
                WHERE m.package_id = s.package_id AND m.blob_id = s.carrier_id AND m.until_position IS NULL)
 ORDER BY s.position, s.id

-- find_subjects --
-- What the documents that an artifact brings are about. Uses sbom_carrier_idx.
SELECT DISTINCT b.digest FROM sbom s JOIN blob b ON b.id = s.subject_id
 WHERE s.carrier_id = (SELECT id FROM blob WHERE digest = :carrier) AND s.package_id = :package

-- find_package --
SELECT p.id FROM package p JOIN namespace n ON n.id = p.namespace_id
 WHERE n.name = :namespace AND p.format = :format AND p.name = :package

-- keep_sbom --
INSERT INTO sbom (package_id, subject_id, carrier_id, ordinal, content, source, form, components, unread, problem, position)
VALUES (:package, :subject, :carrier, :ordinal, :content, :source, :form, :components, :unread, :problem, :position)
ON CONFLICT (subject_id, package_id, carrier_id, ordinal) DO UPDATE
   SET content = excluded.content, source = excluded.source, form = excluded.form, components = excluded.components,
       unread = excluded.unread, problem = excluded.problem, position = excluded.position
 WHERE (sbom.content, sbom.source, sbom.form, sbom.components, sbom.unread, coalesce(sbom.problem, ''))
       <> (excluded.content, excluded.source, excluded.form, excluded.components, excluded.unread,
           coalesce(excluded.problem, ''))

-- add_components --
WITH r AS MATERIALIZED (SELECT value FROM json_each(:rows))
INSERT INTO component (type, namespace, name, version, qualifiers)
SELECT r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4 FROM r
 WHERE TRUE
ON CONFLICT DO NOTHING

-- add_uses --
-- What is contained is not made less by another document that only depends on it. Uses component's own keys.
WITH r AS MATERIALIZED (SELECT value FROM json_each(:rows))
INSERT INTO component_use (component_id, blob_id, package_id, relation)
SELECT c.id, :blob, :package, r.value ->> 5
  FROM r
 CROSS JOIN component c ON c.type = r.value ->> 0 AND c.namespace = r.value ->> 1 AND c.name = r.value ->> 2
       AND c.version = r.value ->> 3 AND c.qualifiers = r.value ->> 4
 WHERE TRUE
ON CONFLICT (component_id, blob_id, package_id) DO UPDATE SET relation = excluded.relation WHERE component_use.relation <> excluded.relation

-- list_uses --
-- Uses component_use_blob_idx.
SELECT c.id, c.type, c.namespace, c.name, c.version, c.qualifiers
  FROM component_use u JOIN component c ON c.id = u.component_id
 WHERE u.blob_id = :blob AND u.package_id = :package

-- remove_uses --
-- Uses component_use's own key.
DELETE FROM component_use
 WHERE component_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:rows)) AND blob_id = :blob AND package_id = :package

-- list_components --
-- Uses component_use_blob_idx.
SELECT c.type, c.namespace, c.name, c.version, c.qualifiers, u.relation
  FROM component_use u JOIN component c ON c.id = u.component_id
 WHERE u.blob_id = (SELECT id FROM blob WHERE digest = :subject) AND u.package_id = :package
 ORDER BY c.type, c.namespace, c.name, c.version, c.qualifiers

-- add_licence --
INSERT INTO licence (expression, category) VALUES (:expression, :category)
ON CONFLICT (expression) DO UPDATE SET category = excluded.category WHERE licence.category <> excluded.category

-- forget_licences --
DELETE FROM licence_use WHERE blob_id = :blob AND package_id = :package

-- add_licence_use --
INSERT INTO licence_use (blob_id, package_id, licence_id, components)
SELECT :blob, :package, id, :components FROM licence WHERE expression = :expression

-- list_licences --
SELECT l.expression, l.category, u.components
  FROM licence_use u JOIN licence l ON l.id = u.licence_id
 WHERE u.blob_id = (SELECT id FROM blob WHERE digest = :subject) AND u.package_id = :package
 ORDER BY l.expression
