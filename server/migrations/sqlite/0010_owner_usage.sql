-- How many rows each owner has in each table that a user can fill, and how many bytes
-- they take together: what is sealed, other text, and 256 for the rest of a row. Kept by
-- triggers, since counting takes longer the more there is. The limits are the server's
-- settings; see the triggers that it makes for itself at its start.
CREATE TABLE owner_usage (
    owner_id TEXT PRIMARY KEY,
    -- The user was deleted: a request that was under way stores nothing more.
    is_gone INTEGER NOT NULL DEFAULT 0 CHECK (is_gone IN (0, 1)),
    bytes INTEGER NOT NULL DEFAULT 0,
    platform_connections INTEGER NOT NULL DEFAULT 0,
    platform_sessions INTEGER NOT NULL DEFAULT 0,
    download_credentials INTEGER NOT NULL DEFAULT 0,
    capture_requests INTEGER NOT NULL DEFAULT 0,
    credential_types INTEGER NOT NULL DEFAULT 0,
    credential_type_fields INTEGER NOT NULL DEFAULT 0,
    projects INTEGER NOT NULL DEFAULT 0,
    project_members INTEGER NOT NULL DEFAULT 0,
    app_credentials INTEGER NOT NULL DEFAULT 0,
    app_credential_keys INTEGER NOT NULL DEFAULT 0,
    app_credential_projects INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER owner_usage_gone BEFORE UPDATE ON owner_usage WHEN OLD.is_gone AND NEW.bytes > OLD.bytes
BEGIN SELECT RAISE(ABORT, 'the owner is gone'); END;

-- Its total is among these now.
DROP TRIGGER app_credentials_counted;
DROP TRIGGER app_credentials_uncounted;
DROP TABLE app_credential_totals;

-- What hangs on a row goes before it, while it still tells whose that is.
CREATE TRIGGER credential_types_emptied BEFORE DELETE ON credential_types
BEGIN DELETE FROM credential_type_fields WHERE type_id = OLD.id; END;
CREATE TRIGGER projects_emptied BEFORE DELETE ON projects
BEGIN
    DELETE FROM project_members WHERE project_id = OLD.id;
    DELETE FROM app_credential_projects WHERE project_id = OLD.id;
END;
CREATE TRIGGER app_credentials_emptied BEFORE DELETE ON app_credentials
BEGIN DELETE FROM app_credential_projects WHERE credential_id = OLD.id; END;

CREATE TRIGGER platform_connections_added AFTER INSERT ON platform_connections
BEGIN
    INSERT INTO owner_usage (owner_id, platform_connections, bytes)
    VALUES (NEW.user_id, 1, 256 + octet_length(NEW.platform) + ifnull(octet_length(NEW.platform_username), 0) + ifnull(octet_length(NEW.encrypted_credentials), 0))
    ON CONFLICT (owner_id) DO UPDATE SET platform_connections = platform_connections + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER platform_connections_removed AFTER DELETE ON platform_connections
BEGIN
    UPDATE owner_usage SET platform_connections = platform_connections - 1, bytes = bytes - (256 + octet_length(OLD.platform) + ifnull(octet_length(OLD.platform_username), 0) + ifnull(octet_length(OLD.encrypted_credentials), 0))
    WHERE owner_id = OLD.user_id;
END;
CREATE TRIGGER platform_connections_resized AFTER UPDATE OF platform_username, encrypted_credentials ON platform_connections
BEGIN
    UPDATE owner_usage SET bytes = bytes + (ifnull(octet_length(NEW.platform_username), 0) + ifnull(octet_length(NEW.encrypted_credentials), 0)) - (ifnull(octet_length(OLD.platform_username), 0) + ifnull(octet_length(OLD.encrypted_credentials), 0))
    WHERE owner_id = NEW.user_id;
END;

CREATE TRIGGER platform_sessions_added AFTER INSERT ON platform_sessions
BEGIN
    INSERT INTO owner_usage (owner_id, platform_sessions, bytes)
    VALUES (NEW.user_id, 1, 256 + octet_length(NEW.platform) + ifnull(octet_length(NEW.encrypted_cookies), 0) + ifnull(octet_length(NEW.user_agent), 0))
    ON CONFLICT (owner_id) DO UPDATE SET platform_sessions = platform_sessions + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER platform_sessions_removed AFTER DELETE ON platform_sessions
BEGIN
    UPDATE owner_usage SET platform_sessions = platform_sessions - 1, bytes = bytes - (256 + octet_length(OLD.platform) + ifnull(octet_length(OLD.encrypted_cookies), 0) + ifnull(octet_length(OLD.user_agent), 0))
    WHERE owner_id = OLD.user_id;
END;
CREATE TRIGGER platform_sessions_resized AFTER UPDATE OF encrypted_cookies ON platform_sessions
BEGIN
    UPDATE owner_usage SET bytes = bytes + (ifnull(octet_length(NEW.encrypted_cookies), 0)) - (ifnull(octet_length(OLD.encrypted_cookies), 0))
    WHERE owner_id = NEW.user_id;
END;

CREATE TRIGGER download_credentials_added AFTER INSERT ON download_credentials
BEGIN
    INSERT INTO owner_usage (owner_id, download_credentials, bytes)
    VALUES (NEW.user_id, 1, 256 + octet_length(NEW.platform) + ifnull(octet_length(NEW.username), 0) + ifnull(octet_length(NEW.display_name), 0) + ifnull(octet_length(NEW.encrypted_credentials), 0))
    ON CONFLICT (owner_id) DO UPDATE SET download_credentials = download_credentials + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER download_credentials_removed AFTER DELETE ON download_credentials
BEGIN
    UPDATE owner_usage SET download_credentials = download_credentials - 1, bytes = bytes - (256 + octet_length(OLD.platform) + ifnull(octet_length(OLD.username), 0) + ifnull(octet_length(OLD.display_name), 0) + ifnull(octet_length(OLD.encrypted_credentials), 0))
    WHERE owner_id = OLD.user_id;
END;
CREATE TRIGGER download_credentials_resized AFTER UPDATE OF encrypted_credentials ON download_credentials
BEGIN
    UPDATE owner_usage SET bytes = bytes + (ifnull(octet_length(NEW.encrypted_credentials), 0)) - (ifnull(octet_length(OLD.encrypted_credentials), 0))
    WHERE owner_id = NEW.user_id;
END;

CREATE TRIGGER capture_requests_added AFTER INSERT ON capture_requests
BEGIN
    INSERT INTO owner_usage (owner_id, capture_requests, bytes)
    VALUES (NEW.user_id, 1, 256 + octet_length(NEW.platform) + ifnull(octet_length(NEW.reason), 0))
    ON CONFLICT (owner_id) DO UPDATE SET capture_requests = capture_requests + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER capture_requests_removed AFTER DELETE ON capture_requests
BEGIN
    UPDATE owner_usage SET capture_requests = capture_requests - 1, bytes = bytes - (256 + octet_length(OLD.platform) + ifnull(octet_length(OLD.reason), 0))
    WHERE owner_id = OLD.user_id;
END;

CREATE TRIGGER credential_types_added AFTER INSERT ON credential_types
WHEN NEW.owner_id IS NOT NULL
BEGIN
    INSERT INTO owner_usage (owner_id, credential_types, bytes)
    VALUES (NEW.owner_id, 1, 256 + octet_length(NEW.type_name) + ifnull(octet_length(NEW.description), 0))
    ON CONFLICT (owner_id) DO UPDATE SET credential_types = credential_types + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER credential_types_removed AFTER DELETE ON credential_types
BEGIN
    UPDATE owner_usage SET credential_types = credential_types - 1, bytes = bytes - (256 + octet_length(OLD.type_name) + ifnull(octet_length(OLD.description), 0))
    WHERE owner_id = OLD.owner_id;
END;
CREATE TRIGGER credential_types_resized AFTER UPDATE OF type_name, description ON credential_types
BEGIN
    UPDATE owner_usage SET bytes = bytes + (octet_length(NEW.type_name) + ifnull(octet_length(NEW.description), 0)) - (octet_length(OLD.type_name) + ifnull(octet_length(OLD.description), 0))
    WHERE owner_id = NEW.owner_id;
END;

CREATE TRIGGER credential_type_fields_added AFTER INSERT ON credential_type_fields
WHEN (SELECT owner_id FROM credential_types WHERE id = NEW.type_id) IS NOT NULL
BEGIN
    INSERT INTO owner_usage (owner_id, credential_type_fields, bytes)
    VALUES ((SELECT owner_id FROM credential_types WHERE id = NEW.type_id), 1, 256 + octet_length(NEW.field_label))
    ON CONFLICT (owner_id) DO UPDATE SET credential_type_fields = credential_type_fields + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER credential_type_fields_removed AFTER DELETE ON credential_type_fields
BEGIN
    UPDATE owner_usage SET credential_type_fields = credential_type_fields - 1, bytes = bytes - (256 + octet_length(OLD.field_label))
    WHERE owner_id = (SELECT owner_id FROM credential_types WHERE id = OLD.type_id);
END;
CREATE TRIGGER credential_type_fields_resized AFTER UPDATE OF field_label ON credential_type_fields
BEGIN
    UPDATE owner_usage SET bytes = bytes + (octet_length(NEW.field_label)) - (octet_length(OLD.field_label))
    WHERE owner_id = (SELECT owner_id FROM credential_types WHERE id = NEW.type_id);
END;

CREATE TRIGGER projects_added AFTER INSERT ON projects
BEGIN
    INSERT INTO owner_usage (owner_id, projects, bytes)
    VALUES (NEW.owner_id, 1, 256 + octet_length(NEW.project_name) + ifnull(octet_length(NEW.description), 0))
    ON CONFLICT (owner_id) DO UPDATE SET projects = projects + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER projects_removed AFTER DELETE ON projects
BEGIN
    UPDATE owner_usage SET projects = projects - 1, bytes = bytes - (256 + octet_length(OLD.project_name) + ifnull(octet_length(OLD.description), 0))
    WHERE owner_id = OLD.owner_id;
END;
CREATE TRIGGER projects_resized AFTER UPDATE OF project_name, description ON projects
BEGIN
    UPDATE owner_usage SET bytes = bytes + (octet_length(NEW.project_name) + ifnull(octet_length(NEW.description), 0)) - (octet_length(OLD.project_name) + ifnull(octet_length(OLD.description), 0))
    WHERE owner_id = NEW.owner_id;
END;

CREATE TRIGGER project_members_added AFTER INSERT ON project_members
BEGIN
    INSERT INTO owner_usage (owner_id, project_members, bytes)
    VALUES ((SELECT owner_id FROM projects WHERE id = NEW.project_id), 1, 256)
    ON CONFLICT (owner_id) DO UPDATE SET project_members = project_members + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER project_members_removed AFTER DELETE ON project_members
BEGIN
    UPDATE owner_usage SET project_members = project_members - 1, bytes = bytes - (256)
    WHERE owner_id = (SELECT owner_id FROM projects WHERE id = OLD.project_id);
END;

CREATE TRIGGER app_credentials_added AFTER INSERT ON app_credentials
BEGIN
    INSERT INTO owner_usage (owner_id, app_credentials, bytes)
    VALUES (NEW.owner_id, 1, 256 + octet_length(NEW.credential_name) + ifnull(octet_length(NEW.description), 0))
    ON CONFLICT (owner_id) DO UPDATE SET app_credentials = app_credentials + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER app_credentials_removed AFTER DELETE ON app_credentials
BEGIN
    UPDATE owner_usage SET app_credentials = app_credentials - 1, bytes = bytes - (256 + octet_length(OLD.credential_name) + ifnull(octet_length(OLD.description), 0))
    WHERE owner_id = OLD.owner_id;
END;
CREATE TRIGGER app_credentials_resized AFTER UPDATE OF credential_name, description ON app_credentials
BEGIN
    UPDATE owner_usage SET bytes = bytes + (octet_length(NEW.credential_name) + ifnull(octet_length(NEW.description), 0)) - (octet_length(OLD.credential_name) + ifnull(octet_length(OLD.description), 0))
    WHERE owner_id = NEW.owner_id;
END;

CREATE TRIGGER app_credential_keys_added AFTER INSERT ON app_credential_keys
BEGIN
    INSERT INTO owner_usage (owner_id, app_credential_keys, bytes)
    VALUES (NEW.user_id, 1, 256 + octet_length(NEW.encrypted_value))
    ON CONFLICT (owner_id) DO UPDATE SET app_credential_keys = app_credential_keys + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER app_credential_keys_removed AFTER DELETE ON app_credential_keys
BEGIN
    UPDATE owner_usage SET app_credential_keys = app_credential_keys - 1, bytes = bytes - (256 + octet_length(OLD.encrypted_value))
    WHERE owner_id = OLD.user_id;
END;
CREATE TRIGGER app_credential_keys_resized AFTER UPDATE OF encrypted_value ON app_credential_keys
BEGIN
    UPDATE owner_usage SET bytes = bytes + (octet_length(NEW.encrypted_value)) - (octet_length(OLD.encrypted_value))
    WHERE owner_id = NEW.user_id;
END;

CREATE TRIGGER app_credential_projects_added AFTER INSERT ON app_credential_projects
BEGIN
    INSERT INTO owner_usage (owner_id, app_credential_projects, bytes)
    VALUES ((SELECT owner_id FROM app_credentials WHERE id = NEW.credential_id), 1, 256)
    ON CONFLICT (owner_id) DO UPDATE SET app_credential_projects = app_credential_projects + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER app_credential_projects_removed AFTER DELETE ON app_credential_projects
BEGIN
    UPDATE owner_usage SET app_credential_projects = app_credential_projects - 1, bytes = bytes - (256)
    WHERE owner_id = (SELECT owner_id FROM app_credentials WHERE id = OLD.credential_id);
END;

-- What is there already.
INSERT INTO owner_usage (owner_id, platform_connections, bytes)
SELECT r.user_id, count(*), sum(256 + octet_length(r.platform) + ifnull(octet_length(r.platform_username), 0) + ifnull(octet_length(r.encrypted_credentials), 0)) FROM platform_connections r WHERE r.user_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET platform_connections = excluded.platform_connections, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, platform_sessions, bytes)
SELECT r.user_id, count(*), sum(256 + octet_length(r.platform) + ifnull(octet_length(r.encrypted_cookies), 0) + ifnull(octet_length(r.user_agent), 0)) FROM platform_sessions r WHERE r.user_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET platform_sessions = excluded.platform_sessions, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, download_credentials, bytes)
SELECT r.user_id, count(*), sum(256 + octet_length(r.platform) + ifnull(octet_length(r.username), 0) + ifnull(octet_length(r.display_name), 0) + ifnull(octet_length(r.encrypted_credentials), 0)) FROM download_credentials r WHERE r.user_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET download_credentials = excluded.download_credentials, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, capture_requests, bytes)
SELECT r.user_id, count(*), sum(256 + octet_length(r.platform) + ifnull(octet_length(r.reason), 0)) FROM capture_requests r WHERE r.user_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET capture_requests = excluded.capture_requests, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, credential_types, bytes)
SELECT r.owner_id, count(*), sum(256 + octet_length(r.type_name) + ifnull(octet_length(r.description), 0)) FROM credential_types r WHERE r.owner_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET credential_types = excluded.credential_types, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, credential_type_fields, bytes)
SELECT p.owner_id, count(*), sum(256 + octet_length(r.field_label)) FROM credential_type_fields r JOIN credential_types p ON p.id = r.type_id WHERE p.owner_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET credential_type_fields = excluded.credential_type_fields, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, projects, bytes)
SELECT r.owner_id, count(*), sum(256 + octet_length(r.project_name) + ifnull(octet_length(r.description), 0)) FROM projects r WHERE r.owner_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET projects = excluded.projects, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, project_members, bytes)
SELECT p.owner_id, count(*), sum(256) FROM project_members r JOIN projects p ON p.id = r.project_id WHERE p.owner_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET project_members = excluded.project_members, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, app_credentials, bytes)
SELECT r.owner_id, count(*), sum(256 + octet_length(r.credential_name) + ifnull(octet_length(r.description), 0)) FROM app_credentials r WHERE r.owner_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET app_credentials = excluded.app_credentials, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, app_credential_keys, bytes)
SELECT r.user_id, count(*), sum(256 + octet_length(r.encrypted_value)) FROM app_credential_keys r WHERE r.user_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET app_credential_keys = excluded.app_credential_keys, bytes = bytes + excluded.bytes;
INSERT INTO owner_usage (owner_id, app_credential_projects, bytes)
SELECT p.owner_id, count(*), sum(256) FROM app_credential_projects r JOIN app_credentials p ON p.id = r.credential_id WHERE p.owner_id IS NOT NULL GROUP BY 1
ON CONFLICT (owner_id) DO UPDATE SET app_credential_projects = excluded.app_credential_projects, bytes = bytes + excluded.bytes;

-- The token that a refresh token was given out for: so few of its successors live.
ALTER TABLE refresh_tokens ADD COLUMN parent_hash BLOB;
