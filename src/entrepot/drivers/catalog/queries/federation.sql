-- Issuers of identity tokens, trusted publishers, and what was used already.

-- list_issuers --
SELECT name, provider, url, audiences, algorithms, max_lifetime, private, keys FROM issuer ORDER BY id

-- find_issuer_by_url --
SELECT name, provider, url, audiences, algorithms, max_lifetime, private, keys FROM issuer WHERE url = :url

-- find_issuer --
SELECT name, provider, url, audiences, algorithms, max_lifetime, private, keys FROM issuer WHERE name = :name

-- issuer_id --
SELECT id FROM issuer WHERE name = :name

-- add_issuer --
INSERT INTO issuer (name, provider, url, audiences, algorithms, max_lifetime, private, keys)
VALUES (:name, :provider, :url, :audiences, :algorithms, :max_lifetime, :private, :keys)
ON CONFLICT DO NOTHING

-- remove_issuer --
DELETE FROM issuer WHERE name = :name

-- list_publishers --
SELECT n.name, p.name, i.name, p.rules, p.packages, p.role, p.lifetime, p.used_at, p.added_at
  FROM publisher p JOIN namespace n ON n.id = p.namespace_id JOIN issuer i ON i.id = p.issuer_id
 WHERE (:namespace IS NULL OR n.name = :namespace) AND (:issuer IS NULL OR i.name = :issuer)
 ORDER BY n.name, p.name

-- find_publisher --
SELECT n.name, p.name, i.name, p.rules, p.packages, p.role, p.lifetime, p.used_at, p.added_at
  FROM namespace n JOIN publisher p ON p.namespace_id = n.id AND p.name = :name JOIN issuer i ON i.id = p.issuer_id
 WHERE n.name = :namespace

-- add_publisher --
INSERT INTO publisher (namespace_id, name, issuer_id, rules, packages, role, lifetime, used_at, added_at)
VALUES (:namespace, :name, :issuer, :rules, :packages, :role, :lifetime, :used_at, :added_at)
ON CONFLICT DO NOTHING

-- set_publisher --
UPDATE publisher SET rules = :rules, used_at = :used_at WHERE namespace_id = :namespace AND name = :name

-- remove_publisher --
DELETE FROM publisher WHERE namespace_id = :namespace AND name = :name

-- is_used --
SELECT 1 FROM used_token WHERE hash = :hash

-- use_token --
INSERT INTO used_token (hash, expires_at) VALUES (:hash, :expires_at) ON CONFLICT DO NOTHING

-- forget_used --
DELETE FROM used_token WHERE expires_at < :now

-- forget_tokens --
-- Those that others were made with go when these have gone.
DELETE FROM token
 WHERE expires_at < :horizon
   AND principal_id IN (SELECT id FROM principal WHERE name >= 'publisher:' AND name < 'publisher;')
   AND NOT EXISTS (SELECT 1 FROM token child WHERE child.parent_id = token.id)
