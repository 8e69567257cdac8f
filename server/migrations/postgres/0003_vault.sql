-- The vault of an operator's API keys, sealed under a key that its master
-- password yields and that is kept nowhere. `key_epoch` counts the passwords;
-- whatever is written says under which of them it is sealed. `signature` is the
-- server's own: what opens the vault was not changed from outside.
--
-- No row-level security: the vault is nobody's of the users.
CREATE TABLE vault (
    id         integer PRIMARY KEY CHECK (id = 1),
    salt       bytea NOT NULL,
    canary     bytea NOT NULL,
    key_epoch  bigint NOT NULL,
    signature  bytea NOT NULL,
    created_at bigint NOT NULL
);

-- `mac` ties the sealed key to the other columns of its row.
CREATE TABLE vault_credentials (
    id           uuid PRIMARY KEY,
    service      text NOT NULL,
    name         text NOT NULL,
    sealed_key   bytea NOT NULL,
    mac          bytea NOT NULL,
    key_epoch    bigint NOT NULL,
    created_at   bigint NOT NULL,
    last_used_at bigint,
    UNIQUE (service, name)
);

-- Who has the vault open: the key, sealed under one that only the session's
-- token yields.
CREATE TABLE vault_sessions (
    sequence          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash        bytea NOT NULL UNIQUE,
    sealed_master_key bytea NOT NULL,
    key_epoch         bigint NOT NULL,
    expires_at        bigint NOT NULL
);

-- Sealed bytes do not get smaller.
ALTER TABLE vault_credentials ALTER COLUMN sealed_key SET STORAGE EXTERNAL;
