//! The schema's history: numbered, embedded, applied once and in order, and
//! never edited after they have landed.

use crate::clock::now_ms;
use crate::store::migrations::{Pending, pending};
use crate::store::{IfMissing, StoreError};
use tokio_postgres::Client;

/// In the order of their numbers, the first being 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/postgres/0001_initial.sql"),
    include_str!("../../../migrations/postgres/0002_retired_keys.sql"),
    include_str!("../../../migrations/postgres/0003_vault.sql"),
    include_str!("../../../migrations/postgres/0004_put_sessions.sql"),
    include_str!("../../../migrations/postgres/0005_app_credentials.sql"),
    include_str!("../../../migrations/postgres/0006_fold_dotted_i.sql"),
    include_str!("../../../migrations/postgres/0007_own_keys.sql"),
];
/// Lets one process at a time migrate; it tells the lock from others and means
/// nothing. Who waits for it may wait as long as another's migration takes.
const LOCK: &str = "
    SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(1398030690, 0);";
const IS_THERE: &str = "SELECT to_regclass('stagepass.schema_migrations') IS NOT NULL";
/// A role that may not make a schema can be given one of this name.
const MAKE_SCHEMA: &str = "
    DO $$ BEGIN
        IF to_regnamespace('stagepass') IS NULL THEN CREATE SCHEMA stagepass; END IF;
    END $$;
    CREATE TABLE IF NOT EXISTS stagepass.schema_migrations (
        number bigint PRIMARY KEY, sha256 text NOT NULL, applied_at bigint NOT NULL
    );";

/// Brings the schema up to date in one transaction.
pub(super) async fn apply(client: &mut Client, if_missing: IfMissing) -> Result<(), StoreError> {
    apply_these(client, if_missing, MIGRATIONS).await
}

async fn apply_these(
    client: &mut Client,
    if_missing: IfMissing,
    migrations: &'static [&'static str],
) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    let is_there: bool = transaction.query_one(IS_THERE, &[]).await?.try_get(0)?;
    if !is_there && if_missing == IfMissing::Refuse {
        return Err(StoreError::Missing);
    }
    transaction.batch_execute(MAKE_SCHEMA).await?;
    let applied = transaction.query("SELECT sha256 FROM schema_migrations ORDER BY number", &[]).await?;
    let applied: Vec<String> = applied.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    for Pending { number, sql, sha256 } in pending(migrations, &applied)? {
        transaction.batch_execute(sql).await?;
        let record = "INSERT INTO schema_migrations (number, sha256, applied_at) VALUES ($1, $2, $3)";
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        transaction.execute(record, &[&number, &sha256, &now_ms()]).await?;
    }
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fold;
    use crate::store::postgres::Postgres;
    use crate::store::postgres::testing::TestDatabase;

    #[tokio::test]
    async fn names_that_are_there_are_folded_as_new_ones_are() {
        let database = TestDatabase::create().await;
        let store = Postgres::open(&database.url(), IfMissing::Make).await.unwrap();
        let superuser = database.superuser().await;
        superuser.batch_execute("DROP SCHEMA stagepass CASCADE").await.unwrap();
        let mut session = store.session().await.unwrap();
        apply_these(session.client(), IfMissing::Make, &MIGRATIONS[..5]).await.unwrap();
        let add = "SET search_path = stagepass;
            INSERT INTO app_credentials
            SELECT id, id, 'İSTANBUL', 'i' || chr(775) || 'stanbul', id, NULL, 1, 0, 0
            FROM credential_types LIMIT 1";
        superuser.batch_execute(add).await.unwrap();
        apply(session.client(), IfMissing::Refuse).await.unwrap();
        let select = "SELECT folded_name FROM app_credentials";
        let folded: String = superuser.query_one(select, &[]).await.unwrap().get(0);
        assert_eq!(folded, fold("İSTANBUL"));
    }
}
