-- Which policies that do not enforce say no of what may be read: so that only what is news is an event.
CREATE TABLE doubt (
    package_id  INTEGER NOT NULL REFERENCES package (id),
    blob_id     INTEGER NOT NULL REFERENCES blob (id),
    channel     TEXT    NOT NULL,
    policies    TEXT    NOT NULL,
    PRIMARY KEY (package_id, blob_id, channel)
) STRICT, WITHOUT ROWID;
