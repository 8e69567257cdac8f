-- The ended sessions of an owner, in the order in which they ended: one that ends comes last,
-- which changes a page that is in memory. In the order in which they were stored it came
-- anywhere.
DROP INDEX platform_sessions_ended;
CREATE INDEX platform_sessions_ended ON platform_sessions
    (user_id, ifnull(superseded_at, revoked_at), sequence) WHERE status <> 'active';
