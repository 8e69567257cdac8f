-- What kinds of credentials people keep: those that are built in, which nobody
-- owns, and their own.
CREATE TABLE credential_types (
    id          uuid PRIMARY KEY,
    owner_id    uuid,
    type_name   text NOT NULL,
    description text,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    UNIQUE (owner_id, type_name),
    UNIQUE (id, owner_id)
);

-- `owner_id` is the type's, by which row-level security guards them; the second
-- reference, which has no say where there is none, keeps it so.
CREATE TABLE credential_type_fields (
    id          uuid PRIMARY KEY,
    owner_id    uuid,
    type_id     uuid NOT NULL REFERENCES credential_types (id) ON DELETE CASCADE,
    position    integer NOT NULL,
    field_name  text NOT NULL,
    field_label text NOT NULL,
    field_type  text NOT NULL CHECK (field_type IN ('string', 'password', 'number', 'boolean', 'url', 'json')),
    required    boolean NOT NULL,
    sensitive   boolean NOT NULL,
    UNIQUE (type_id, field_name),
    FOREIGN KEY (type_id, owner_id) REFERENCES credential_types (id, owner_id) ON DELETE CASCADE
);

-- Users may be those of a Directus: no table refers to users here.
CREATE TABLE projects (
    id           uuid PRIMARY KEY,
    owner_id     uuid NOT NULL,
    project_name text NOT NULL,
    description  text,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    UNIQUE (owner_id, project_name),
    UNIQUE (id, owner_id)
);

-- `owner_id` is the project's, who alone may change them.
CREATE TABLE project_members (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    owner_id   uuid NOT NULL,
    added_at   bigint NOT NULL,
    PRIMARY KEY (project_id, user_id),
    FOREIGN KEY (project_id, owner_id) REFERENCES projects (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX project_members_user ON project_members (user_id);

-- `folded_name` is the name without regard to case, in which is searched;
-- `version` counts the changes.
CREATE TABLE app_credentials (
    id                 uuid PRIMARY KEY,
    owner_id           uuid NOT NULL,
    credential_name    text NOT NULL,
    folded_name        text NOT NULL,
    credential_type_id uuid NOT NULL REFERENCES credential_types (id),
    description        text,
    version            bigint NOT NULL,
    created_at         bigint NOT NULL,
    updated_at         bigint NOT NULL,
    UNIQUE (owner_id, credential_name),
    UNIQUE (id, owner_id)
);
CREATE INDEX app_credentials_owner ON app_credentials (owner_id, created_at DESC, id);
CREATE INDEX app_credentials_type ON app_credentials (credential_type_id, owner_id, created_at DESC, id);

-- One sealed value for each field that has one; `user_id` is the credential's owner.
CREATE TABLE app_credential_keys (
    id                  uuid PRIMARY KEY,
    user_id             uuid NOT NULL,
    credential_id       uuid NOT NULL,
    field_id            uuid NOT NULL REFERENCES credential_type_fields (id),
    encrypted_value     text NOT NULL,
    credentials_version text NOT NULL,
    UNIQUE (credential_id, field_id),
    FOREIGN KEY (credential_id, user_id) REFERENCES app_credentials (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX app_credential_keys_field ON app_credential_keys (field_id);

-- Both are one owner's.
CREATE TABLE app_credential_projects (
    credential_id uuid NOT NULL,
    project_id    uuid NOT NULL,
    user_id       uuid NOT NULL,
    assigned_at   bigint NOT NULL,
    PRIMARY KEY (credential_id, project_id),
    FOREIGN KEY (credential_id, user_id) REFERENCES app_credentials (id, owner_id) ON DELETE CASCADE,
    FOREIGN KEY (project_id, user_id) REFERENCES projects (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX app_credential_projects_project ON app_credential_projects (project_id);

-- How many credentials each owner has: kept, since counting takes longer the more
-- there are.
CREATE TABLE app_credential_totals (
    owner_id uuid PRIMARY KEY,
    total    bigint NOT NULL
);
-- For each statement: for each row, one that deletes many would change the same
-- row as often.
CREATE FUNCTION count_app_credentials() RETURNS trigger
LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO app_credential_totals AS kept SELECT owner_id, count(*) FROM counted GROUP BY owner_id
        ON CONFLICT (owner_id) DO UPDATE SET total = kept.total + excluded.total;
    ELSE
        UPDATE app_credential_totals kept SET total = kept.total - gone.total
        FROM (SELECT owner_id, count(*) AS total FROM counted GROUP BY owner_id) gone
        WHERE kept.owner_id = gone.owner_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER added AFTER INSERT ON app_credentials
    REFERENCING NEW TABLE AS counted FOR EACH STATEMENT EXECUTE FUNCTION count_app_credentials();
CREATE TRIGGER deleted AFTER DELETE ON app_credentials
    REFERENCING OLD TABLE AS counted FOR EACH STATEMENT EXECUTE FUNCTION count_app_credentials();

CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF encrypted_value ON app_credential_keys
    FOR EACH ROW WHEN (has_retired_key(NEW.encrypted_value)) EXECUTE FUNCTION refuse_retired_key();

-- Sealed text does not get smaller.
ALTER TABLE app_credential_keys ALTER COLUMN encrypted_value SET STORAGE EXTERNAL;

INSERT INTO credential_types (id, owner_id, type_name, description, created_at, updated_at) VALUES
    ('00000000-0000-4000-8000-000000000100', NULL, 'PostgreSQL', 'A PostgreSQL database.', 0, 0),
    ('00000000-0000-4000-8000-000000000200', NULL, 'MySQL', 'A MySQL or MariaDB database.', 0, 0),
    ('00000000-0000-4000-8000-000000000300', NULL, 'Redis', 'A Redis server.', 0, 0),
    ('00000000-0000-4000-8000-000000000400', NULL, 'API key', 'A key for a web API.', 0, 0),
    ('00000000-0000-4000-8000-000000000500', NULL, 'AWS S3', 'A bucket of Amazon S3, or of a service that speaks its protocol.', 0, 0),
    ('00000000-0000-4000-8000-000000000600', NULL, 'Generic', 'Anything else, as one JSON value.', 0, 0);
INSERT INTO credential_type_fields
    (id, type_id, position, field_name, field_label, field_type, required, sensitive) VALUES
    ('00000000-0000-4000-8000-000000000101', '00000000-0000-4000-8000-000000000100', 0, 'host', 'Host', 'string', true, false),
    ('00000000-0000-4000-8000-000000000102', '00000000-0000-4000-8000-000000000100', 1, 'port', 'Port', 'number', false, false),
    ('00000000-0000-4000-8000-000000000103', '00000000-0000-4000-8000-000000000100', 2, 'database', 'Database', 'string', true, false),
    ('00000000-0000-4000-8000-000000000104', '00000000-0000-4000-8000-000000000100', 3, 'username', 'User name', 'string', true, false),
    ('00000000-0000-4000-8000-000000000105', '00000000-0000-4000-8000-000000000100', 4, 'password', 'Password', 'password', true, true),
    ('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-000000000200', 0, 'host', 'Host', 'string', true, false),
    ('00000000-0000-4000-8000-000000000202', '00000000-0000-4000-8000-000000000200', 1, 'port', 'Port', 'number', false, false),
    ('00000000-0000-4000-8000-000000000203', '00000000-0000-4000-8000-000000000200', 2, 'database', 'Database', 'string', true, false),
    ('00000000-0000-4000-8000-000000000204', '00000000-0000-4000-8000-000000000200', 3, 'username', 'User name', 'string', true, false),
    ('00000000-0000-4000-8000-000000000205', '00000000-0000-4000-8000-000000000200', 4, 'password', 'Password', 'password', true, true),
    ('00000000-0000-4000-8000-000000000301', '00000000-0000-4000-8000-000000000300', 0, 'host', 'Host', 'string', true, false),
    ('00000000-0000-4000-8000-000000000302', '00000000-0000-4000-8000-000000000300', 1, 'port', 'Port', 'number', false, false),
    ('00000000-0000-4000-8000-000000000303', '00000000-0000-4000-8000-000000000300', 2, 'username', 'User name', 'string', false, false),
    ('00000000-0000-4000-8000-000000000304', '00000000-0000-4000-8000-000000000300', 3, 'password', 'Password', 'password', false, true),
    ('00000000-0000-4000-8000-000000000305', '00000000-0000-4000-8000-000000000300', 4, 'tls', 'TLS', 'boolean', false, false),
    ('00000000-0000-4000-8000-000000000401', '00000000-0000-4000-8000-000000000400', 0, 'base_url', 'Base URL', 'url', false, false),
    ('00000000-0000-4000-8000-000000000402', '00000000-0000-4000-8000-000000000400', 1, 'api_key', 'API key', 'password', true, true),
    ('00000000-0000-4000-8000-000000000501', '00000000-0000-4000-8000-000000000500', 0, 'bucket', 'Bucket', 'string', true, false),
    ('00000000-0000-4000-8000-000000000502', '00000000-0000-4000-8000-000000000500', 1, 'region', 'Region', 'string', false, false),
    ('00000000-0000-4000-8000-000000000503', '00000000-0000-4000-8000-000000000500', 2, 'endpoint', 'Endpoint', 'url', false, false),
    ('00000000-0000-4000-8000-000000000504', '00000000-0000-4000-8000-000000000500', 3, 'access_key_id', 'Access key ID', 'string', true, false),
    ('00000000-0000-4000-8000-000000000505', '00000000-0000-4000-8000-000000000500', 4, 'secret_access_key', 'Secret access key', 'password', true, true),
    ('00000000-0000-4000-8000-000000000601', '00000000-0000-4000-8000-000000000600', 0, 'value', 'Value', 'json', true, true);

-- As with users' other records. What is built in everybody sees, and nobody
-- changes. What a project's members may see of others' credentials is read as a
-- service, once it is known that they are members.
ALTER TABLE credential_types ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE credential_type_fields ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE project_members ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE app_credentials ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE app_credential_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE app_credential_projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE app_credential_totals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY actor ON credential_types USING (
    owner_id IS NULL OR current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text)
) WITH CHECK (current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text));
CREATE POLICY built_in ON credential_types AS RESTRICTIVE FOR DELETE USING (owner_id IS NOT NULL);
-- Seeing them is enough to hold them for a while (FOR SHARE), and so would be to
-- change them.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'what is built in is not changed, and nothing is given to another owner';
END
$$;
CREATE TRIGGER owner BEFORE UPDATE ON credential_types FOR EACH ROW
    WHEN (OLD.owner_id IS NULL OR OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER owner BEFORE UPDATE ON credential_type_fields FOR EACH ROW
    WHEN (OLD.owner_id IS NULL OR OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION refuse_change();
CREATE POLICY actor ON credential_type_fields USING (
    owner_id IS NULL OR current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text)
) WITH CHECK (current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text));
CREATE POLICY built_in ON credential_type_fields AS RESTRICTIVE FOR DELETE USING (owner_id IS NOT NULL);
CREATE POLICY actor ON projects
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text));
CREATE POLICY actor ON app_credentials
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text));
CREATE POLICY actor ON app_credential_keys
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', user_id::text));
CREATE POLICY actor ON app_credential_projects
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', user_id::text));
CREATE POLICY actor ON app_credential_totals
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text));
CREATE POLICY actor ON project_members USING (
    current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text, user_id::text)
) WITH CHECK (current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text));
