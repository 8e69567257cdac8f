-- Keys that a rotation has replaced. Whoever still seals with one, such as a
-- server that was not given the new key, can store nothing, so that the old key
-- can be thrown away.
CREATE TABLE retired_keys (
    key_id     TEXT PRIMARY KEY,
    retired_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER platform_connections_new_key BEFORE INSERT ON platform_connections
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_credentials, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;
CREATE TRIGGER platform_connections_changed_key BEFORE UPDATE OF encrypted_credentials ON platform_connections
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_credentials, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;

CREATE TRIGGER download_credentials_new_key BEFORE INSERT ON download_credentials
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_credentials, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;
CREATE TRIGGER download_credentials_changed_key BEFORE UPDATE OF encrypted_credentials ON download_credentials
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_credentials, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;

CREATE TRIGGER platform_sessions_new_key BEFORE INSERT ON platform_sessions
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_cookies, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;
CREATE TRIGGER platform_sessions_changed_key BEFORE UPDATE OF encrypted_cookies ON platform_sessions
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_cookies, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;
