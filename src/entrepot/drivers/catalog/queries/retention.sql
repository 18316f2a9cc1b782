-- What stays of a namespace's versions, and what was planned to go.

-- find_retention --
SELECT t.rules, t.automatic FROM retention t JOIN namespace n ON n.id = t.namespace_id WHERE n.name = :namespace

-- list_ruled --
SELECT n.name
  FROM retention t JOIN namespace n ON n.id = t.namespace_id
 WHERE t.rules <> '[]' AND t.automatic >= :automatic
 ORDER BY n.name

-- set_retention --
INSERT INTO retention (namespace_id, rules, automatic, actor, position)
VALUES (:namespace, :rules, :automatic, :actor, :position)
ON CONFLICT (namespace_id) DO UPDATE
   SET rules = excluded.rules, automatic = excluded.automatic, actor = excluded.actor, position = excluded.position
 WHERE retention.rules <> excluded.rules OR retention.automatic <> excluded.automatic

-- find_revision --
SELECT p.revision
  FROM namespace n JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
 WHERE n.name = :namespace

-- candidate [part] --
-- An artifact that stands for itself: nothing in its package contains it, and what it refers to is not there.
-- Uses membership_artifact_idx, reference_artifact_idx, link_target_idx and clearance_open_idx.
SELECT m.package_id, m.blob_id, b.digest, e.at,
       (SELECT json_group_array(r.kind || ' ' || r.name) FROM reference r
         WHERE r.blob_id = m.blob_id AND r.package_id = m.package_id AND r.until_position IS NULL) AS names,
       u.at AS pulled_at, u.actor AS pulled_by,
       (SELECT c.name FROM clearance k JOIN channel c ON c.id = k.channel_id
         WHERE k.package_id = m.package_id AND k.blob_id = m.blob_id AND k.until_position IS NULL
         ORDER BY c.rank DESC LIMIT 1) AS channel,
       m.from_position, m.id
  FROM membership m
  JOIN blob b ON b.id = m.blob_id
  JOIN event e ON e.position = m.from_position
  JOIN artifact x ON x.blob_id = m.blob_id
  LEFT JOIN pull u ON u.package_id = m.package_id AND u.blob_id = m.blob_id
 WHERE m.until_position IS NULL AND m.role = 'artifact'
   AND NOT EXISTS (
        SELECT 1 FROM link l
         CROSS JOIN membership h ON h.package_id = m.package_id AND h.blob_id = l.artifact_id AND h.role = 'artifact'
                                AND h.until_position IS NULL
         WHERE l.target_id = m.blob_id AND l.kind = 'manifest')
   AND (x.subject_id IS NULL OR NOT EXISTS (
        SELECT 1 FROM membership s
         WHERE s.package_id = m.package_id AND s.blob_id = x.subject_id AND s.until_position IS NULL))

-- list_candidates --
-- A page of a package's.
{candidate}
   AND m.package_id = :package
   AND (m.from_position > :position OR (m.from_position = :position AND m.id > :row))
 ORDER BY m.from_position, m.id
 LIMIT :limit

-- candidate_of [part] --
-- All of some packages, which are few; in any order.
{candidate}
   AND m.package_id IN (SELECT CAST(j.value AS BIGINT) FROM json_each(:packages) j)

-- list_candidates_of --
-- In one row: it is asked aside, where every row would wait for the interpreter.
SELECT json_group_array(json_array(
           package_id, blob_id, digest, at, json(names), pulled_at, pulled_by, channel, from_position, id))
  FROM ({candidate_of}) c

-- list_candidates_of [postgresql] --
SELECT coalesce(json_agg(json_array(
           package_id, blob_id, digest, at, names, pulled_at, pulled_by, channel, from_position, id)), '[]')
  FROM ({candidate_of}) c

-- list_having_parts --
-- Those of some artifacts that may contain others, or that others refer to; in one row, as above. Whether anything is under
-- a tag made of its digest is asked only where there are such tags. Uses artifact_subject_idx and reference_open_idx.
SELECT json_group_array(m.id)
  FROM json_each(:rows) j
 CROSS JOIN membership m ON m.id = CAST(j.value AS BIGINT)
 CROSS JOIN blob b ON b.id = m.blob_id
 WHERE EXISTS (SELECT 1 FROM artifact a WHERE a.subject_id = m.blob_id)
    OR EXISTS (SELECT 1 FROM link l
                WHERE l.artifact_id = m.blob_id
                  AND (l.kind = 'manifest' OR EXISTS (SELECT 1 FROM artifact a WHERE a.subject_id = l.target_id)))
    OR (EXISTS (SELECT 1 FROM reference r
                 WHERE r.package_id = m.package_id AND r.until_position IS NULL
                   AND r.name >= 'sha256-' AND r.name < 'sha512-~')
        AND EXISTS (SELECT 1 FROM reference r
                     WHERE r.package_id = m.package_id AND r.until_position IS NULL
                       AND r.name >= replace(substr(b.digest, 1, 71), ':', '-')
                       AND r.name < replace(substr(b.digest, 1, 71), ':', '-') || '~'))

-- has_artifact --
-- Uses membership_open_idx.
SELECT 1
  FROM blob b JOIN membership m ON m.package_id = :package AND m.blob_id = b.id AND m.role = 'artifact'
                               AND m.until_position IS NULL
 WHERE b.digest >= :digest AND b.digest < :digest || '~'

-- consists [part] --
-- What each of some items consists of, with its size and whether nothing else needs it, as is so of most: an artifact that
-- is nowhere else, and what one artifact alone requires (I2), in one package alone. Artifacts that it contains are parts by
-- themselves where they go too. Uses retention_part_ordinal_idx, membership_blob_idx, membership_open_idx and link_target_idx.
SELECT p.ordinal, b.id AS blob_id, b.size,
       b.state IN ('present', 'damaged') AND NOT EXISTS (
            SELECT 1 FROM membership o
             WHERE o.blob_id = b.id AND o.until_position IS NULL
               AND (o.package_id <> p.package_id OR o.role <> 'artifact')) AS alone
  FROM retention_part p JOIN blob b ON b.id = p.blob_id
 WHERE p.plan_id = :plan AND p.ordinal > :after AND p.ordinal <= :upto
UNION ALL
SELECT p.ordinal, b.id, b.size,
       b.state IN ('present', 'damaged')
       AND l.required
       AND NOT EXISTS (
            SELECT 1 FROM link o
             WHERE o.target_id = b.id AND (o.artifact_id <> l.artifact_id OR o.ordinal <> l.ordinal))
       AND NOT EXISTS (
            SELECT 1 FROM membership o
             WHERE o.blob_id = b.id AND o.until_position IS NULL AND (o.package_id <> p.package_id OR o.role <> 'blob'))
  FROM retention_part p JOIN link l ON l.artifact_id = p.blob_id AND l.kind <> 'manifest' JOIN blob b ON b.id = l.target_id
 WHERE p.plan_id = :plan AND p.ordinal > :after AND p.ordinal <= :upto

-- measured [part] --
-- Of each item what nothing else needs, together; what something else may need, once for all of them.
SELECT CASE WHEN alone THEN ordinal END AS ordinal, CASE WHEN alone THEN NULL ELSE blob_id END AS blob_id, sum(size) AS size
  FROM ({consists}) c
 GROUP BY 1, 2

-- measure --
-- In one row, as above.
SELECT json_group_array(json_array(ordinal, blob_id, size)) FROM ({measured}) m

-- measure [postgresql] --
SELECT coalesce(json_agg(json_array(ordinal, blob_id, size)), '[]') FROM ({measured}) m

-- list_crowded --
-- Those of some blobs that more artifacts link than one question asks about. Uses link_target_idx.
SELECT CAST(j.value AS BIGINT)
  FROM json_each(:blobs) j
 WHERE (SELECT count(*) FROM (SELECT 1 FROM link l WHERE l.target_id = CAST(j.value AS BIGINT) LIMIT :most + 1) few) > :most

-- last_needed --
-- Of each of some blobs: its size, and with which item the last that needs it goes (`:never` when one stays). From each that
-- links it to the packages that has both: from the package's side that would be quadratic in a layer that all share.
-- Uses membership_blob_idx, membership_open_idx and link_target_idx.
SELECT b.size, o.last
  FROM (SELECT u.blob_id, max(coalesce(p.ordinal, :never)) AS last
          FROM (SELECT m.blob_id, m.package_id, m.blob_id AS holder_id
                  FROM json_each(:blobs) j
                 CROSS JOIN membership m ON m.blob_id = CAST(j.value AS BIGINT) AND m.role = 'artifact' AND m.until_position IS NULL
                UNION ALL
                SELECT l.target_id, h.package_id, h.blob_id
                  FROM json_each(:blobs) j
                 CROSS JOIN link l ON l.target_id = CAST(j.value AS BIGINT)
                 CROSS JOIN membership h ON h.blob_id = l.artifact_id AND h.role = 'artifact' AND h.until_position IS NULL
                 CROSS JOIN membership m ON m.package_id = h.package_id AND m.blob_id = l.target_id
                       AND m.role = 'blob' AND m.until_position IS NULL) u
          LEFT JOIN retention_part p
            ON p.plan_id = :plan AND p.package_id = u.package_id AND p.blob_id = u.holder_id
         GROUP BY u.blob_id) o
  JOIN blob b ON b.id = o.blob_id AND b.state IN ('present', 'damaged')

-- last_needed_by --
-- The same of one blob, asked of some of the artifacts that link it, in their order: its size, the last of these, and with
-- which item the last that needs it goes. Uses link_target_idx, membership_blob_idx and membership_open_idx.
WITH page (artifact_id) AS (
    SELECT l.artifact_id FROM link l
     WHERE l.target_id = :blob AND l.artifact_id > :after ORDER BY l.artifact_id LIMIT :limit)
SELECT (SELECT b.size FROM blob b WHERE b.id = :blob AND b.state IN ('present', 'damaged')),
       (SELECT max(artifact_id) FROM page),
       (SELECT max(coalesce(p.ordinal, :never))
          FROM page l
         CROSS JOIN membership h ON h.blob_id = l.artifact_id AND h.role = 'artifact' AND h.until_position IS NULL
         CROSS JOIN membership m ON m.package_id = h.package_id AND m.blob_id = :blob AND m.role = 'blob'
               AND m.until_position IS NULL
          LEFT JOIN retention_part p ON p.plan_id = :plan AND p.package_id = h.package_id AND p.blob_id = h.blob_id),
       (SELECT max(coalesce(p.ordinal, :never))
          FROM membership m
          LEFT JOIN retention_part p ON p.plan_id = :plan AND p.package_id = m.package_id AND p.blob_id = m.blob_id
         WHERE m.blob_id = :blob AND m.role = 'artifact' AND m.until_position IS NULL AND :after = 0)

-- plan_id --
SELECT id FROM retention_plan WHERE name = :plan

-- draft --
INSERT INTO retention_plan (name, namespace_id, state, rules, digest, actor, at, looked_at, size)
VALUES (:name, :namespace, 'drafted', :rules, '', :actor, :at, 0, 0)

-- add_items --
WITH r AS MATERIALIZED (SELECT value FROM json_each(:rows))
INSERT INTO retention_item (plan_id, ordinal, package_id, blob_id, names, parts, rule, reason, at, pulled_at, pulled_by,
                            keeper, state, size)
SELECT :plan, CAST(r.value ->> 0 AS BIGINT), CAST(r.value ->> 1 AS BIGINT), CAST(r.value ->> 2 AS BIGINT), r.value ->> 3,
       r.value ->> 4, r.value ->> 5, r.value ->> 6, r.value ->> 7, r.value ->> 8, r.value ->> 9, r.value ->> 10,
       r.value ->> 11, 0
  FROM r

-- add_roots --
INSERT INTO retention_part (plan_id, package_id, blob_id, ordinal)
SELECT plan_id, package_id, blob_id, ordinal FROM retention_item
 WHERE plan_id = :plan AND ordinal BETWEEN :first AND :last AND keeper IS NULL

-- add_parts --
WITH r AS MATERIALIZED (SELECT value FROM json_each(:rows))
INSERT INTO retention_part (plan_id, package_id, blob_id, ordinal)
SELECT :plan, CAST(r.value ->> 0 AS BIGINT), CAST(r.value ->> 1 AS BIGINT), CAST(r.value ->> 2 AS BIGINT)
  FROM r
 WHERE TRUE
ON CONFLICT DO NOTHING

-- add_sizes --
-- Uses retention_item's own key, and only because the plan is one of each row, too.
WITH r AS MATERIALIZED (SELECT value FROM json_each(:rows))
UPDATE retention_item SET size = size + CAST(r.value ->> 2 AS BIGINT)
  FROM r
 WHERE plan_id = CAST(r.value ->> 0 AS BIGINT) AND ordinal = CAST(r.value ->> 1 AS BIGINT)

-- forget_parts --
DELETE FROM retention_part
 WHERE plan_id = :plan AND ordinal IN (
        SELECT ordinal FROM retention_part WHERE plan_id = :plan ORDER BY ordinal LIMIT :limit)

-- finish --
UPDATE retention_plan
   SET state = 'planned', digest = :digest, looked_at = :looked_at, size = :size, position = :position
 WHERE id = :plan

-- begin --
UPDATE retention_plan SET state = 'begun', begun_by = :actor WHERE name = :plan AND state = 'planned'

-- end_plan --
UPDATE retention_plan SET state = 'applied' WHERE name = :plan AND state = 'begun'

-- list_plans --
-- Uses retention_plan_namespace_idx and retention_item_state_idx.
SELECT t.name, n.name, t.state, t.rules, t.digest, t.actor, t.at, t.looked_at, t.size, t.begun_by,
       (SELECT json_group_object(c.state, c.count) FROM (
            SELECT i.state, count(*) AS count FROM retention_item i WHERE i.plan_id = t.id GROUP BY i.state) c)
  FROM retention_plan t JOIN namespace n ON n.id = t.namespace_id
 WHERE t.state <> 'drafted' AND (:name IS NULL OR t.name = :name) AND (:namespace IS NULL OR n.name = :namespace)
   AND (:state IS NULL OR t.state = :state)
 ORDER BY t.id DESC
 LIMIT :limit

-- count_items --
-- Uses retention_item_state_idx.
SELECT state, count(*) FROM retention_item WHERE plan_id = :plan GROUP BY state

-- list_outdated --
SELECT name FROM retention_plan WHERE at < :before AND state <> 'begun' ORDER BY id LIMIT :limit

-- list_items --
SELECT i.ordinal, n.name, p.format, p.name, b.digest, i.names, i.parts, i.rule, i.reason, i.at, i.pulled_at, i.pulled_by,
       i.keeper, i.size, i.state
  FROM retention_item i
  JOIN package p ON p.id = i.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = i.blob_id
 WHERE i.plan_id = (SELECT id FROM retention_plan WHERE name = :plan) AND i.ordinal > :after
   AND (:state IS NULL OR i.state = :state)
 ORDER BY i.ordinal
 LIMIT :limit

-- find_item_state --
SELECT i.state FROM retention_plan t JOIN retention_item i ON i.plan_id = t.id AND i.ordinal = :ordinal WHERE t.name = :plan

-- mark_item --
UPDATE retention_item SET state = :state
 WHERE plan_id = (SELECT id FROM retention_plan WHERE name = :plan) AND ordinal = :ordinal

-- forget_items --
DELETE FROM retention_item
 WHERE plan_id = :plan AND ordinal IN (SELECT ordinal FROM retention_item WHERE plan_id = :plan ORDER BY ordinal LIMIT :limit)

-- forget_plan --
DELETE FROM retention_plan WHERE id = :plan
