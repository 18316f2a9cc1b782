-- Every three letters of each package's name, so that a part of a name is found without reading all names.
CREATE VIRTUAL TABLE package_name USING fts5 (name, content = 'package', content_rowid = 'id', tokenize = 'trigram');
INSERT INTO package_name (package_name) VALUES ('rebuild');

CREATE TRIGGER package_is_named AFTER INSERT ON package
BEGIN INSERT INTO package_name (rowid, name) VALUES (new.id, new.name); END;
