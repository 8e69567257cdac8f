//! Fills a database: 100,000 connections and sessions, 50,000 rows in each other growing table
//! (100,000 in the audit log), tens of thousands of them for one owner. The rows bypass the store, whose triggers and
//! references would take minutes.

use super::super::OWNER;
use super::operations::{CONNECTION, FIELD, NOW, TYPE};
use std::fmt::Display;

/// Connections, each with a session.
const CONNECTIONS: usize = 100_000;
/// Rows of each other table.
const ROWS: usize = 50_000;
/// Rows of the one owner among them.
const OWN: usize = 40_000;
/// Ended sessions of one connection of the owner.
const ENDED: usize = 13_000;
/// The owner's number of sessions, so that storing one removes those that ended first.
pub(super) const LIMIT: i64 = 53_000;
/// A chain of the audit log to which no store appends.
pub(super) const CHAIN: i64 = 1_000;

/// The dialect of the SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// An expression for the id of record `number` of a kind.
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

    /// The rows of the table of numbers.
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

/// The statements that fill the database.
pub(super) fn statements(dialect: Dialect) -> Vec<String> {
    let numbers = format!("CREATE TEMP TABLE numbers AS {}", dialect.numbers());
    [vec![numbers], callers(dialect), sessions(dialect), app_credentials(dialect), usage(dialect)].concat()
}

fn insert_some(table: &str, columns: &str, values: String, which: &str) -> String {
    format!("INSERT INTO {table} ({columns}) SELECT {values} FROM numbers WHERE {which}")
}

fn insert(table: &str, columns: &str, values: String) -> String {
    insert_some(table, columns, values, &format!("i <= {ROWS}"))
}

/// An `INSERT` for a table in which PostgreSQL stores the owner, while SQLite finds it through
/// another table.
fn insert_with_owner(
    dialect: Dialect,
    table: &str,
    columns: &str,
    owner: &str,
    values: String,
    which: &str,
) -> String {
    match dialect {
        Dialect::Sqlite => insert_some(table, columns, values, which),
        Dialect::Postgres => {
            let values = format!("{values}, {}", dialect.id(USER, "i"));
            insert_some(table, &format!("{columns}, {owner}"), values, which)
        }
    }
}

/// A value of the owner in the first rows, and of others in the rest.
fn own(own: &str, other: String) -> String {
    format!("CASE WHEN i <= {OWN} THEN {own} ELSE {other} END")
}

fn callers(dialect: Dialect) -> Vec<String> {
    let (user, family, hash) = (dialect.id(USER, "i"), dialect.id(FAMILY, "i"), dialect.hash());
    let empty = if dialect == Dialect::Sqlite { "'[]'" } else { "'{}'" };
    vec![
        insert(
            "users",
            "id, email, password_hash, status, created_at, tokens_valid_from",
            format!("{user}, 'user' || i || '@example.org', 'hash', 'active', 0, 0"),
        ),
        insert(
            "refresh_tokens",
            "token_hash, family_id, user_id, expires_at",
            format!("{hash}, {family}, {user}, {NOW} + i"),
        ),
        insert("login_attempts", "subject, attempts, window_started_at", format!("{hash}, 1, {NOW}")),
        insert(
            "service_tokens",
            "name, token_hash, verbs, platforms, require_acting_user, created_at",
            format!("'service ' || i, {hash}, {empty}, {empty}, false, 0"),
        ),
        insert(
            "audit_log",
            "chain, sequence, at, caller, action, outcome, mac",
            format!("1, -i, 0, 'operator', 'reveal', 'ok', {hash}"),
        ),
        insert(
            "audit_log",
            "chain, sequence, at, caller, action, outcome, mac",
            format!("{CHAIN}, i, 0, 'operator', 'reveal', 'ok', {hash}"),
        ),
    ]
}

fn sessions(dialect: Dialect) -> Vec<String> {
    let id = |kind| dialect.id(kind, "i");
    let (conn, owner, long) = (id(CONN), dialect.constant(OWNER), dialect.constant(CONNECTION));
    let whose = own(&owner, id(USER));
    vec![
        insert_some("platform_connections",
            "id, user_id, identity_key, platform, encrypted_credentials, created_at, updated_at",
            format!("{conn}, {whose}, 'load ' || i, 'x', 'sealed', 0, 0"), "true"),
        insert_some("platform_sessions",
            "id, user_id, creator_profile_id, platform, encrypted_cookies, encrypted_origins,
                cookie_count, status, captured_at",
            format!("{}, {whose}, {conn}, 'x', 'sealed', 'sealed', 1, 'active', 0", id(SESSION)), "true"),
        format!("UPDATE platform_sessions SET status = 'superseded', superseded_at = {NOW}, encrypted_cookies = NULL,
                encrypted_origins = NULL
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
    ]
}

fn app_credentials(dialect: Dialect) -> Vec<String> {
    let id = |kind| dialect.id(kind, "i");
    let (user, kind, plan, secret) = (id(USER), id(KIND), id(PLAN), id(SECRET));
    let whose = own(&dialect.constant(OWNER), id(USER));
    let of_kind = own(&dialect.constant(TYPE), id(KIND));
    let in_part = own(&dialect.constant(FIELD), id(PART));
    let some = &format!("i <= {ROWS}");
    vec![
        insert(
            "credential_types",
            "id, owner_id, type_name, created_at, updated_at",
            format!("{kind}, {user}, 'type', 0, 0"),
        ),
        insert_with_owner(
            dialect,
            "credential_type_fields",
            "id, type_id, position, field_name, field_label, field_type, required, sensitive",
            "owner_id",
            format!("{}, {kind}, 0, 'key', 'Key', 'password', true, true", id(PART)),
            some,
        ),
        insert(
            "projects",
            "id, owner_id, project_name, created_at, updated_at",
            format!("{plan}, {user}, 'project', 0, 0"),
        ),
        insert_with_owner(
            dialect,
            "project_members",
            "project_id, user_id, added_at",
            "owner_id",
            format!("{plan}, {}, 0", dialect.id(USER, "i + 1")),
            some,
        ),
        insert(
            "app_credentials",
            "id, owner_id, credential_name, folded_name, credential_type_id, version,
                created_at, updated_at",
            format!("{secret}, {whose}, 'credential ' || i, 'credential ' || i, {of_kind}, 1, 0, 0"),
        ),
        insert(
            "app_credential_keys",
            "id, user_id, credential_id, field_id, encrypted_value, credentials_version",
            format!("{}, {whose}, {secret}, {in_part}, 'sealed', 'v2'", id(VALUE)),
        ),
        insert_with_owner(
            dialect,
            "app_credential_projects",
            "credential_id, project_id, assigned_at",
            "user_id",
            format!("{secret}, {plan}, 0"),
            &format!("i > {OWN}"),
        ),
    ]
}

fn usage(dialect: Dialect) -> Vec<String> {
    let (user, owner) = (dialect.id(USER, "i"), dialect.constant(OWNER));
    let mut statements = vec![insert(
        "owner_usage",
        "owner_id, platform_connections, platform_sessions",
        format!("{user}, 1, 1"),
    )];
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

/// Whether a table is one of the filled ones.
pub(super) fn grows(table: &str) -> bool {
    statements(Dialect::Sqlite)
        .iter()
        .any(|statement| statement.starts_with(&format!("INSERT INTO {table} ")))
}
