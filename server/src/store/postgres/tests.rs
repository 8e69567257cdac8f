//! Behaviour of PostgreSQL only. The store's tests cover what all stores do.

mod gathering;

use super::testing::TestDatabase;
use super::transaction::View;
use super::*;
use crate::audit::{Caller, ExpectedHeads};
use crate::store::tests::verify;
use crate::store::{
    AppCredential, AppCredentials as _, AuditLog as _, Connections as _, CredentialType,
    CredentialTypes as _, FieldType, IfMissing, Keys as _, NewConnection, PutType, SealedColumn,
    SealedRecords as _, SealedValue, Sessions as _, SignedRows as _, TypeField, UsageLimits, User,
    UserStatus, Users as _,
};
use std::collections::BTreeSet;
use std::time::Duration;

const USERS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];

async fn open(database: &TestDatabase, key: &Arc<ChainKey>) -> Postgres {
    let store = Postgres::open(&database.settings(), IfMissing::Make, UsageLimits::default()).await.unwrap();
    store.set_chain_key(Arc::clone(key)).await;
    store
}

fn chain_key() -> Arc<ChainKey> {
    Arc::new(ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap())
}

fn entry(action: &str) -> Entry {
    Entry::new(&Caller::Operator, action)
}

fn connection(user_id: Uuid) -> NewConnection {
    NewConnection {
        id: user_id,
        user_id,
        identity_key: user_id.to_string(),
        platform: "x".to_owned(),
        platform_username: None,
        encrypted_credentials: "sealed".to_owned(),
        credentials_version: "v2",
        now: 0,
    }
}

/// Two users with a connection each.
async fn fill(store: &Postgres) {
    for id in USERS {
        let user = User {
            id,
            email: format!("{id}@example.org"),
            password_hash: "hash".into(),
            status: UserStatus::Active,
            created_at: 0,
            tokens_valid_from: 0,
        };
        assert!(store.add_user(user, entry("add")).await.unwrap());
        store.put_connection(connection(id), entry("create")).await.unwrap();
    }
}

async fn assert_whole(store: &Postgres, key: &ChainKey, expected_rows: u64) {
    let verdict = verify(store, key, &ExpectedHeads::default()).await;
    assert_eq!((verdict.rows, verdict.faults), (expected_rows, vec![]));
}

#[tokio::test]
async fn a_statement_without_an_owner_sees_only_the_actors_rows() {
    let database = TestDatabase::create().await;
    let store = open(&database, &chain_key()).await;
    fill(&store).await;
    let [one, two] = USERS;
    let seen = async |acting| {
        let all = "SELECT user_id FROM platform_connections ORDER BY user_id";
        let rows =
            store.read_all(acting, View::Latest, &[Step(all, &[]), Step("SELECT 1", &[])]).await.unwrap();
        rows[0].iter().map(|row| row.get(0)).collect::<Vec<Uuid>>()
    };
    // `Nobody` also after another actor on the same connection.
    for (acting, expected) in [
        (Acting::Nobody, vec![]),
        (Acting::User(one), vec![one]),
        (Acting::User(two), vec![two]),
        (Acting::User(Uuid::from_u128(3)), vec![]),
        (Acting::Service, vec![one, two]),
        (Acting::Maintenance, vec![one, two]),
        (Acting::Nobody, vec![]),
    ] {
        assert_eq!(seen(acting).await, expected, "{acting:?}");
    }
    let forgetful = "UPDATE platform_connections SET platform = 'taken' RETURNING user_id";
    assert_eq!(store.write(Acting::User(one), &[Step(forgetful, &[])]).await.unwrap().len(), 1);
    assert_eq!(store.write(Acting::Nobody, &[Step(forgetful, &[])]).await.unwrap().len(), 0);
    let giving_away = "UPDATE platform_connections SET user_id = $1";
    store.write(Acting::User(one), &[Step(giving_away, &[&two])]).await.unwrap_err();
    // The owner of a record can be looked up, and the actor stays the same afterwards.
    let steps = [
        Step("SELECT record_owner('platform_connections', $1)", &[&two]),
        Step("SELECT user_id FROM platform_connections", &[]),
    ];
    let rows = store.read_all(Acting::User(one), View::Latest, &steps).await.unwrap();
    assert_eq!((rows[0][0].get::<_, Uuid>(0), rows[1].len()), (two, 1));
}

#[tokio::test]
async fn row_level_security_guards_every_table_with_users_records() {
    let database = TestDatabase::create().await;
    open(&database, &chain_key()).await;
    let guarded = "
        SELECT relname::text FROM pg_class
        WHERE relrowsecurity AND relforcerowsecurity AND relnamespace = 'stagepass'::regnamespace";
    let owned = "
        SELECT DISTINCT table_name::text FROM information_schema.columns
        WHERE table_schema = 'stagepass' AND column_name IN ('user_id', 'owner_id')
            AND table_name <> 'refresh_tokens'";
    let superuser = database.superuser().await;
    let names = async |sql| -> BTreeSet<String> {
        superuser.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    let guarded = names(guarded).await;
    assert_eq!((guarded.len(), &guarded), (12, &names(owned).await));
}

#[tokio::test]
async fn refuses_a_role_exempt_from_row_level_security() {
    let database = TestDatabase::create().await;
    for (right, is_refused) in [("SUPERUSER", true), ("NOSUPERUSER BYPASSRLS", true), ("NOBYPASSRLS", false)]
    {
        database.administer(&format!("ALTER ROLE {} {right}", database.name)).await;
        let opened = Postgres::open(&database.settings(), IfMissing::Make, UsageLimits::default()).await;
        assert_eq!(matches!(opened, Err(StoreError::PrivilegedRole)), is_refused, "{right}");
        assert_eq!(opened.is_ok(), !is_refused, "{right}");
    }
}

#[tokio::test]
async fn refuses_a_role_that_could_become_exempt() {
    let database = TestDatabase::create().await;
    let (name, group) = (&database.name, format!("{}_group", database.name));
    database.administer(&format!("CREATE ROLE {group} NOLOGIN; GRANT {group} TO {name}")).await;
    // With NOINHERIT, a role has the rights only after taking the other role.
    for (right, is_refused) in
        [("NOSUPERUSER", false), ("SUPERUSER", true), ("NOSUPERUSER BYPASSRLS", true), ("NOBYPASSRLS", false)]
    {
        for inherits in ["INHERIT", "NOINHERIT"] {
            database.administer(&format!("ALTER ROLE {group} {right}; ALTER ROLE {name} {inherits}")).await;
            let opened = Postgres::open(&database.settings(), IfMissing::Make, UsageLimits::default()).await;
            assert_eq!(matches!(opened, Err(StoreError::PrivilegedRole)), is_refused, "{right} {inherits}");
            assert_eq!(opened.is_ok(), !is_refused, "{right} {inherits}");
        }
    }
    database.administer(&format!("DROP ROLE {group}")).await;
}

#[tokio::test]
async fn retiring_a_key_waits_for_writes_with_that_key() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = Arc::new(open(&database, &key).await);
    fill(&store).await;
    for (number, key) in [(1, "00000001"), (2, "00000002")] {
        store.add_canary(key.to_owned(), "canary".to_owned(), number).await.unwrap();
    }
    let (mut writer, watcher) = (database.superuser().await, database.superuser().await);
    let transaction = writer.transaction().await.unwrap();
    let put = "UPDATE stagepass.platform_connections SET encrypted_credentials = 'v2:00000001:late'";
    assert_eq!(transaction.execute(put, &[]).await.unwrap(), 2);
    let retiring = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.retire_keys("00000002".to_owned(), 3).await }
    });
    let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database()))";
    while !watcher.query_one(waits, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(!retiring.is_finished(), "it did not wait");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    transaction.commit().await.unwrap();
    retiring.await.unwrap().unwrap();
    let sealed = store.sealed(SealedColumn::Connections, Uuid::nil(), 9).await.unwrap();
    assert_eq!(sealed.iter().filter(|sealed| sealed.blob.ends_with(":late")).count(), 2);
    writer.execute(put, &[]).await.unwrap_err();
}

#[tokio::test]
async fn does_not_create_a_database_only_for_reading() {
    let database = TestDatabase::create().await;
    let open =
        async |if_missing| Postgres::open(&database.settings(), if_missing, UsageLimits::default()).await;
    assert!(matches!(open(IfMissing::Refuse).await, Err(StoreError::Missing)));
    let schema = "SELECT to_regnamespace('stagepass') IS NOT NULL";
    assert!(!database.superuser().await.query_one(schema, &[]).await.unwrap().get::<_, bool>(0));
    open(IfMissing::Make).await.unwrap();
    open(IfMissing::Refuse).await.unwrap();
}

#[tokio::test]
async fn defaults_of_the_role_do_not_weaken_guarantees() {
    let database = TestDatabase::create().await;
    for setting in [
        "synchronous_commit = off",
        "row_security = off",
        "default_transaction_isolation = 'serializable'",
        "search_path = public",
    ] {
        database.administer(&format!("ALTER ROLE {} SET {setting}", database.name)).await;
    }
    let store = open(&database, &chain_key()).await;
    let settings = "
        SELECT current_setting('synchronous_commit') || ' ' || current_setting('row_security') || ' '
            || current_setting('transaction_isolation') || ' ' || current_schema()";
    let rows = store.read(Acting::Nobody, &[Step(settings, &[])]).await.unwrap();
    assert_eq!(rows[0].get::<_, &str>(0), "on on read committed stagepass");
}

#[tokio::test]
async fn applies_each_migration_once_and_refuses_newer_or_different_ones() {
    let database = TestDatabase::create().await;
    let settings = database.settings();
    let (one, two) = tokio::join!(
        Postgres::open(&settings, IfMissing::Make, UsageLimits::default()),
        Postgres::open(&settings, IfMissing::Make, UsageLimits::default())
    );
    one.and(two).expect("two servers that start at once");
    let superuser = database.superuser().await;
    let run = async |sql: &str| superuser.batch_execute(sql).await.unwrap();
    run("CREATE TABLE kept AS TABLE stagepass.schema_migrations").await;
    run("UPDATE stagepass.schema_migrations SET sha256 = 'x'").await;
    assert!(matches!(
        Postgres::open(&settings, IfMissing::Make, UsageLimits::default()).await,
        Err(StoreError::Altered(1))
    ));
    run("UPDATE stagepass.schema_migrations s SET sha256 = kept.sha256 FROM kept WHERE s.number = kept.number")
        .await;
    run("INSERT INTO stagepass.schema_migrations VALUES (99, 'y', 0)").await;
    assert!(matches!(
        Postgres::open(&settings, IfMissing::Make, UsageLimits::default()).await,
        Err(StoreError::Newer { .. })
    ));
}

#[tokio::test]
async fn each_server_has_its_own_chains_and_waits_for_no_other() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let (one, two) = (open(&database, &key).await, open(&database, &key).await);
    one.append(entry("first")).await.unwrap();
    let mut superuser = database.superuser().await;
    // Lock the head as a running transaction of the first server would.
    let transaction = superuser.transaction().await.unwrap();
    let locked = transaction.query("SELECT FROM stagepass.audit_heads FOR UPDATE", &[]).await.unwrap();
    assert_eq!(locked.len(), 1);
    let mut waiting = Box::pin(one.append(entry("waiting")));
    let other = async {
        for _ in 0..10 {
            two.append(entry("other")).await.unwrap();
        }
    };
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("it continued without the lock"),
        () = other => {}
    }
    transaction.commit().await.unwrap();
    waiting.as_mut().await.unwrap();
    drop(waiting);
    assert_whole(&two, &key, 12).await;
    let chains: BTreeSet<_> = two.audit_heads().await.unwrap().iter().map(|head| head.chain).collect();
    assert_eq!(chains, BTreeSet::from([1, 2]));
    // The next connection takes a released chain.
    drop(one);
    wait_until_free(&database, 1).await;
    let three = open(&database, &key).await;
    three.append(entry("third")).await.unwrap();
    assert_whole(&three, &key, 13).await;
    assert_eq!(three.audit_heads().await.unwrap().len(), 2);
}

/// Waits until no connection holds the chain.
async fn wait_until_free(database: &TestDatabase, chain: i32) {
    let superuser = database.superuser().await;
    let held =
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = $1::int AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while !superuser.query(held, &[&chain]).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_neither_a_transaction_nor_a_broken_chain() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = open(&database, &key).await;
    fill(&store).await;
    // Some callers give up before anything is sent, and some before everything is answered.
    for patience in 0..40 {
        let abandoned = store.put_connection(connection(USERS[0]), entry("abandoned"));
        let _ = tokio::time::timeout(Duration::from_micros(50 * patience), abandoned).await;
    }
    store.append(entry("last")).await.unwrap();
    let superuser = database.superuser().await;
    let open = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_database() AND state LIKE 'idle in%'";
    assert_eq!(superuser.query_one(open, &[]).await.unwrap().get::<_, i64>(0), 0);
    let rows = u64::try_from(store.audit_rows((i64::MIN, 0), 1000).await.unwrap().len()).unwrap();
    assert_whole(&store, &key, rows).await;
}

#[tokio::test]
async fn replaces_a_lost_connection_and_continues_reading() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = open(&database, &key).await;
    fill(&store).await;
    let superuser = database.superuser().await;
    for _ in 0..3 {
        let end =
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = current_database()";
        assert!(!superuser.query(end, &[]).await.unwrap().is_empty());
        let found = store.connection(crate::store::Actor::User(USERS[0]), USERS[0]).await.unwrap();
        assert!(matches!(found, Found::Own(_)));
        store.append(entry("after")).await.unwrap();
    }
    assert_whole(&store, &key, 7).await;
}

#[tokio::test]
async fn a_chain_continues_after_another_server_removed_rows() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let one = open(&database, &key).await;
    for _ in 0..3 {
        one.append(entry("one")).await.unwrap();
    }
    // The first server loses its connection and so its chain.
    let end =
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = current_database()";
    database.superuser().await.query(end, &[]).await.unwrap();
    wait_until_free(&database, 1).await;
    let two = open(&database, &key).await;
    for _ in 0..2 {
        two.append(entry("two")).await.unwrap();
    }
    let future = crate::clock::now_ms() + 60_000;
    let pruned = crate::retention::prune(&two, &key, &Caller::Operator, future, |_| ()).await.unwrap();
    assert_eq!(pruned.rows, 6, "including the row about the start");
    drop(two);
    wait_until_free(&database, 1).await;
    one.users().await.unwrap();
    one.append(entry("after")).await.unwrap();
    assert_eq!(one.audit_heads().await.unwrap().len(), 1, "no other chain starts");
    let verdict = verify(&one, &key, &ExpectedHeads::default()).await;
    assert_eq!((verdict.rows, verdict.removed, verdict.faults), (2, 6, vec![]));
}

#[tokio::test]
async fn an_error_from_the_server_quotes_no_row() {
    let database = TestDatabase::create().await;
    let store = open(&database, &chain_key()).await;
    fill(&store).await;
    let bad = "UPDATE users SET status = 'planted', password_hash = 'planted-hash'";
    let error = store.write(Acting::Nobody, &[Step(bad, &[])]).await.unwrap_err();
    assert!(error.to_string().contains("violates check constraint"), "{error}");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("planted-hash"), "{text}");
    }
}

#[tokio::test]
async fn trusts_the_checked_type_and_not_the_row_of_a_field() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let store = open(&database, &key).await;
    fill(&store).await;
    let (id, owner_id) = (Uuid::from_u128(10), USERS[0]);
    let field = |sensitive| TypeField {
        id: Uuid::from_u128(11),
        field_name: "key".to_owned(),
        field_label: "Key".to_owned(),
        field_type: FieldType::Password,
        required: false,
        sensitive,
    };
    let of = |sensitive| CredentialType {
        id,
        owner_id: Some(owner_id),
        type_name: "own".to_owned(),
        description: None,
        fields: vec![field(sensitive)],
        created_at: 0,
        updated_at: 0,
    };
    assert_eq!(store.add_credential_type(of(true), entry("add")).await.unwrap(), PutType::Stored);
    let credential = AppCredential {
        id: Uuid::from_u128(12),
        owner_id,
        credential_name: "a".to_owned(),
        credential_type_id: id,
        description: None,
        values: vec![SealedValue { field_id: field(true).id, blob: "sealed".to_owned(), is_new: true }],
        project_ids: Vec::new(),
        version: 1,
        created_at: 0,
        updated_at: 0,
    };
    store.add_app_credential(credential, 0, entry("add")).await.unwrap();
    // Another program, with a role that no trigger stops, changes the type after it was read and
    // verified, and before its owner's edit is stored.
    let known = store.credential_type(id).await.unwrap().unwrap();
    let edit = "SET session_replication_role = replica; SET search_path = stagepass;
        UPDATE credential_type_fields SET sensitive = false";
    database.superuser().await.batch_execute(edit).await.unwrap();
    let outcome = store.update_credential_type(of(false), known, entry("update")).await.unwrap();
    assert_eq!(outcome, PutType::FieldInUse(1));
}
