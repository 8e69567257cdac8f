-- What a session holds of its origins' localStorage and sessionStorage: sealed like the cookies,
-- and erased with them; null if there is none.
ALTER TABLE platform_sessions ADD COLUMN encrypted_origins text;
ALTER TABLE platform_sessions ADD COLUMN entry_count integer NOT NULL DEFAULT 0;
-- Sealed text can't be compressed.
ALTER TABLE platform_sessions ALTER COLUMN encrypted_origins SET STORAGE EXTERNAL;

CREATE TRIGGER retired_origins_key BEFORE INSERT OR UPDATE OF encrypted_origins ON platform_sessions
    FOR EACH ROW WHEN (has_retired_key(NEW.encrypted_origins)) EXECUTE FUNCTION refuse_retired_key();

-- A server of a former version that still runs revokes a session without knowing of its origins.
CREATE FUNCTION erase_origins() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.encrypted_origins := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER erased_origins BEFORE UPDATE OF encrypted_cookies ON platform_sessions
    FOR EACH ROW WHEN (NEW.encrypted_cookies IS NULL AND NEW.encrypted_origins IS NOT NULL)
    EXECUTE FUNCTION erase_origins();

-- The service that renewed the session; null if its owner stored it.
ALTER TABLE platform_sessions ADD COLUMN renewed_by text;
-- An expression, so that only this index answers the condition: a plan that was made while there was
-- little must not read a long history.
CREATE INDEX platform_sessions_renewed ON platform_sessions
    ((CASE WHEN renewed_by IS NOT NULL THEN creator_profile_id END), platform, sequence DESC)
    WHERE renewed_by IS NOT NULL;
-- That the owner lets services renew the sessions of the connection: the server's MAC over that, or
-- null.
ALTER TABLE platform_connections ADD COLUMN write_back_mac bytea;

-- As before, with the sealed origins. No row has any yet, so the counts are right.
CREATE OR REPLACE FUNCTION count_platform_sessions() RETURNS trigger
LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO owner_usage AS kept (owner_id, platform_sessions, bytes)
        SELECT user_id, count(*), sum(256 + coalesce(octet_length(platform), 0)
            + coalesce(octet_length(encrypted_cookies), 0) + coalesce(octet_length(encrypted_origins), 0)
            + coalesce(octet_length(user_agent), 0))
        FROM added WHERE user_id IS NOT NULL GROUP BY 1
        ON CONFLICT (owner_id) DO UPDATE SET
            platform_sessions = kept.platform_sessions + excluded.platform_sessions,
            bytes = kept.bytes + excluded.bytes;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE owner_usage kept SET
            platform_sessions = kept.platform_sessions - gone.total, bytes = kept.bytes - gone.bytes
        FROM (
            SELECT user_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(platform), 0)
                + coalesce(octet_length(encrypted_cookies), 0) + coalesce(octet_length(encrypted_origins), 0)
                + coalesce(octet_length(user_agent), 0)) AS bytes
            FROM removed GROUP BY 1
        ) gone
        WHERE kept.owner_id = gone.owner_id;
    ELSE
        UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
        FROM (
            SELECT owner_id, sum(bytes) AS bytes FROM (
                SELECT user_id AS owner_id, 256 + coalesce(octet_length(platform), 0)
                    + coalesce(octet_length(encrypted_cookies), 0)
                    + coalesce(octet_length(encrypted_origins), 0)
                    + coalesce(octet_length(user_agent), 0) AS bytes
                FROM added
                UNION ALL SELECT user_id, -(256 + coalesce(octet_length(platform), 0)
                    + coalesce(octet_length(encrypted_cookies), 0)
                    + coalesce(octet_length(encrypted_origins), 0)
                    + coalesce(octet_length(user_agent), 0))
                FROM removed
            ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
        ) resized
        WHERE kept.owner_id = resized.owner_id;
    END IF;
    RETURN NULL;
END
$$;

-- As before, with the sealed origins. One that renews another session is only stored if that one is
-- still active, which only the newest can be. One of a service is only stored while the owner allows
-- that, and removes what services stored before the session that it renews. A server of the former
-- version that still runs calls the function without origins, which stays.
CREATE FUNCTION put_sessions(
    ids uuid[], user_ids uuid[], creator_profile_ids uuid[], platforms text[], encrypted_cookies text[],
    encrypted_origins text[], credentials_versions text[], cookie_counts integer[], entry_counts integer[],
    user_agents text[], captured_at bigint[], expires_at bigint[], macs bytea[], renews uuid[],
    renewed_by text[]
) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new record;
    usage record;
    removed bigint;
    row_limit bigint := nullif(current_setting('stagepass.row_limit', true), '')::bigint;
    byte_limit bigint := nullif(current_setting('stagepass.byte_limit', true), '')::bigint;
BEGIN
    FOR new IN
        SELECT * FROM unnest(
            ids, user_ids, creator_profile_ids, platforms, encrypted_cookies, encrypted_origins,
            credentials_versions, cookie_counts, entry_counts, user_agents, captured_at, expires_at, macs,
            renews, renewed_by
        ) WITH ORDINALITY AS given (
            id, user_id, creator_profile_id, platform, encrypted_cookies, encrypted_origins,
            credentials_version, cookie_count, entry_count, user_agent, captured_at, expires_at, mac,
            renews, renewed_by, place
        )
    LOOP
        PERFORM set_config('stagepass.actor', new.user_id::text, true);
        SELECT owner_usage.platform_sessions AS total, bytes INTO usage
        FROM owner_usage WHERE owner_id = new.user_id FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        -- Of several, one that may be too much is left to be stored alone: to refuse it
        -- here would undo them all.
        CONTINUE WHEN cardinality(ids) > 1
            AND usage.bytes + octet_length(new.encrypted_cookies)
                + coalesce(octet_length(new.encrypted_origins), 0) + 4096 > byte_limit;
        PERFORM FROM platform_connections
        WHERE id = new.creator_profile_id AND user_id = new.user_id AND platform = new.platform
            AND (new.renewed_by IS NULL OR write_back_mac IS NOT NULL)
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        UPDATE platform_sessions
        SET status = 'superseded', superseded_at = new.captured_at, encrypted_cookies = NULL,
            encrypted_origins = NULL
        WHERE creator_profile_id = new.creator_profile_id AND platform = new.platform AND status = 'active'
            AND (new.renews IS NULL OR id = new.renews);
        CONTINUE WHEN new.renews IS NOT NULL AND NOT FOUND;
        IF new.renewed_by IS NOT NULL THEN
            DELETE FROM platform_sessions
            WHERE (CASE WHEN renewed_by IS NOT NULL THEN creator_profile_id END) = new.creator_profile_id
                AND platform = new.platform AND renewed_by IS NOT NULL AND id <> new.renews;
            GET DIAGNOSTICS removed = ROW_COUNT;
            usage.total := usage.total - removed;
        END IF;
        IF new.renewed_by IS NULL AND EXISTS (
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
            encrypted_origins, credentials_version, cookie_count, entry_count, user_agent, status,
            captured_at, expires_at, renewed_by, mac)
        VALUES (new.id, new.user_id, new.creator_profile_id, new.platform, new.encrypted_cookies,
            new.encrypted_origins, new.credentials_version, new.cookie_count, new.entry_count,
            new.user_agent, 'active', new.captured_at, new.expires_at, new.renewed_by, new.mac);
        RETURN NEXT new.place;
    END LOOP;
END
$$;
