-- The last checkpoint of our own log that witnesses have signed, too.

CREATE TABLE log_cosigned (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    size  INTEGER NOT NULL,
    note  BLOB    NOT NULL,
    at    TEXT    NOT NULL
) STRICT;
