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
5924a9dd-4cab-8c2a-9423-475637d6139d	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9f6b-720e-aa32-7a11c17bb504	00000000-0000-4000-8000-000000000401	v2:fec5732c:fsRs7s8Xk2tHtP6I:NzaBvbtuT/W7Kr7lBmZTRA==:0t/Vi1FwrmDKOckhAh6oDbqnC1zwRHxCw/kwGA==	v2
9ade6971-b450-85d3-a1b8-97513113e68e	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9f6b-720e-aa32-7a11c17bb504	00000000-0000-4000-8000-000000000402	v2:fec5732c:Tfa1UoRMhGFhWLhK:xkBiyDgsqlJH3nsdB9RG0g==:f9hRcaONTIFH5YvFTlnjVyQ=	v2
d051d362-ee17-89a7-8d47-fe90dbdd6b65	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9f82-745f-a1d6-e00cb70a6787	01a2287a-9f37-75e0-8c76-ba6e2f5fad18	v2:fec5732c:ATfFkG/mDRvjjLrX:0TOCTpol6eRU8j6Nfxj5dQ==:973cokYRw41vzJy/bg==	v2
\.


--
-- Data for Name: app_credential_projects; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.app_credential_projects (credential_id, project_id, user_id, assigned_at, mac) FROM stdin;
01a2287a-9f6b-720e-aa32-7a11c17bb504	01a2287a-9f4a-77e3-8493-ec365f8456e2	01a2287a-9a58-7023-8120-8d37905d1c60	1795975454571	\\x3563574a09693596d716acb4c7c94e837032646aa5a38a48fd330934eace0745
01a2287a-9f82-745f-a1d6-e00cb70a6787	01a2287a-9f4a-77e3-8493-ec365f8456e2	01a2287a-9a58-7023-8120-8d37905d1c60	1795975454594	\\xcd2832f0066ee43ce6bf20682369b853d32ae4a96b2a367e7191f6889c474da2
\.


--
-- Data for Name: app_credentials; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.app_credentials (id, owner_id, credential_name, folded_name, credential_type_id, description, version, created_at, updated_at) FROM stdin;
01a2287a-9f6b-720e-aa32-7a11c17bb504	01a2287a-9a58-7023-8120-8d37905d1c60	Payments	payments	00000000-0000-4000-8000-000000000400	\N	1	1795975454571	1795975454571
01a2287a-9f82-745f-a1d6-e00cb70a6787	01a2287a-9a58-7023-8120-8d37905d1c60	Gate	gate	01a2287a-9f37-75e0-8c76-ba6d23e5a152	\N	1	1795975454594	1795975454594
\.


--
-- Data for Name: audit_anchors; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.audit_anchors (chain, sequence, mac, cuts, removed_at, removed_by, signature) FROM stdin;
1	17	\\xd236719adcb3873c98bf3ff14669313e75ed94d902cb9e34359ebff6a6653d2a	0	1795975454491	operator	\\xfd65d38849f382a0e2815052e6926960b4c48661f1e185d99c9cb0d813f334b7
\.


--
-- Data for Name: audit_heads; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.audit_heads (chain, sequence, mac, signature) FROM stdin;
1	41	\\x824941307ddb3c287f31ab83838392a80914b1ec332352a52b4df4cb3942fbf2	\\x988c56a6b912a38a6ab751bba403d49a2adf0e3c49080210cf6f6159fd7de427
2	3	\\xb721c360d631e3712c7e0b920ff424095bf8e0d652c082c0ee30ff00d0420932	\\x0ab03fee4fb3be97ddb138c60c6eaa3049907eafbbfd65198d1e11e00a592952
\.


--
-- Data for Name: audit_log; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.audit_log (chain, sequence, at, caller, acting_for, action, record, outcome, mac) FROM stdin;
2	1	1795975454488	operator	\N	audit prune	\N	started: rows from before 2026-11-29T18:04:14.419Z	\\x5719c75036fa13a14b825514a507289916e939a8fac9fbf4181e753e61936510
2	2	1795975454512	operator	\N	audit prune	\N	ok: 17 rows removed	\\xa24ca179e31d33e10faf341f24fa336a1b23330b355dd107283392e3686e0a33
1	18	1795975454519	user:01a2287a-9a58-7023-8120-8d37905d1c60	\N	create-credential-type	credential_types/01a2287a-9f37-75e0-8c76-ba6d23e5a152	ok	\\xccc0c46786df6d64e754ea317bf95a57d73b79b1532ff7f89676749f6254b6ff
1	19	1795975454538	user:01a2287a-9a58-7023-8120-8d37905d1c60	\N	create-project	projects/01a2287a-9f4a-77e3-8493-ec365f8456e2	ok	\\x7e172217f1804e52aa7ffd4968d38a625fd2ea3e5e6f06760be57d9fc0457454
1	20	1795975454546	user:01a2287a-9a58-7023-8120-8d37905d1c60	\N	set-project-members	projects/01a2287a-9f4a-77e3-8493-ec365f8456e2	ok	\\x2f004eee21e36559886cc055acb0a1512aeb2840341f2274b7b5e6a976f38ce8
1	21	1795975454571	user:01a2287a-9a58-7023-8120-8d37905d1c60	\N	create-app-credential	app_credentials/01a2287a-9f6b-720e-aa32-7a11c17bb504	ok	\\x84b385460b83e22fa9c228958f3ace1933b1433a71bbd80d30ed95f4f794c625
1	22	1795975454594	user:01a2287a-9a58-7023-8120-8d37905d1c60	\N	create-app-credential	app_credentials/01a2287a-9f82-745f-a1d6-e00cb70a6787	ok	\\xd651cc910c4408082b9fb25a4f1473cf4bfd2600724be232b299e9e8d15de81f
1	23	1795975455611	vault	\N	vault set-up	\N	ok	\\x09b06c6a454a441b5af31b652a1cccd0f8324668a428e970f5186c38681e725e
1	24	1795975456692	vault	\N	vault login	\N	ok	\\xafcbec7447c4c36a84cf4a212ba13c6289e3acd87720a260c562862e12bbe8d8
1	25	1795975456707	vault	\N	vault add	vault_credentials/01a2287a-a7c3-7652-9f46-eb2f3cc0218c	ok	\\xa5de95fe87e00b6b394700d0919644b0de0b62d75c45b48781e0982b91816055
1	26	1795975456716	vault	\N	vault add	vault_credentials/01a2287a-a7cc-73d3-817d-e4f14a804002	ok	\\x7ac0f30f0256134107e473445e7882a308bff388bb8b4cf3dcc2eed83ec69613
2	3	1795975456725	operator	\N	service-token add	service_tokens/worker	ok	\\xb721c360d631e3712c7e0b920ff424095bf8e0d652c082c0ee30ff00d0420932
1	27	1795975458326	user:01a2287a-9a58-7023-8120-8d37905d1c60	\N	login	users/01a2287a-9a58-7023-8120-8d37905d1c60	ok	\\x1b19cd0a7a9eafce001e35187cdf56aea5323a8848249ee6ba88ac23520b4d31
1	28	1795975458412	service:worker	\N	reveal	platform_connections/01a2287a-9ea1-722b-9992-0d6aef2751b7	ok	\\xa5a26b5827eb11498fcf8b546719d585bf240b1e81bc7b5d740d8bef34c74c69
1	29	1795975458418	service	\N	get-platform-session	platform_connections/01a2287a-9ea1-722b-9992-0d6aef2751b7	Platform session revoked	\\x07d46ca75bfa3fc6b10851bcaffb91fd1c04c29eeaea7a4029935e72f8295301
1	30	1795975458434	service:worker	\N	reveal	platform_connections/01a2287a-9e86-7681-90cd-2eb0c59f7818	ok	\\x1ca4252ce32b53c8da9084345a7e2032cddb13086db6dccec3dc1fab63afac93
1	31	1795975458452	service	\N	get-platform-session	platform_sessions/01a2287a-9e93-74a3-97a5-3c7e8f28757f	ok	\\xfc6b4c8b0320a102678f2408c0c63b26780c11376a612687ecd5228342ae25d4
1	32	1795975458457	service:worker	\N	reveal	platform_connections/01a2287a-9e57-763c-ac32-0876ca617376	ok	\\xd76d037967ab7c21dc9545936dbfcc5b5c50497ec5151a9a2b8124abce3c93f8
1	33	1795975458477	service	\N	get-platform-session	platform_sessions/01a2287a-9e71-738c-8c3a-057a74014692	ok	\\x95fd5d07b13014c06b731a3876aea638274dbd6b79fd83d6637f7a725e4bfdc3
1	34	1795975458488	service	\N	reveal-download-cred	download_credentials/01a2287a-9eb5-710f-85b9-c586b12bb933	ok	\\xb53a4f6c6e1fb9501e700f47e459d0707ee9eef65d2adb396fa25b69da7ba9f1
1	35	1795975458500	service	\N	reveal-download-cred	download_credentials/01a2287a-9e99-7094-a33b-e69f22cc6e66	ok	\\x60699a2154a2ba4f2826b9fa2aebd4500d3382fe5c42ed8e1feafc3db041a753
1	36	1795975458505	service	\N	reveal-download-cred	download_credentials/01a2287a-9e7e-7500-8a9d-47ff3a669e16	ok	\\x416f32fb151e7e0544f39234e405efa5d0fa4a0073d09cb339053fb8f29dd348
1	37	1795975458533	user:01a2287a-9a58-7023-8120-8d37905d1c60	\N	reveal-app-credential	app_credentials/01a2287a-9f82-745f-a1d6-e00cb70a6787	ok	\\x405daf7972f6e5de547ad104d5d846c5f193c3d91a9bcdd9b583109dee601cf9
1	38	1795975458550	user:01a2287a-9a58-7023-8120-8d37905d1c60	\N	reveal-app-credential	app_credentials/01a2287a-9f6b-720e-aa32-7a11c17bb504	ok	\\xf6a43a2a11fe84d2c218b77630d1c198aad9201605b54e55a5717482d16744c4
1	39	1795975459984	vault	\N	vault login	\N	ok	\\xe8a83c72ccbec8e5e2d3d4afb5c45297c0bf9516ab42f82c763e118a6a87b2d6
1	40	1795975460005	vault	\N	vault reveal	vault_credentials/01a2287a-a7cc-73d3-817d-e4f14a804002	ok	\\x64850291631b26ddc2d363a6bba41ad9a3f7685d38cf6fa7845be95d51ef4fce
1	41	1795975460022	vault	\N	vault reveal	vault_credentials/01a2287a-a7c3-7652-9f46-eb2f3cc0218c	ok	\\x824941307ddb3c287f31ab83838392a80914b1ec332352a52b4df4cb3942fbf2
\.


--
-- Data for Name: capture_requests; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.capture_requests (id, user_id, creator_profile_id, platform, reason, created_at) FROM stdin;
01a2287a-9ec7-76d5-b895-3899c11c5475	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9ea1-722b-9992-0d6aef2751b7	x	made up	1795975454407
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
01a2287a-9f37-75e0-8c76-ba6e2f5fad18	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9f37-75e0-8c76-ba6d23e5a152	1	pin	PIN	password	t	t
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
01a2287a-9f37-75e0-8c76-ba6d23e5a152	01a2287a-9a58-7023-8120-8d37905d1c60	turnstile	made up	1795975454519	1795975454519	\\x95f0b4ba4db836b8acc988b66ea66c97afd212bdb4feb9836eb3cc9fa5e701c4
\.


--
-- Data for Name: download_credentials; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.download_credentials (id, user_id, creator_profile_id, platform, auth_type, username, display_name, encrypted_credentials, credentials_version, created_at, updated_at, mac) FROM stdin;
01a2287a-9e7e-7500-8a9d-47ff3a669e16	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9e57-763c-ac32-0876ca617376	instagram	password	made.up	\N	v2:fec5732c:ykSEPVYFUqL+Usju:8KX30OrXfZc61CYdyS/UQw==:4ZOeJYVZYmZAesES7kZrcePwEQhWw9kTDHVC5I5U6A==	v2	1795975454334	1795975454334	\\xfdedf29a039b48e44e1740b585179a7d81cf781d08edf47593e5d43ce9e00ae8
01a2287a-9e99-7094-a33b-e69f22cc6e66	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9e86-7681-90cd-2eb0c59f7818	youtube	password	made.up	\N	v2:fec5732c:DeiZ+7SR0Ngf4mO3:yycxqvY5XT3FMcnpfUawaw==:JXMvslnmjQE9PnJA6GgT/51OBjTSNYkp8im9jln6Lw==	v2	1795975454361	1795975454361	\\xa24742e8ef953104f22b69d96fa669016fd6bb93ec9fdde20b91a71bd7dbb7c9
01a2287a-9eb5-710f-85b9-c586b12bb933	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9ea1-722b-9992-0d6aef2751b7	x	password	made.up	\N	v2:fec5732c:KLzHqtlG0QUQVB2Z:PE1Q5fD/ky6xuYzY7TpF4A==:Akmgjl2022fD1jjGqJ2ZMW7ADuscpmFlwpFWVN0Kug==	v2	1795975454389	1795975454389	\\x5e9c3bee71dc650083820242c7685c1aa5a67a60c00fa85d9aaaf39bb09c9f82
\.


--
-- Data for Name: login_attempts; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.login_attempts (subject, attempts, window_started_at) FROM stdin;
\\x8bcde625df6ee5346aa55bf1a37fc8252f710c750bff1bff71bc182e6b160318	0	1795975454173
\\x1c0db532db27e15d4cb37ada0f0374d39c40c8afd14b35da385a28d77c95f3f0	0	1795975454070
\\xf6a94b15763947f7f9b76b8f02ae09390613e97e34dd71791b3672820e667150	0	1795975455626
\.


--
-- Data for Name: own_keys; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.own_keys (name, encrypted_key) FROM stdin;
audit	v2:fec5732c:9EA51CC1xxoSaT9z:vQynMB95xKl6CvXJMy+cNA==:ERMbAMPe7odYA6eq/rM8AN0/iYANBeFVl9eMO5Dh19N7X9lbBnrWPlqZ4rLwHMd2U8sYkcfelb6lN0C/66DQjr9J0YOvzOvEdDdV6nEJ2vwn5A8J481P3haPajWqgMMqyRT+Iw==
proof	v2:fec5732c:RwftOMUKxbdmTkDM:ZMaygurSDMQYPhaN+bDTGg==:xC82s1dZrnCtu9UlYO7HqZ3Y18pGG4hKma5nSKgK3UU8JI7gdk12dNraxn3sgMZcfUpLHoPIXZFSUi4xkl1IFaYgVDkDoEUAutH+ReLJsuzFDKxgUFuHfz8NUrYL8YErNZOMT15UMxN77TDlnd17keJWm51aj7A+Y2u0zvLgvcdLiEOug3Lg0aQ9HwwdWc0EFmID+sd1Ji06yvq5VlfQeJF7ZSOuJBbrydxCk1cT2nfLUWQ4v6e4aA==
\.


--
-- Data for Name: owner_usage; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.owner_usage (owner_id, is_gone, bytes, platform_connections, platform_sessions, download_credentials, capture_requests, credential_types, credential_type_fields, projects, project_members, app_credentials, app_credential_keys, app_credential_projects) FROM stdin;
01a2287a-9a58-7023-8120-8d37905d1c60	f	8257	3	6	3	1	1	1	1	1	2	3	2
\.


--
-- Data for Name: platform_connections; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.platform_connections (id, user_id, identity_key, platform, platform_username, encrypted_credentials, credentials_version, credentials_updated_at, created_at, updated_at, mac) FROM stdin;
01a2287a-9e57-763c-ac32-0876ca617376	01a2287a-9a58-7023-8120-8d37905d1c60	5663bc510154f6ab561efc71c37b5521ae84ccf21a00e07d39fe2c205d62d39c	instagram	made.up	v2:fec5732c:7y/yYKB7+vASGykS:utg3rKX2NsRapwaAIDXG7A==:TyCUIHa54zJXyZuxSEv1Ca3XQ3WwjpWHk1OdTUfoTu67gxxuH7ptqZinJBrkzp+BLotXW5j+yQogCw==	v2	1795975454295	1795975454295	1795975454295	\\x82694e08a14f01301fb83887422d787e51b98b2e747a70bf0984aea50ac9501b
01a2287a-9e86-7681-90cd-2eb0c59f7818	01a2287a-9a58-7023-8120-8d37905d1c60	42b9af25b29a4136bb4c7215b62e00563bd9eb9b77468ee99e9b8bebde7ed7de	youtube	made.up	v2:fec5732c:URDs/rEIsNeL7MZN:sAp1byRqMBRcjRT4WkZPMw==:PvjpIV0x4W3A7jU+PmpXiDzcUXH8hmDkQTqIiidaj8NYlKjtUt4/SZc3HkoaIXzSfez01TIzf2MNAQ==	v2	1795975454342	1795975454342	1795975454342	\\x0756f805f67a232caa773d6ba44505f6339e37fda9a2988c320bd171ce4e29ab
01a2287a-9ea1-722b-9992-0d6aef2751b7	01a2287a-9a58-7023-8120-8d37905d1c60	01725d1b175ff222c8b56b343d31bd0ad6df94f298cd5e749d9a4867aeaf118c	x	made.up	v2:fec5732c:or4RxlFBIUavtViN:wl2oNWOjL+4N72sinW2vzw==:fBXE0s8+lvJfoEdTQuB0TwQ0jYGKYKvrhTm+vjleBpeMBTkPLFyKKRcB0dbDUXJ2WoPISJOVeqC9oA==	v2	1795975454369	1795975454369	1795975454369	\\x9963ef8ce31bda2493a46cf381251babd0e25ed3c35239af2ac29a77d01ab54e
\.


--
-- Data for Name: platform_sessions; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.platform_sessions (sequence, id, user_id, creator_profile_id, platform, encrypted_cookies, credentials_version, cookie_count, user_agent, status, captured_at, expires_at, superseded_at, revoked_at, mac) FROM stdin;
1	01a2287a-9e5e-710f-b6f0-de31bf5b4027	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9e57-763c-ac32-0876ca617376	instagram	\N	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	superseded	1795975454302	\N	1795975454321	\N	\\x231a00fc849d15c50bd869ee4a6deefcf448be0848e348b6af4227a19d09eff2
2	01a2287a-9e71-738c-8c3a-057a74014692	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9e57-763c-ac32-0876ca617376	instagram	v2:fec5732c:Icu09zRQPJW36Bpb:Ry92N3rnHe+WJbjkhFK3mQ==:qTxyCqebOMYnG7q4Y40rxoIUxYqYi4ZpnGv2+WvfNp3nWISprTvNj9Er2AOtfn7Cwkstclo4HIs4z7sp+5Yq2C+WxFlu67dwhrTnpxMfQ6U7g4FqnHtCgkubIVlO82+jGL8jDioEV5TTqC5sd58esEFOe9Wav0rr0mMflBp6zZDiMLBJ/ho1kga64LkIdxfYWDVBfuAM2VK5NYc21yNZACpzEZQP9hWgZVJZY+ylGSUMSuQJuHD+igSoLNsote2Bk8rmpnzkVHBjdhqg7ym31yej21bs/MoCjsv7T6m0cZQd59KPrfMN4W2KS3+bST+Q4HUdyM5bZPdJ7DIXQ/xPnTE=	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	active	1795975454321	\N	\N	\N	\\x8736b7f89a68e0b7c3f6b9f4f0c61b0e2a1ac71704d5dbc46bfb04ab8466614e
3	01a2287a-9e8e-7601-b484-2a27ac13f4e3	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9e86-7681-90cd-2eb0c59f7818	youtube	\N	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	superseded	1795975454351	\N	1795975454355	\N	\\x6fe471310823d1437a0ee4e60ff7421f3bcb4ca2e76d261118f0e8bd2dedd387
4	01a2287a-9e93-74a3-97a5-3c7e8f28757f	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9e86-7681-90cd-2eb0c59f7818	youtube	v2:fec5732c:PSuu8BpXLwlVkicD:9iqQsg7c8YrtBioTn+eeYw==:JwauD/KxIMvm+pqcpyAoBSsYuJGLLc2pe0dV1JrEzrlaApVTlombvESv4GYkfyTXPg/nUTW/VN4QYG7WXw2/qWruU1dIkhgIW+dCz6jMHe7v/Hgbiq3Q0XC/ee3LSggwW1n7FRIWJF7waofPjeGDQkyhWcqwvLQawiQ64QK1K0NPSO3kY5MA9IxoVjMkue2DqxkQuVnp5mrQy3SF20mXTFfUk/ZgMxAg6ciFlFrrSG1mwzHBt7uBfLUifXqYn5NH1PHrb977pzs8TBdNnwSSvOrwT7HJqrmLIrYg2SN3rYKDY9UBh/ng1W+1nnKMITeF2Xg6223LDg==	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	active	1795975454355	\N	\N	\N	\\x2e249c2228514c1885cb382ba4d62221752c4dee32bbd0573061f7a20d6b8d60
5	01a2287a-9ea5-7643-b883-2aa17b4db636	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9ea1-722b-9992-0d6aef2751b7	x	\N	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	superseded	1795975454373	\N	1795975454381	\N	\\x4f10dec9e7770a33ae53b05025d8dd0b0e354e80c1ac0ce2adccb69ad2f63f78
6	01a2287a-9ead-7384-bd5b-5bd6a087bff3	01a2287a-9a58-7023-8120-8d37905d1c60	01a2287a-9ea1-722b-9992-0d6aef2751b7	x	\N	v2	2	Mozilla/5.0 (X11; Linux x86_64) made up	revoked	1795975454381	\N	\N	1795975454399	\\xaf9e049a6322a47d69302586aca8a753c07fabcffaf0c8cc33c8b84b67b57f81
\.


--
-- Data for Name: project_members; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.project_members (project_id, user_id, owner_id, added_at, mac) FROM stdin;
01a2287a-9f4a-77e3-8493-ec365f8456e2	01a2287a-9c8e-7790-8235-fc08ebb4f9ae	01a2287a-9a58-7023-8120-8d37905d1c60	1795975454546	\\x2c5bac161436a074b069ff05efe5a54d13fda274cfe3d3cd6a1a7007fd652635
\.


--
-- Data for Name: projects; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.projects (id, owner_id, project_name, description, created_at, updated_at, mac) FROM stdin;
01a2287a-9f4a-77e3-8493-ec365f8456e2	01a2287a-9a58-7023-8120-8d37905d1c60	Tour	\N	1795975454538	1795975454546	\\x0e9650c547886951237f0ffb8371bf3b2ddfa7297d3e47dfd3ff1f614b3c04de
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
\\x4cf841322996d733820ea19d7af88e811afedbca9c870d20d184344002bf00ca	01a2287a-9dc7-777c-8ff0-e762dec763c0	01a2287a-9a58-7023-8120-8d37905d1c60	1796580254151	\N	\N	\\x06e2101e107831c3983c2e91102f27bfb45386edb922dc9cd7405e8f21a89cd2
\\xc4e7983cfb97116331330aed43a912cf2ce3885b1bb0b48a733ffac9967de3be	01a2287a-9e1c-7401-9df2-c4b3fc524f6a	01a2287a-9c8e-7790-8235-fc08ebb4f9ae	1796580254236	\N	\N	\\x76dcb93ae58dc0c82f3897cd53ffcb71672ce79de16d62491e2e72493dffb7aa
\\x647aeef8803c568bb79aa61798b9fb0e7bd3362e227646ca7aaedf55e88f69d3	01a2287a-ae16-7124-ace8-98416fad5c3c	01a2287a-9a58-7023-8120-8d37905d1c60	1796580258326	\N	\N	\\x9a58af79e3a698254fd278e34b7f384115d67469475673e79d45fe35da80448b
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
1	2d09c28b5c48ccc6a3356bc450f94b3a501194b8878dd989803f16b3368d8e27	1795975453503
2	01212f271fd62c2ee2e9ea02912696537bdefcdf00044e69bdb56e47e00c6bf3	1795975453514
3	21ec3b8bbbaa76727f110055a3f46401cd1e78c2455fbf898503fff74ff624e4	1795975453544
4	84a1b219ef3f975f460b07c1f3329d0c16feff461f1b1329186d249ce5817136	1795975453545
5	5232fb678c857a4f9883367506423691f5315962598bb6cc3118bd6fac3ed86d	1795975453644
6	06473f8cc4c7b7ca5a9b6fb513e2186a3a83402697425854b3b5a2f8e1d2c5eb	1795975453645
7	96fe996399dd7ab3d8d84d037c24d86d73ac167c6e6d55093d63ecd8c985bbaf	1795975453661
8	8d20a2fe6897937e9a3a399848cd70299067b2e9bd4d781c6ec9b0bcdc2b88b4	1795975453675
9	9d2426af3486166cda31089879dc927488e7faefc0994ae4eefeea553596527e	1795975453681
10	3bbbae7527b28dbd0da44eb4d86bcbbfd2e908e5e2f5fb1584be2025962bd159	1795975453683
11	6e4646acd940f5489d278b17cd0dbeb8282d2ca2d5b5a1c925cd8117c016d426	1795975453700
12	98de9b4dbd85ebcd0006d6d26587abf3dd4e71377ef1495c71b24683b81b8ec6	1795975453704
\.


--
-- Data for Name: sealing_keys; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.sealing_keys (key_id, canary, created_at) FROM stdin;
fec5732c	v2:fec5732c:opnhbirHlgeEeGG2:qS5ekXiUUDy/7HnrGwA5Iw==:8VLXSEoNXyzMvnhXyHt4bQ==	1795975453719
\.


--
-- Data for Name: service_tokens; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.service_tokens (name, token_hash, verbs, platforms, require_acting_user, created_at, revoked_at, mac) FROM stdin;
worker	\\x70f7fee22d859dfaa5e8d0ab7f270a7462811950881e8b87187225eb69b1d26f	{reveal}	{}	f	1795975456725	\N	\\x04f3e9fc872d822b7b3c1cdcdd5e96795a86c1065a9c0c42e76c5700e6db8bcb
\.


--
-- Data for Name: users; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.users (id, email, password_hash, status, created_at, tokens_valid_from, mac) FROM stdin;
01a2287a-9a58-7023-8120-8d37905d1c60	person-d2540e44e8e29800@example.org	$argon2id$v=19$m=19456,t=2,p=1$QIrysi0vy73mofT2Ugia4g$f/SJTgz2aZDllrtHP99oysG25uQpwcw6XfvZ4zzOu+s	active	1795975453272	1795975453272	\\x08711f92f59af9b444b8a5174ad59eb9ea116d978ca60beb4c8a243e5d5547bd
01a2287a-9c8e-7790-8235-fc08ebb4f9ae	person-1f87fa1406b83057@example.org	$argon2id$v=19$m=19456,t=2,p=1$rGfOTJqD+POxY9bjTlyi1w$NCNPmJIjwO+h2akyKpg5d2VdqMbTTaerAuCpB5Zavb8	active	1795975453838	1795975453838	\\xb4bdbeee949d3d915f6872ded386d80f0914b90f63c73fd4db790586d0e90a92
\.


--
-- Data for Name: vault; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.vault (id, salt, canary, key_epoch, signature, created_at) FROM stdin;
1	\\x4468d8b3920cd28d9d83b2fa644cae3a	\\x7b84af5ed2e1f86fd4174e4b1c073808a85262056831630fe824410ec7dd05625733bb06791e91da671956448d7e7db45738790dcc09537dcc692be7b70a	1	\\x69a723085a9068fb99e26a472bd700cef39cc95b9aa9ef7796547961c7a2667a	1795975455611
\.


--
-- Data for Name: vault_credentials; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.vault_credentials (id, service, name, sealed_key, mac, key_epoch, created_at, last_used_at) FROM stdin;
01a2287a-a7cc-73d3-817d-e4f14a804002	custom.mail	primary	\\x0577b3c17e6459404d488258460ec4e8ad31449a5872214c25a86a44ae2a1ee1e5e5212d2bf23f67fe17871cc611d2c331087508c7701bcdb8c361	\\x6f2616809f2e8945f5b82b5e6b4752ba3f16abc3ffbacb1dfcf192718564d0c2	1	1795975456716	1795975460006
01a2287a-a7c3-7652-9f46-eb2f3cc0218c	openai	primary	\\x5a9f0247269a357cbb6645f9d3508a5935b3a4e1d7f5f19ce8eef82b5741f89ba582ef3438f7f6c961fd8860dff42c62246de49295bf	\\xbfe9e48cd9ab3fdabbbdd28f5257e56dc61eabfd12e2e1bf99f689323cfb47e2	1	1795975456707	1795975460022
\.


--
-- Data for Name: vault_sessions; Type: TABLE DATA; Schema: stagepass; Owner: -
--

COPY stagepass.vault_sessions (sequence, token_hash, sealed_master_key, key_epoch, expires_at) FROM stdin;
1	\\x219e7221121c94ec52b86b7c696a00e4791afdfcd7b40ad3012a7bc2d9d8ac8e	\\xc61c9525a46d499e69c08b6527dd46e06b4864ca4f5f8407094ef1feeb7fc4bcf424a3cd3a7367fbc6ac89f1d75ab792f7b943f3e2d1fab84e579048e0edfcd3f33b3d770190a1c7ca4bea5dea8921d19d19e9369d81785b	1	1795989856692
2	\\x304adddab6bf95e09be38c8a23192996e133f1295acf0cdd0de31626c5e3bc28	\\x61caa1d6a3f83f688c9080123c1c5bae210bfd143c6c2af15fe734ee9716057bd00a797475a8e756aecc8c96af5457ecb323f2f9a00b1418eadc4eaac49f60823a6a3041bcb4387d22ab6bbfefca8fba5d72b4bf2eccb31a	1	1795989859984
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


