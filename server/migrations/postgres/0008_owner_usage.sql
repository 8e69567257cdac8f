-- How many rows each owner has in each table that a user can fill, and how many bytes
-- they take together: what is sealed, other text, and 256 for the rest of a row. Kept by
-- triggers, since counting takes longer the more there is. Each write of an owner's records
-- locks this row first (`lock_owner`), so two at once can't pass a limit, nor wait for each
-- other.
CREATE TABLE owner_usage (
    owner_id uuid PRIMARY KEY,
    -- The user was deleted: a request that was under way stores nothing more.
    is_gone boolean NOT NULL DEFAULT false,
    bytes bigint NOT NULL DEFAULT 0,
    platform_connections bigint NOT NULL DEFAULT 0,
    platform_sessions bigint NOT NULL DEFAULT 0,
    download_credentials bigint NOT NULL DEFAULT 0,
    capture_requests bigint NOT NULL DEFAULT 0,
    credential_types bigint NOT NULL DEFAULT 0,
    credential_type_fields bigint NOT NULL DEFAULT 0,
    projects bigint NOT NULL DEFAULT 0,
    project_members bigint NOT NULL DEFAULT 0,
    app_credentials bigint NOT NULL DEFAULT 0,
    app_credential_keys bigint NOT NULL DEFAULT 0,
    app_credential_projects bigint NOT NULL DEFAULT 0,
    -- Of the table that has most: looked at with each change.
    most_rows bigint NOT NULL GENERATED ALWAYS AS (greatest(
        platform_connections, platform_sessions, download_credentials, capture_requests, credential_types,
        credential_type_fields, projects, project_members, app_credentials, app_credential_keys,
        app_credential_projects
    )) STORED
) WITH (fillfactor = 50);

CREATE FUNCTION lock_owner(owner uuid) RETURNS void
LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $$
BEGIN
    PERFORM FROM owner_usage WHERE owner_id = owner FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO owner_usage (owner_id) VALUES (owner) ON CONFLICT DO NOTHING;
        PERFORM FROM owner_usage WHERE owner_id = owner FOR UPDATE;
    END IF;
END
$$;

-- Its total is among these now.
DROP TRIGGER added ON app_credentials;
DROP TRIGGER deleted ON app_credentials;
DROP FUNCTION count_app_credentials;
DROP TABLE app_credential_totals;

-- A function and its triggers for each table; and what is there already. For each
-- statement: for each row, one that deletes many would change the same row as often.
SELECT set_config('stagepass.actor', 'maintenance', true);
DO $make$
DECLARE
    counted record;
    size text;
BEGIN
    FOR counted IN SELECT * FROM (VALUES
        ('platform_connections', 'user_id', '{platform,platform_username,encrypted_credentials}'::text[]),
        ('platform_sessions', 'user_id', '{platform,encrypted_cookies,user_agent}'),
        ('download_credentials', 'user_id', '{platform,username,display_name,encrypted_credentials}'),
        ('capture_requests', 'user_id', '{platform,reason}'),
        ('credential_types', 'owner_id', '{type_name,description}'),
        ('credential_type_fields', 'owner_id', '{field_label}'),
        ('projects', 'owner_id', '{project_name,description}'),
        ('project_members', 'owner_id', '{}'),
        ('app_credentials', 'owner_id', '{credential_name,description}'),
        ('app_credential_keys', 'user_id', '{encrypted_value}'),
        ('app_credential_projects', 'user_id', '{}')
    ) AS tables (name, owner, texts)
    LOOP
        SELECT concat_ws(' + ', '256', string_agg(format('coalesce(octet_length(%I), 0)', column_name), ' + '))
            INTO size FROM unnest(counted.texts) AS column_name;
        EXECUTE format($function$
            CREATE FUNCTION count_%1$s() RETURNS trigger
            LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $count$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, %1$s, bytes)
                    SELECT %2$s, count(*), sum(%3$s) FROM added WHERE %2$s IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        %1$s = kept.%1$s + excluded.%1$s, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET %1$s = kept.%1$s - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT %2$s AS owner_id, count(*) AS total, sum(%3$s) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT %2$s AS owner_id, %3$s AS bytes FROM added
                            UNION ALL SELECT %2$s, -(%3$s) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $count$;
            CREATE TRIGGER added AFTER INSERT ON %1$s REFERENCING NEW TABLE AS added
                FOR EACH STATEMENT EXECUTE FUNCTION count_%1$s();
            CREATE TRIGGER removed AFTER DELETE ON %1$s REFERENCING OLD TABLE AS removed
                FOR EACH STATEMENT EXECUTE FUNCTION count_%1$s();
            CREATE TRIGGER resized AFTER UPDATE ON %1$s REFERENCING OLD TABLE AS removed NEW TABLE AS added
                FOR EACH STATEMENT EXECUTE FUNCTION count_%1$s();
            INSERT INTO owner_usage AS kept (owner_id, %1$s, bytes)
            SELECT %2$s, count(*), sum(%3$s) FROM %1$s WHERE %2$s IS NOT NULL GROUP BY 1
            ON CONFLICT (owner_id) DO UPDATE SET %1$s = excluded.%1$s, bytes = kept.bytes + excluded.bytes;
        $function$, counted.name, counted.owner, size);
    END LOOP;
END
$make$;
SELECT set_config('stagepass.actor', '', true);

-- The limits are the settings of the server whose connection it is; where it names none,
-- there are none. Made once what is there is counted, however much that is. Refused is
-- what would be over a limit, and more than it was when the transaction came to this
-- owner: who has too much can still have less, by replacing something too.
CREATE FUNCTION refuse_growth() RETURNS trigger
LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $$
DECLARE
    before jsonb := '{}';
    counted record;
    most bigint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := nullif(current_setting('stagepass.usage_before', true), '');
        IF before ->> 'owner_id' IS DISTINCT FROM NEW.owner_id::text THEN
            before := to_jsonb(OLD);
            PERFORM set_config('stagepass.usage_before', before::text, true);
        END IF;
    END IF;
    FOR counted IN
        SELECT key, value::bigint FROM jsonb_each(to_jsonb(NEW) - '{owner_id,is_gone,most_rows}'::text[])
        WHERE value::bigint > coalesce((before ->> key)::bigint, 0)
    LOOP
        IF NEW.is_gone THEN
            RAISE 'the owner is gone' USING ERRCODE = 'SP003';
        END IF;
        most := nullif(current_setting(
            CASE counted.key WHEN 'bytes' THEN 'stagepass.byte_limit' ELSE 'stagepass.row_limit' END, true
        ), '')::bigint;
        IF counted.value > most THEN
            RAISE 'limit % %', counted.key, most USING ERRCODE = 'SP002';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER first_limits AFTER INSERT ON owner_usage FOR EACH ROW WHEN (
    NEW.bytes > nullif(current_setting('stagepass.byte_limit', true), '')::bigint
    OR NEW.most_rows > nullif(current_setting('stagepass.row_limit', true), '')::bigint
) EXECUTE FUNCTION refuse_growth();
CREATE TRIGGER limits AFTER UPDATE ON owner_usage FOR EACH ROW WHEN (
    NEW.is_gone
    OR greatest(OLD.bytes, NEW.bytes) > nullif(current_setting('stagepass.byte_limit', true), '')::bigint
    OR greatest(OLD.most_rows, NEW.most_rows) > nullif(current_setting('stagepass.row_limit', true), '')::bigint
) EXECUTE FUNCTION refuse_growth();

ALTER TABLE owner_usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY actor ON owner_usage
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', owner_id::text));

-- As before, and of the owner's row as well: one that is locked by somebody else is not
-- waited for. Where an owner has as many rows as he may have, the oldest ended ones go.
CREATE OR REPLACE FUNCTION put_sessions(
    ids uuid[], user_ids uuid[], creator_profile_ids uuid[], platforms text[], encrypted_cookies text[],
    credentials_versions text[], cookie_counts integer[], user_agents text[], captured_at bigint[],
    expires_at bigint[]
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
            cookie_counts, user_agents, captured_at, expires_at
        ) WITH ORDINALITY AS given (
            id, user_id, creator_profile_id, platform, encrypted_cookies, credentials_version,
            cookie_count, user_agent, captured_at, expires_at, place
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
            credentials_version, cookie_count, user_agent, status, captured_at, expires_at)
        VALUES (new.id, new.user_id, new.creator_profile_id, new.platform, new.encrypted_cookies,
            new.credentials_version, new.cookie_count, new.user_agent, 'active', new.captured_at,
            new.expires_at);
        RETURN NEXT new.place;
    END LOOP;
END
$$;

-- The token that a refresh token was given out for: so few of its successors live.
ALTER TABLE refresh_tokens ADD COLUMN parent_hash bytea;
