-- What left a package and when, so that it can be had back.
CREATE INDEX membership_closed_idx ON membership (package_id, until_position)
    WHERE until_position IS NOT NULL AND role = 'artifact';
