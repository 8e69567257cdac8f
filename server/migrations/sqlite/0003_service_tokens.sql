-- Secrets of services that may do only what is listed; verbs and platforms are
-- JSON arrays of text, no platforms meaning all.
CREATE TABLE service_tokens (
    name                TEXT PRIMARY KEY,
    token_hash          BLOB NOT NULL UNIQUE,
    verbs               TEXT NOT NULL,
    platforms           TEXT NOT NULL,
    require_acting_user INTEGER NOT NULL CHECK (require_acting_user IN (0, 1)),
    created_at          INTEGER NOT NULL,
    revoked_at          INTEGER
) STRICT;
