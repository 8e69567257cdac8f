//! The schema's history: numbered, embedded, applied once and in order, and
//! never edited after they have landed.

use crate::clock::now_ms;
use crate::store::StoreError;
use crate::store::migrations::{Pending, pending};
use rusqlite::{Connection, TransactionBehavior};

/// In the order of their numbers, the first being 1.
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
];

/// Brings the schema up to date in one transaction, which also keeps out any
/// other process that starts at the same time.
pub(super) fn apply(connection: &mut Connection) -> Result<(), StoreError> {
    apply_these(connection, MIGRATIONS)
}

fn apply_these(connection: &mut Connection, migrations: &'static [&'static str]) -> Result<(), StoreError> {
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
    fn applies_once_and_refuses_a_database_from_the_future_or_with_another_past() {
        let mut connection = Connection::open_in_memory().unwrap();
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
    fn names_that_are_there_are_folded_as_new_ones_are() {
        let mut connection = Connection::open_in_memory().unwrap();
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
}
