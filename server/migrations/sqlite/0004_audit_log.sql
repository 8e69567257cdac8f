-- Who did what to which record, when, and how it ended; each row is chained to
-- the one before it by an HMAC.
CREATE TABLE audit_log (
    chain      INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    caller     TEXT NOT NULL,
    acting_for TEXT,
    action     TEXT NOT NULL,
    record     TEXT,
    outcome    TEXT NOT NULL,
    mac        BLOB NOT NULL,
    PRIMARY KEY (chain, sequence)
) STRICT, WITHOUT ROWID;

-- Where each chain ends, signed.
CREATE TABLE audit_heads (
    chain     INTEGER PRIMARY KEY,
    sequence  INTEGER NOT NULL,
    mac       BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- One row: the key of the chains, sealed.
CREATE TABLE audit_key (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    encrypted_key TEXT NOT NULL
) STRICT;

-- A capture request no longer refers to tables of this database, since users
-- and connections may be kept elsewhere.
CREATE TABLE capture_requests_anew (
    id                 TEXT PRIMARY KEY,
    user_id            TEXT NOT NULL,
    creator_profile_id TEXT NOT NULL,
    platform           TEXT NOT NULL,
    reason             TEXT,
    created_at         INTEGER NOT NULL,
    UNIQUE (creator_profile_id, platform)
) STRICT;
INSERT INTO capture_requests_anew
    SELECT id, user_id, creator_profile_id, platform, reason, created_at FROM capture_requests;
DROP TABLE capture_requests;
ALTER TABLE capture_requests_anew RENAME TO capture_requests;
CREATE INDEX capture_requests_user ON capture_requests (user_id, created_at DESC, id);
CREATE INDEX capture_requests_age ON capture_requests (created_at);
