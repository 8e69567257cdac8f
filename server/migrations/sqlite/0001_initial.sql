-- Times are milliseconds since the Unix epoch, ids are hyphenated UUIDs.

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    created_at    INTEGER NOT NULL,
    -- Access tokens issued before are void.
    tokens_valid_from INTEGER NOT NULL
) STRICT;

CREATE TABLE refresh_tokens (
    token_hash BLOB PRIMARY KEY,
    family_id  TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    spent_at   INTEGER
) STRICT;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- Login attempts of the running window, by the hash of what is limited: an
-- account or an address.
CREATE TABLE login_attempts (
    subject           BLOB PRIMARY KEY,
    attempts          INTEGER NOT NULL,
    window_started_at INTEGER NOT NULL
) STRICT;
CREATE INDEX login_attempts_window ON login_attempts (window_started_at);

-- A known text sealed under each key that was used here, so that a wrong key
-- is noticed before anything is read or written with it.
CREATE TABLE sealing_keys (
    key_id     TEXT PRIMARY KEY,
    canary     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- One row, written to see whether the database takes writes.
CREATE TABLE readiness (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    checked_at INTEGER NOT NULL
) STRICT;

CREATE TABLE platform_connections (
    id                     TEXT PRIMARY KEY,
    user_id                TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    identity_key           TEXT NOT NULL UNIQUE,
    platform               TEXT NOT NULL,
    platform_username      TEXT,
    encrypted_credentials  TEXT,
    credentials_version    TEXT,
    credentials_updated_at INTEGER,
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL
) STRICT;
CREATE INDEX platform_connections_user ON platform_connections (user_id, created_at DESC, id);

CREATE TABLE platform_sessions (
    sequence            INTEGER PRIMARY KEY AUTOINCREMENT,
    id                  TEXT NOT NULL UNIQUE,
    user_id             TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    creator_profile_id  TEXT NOT NULL REFERENCES platform_connections (id) ON DELETE CASCADE,
    platform            TEXT NOT NULL,
    encrypted_cookies   TEXT,
    credentials_version TEXT,
    cookie_count        INTEGER NOT NULL,
    user_agent          TEXT,
    status              TEXT NOT NULL CHECK (status IN ('active', 'superseded', 'revoked')),
    captured_at         INTEGER NOT NULL,
    expires_at          INTEGER,
    superseded_at       INTEGER,
    revoked_at          INTEGER
) STRICT;
CREATE INDEX platform_sessions_newest ON platform_sessions (creator_profile_id, platform, sequence DESC);
CREATE INDEX platform_sessions_user ON platform_sessions (user_id, sequence DESC);
CREATE INDEX platform_sessions_superseded ON platform_sessions (superseded_at) WHERE superseded_at IS NOT NULL;
CREATE INDEX platform_sessions_revoked ON platform_sessions (revoked_at) WHERE revoked_at IS NOT NULL;
