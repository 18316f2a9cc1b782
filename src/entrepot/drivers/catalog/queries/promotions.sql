-- Policies, and how artifacts came into channels.

-- list_policies --
-- Uses policy_open_idx, or without an end the unique index of policy.
SELECT n.name, p.name, p.version, p.content, p.actor, p.from_position, p.until_position,
       (SELECT e.at FROM event e WHERE e.position = p.from_position)
  FROM namespace n JOIN policy p ON p.namespace_id = n.id AND (:history OR p.until_position IS NULL)
 WHERE n.name = :namespace
 ORDER BY p.name, p.version

-- last_policy --
SELECT version, content, until_position FROM policy
 WHERE namespace_id = :namespace AND name = :name ORDER BY version DESC LIMIT 1

-- end_policy --
-- Uses policy_open_idx.
UPDATE policy SET until_position = :position
 WHERE namespace_id = :namespace AND name = :name AND until_position IS NULL

-- add_policy --
INSERT INTO policy (namespace_id, name, version, content, actor, from_position)
VALUES (:namespace, :name, :version, :content, :actor, :position)

-- list_entered --
-- What stands for itself: what has a name, or what nothing in its package contains. Walks the unique index of package and
-- membership_artifact_idx.
SELECT n.name, p.format, p.name, b.digest, m.from_position,
       (SELECT e.at FROM event e WHERE e.position = m.from_position), m.id
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND (p.format, p.name) >= (:format, :package)
  JOIN membership m ON m.package_id = p.id AND m.role = 'artifact' AND m.until_position IS NULL
  JOIN blob b ON b.id = m.blob_id
 WHERE n.name = :namespace
   AND (p.format, p.name, m.from_position, m.id) > (:format, :package, :position, :row)
   AND (EXISTS (SELECT 1 FROM reference r WHERE r.package_id = p.id AND r.blob_id = m.blob_id AND r.until_position IS NULL)
        OR NOT EXISTS (
            SELECT 1 FROM link l JOIN membership c ON c.package_id = p.id AND c.blob_id = l.artifact_id
                 AND c.role = 'artifact' AND c.until_position IS NULL
             WHERE l.target_id = m.blob_id AND l.kind = 'manifest'))
 ORDER BY p.format, p.name, m.from_position, m.id
 LIMIT :limit

-- list_recent --
-- The same, the newest first: for people, not for the hot path.
SELECT n.name, p.format, p.name, b.digest, m.from_position, e.at, m.id
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id
  JOIN membership m ON m.package_id = p.id AND m.role = 'artifact' AND m.until_position IS NULL
  JOIN event e ON e.position = m.from_position AND e.at >= :since
  JOIN blob b ON b.id = m.blob_id
 WHERE n.name = :namespace
   AND (EXISTS (SELECT 1 FROM reference r WHERE r.package_id = p.id AND r.blob_id = m.blob_id AND r.until_position IS NULL)
        OR NOT EXISTS (
            SELECT 1 FROM link l JOIN membership c ON c.package_id = p.id AND c.blob_id = l.artifact_id
                 AND c.role = 'artifact' AND c.until_position IS NULL
             WHERE l.target_id = m.blob_id AND l.kind = 'manifest'))
 ORDER BY m.from_position DESC, m.id DESC
 LIMIT :limit

-- find_doubts --
SELECT d.policies
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
  JOIN doubt d ON d.package_id = p.id AND d.blob_id = b.id AND d.channel = :channel
 WHERE n.name = :namespace

-- keep_doubts --
INSERT INTO doubt (package_id, blob_id, channel, policies) VALUES (:package, :blob, :channel, :policies)
ON CONFLICT (package_id, blob_id, channel) DO UPDATE SET policies = excluded.policies
 WHERE doubt.policies <> excluded.policies

-- forget_doubts --
DELETE FROM doubt WHERE package_id = :package AND blob_id = :blob AND channel = :channel

-- list_rules --
SELECT ch.name, r.approvals, r.self_approval, r.soak, r.ordered, r.automatic
  FROM namespace n
  JOIN channel ch ON ch.namespace_id = n.id AND ch.rank >= 0
  JOIN channel_rule r ON r.channel_id = ch.id
 WHERE n.name = :namespace

-- find_rules --
SELECT approvals, self_approval, soak, ordered, automatic FROM channel_rule WHERE channel_id = :channel

-- set_rules --
INSERT INTO channel_rule (channel_id, approvals, self_approval, soak, ordered, automatic)
VALUES (:channel, :approvals, :self_approval, :soak, :ordered, :automatic)
ON CONFLICT (channel_id) DO UPDATE
SET approvals = excluded.approvals, self_approval = excluded.self_approval, soak = excluded.soak,
    ordered = excluded.ordered, automatic = excluded.automatic

-- list_waiting --
-- Uses promotion_open_idx.
SELECT id FROM promotion WHERE state = 'proposed' ORDER BY from_position LIMIT :limit

-- list_due --
-- What is cleared for the channel before one that promotes by itself, and not for that. Uses clearance_channel_idx.
SELECT n.name, p.format, p.name, b.digest, ch.name
  FROM channel_rule r
  JOIN channel ch ON ch.id = r.channel_id AND ch.rank > 0
  JOIN namespace n ON n.id = ch.namespace_id
  JOIN channel earlier ON earlier.namespace_id = ch.namespace_id AND earlier.rank = ch.rank - 1
  JOIN clearance k ON k.channel_id = earlier.id AND k.blob_id = k.root_id AND k.until_position IS NULL
  JOIN package p ON p.id = k.package_id
  JOIN blob b ON b.id = k.blob_id
 WHERE r.automatic
   AND NOT EXISTS (
        SELECT 1 FROM clearance x
         WHERE x.channel_id = ch.id AND x.package_id = k.package_id AND x.root_id = k.root_id)
 ORDER BY k.from_position DESC
 LIMIT :limit

-- find_promotion --
SELECT t.id, n.name, p.format, p.name, b.digest, t.version, ch.name, t.state, t.actor, t.reason, t.refusals, t.facts,
       t.policies, t.statement, t.from_position, t.until_position,
       (SELECT e.at FROM event e WHERE e.position = t.from_position),
       (SELECT e.at FROM event e WHERE e.position = t.until_position),
       (SELECT json_group_array(json_array(g.principal, g.at, g.note))
          FROM (SELECT a.principal, e.at, a.note FROM approval a JOIN event e ON e.position = a.position
                 WHERE a.promotion_id = t.id ORDER BY a.position) g)
  FROM promotion t
  JOIN package p ON p.id = t.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN channel ch ON ch.id = t.channel_id
  JOIN blob b ON b.id = t.blob_id
 WHERE t.id = :id

-- find_proposed --
-- Uses promotion_open_idx.
SELECT t.id
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN channel ch ON ch.namespace_id = n.id AND ch.name = :channel
  JOIN blob b ON b.digest = :digest
  JOIN promotion t ON t.package_id = p.id AND t.channel_id = ch.id AND t.blob_id = b.id AND t.state = 'proposed'
 WHERE n.name = :namespace

-- list_promotions --
-- Uses promotion_history_idx.
SELECT t.id
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND (:package IS NULL OR (p.format = :format AND p.name = :package))
  JOIN promotion t ON t.package_id = p.id AND (CAST(:before AS BIGINT) IS NULL OR t.from_position < :before)
  JOIN blob b ON b.id = t.blob_id
 WHERE n.name = :namespace
   AND (:digest IS NULL OR b.digest = :digest)
   AND (NOT :open_only OR t.state = 'proposed')
 ORDER BY t.from_position DESC
 LIMIT :limit

-- keep_promotion --
INSERT INTO promotion (id, package_id, blob_id, version, channel_id, state, actor, reason, refusals, facts, policies,
                       statement, from_position, until_position)
VALUES (:id, :package, :blob, :version, :channel, :state, :actor, :reason, :refusals, :facts, :policies,
        :summary, :position, :until)
ON CONFLICT (id) DO UPDATE
SET state = excluded.state, reason = excluded.reason, refusals = excluded.refusals, facts = excluded.facts,
    policies = excluded.policies, statement = excluded.statement, until_position = excluded.until_position

-- approve --
INSERT INTO approval (promotion_id, principal, note, position) VALUES (:id, :principal, :note, :position)
ON CONFLICT DO NOTHING

-- first_seen --
SELECT e.at, e.actor
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
  JOIN membership m ON m.package_id = p.id AND m.blob_id = b.id AND m.role = 'artifact' AND m.until_position IS NULL
  JOIN event e ON e.position = m.from_position
 WHERE n.name = :namespace

-- cleared_since --
-- Uses clearance_open_idx.
SELECT ch.name, min(e.at)
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN blob b ON b.digest = :digest
  JOIN clearance k ON k.package_id = p.id AND k.blob_id = b.id AND k.until_position IS NULL
  JOIN channel ch ON ch.id = k.channel_id
  JOIN event e ON e.position = k.from_position
 WHERE n.name = :namespace
 GROUP BY ch.id

-- is_cleared --
-- Whether an artifact itself, and not what contains it, is cleared. Uses clearance_open_idx.
SELECT 1
  FROM namespace n
  JOIN package p ON p.namespace_id = n.id AND p.format = :format AND p.name = :package
  JOIN channel ch ON ch.namespace_id = n.id AND ch.name = :channel
  JOIN blob b ON b.digest = :digest
  JOIN clearance k ON k.package_id = p.id AND k.blob_id = b.id AND k.channel_id = ch.id AND k.root_id = b.id
       AND k.until_position IS NULL
 WHERE n.name = :namespace

-- measure --
WITH RECURSIVE within (id) AS (
    SELECT b.id FROM blob b WHERE b.digest = :digest
    UNION
    SELECT l.target_id FROM within JOIN link l ON l.artifact_id = within.id
)
SELECT coalesce(sum(b.size), 0) FROM within JOIN blob b ON b.id = within.id

-- revision --
SELECT revision FROM package WHERE id = :package
