//! A database in which much is stored: 100,000 connections and sessions, 50,000 rows in
//! each other table that grows, and of the owner's own tens of thousands. Written past the
//! store, whose triggers and references would take minutes.

use super::super::OWNER;
use super::operations::{CONNECTION, FIELD, NOW, TYPE};
use std::fmt::Display;

/// Connections, each with a session.
const CONNECTIONS: usize = 100_000;
/// Rows of each other table.
const ROWS: usize = 50_000;
/// Of these the owner's own.
const OWN: usize = 40_000;
/// Ended sessions of one connection of the owner's.
const ENDED: usize = 13_000;
/// As many rows of a table as the owner has of sessions: so those that ended first go.
pub(super) const LIMIT: i64 = 53_000;
/// A chain of the audit log that no store appends to.
pub(super) const CHAIN: i64 = 1_000;

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The id of record `number`, an expression, of a kind.
    fn id(self, kind: u8, number: &str) -> String {
        match self {
            Self::Sqlite => format!("printf('{kind:08}-0000-4000-8000-%012x', {number})"),
            Self::Postgres => {
                format!("('{kind:08}-0000-4000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid")
            }
        }
    }

    /// 32 bytes.
    fn hash(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(printf('%032d', i) AS BLOB)",
            Self::Postgres => "convert_to(lpad(i::text, 32, '0'), 'UTF8')",
        }
    }

    fn constant(self, id: impl Display) -> String {
        match self {
            Self::Sqlite => format!("'{id}'"),
            Self::Postgres => format!("'{id}'::uuid"),
        }
    }

    /// What the table of the numbers is made of.
    fn numbers(self) -> String {
        match self {
            Self::Sqlite => format!(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CONNECTIONS}) SELECT i FROM n"
            ),
            Self::Postgres => format!("SELECT i FROM generate_series(1, {CONNECTIONS}) AS i"),
        }
    }
}

// The kinds of ids.
const USER: u8 = 1;
const FAMILY: u8 = 2;
const CONN: u8 = 3;
const SESSION: u8 = 4;
const ENDED_SESSION: u8 = 5;
const DOWNLOAD: u8 = 6;
const REQUEST: u8 = 7;
const KIND: u8 = 8;
const PART: u8 = 9;
const PLAN: u8 = 10;
const SECRET: u8 = 11;
const VALUE: u8 = 12;

/// The statements that store it.
pub(super) fn statements(dialect: Dialect) -> Vec<String> {
    let id = |kind| dialect.id(kind, "i");
    let owner = dialect.constant(OWNER);
    let own = |own: &str, other: String| format!("CASE WHEN i <= {OWN} THEN {own} ELSE {other} END");
    let (user, whose, hash) = (id(USER), own(&owner, id(USER)), dialect.hash());
    let (conn, kind, plan, secret) = (id(CONN), id(KIND), id(PLAN), id(SECRET));
    let of_kind = own(&dialect.constant(TYPE), kind.clone());
    let in_part = own(&dialect.constant(FIELD), id(PART));
    let long = dialect.constant(CONNECTION);
    let empty = if dialect == Dialect::Sqlite { "'[]'" } else { "'{}'" };
    let insert_some = |table: &str, columns: &str, values: String, which: &str| {
        format!("INSERT INTO {table} ({columns}) SELECT {values} FROM numbers WHERE {which}")
    };
    let insert = |table: &str, columns: &str, values: String| {
        insert_some(table, columns, values, &format!("i <= {ROWS}"))
    };
    // Whose a row is says PostgreSQL in tables in which SQLite finds it by another.
    let with_owner = |columns: &str, column: &str, values: String, owner: &str| match dialect {
        Dialect::Sqlite => (columns.to_owned(), values),
        Dialect::Postgres => (format!("{columns}, {column}"), format!("{values}, {owner}")),
    };
    let parts = with_owner(
        "id, type_id, position, field_name, field_label, field_type, required, sensitive",
        "owner_id",
        format!("{}, {kind}, 0, 'key', 'Key', 'password', true, true", id(PART)),
        &user,
    );
    let member = dialect.id(USER, "i + 1");
    let members = format!("{plan}, {member}, 0");
    let members = with_owner("project_id, user_id, added_at", "owner_id", members, &user);
    let handed = with_owner(
        "credential_id, project_id, assigned_at",
        "user_id",
        format!("{secret}, {plan}, 0"),
        &user,
    );
    let mut statements = vec![
        format!("CREATE TEMP TABLE numbers AS {}", dialect.numbers()),
        insert("users", "id, email, password_hash, status, created_at, tokens_valid_from",
            format!("{user}, 'user' || i || '@example.org', 'hash', 'active', 0, 0")),
        insert("refresh_tokens", "token_hash, family_id, user_id, expires_at",
            format!("{hash}, {}, {user}, {NOW} + i", id(FAMILY))),
        insert("login_attempts", "subject, attempts, window_started_at", format!("{hash}, 1, {NOW}")),
        insert("service_tokens", "name, token_hash, verbs, platforms, require_acting_user, created_at",
            format!("'service ' || i, {hash}, {empty}, {empty}, false, 0")),
        insert("audit_log", "chain, sequence, at, caller, action, outcome, mac",
            format!("1, -i, 0, 'operator', 'reveal', 'ok', {hash}")),
        insert("audit_log", "chain, sequence, at, caller, action, outcome, mac",
            format!("{CHAIN}, i, 0, 'operator', 'reveal', 'ok', {hash}")),
        insert_some("platform_connections",
            "id, user_id, identity_key, platform, encrypted_credentials, created_at, updated_at",
            format!("{conn}, {whose}, 'load ' || i, 'x', 'sealed', 0, 0"), "true"),
        insert_some("platform_sessions",
            "id, user_id, creator_profile_id, platform, encrypted_cookies, cookie_count, status, captured_at",
            format!("{}, {whose}, {conn}, 'x', 'sealed', 1, 'active', 0", id(SESSION)), "true"),
        format!("UPDATE platform_sessions SET status = 'superseded', superseded_at = {NOW}, encrypted_cookies = NULL
            WHERE creator_profile_id = {long}"),
        insert_some("platform_sessions",
            "id, user_id, creator_profile_id, platform, cookie_count, status, captured_at, superseded_at",
            format!("{}, {owner}, {long}, 'x', 1, 'superseded', 0, {NOW}", id(ENDED_SESSION)),
            &format!("i <= {ENDED}")),
        insert("download_credentials", "id, user_id, creator_profile_id, platform, auth_type,
                encrypted_credentials, credentials_version, created_at, updated_at",
            format!("{}, {whose}, {conn}, 'x', 'password', 'sealed', 'v2', 0, 0", id(DOWNLOAD))),
        insert("capture_requests", "id, user_id, creator_profile_id, platform, created_at",
            format!("{}, {whose}, {conn}, 'x', {NOW}", id(REQUEST))),
        insert("credential_types", "id, owner_id, type_name, created_at, updated_at",
            format!("{kind}, {user}, 'type', 0, 0")),
        insert("credential_type_fields", &parts.0, parts.1),
        insert("projects", "id, owner_id, project_name, created_at, updated_at",
            format!("{plan}, {user}, 'project', 0, 0")),
        insert("project_members", &members.0, members.1),
        insert("app_credentials", "id, owner_id, credential_name, folded_name, credential_type_id, version,
                created_at, updated_at",
            format!("{secret}, {whose}, 'credential ' || i, 'credential ' || i, {of_kind}, 1, 0, 0")),
        insert("app_credential_keys", "id, user_id, credential_id, field_id, encrypted_value, credentials_version",
            format!("{}, {whose}, {secret}, {in_part}, 'sealed', 'v2'", id(VALUE))),
        insert_some("app_credential_projects", &handed.0, handed.1, &format!("i > {OWN}")),
        insert("owner_usage", "owner_id, platform_connections, platform_sessions", format!("{user}, 1, 1")),
    ];
    for (table, column) in [
        ("platform_connections", "user_id"),
        ("platform_sessions", "user_id"),
        ("download_credentials", "user_id"),
        ("capture_requests", "user_id"),
        ("app_credentials", "owner_id"),
        ("app_credential_keys", "user_id"),
    ] {
        statements.push(format!(
            "UPDATE owner_usage SET {table} = (SELECT count(*) FROM {table} WHERE {column} = {owner})
             WHERE owner_id = {owner}"
        ));
    }
    statements
}

/// Whether a table is one of those in which much is stored.
pub(super) fn grows(table: &str) -> bool {
    statements(Dialect::Sqlite)
        .iter()
        .any(|statement| statement.starts_with(&format!("INSERT INTO {table} ")))
}
