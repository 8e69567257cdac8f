//! The history of the schema: numbered, embedded, applied once and in order, and never edited after
//! landing.

use super::audited_connection::AuditedConnection;
use crate::clock::now_ms;
use crate::store::migrations::{Pending, pending};
use crate::store::{IfMissing, StoreError};
use tokio_postgres::Client;

/// The migrations in order of their numbers, starting with 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/postgres/0001_initial.sql"),
    include_str!("../../../migrations/postgres/0002_retired_keys.sql"),
    include_str!("../../../migrations/postgres/0003_vault.sql"),
    include_str!("../../../migrations/postgres/0004_put_sessions.sql"),
    include_str!("../../../migrations/postgres/0005_app_credentials.sql"),
    include_str!("../../../migrations/postgres/0006_fold_dotted_i.sql"),
    include_str!("../../../migrations/postgres/0007_own_keys.sql"),
    include_str!("../../../migrations/postgres/0008_owner_usage.sql"),
    include_str!("../../../migrations/postgres/0009_signed_rows.sql"),
    include_str!("../../../migrations/postgres/0010_growth.sql"),
    include_str!("../../../migrations/postgres/0011_audit_anchors.sql"),
    include_str!("../../../migrations/postgres/0012_ended_sessions.sql"),
    include_str!("../../../migrations/postgres/0013_origin_storage_and_write_back.sql"),
];
/// Lets one process at a time migrate, under an arbitrary lock number. The wait for another
/// process's migration has no limit.
const LOCK: &str = "
    SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(1398030690, 0);";
const IS_THERE: &str = "SELECT to_regclass('stagepass.schema_migrations') IS NOT NULL";
/// A role without the right to create a schema can be given one of this name.
const MAKE_SCHEMA: &str = "
    DO $$ BEGIN
        IF to_regnamespace('stagepass') IS NULL THEN CREATE SCHEMA stagepass; END IF;
    END $$;
    CREATE TABLE IF NOT EXISTS stagepass.schema_migrations (
        number bigint PRIMARY KEY, sha256 text NOT NULL, applied_at bigint NOT NULL
    );";

/// Updates the schema in one transaction without a time limit.
pub(super) async fn apply(
    connection: &mut AuditedConnection,
    if_missing: IfMissing,
) -> Result<(), StoreError> {
    let (client, watch) = connection.parts();
    watch.patiently(apply_these(client, if_missing, MIGRATIONS)).await?;
    connection.settle();
    Ok(())
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
    use crate::store::postgres::Postgres;
    use crate::store::postgres::testing::TestDatabase;
    use crate::store::{UsageLimits, fold};

    #[tokio::test]
    async fn folds_existing_names_like_new_ones() {
        let database = TestDatabase::create().await;
        let store =
            Postgres::open(&database.settings(), IfMissing::Make, UsageLimits::default()).await.unwrap();
        let superuser = database.superuser().await;
        superuser.batch_execute("DROP SCHEMA stagepass CASCADE").await.unwrap();
        let mut connection = store.pool.get().await.unwrap();
        apply_these(connection.parts().0, IfMissing::Make, &MIGRATIONS[..5]).await.unwrap();
        let add = "SET search_path = stagepass;
            INSERT INTO app_credentials
            SELECT id, id, 'İSTANBUL', 'i' || chr(775) || 'stanbul', id, NULL, 1, 0, 0
            FROM credential_types LIMIT 1";
        superuser.batch_execute(add).await.unwrap();
        apply(&mut connection, IfMissing::Refuse).await.unwrap();
        let select = "SELECT folded_name FROM app_credentials";
        let folded: String = superuser.query_one(select, &[]).await.unwrap().get(0);
        assert_eq!(folded, fold("İSTANBUL"));
    }

    #[tokio::test]
    async fn counts_existing_rows_and_leaves_nothing_after_deletion() {
        let database = TestDatabase::create().await;
        // Existing rows may exceed the limits.
        let limits = UsageLimits { rows: 1, bytes: 1 };
        let store = Postgres::open(&database.settings(), IfMissing::Make, limits).await.unwrap();
        let superuser = database.superuser().await;
        superuser.batch_execute("DROP SCHEMA stagepass CASCADE").await.unwrap();
        let mut connection = store.pool.get().await.unwrap();
        apply_these(connection.parts().0, IfMissing::Make, &MIGRATIONS[..6]).await.unwrap();
        let id = |number: u8| format!("'00000000-0000-0000-0000-0000000000{number:02}'");
        let (me, somebody, c, d, t, f, p, a) = (id(1), id(2), id(3), id(4), id(5), id(6), id(7), id(8));
        let fill = format!(
            "SET search_path = stagepass;
            INSERT INTO users VALUES ({me}, 'me', 'hash', 'active', 0, 0);
            INSERT INTO platform_connections VALUES
                ({c}, {me}, 'key', 'x', 'é', 'sealed', 'v2', 0, 0, 0), ({d}, {me}, 'k', 'x', NULL, NULL, NULL, 0, 0, 0);
            INSERT INTO platform_sessions
                (id, user_id, creator_profile_id, platform, encrypted_cookies, cookie_count, status, captured_at)
                VALUES ({c}, {me}, {c}, 'x', 'cookies', 1, 'active', 0);
            INSERT INTO download_credentials VALUES
                ({d}, {me}, {c}, 'x', 'password', 'name', NULL, 'sealed', 'v2', 0, 0);
            INSERT INTO capture_requests VALUES ({d}, {me}, {c}, 'x', 'why', 0);
            INSERT INTO credential_types VALUES ({t}, {me}, 'type', NULL, 0, 0);
            INSERT INTO credential_type_fields VALUES ({f}, {me}, {t}, 0, 'name', 'label', 'string', false, false);
            INSERT INTO projects VALUES ({p}, {me}, 'project', NULL, 0, 0);
            INSERT INTO project_members VALUES ({p}, {somebody}, {me}, 0);
            INSERT INTO app_credentials VALUES ({a}, {me}, 'NAME', 'name', {t}, 'what', 1, 0, 0);
            INSERT INTO app_credential_keys VALUES ({d}, {me}, {a}, {f}, 'sealed', 'v2');
            INSERT INTO app_credential_projects VALUES ({a}, {p}, {me}, 0);"
        );
        superuser.batch_execute(&fill).await.unwrap();
        apply(&mut connection, IfMissing::Refuse).await.unwrap();
        let read = "SELECT owner_id::text, platform_connections, project_members, bytes FROM owner_usage";
        let kept = superuser.query_one(read, &[]).await.unwrap();
        let kept: (String, i64, i64, i64) = (kept.get(0), kept.get(1), kept.get(2), kept.get(3));
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
        let owner = me.trim_matches('\'').to_owned();
        assert_eq!(kept, (owner, 2, 1, 12 * 256 + i64::try_from(texts).unwrap()));
        let delete = "DELETE FROM capture_requests; DELETE FROM app_credentials; DELETE FROM projects;
            DELETE FROM credential_types WHERE owner_id IS NOT NULL; DELETE FROM users";
        superuser.batch_execute(delete).await.unwrap();
        let is_empty = "SELECT bytes = 0 AND greatest(platform_connections, platform_sessions,
            credential_type_fields, project_members, app_credential_keys, app_credential_projects) = 0
            FROM owner_usage";
        assert!(superuser.query_one(is_empty, &[]).await.unwrap().get::<_, bool>(0));
    }
}
