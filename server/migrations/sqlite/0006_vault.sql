-- The vault of an operator's API keys, sealed under a key that its master
-- password yields and that is kept nowhere. `key_epoch` counts the passwords;
-- whatever is written says under which of them it is sealed. `signature` is the
-- server's own: what opens the vault was not changed from outside.
CREATE TABLE vault (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    salt       BLOB NOT NULL,
    canary     BLOB NOT NULL,
    key_epoch  INTEGER NOT NULL,
    signature  BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- `mac` ties the sealed key to the other columns of its row.
CREATE TABLE vault_credentials (
    id           TEXT PRIMARY KEY,
    service      TEXT NOT NULL,
    name         TEXT NOT NULL,
    sealed_key   BLOB NOT NULL,
    mac          BLOB NOT NULL,
    key_epoch    INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    UNIQUE (service, name)
) STRICT;

-- Who has the vault open: the key, sealed under one that only the session's
-- token yields.
CREATE TABLE vault_sessions (
    sequence          INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash        BLOB NOT NULL UNIQUE,
    sealed_master_key BLOB NOT NULL,
    key_epoch         INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL
) STRICT;
