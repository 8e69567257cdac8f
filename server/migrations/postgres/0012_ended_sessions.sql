-- The ended sessions of an owner, in the order in which they ended: one that ends comes last,
-- which changes a page that is in memory. In the order in which they were stored it came
-- anywhere.
DROP INDEX platform_sessions_ended;
CREATE INDEX platform_sessions_ended ON platform_sessions
    (user_id, coalesce(superseded_at, revoked_at), sequence) WHERE status <> 'active';

-- As before, but those that ended first make room.
CREATE OR REPLACE FUNCTION put_sessions(
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
        UPDATE platform_sessions
        SET status = 'superseded', superseded_at = new.captured_at, encrypted_cookies = NULL
        WHERE creator_profile_id = new.creator_profile_id AND platform = new.platform AND status = 'active';
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
                ORDER BY coalesce(superseded_at, revoked_at), sequence LIMIT usage.total - row_limit + 1
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
