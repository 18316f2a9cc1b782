-- What package an upstream's answer is about, so that all that was said of one can be asked for again.
-- Of what was answered before that is learnt when it is asked for next.
ALTER TABLE mirrored ADD COLUMN package TEXT NOT NULL DEFAULT '';
CREATE INDEX mirrored_package ON mirrored (upstream_id, package);
