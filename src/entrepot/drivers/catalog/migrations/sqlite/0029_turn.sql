-- Which process may do what one at a time does, of several nodes: until when, in milliseconds of the database's clock.
CREATE TABLE turn (
    name TEXT PRIMARY KEY,
    term INTEGER NOT NULL,
    holder TEXT NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT;
