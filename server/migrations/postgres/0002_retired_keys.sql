-- Keys that a rotation has replaced. Whoever still seals with one, such as a
-- server that was not given the new key, can store nothing, so that the old key
-- can be thrown away.
CREATE TABLE retired_keys (
    key_id     text PRIMARY KEY,
    retired_at bigint NOT NULL
);

-- Whether a blob is sealed with a retired key. Volatile, as it is by default: it
-- sees what is committed when it is asked, not when its statement began.
CREATE FUNCTION has_retired_key(blob text) RETURNS boolean
LANGUAGE plpgsql STRICT AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM stagepass.retired_keys WHERE 'v2:' || key_id || ':' = substr(blob, 1, 12)
    );
END
$$;
-- The code is this program's own.
CREATE FUNCTION refuse_retired_key() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'the key is retired' USING ERRCODE = 'SP001';
END
$$;

CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF encrypted_credentials ON platform_connections
    FOR EACH ROW WHEN (has_retired_key(NEW.encrypted_credentials)) EXECUTE FUNCTION refuse_retired_key();
CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF encrypted_credentials ON download_credentials
    FOR EACH ROW WHEN (has_retired_key(NEW.encrypted_credentials)) EXECUTE FUNCTION refuse_retired_key();
CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF encrypted_cookies ON platform_sessions
    FOR EACH ROW WHEN (has_retired_key(NEW.encrypted_cookies)) EXECUTE FUNCTION refuse_retired_key();
