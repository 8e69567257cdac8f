--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: stagepass; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA stagepass;


--
-- Name: count_app_credential_keys(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_app_credential_keys() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, app_credential_keys, bytes)
                    SELECT user_id, count(*), sum(256 + coalesce(octet_length(encrypted_value), 0)) FROM added WHERE user_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        app_credential_keys = kept.app_credential_keys + excluded.app_credential_keys, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET app_credential_keys = kept.app_credential_keys - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT user_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(encrypted_value), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT user_id AS owner_id, 256 + coalesce(octet_length(encrypted_value), 0) AS bytes FROM added
                            UNION ALL SELECT user_id, -(256 + coalesce(octet_length(encrypted_value), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_app_credential_projects(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_app_credential_projects() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, app_credential_projects, bytes)
                    SELECT user_id, count(*), sum(256) FROM added WHERE user_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        app_credential_projects = kept.app_credential_projects + excluded.app_credential_projects, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET app_credential_projects = kept.app_credential_projects - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT user_id AS owner_id, count(*) AS total, sum(256) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT user_id AS owner_id, 256 AS bytes FROM added
                            UNION ALL SELECT user_id, -(256) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_app_credentials(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_app_credentials() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, app_credentials, bytes)
                    SELECT owner_id, count(*), sum(256 + coalesce(octet_length(credential_name), 0) + coalesce(octet_length(description), 0)) FROM added WHERE owner_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        app_credentials = kept.app_credentials + excluded.app_credentials, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET app_credentials = kept.app_credentials - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT owner_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(credential_name), 0) + coalesce(octet_length(description), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT owner_id AS owner_id, 256 + coalesce(octet_length(credential_name), 0) + coalesce(octet_length(description), 0) AS bytes FROM added
                            UNION ALL SELECT owner_id, -(256 + coalesce(octet_length(credential_name), 0) + coalesce(octet_length(description), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_capture_requests(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_capture_requests() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, capture_requests, bytes)
                    SELECT user_id, count(*), sum(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(reason), 0)) FROM added WHERE user_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        capture_requests = kept.capture_requests + excluded.capture_requests, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET capture_requests = kept.capture_requests - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT user_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(reason), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT user_id AS owner_id, 256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(reason), 0) AS bytes FROM added
                            UNION ALL SELECT user_id, -(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(reason), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_credential_type_fields(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_credential_type_fields() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, credential_type_fields, bytes)
                    SELECT owner_id, count(*), sum(256 + coalesce(octet_length(field_label), 0)) FROM added WHERE owner_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        credential_type_fields = kept.credential_type_fields + excluded.credential_type_fields, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET credential_type_fields = kept.credential_type_fields - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT owner_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(field_label), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT owner_id AS owner_id, 256 + coalesce(octet_length(field_label), 0) AS bytes FROM added
                            UNION ALL SELECT owner_id, -(256 + coalesce(octet_length(field_label), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_credential_types(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_credential_types() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, credential_types, bytes)
                    SELECT owner_id, count(*), sum(256 + coalesce(octet_length(type_name), 0) + coalesce(octet_length(description), 0)) FROM added WHERE owner_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        credential_types = kept.credential_types + excluded.credential_types, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET credential_types = kept.credential_types - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT owner_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(type_name), 0) + coalesce(octet_length(description), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT owner_id AS owner_id, 256 + coalesce(octet_length(type_name), 0) + coalesce(octet_length(description), 0) AS bytes FROM added
                            UNION ALL SELECT owner_id, -(256 + coalesce(octet_length(type_name), 0) + coalesce(octet_length(description), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_download_credentials(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_download_credentials() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, download_credentials, bytes)
                    SELECT user_id, count(*), sum(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(username), 0) + coalesce(octet_length(display_name), 0) + coalesce(octet_length(encrypted_credentials), 0)) FROM added WHERE user_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        download_credentials = kept.download_credentials + excluded.download_credentials, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET download_credentials = kept.download_credentials - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT user_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(username), 0) + coalesce(octet_length(display_name), 0) + coalesce(octet_length(encrypted_credentials), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT user_id AS owner_id, 256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(username), 0) + coalesce(octet_length(display_name), 0) + coalesce(octet_length(encrypted_credentials), 0) AS bytes FROM added
                            UNION ALL SELECT user_id, -(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(username), 0) + coalesce(octet_length(display_name), 0) + coalesce(octet_length(encrypted_credentials), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_platform_connections(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_platform_connections() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, platform_connections, bytes)
                    SELECT user_id, count(*), sum(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(platform_username), 0) + coalesce(octet_length(encrypted_credentials), 0)) FROM added WHERE user_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        platform_connections = kept.platform_connections + excluded.platform_connections, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET platform_connections = kept.platform_connections - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT user_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(platform_username), 0) + coalesce(octet_length(encrypted_credentials), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT user_id AS owner_id, 256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(platform_username), 0) + coalesce(octet_length(encrypted_credentials), 0) AS bytes FROM added
                            UNION ALL SELECT user_id, -(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(platform_username), 0) + coalesce(octet_length(encrypted_credentials), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_platform_sessions(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_platform_sessions() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, platform_sessions, bytes)
                    SELECT user_id, count(*), sum(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(encrypted_cookies), 0) + coalesce(octet_length(user_agent), 0)) FROM added WHERE user_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        platform_sessions = kept.platform_sessions + excluded.platform_sessions, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET platform_sessions = kept.platform_sessions - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT user_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(encrypted_cookies), 0) + coalesce(octet_length(user_agent), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT user_id AS owner_id, 256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(encrypted_cookies), 0) + coalesce(octet_length(user_agent), 0) AS bytes FROM added
                            UNION ALL SELECT user_id, -(256 + coalesce(octet_length(platform), 0) + coalesce(octet_length(encrypted_cookies), 0) + coalesce(octet_length(user_agent), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_project_members(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_project_members() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, project_members, bytes)
                    SELECT owner_id, count(*), sum(256) FROM added WHERE owner_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        project_members = kept.project_members + excluded.project_members, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET project_members = kept.project_members - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT owner_id AS owner_id, count(*) AS total, sum(256) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT owner_id AS owner_id, 256 AS bytes FROM added
                            UNION ALL SELECT owner_id, -(256) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: count_projects(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.count_projects() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO owner_usage AS kept (owner_id, projects, bytes)
                    SELECT owner_id, count(*), sum(256 + coalesce(octet_length(project_name), 0) + coalesce(octet_length(description), 0)) FROM added WHERE owner_id IS NOT NULL GROUP BY 1
                    ON CONFLICT (owner_id) DO UPDATE SET
                        projects = kept.projects + excluded.projects, bytes = kept.bytes + excluded.bytes;
                ELSIF TG_OP = 'DELETE' THEN
                    UPDATE owner_usage kept SET projects = kept.projects - gone.total, bytes = kept.bytes - gone.bytes
                    FROM (
                        SELECT owner_id AS owner_id, count(*) AS total, sum(256 + coalesce(octet_length(project_name), 0) + coalesce(octet_length(description), 0)) AS bytes FROM removed GROUP BY 1
                    ) gone
                    WHERE kept.owner_id = gone.owner_id;
                ELSE
                    UPDATE owner_usage kept SET bytes = kept.bytes + resized.bytes
                    FROM (
                        SELECT owner_id, sum(bytes) AS bytes FROM (
                            SELECT owner_id AS owner_id, 256 + coalesce(octet_length(project_name), 0) + coalesce(octet_length(description), 0) AS bytes FROM added
                            UNION ALL SELECT owner_id, -(256 + coalesce(octet_length(project_name), 0) + coalesce(octet_length(description), 0)) FROM removed
                        ) AS both_ways GROUP BY 1 HAVING sum(bytes) <> 0
                    ) resized
                    WHERE kept.owner_id = resized.owner_id;
                END IF;
                RETURN NULL;
            END
            $$;


--
-- Name: has_retired_key(text); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.has_retired_key(blob text) RETURNS boolean
    LANGUAGE plpgsql STRICT
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM stagepass.retired_keys WHERE 'v2:' || key_id || ':' = substr(blob, 1, 12)
    );
END
$$;


--
-- Name: lease_audit_chain(bigint); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.lease_audit_chain(first_chain bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
BEGIN
    FOR candidate IN first_chain..100000 LOOP
        IF pg_try_advisory_lock(1398030689, candidate) THEN
            RETURN candidate;
        END IF;
    END LOOP;
    RAISE 'every chain of the audit log is taken';
END
$$;


--
-- Name: lock_owner(uuid); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.lock_owner(owner uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
BEGIN
    PERFORM FROM owner_usage WHERE owner_id = owner FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO owner_usage (owner_id) VALUES (owner) ON CONFLICT DO NOTHING;
        PERFORM FROM owner_usage WHERE owner_id = owner FOR UPDATE;
    END IF;
END
$$;


--
-- Name: put_sessions(uuid[], uuid[], uuid[], text[], text[], text[], integer[], text[], bigint[], bigint[], bytea[]); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.put_sessions(ids uuid[], user_ids uuid[], creator_profile_ids uuid[], platforms text[], encrypted_cookies text[], credentials_versions text[], cookie_counts integer[], user_agents text[], captured_at bigint[], expires_at bigint[], macs bytea[]) RETURNS SETOF bigint
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
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


--
-- Name: record_owner(text, uuid); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.record_owner(record_table text, record_id uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
DECLARE
    actor text := coalesce(current_setting('stagepass.actor', true), '');
    owner uuid;
BEGIN
    PERFORM set_config('stagepass.actor', 'service', true);
    CASE record_table
        WHEN 'platform_connections' THEN
            SELECT user_id INTO owner FROM platform_connections WHERE id = record_id;
        WHEN 'platform_sessions' THEN
            SELECT user_id INTO owner FROM platform_sessions WHERE id = record_id;
        WHEN 'download_credentials' THEN
            SELECT user_id INTO owner FROM download_credentials WHERE id = record_id;
        WHEN 'capture_requests' THEN
            SELECT user_id INTO owner FROM capture_requests WHERE id = record_id;
    END CASE;
    PERFORM set_config('stagepass.actor', actor, true);
    RETURN owner;
END
$$;


--
-- Name: refuse_change(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE 'what is built in is not changed, and nothing is given to another owner';
END
$$;


--
-- Name: refuse_growth(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.refuse_growth() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'stagepass', 'pg_temp'
    AS $$
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


--
-- Name: refuse_retired_key(); Type: FUNCTION; Schema: stagepass; Owner: -
--

CREATE FUNCTION stagepass.refuse_retired_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE 'the key is retired' USING ERRCODE = 'SP001';
END
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: app_credential_keys; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.app_credential_keys (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    field_id uuid NOT NULL,
    encrypted_value text NOT NULL,
    credentials_version text NOT NULL
);
ALTER TABLE ONLY stagepass.app_credential_keys ALTER COLUMN encrypted_value SET STORAGE EXTERNAL;

ALTER TABLE ONLY stagepass.app_credential_keys FORCE ROW LEVEL SECURITY;


--
-- Name: app_credential_projects; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.app_credential_projects (
    credential_id uuid NOT NULL,
    project_id uuid NOT NULL,
    user_id uuid NOT NULL,
    assigned_at bigint NOT NULL,
    mac bytea
);

ALTER TABLE ONLY stagepass.app_credential_projects FORCE ROW LEVEL SECURITY;


--
-- Name: app_credentials; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.app_credentials (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    credential_name text NOT NULL,
    folded_name text NOT NULL,
    credential_type_id uuid NOT NULL,
    description text,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

ALTER TABLE ONLY stagepass.app_credentials FORCE ROW LEVEL SECURITY;


--
-- Name: audit_anchors; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.audit_anchors (
    chain bigint NOT NULL,
    sequence bigint NOT NULL,
    mac bytea NOT NULL,
    cuts bigint NOT NULL,
    removed_at bigint NOT NULL,
    removed_by text NOT NULL,
    signature bytea NOT NULL
);


--
-- Name: audit_heads; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.audit_heads (
    chain bigint NOT NULL,
    sequence bigint NOT NULL,
    mac bytea NOT NULL,
    signature bytea NOT NULL
)
WITH (fillfactor='10');


--
-- Name: audit_log; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.audit_log (
    chain bigint NOT NULL,
    sequence bigint NOT NULL,
    at bigint NOT NULL,
    caller text NOT NULL,
    acting_for uuid,
    action text NOT NULL,
    record text,
    outcome text NOT NULL,
    mac bytea NOT NULL
);


--
-- Name: capture_requests; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.capture_requests (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    creator_profile_id uuid NOT NULL,
    platform text NOT NULL,
    reason text,
    created_at bigint NOT NULL
);

ALTER TABLE ONLY stagepass.capture_requests FORCE ROW LEVEL SECURITY;


--
-- Name: credential_type_fields; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.credential_type_fields (
    id uuid NOT NULL,
    owner_id uuid,
    type_id uuid NOT NULL,
    "position" integer NOT NULL,
    field_name text NOT NULL,
    field_label text NOT NULL,
    field_type text NOT NULL,
    required boolean NOT NULL,
    sensitive boolean NOT NULL,
    CONSTRAINT credential_type_fields_field_type_check CHECK ((field_type = ANY (ARRAY['string'::text, 'password'::text, 'number'::text, 'boolean'::text, 'url'::text, 'json'::text])))
);

ALTER TABLE ONLY stagepass.credential_type_fields FORCE ROW LEVEL SECURITY;


--
-- Name: credential_types; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.credential_types (
    id uuid NOT NULL,
    owner_id uuid,
    type_name text NOT NULL,
    description text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    mac bytea
);

ALTER TABLE ONLY stagepass.credential_types FORCE ROW LEVEL SECURITY;


--
-- Name: download_credentials; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.download_credentials (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    creator_profile_id uuid NOT NULL,
    platform text NOT NULL,
    auth_type text NOT NULL,
    username text,
    display_name text,
    encrypted_credentials text NOT NULL,
    credentials_version text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    mac bytea,
    CONSTRAINT download_credentials_auth_type_check CHECK ((auth_type = ANY (ARRAY['password'::text, 'cookies'::text])))
);
ALTER TABLE ONLY stagepass.download_credentials ALTER COLUMN encrypted_credentials SET STORAGE EXTERNAL;

ALTER TABLE ONLY stagepass.download_credentials FORCE ROW LEVEL SECURITY;


--
-- Name: login_attempts; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.login_attempts (
    subject bytea NOT NULL,
    attempts bigint NOT NULL,
    window_started_at bigint NOT NULL
);


--
-- Name: own_keys; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.own_keys (
    name text NOT NULL,
    encrypted_key text NOT NULL
);


--
-- Name: owner_usage; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.owner_usage (
    owner_id uuid NOT NULL,
    is_gone boolean DEFAULT false NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    platform_connections bigint DEFAULT 0 NOT NULL,
    platform_sessions bigint DEFAULT 0 NOT NULL,
    download_credentials bigint DEFAULT 0 NOT NULL,
    capture_requests bigint DEFAULT 0 NOT NULL,
    credential_types bigint DEFAULT 0 NOT NULL,
    credential_type_fields bigint DEFAULT 0 NOT NULL,
    projects bigint DEFAULT 0 NOT NULL,
    project_members bigint DEFAULT 0 NOT NULL,
    app_credentials bigint DEFAULT 0 NOT NULL,
    app_credential_keys bigint DEFAULT 0 NOT NULL,
    app_credential_projects bigint DEFAULT 0 NOT NULL,
    most_rows bigint GENERATED ALWAYS AS (GREATEST(platform_connections, platform_sessions, download_credentials, capture_requests, credential_types, credential_type_fields, projects, project_members, app_credentials, app_credential_keys, app_credential_projects)) STORED NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE ONLY stagepass.owner_usage FORCE ROW LEVEL SECURITY;


--
-- Name: platform_connections; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.platform_connections (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    identity_key text NOT NULL,
    platform text NOT NULL,
    platform_username text,
    encrypted_credentials text,
    credentials_version text,
    credentials_updated_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    mac bytea
);
ALTER TABLE ONLY stagepass.platform_connections ALTER COLUMN encrypted_credentials SET STORAGE EXTERNAL;

ALTER TABLE ONLY stagepass.platform_connections FORCE ROW LEVEL SECURITY;


--
-- Name: platform_sessions; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.platform_sessions (
    sequence bigint NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    creator_profile_id uuid NOT NULL,
    platform text NOT NULL,
    encrypted_cookies text,
    credentials_version text,
    cookie_count integer NOT NULL,
    user_agent text,
    status text NOT NULL,
    captured_at bigint NOT NULL,
    expires_at bigint,
    superseded_at bigint,
    revoked_at bigint,
    mac bytea,
    CONSTRAINT platform_sessions_status_check CHECK ((status = ANY (ARRAY['active'::text, 'superseded'::text, 'revoked'::text])))
);
ALTER TABLE ONLY stagepass.platform_sessions ALTER COLUMN encrypted_cookies SET STORAGE EXTERNAL;

ALTER TABLE ONLY stagepass.platform_sessions FORCE ROW LEVEL SECURITY;


--
-- Name: platform_sessions_sequence_seq; Type: SEQUENCE; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.platform_sessions ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME stagepass.platform_sessions_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: project_members; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.project_members (
    project_id uuid NOT NULL,
    user_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    added_at bigint NOT NULL,
    mac bytea
);

ALTER TABLE ONLY stagepass.project_members FORCE ROW LEVEL SECURITY;


--
-- Name: projects; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.projects (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    project_name text NOT NULL,
    description text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    mac bytea
);

ALTER TABLE ONLY stagepass.projects FORCE ROW LEVEL SECURITY;


--
-- Name: readiness; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.readiness (
    id integer NOT NULL,
    checked_at bigint NOT NULL,
    CONSTRAINT readiness_id_check CHECK ((id = 1))
);


--
-- Name: refresh_tokens; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.refresh_tokens (
    token_hash bytea NOT NULL,
    family_id uuid NOT NULL,
    user_id uuid NOT NULL,
    expires_at bigint NOT NULL,
    spent_at bigint,
    parent_hash bytea,
    mac bytea
);


--
-- Name: retired_keys; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.retired_keys (
    key_id text NOT NULL,
    retired_at bigint NOT NULL
);


--
-- Name: schema_migrations; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.schema_migrations (
    number bigint NOT NULL,
    sha256 text NOT NULL,
    applied_at bigint NOT NULL
);


--
-- Name: sealing_keys; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.sealing_keys (
    key_id text NOT NULL,
    canary text NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: service_tokens; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.service_tokens (
    name text NOT NULL,
    token_hash bytea NOT NULL,
    verbs text[] NOT NULL,
    platforms text[] NOT NULL,
    require_acting_user boolean NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint,
    mac bytea
);


--
-- Name: users; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.users (
    id uuid NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    status text NOT NULL,
    created_at bigint NOT NULL,
    tokens_valid_from bigint NOT NULL,
    mac bytea,
    CONSTRAINT users_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text])))
);


--
-- Name: vault; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.vault (
    id integer NOT NULL,
    salt bytea NOT NULL,
    canary bytea NOT NULL,
    key_epoch bigint NOT NULL,
    signature bytea NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT vault_id_check CHECK ((id = 1))
);


--
-- Name: vault_credentials; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.vault_credentials (
    id uuid NOT NULL,
    service text NOT NULL,
    name text NOT NULL,
    sealed_key bytea NOT NULL,
    mac bytea NOT NULL,
    key_epoch bigint NOT NULL,
    created_at bigint NOT NULL,
    last_used_at bigint
);
ALTER TABLE ONLY stagepass.vault_credentials ALTER COLUMN sealed_key SET STORAGE EXTERNAL;


--
-- Name: vault_sessions; Type: TABLE; Schema: stagepass; Owner: -
--

CREATE TABLE stagepass.vault_sessions (
    sequence bigint NOT NULL,
    token_hash bytea NOT NULL,
    sealed_master_key bytea NOT NULL,
    key_epoch bigint NOT NULL,
    expires_at bigint NOT NULL
);


--
-- Name: vault_sessions_sequence_seq; Type: SEQUENCE; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.vault_sessions ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME stagepass.vault_sessions_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Data for Name: app_credential_keys; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.app_credential_keys (id, user_id, credential_id, field_id, encrypted_value, credentials_version) FROM stdin;
e04d6256-5601-8877-8745-f0070691be5a	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-23fb-73b7-a561-5e2a3d107d9a	00000000-0000-4000-8000-000000000401	v2:61c34555:RvxEc668EV+BeLV8:/ZC86UEMKCyZN9dCOOoTsg==:fvue+UjMT+YyJ9cSlJ6Lm6uXBCV7xo5N4YaI1A==	v2
0ca9575d-8e4e-8172-80c3-b63663ed07ff	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-23fb-73b7-a561-5e2a3d107d9a	00000000-0000-4000-8000-000000000402	v2:61c34555:ObEOunlonw2Xdf5r:0DywAQRjhQ5AbEA4XZISsQ==:AtBAvjBbj93CzyO3s80O1xw=	v2
df025771-80d0-8f57-8e7b-acdc3bf1eb07	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-2415-7260-be73-b8326c4ad55f	01a22895-23cc-71a6-9103-7621c1b5c6cf	v2:61c34555:ehaOlYzTg7hgQd5Y:33/WCEe7jjzJstzKVk3HCQ==:SwllL3MA+oHh6/XNhQ==	v2
\.


--
-- Data for Name: app_credential_projects; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.app_credential_projects (credential_id, project_id, user_id, assigned_at, mac) FROM stdin;
01a22895-23fb-73b7-a561-5e2a3d107d9a	01a22895-23e5-75e8-b587-a69383281118	01a22895-1b5b-758e-af9f-9c6677bf6a81	1795977192443	\\x7bddf727087c8daa86131dc3356cec7fac261bf046e5bc13ca1f04a7a33a58f1
01a22895-2415-7260-be73-b8326c4ad55f	01a22895-23e5-75e8-b587-a69383281118	01a22895-1b5b-758e-af9f-9c6677bf6a81	1795977192469	\\x50831e59fc65e5fbabddf51f67d2dfba6f81574888be1f873c03383f8320c46c
\.


--
-- Data for Name: app_credentials; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.app_credentials (id, owner_id, credential_name, folded_name, credential_type_id, description, version, created_at, updated_at) FROM stdin;
01a22895-23fb-73b7-a561-5e2a3d107d9a	01a22895-1b5b-758e-af9f-9c6677bf6a81	Payments	payments	00000000-0000-4000-8000-000000000400	\N	1	1795977192443	1795977192443
01a22895-2415-7260-be73-b8326c4ad55f	01a22895-1b5b-758e-af9f-9c6677bf6a81	Gate	gate	01a22895-23cc-71a6-9103-762094e61516	\N	1	1795977192469	1795977192469
\.


--
-- Data for Name: audit_anchors; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.audit_anchors (chain, sequence, mac, cuts, removed_at, removed_by, signature) FROM stdin;
1	17	\\xeac0f065c99122d85c95e23f387fe53b7c24c1c13c3523dc9fea1bb7dacd4863	0	1795977192287	operator	\\xc599bf38c28cf4cfbad30e6f96b7cd7ed252e5b6c3cb1a17f873c1c4fef1b617
\.


--
-- Data for Name: audit_heads; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.audit_heads (chain, sequence, mac, signature) FROM stdin;
1	41	\\x6b0d3002a2e3c1e79048e5888b9dfe0f8aa8517f884681f4e6362383b86d9666	\\x0503ee3e632f4322b0fc4f74cf1533ee7761f6117256661a51fd3493f7c9ce3a
2	3	\\xd19dfeb394e90e1f022aa963234027177aa4f1668ac8a328ca863ea0bec0fc81	\\xf1ee1c441001c2e4aa4f3ac2113e591433d451a2608cb118ef4fb9e08eedb75c
\.


--
-- Data for Name: audit_log; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.audit_log (chain, sequence, at, caller, acting_for, action, record, outcome, mac) FROM stdin;
2	1	1795977192285	operator	\N	audit prune	\N	started: rows from before 2026-11-29T18:33:12.203Z	\\xde1b86f704f85377aba743599a6ef0ea7c00472a5494e1faa3b23b648bb82f99
2	2	1795977192388	operator	\N	audit prune	\N	ok: 17 rows removed	\\xd8a394296b2a12d0c87c4b91dc1de43889bd0610764aec80d5f2310307b06254
1	18	1795977192396	user:01a22895-1b5b-758e-af9f-9c6677bf6a81	\N	create-credential-type	credential_types/01a22895-23cc-71a6-9103-762094e61516	ok	\\x0544d80aeecfd87ade354af2e312003d05272ef28c88b1a2cc54ead63b9e03fd
1	19	1795977192421	user:01a22895-1b5b-758e-af9f-9c6677bf6a81	\N	create-project	projects/01a22895-23e5-75e8-b587-a69383281118	ok	\\x63132641ffa1e655dcca8ef6f7cb56dc5a8345c90f6b8ce79535cd35cf1470ff
1	20	1795977192426	user:01a22895-1b5b-758e-af9f-9c6677bf6a81	\N	set-project-members	projects/01a22895-23e5-75e8-b587-a69383281118	ok	\\x74ca17058c0d957a50e499eda7a1fa53ade852a5b479735945e38496acc94a9a
1	21	1795977192443	user:01a22895-1b5b-758e-af9f-9c6677bf6a81	\N	create-app-credential	app_credentials/01a22895-23fb-73b7-a561-5e2a3d107d9a	ok	\\x13c74a48f5cab56c574c0405e8759ca0df8f2ba6b024cae1e8b8fb70e3881851
1	22	1795977192469	user:01a22895-1b5b-758e-af9f-9c6677bf6a81	\N	create-app-credential	app_credentials/01a22895-2415-7260-be73-b8326c4ad55f	ok	\\xae1666878db78d61d370175cfa6d44975e13fdb8466a29a8508756f2cb33751b
1	23	1795977193434	vault	\N	vault set-up	\N	ok	\\x4445c03c9c7abf03e8fa04f487c12863a54c533ea0212b31ebd56d9bd010e46d
1	24	1795977194864	vault	\N	vault login	\N	ok	\\xa302772e9272fed1264f178a93453e1015ff40d5c3bdb34a15b7c3bc1abb54e9
1	25	1795977194883	vault	\N	vault add	vault_credentials/01a22895-2d83-777c-92c6-99bc72b38462	ok	\\x8c19f703afe3903f4df362a657eb39ddfe0925080856408f854c4f1d88072815
1	26	1795977194888	vault	\N	vault add	vault_credentials/01a22895-2d88-73d7-ab1e-886049c9fc75	ok	\\xb04b0eb26d36a97cdbf2b57342df1118f1d5bb53d61ccf93cb1f0cce2b61c573
2	3	1795977194896	operator	\N	service-token add	service_tokens/worker	ok	\\xd19dfeb394e90e1f022aa963234027177aa4f1668ac8a328ca863ea0bec0fc81
1	27	1795977196880	user:01a22895-1b5b-758e-af9f-9c6677bf6a81	\N	login	users/01a22895-1b5b-758e-af9f-9c6677bf6a81	ok	\\x3de03d4dc43715e4a12cc835c9c028720cd31d06a0d1b8939ff52c644a7e1913
1	28	1795977196966	service:worker	\N	reveal	platform_connections/01a22895-22bd-752d-a52c-7f8893bbfb12	ok	\\xbb8ed3d3d0f74000435538e18fb0221c2cccf0c8a65f3c6d81a159ae88ff3ba1
1	29	1795977196981	service	\N	get-platform-session	platform_connections/01a22895-22bd-752d-a52c-7f8893bbfb12	Platform session revoked	\\x0fc690cddbe1fec786cdb10ef8379a6d7132d23cf093c7473d6eed95a4e21da0
1	30	1795977196997	service:worker	\N	reveal	platform_connections/01a22895-228b-77ef-99da-d5466d8854ea	ok	\\xe271d4f47c277281c42ce56a094714e95c0e6385b9712c3639668d3c5661cbf8
1	31	1795977197009	service	\N	get-platform-session	platform_sessions/01a22895-22ab-7082-b0dc-d6ebcf200fd1	ok	\\x206fd6afa54a134775211e5117f1aa40ec8a7ee64f35a465cfafce0375079fd3
1	32	1795977197028	service:worker	\N	reveal	platform_connections/01a22895-2251-71bd-b8a3-517f46a56d40	ok	\\x49a2094913ba4d9046e68c26ee5e006af0d2516e6dbaf826d537915ab299f1e3
1	33	1795977197031	service	\N	get-platform-session	platform_sessions/01a22895-226f-7590-a588-d4339e6820ee	ok	\\x58dc508c5f8e020f76a7474a5ac1ce853e208ee296d65faa8e6c1006c9dd85f2
1	34	1795977197045	service	\N	reveal-download-cred	download_credentials/01a22895-22dc-7341-a9ea-b29b1be1edf2	ok	\\x86f98663b0433cf55000cdae8e5aee9e3895fcb1c84b7f4056d0eb7caa6e8b47
1	35	1795977197056	service	\N	reveal-download-cred	download_credentials/01a22895-22b8-73ac-96b3-9cde6c14be66	ok	\\x4dd36d904fabc8bfd7788014049f097cd04c9edbf35872bc94c152ce5ea3412c
1	36	1795977197068	service	\N	reveal-download-cred	download_credentials/01a22895-2276-759a-9468-3678bea494c8	ok	\\x56db41eab2770743327fae31d8321eb05ef304b6365899893d85c5387dad1377
1	37	1795977197100	user:01a22895-1b5b-758e-af9f-9c6677bf6a81	\N	reveal-app-credential	app_credentials/01a22895-2415-7260-be73-b8326c4ad55f	ok	\\x073c485ef3ac95dac55d8303a35fce0f9e32f66145a2f96268e072512c3d454e
1	38	1795977197112	user:01a22895-1b5b-758e-af9f-9c6677bf6a81	\N	reveal-app-credential	app_credentials/01a22895-23fb-73b7-a561-5e2a3d107d9a	ok	\\xebe70f6ac756ae4801ffb367ef75774a6b3783d25aa9c44fe3088cccfce15ccd
1	39	1795977198608	vault	\N	vault login	\N	ok	\\xbc86dcc7dd43acf827e2b10d57c10fca450c3e36f6379fbf90370681308f09b5
1	40	1795977198619	vault	\N	vault reveal	vault_credentials/01a22895-2d88-73d7-ab1e-886049c9fc75	ok	\\x0334fe3ee50a27d2104a1737efd3c3ebd2e92bad249dd32265c0449f23ea0b2d
1	41	1795977198625	vault	\N	vault reveal	vault_credentials/01a22895-2d83-777c-92c6-99bc72b38462	ok	\\x6b0d3002a2e3c1e79048e5888b9dfe0f8aa8517f884681f4e6362383b86d9666
\.


--
-- Data for Name: capture_requests; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.capture_requests (id, user_id, creator_profile_id, platform, reason, created_at) FROM stdin;
01a22895-2300-7626-ba32-84445f229103	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-22bd-752d-a52c-7f8893bbfb12	x	made up	1795977192192
\.


--
-- Data for Name: credential_type_fields; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.credential_type_fields (id, owner_id, type_id, "position", field_name, field_label, field_type, required, sensitive) FROM stdin;
00000000-0000-4000-8000-000000000101	\N	00000000-0000-4000-8000-000000000100	0	host	Host	string	t	f
00000000-0000-4000-8000-000000000102	\N	00000000-0000-4000-8000-000000000100	1	port	Port	number	f	f
00000000-0000-4000-8000-000000000103	\N	00000000-0000-4000-8000-000000000100	2	database	Database	string	t	f
00000000-0000-4000-8000-000000000104	\N	00000000-0000-4000-8000-000000000100	3	username	User name	string	t	f
00000000-0000-4000-8000-000000000105	\N	00000000-0000-4000-8000-000000000100	4	password	Password	password	t	t
00000000-0000-4000-8000-000000000201	\N	00000000-0000-4000-8000-000000000200	0	host	Host	string	t	f
00000000-0000-4000-8000-000000000202	\N	00000000-0000-4000-8000-000000000200	1	port	Port	number	f	f
00000000-0000-4000-8000-000000000203	\N	00000000-0000-4000-8000-000000000200	2	database	Database	string	t	f
00000000-0000-4000-8000-000000000204	\N	00000000-0000-4000-8000-000000000200	3	username	User name	string	t	f
00000000-0000-4000-8000-000000000205	\N	00000000-0000-4000-8000-000000000200	4	password	Password	password	t	t
00000000-0000-4000-8000-000000000301	\N	00000000-0000-4000-8000-000000000300	0	host	Host	string	t	f
00000000-0000-4000-8000-000000000302	\N	00000000-0000-4000-8000-000000000300	1	port	Port	number	f	f
00000000-0000-4000-8000-000000000303	\N	00000000-0000-4000-8000-000000000300	2	username	User name	string	f	f
00000000-0000-4000-8000-000000000304	\N	00000000-0000-4000-8000-000000000300	3	password	Password	password	f	t
00000000-0000-4000-8000-000000000305	\N	00000000-0000-4000-8000-000000000300	4	tls	TLS	boolean	f	f
00000000-0000-4000-8000-000000000401	\N	00000000-0000-4000-8000-000000000400	0	base_url	Base URL	url	f	f
00000000-0000-4000-8000-000000000402	\N	00000000-0000-4000-8000-000000000400	1	api_key	API key	password	t	t
00000000-0000-4000-8000-000000000501	\N	00000000-0000-4000-8000-000000000500	0	bucket	Bucket	string	t	f
00000000-0000-4000-8000-000000000502	\N	00000000-0000-4000-8000-000000000500	1	region	Region	string	f	f
00000000-0000-4000-8000-000000000503	\N	00000000-0000-4000-8000-000000000500	2	endpoint	Endpoint	url	f	f
00000000-0000-4000-8000-000000000504	\N	00000000-0000-4000-8000-000000000500	3	access_key_id	Access key ID	string	t	f
00000000-0000-4000-8000-000000000505	\N	00000000-0000-4000-8000-000000000500	4	secret_access_key	Secret access key	password	t	t
00000000-0000-4000-8000-000000000601	\N	00000000-0000-4000-8000-000000000600	0	value	Value	json	t	t
01a22895-23cc-71a6-9103-7621c1b5c6cf	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-23cc-71a6-9103-762094e61516	1	pin	PIN	password	t	t
\.


--
-- Data for Name: credential_types; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.credential_types (id, owner_id, type_name, description, created_at, updated_at, mac) FROM stdin;
00000000-0000-4000-8000-000000000100	\N	PostgreSQL	A PostgreSQL database.	0	0	\N
00000000-0000-4000-8000-000000000200	\N	MySQL	A MySQL or MariaDB database.	0	0	\N
00000000-0000-4000-8000-000000000300	\N	Redis	A Redis server.	0	0	\N
00000000-0000-4000-8000-000000000400	\N	API key	A key for a web API.	0	0	\N
00000000-0000-4000-8000-000000000500	\N	AWS S3	A bucket of Amazon S3, or of a service that speaks its protocol.	0	0	\N
00000000-0000-4000-8000-000000000600	\N	Generic	Anything else, as one JSON value.	0	0	\N
01a22895-23cc-71a6-9103-762094e61516	01a22895-1b5b-758e-af9f-9c6677bf6a81	turnstile	made up	1795977192396	1795977192396	\\xbaba4b6b07e52c3b567c4a965a2a4293b34b2ac8aac654906589482ec23bf0af
\.


--
-- Data for Name: download_credentials; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.download_credentials (id, user_id, creator_profile_id, platform, auth_type, username, display_name, encrypted_credentials, credentials_version, created_at, updated_at, mac) FROM stdin;
01a22895-2276-759a-9468-3678bea494c8	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-2251-71bd-b8a3-517f46a56d40	instagram	password	made.up	\N	v2:61c34555:73KI/+2DV3lbgy2i:FqiCg7IovCUouPX2zJg/jw==:NHZOC6lPpsxQ7SYwtIO//nEahpFHFWnumZlFU87g9Q==	v2	1795977192054	1795977192054	\\xaae737dde6c7e644dcc67e21e5fc09caf2ce25fcdbb18bb11e309c72f4004dd6
01a22895-22b8-73ac-96b3-9cde6c14be66	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-228b-77ef-99da-d5466d8854ea	youtube	password	made.up	\N	v2:61c34555:KZLE2Y2MRKEoj9Gn:BtHhByFj76I2lZB0OFkGSA==:NsJOKwKqfqV6eS/5u5nMs5EBrpJEw+2Tl95bsVAVVw==	v2	1795977192120	1795977192120	\\xcd8de297ac350e78fe6c35aff66ca8b90a526779ca28eb959a726bf52be5057b
01a22895-22dc-7341-a9ea-b29b1be1edf2	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-22bd-752d-a52c-7f8893bbfb12	x	password	made.up	\N	v2:61c34555:ooaf2fGGQWpfAFMZ:O6fKBm8JiXDJtf0FfFJ56Q==:CexmNCPw5o24S4CnmSl6zGCY5txHrPdkmzR1VWkgnQ==	v2	1795977192156	1795977192156	\\xf019ffe69a21e08e0acf24902c501d035088fed1573f1bb6e181c51f0899486e
\.


--
-- Data for Name: login_attempts; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.login_attempts (subject, attempts, window_started_at) FROM stdin;
\\xf84b2f395010d7dea6c082a9f25c919f2828019fddb0e91e3cf1d79bdca16ede	0	1795977191868
\\xf834651d3e31d0555b596c5b4f3a1acc37147f0c056fd24d17dc125e8cb713f4	0	1795977191729
\\xf6a94b15763947f7f9b76b8f02ae09390613e97e34dd71791b3672820e667150	0	1795977193446
\.


--
-- Data for Name: own_keys; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.own_keys (name, encrypted_key) FROM stdin;
audit	v2:61c34555:tRdvKytIxFUIG400:Ie28a+HGt8Y0kodY0h7Cnw==:tq5EPauUXgHm7DUHb9c7Pb4MB59ON7se3LlzQdBkJ3eEu1jS1yJbdEyEJD+HRQRjBNgK0HsXqTtpfoL5rYJCgGaiEDkPdsZm3k9nK01UMXGIfoCuhP05z+JdKREGSJnBK2VitA==
proof	v2:61c34555:MzyEyS880lQwyvjl:Al6xIhQWZK4yiZlDSaP9vw==:kUc2cpRXgJd/gBzvHhSqJHijnmZ+jVbPcVzQin8rWijkGQdAvtXRxwz9aN1Nd92BcTUdaUDZQM3J6/+AuOcUJwInnc/1umR8KSDEtLFoi99bTf/tWROVDF5uOwKNDB/SoK6MpI4HQD3oraznptExkdzWkx7ZF/Ufh7dw9uu7zEXxJUcDxSpRYfFJTaRNdeIyz1uSVinr2Dc4VH/CTxt1Dc+wskeD3xvOUisoZK5Hh1Uj9fdWxJ4GKA==
\.


--
-- Data for Name: owner_usage; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.owner_usage (owner_id, is_gone, bytes, platform_connections, platform_sessions, download_credentials, capture_requests, credential_types, credential_type_fields, projects, project_members, app_credentials, app_credential_keys, app_credential_projects) FROM stdin;
01a22895-1b5b-758e-af9f-9c6677bf6a81	f	8257	3	6	3	1	1	1	1	1	2	3	2
\.


--
-- Data for Name: platform_connections; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.platform_connections (id, user_id, identity_key, platform, platform_username, encrypted_credentials, credentials_version, credentials_updated_at, created_at, updated_at, mac) FROM stdin;
01a22895-2251-71bd-b8a3-517f46a56d40	01a22895-1b5b-758e-af9f-9c6677bf6a81	7c749633b373e3fc66660328f2a0844279ddf75f055ce89c137073214aa0793e	instagram	made.up	v2:61c34555:bXCTqk1xVA3eQ0Uu:q/kViTHybzR/bV5mpXXWtA==:YzPUiCI1HPm1WNQTFNshB+qffyn1ff5OyOIsr2g3wgXAg2gPeN8nj6Eg7MD5gr6UF28PbJy34uljzg==	v2	1795977192017	1795977192017	1795977192017	\\x529b295e9fca808636ed1d2f6732984ae57d1231499d723532a7daf8a394b95d
01a22895-228b-77ef-99da-d5466d8854ea	01a22895-1b5b-758e-af9f-9c6677bf6a81	54a845df802d7e9b5b09ae12df0b4b8186bc5f997e10f139d723bb399ee2ade2	youtube	made.up	v2:61c34555:XqrL5Aj4lK3JSw5a:ivV9hq5w3kJZkGcAlwIO+w==:Bypq6IwJ+ZXtezbrhj6UczFSZt45He/2mjO0LDxjc3JDXAP3dfuTIGohizjoKhl0O2WG4Mwmv1StlQ==	v2	1795977192076	1795977192076	1795977192076	\\x565acdcdd67fd548c070e4e412fee735223e6349d06ea6d81a9bfdb79f1b254c
01a22895-22bd-752d-a52c-7f8893bbfb12	01a22895-1b5b-758e-af9f-9c6677bf6a81	0e8c8a05415f9f229258461cc3260c285f38774d5880d6c4bb983e5f78235c0e	x	made.up	v2:61c34555:8ybHteQlh3m0AEo8:YqDOn8NgoCcC9PZIMgf5Og==:S6gpLLg6cbBBjlCaa47RgL8QUv+wB8Juow+l040VQeg0gKKb7sOLOWvmfzZGlrQI5+CdUAabdYfPLQ==	v2	1795977192125	1795977192125	1795977192125	\\xffa8dc88bdf64abbc8b527cd7b62808450d2fe994443e2b9910797eaa6369154
\.


--
-- Data for Name: platform_sessions; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.platform_sessions (sequence, id, user_id, creator_profile_id, platform, encrypted_cookies, credentials_version, cookie_count, user_agent, status, captured_at, expires_at, superseded_at, revoked_at, mac) FROM stdin;
1	01a22895-225d-718d-aa0b-50e7e5681bb3	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-2251-71bd-b8a3-517f46a56d40	instagram	\N	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	superseded	1795977192030	\N	1795977192047	\N	\\x56516780b9e75310e08870e69387ebd3d44bbdd862d87008f2259875d4474073
2	01a22895-226f-7590-a588-d4339e6820ee	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-2251-71bd-b8a3-517f46a56d40	instagram	v2:61c34555:MdLRlGt9bxqdrOTc:iQDGaG27trLONCmlO0ylDQ==:2sWhpG5W7wTLB3YoX44IUmYhNXOWcqgP5E3QzrfVF24i+o4qUeetBVLN9JIdVK6ag/XIDA4H8JWiiuw+KkUa/us5sWDp1ZN2RrmBjrCA9gr5XodI5+2q8SKf/GfoAhvN85NxEiY8p05/6gw0P2PJmyFAV0O8MbmWfIoko8v8nY2r3V1bf1wCYCqEhEcII4T84CcYcSpe8U8qYIhkIlWVg2q///jKgFLBgF+mytsy1zJeBorHsIvhmxSzLMiZx5tI6ACJi5pRTX6eUpgQvumhz1qnvtE8nEocSu680aMBlTBHXMJGLIDlosEVAkygxL/k/szUxfkJQTBvuuuIjwBj5fc=	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	active	1795977192047	\N	\N	\N	\\x24599614f7b26bd9bf0c38cd1381f6c054b395d68c275a23ba5c510e9cf22de0
3	01a22895-22a2-70c1-b10d-76ec8c76220e	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-228b-77ef-99da-d5466d8854ea	youtube	\N	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	superseded	1795977192098	\N	1795977192107	\N	\\x4d7e7b3507cb5bbc25fbdeac36719611f7d56bb37e45dbbbfa455c8360b0174b
4	01a22895-22ab-7082-b0dc-d6ebcf200fd1	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-228b-77ef-99da-d5466d8854ea	youtube	v2:61c34555:O/eN+rdqDRAo67Qa:kfhml0v4pITwq56dOjriCg==:8gYVGAOgvugSFRXXpp/gKMpvhaOdoyw0KvO8fzypHODENxTAuOzB1co6A9on9fu9s4EpIyTQoPFs3AysPQw2G75p2Pc9SXX7FaBlLoFnq0aQF0wQW8Ekdf4VIKr6xuKcFnmMYueBOYHACuSyw0CaVAHRj1TbYD64M5b5sVSmsbdPGHRcYM6iLRlsjDxZ+64dobp0CoNE7BhmGsPqMPOfQRxjm1mofa4NF5LKUK9Wn2j6hXtXNCbV0Qaq+f1ts6ztORvE6D2w81qrcFuQpaHQxgIMGdoDPcJME8lc++v/SnXwaDWkdxaZhiWxxvLYynUvwtuROF54UQ==	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	active	1795977192107	\N	\N	\N	\\x026ea54949421284f1c77a3d3389e8ac14a19ef615fa03e9c90c203f1cdb63c9
5	01a22895-22c4-77e6-bd86-089efdaa2c39	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-22bd-752d-a52c-7f8893bbfb12	x	\N	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	superseded	1795977192132	\N	1795977192150	\N	\\x52d7fd8845d99e145f120c330ea2cdbd47e218a8835beb4356857d94aaaf7677
6	01a22895-22d6-7083-ad56-b9b278812a9c	01a22895-1b5b-758e-af9f-9c6677bf6a81	01a22895-22bd-752d-a52c-7f8893bbfb12	x	\N	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	revoked	1795977192150	\N	\N	1795977192167	\\xa0812301ab501c86d6cf3a8d84f45db13bb3c456ebea3258a09f137842932e20
\.


--
-- Data for Name: project_members; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.project_members (project_id, user_id, owner_id, added_at, mac) FROM stdin;
01a22895-23e5-75e8-b587-a69383281118	01a22895-1fb4-7233-89d5-5fbd3530acc3	01a22895-1b5b-758e-af9f-9c6677bf6a81	1795977192426	\\x7fc84aef8548f829dda4140e8f96bb793d64cb7516d1e6850bd588c685d947a8
\.


--
-- Data for Name: projects; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.projects (id, owner_id, project_name, description, created_at, updated_at, mac) FROM stdin;
01a22895-23e5-75e8-b587-a69383281118	01a22895-1b5b-758e-af9f-9c6677bf6a81	Tour	\N	1795977192421	1795977192426	\\x53951dd67672f6add045d6e952b7023e0931bdaf49f6d1787458106115ebd6fd
\.


--
-- Data for Name: readiness; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.readiness (id, checked_at) FROM stdin;
\.


--
-- Data for Name: refresh_tokens; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.refresh_tokens (token_hash, family_id, user_id, expires_at, spent_at, parent_hash, mac) FROM stdin;
\\xcde2a63e18a592985695ab40d4cc3d0bad84f37d10bdb96e3e023582848c4f2e	01a22895-21a4-75fe-87e2-bc1688efe463	01a22895-1b5b-758e-af9f-9c6677bf6a81	1796581991844	\N	\N	\\xc0c7ff185842fe4c2a8ef28280f84718fe2c76cb18232c86901480e7e6cbf9e1
\\x31d237f9d5edfc0d0fc1a4f6cdfc94303140565d27a46e4f9f25b775a1da5b05	01a22895-2210-7426-9279-29bf1ba1e2c5	01a22895-1fb4-7233-89d5-5fbd3530acc3	1796581991952	\N	\N	\\x0903c0ab84289dc5d6abb9d58726ee3a6d4ec3cf574fed152ad2e305ef1d10a6
\\x0c52a2872427ef806d6d45697be4821dac12083863eafa5d6aeb85700cab5b58	01a22895-3550-7567-8f7d-9bb1e915db1c	01a22895-1b5b-758e-af9f-9c6677bf6a81	1796581996880	\N	\N	\\xb9216c8082d9ae27310f88fad12f02e3ffbc256567bf149325c41dad731332bb
\.


--
-- Data for Name: retired_keys; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.retired_keys (key_id, retired_at) FROM stdin;
\.


--
-- Data for Name: schema_migrations; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.schema_migrations (number, sha256, applied_at) FROM stdin;
1	2d09c28b5c48ccc6a3356bc450f94b3a501194b8878dd989803f16b3368d8e27	1795977190517
2	01212f271fd62c2ee2e9ea02912696537bdefcdf00044e69bdb56e47e00c6bf3	1795977190541
3	21ec3b8bbbaa76727f110055a3f46401cd1e78c2455fbf898503fff74ff624e4	1795977190645
4	84a1b219ef3f975f460b07c1f3329d0c16feff461f1b1329186d249ce5817136	1795977190648
5	5232fb678c857a4f9883367506423691f5315962598bb6cc3118bd6fac3ed86d	1795977190952
6	06473f8cc4c7b7ca5a9b6fb513e2186a3a83402697425854b3b5a2f8e1d2c5eb	1795977190972
7	96fe996399dd7ab3d8d84d037c24d86d73ac167c6e6d55093d63ecd8c985bbaf	1795977190985
8	8d20a2fe6897937e9a3a399848cd70299067b2e9bd4d781c6ec9b0bcdc2b88b4	1795977191057
9	9d2426af3486166cda31089879dc927488e7faefc0994ae4eefeea553596527e	1795977191079
10	3bbbae7527b28dbd0da44eb4d86bcbbfd2e908e5e2f5fb1584be2025962bd159	1795977191092
11	6e4646acd940f5489d278b17cd0dbeb8282d2ca2d5b5a1c925cd8117c016d426	1795977191129
12	98de9b4dbd85ebcd0006d6d26587abf3dd4e71377ef1495c71b24683b81b8ec6	1795977191136
\.


--
-- Data for Name: sealing_keys; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.sealing_keys (key_id, canary, created_at) FROM stdin;
61c34555	v2:61c34555:Oa20OXuUrwkP6QWM:wcV3SFyBNfHrimfxWYaQ6g==:1xy4J6yQGej8I2v8IG8g8Q==	1795977191166
\.


--
-- Data for Name: service_tokens; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.service_tokens (name, token_hash, verbs, platforms, require_acting_user, created_at, revoked_at, mac) FROM stdin;
worker	\\xe90b871472ebd1f4ff91a4dd8e75b4e5aa97b9ea0d37825c430cdb8c970abff3	{reveal}	{}	f	1795977194896	\N	\\xfb30577ac68c3d7c6e94b3bab75cadb5ca87491c90643f4804e42b1e9c81fb93
\.


--
-- Data for Name: users; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.users (id, email, password_hash, status, created_at, tokens_valid_from, mac) FROM stdin;
01a22895-1b5b-758e-af9f-9c6677bf6a81	person-18e3d7c4b53d4910@example.org	$argon2id$v=19$m=19456,t=2,p=1$E79vqGBbTK2PVpb4YPEPdA$ylsXJ+MJMBt79InElbEBsDAntBHq5DEStxdefvA2rLg	active	1795977190235	1795977190235	\\xe266ea9745804ef2c61ef31de51267e7c65fa838a57e2198f6f31e9190024bf2
01a22895-1fb4-7233-89d5-5fbd3530acc3	person-2e9f0e16b88e467e@example.org	$argon2id$v=19$m=19456,t=2,p=1$28c57xgGqq9Pe5+e+OJOgg$A9+zGlN+DfliEOZ4oKUzacqv1+PuduDkDiv1zv+CDHM	active	1795977191348	1795977191348	\\x513cbb11b077a22cafde311cc1b3a06dd29cf16f5ac876542313703c85565910
\.


--
-- Data for Name: vault; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.vault (id, salt, canary, key_epoch, signature, created_at) FROM stdin;
1	\\xf339b65043512eb82f62070ab8ad82e7	\\x212a46f5a90e6ae3c9db103346992f072b6c3566acbe63bd82fc41d3c37f53cb2d5b4e8d98bb36b999c35a94e509bb0db39c117988bd8dd1c25662a839a8	1	\\x49116447c0c1532bb568893f5af9790ec7b4ad2036c0d4e2bdba8ccc5e7c966f	1795977193434
\.


--
-- Data for Name: vault_credentials; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.vault_credentials (id, service, name, sealed_key, mac, key_epoch, created_at, last_used_at) FROM stdin;
01a22895-2d88-73d7-ab1e-886049c9fc75	custom.mail	primary	\\x09838b974e0f23a8077e2a2f295e683ef42d6bf23fa184e278db702cfdcf451e976053ae8ae6af813e0bcc1ea130e2de552c799a8eb6b2b7f09951	\\x2bf1a8fd92579cf9a6ec38cc597aafac30c1cd0bc4bb2c55c6e905d0cd36ed38	1	1795977194888	1795977198619
01a22895-2d83-777c-92c6-99bc72b38462	openai	primary	\\xcf6fef14c4b7191768a1d08c637b47608bdbf4637b349478cdc303e49ebdc0f265835e19bec16124f006ad3f0434aa8923dd0fc9adf8	\\xace100150a1ae85c2e171e329a99d7b66635e47e7b398ee235a1615b320f1cfb	1	1795977194883	1795977198625
\.


--
-- Data for Name: vault_sessions; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.vault_sessions (sequence, token_hash, sealed_master_key, key_epoch, expires_at) FROM stdin;
1	\\x2c4841ba1f361519048e32abc57739a5f6f7c5dba52de368a6133e188468aa15	\\xb4879d0bc8433acc88eb4a2106c03f572faf11f23bd169eb6df561b1a81d4323651968bc5355755006d3699ce56a649fe93c21700d52d98cd6ae0c9f11315b25536ad535a00d71b464d77cd87d4e91500c8cdbfb2c8088e5	1	1795991594864
2	\\x86402f69e645d7f89a015929f0a58d8e053002ee4ee265bbc5ffb9f585d3c8dd	\\x2109cacec99c5c552b4226bf8643fbfecce48e14a507bd1127498588251528c6e5bece51f62612645ca6035d12b80ced9c274406c7bcc75206bdc82fa7174b68f8734141263577131ff8d9da44190daecceb897cec4a540c	1	1795991598608
\.


--
-- Name: platform_sessions_sequence_seq; Type: SEQUENCE SET; Schema: stagepass; Owner: -
--

SELECT pg_catalog.setval('stagepass.platform_sessions_sequence_seq', 6, true);


--
-- Name: vault_sessions_sequence_seq; Type: SEQUENCE SET; Schema: stagepass; Owner: -
--

SELECT pg_catalog.setval('stagepass.vault_sessions_sequence_seq', 2, true);


--
-- Name: app_credential_keys app_credential_keys_credential_id_field_id_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credential_keys
    ADD CONSTRAINT app_credential_keys_credential_id_field_id_key UNIQUE (credential_id, field_id);


--
-- Name: app_credential_keys app_credential_keys_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credential_keys
    ADD CONSTRAINT app_credential_keys_pkey PRIMARY KEY (id);


--
-- Name: app_credential_projects app_credential_projects_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credential_projects
    ADD CONSTRAINT app_credential_projects_pkey PRIMARY KEY (credential_id, project_id);


--
-- Name: app_credentials app_credentials_id_owner_id_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credentials
    ADD CONSTRAINT app_credentials_id_owner_id_key UNIQUE (id, owner_id);


--
-- Name: app_credentials app_credentials_owner_id_credential_name_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credentials
    ADD CONSTRAINT app_credentials_owner_id_credential_name_key UNIQUE (owner_id, credential_name);


--
-- Name: app_credentials app_credentials_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credentials
    ADD CONSTRAINT app_credentials_pkey PRIMARY KEY (id);


--
-- Name: audit_anchors audit_anchors_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.audit_anchors
    ADD CONSTRAINT audit_anchors_pkey PRIMARY KEY (chain);


--
-- Name: audit_heads audit_heads_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.audit_heads
    ADD CONSTRAINT audit_heads_pkey PRIMARY KEY (chain);


--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (chain, sequence);


--
-- Name: capture_requests capture_requests_creator_profile_id_platform_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.capture_requests
    ADD CONSTRAINT capture_requests_creator_profile_id_platform_key UNIQUE (creator_profile_id, platform);


--
-- Name: capture_requests capture_requests_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.capture_requests
    ADD CONSTRAINT capture_requests_pkey PRIMARY KEY (id);


--
-- Name: credential_type_fields credential_type_fields_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.credential_type_fields
    ADD CONSTRAINT credential_type_fields_pkey PRIMARY KEY (id);


--
-- Name: credential_type_fields credential_type_fields_type_id_field_name_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.credential_type_fields
    ADD CONSTRAINT credential_type_fields_type_id_field_name_key UNIQUE (type_id, field_name);


--
-- Name: credential_types credential_types_id_owner_id_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.credential_types
    ADD CONSTRAINT credential_types_id_owner_id_key UNIQUE (id, owner_id);


--
-- Name: credential_types credential_types_owner_id_type_name_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.credential_types
    ADD CONSTRAINT credential_types_owner_id_type_name_key UNIQUE (owner_id, type_name);


--
-- Name: credential_types credential_types_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.credential_types
    ADD CONSTRAINT credential_types_pkey PRIMARY KEY (id);


--
-- Name: download_credentials download_credentials_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.download_credentials
    ADD CONSTRAINT download_credentials_pkey PRIMARY KEY (id);


--
-- Name: login_attempts login_attempts_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.login_attempts
    ADD CONSTRAINT login_attempts_pkey PRIMARY KEY (subject);


--
-- Name: own_keys own_keys_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.own_keys
    ADD CONSTRAINT own_keys_pkey PRIMARY KEY (name);


--
-- Name: owner_usage owner_usage_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.owner_usage
    ADD CONSTRAINT owner_usage_pkey PRIMARY KEY (owner_id);


--
-- Name: platform_connections platform_connections_identity_key_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.platform_connections
    ADD CONSTRAINT platform_connections_identity_key_key UNIQUE (identity_key);


--
-- Name: platform_connections platform_connections_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.platform_connections
    ADD CONSTRAINT platform_connections_pkey PRIMARY KEY (id);


--
-- Name: platform_sessions platform_sessions_id_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.platform_sessions
    ADD CONSTRAINT platform_sessions_id_key UNIQUE (id);


--
-- Name: platform_sessions platform_sessions_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.platform_sessions
    ADD CONSTRAINT platform_sessions_pkey PRIMARY KEY (sequence);


--
-- Name: project_members project_members_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.project_members
    ADD CONSTRAINT project_members_pkey PRIMARY KEY (project_id, user_id);


--
-- Name: projects projects_id_owner_id_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.projects
    ADD CONSTRAINT projects_id_owner_id_key UNIQUE (id, owner_id);


--
-- Name: projects projects_owner_id_project_name_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.projects
    ADD CONSTRAINT projects_owner_id_project_name_key UNIQUE (owner_id, project_name);


--
-- Name: projects projects_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);


--
-- Name: readiness readiness_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.readiness
    ADD CONSTRAINT readiness_pkey PRIMARY KEY (id);


--
-- Name: refresh_tokens refresh_tokens_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash);


--
-- Name: retired_keys retired_keys_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.retired_keys
    ADD CONSTRAINT retired_keys_pkey PRIMARY KEY (key_id);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (number);


--
-- Name: sealing_keys sealing_keys_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.sealing_keys
    ADD CONSTRAINT sealing_keys_pkey PRIMARY KEY (key_id);


--
-- Name: service_tokens service_tokens_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.service_tokens
    ADD CONSTRAINT service_tokens_pkey PRIMARY KEY (name);


--
-- Name: service_tokens service_tokens_token_hash_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.service_tokens
    ADD CONSTRAINT service_tokens_token_hash_key UNIQUE (token_hash);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: vault_credentials vault_credentials_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.vault_credentials
    ADD CONSTRAINT vault_credentials_pkey PRIMARY KEY (id);


--
-- Name: vault_credentials vault_credentials_service_name_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.vault_credentials
    ADD CONSTRAINT vault_credentials_service_name_key UNIQUE (service, name);


--
-- Name: vault vault_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.vault
    ADD CONSTRAINT vault_pkey PRIMARY KEY (id);


--
-- Name: vault_sessions vault_sessions_pkey; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.vault_sessions
    ADD CONSTRAINT vault_sessions_pkey PRIMARY KEY (sequence);


--
-- Name: vault_sessions vault_sessions_token_hash_key; Type: CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.vault_sessions
    ADD CONSTRAINT vault_sessions_token_hash_key UNIQUE (token_hash);


--
-- Name: app_credential_keys_field; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX app_credential_keys_field ON stagepass.app_credential_keys USING btree (field_id);


--
-- Name: app_credential_projects_project; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX app_credential_projects_project ON stagepass.app_credential_projects USING btree (project_id);


--
-- Name: app_credentials_owner; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX app_credentials_owner ON stagepass.app_credentials USING btree (owner_id, created_at DESC, id);


--
-- Name: app_credentials_type; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX app_credentials_type ON stagepass.app_credentials USING btree (credential_type_id, owner_id, created_at DESC, id);


--
-- Name: audit_log_at; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX audit_log_at ON stagepass.audit_log USING btree (at, chain, sequence);


--
-- Name: capture_requests_age; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX capture_requests_age ON stagepass.capture_requests USING btree (created_at);


--
-- Name: capture_requests_user; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX capture_requests_user ON stagepass.capture_requests USING btree (user_id, created_at DESC, id);


--
-- Name: download_credentials_connection; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX download_credentials_connection ON stagepass.download_credentials USING btree (creator_profile_id);


--
-- Name: download_credentials_user; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX download_credentials_user ON stagepass.download_credentials USING btree (user_id, created_at DESC, id);


--
-- Name: login_attempts_window; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX login_attempts_window ON stagepass.login_attempts USING btree (window_started_at);


--
-- Name: platform_connections_user; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX platform_connections_user ON stagepass.platform_connections USING btree (user_id, created_at DESC, id);


--
-- Name: platform_sessions_active; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE UNIQUE INDEX platform_sessions_active ON stagepass.platform_sessions USING btree (creator_profile_id, platform) WHERE (status = 'active'::text);


--
-- Name: platform_sessions_ended; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX platform_sessions_ended ON stagepass.platform_sessions USING btree (user_id, COALESCE(superseded_at, revoked_at), sequence) WHERE (status <> 'active'::text);


--
-- Name: platform_sessions_newest; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX platform_sessions_newest ON stagepass.platform_sessions USING btree (creator_profile_id, platform, sequence DESC);


--
-- Name: platform_sessions_revoked; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX platform_sessions_revoked ON stagepass.platform_sessions USING btree (revoked_at) WHERE (revoked_at IS NOT NULL);


--
-- Name: platform_sessions_superseded; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX platform_sessions_superseded ON stagepass.platform_sessions USING btree (superseded_at) WHERE (superseded_at IS NOT NULL);


--
-- Name: platform_sessions_user; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX platform_sessions_user ON stagepass.platform_sessions USING btree (user_id, sequence DESC);


--
-- Name: project_members_user; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX project_members_user ON stagepass.project_members USING btree (user_id);


--
-- Name: refresh_tokens_expiry; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX refresh_tokens_expiry ON stagepass.refresh_tokens USING btree (expires_at);


--
-- Name: refresh_tokens_family; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX refresh_tokens_family ON stagepass.refresh_tokens USING btree (family_id);


--
-- Name: refresh_tokens_user; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE INDEX refresh_tokens_user ON stagepass.refresh_tokens USING btree (user_id);


--
-- Name: users_email; Type: INDEX; Schema: stagepass; Owner: -
--

CREATE UNIQUE INDEX users_email ON stagepass.users USING btree (lower((email COLLATE "C")));


--
-- Name: app_credential_keys added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.app_credential_keys REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credential_keys();


--
-- Name: app_credential_projects added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.app_credential_projects REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credential_projects();


--
-- Name: app_credentials added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.app_credentials REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credentials();


--
-- Name: capture_requests added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.capture_requests REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_capture_requests();


--
-- Name: credential_type_fields added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.credential_type_fields REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_credential_type_fields();


--
-- Name: credential_types added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.credential_types REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_credential_types();


--
-- Name: download_credentials added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.download_credentials REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_download_credentials();


--
-- Name: platform_connections added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.platform_connections REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_platform_connections();


--
-- Name: platform_sessions added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.platform_sessions REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_platform_sessions();


--
-- Name: project_members added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.project_members REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_project_members();


--
-- Name: projects added; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER added AFTER INSERT ON stagepass.projects REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_projects();


--
-- Name: owner_usage first_limits; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER first_limits AFTER INSERT ON stagepass.owner_usage FOR EACH ROW WHEN (((new.bytes > (NULLIF(current_setting('stagepass.byte_limit'::text, true), ''::text))::bigint) OR (new.most_rows > (NULLIF(current_setting('stagepass.row_limit'::text, true), ''::text))::bigint))) EXECUTE FUNCTION stagepass.refuse_growth();


--
-- Name: owner_usage limits; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER limits AFTER UPDATE ON stagepass.owner_usage FOR EACH ROW WHEN ((new.is_gone OR (GREATEST(old.bytes, new.bytes) > (NULLIF(current_setting('stagepass.byte_limit'::text, true), ''::text))::bigint) OR (GREATEST(old.most_rows, new.most_rows) > (NULLIF(current_setting('stagepass.row_limit'::text, true), ''::text))::bigint))) EXECUTE FUNCTION stagepass.refuse_growth();


--
-- Name: credential_type_fields owner; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER owner BEFORE UPDATE ON stagepass.credential_type_fields FOR EACH ROW WHEN (((old.owner_id IS NULL) OR (old.owner_id IS DISTINCT FROM new.owner_id))) EXECUTE FUNCTION stagepass.refuse_change();


--
-- Name: credential_types owner; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER owner BEFORE UPDATE ON stagepass.credential_types FOR EACH ROW WHEN (((old.owner_id IS NULL) OR (old.owner_id IS DISTINCT FROM new.owner_id))) EXECUTE FUNCTION stagepass.refuse_change();


--
-- Name: app_credential_keys removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.app_credential_keys REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credential_keys();


--
-- Name: app_credential_projects removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.app_credential_projects REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credential_projects();


--
-- Name: app_credentials removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.app_credentials REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credentials();


--
-- Name: capture_requests removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.capture_requests REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_capture_requests();


--
-- Name: credential_type_fields removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.credential_type_fields REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_credential_type_fields();


--
-- Name: credential_types removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.credential_types REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_credential_types();


--
-- Name: download_credentials removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.download_credentials REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_download_credentials();


--
-- Name: platform_connections removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.platform_connections REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_platform_connections();


--
-- Name: platform_sessions removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.platform_sessions REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_platform_sessions();


--
-- Name: project_members removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.project_members REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_project_members();


--
-- Name: projects removed; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER removed AFTER DELETE ON stagepass.projects REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_projects();


--
-- Name: app_credential_keys resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.app_credential_keys REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credential_keys();


--
-- Name: app_credential_projects resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.app_credential_projects REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credential_projects();


--
-- Name: app_credentials resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.app_credentials REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_app_credentials();


--
-- Name: capture_requests resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.capture_requests REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_capture_requests();


--
-- Name: credential_type_fields resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.credential_type_fields REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_credential_type_fields();


--
-- Name: credential_types resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.credential_types REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_credential_types();


--
-- Name: download_credentials resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.download_credentials REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_download_credentials();


--
-- Name: platform_connections resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.platform_connections REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_platform_connections();


--
-- Name: platform_sessions resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.platform_sessions REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_platform_sessions();


--
-- Name: project_members resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.project_members REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_project_members();


--
-- Name: projects resized; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER resized AFTER UPDATE ON stagepass.projects REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION stagepass.count_projects();


--
-- Name: app_credential_keys retired_key; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF encrypted_value ON stagepass.app_credential_keys FOR EACH ROW WHEN (stagepass.has_retired_key(new.encrypted_value)) EXECUTE FUNCTION stagepass.refuse_retired_key();


--
-- Name: download_credentials retired_key; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF encrypted_credentials ON stagepass.download_credentials FOR EACH ROW WHEN (stagepass.has_retired_key(new.encrypted_credentials)) EXECUTE FUNCTION stagepass.refuse_retired_key();


--
-- Name: platform_connections retired_key; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF encrypted_credentials ON stagepass.platform_connections FOR EACH ROW WHEN (stagepass.has_retired_key(new.encrypted_credentials)) EXECUTE FUNCTION stagepass.refuse_retired_key();


--
-- Name: platform_sessions retired_key; Type: TRIGGER; Schema: stagepass; Owner: -
--

CREATE TRIGGER retired_key BEFORE INSERT OR UPDATE OF encrypted_cookies ON stagepass.platform_sessions FOR EACH ROW WHEN (stagepass.has_retired_key(new.encrypted_cookies)) EXECUTE FUNCTION stagepass.refuse_retired_key();


--
-- Name: app_credential_keys app_credential_keys_credential_id_user_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credential_keys
    ADD CONSTRAINT app_credential_keys_credential_id_user_id_fkey FOREIGN KEY (credential_id, user_id) REFERENCES stagepass.app_credentials(id, owner_id) ON DELETE CASCADE;


--
-- Name: app_credential_keys app_credential_keys_field_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credential_keys
    ADD CONSTRAINT app_credential_keys_field_id_fkey FOREIGN KEY (field_id) REFERENCES stagepass.credential_type_fields(id);


--
-- Name: app_credential_projects app_credential_projects_credential_id_user_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credential_projects
    ADD CONSTRAINT app_credential_projects_credential_id_user_id_fkey FOREIGN KEY (credential_id, user_id) REFERENCES stagepass.app_credentials(id, owner_id) ON DELETE CASCADE;


--
-- Name: app_credential_projects app_credential_projects_project_id_user_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credential_projects
    ADD CONSTRAINT app_credential_projects_project_id_user_id_fkey FOREIGN KEY (project_id, user_id) REFERENCES stagepass.projects(id, owner_id) ON DELETE CASCADE;


--
-- Name: app_credentials app_credentials_credential_type_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.app_credentials
    ADD CONSTRAINT app_credentials_credential_type_id_fkey FOREIGN KEY (credential_type_id) REFERENCES stagepass.credential_types(id);


--
-- Name: credential_type_fields credential_type_fields_type_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.credential_type_fields
    ADD CONSTRAINT credential_type_fields_type_id_fkey FOREIGN KEY (type_id) REFERENCES stagepass.credential_types(id) ON DELETE CASCADE;


--
-- Name: credential_type_fields credential_type_fields_type_id_owner_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.credential_type_fields
    ADD CONSTRAINT credential_type_fields_type_id_owner_id_fkey FOREIGN KEY (type_id, owner_id) REFERENCES stagepass.credential_types(id, owner_id) ON DELETE CASCADE;


--
-- Name: download_credentials download_credentials_creator_profile_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.download_credentials
    ADD CONSTRAINT download_credentials_creator_profile_id_fkey FOREIGN KEY (creator_profile_id) REFERENCES stagepass.platform_connections(id) ON DELETE CASCADE;


--
-- Name: download_credentials download_credentials_user_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.download_credentials
    ADD CONSTRAINT download_credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES stagepass.users(id) ON DELETE CASCADE;


--
-- Name: platform_connections platform_connections_user_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.platform_connections
    ADD CONSTRAINT platform_connections_user_id_fkey FOREIGN KEY (user_id) REFERENCES stagepass.users(id) ON DELETE CASCADE;


--
-- Name: platform_sessions platform_sessions_creator_profile_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.platform_sessions
    ADD CONSTRAINT platform_sessions_creator_profile_id_fkey FOREIGN KEY (creator_profile_id) REFERENCES stagepass.platform_connections(id) ON DELETE CASCADE;


--
-- Name: platform_sessions platform_sessions_user_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.platform_sessions
    ADD CONSTRAINT platform_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES stagepass.users(id) ON DELETE CASCADE;


--
-- Name: project_members project_members_project_id_owner_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.project_members
    ADD CONSTRAINT project_members_project_id_owner_id_fkey FOREIGN KEY (project_id, owner_id) REFERENCES stagepass.projects(id, owner_id) ON DELETE CASCADE;


--
-- Name: refresh_tokens refresh_tokens_user_id_fkey; Type: FK CONSTRAINT; Schema: stagepass; Owner: -
--

ALTER TABLE ONLY stagepass.refresh_tokens
    ADD CONSTRAINT refresh_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES stagepass.users(id) ON DELETE CASCADE;


--
-- Name: app_credential_keys actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.app_credential_keys USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (user_id)::text)));


--
-- Name: app_credential_projects actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.app_credential_projects USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (user_id)::text)));


--
-- Name: app_credentials actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.app_credentials USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)));


--
-- Name: capture_requests actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.capture_requests USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (user_id)::text)));


--
-- Name: credential_type_fields actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.credential_type_fields USING (((owner_id IS NULL) OR ((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)))) WITH CHECK (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)));


--
-- Name: credential_types actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.credential_types USING (((owner_id IS NULL) OR ((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)))) WITH CHECK (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)));


--
-- Name: download_credentials actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.download_credentials USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (user_id)::text)));


--
-- Name: owner_usage actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.owner_usage USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)));


--
-- Name: platform_connections actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.platform_connections USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (user_id)::text)));


--
-- Name: platform_sessions actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.platform_sessions USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (user_id)::text)));


--
-- Name: project_members actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.project_members USING ((((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)) OR (current_setting('stagepass.actor'::text, true) = (user_id)::text))) WITH CHECK (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)));


--
-- Name: projects actor; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY actor ON stagepass.projects USING (((current_setting('stagepass.actor'::text, true) = ANY (ARRAY['service'::text, 'maintenance'::text])) OR (current_setting('stagepass.actor'::text, true) = (owner_id)::text)));


--
-- Name: app_credential_keys; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.app_credential_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: app_credential_projects; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.app_credential_projects ENABLE ROW LEVEL SECURITY;

--
-- Name: app_credentials; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.app_credentials ENABLE ROW LEVEL SECURITY;

--
-- Name: credential_type_fields built_in; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY built_in ON stagepass.credential_type_fields AS RESTRICTIVE FOR DELETE USING ((owner_id IS NOT NULL));


--
-- Name: credential_types built_in; Type: POLICY; Schema: stagepass; Owner: -
--

CREATE POLICY built_in ON stagepass.credential_types AS RESTRICTIVE FOR DELETE USING ((owner_id IS NOT NULL));


--
-- Name: capture_requests; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.capture_requests ENABLE ROW LEVEL SECURITY;

--
-- Name: credential_type_fields; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.credential_type_fields ENABLE ROW LEVEL SECURITY;

--
-- Name: credential_types; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.credential_types ENABLE ROW LEVEL SECURITY;

--
-- Name: download_credentials; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.download_credentials ENABLE ROW LEVEL SECURITY;

--
-- Name: owner_usage; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.owner_usage ENABLE ROW LEVEL SECURITY;

--
-- Name: platform_connections; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.platform_connections ENABLE ROW LEVEL SECURITY;

--
-- Name: platform_sessions; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.platform_sessions ENABLE ROW LEVEL SECURITY;

--
-- Name: project_members; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.project_members ENABLE ROW LEVEL SECURITY;

--
-- Name: projects; Type: ROW SECURITY; Schema: stagepass; Owner: -
--

ALTER TABLE stagepass.projects ENABLE ROW LEVEL SECURITY;

--
-- PostgreSQL database dump complete
--


