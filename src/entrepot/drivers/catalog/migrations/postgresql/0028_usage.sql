-- What each namespace is charged with, and how much it may be.
-- These rows follow from memberships, blobs and references, and are kept by whatever changes those (I13).

-- A blob that packages of a namespace have (members says how often), or had when it still is in the trash (none, since
-- left_position). It is charged once.
CREATE TABLE charge (
    namespace_id   BIGINT NOT NULL REFERENCES namespace (id),
    blob_id        BIGINT NOT NULL REFERENCES blob (id),
    size           BIGINT NOT NULL,
    members        BIGINT NOT NULL,
    left_position  BIGINT,
    PRIMARY KEY (namespace_id, blob_id)
);
CREATE INDEX charge_blob_idx ON charge (blob_id, namespace_id);
CREATE INDEX charge_left_idx ON charge (left_position) WHERE members = 0;

-- The sums of a namespace's charges: all, those that no other namespace has, and those that are in the trash.
CREATE TABLE account (
    namespace_id  BIGINT PRIMARY KEY REFERENCES namespace (id),
    blobs         BIGINT NOT NULL DEFAULT 0,
    bytes         BIGINT NOT NULL DEFAULT 0,
    unique_bytes  BIGINT NOT NULL DEFAULT 0,
    trash_bytes   BIGINT NOT NULL DEFAULT 0,
    versions      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX account_bytes_idx ON account (bytes);

CREATE TABLE quota (
    namespace_id  BIGINT PRIMARY KEY REFERENCES namespace (id),
    bytes         BIGINT,
    versions      BIGINT
);

-- What a namespace came to at the end of a day.
CREATE TABLE account_sample (
    namespace_id  BIGINT NOT NULL REFERENCES namespace (id),
    day           TEXT COLLATE "C" NOT NULL,
    bytes         BIGINT NOT NULL,
    unique_bytes  BIGINT NOT NULL,
    trash_bytes   BIGINT NOT NULL,
    versions      BIGINT NOT NULL,
    PRIMARY KEY (namespace_id, day)
);

CREATE FUNCTION add_charge() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE others BIGINT[];
BEGIN
    SELECT array_agg(o.namespace_id) INTO others
      FROM (SELECT namespace_id FROM charge
             WHERE blob_id = new.blob_id AND namespace_id <> new.namespace_id LIMIT 2) o;
    IF cardinality(others) = 1 THEN
        UPDATE account SET unique_bytes = unique_bytes - new.size WHERE namespace_id = others[1];
    END IF;
    UPDATE account
       SET blobs = blobs + 1,
           bytes = bytes + new.size,
           trash_bytes = trash_bytes + CASE WHEN new.members = 0 THEN new.size ELSE 0 END,
           unique_bytes = unique_bytes + CASE WHEN others IS NULL THEN new.size ELSE 0 END
     WHERE namespace_id = new.namespace_id;
    RETURN NULL;
END $$;
CREATE TRIGGER charge_is_added AFTER INSERT ON charge FOR EACH ROW EXECUTE FUNCTION add_charge();

CREATE FUNCTION remove_charge() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE others BIGINT[];
BEGIN
    SELECT array_agg(o.namespace_id) INTO others
      FROM (SELECT namespace_id FROM charge WHERE blob_id = old.blob_id LIMIT 2) o;
    IF cardinality(others) = 1 THEN
        UPDATE account SET unique_bytes = unique_bytes + old.size WHERE namespace_id = others[1];
    END IF;
    UPDATE account
       SET blobs = blobs - 1,
           bytes = bytes - old.size,
           trash_bytes = trash_bytes - CASE WHEN old.members = 0 THEN old.size ELSE 0 END,
           unique_bytes = unique_bytes - CASE WHEN others IS NULL THEN old.size ELSE 0 END
     WHERE namespace_id = old.namespace_id;
    RETURN NULL;
END $$;
CREATE TRIGGER charge_is_removed AFTER DELETE ON charge FOR EACH ROW EXECUTE FUNCTION remove_charge();

CREATE FUNCTION trash_charge() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account SET trash_bytes = trash_bytes + CASE WHEN new.members = 0 THEN new.size ELSE -new.size END
     WHERE namespace_id = new.namespace_id;
    RETURN NULL;
END $$;
CREATE TRIGGER charge_goes_to_the_trash_and_back AFTER UPDATE OF members ON charge FOR EACH ROW
WHEN ((old.members = 0) <> (new.members = 0)) EXECUTE FUNCTION trash_charge();

CREATE FUNCTION open_account() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO account (namespace_id) VALUES (new.id);
    RETURN NULL;
END $$;
CREATE TRIGGER namespace_has_an_account AFTER INSERT ON namespace FOR EACH ROW EXECUTE FUNCTION open_account();

INSERT INTO account (namespace_id) SELECT id FROM namespace;
INSERT INTO charge (namespace_id, blob_id, size, members, left_position)
SELECT p.namespace_id, b.id, b.size, count(*) FILTER (WHERE m.until_position IS NULL),
       CASE WHEN count(*) FILTER (WHERE m.until_position IS NULL) = 0 THEN max(m.until_position) END
  FROM membership m
  JOIN package p ON p.id = m.package_id
  JOIN blob b ON b.id = m.blob_id
 WHERE b.state <> 'absent'
 GROUP BY p.namespace_id, b.id, b.size;
UPDATE account SET versions = (
    SELECT count(*) FROM reference r JOIN package p ON p.id = r.package_id
     WHERE p.namespace_id = account.namespace_id AND r.kind = 'version' AND r.until_position IS NULL);

CREATE FUNCTION charge_membership() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO charge (namespace_id, blob_id, size, members)
    SELECT p.namespace_id, b.id, b.size, 1 FROM package p JOIN blob b ON b.id = new.blob_id WHERE p.id = new.package_id
    ON CONFLICT (namespace_id, blob_id) DO UPDATE SET members = charge.members + 1, left_position = NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER membership_is_charged AFTER INSERT ON membership FOR EACH ROW WHEN (new.until_position IS NULL)
EXECUTE FUNCTION charge_membership();

CREATE FUNCTION uncharge_membership() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE charge
       SET members = members - 1, left_position = CASE WHEN members = 1 THEN new.until_position END
     WHERE namespace_id = (SELECT namespace_id FROM package WHERE id = new.package_id) AND blob_id = new.blob_id;
    RETURN NULL;
END $$;
CREATE TRIGGER membership_is_not_charged_any_more AFTER UPDATE OF until_position ON membership FOR EACH ROW
WHEN (old.until_position IS NULL AND new.until_position IS NOT NULL) EXECUTE FUNCTION uncharge_membership();

CREATE FUNCTION uncharge_blob() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM charge WHERE blob_id = new.id;
    RETURN NULL;
END $$;
CREATE TRIGGER blob_is_not_charged_any_more AFTER UPDATE OF state ON blob FOR EACH ROW
WHEN (old.state <> 'absent' AND new.state = 'absent') EXECUTE FUNCTION uncharge_blob();

CREATE FUNCTION count_version() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account SET versions = versions + CASE WHEN tg_op = 'INSERT' THEN 1 ELSE -1 END
     WHERE namespace_id = (SELECT namespace_id FROM package WHERE id = new.package_id);
    RETURN NULL;
END $$;
CREATE TRIGGER version_is_counted AFTER INSERT ON reference FOR EACH ROW
WHEN (new.kind = 'version' AND new.until_position IS NULL) EXECUTE FUNCTION count_version();
CREATE TRIGGER version_is_not_counted_any_more AFTER UPDATE OF until_position ON reference FOR EACH ROW
WHEN (old.kind = 'version' AND old.until_position IS NULL AND new.until_position IS NOT NULL)
EXECUTE FUNCTION count_version();
