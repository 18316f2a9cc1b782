-- Who asks, and what they may.

-- find_token_chain --
-- A token and those it was minted from, itself first.
WITH RECURSIVE chain (id, depth) AS (
    SELECT id, 0 FROM token WHERE secret_hash = :secret_hash OR id = :id
    UNION ALL
    SELECT t.parent_id, chain.depth + 1 FROM chain JOIN token t ON t.id = chain.id WHERE t.parent_id IS NOT NULL
)
SELECT t.id, t.scope, t.expires_at, t.revoked, p.id, p.name, p.kind, p.disabled
  FROM chain JOIN token t ON t.id = chain.id JOIN principal p ON p.id = t.principal_id
 ORDER BY chain.depth

-- list_allowances --
-- Uses role_grant_open_idx.
SELECT role, view, pattern FROM role_grant WHERE principal_id = :principal AND until_position IS NULL ORDER BY id

-- list_principals --
SELECT name, kind, disabled FROM principal ORDER BY name

-- list_grants --
SELECT p.name, g.role, g.view, g.pattern
  FROM role_grant g JOIN principal p ON p.id = g.principal_id
 WHERE g.until_position IS NULL AND (:principal IS NULL OR p.name = :principal)
 ORDER BY p.name, g.id

-- list_tokens --
SELECT t.id, t.label, p.name, t.scope, t.parent_id, t.created_at, t.expires_at, t.revoked
  FROM token t JOIN principal p ON p.id = t.principal_id
 WHERE :principal IS NULL OR p.name = :principal
 ORDER BY t.created_at, t.id

-- find_secret --
SELECT value FROM secret WHERE name = :name

-- add_secret --
INSERT INTO secret (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING

-- principal_id --
SELECT id FROM principal WHERE name = :name

-- is_robot --
SELECT 1 FROM principal WHERE name = :name AND kind = 'robot'

-- add_principal --
INSERT INTO principal (name, kind) VALUES (:name, :kind) ON CONFLICT DO NOTHING

-- set_disabled --
UPDATE principal SET disabled = :disabled WHERE name = :name AND disabled <> :disabled

-- add_grant --
INSERT INTO role_grant (principal_id, role, view, pattern, from_position)
VALUES (:principal, :role, :view, :pattern, :position) ON CONFLICT DO NOTHING

-- remove_grant --
UPDATE role_grant SET until_position = :position
 WHERE principal_id = :principal AND role = :role AND view = :view AND pattern = :pattern AND until_position IS NULL

-- add_token --
INSERT INTO token (id, principal_id, label, secret_hash, scope, parent_id, created_at, expires_at)
VALUES (:id, :principal, :label, :secret_hash, :scope, :parent, :created_at, :expires_at)

-- token_is_revoked --
SELECT revoked FROM token WHERE id = :id

-- revoke_token --
UPDATE token SET revoked = TRUE WHERE id = :id
