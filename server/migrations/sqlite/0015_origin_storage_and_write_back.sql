-- What a session holds of its origins' localStorage and sessionStorage: sealed like the cookies,
-- and erased with them; null if there is none.
ALTER TABLE platform_sessions ADD COLUMN encrypted_origins TEXT;
ALTER TABLE platform_sessions ADD COLUMN entry_count INTEGER NOT NULL DEFAULT 0;

-- As for the cookies.
CREATE TRIGGER platform_sessions_new_origins_key BEFORE INSERT ON platform_sessions
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_origins, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;
CREATE TRIGGER platform_sessions_changed_origins_key BEFORE UPDATE OF encrypted_origins ON platform_sessions
WHEN EXISTS (SELECT 1 FROM retired_keys WHERE 'v2:' || key_id || ':' = substr(NEW.encrypted_origins, 1, 12))
BEGIN SELECT RAISE(ABORT, 'the key is retired'); END;

-- As before, with the sealed origins. No row has any yet, so the counts are right.
DROP TRIGGER platform_sessions_added;
DROP TRIGGER platform_sessions_removed;
DROP TRIGGER platform_sessions_resized;
CREATE TRIGGER platform_sessions_added AFTER INSERT ON platform_sessions
BEGIN
    INSERT INTO owner_usage (owner_id, platform_sessions, bytes)
    VALUES (NEW.user_id, 1, 256 + octet_length(NEW.platform) + ifnull(octet_length(NEW.encrypted_cookies), 0) + ifnull(octet_length(NEW.encrypted_origins), 0) + ifnull(octet_length(NEW.user_agent), 0))
    ON CONFLICT (owner_id) DO UPDATE SET platform_sessions = platform_sessions + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER platform_sessions_removed AFTER DELETE ON platform_sessions
BEGIN
    UPDATE owner_usage SET platform_sessions = platform_sessions - 1, bytes = bytes - (256 + octet_length(OLD.platform) + ifnull(octet_length(OLD.encrypted_cookies), 0) + ifnull(octet_length(OLD.encrypted_origins), 0) + ifnull(octet_length(OLD.user_agent), 0))
    WHERE owner_id = OLD.user_id;
END;
CREATE TRIGGER platform_sessions_resized AFTER UPDATE OF encrypted_cookies, encrypted_origins ON platform_sessions
BEGIN
    UPDATE owner_usage SET bytes = bytes + (ifnull(octet_length(NEW.encrypted_cookies), 0) + ifnull(octet_length(NEW.encrypted_origins), 0)) - (ifnull(octet_length(OLD.encrypted_cookies), 0) + ifnull(octet_length(OLD.encrypted_origins), 0))
    WHERE owner_id = NEW.user_id;
END;

-- The service that renewed the session; null if its owner stored it.
ALTER TABLE platform_sessions ADD COLUMN renewed_by TEXT;
-- An expression, so that only this index answers the condition.
CREATE INDEX platform_sessions_renewed ON platform_sessions
    ((CASE WHEN renewed_by IS NOT NULL THEN creator_profile_id END), platform, sequence DESC)
WHERE renewed_by IS NOT NULL;
-- That the owner lets services renew the sessions of the connection: the server's MAC over that, or
-- null.
ALTER TABLE platform_connections ADD COLUMN write_back_mac BLOB;
