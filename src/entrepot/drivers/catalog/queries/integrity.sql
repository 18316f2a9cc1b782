-- Each statement finds what breaks an invariant (docs/design/invariants.md), as one text column.

-- I1_bytes_are_sound --
SELECT digest || ' is damaged' FROM blob WHERE state = 'damaged'

-- I1_what_is_here_has_its_size --
SELECT b.digest || ': has ' || length(c.bytes) || ' bytes, ' || b.size || ' were promised'
  FROM content c JOIN blob b ON b.id = c.blob_id
 WHERE length(c.bytes) <> b.size AND b.state IN ('present', 'damaged')

-- I1_artifacts_have_their_bytes_here --
SELECT b.digest || ' is an artifact, and its bytes are not in the catalog'
  FROM membership m JOIN blob b ON b.id = m.blob_id
 WHERE m.role = 'artifact' AND m.until_position IS NULL AND b.state = 'present'
   AND NOT EXISTS (SELECT 1 FROM content c WHERE c.blob_id = b.id)

-- I2_links_are_members --
SELECT n.name || '/' || p.format || '/' || p.name || ': ' || o.digest || ' links ' || t.digest || ', which is not there'
  FROM membership m
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob o ON o.id = m.blob_id
  JOIN link l ON l.artifact_id = m.blob_id AND l.required
  JOIN blob t ON t.id = l.target_id
 WHERE m.role = 'artifact' AND m.until_position IS NULL
   AND NOT EXISTS (SELECT 1 FROM erased_blob e WHERE e.blob_id = m.blob_id)  -- It leaves by itself (I14).
   AND (t.state NOT IN ('present', 'damaged') OR NOT EXISTS (
        SELECT 1 FROM membership x
         WHERE x.package_id = m.package_id AND x.blob_id = l.target_id AND x.until_position IS NULL
           AND (l.kind <> 'manifest' OR x.role = 'artifact')))

-- I2_rows_have_their_other_end --
SELECT 'row ' || coalesce(rowid, '?') || ' of ' || "table" || ' has no other end in ' || parent FROM pragma_foreign_key_check

-- I2_rows_have_their_other_end [postgresql] --
-- PostgreSQL lets no other row in.
SELECT '' WHERE FALSE

-- I3_references_name_members --
SELECT n.name || '/' || p.format || '/' || p.name || ': ' || r.name || ' means ' || b.digest || ', which is not there'
  FROM reference r
  JOIN package p ON p.id = r.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = r.blob_id
 WHERE r.until_position IS NULL
   AND NOT EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = r.package_id AND m.blob_id = r.blob_id AND m.role = 'artifact'
           AND m.until_position IS NULL)

-- I4_versions_only_grow --
-- The next meaning of a version's name has only more layers, and no other content at all once sealed. What was deleted
-- comes back as it was; from an upstream, which is asked file by file, packages do so too.
SELECT p.name || ': version ' || old.name || ' meant other content before position ' || new.from_position
  FROM reference old
  JOIN reference new ON new.id = (
        SELECT x.id FROM reference x
         WHERE x.package_id = old.package_id AND x.name = old.name AND x.from_position >= old.until_position
         ORDER BY x.from_position LIMIT 1)
  JOIN package p ON p.id = new.package_id
 WHERE old.kind = 'version' AND old.blob_id <> new.blob_id
   AND (new.kind <> 'version'
     OR (old.until_position < new.from_position AND (p.format = 'oci' OR NOT EXISTS (
            SELECT 1 FROM event e WHERE e.position = new.from_position AND e.actor LIKE 'upstream:%')))
     OR ((old.sealed OR EXISTS (
            SELECT 1 FROM link l WHERE l.artifact_id = old.blob_id AND l.kind = 'layer'
               AND NOT EXISTS (
                    SELECT 1 FROM link x
                     WHERE x.artifact_id = new.blob_id AND x.kind = 'layer' AND x.target_id = l.target_id)))
        AND (old.until_position = new.from_position OR EXISTS (
            SELECT 1 FROM link l WHERE l.artifact_id = new.blob_id AND l.kind = 'layer'
               AND NOT EXISTS (
                    SELECT 1 FROM reference r JOIN link x ON x.artifact_id = r.blob_id AND x.kind = 'layer'
                     WHERE r.package_id = new.package_id AND r.name = new.name AND r.from_position < new.from_position
                       AND x.target_id = l.target_id)))))

-- I5_every_change_has_its_event --
-- Where the journal has no gaps (I6) a position in it is one up to its last: millions need not be looked for.
WITH journal (last, whole) AS (SELECT coalesce(max(position), 0), count(*) = coalesce(max(position), 0) FROM event)
SELECT DISTINCT 'position ' || w.position || ' of a ' || w.what || ' is not in the journal'
  FROM (SELECT from_position AS position, 'membership' AS what FROM membership
        UNION ALL SELECT until_position, 'membership' FROM membership WHERE until_position IS NOT NULL
        UNION ALL SELECT from_position, 'reference' FROM reference
        UNION ALL SELECT until_position, 'reference' FROM reference WHERE until_position IS NOT NULL
        UNION ALL SELECT from_position, 'clearance' FROM clearance
        UNION ALL SELECT until_position, 'clearance' FROM clearance WHERE until_position IS NOT NULL
        UNION ALL SELECT from_position, 'block' FROM block
        UNION ALL SELECT position, 'purge' FROM purge
        UNION ALL SELECT position, 'erasure' FROM erasure
        UNION ALL SELECT sealed_position, 'erasure' FROM erasure WHERE sealed_position IS NOT NULL
        UNION ALL SELECT lifted_position, 'erasure' FROM erased_blob WHERE lifted_position IS NOT NULL
        UNION ALL SELECT until_position, 'block' FROM block WHERE until_position IS NOT NULL
        UNION ALL SELECT from_position, 'hold' FROM hold
        UNION ALL SELECT until_position, 'hold' FROM hold WHERE until_position IS NOT NULL
        UNION ALL SELECT from_position, 'deployment' FROM deployment
        UNION ALL SELECT changed_position, 'deployment' FROM deployment
        UNION ALL SELECT until_position, 'deployment' FROM deployment WHERE until_position IS NOT NULL
        UNION ALL SELECT from_position, 'grant' FROM role_grant
        UNION ALL SELECT until_position, 'grant' FROM role_grant WHERE until_position IS NOT NULL
        UNION ALL SELECT revision, 'package' FROM package
        UNION ALL SELECT revision, 'namespace' FROM namespace) w
 CROSS JOIN journal j
 WHERE (w.position < 1 OR w.position > j.last OR NOT j.whole)
   AND NOT EXISTS (SELECT 1 FROM event e WHERE e.position = w.position)

-- I5_entries_are_filed_where_they_say --
SELECT 'entry ' || position || ' is filed under ' || coalesce(namespace, 'nothing') || ' ' || coalesce(package, '')
  FROM event
 WHERE CASE WHEN json_valid(CAST(content AS TEXT))
            THEN json_extract(CAST(content AS TEXT), '$.namespace') IS NOT namespace
              OR json_extract(CAST(content AS TEXT), '$.package') IS NOT package
            ELSE 1
       END

-- I5_entries_are_filed_where_they_say [postgresql] --
SELECT 'entry ' || position || ' is filed under ' || coalesce(namespace, 'nothing') || ' ' || coalesce(package, '')
  FROM event
 WHERE read_json(content) IS NULL
    OR read_json(content) ->> 'namespace' IS DISTINCT FROM namespace
    OR read_json(content) ->> 'package' IS DISTINCT FROM package

-- I6_positions_have_no_gaps --
SELECT 'the journal has ' || count(*) || ' entries, and its last position is ' || max(position)
  FROM event HAVING count(*) <> coalesce(max(position), 0)

-- I7_clearances_show_members --
SELECT n.name || '.' || ch.name || '/' || p.name || ': ' || b.digest || ' is cleared, and not in the package'
  FROM clearance k
  JOIN channel ch ON ch.id = k.channel_id
  JOIN package p ON p.id = k.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = k.blob_id
 WHERE k.until_position IS NULL
   AND (p.namespace_id <> ch.namespace_id OR NOT EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = k.package_id AND m.blob_id = k.blob_id AND m.role = 'artifact'
           AND m.until_position IS NULL))

-- I7_what_is_blocked_is_barred --
SELECT n.name || '/' || p.format || '/' || p.name || ': ' || b.digest || ' is blocked, and may be read'
  FROM block k
  JOIN package p ON p.id = k.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = k.blob_id
  JOIN membership m ON m.package_id = k.package_id AND m.blob_id = k.blob_id AND m.until_position IS NULL
 WHERE k.until_position IS NULL AND NOT m.barred

-- I7_what_is_barred_is_blocked --
SELECT n.name || '/' || p.format || '/' || p.name || ': ' || b.digest || ' is barred, and nothing in its package is blocked'
  FROM membership m
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = m.blob_id
 WHERE m.barred AND m.until_position IS NULL
   AND NOT EXISTS (SELECT 1 FROM block k WHERE k.package_id = m.package_id AND k.until_position IS NULL)

-- I8_members_outlive_nothing --
SELECT b.digest || ' is ' || b.state || ', and still a member of package ' || p.name
  FROM membership m JOIN blob b ON b.id = m.blob_id JOIN package p ON p.id = m.package_id
 WHERE m.until_position IS NULL AND b.state = 'absent'
   AND NOT EXISTS (SELECT 1 FROM erased_blob e WHERE e.blob_id = b.id)

-- I8_what_is_given_up_is_never_read_again --
SELECT g.digest || ', generation ' || g.generation || ', is to be deleted, and is where its bytes are looked for'
  FROM garbage g
  JOIN blob b ON b.digest = g.digest
   AND ((b.tier = g.tier AND b.generation = g.generation) OR (b.generation < g.generation AND b.reserved < g.generation))

-- I8_places_are_used_once --
SELECT b.digest || ' is being copied to generation ' || m.generation || ', which is not new'
  FROM blob_move m JOIN blob b ON b.id = m.blob_id
 WHERE m.generation <= b.generation OR m.generation > b.reserved

-- I1_what_is_cold_is_known_as_that --
SELECT b.digest || ' lies in the cold tier, and nothing says how it comes back'
  FROM blob b
 WHERE b.tier = 'cold' AND NOT EXISTS (SELECT 1 FROM cold_blob c WHERE c.blob_id = b.id)

-- I1_what_is_known_as_cold_is_that --
SELECT b.digest || ' does not lie in the cold tier any more, and is known as if it did'
  FROM cold_blob c JOIN blob b ON b.id = c.blob_id
 WHERE b.tier <> 'cold'

-- I9_what_is_reachable_is_kept --
SELECT b.digest || ' is condemned, and reachable'
  FROM blob b
 WHERE b.state = 'condemned'
   AND EXISTS (SELECT 1 FROM membership m WHERE m.blob_id = b.id AND m.until_position IS NULL)

-- I9_what_runs_is_kept --
SELECT n.name || '/' || p.format || '/' || p.name || ': ' || b.digest || ' runs as ' || l.service || ' in '
       || l.environment || ', and is not there'
  FROM deployment d
  JOIN place l ON l.id = d.place_id
  JOIN package p ON p.id = d.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = d.blob_id
 WHERE d.until_position IS NULL
   AND NOT EXISTS (SELECT 1 FROM erased_blob e WHERE e.blob_id = b.id)
   AND NOT EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = d.package_id AND m.blob_id = d.blob_id AND m.role = 'artifact'
           AND m.until_position IS NULL)

-- I9_what_is_held_is_kept --
SELECT n.name || '/' || p.format || '/' || p.name || ': ' || b.digest || ' is under a ' || h.kind || ' of ' || h.holder
       || ', and is not there'
  FROM hold h
  JOIN package p ON p.id = h.package_id
  JOIN namespace n ON n.id = p.namespace_id
  JOIN blob b ON b.id = h.blob_id
 WHERE h.until_position IS NULL AND (h.expires_at IS NULL OR h.expires_at > :now)
   AND NOT EXISTS (SELECT 1 FROM erased_blob e WHERE e.blob_id = b.id)
   AND NOT EXISTS (
        SELECT 1 FROM membership m
         WHERE m.package_id = h.package_id AND m.blob_id = h.blob_id AND m.role = 'artifact'
           AND m.until_position IS NULL)

-- I9_places_run_what_is_theirs --
SELECT n.name || ': ' || l.service || ' in ' || l.environment || ' runs what is of another namespace'
  FROM deployment d
  JOIN place l ON l.id = d.place_id
  JOIN namespace n ON n.id = l.namespace_id
  JOIN package p ON p.id = d.package_id
 WHERE p.namespace_id <> l.namespace_id

-- I10_followers_are_behind_the_journal --
SELECT 'follower ' || follower || ' stands at ' || position || ', past the end of the journal'
  FROM cursor WHERE position > (SELECT coalesce(max(position), 0) FROM event)

-- I11_revisions_are_the_last_event --
SELECT n.name || '/' || p.format || '/' || p.name || ' has revision ' || p.revision || ', its last event is '
       || coalesce((SELECT max(e.position) FROM event e
                     WHERE e.namespace = n.name AND e.package = p.format || '/' || p.name), 0)
  FROM package p JOIN namespace n ON n.id = p.namespace_id
 WHERE p.revision <> coalesce((SELECT max(e.position) FROM event e
                                WHERE e.namespace = n.name AND e.package = p.format || '/' || p.name), 0)

-- I11_namespaces_know_their_last_event --
SELECT n.name || ' has revision ' || n.revision || ', and its last event is another'
  FROM namespace n
 WHERE n.revision <> coalesce((SELECT max(e.position) FROM event e WHERE e.namespace = n.name AND e.package IS NULL), 0)

-- I13_what_namespaces_have_is_charged --
-- Uses membership_blob_idx.
SELECT n.name || ' is charged for ' || b.digest || ' as in ' || c.members || ' of its packages, and has it in '
       || (SELECT count(*) FROM membership m JOIN package p ON p.id = m.package_id
            WHERE m.blob_id = c.blob_id AND m.until_position IS NULL AND p.namespace_id = c.namespace_id)
  FROM charge c
  JOIN namespace n ON n.id = c.namespace_id
  JOIN blob b ON b.id = c.blob_id
 WHERE c.members <> (SELECT count(*) FROM membership m JOIN package p ON p.id = m.package_id
                      WHERE m.blob_id = c.blob_id AND m.until_position IS NULL AND p.namespace_id = c.namespace_id)

-- I13_nothing_is_had_for_nothing --
SELECT 'packages have blobs ' || h.had || ' times, and namespaces are charged for ' || h.charged
  FROM (SELECT (SELECT count(*) FROM membership WHERE until_position IS NULL)
             - (SELECT count(*) FROM erased_blob e JOIN blob b ON b.id = e.blob_id AND b.state = 'absent'
                  JOIN membership m ON m.blob_id = e.blob_id AND m.until_position IS NULL) AS had,
               (SELECT coalesce(sum(members), 0) FROM charge) AS charged) h
 WHERE h.had <> h.charged

-- I13_charges_are_of_what_is_here --
SELECT n.name || ' is charged ' || c.size || ' bytes for ' || b.digest || ', which is ' || b.state || ' and has ' || b.size
  FROM charge c
  JOIN namespace n ON n.id = c.namespace_id
  JOIN blob b ON b.id = c.blob_id
 WHERE c.size <> b.size OR b.state = 'absent'

-- I13_accounts_are_the_sums --
-- Uses charge_blob_idx.
SELECT n.name || ' has an account of ' || a.blobs || ' blobs with ' || a.bytes || ' bytes, ' || a.unique_bytes
       || ' of them unique and ' || a.trash_bytes || ' in the trash; its charges come to ' || s.blobs || ' with '
       || s.size || ', ' || s.alone || ' and ' || s.left_size
  FROM account a
  JOIN namespace n ON n.id = a.namespace_id
  JOIN (SELECT i.id, count(c.blob_id) AS blobs, coalesce(sum(c.size), 0) AS size,
               coalesce(sum(CASE WHEN c.members = 0 THEN c.size ELSE 0 END), 0) AS left_size,
               coalesce(sum(CASE WHEN EXISTS (
                    SELECT 1 FROM charge o WHERE o.blob_id = c.blob_id AND o.namespace_id <> c.namespace_id)
                    THEN 0 ELSE c.size END), 0) AS alone
          FROM namespace i LEFT JOIN charge c ON c.namespace_id = i.id GROUP BY i.id) s ON s.id = a.namespace_id
 WHERE a.blobs <> s.blobs OR a.bytes <> s.size OR a.unique_bytes <> s.alone OR a.trash_bytes <> s.left_size

-- I13_versions_are_counted --
SELECT n.name || ' has an account of ' || a.versions || ' versions, and has ' || coalesce(v.versions, 0)
  FROM account a
  JOIN namespace n ON n.id = a.namespace_id
  LEFT JOIN (SELECT p.namespace_id, count(*) AS versions FROM reference r JOIN package p ON p.id = r.package_id
              WHERE r.kind = 'version' AND r.until_position IS NULL GROUP BY p.namespace_id) v
    ON v.namespace_id = a.namespace_id
 WHERE a.versions <> coalesce(v.versions, 0)

-- I13_namespaces_have_accounts --
SELECT n.name || ' has no account' FROM namespace n
 WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.namespace_id = n.id)

-- I14_what_was_erased_is_not_here --
SELECT b.digest || ' was erased, and is ' || b.state
  FROM erased_blob e JOIN blob b ON b.id = e.blob_id
 WHERE e.lifted_position IS NULL
   AND (b.state <> 'absent' OR EXISTS (SELECT 1 FROM content c WHERE c.blob_id = b.id))

-- I14_no_package_has_what_was_erased --
-- Uses membership_blob_idx.
SELECT n.name || '/' || p.format || '/' || p.name || ': has ' || b.digest || ', which was erased'
  FROM erased_blob e
  JOIN blob b ON b.id = e.blob_id
  JOIN membership m ON m.blob_id = b.id AND m.until_position IS NULL
  JOIN package p ON p.id = m.package_id
  JOIN namespace n ON n.id = p.namespace_id
 WHERE e.lifted_position IS NULL
   AND NOT EXISTS (SELECT 1 FROM erasure s WHERE s.id = e.erasure_id AND s.sealed_position IS NULL)
