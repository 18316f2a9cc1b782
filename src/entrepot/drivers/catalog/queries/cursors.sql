-- How far each named reader of the journal has come.

-- find_cursor --
SELECT position FROM cursor WHERE follower = :follower

-- list_cursors --
SELECT follower, position FROM cursor ORDER BY follower

-- move_cursor --
INSERT INTO cursor (follower, position) VALUES (:follower, :position)
    ON CONFLICT (follower) DO UPDATE SET position = excluded.position
