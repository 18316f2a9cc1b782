-- Which process may do what one at a time does, of several nodes: until when, in milliseconds of the database's clock.
CREATE TABLE turn (
    name TEXT COLLATE "C" PRIMARY KEY,
    term BIGINT NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    ends_at BIGINT NOT NULL
);
