//! The history of the schema: numbered, embedded, applied once and in order, and never edited after
//! landing.

use crate::clock::now_ms;
use crate::store::StoreError;
use crate::store::migrations::{Pending, pending};
use rusqlite::{Connection as DbConnection, TransactionBehavior};

/// The migrations in order of their numbers, starting with 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../../migrations/sqlite/0002_download_credentials_and_capture_requests.sql"),
    include_str!("../../../migrations/sqlite/0003_service_tokens.sql"),
    include_str!("../../../migrations/sqlite/0004_audit_log.sql"),
    include_str!("../../../migrations/sqlite/0005_retired_keys.sql"),
    include_str!("../../../migrations/sqlite/0006_vault.sql"),
    include_str!("../../../migrations/sqlite/0007_app_credentials.sql"),
    include_str!("../../../migrations/sqlite/0008_fold_dotted_i.sql"),
    include_str!("../../../migrations/sqlite/0009_own_keys.sql"),
    include_str!("../../../migrations/sqlite/0010_owner_usage.sql"),
    include_str!("../../../migrations/sqlite/0011_signed_rows.sql"),
    include_str!("../../../migrations/sqlite/0012_growth.sql"),
    include_str!("../../../migrations/sqlite/0013_audit_anchors.sql"),
    include_str!("../../../migrations/sqlite/0014_ended_sessions.sql"),
    include_str!("../../../migrations/sqlite/0015_origin_storage_and_write_back.sql"),
];

/// Updates the schema in one transaction, which also excludes other processes that start at the
/// same time.
pub(super) fn apply(connection: &mut DbConnection) -> Result<(), StoreError> {
    apply_these(connection, MIGRATIONS)
}

fn apply_these(connection: &mut DbConnection, migrations: &'static [&'static str]) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
            number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL
        ) STRICT",
    )?;
    let applied: Vec<String> = transaction
        .prepare("SELECT sha256 FROM schema_migrations ORDER BY number")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for Pending { number, sql, sha256 } in pending(migrations, &applied)? {
        transaction.execute_batch(sql)?;
        let record = "INSERT INTO schema_migrations VALUES (?1, ?2, ?3)";
        transaction.execute(record, (number, sha256, now_ms()))?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fold;

    #[test]
    fn applies_each_migration_once_and_refuses_newer_or_different_ones() {
        let mut connection = DbConnection::open_in_memory().unwrap();
        apply(&mut connection).unwrap();
        apply(&mut connection).unwrap();
        let original: String = connection
            .query_row("SELECT sha256 FROM schema_migrations WHERE number = 1", [], |r| r.get(0))
            .unwrap();
        connection.execute("UPDATE schema_migrations SET sha256 = 'x'", []).unwrap();
        assert!(matches!(apply(&mut connection), Err(StoreError::Altered(1))));
        connection.execute("UPDATE schema_migrations SET sha256 = ?1", [original]).unwrap();
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'y', 0)", []).unwrap();
        assert!(matches!(apply(&mut connection), Err(StoreError::Newer { .. })));
    }

    #[test]
    fn folds_existing_names_like_new_ones() {
        let mut connection = DbConnection::open_in_memory().unwrap();
        apply_these(&mut connection, &MIGRATIONS[..7]).unwrap();
        let add = "INSERT INTO app_credentials
            SELECT 'id', 'owner', 'İSTANBUL', 'i' || char(775) || 'stanbul', id, NULL, 1, 0, 0
            FROM credential_types LIMIT 1";
        connection.execute(add, []).unwrap();
        apply(&mut connection).unwrap();
        let select = "SELECT folded_name FROM app_credentials";
        let folded: String = connection.query_row(select, [], |row| row.get(0)).unwrap();
        assert_eq!(folded, fold("İSTANBUL"));
    }

    #[test]
    fn counts_existing_rows_and_leaves_nothing_after_deletion() {
        let mut connection = DbConnection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        apply_these(&mut connection, &MIGRATIONS[..8]).unwrap();
        let fill = "
            INSERT INTO users VALUES ('me', 'me', 'hash', 'active', 0, 0);
            INSERT INTO platform_connections VALUES
                ('c', 'me', 'key', 'x', 'é', 'sealed', 'v2', 0, 0, 0), ('d', 'me', 'k', 'x', NULL, NULL, NULL, 0, 0, 0);
            INSERT INTO platform_sessions VALUES
                (1, 's', 'me', 'c', 'x', 'cookies', 'v2', 1, NULL, 'active', 0, NULL, NULL, NULL);
            INSERT INTO download_credentials VALUES
                ('d', 'me', 'c', 'x', 'password', 'name', NULL, 'sealed', 'v2', 0, 0);
            INSERT INTO capture_requests VALUES ('r', 'me', 'c', 'x', 'why', 0);
            INSERT INTO credential_types VALUES ('t', 'me', 'type', NULL, 0, 0);
            INSERT INTO credential_type_fields VALUES ('f', 't', 0, 'name', 'label', 'string', 0, 0);
            INSERT INTO projects VALUES ('p', 'me', 'project', NULL, 0, 0);
            INSERT INTO project_members VALUES ('p', 'somebody', 0);
            INSERT INTO app_credentials VALUES ('a', 'me', 'NAME', 'name', 't', 'what', 1, 0, 0);
            INSERT INTO app_credential_keys VALUES ('k', 'me', 'a', 'f', 'sealed', 'v2');
            INSERT INTO app_credential_projects VALUES ('a', 'p', 0);";
        connection.execute_batch(fill).unwrap();
        apply(&mut connection).unwrap();
        let read =
            "SELECT group_concat(owner_id), sum(platform_connections), min(project_members), sum(bytes)
            FROM owner_usage";
        let kept: (String, i64, i64, i64) = connection
            .query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .unwrap();
        let texts = [
            "xésealed",
            "x",
            "xcookies",
            "xnamesealed",
            "xwhy",
            "type",
            "label",
            "project",
            "NAMEwhat",
            "sealed",
        ];
        let texts: usize = texts.into_iter().map(str::len).sum();
        assert_eq!(kept, ("me".to_owned(), 2, 1, 12 * 256 + i64::try_from(texts).unwrap()));
        for delete in [
            "DELETE FROM capture_requests",
            "DELETE FROM app_credentials",
            "DELETE FROM projects",
            "DELETE FROM credential_types WHERE owner_id = 'me'",
            "DELETE FROM users",
        ] {
            connection.execute(delete, []).unwrap();
        }
        let is_empty = "SELECT 1 FROM owner_usage WHERE bytes = 0
            AND max(platform_connections, platform_sessions, credential_type_fields, project_members,
                app_credential_keys, app_credential_projects) = 0";
        assert!(connection.prepare(is_empty).unwrap().exists([]).unwrap());
    }
}
