-- Whose turn it is to run followers and schedules, where several nodes could.

-- find_turn --
SELECT term, holder, ends_at FROM turn WHERE name = :name
