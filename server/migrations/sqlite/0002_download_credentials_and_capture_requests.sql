CREATE TABLE download_credentials (
    id                    TEXT PRIMARY KEY,
    user_id               TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    creator_profile_id    TEXT NOT NULL REFERENCES platform_connections (id) ON DELETE CASCADE,
    platform              TEXT NOT NULL,
    auth_type             TEXT NOT NULL CHECK (auth_type IN ('password', 'cookies')),
    username              TEXT,
    display_name          TEXT,
    encrypted_credentials TEXT NOT NULL,
    credentials_version   TEXT NOT NULL,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL
) STRICT;
CREATE INDEX download_credentials_user ON download_credentials (user_id, created_at DESC, id);
CREATE INDEX download_credentials_connection ON download_credentials (creator_profile_id);

-- What a service has asked the owner of a connection to capture; at most one
-- waits for each connection and platform.
CREATE TABLE capture_requests (
    id                 TEXT PRIMARY KEY,
    user_id            TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    creator_profile_id TEXT NOT NULL REFERENCES platform_connections (id) ON DELETE CASCADE,
    platform           TEXT NOT NULL,
    reason             TEXT,
    created_at         INTEGER NOT NULL,
    UNIQUE (creator_profile_id, platform)
) STRICT;
CREATE INDEX capture_requests_user ON capture_requests (user_id, created_at DESC, id);
CREATE INDEX capture_requests_age ON capture_requests (created_at);
