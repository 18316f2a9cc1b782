-- What is known to be bad, and of what.

-- list_sources --
SELECT s.name, s.url, s.private, s.etag, s.last_modified, s.imported_at, s.checked_at, s.problem, s.cursor,
       s.credentials IS NOT NULL, (SELECT count(*) FROM advisory a WHERE a.source_id = s.id),
       (SELECT max(a.modified) FROM advisory a WHERE a.source_id = s.id)
  FROM advisory_source s ORDER BY s.name

-- list_origins --
SELECT s.name, o.name, o.through, o.read_at, (SELECT count(*) FROM advisory a WHERE a.origin_id = o.id)
  FROM advisory_origin o JOIN advisory_source s ON s.id = o.source_id ORDER BY s.name, o.name

-- put_source --
INSERT INTO advisory_source (name, url, private, etag, last_modified, imported_at, checked_at, problem, cursor)
VALUES (:name, :url, :private, :etag, :last_modified, :imported_at, :checked_at, :problem, :cursor)
    ON CONFLICT (name) DO UPDATE
   SET url = excluded.url, private = excluded.private, etag = excluded.etag, last_modified = excluded.last_modified,
       imported_at = excluded.imported_at, checked_at = excluded.checked_at, problem = excluded.problem,
       cursor = excluded.cursor

-- put_source_secret --
UPDATE advisory_source SET credentials = :secret WHERE name = :name

-- find_source_secret --
SELECT credentials FROM advisory_source WHERE name = :name

-- ask_for_all --
-- What two sources had was kept once: who is asked for what is new would not say it again.
UPDATE advisory_source SET etag = NULL, last_modified = NULL, cursor = NULL WHERE id <> :source

-- put_origin --
INSERT INTO advisory_origin (source_id, name, through, read_at) VALUES (:source, :name, :through, :read_at)
    ON CONFLICT (source_id, name) DO UPDATE SET through = excluded.through, read_at = excluded.read_at

-- find_origin --
SELECT id FROM advisory_origin WHERE source_id = :source AND name = :name

-- remove_origins --
-- Those that are named no more, and said nothing that is still here.
DELETE FROM advisory_origin
 WHERE source_id = :source AND name NOT IN (SELECT value FROM json_each(:names))
   AND NOT EXISTS (SELECT 1 FROM advisory a WHERE a.origin_id = advisory_origin.id)

-- find_source --
SELECT id FROM advisory_source WHERE name = :name

-- remove_source --
DELETE FROM advisory_source WHERE id = :source

-- list_advisories_of --
SELECT id, name FROM advisory WHERE source_id = :source

-- list_names_of --
SELECT a.name FROM advisory a JOIN advisory_source s ON s.id = a.source_id WHERE s.name = :source

-- find_advisory --
SELECT id, source_id, modified, hash FROM advisory WHERE name = :name

-- put_advisory --
INSERT INTO advisory (name, source_id, origin_id, modified, published, withdrawn, level, score, vector, summary, aliases,
                      upstream, hash, content, change)
VALUES (:name, :source, :origin, :modified, :published, :withdrawn, :level, :score, :vector, :summary, :aliases,
        :upstream, :hash, :content, :change)
    ON CONFLICT (name) DO UPDATE
   SET source_id = excluded.source_id, origin_id = excluded.origin_id, change = excluded.change,
       modified = excluded.modified, published = excluded.published,
       withdrawn = excluded.withdrawn, level = excluded.level, score = excluded.score, vector = excluded.vector,
       summary = excluded.summary, aliases = excluded.aliases, upstream = excluded.upstream, hash = excluded.hash,
       content = excluded.content
RETURNING id

-- next_change --
UPDATE advisory_feed SET change = CASE WHEN change < :now THEN :now ELSE change + 1 END RETURNING change

-- read_feed --
SELECT instance, change FROM advisory_feed

-- list_changes --
SELECT a.change, a.name, a.content, s.name || coalesce('/' || o.name, '')
  FROM advisory a JOIN advisory_source s ON s.id = a.source_id LEFT JOIN advisory_origin o ON o.id = a.origin_id
 WHERE a.change > :after
UNION ALL
SELECT change, name, NULL, NULL FROM advisory_removed WHERE change > :after
 ORDER BY 1 LIMIT :limit

-- note_removed --
INSERT INTO advisory_removed (name, change) VALUES (:name, :change)
    ON CONFLICT (name) DO UPDATE SET change = excluded.change

-- note_returned --
DELETE FROM advisory_removed WHERE name = :name

-- forget_matches --
DELETE FROM component_match WHERE advisory_id = :advisory

-- forget_affected --
DELETE FROM affected WHERE advisory_id = :advisory

-- forget_names --
-- Walks the names that the advisory itself says it has.
DELETE FROM advisory_name
 WHERE advisory_id = :advisory
   AND name IN (SELECT a.name FROM advisory a WHERE a.id = :advisory
                UNION ALL SELECT j.value FROM advisory a, json_each(a.aliases) j WHERE a.id = :advisory
                UNION ALL SELECT j.value FROM advisory a, json_each(a.upstream) j WHERE a.id = :advisory)

-- forget_advisory --
DELETE FROM advisory WHERE id = :advisory

-- add_names --
INSERT INTO advisory_name (name, advisory_id) SELECT value, :advisory FROM json_each(:rows) WHERE TRUE ON CONFLICT DO NOTHING

-- add_affected --
INSERT INTO affected (ecosystem, name, advisory_id, release, rule) VALUES (:ecosystem, :name, :advisory, :release, :rule)

-- put_exploitation --
WITH r AS MATERIALIZED (SELECT value FROM json_each(:rows))
INSERT INTO exploitation (name, epss, percentile, known_since)
SELECT r.value ->> 0, CAST(r.value ->> 1 AS DOUBLE PRECISION), CAST(r.value ->> 2 AS DOUBLE PRECISION), r.value ->> 3
  FROM r
 WHERE TRUE
    ON CONFLICT (name) DO UPDATE
   SET epss = coalesce(excluded.epss, exploitation.epss), percentile = coalesce(excluded.percentile, exploitation.percentile),
       known_since = coalesce(excluded.known_since, exploitation.known_since)

-- list_components --
-- Uses component_subject_idx alone.
SELECT component_id, release, version FROM component_subject WHERE ecosystem = :ecosystem AND name = :name

-- list_unnamed --
-- Components come in the order of their numbers, and so are they named.
SELECT id, type, namespace, name, version, qualifiers FROM component
 WHERE id > (SELECT coalesce(max(component_id), 0) FROM component_subject) ORDER BY id LIMIT :limit

-- name_component --
INSERT INTO component_subject (component_id, ecosystem, name, release, version)
VALUES (:component, :ecosystem, :name, :release, :version)
    ON CONFLICT (component_id) DO NOTHING

-- list_rules --
SELECT w.advisory_id, w.ecosystem, w.name, w.release, w.rule
  FROM json_each(:subjects) j
  CROSS JOIN affected w ON w.ecosystem = j.value ->> 0 AND w.name = j.value ->> 1

-- list_known_rules --
SELECT w.advisory_id, w.ecosystem, w.name, w.release, w.rule, a.name, a.modified, a.published, a.withdrawn, a.level,
       a.score, a.vector, a.summary, a.aliases, a.upstream,
       s.name || coalesce('/' || o.name, ''), CASE WHEN o.read_at < s.imported_at THEN o.read_at ELSE s.imported_at END
  FROM json_each(:subjects) j
  CROSS JOIN affected w ON w.ecosystem = j.value ->> 0 AND w.name = j.value ->> 1
  JOIN advisory a ON a.id = w.advisory_id
  JOIN advisory_source s ON s.id = a.source_id
  LEFT JOIN advisory_origin o ON o.id = a.origin_id

-- add_matches --
WITH r AS MATERIALIZED (SELECT value FROM json_each(:rows))
INSERT INTO component_match (component_id, advisory_id, state, fixed)
SELECT CAST(r.value ->> 0 AS BIGINT), CAST(r.value ->> 1 AS BIGINT), r.value ->> 2, r.value ->> 3 FROM r
 WHERE TRUE
    ON CONFLICT (component_id, advisory_id) DO UPDATE SET state = excluded.state, fixed = excluded.fixed

-- find_known --
-- One step from a name to what has it, one to its other names, and one back: databases alias each other.
WITH asked (name) AS (SELECT value FROM json_each(:names)),
     first (id) AS (SELECT n.advisory_id FROM asked CROSS JOIN advisory_name n ON n.name = asked.name),
     other (name) AS (
         SELECT a.name FROM first CROSS JOIN advisory a ON a.id = first.id
         UNION SELECT j.value FROM first CROSS JOIN advisory a ON a.id = first.id, json_each(a.aliases) j),
     found (id) AS (
         SELECT id FROM first
         UNION SELECT n.advisory_id FROM other CROSS JOIN advisory_name n ON n.name = other.name
               CROSS JOIN advisory a ON a.id = n.advisory_id
          WHERE a.name = other.name OR EXISTS (SELECT 1 FROM json_each(a.aliases) j WHERE j.value = other.name))
SELECT a.name, a.modified, a.published, a.withdrawn, a.level, a.score, a.vector, a.summary, a.aliases, a.upstream,
       s.name || coalesce('/' || o.name, ''), CASE WHEN o.read_at < s.imported_at THEN o.read_at ELSE s.imported_at END
  FROM found CROSS JOIN advisory a ON a.id = found.id JOIN advisory_source s ON s.id = a.source_id
  LEFT JOIN advisory_origin o ON o.id = a.origin_id
 ORDER BY a.name

-- find_content --
SELECT content FROM advisory WHERE name = :name

-- find_exploitation --
SELECT e.name, e.epss, e.known_since FROM json_each(:names) j CROSS JOIN exploitation e ON e.name = j.value

-- list_findings --
-- A dependency without a version is not in it: which one somebody gets is decided where it is installed.
WITH RECURSIVE inside (id) AS (
    SELECT id FROM blob WHERE digest = :digest
    UNION SELECT l.target_id FROM inside i JOIN link l ON l.artifact_id = i.id AND l.kind = 'manifest')
SELECT a.name, a.modified, a.published, a.withdrawn, a.level, a.score, a.vector, a.summary, a.aliases, a.upstream,
       s.name || coalesce('/' || o.name, ''), CASE WHEN o.read_at < s.imported_at THEN o.read_at ELSE s.imported_at END,
       c.type, c.namespace, c.name, c.version, c.qualifiers, m.state, m.fixed, b.digest, u.relation
  FROM inside i
  CROSS JOIN component_use u ON u.blob_id = i.id AND u.package_id = :package
  CROSS JOIN component_match m ON m.component_id = u.component_id
  JOIN component c ON c.id = m.component_id AND (c.version <> '' OR u.relation <> 'dependency')
  JOIN advisory a ON a.id = m.advisory_id
  JOIN advisory_source s ON s.id = a.source_id
  LEFT JOIN advisory_origin o ON o.id = a.origin_id
  JOIN blob b ON b.id = i.id
 LIMIT :limit

-- count_components --
WITH RECURSIVE inside (id) AS (
    SELECT id FROM blob WHERE digest = :digest
    UNION SELECT l.target_id FROM inside i JOIN link l ON l.artifact_id = i.id AND l.kind = 'manifest')
SELECT count(DISTINCT u.component_id), count(DISTINCT CASE WHEN c.component_id IS NULL THEN u.component_id END)
  FROM inside i
  CROSS JOIN component_use u ON u.blob_id = i.id AND u.package_id = :package
  LEFT JOIN component_subject c ON c.component_id = u.component_id

-- count_unread --
-- Documents that say, or are, something that could not be read; those whose carrier is still in the package.
WITH RECURSIVE inside (id) AS (
    SELECT id FROM blob WHERE digest = :digest
    UNION SELECT l.target_id FROM inside i JOIN link l ON l.artifact_id = i.id AND l.kind = 'manifest')
SELECT count(*)
  FROM inside i
  CROSS JOIN sbom s ON s.subject_id = i.id AND s.package_id = :package
 WHERE (s.problem IS NOT NULL OR s.unread > 0)
   AND EXISTS (SELECT 1 FROM membership m
                WHERE m.package_id = s.package_id AND m.blob_id = s.carrier_id AND m.until_position IS NULL)

-- list_versions --
SELECT id, type, namespace, name, version, qualifiers FROM component
 WHERE type = :type AND namespace = :namespace AND name = :name

-- list_affected --
SELECT m.component_id, m.state
  FROM json_each(:names) j
  JOIN advisory a ON a.name = j.value
  JOIN component_match m ON m.advisory_id = a.id

-- list_holders --
SELECT u.package_id, u.blob_id, c.type, c.namespace, c.name, c.version, c.qualifiers, u.relation, u.component_id
  FROM json_each(:components) j
  CROSS JOIN component_use u ON u.component_id = CAST(j.value AS BIGINT)
  JOIN component c ON c.id = u.component_id
 LIMIT :limit

-- count_uses --
SELECT count(*) FROM json_each(:components) j CROSS JOIN component_use u ON u.component_id = CAST(j.value AS BIGINT)

-- count_holders --
SELECT count(*) FROM (
    SELECT DISTINCT u.blob_id FROM json_each(:components) j CROSS JOIN component_use u ON u.component_id = CAST(j.value AS BIGINT)) h

-- list_places --
-- The artifacts, what contains them in the same package (indexes in indexes), and what they are called there.
WITH RECURSIVE around (package_id, id, inner_id) AS (
    SELECT CAST(j.value ->> 0 AS BIGINT), CAST(j.value ->> 1 AS BIGINT), CAST(j.value ->> 1 AS BIGINT)
      FROM json_each(:holders) j
    UNION SELECT a.package_id, l.artifact_id, a.inner_id
      FROM around a CROSS JOIN link l ON l.target_id = a.id AND l.kind = 'manifest')
SELECT a.package_id, a.id, a.inner_id, n.name, p.format, p.name, b.digest, i.digest, n.public,
       (SELECT json_group_array(r.name) FROM reference r
         WHERE r.blob_id = a.id AND r.package_id = p.id AND r.until_position IS NULL),
       (SELECT json_group_array(ch.name) FROM clearance k JOIN channel ch ON ch.id = k.channel_id
         WHERE k.package_id = p.id AND k.blob_id = a.id AND k.until_position IS NULL)
  FROM around a
  CROSS JOIN membership m
          ON m.package_id = a.package_id AND m.blob_id = a.id AND m.role = 'artifact' AND m.until_position IS NULL
  CROSS JOIN package p ON p.id = a.package_id
  CROSS JOIN namespace n ON n.id = p.namespace_id
  CROSS JOIN blob b ON b.id = a.id
  CROSS JOIN blob i ON i.id = a.inner_id
 ORDER BY n.name, p.format, p.name, m.from_position
 LIMIT :limit

-- find_first_without --
-- A version that has an inventory, itself or what is in it, came later, and has none of the components.
WITH asked (id, last) AS MATERIALIZED (
    SELECT CAST(j.value ->> 0 AS BIGINT), (
           SELECT max(r.from_position)
             FROM json_each(j.value ->> 1) d
             CROSS JOIN reference r
                     ON r.blob_id = CAST(d.value AS BIGINT) AND r.package_id = CAST(j.value ->> 0 AS BIGINT)
                        AND r.until_position IS NULL)
      FROM json_each(:packages) j)
SELECT a.id, (
       SELECT r.name
         FROM reference r
        WHERE r.package_id = a.id AND r.until_position IS NULL AND r.kind = 'version' AND r.from_position > a.last
          AND EXISTS (
              WITH RECURSIVE inside (id) AS (
                  SELECT r.blob_id
                  UNION SELECT l.target_id FROM inside i CROSS JOIN link l ON l.artifact_id = i.id AND l.kind = 'manifest')
              SELECT 1 FROM inside i CROSS JOIN component_use u ON u.blob_id = i.id AND u.package_id = a.id)
          AND NOT EXISTS (
              WITH RECURSIVE inside (id) AS (
                  SELECT r.blob_id
                  UNION SELECT l.target_id FROM inside i CROSS JOIN link l ON l.artifact_id = i.id AND l.kind = 'manifest')
              SELECT 1 FROM inside i CROSS JOIN component_use u ON u.blob_id = i.id AND u.package_id = a.id
               WHERE u.component_id IN (SELECT CAST(value AS BIGINT) FROM json_each(:components)))
        ORDER BY r.from_position
        LIMIT 1)
  FROM asked a
