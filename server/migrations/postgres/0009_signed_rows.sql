-- Rows that grant rights carry a MAC under a key of the server's: what was changed
-- or put there by something else counts as absent. Rows that are there already are
-- signed once, when the server is started for the first time after this.
ALTER TABLE users ADD COLUMN mac bytea;
ALTER TABLE refresh_tokens ADD COLUMN mac bytea;
ALTER TABLE service_tokens ADD COLUMN mac bytea;
ALTER TABLE platform_connections ADD COLUMN mac bytea;
ALTER TABLE platform_sessions ADD COLUMN mac bytea;
ALTER TABLE download_credentials ADD COLUMN mac bytea;
-- Over its fields as well.
ALTER TABLE credential_types ADD COLUMN mac bytea;
ALTER TABLE projects ADD COLUMN mac bytea;
ALTER TABLE project_members ADD COLUMN mac bytea;
ALTER TABLE app_credential_projects ADD COLUMN mac bytea;

-- As before, with each session's MAC. The former function goes, so that a server of a
-- former version is refused what nobody would find.
DROP FUNCTION put_sessions(uuid[], uuid[], uuid[], text[], text[], text[], integer[], text[], bigint[], bigint[]);
CREATE FUNCTION put_sessions(
    ids uuid[], user_ids uuid[], creator_profile_ids uuid[], platforms text[], encrypted_cookies text[],
    credentials_versions text[], cookie_counts integer[], user_agents text[], captured_at bigint[],
    expires_at bigint[], macs bytea[]
) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new record;
    usage record;
    row_limit bigint := nullif(current_setting('stagepass.row_limit', true), '')::bigint;
    byte_limit bigint := nullif(current_setting('stagepass.byte_limit', true), '')::bigint;
BEGIN
    FOR new IN
        SELECT * FROM unnest(
            ids, user_ids, creator_profile_ids, platforms, encrypted_cookies, credentials_versions,
            cookie_counts, user_agents, captured_at, expires_at, macs
        ) WITH ORDINALITY AS given (
            id, user_id, creator_profile_id, platform, encrypted_cookies, credentials_version,
            cookie_count, user_agent, captured_at, expires_at, mac, place
        )
    LOOP
        PERFORM set_config('stagepass.actor', new.user_id::text, true);
        SELECT owner_usage.platform_sessions AS total, bytes INTO usage
        FROM owner_usage WHERE owner_id = new.user_id FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        -- Of several, one that may be too much is left to be stored alone: to refuse it
        -- here would undo them all.
        CONTINUE WHEN cardinality(ids) > 1
            AND usage.bytes + octet_length(new.encrypted_cookies) + 4096 > byte_limit;
        PERFORM FROM platform_connections
        WHERE id = new.creator_profile_id AND user_id = new.user_id AND platform = new.platform
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        -- No other than the newest is active: the ended ones before it, of which
        -- there may be very many, are not looked at.
        UPDATE platform_sessions
        SET status = 'superseded', superseded_at = new.captured_at, encrypted_cookies = NULL
        WHERE status = 'active' AND sequence = (
            SELECT max(sequence) FROM platform_sessions
            WHERE creator_profile_id = new.creator_profile_id AND platform = new.platform
        );
        IF EXISTS (
            SELECT FROM capture_requests
            WHERE creator_profile_id = new.creator_profile_id AND platform = new.platform
        ) THEN
            DELETE FROM capture_requests
            WHERE creator_profile_id = new.creator_profile_id AND platform = new.platform;
        END IF;
        IF usage.total >= row_limit THEN
            DELETE FROM platform_sessions WHERE sequence IN (
                SELECT sequence FROM platform_sessions WHERE user_id = new.user_id AND status <> 'active'
                ORDER BY sequence LIMIT usage.total - row_limit + 1
            );
        END IF;
        INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform, encrypted_cookies,
            credentials_version, cookie_count, user_agent, status, captured_at, expires_at, mac)
        VALUES (new.id, new.user_id, new.creator_profile_id, new.platform, new.encrypted_cookies,
            new.credentials_version, new.cookie_count, new.user_agent, 'active', new.captured_at,
            new.expires_at, new.mac);
        RETURN NEXT new.place;
    END LOOP;
END
$$;
