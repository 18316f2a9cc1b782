-- What was deleted of packages that come from upstreams: a version's name, or an artifact's digest.
-- It does not come from there again until somebody lets it.
CREATE TABLE tombstone (
    package_id  INTEGER NOT NULL REFERENCES package (id),
    target      TEXT    NOT NULL,
    position    INTEGER NOT NULL,
    PRIMARY KEY (package_id, target)
) STRICT, WITHOUT ROWID;

-- What was deleted before: versions that mean nothing now.
INSERT INTO tombstone (package_id, target, position)
SELECT r.package_id, r.name, MAX(r.until_position)
  FROM reference r JOIN package p ON p.id = r.package_id AND NOT p.hosted
 WHERE r.kind = 'version' AND r.until_position IS NOT NULL
   AND NOT EXISTS (
        SELECT 1 FROM reference o WHERE o.package_id = r.package_id AND o.name = r.name AND o.until_position IS NULL)
 GROUP BY r.package_id, r.name;
