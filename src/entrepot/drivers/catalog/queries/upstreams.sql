-- Upstreams, and what they said.

-- add_upstream --
INSERT INTO upstream (namespace_id, format, name, url, private, rules, credentials)
VALUES (:namespace, :format, :name, :url, :private, :rules, :secret)
ON CONFLICT DO NOTHING

-- set_upstream --
UPDATE upstream SET url = :url, private = :private, rules = :rules
 WHERE namespace_id = :namespace AND format = :format AND name = :name

-- set_secret --
UPDATE upstream SET credentials = :secret WHERE namespace_id = :namespace AND format = :format AND name = :name

-- remove_upstream --
DELETE FROM upstream WHERE namespace_id = :namespace AND format = :format AND name = :name

-- upstream_id --
SELECT u.id FROM namespace n JOIN upstream u ON u.namespace_id = n.id AND u.format = :format AND u.name = :name
 WHERE n.name = :namespace

-- find_upstream --
SELECT n.name, u.format, u.name, u.url, u.private, u.rules, u.credentials IS NOT NULL
  FROM namespace n JOIN upstream u ON u.namespace_id = n.id AND u.format = :format AND u.name = :name
 WHERE n.name = :namespace

-- list_upstreams --
SELECT n.name, u.format, u.name, u.url, u.private, u.rules, u.credentials IS NOT NULL
  FROM namespace n JOIN upstream u ON u.namespace_id = n.id
 WHERE (:namespace IS NULL OR n.name = :namespace) AND (:format IS NULL OR u.format = :format)
 ORDER BY n.name, u.format, u.id

-- find_secret --
SELECT u.credentials
  FROM namespace n JOIN upstream u ON u.namespace_id = n.id AND u.format = :format AND u.name = :name
 WHERE n.name = :namespace AND u.url = :url

-- find_mirrored --
SELECT m.status, m.url, m.media_type, m.etag, m.hash, CASE WHEN m.hash = :known THEN NULL ELSE m.content END,
       m.fetched_at, m.checked_at
  FROM namespace n
  JOIN upstream u ON u.namespace_id = n.id AND u.format = :format AND u.name = :name
  JOIN mirrored m ON m.upstream_id = u.id AND m.target = :target
 WHERE n.name = :namespace

-- find_mirrored_times --
SELECT m.fetched_at, m.checked_at
  FROM namespace n
  JOIN upstream u ON u.namespace_id = n.id AND u.format = :format AND u.name = :name
  JOIN mirrored m ON m.upstream_id = u.id AND m.target = :target
 WHERE n.name = :namespace

-- renew_mirrored --
UPDATE mirrored SET checked_at = :checked_at, etag = :etag, url = :url, package = :package
 WHERE upstream_id = :upstream AND target = :target AND hash = :hash

-- keep_mirrored --
INSERT INTO mirrored
       (upstream_id, target, package, status, url, media_type, etag, content, hash, fetched_at, checked_at)
VALUES (:upstream, :target, :package, :status, :url, :media_type, :etag, :content, :hash, :fetched_at, :checked_at)
ON CONFLICT (upstream_id, target) DO UPDATE
   SET package = excluded.package, status = excluded.status, url = excluded.url, media_type = excluded.media_type, etag = excluded.etag,
       content = excluded.content, hash = excluded.hash, fetched_at = excluded.fetched_at,
       checked_at = excluded.checked_at

-- outdate_mirrored --
-- What it said of all that it has, it said of the package, too.
UPDATE mirrored SET checked_at = :checked_at WHERE upstream_id = :upstream AND package IN (:package, '')

-- list_mirrored_packages --
SELECT DISTINCT m.package
  FROM namespace n
  JOIN upstream u ON u.namespace_id = n.id AND u.format = :format AND u.name = :name
  JOIN mirrored m ON m.upstream_id = u.id AND m.package > :after AND m.status = 200
 WHERE n.name = :namespace
 ORDER BY m.package
 LIMIT :limit

-- see_versions --
-- In one statement, because a package may have thousands.
INSERT INTO first_seen (upstream_id, package, version, at)
SELECT :upstream, :package, s.value ->> 'version', s.value ->> 'at' FROM json_each(:seen) s WHERE TRUE
ON CONFLICT DO NOTHING

-- list_first_seen --
SELECT s.version, s.at
  FROM namespace n
  JOIN upstream u ON u.namespace_id = n.id AND u.format = :format AND u.name = :name
  JOIN first_seen s ON s.upstream_id = u.id AND s.package = :package
 WHERE n.name = :namespace
