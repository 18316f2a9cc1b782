-- What is in an artifact is known for each package that has it: the same bytes elsewhere may come with other documents,
-- and what strangers say there is nothing that is known here. What was known so far stays known wherever a document
-- says something of the artifact.

CREATE TABLE component_use_of_package (
    component_id  INTEGER NOT NULL REFERENCES component (id),
    blob_id       INTEGER NOT NULL REFERENCES artifact (blob_id),
    package_id    INTEGER NOT NULL REFERENCES package (id),
    relation      TEXT    NOT NULL CHECK (relation IN ('subject', 'contained', 'dependency')),
    PRIMARY KEY (component_id, blob_id, package_id)
) STRICT, WITHOUT ROWID;
INSERT INTO component_use_of_package (component_id, blob_id, package_id, relation)
SELECT u.component_id, u.blob_id, s.package_id, u.relation
  FROM component_use u
  JOIN (SELECT DISTINCT subject_id, package_id FROM sbom) s ON s.subject_id = u.blob_id
 ORDER BY u.component_id, u.blob_id, s.package_id;
DROP TABLE component_use;
ALTER TABLE component_use_of_package RENAME TO component_use;
CREATE INDEX component_use_blob_idx ON component_use (blob_id, package_id);

CREATE TABLE licence_use_of_package (
    blob_id     INTEGER NOT NULL REFERENCES artifact (blob_id),
    package_id  INTEGER NOT NULL REFERENCES package (id),
    licence_id  INTEGER NOT NULL REFERENCES licence (id),
    components  INTEGER NOT NULL,
    PRIMARY KEY (blob_id, package_id, licence_id)
) STRICT, WITHOUT ROWID;
INSERT INTO licence_use_of_package (blob_id, package_id, licence_id, components)
SELECT u.blob_id, s.package_id, u.licence_id, u.components
  FROM licence_use u
  JOIN (SELECT DISTINCT subject_id, package_id FROM sbom) s ON s.subject_id = u.blob_id;
DROP TABLE licence_use;
ALTER TABLE licence_use_of_package RENAME TO licence_use;
CREATE INDEX licence_use_licence_idx ON licence_use (licence_id, blob_id);

-- An artifact may bring several documents; ordinal is the place of each among its layers.
CREATE TABLE sbom_of_layer (
    id          INTEGER PRIMARY KEY,
    package_id  INTEGER NOT NULL REFERENCES package (id),
    subject_id  INTEGER NOT NULL REFERENCES artifact (blob_id),
    carrier_id  INTEGER NOT NULL REFERENCES artifact (blob_id),
    ordinal     INTEGER NOT NULL,
    content     TEXT    NOT NULL,
    source      TEXT    NOT NULL CHECK (source IN ('attested', 'uploaded', 'generated')),
    form        TEXT    NOT NULL,
    components  INTEGER NOT NULL,
    unread      INTEGER NOT NULL,
    problem     TEXT,
    position    INTEGER NOT NULL,
    UNIQUE (subject_id, package_id, carrier_id, ordinal)
) STRICT;
INSERT INTO sbom_of_layer
SELECT id, package_id, subject_id, carrier_id, 0, content, source, form, components, unread, problem, position FROM sbom;
DROP TABLE sbom;
ALTER TABLE sbom_of_layer RENAME TO sbom;
CREATE INDEX sbom_carrier_idx ON sbom (carrier_id, package_id);
