-- Who needs that nothing is given up for a while: a backup that still copies what was there when it began.
CREATE TABLE collection_pause (
    holder TEXT PRIMARY KEY,
    until TEXT NOT NULL
) STRICT, WITHOUT ROWID;
