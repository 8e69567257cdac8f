-- Stores sessions, of one user or of several, each with its own user's rights
-- alone, whatever their transaction had before; supersedes the ones before them
-- and fulfils the capture requests that wait for them. Gives the places, from 1,
-- of those that are stored: not of one whose connection is gone, another user's,
-- to another platform, or locked by somebody else, which nobody waits for here.
--
-- The lock numbers a connection's sessions in the order of their commits and
-- leaves one of them active. What comes after it sees what was committed before
-- it, since each statement of a volatile function has a snapshot of its own.
CREATE FUNCTION put_sessions(
    ids uuid[], user_ids uuid[], creator_profile_ids uuid[], platforms text[], encrypted_cookies text[],
    credentials_versions text[], cookie_counts integer[], user_agents text[], captured_at bigint[],
    expires_at bigint[]
) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new record;
BEGIN
    FOR new IN
        SELECT * FROM unnest(
            ids, user_ids, creator_profile_ids, platforms, encrypted_cookies, credentials_versions,
            cookie_counts, user_agents, captured_at, expires_at
        ) WITH ORDINALITY AS given (
            id, user_id, creator_profile_id, platform, encrypted_cookies, credentials_version,
            cookie_count, user_agent, captured_at, expires_at, place
        )
    LOOP
        PERFORM set_config('stagepass.actor', new.user_id::text, true);
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
        DELETE FROM capture_requests
        WHERE creator_profile_id = new.creator_profile_id AND platform = new.platform;
        INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform, encrypted_cookies,
            credentials_version, cookie_count, user_agent, status, captured_at, expires_at)
        VALUES (new.id, new.user_id, new.creator_profile_id, new.platform, new.encrypted_cookies,
            new.credentials_version, new.cookie_count, new.user_agent, 'active', new.captured_at,
            new.expires_at);
        RETURN NEXT new.place;
    END LOOP;
END
$$;
