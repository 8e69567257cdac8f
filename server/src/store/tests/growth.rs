//! Operations do not slow down as more is stored, whatever PostgreSQL knows about its tables. The
//! tests watch each statement that an operation runs, including those of functions, triggers and
//! references, and make sure that they cover every statement of the sources.

mod load;
mod operations;
mod sources;

use super::{OTHER, OWNER, Store, entry, user};
use crate::audit::ChainKey;
use crate::store::postgres::testing::{Plans, TestDatabase};
use crate::store::sqlite::testing::Watch;
use crate::store::{AuditLog as _, IfMissing, Postgres, SignedRows as _, Sqlite, UsageLimits};
use load::Dialect;
use operations::Pass;
use rusqlite::config::DbConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

/// The most pages that a statement may read: a few of each table and index that it searches or
/// changes. A growing table has more.
// Decision: docs/decisions/storage.md#no-statement-needs-postgresqls-statistics
const MOST_PAGES: u64 = 220;
/// The most steps of SQLite's virtual machine for a statement; each row takes several.
const MOST_STEPS: u64 = 5_000;
const LIMITS: UsageLimits = UsageLimits { rows: load::LIMIT, bytes: 0 };
/// Statements that run once, for rows of an older version without a MAC, and one that reads a row
/// by its key after another server removed the known end of a chain.
const SELDOM: [&str; 4] = [
    "UPDATE {} SET mac = given.mac FROM unnest($1::text[]::tid[], $2::bytea[]) AS given (place, mac) \
     WHERE ctid = given.place",
    "UPDATE {} SET mac = ?1 WHERE {}",
    "SELECT chain, sequence, mac, cuts, removed_at, removed_by, signature FROM audit_anchors \
     WHERE chain = $1",
    "SELECT {ANCHOR} FROM audit_anchors WHERE chain = ?1",
];

fn chain_key() -> Arc<ChainKey> {
    Arc::new(ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap())
}

/// Stores little: two users, and what each pass needs.
async fn begin(store: &dyn Store, key: &Arc<ChainKey>) {
    for (id, email) in [(OWNER, "owner@example.org"), (OTHER, "other@example.org")] {
        assert!(store.add_user(user(id, email), entry("add")).await.unwrap());
    }
    operations::set_up(store).await;
    Pass { store, number: 0 }.run().await;
    Pass { store, number: 0 }.run_walks(key).await;
}

/// The statements that cost too much, the worst first.
fn too_costly<'r>(runs: impl Iterator<Item = (&'r String, u64)>, most: u64) -> Vec<(u64, &'r str)> {
    let mut worst = BTreeMap::new();
    for (statement, cost) in runs.filter(|(_, cost)| *cost > most) {
        let kept = worst.entry(statement.as_str()).or_insert(cost);
        *kept = cost.max(*kept);
    }
    let mut costly: Vec<_> = worst.into_iter().map(|(statement, cost)| (cost, statement)).collect();
    costly.sort_unstable_by(|one, other| other.cmp(one));
    costly
}

fn assert_none_is_left_out(folder: &str, seen: &BTreeSet<String>) {
    let mut unseen = sources::unseen(folder, seen);
    unseen.retain(|statement| !SELDOM.contains(&statement.as_str()));
    assert_eq!(unseen, Vec::<String>::new(), "run it in `operations`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_on_postgresql_reads_many_pages_without_statistics() {
    let (database, key) = (TestDatabase::create().await, chain_key());
    let plans = Plans::of(&database).await;
    let open = async |mode: &str| {
        plans.set("plan_cache_mode", mode).await;
        let store = Postgres::open(&database.settings(), IfMissing::Make, LIMITS).await.unwrap();
        store.set_chain_key(Arc::clone(&key)).await;
        store
    };
    let before = open("force_generic_plan").await;
    begin(&before, &key).await;
    let mut seen: BTreeSet<_> = plans.take().into_iter().map(|plan| plan.statement).collect();
    let superuser = database.superuser().await;
    superuser.batch_execute(WITHOUT_STATISTICS).await.unwrap();
    superuser.batch_execute(&load::statements(Dialect::Postgres).join(";")).await.unwrap();

    // The store `before` continues with the plans made while little was stored. The next store
    // finds its chain of the audit log grown since it was opened.
    let (custom, generic) = (open("force_custom_plan").await, open("force_generic_plan").await);
    let mut costly = Vec::new();
    let stores = [
        ("plans from before", "force_generic_plan", before),
        ("custom plans", "force_custom_plan", custom),
        ("generic plans", "force_generic_plan", generic),
    ];
    for (number, (name, mode, store)) in (1..).step_by(2).zip(stores) {
        // This applies to connections opened from now on.
        plans.set("plan_cache_mode", mode).await;
        // The first pass reads once what a connection learns about the schema.
        Pass { store: &store, number }.run().await;
        seen.extend(plans.take().into_iter().map(|plan| plan.statement));
        Pass { store: &store, number: number + 1 }.run().await;
        drop(store);
        wait_for_chains(&superuser).await;
        let runs = plans.take();
        let runs_costly = too_costly(runs.iter().map(|plan| (&plan.statement, plan.pages)), MOST_PAGES);
        costly.extend(runs_costly.iter().map(|(pages, statement)| format!("{name}, {pages}: {statement}")));
        seen.extend(runs.into_iter().map(|plan| plan.statement));
    }
    assert_eq!(costly, Vec::<String>::new(), "pages read");
    assert_none_is_left_out("postgres", &seen);
}

/// Turns off autovacuum, which would gather statistics, and the triggers and references that would
/// run for each loaded row.
const WITHOUT_STATISTICS: &str = "
    SET search_path = stagepass;
    SET session_replication_role = replica;
    DO $$
    DECLARE name regclass;
    BEGIN
        FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'stagepass'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);
        END LOOP;
    END $$";

/// Waits until the chains of closed connections are free.
async fn wait_for_chains(superuser: &Client) {
    let held = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database()))";
    while superuser.query_one(held, &[]).await.unwrap().get(0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_on_sqlite_scans_a_growing_table() {
    let (directory, key) = (tempfile::tempdir().unwrap(), chain_key());
    let path = directory.path().join("stagepass.db");
    let watch = Watch::of(&path);
    let open = async || {
        let store = Sqlite::open(&path, LIMITS).unwrap();
        store.set_chain_key(Arc::clone(&key)).await;
        store
    };
    let store = open().await;
    begin(&store, &key).await;
    let mut seen: BTreeSet<_> = watch.take().into_iter().map(|run| run.statement).collect();
    load(&path);
    // Another process continues the audit log meanwhile.
    open().await.append(entry("reveal")).await.unwrap();

    Pass { store: &store, number: 1 }.run().await;
    let runs = watch.take();
    let replanned: Vec<_> = runs.iter().filter(|run| run.plans > 0).map(|run| &run.statement).collect();
    assert_eq!(replanned, Vec::<&String>::new());
    let costly = too_costly(runs.iter().map(|run| (&run.statement, run.steps)), MOST_STEPS);
    assert_eq!(costly, [], "steps of SQLite's machine");
    let statements: BTreeSet<_> = runs.into_iter().map(|run| run.statement).collect();
    assert_eq!(scans(&path, &statements), Vec::<String>::new());
    seen.extend(statements);
    assert_none_is_left_out("sqlite", &seen);
}

fn load(path: &Path) {
    let mut loader = rusqlite::Connection::open(path).unwrap();
    for (setting, value) in [("foreign_keys", 0), ("synchronous", 0), ("cache_size", -200_000)] {
        loader.pragma_update(None, setting, value).unwrap();
    }
    loader.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    let loading = loader.transaction().unwrap();
    loading.execute_batch(&load::statements(Dialect::Sqlite).join(";")).unwrap();
    loading.commit().unwrap();
}

/// Plans of statements that scan a whole growing table.
fn scans(path: &Path, statements: &BTreeSet<String>) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    // The store's own tables, which some statements use.
    connection.execute_batch("CREATE TEMP TABLE was_over AS SELECT * FROM owner_usage LIMIT 0").unwrap();
    let mut scans = Vec::new();
    for statement in statements {
        if !sources::is_statement(statement) {
            continue;
        }
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        // The parameters don't matter.
        let steps = plan.raw_query().mapped(|step| step.get::<_, String>("detail"));
        for step in steps.map(Result::unwrap) {
            let table = step.strip_prefix("SCAN ").and_then(|scan| scan.split(' ').next());
            if table.is_some_and(load::grows) {
                scans.push(format!("{step}: {statement}"));
            }
        }
    }
    scans
}
