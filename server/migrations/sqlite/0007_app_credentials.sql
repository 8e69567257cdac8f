-- What kinds of credentials people keep: those that are built in, which nobody
-- owns, and their own.
CREATE TABLE credential_types (
    id          TEXT PRIMARY KEY,
    owner_id    TEXT,
    type_name   TEXT NOT NULL,
    description TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (owner_id, type_name)
) STRICT;

CREATE TABLE credential_type_fields (
    id          TEXT PRIMARY KEY,
    type_id     TEXT NOT NULL REFERENCES credential_types (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    field_name  TEXT NOT NULL,
    field_label TEXT NOT NULL,
    field_type  TEXT NOT NULL CHECK (field_type IN ('string', 'password', 'number', 'boolean', 'url', 'json')),
    required    INTEGER NOT NULL CHECK (required IN (0, 1)),
    sensitive   INTEGER NOT NULL CHECK (sensitive IN (0, 1)),
    UNIQUE (type_id, field_name)
) STRICT;

-- Users may be those of a Directus: no table refers to users here.
CREATE TABLE projects (
    id           TEXT PRIMARY KEY,
    owner_id     TEXT NOT NULL,
    project_name TEXT NOT NULL,
    description  TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (owner_id, project_name)
) STRICT;

CREATE TABLE project_members (
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id    TEXT NOT NULL,
    added_at   INTEGER NOT NULL,
    PRIMARY KEY (project_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX project_members_user ON project_members (user_id);

-- `folded_name` is the name without regard to case, in which is searched;
-- `version` counts the changes.
CREATE TABLE app_credentials (
    id                 TEXT PRIMARY KEY,
    owner_id           TEXT NOT NULL,
    credential_name    TEXT NOT NULL,
    folded_name        TEXT NOT NULL,
    credential_type_id TEXT NOT NULL REFERENCES credential_types (id),
    description        TEXT,
    version            INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    UNIQUE (owner_id, credential_name)
) STRICT;
CREATE INDEX app_credentials_owner ON app_credentials (owner_id, created_at DESC, id);
CREATE INDEX app_credentials_type ON app_credentials (credential_type_id, owner_id, created_at DESC, id);

-- One sealed value for each field that has one.
CREATE TABLE app_credential_keys (
    id                  TEXT PRIMARY KEY,
    user_id             TEXT NOT NULL,
    credential_id       TEXT NOT NULL REFERENCES app_credentials (id) ON DELETE CASCADE,
    field_id            TEXT NOT NULL REFERENCES credential_type_fields (id),
    encrypted_value     TEXT NOT NULL,
    credentials_version TEXT NOT NULL,
    UNIQUE (credential_id, field_id)
) STRICT;
CREATE INDEX app_credential_keys_field ON app_credential_keys (field_id);

CREATE TABLE app_credential_projects (
    credential_id TEXT NOT NULL REFERENCES app_credentials (id) ON DELETE CASCADE,
    project_id    TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    assigned_at   INTEGER NOT NULL,
    PRIMARY KEY (credential_id, project_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX app_credential_projects_project ON app_credential_projects (project_id);

-- How many credentials each owner has: kept, since counting takes longer the more
-- there are.
CREATE TABLE app_credential_totals (
    owner_id TEXT PRIMARY KEY,
    total    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER app_credentials_counted AFTER INSERT ON app_credentials
BEGIN
    INSERT INTO app_credential_totals VALUES (NEW.owner_id, 1)
    ON CONFLICT (owner_id) DO UPDATE SET total = total + 1;
END;
CREATE TRIGGER app_credentials_uncounted AFTER DELETE ON app_credentials
BEGIN
    UPDATE app_credential_totals SET total = total - 1 WHERE owner_id = OLD.owner_id;
END;

CREATE TRIGGER app_credential_keys_new_key BEFORE INSERT ON app_credential_keys
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_value, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;
CREATE TRIGGER app_credential_keys_changed_key BEFORE UPDATE OF encrypted_value ON app_credential_keys
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_value, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;

INSERT INTO credential_types (id, owner_id, type_name, description, created_at, updated_at) VALUES
    ('00000000-0000-4000-8000-000000000100', NULL, 'PostgreSQL', 'A PostgreSQL database.', 0, 0),
    ('00000000-0000-4000-8000-000000000200', NULL, 'MySQL', 'A MySQL or MariaDB database.', 0, 0),
    ('00000000-0000-4000-8000-000000000300', NULL, 'Redis', 'A Redis server.', 0, 0),
    ('00000000-0000-4000-8000-000000000400', NULL, 'API key', 'A key for a web API.', 0, 0),
    ('00000000-0000-4000-8000-000000000500', NULL, 'AWS S3', 'A bucket of Amazon S3, or of a service that speaks its protocol.', 0, 0),
    ('00000000-0000-4000-8000-000000000600', NULL, 'Generic', 'Anything else, as one JSON value.', 0, 0);
INSERT INTO credential_type_fields
    (id, type_id, position, field_name, field_label, field_type, required, sensitive) VALUES
    ('00000000-0000-4000-8000-000000000101', '00000000-0000-4000-8000-000000000100', 0, 'host', 'Host', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000102', '00000000-0000-4000-8000-000000000100', 1, 'port', 'Port', 'number', 0, 0),
    ('00000000-0000-4000-8000-000000000103', '00000000-0000-4000-8000-000000000100', 2, 'database', 'Database', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000104', '00000000-0000-4000-8000-000000000100', 3, 'username', 'User name', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000105', '00000000-0000-4000-8000-000000000100', 4, 'password', 'Password', 'password', 1, 1),
    ('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-000000000200', 0, 'host', 'Host', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000202', '00000000-0000-4000-8000-000000000200', 1, 'port', 'Port', 'number', 0, 0),
    ('00000000-0000-4000-8000-000000000203', '00000000-0000-4000-8000-000000000200', 2, 'database', 'Database', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000204', '00000000-0000-4000-8000-000000000200', 3, 'username', 'User name', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000205', '00000000-0000-4000-8000-000000000200', 4, 'password', 'Password', 'password', 1, 1),
    ('00000000-0000-4000-8000-000000000301', '00000000-0000-4000-8000-000000000300', 0, 'host', 'Host', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000302', '00000000-0000-4000-8000-000000000300', 1, 'port', 'Port', 'number', 0, 0),
    ('00000000-0000-4000-8000-000000000303', '00000000-0000-4000-8000-000000000300', 2, 'username', 'User name', 'string', 0, 0),
    ('00000000-0000-4000-8000-000000000304', '00000000-0000-4000-8000-000000000300', 3, 'password', 'Password', 'password', 0, 1),
    ('00000000-0000-4000-8000-000000000305', '00000000-0000-4000-8000-000000000300', 4, 'tls', 'TLS', 'boolean', 0, 0),
    ('00000000-0000-4000-8000-000000000401', '00000000-0000-4000-8000-000000000400', 0, 'base_url', 'Base URL', 'url', 0, 0),
    ('00000000-0000-4000-8000-000000000402', '00000000-0000-4000-8000-000000000400', 1, 'api_key', 'API key', 'password', 1, 1),
    ('00000000-0000-4000-8000-000000000501', '00000000-0000-4000-8000-000000000500', 0, 'bucket', 'Bucket', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000502', '00000000-0000-4000-8000-000000000500', 1, 'region', 'Region', 'string', 0, 0),
    ('00000000-0000-4000-8000-000000000503', '00000000-0000-4000-8000-000000000500', 2, 'endpoint', 'Endpoint', 'url', 0, 0),
    ('00000000-0000-4000-8000-000000000504', '00000000-0000-4000-8000-000000000500', 3, 'access_key_id', 'Access key ID', 'string', 1, 0),
    ('00000000-0000-4000-8000-000000000505', '00000000-0000-4000-8000-000000000500', 4, 'secret_access_key', 'Secret access key', 'password', 1, 1),
    ('00000000-0000-4000-8000-000000000601', '00000000-0000-4000-8000-000000000600', 0, 'value', 'Value', 'json', 1, 1);
