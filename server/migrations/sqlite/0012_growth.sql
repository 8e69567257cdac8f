-- The oldest ended sessions of an owner, which may come after very many active ones.
CREATE INDEX platform_sessions_ended ON platform_sessions (user_id, sequence) WHERE status <> 'active';
