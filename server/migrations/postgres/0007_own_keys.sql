-- The server's own keys, each sealed: "audit", of the audit log's chains, and
-- "proof", with which a server shows that it is this one.
CREATE TABLE own_keys (
    name          text PRIMARY KEY,
    encrypted_key text NOT NULL
);
INSERT INTO own_keys SELECT 'audit', encrypted_key FROM audit_key;
DROP TABLE audit_key;
