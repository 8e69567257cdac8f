-- Times are milliseconds since the Unix epoch, as in SQLite. All names are in
-- the schema stagepass, which the server makes and alone is in the search path.

-- Who may sign in, and what they sign in with. Row-level security does not
-- guard these tables: they are read to find out who is calling, when nobody is
-- acting yet.
CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL,
    password_hash text NOT NULL,
    status        text NOT NULL CHECK (status IN ('active', 'suspended')),
    created_at    bigint NOT NULL,
    -- Access tokens issued before are void.
    tokens_valid_from bigint NOT NULL
);
-- Without regard to the case of ASCII letters, like SQLite's NOCASE: what two
-- addresses are the same must not depend on a database's locale.
CREATE UNIQUE INDEX users_email ON users (lower(email COLLATE "C"));

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    family_id  uuid NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at bigint NOT NULL,
    spent_at   bigint
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- Login attempts of the running window, by the hash of what is limited: an
-- account or an address.
CREATE TABLE login_attempts (
    subject           bytea PRIMARY KEY,
    attempts          bigint NOT NULL,
    window_started_at bigint NOT NULL
);
CREATE INDEX login_attempts_window ON login_attempts (window_started_at);

-- Secrets of services that may do only what is listed; no platforms means all.
CREATE TABLE service_tokens (
    name                text PRIMARY KEY,
    token_hash          bytea NOT NULL UNIQUE,
    verbs               text[] NOT NULL,
    platforms           text[] NOT NULL,
    require_acting_user boolean NOT NULL,
    created_at          bigint NOT NULL,
    revoked_at          bigint
);

-- A known text sealed under each key that was used here, so that a wrong key
-- is noticed before anything is read or written with it.
CREATE TABLE sealing_keys (
    key_id     text PRIMARY KEY,
    canary     text NOT NULL,
    created_at bigint NOT NULL
);

-- One row, written to see whether the database takes writes.
CREATE TABLE readiness (
    id         integer PRIMARY KEY CHECK (id = 1),
    checked_at bigint NOT NULL
);

-- Who did what to which record, when, and how it ended; each row is chained to
-- the one before it by an HMAC. A chain belongs to one connection at a time.
CREATE TABLE audit_log (
    chain      bigint NOT NULL,
    sequence   bigint NOT NULL,
    at         bigint NOT NULL,
    caller     text NOT NULL,
    acting_for uuid,
    action     text NOT NULL,
    record     text,
    outcome    text NOT NULL,
    mac        bytea NOT NULL,
    PRIMARY KEY (chain, sequence)
);

-- Where each chain ends, signed. Each row changes with every row of its chain:
-- the room left beside it lets that happen without touching the index.
CREATE TABLE audit_heads (
    chain     bigint PRIMARY KEY,
    sequence  bigint NOT NULL,
    mac       bytea NOT NULL,
    signature bytea NOT NULL
) WITH (fillfactor = 10);

-- One row: the key of the chains, sealed.
CREATE TABLE audit_key (
    id            integer PRIMARY KEY CHECK (id = 1),
    encrypted_key text NOT NULL
);

-- Takes the lowest chain from `first_chain` on that no connection holds, until this one ends. The
-- first number of the lock tells it from other locks; it means nothing.
CREATE FUNCTION lease_audit_chain(first_chain bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = stagepass, pg_temp AS $$
BEGIN
    FOR candidate IN first_chain..100000 LOOP
        IF pg_try_advisory_lock(1398030689, candidate) THEN
            RETURN candidate;
        END IF;
    END LOOP;
    RAISE 'every chain of the audit log is taken';
END
$$;

CREATE TABLE platform_connections (
    id                     uuid PRIMARY KEY,
    user_id                uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    identity_key           text NOT NULL UNIQUE,
    platform               text NOT NULL,
    platform_username      text,
    encrypted_credentials  text,
    credentials_version    text,
    credentials_updated_at bigint,
    created_at             bigint NOT NULL,
    updated_at             bigint NOT NULL
);
CREATE INDEX platform_connections_user ON platform_connections (user_id, created_at DESC, id);

CREATE TABLE platform_sessions (
    sequence            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                  uuid NOT NULL UNIQUE,
    user_id             uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    creator_profile_id  uuid NOT NULL REFERENCES platform_connections (id) ON DELETE CASCADE,
    platform            text NOT NULL,
    encrypted_cookies   text,
    credentials_version text,
    cookie_count        integer NOT NULL,
    user_agent          text,
    status              text NOT NULL CHECK (status IN ('active', 'superseded', 'revoked')),
    captured_at         bigint NOT NULL,
    expires_at          bigint,
    superseded_at       bigint,
    revoked_at          bigint
);
CREATE INDEX platform_sessions_newest ON platform_sessions (creator_profile_id, platform, sequence DESC);
CREATE INDEX platform_sessions_user ON platform_sessions (user_id, sequence DESC);
CREATE INDEX platform_sessions_superseded ON platform_sessions (superseded_at) WHERE superseded_at IS NOT NULL;
CREATE INDEX platform_sessions_revoked ON platform_sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE UNIQUE INDEX platform_sessions_active ON platform_sessions (creator_profile_id, platform)
    WHERE status = 'active';

CREATE TABLE download_credentials (
    id                    uuid PRIMARY KEY,
    user_id               uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    creator_profile_id    uuid NOT NULL REFERENCES platform_connections (id) ON DELETE CASCADE,
    platform              text NOT NULL,
    auth_type             text NOT NULL CHECK (auth_type IN ('password', 'cookies')),
    username              text,
    display_name          text,
    encrypted_credentials text NOT NULL,
    credentials_version   text NOT NULL,
    created_at            bigint NOT NULL,
    updated_at            bigint NOT NULL
);
CREATE INDEX download_credentials_user ON download_credentials (user_id, created_at DESC, id);
CREATE INDEX download_credentials_connection ON download_credentials (creator_profile_id);

-- What a service has asked the owner of a connection to capture; at most one
-- waits for each connection and platform. It refers to no table of this
-- database, since users and connections may be kept elsewhere.
CREATE TABLE capture_requests (
    id                 uuid PRIMARY KEY,
    user_id            uuid NOT NULL,
    creator_profile_id uuid NOT NULL,
    platform           text NOT NULL,
    reason             text,
    created_at         bigint NOT NULL,
    UNIQUE (creator_profile_id, platform)
);
CREATE INDEX capture_requests_user ON capture_requests (user_id, created_at DESC, id);
CREATE INDEX capture_requests_age ON capture_requests (created_at);

-- Sealed text does not get smaller.
ALTER TABLE platform_connections ALTER COLUMN encrypted_credentials SET STORAGE EXTERNAL;
ALTER TABLE platform_sessions ALTER COLUMN encrypted_cookies SET STORAGE EXTERNAL;
ALTER TABLE download_credentials ALTER COLUMN encrypted_credentials SET STORAGE EXTERNAL;

-- Users' records show themselves to their owner, and to services and upkeep,
-- whom the server holds to their rights; to nobody where no transaction has
-- said who acts. FORCE, since the server's role owns the tables.
ALTER TABLE platform_connections ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE platform_sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE download_credentials ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE capture_requests ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY actor ON platform_connections
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', user_id::text));
CREATE POLICY actor ON platform_sessions
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', user_id::text));
CREATE POLICY actor ON download_credentials
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', user_id::text));
CREATE POLICY actor ON capture_requests
    USING (current_setting('stagepass.actor', true) IN ('service', 'maintenance', user_id::text));

-- Whose a record is, and nothing else of it: so that a record of somebody else
-- can be told from none at all. The policies bind this function as well, so it
-- acts as a service while it looks.
CREATE FUNCTION record_owner(record_table text, record_id uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stagepass, pg_temp AS $$
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
REVOKE ALL ON FUNCTION record_owner FROM PUBLIC;
