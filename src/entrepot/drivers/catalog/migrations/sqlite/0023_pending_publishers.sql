-- Since when a publisher is trusted: one whose first job does not come lapses.

ALTER TABLE publisher ADD COLUMN added_at TEXT;
