-- Who is told of events, and what became of it.

-- list_webhooks --
SELECT w.id, w.url, w.source, n.name, w.types, w.private, w.created_at, w.disabled, w.position, w.attempts, w.due_at,
       w.failing_since
  FROM webhook AS w LEFT JOIN namespace AS n ON n.id = w.namespace_id
 ORDER BY w.created_at, w.id

-- find_webhook --
SELECT w.id, w.url, w.source, n.name, w.types, w.private, w.created_at, w.disabled, w.position, w.attempts, w.due_at,
       w.failing_since
  FROM webhook AS w LEFT JOIN namespace AS n ON n.id = w.namespace_id
 WHERE w.id = :id

-- find_secrets --
SELECT secret, CASE WHEN old_until > :now THEN old_secret END FROM webhook WHERE id = :id

-- add --
INSERT INTO webhook (id, namespace_id, url, source, types, private, created_at, disabled, position, attempts, due_at,
                     failing_since, secret)
VALUES (:id, :namespace, :url, :source, :types, :private, :created_at, :disabled, :position, :attempts, :due_at,
        :failing_since, :secret)

-- set --
UPDATE webhook
   SET url = :url, types = :types, private = :private, disabled = :disabled, position = :position,
       attempts = :attempts, due_at = :due_at, failing_since = :failing_since
 WHERE id = :id

-- set_secret --
UPDATE webhook SET old_secret = secret, old_until = :old_until, secret = :secret WHERE id = :id

-- remove_deliveries --
DELETE FROM webhook_delivery WHERE webhook_id = :id

-- remove --
DELETE FROM webhook WHERE id = :id

-- record --
INSERT INTO webhook_delivery (webhook_id, position, type, outcome, attempts, status, problem, at)
VALUES (:id, :position, :type, :outcome, :attempts, :status, :problem, :at)
    ON CONFLICT (webhook_id, position) DO UPDATE SET
        outcome = excluded.outcome, attempts = excluded.attempts, status = excluded.status,
        problem = excluded.problem, at = excluded.at

-- forget_delivered --
-- Uses webhook_delivery_outcome_idx; finds one row at most, since each record adds one at most.
DELETE FROM webhook_delivery
 WHERE webhook_id = :id AND outcome = 'delivered' AND position IN (
       SELECT position FROM webhook_delivery
        WHERE webhook_id = :id AND outcome = 'delivered' ORDER BY position DESC LIMIT 10 OFFSET :keep)

-- list_deliveries --
SELECT position, type, outcome, attempts, status, problem, at FROM webhook_delivery
 WHERE webhook_id = :id AND position > :after AND (NOT :failed OR outcome <> 'delivered')
 ORDER BY position LIMIT :limit
