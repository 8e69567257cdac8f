//! Behaviour of SQLite only. The store's tests cover what all stores do.

use super::*;
use crate::audit::Caller;
use crate::store::{AuditLog as _, Connections as _, SignedRows as _, Upkeep as _, UsageLimits};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};

fn store() -> (Sqlite, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Sqlite::open(&directory.path().join("stagepass.db"), UsageLimits::default()).unwrap(), directory)
}

#[tokio::test]
async fn a_failing_write_does_not_affect_concurrent_writes() {
    let (store, _directory) = store();
    let store = Arc::new(store);
    store.write(|c| c.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)")).await.unwrap();
    let tasks: Vec<_> = (0..200_i64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let insert = move |c: &Batch<'_>| {
                    c.execute("INSERT INTO t VALUES (?1)", [n])?;
                    // Every tenth write fails after its change.
                    if n % 10 == 0 { Err(rusqlite::Error::InvalidQuery) } else { Ok(()) }
                };
                store.write(insert).await.is_ok()
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.unwrap());
    }
    let count: usize =
        store.read(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get(0))).await.unwrap();
    assert_eq!((done, count), (180, 180));
}

type TestWrite<'s> = BoxFuture<'s, Result<(), StoreError>>;

/// Runs writes in one batch: an extra write keeps the store busy until all of them are queued.
async fn in_one_batch(store: &Arc<Sqlite>, mut writes: Vec<TestWrite<'_>>) -> Vec<Result<(), StoreError>> {
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let writer = Arc::clone(store);
    let first = tokio::spawn(async move {
        let wait = move |_: &Batch<'_>| {
            let _ = begin.send(());
            // `recv` fails when `open` is dropped. That lets this write finish.
            Ok(gate.recv().is_err())
        };
        writer.write(wait).await
    });
    begun.await.unwrap();
    for write in &mut writes {
        // Send it without waiting for the result.
        assert!(write.as_mut().now_or_never().is_none());
    }
    drop(open);
    let _ = first.await.unwrap();
    join_all(writes).await
}

/// A store whose audit log has a key, and that key.
async fn store_with_audit_log() -> (Arc<Sqlite>, Arc<ChainKey>, tempfile::TempDir) {
    let (store, directory) = store();
    let key = Arc::new(ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap());
    store.set_chain_key(Arc::clone(&key)).await;
    (Arc::new(store), key, directory)
}

fn entry(action: &'static str) -> Entry {
    Entry::new(&Caller::Operator, action)
}

/// The actions in the audit log, by sequence.
async fn logged_actions(store: &Sqlite) -> Vec<(i64, String)> {
    let rows = store.audit_rows((i64::MIN, 0), 10).await.unwrap();
    rows.into_iter().map(|row| (row.sequence, row.entry.action)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_sqlite_rolls_back_leaves_no_rows_and_no_new_head_of_the_audit_log() {
    let (store, key, _directory) = store_with_audit_log().await;
    store.append(entry("before")).await.unwrap();
    store.write(|c| c.execute_batch("CREATE TABLE t (text TEXT)")).await.unwrap();
    // Leave room for rows of the audit log, and for nothing large.
    store
        .write(|c| {
            let pages: i64 = c.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            c.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(()))
        })
        .await
        .unwrap();
    let too_large = |batch: &Batch<'_>| {
        batch.execute("INSERT INTO t VALUES (?1)", ["x".repeat(100_000)])?;
        Ok(())
    };
    let writes = vec![
        store.write(move |batch| batch.append(&key, entry("undone"))).boxed(),
        store.write(too_large).boxed(),
    ];
    let outcomes = in_one_batch(&store, writes).await;
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    store.append(entry("after")).await.unwrap();
    assert_eq!(logged_actions(&store).await, [(1, "before".to_owned()), (2, "after".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reveal_that_panics_or_cannot_be_logged_does_not_affect_its_batch() {
    let (store, _, _directory) = store_with_audit_log().await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON audit_log WHEN new.action = 'refused'
        BEGIN SELECT raise(ABORT, 'on purpose'); END";
    store.write(move |c| c.execute_batch(refuse)).await.unwrap();
    let reveal = |judge| store.reveal_connection(Uuid::nil(), judge).boxed();
    let writes = vec![
        store.append(entry("before")).boxed(),
        reveal(Box::new(|_| panic!("on purpose"))),
        reveal(Box::new(|_| entry("refused"))),
        reveal(Box::new(|_| entry("revealed"))),
        store.append(entry("after")).boxed(),
    ];
    let outcomes: Vec<_> = in_one_batch(&store, writes).await.iter().map(Result::is_ok).collect();
    assert_eq!(outcomes, [true, false, false, true, true]);
    let expected = [(1, "before"), (2, "revealed"), (3, "after")].map(|(at, action)| (at, action.to_owned()));
    assert_eq!(logged_actions(&store).await, expected);
}

#[tokio::test]
async fn a_write_that_panics_fails_no_other_write() {
    let (store, _directory) = store();
    store.write(|c| c.execute_batch("CREATE TABLE t (n INTEGER)")).await.unwrap();
    let panicking = store.write(|c| -> rusqlite::Result<()> {
        c.execute("INSERT INTO t VALUES (1)", [])?;
        panic!("on purpose");
    });
    assert!(matches!(panicking.await, Err(StoreError::NotCommitted)));
    let count = store.write(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)));
    assert_eq!(count.await.unwrap(), 0);
}

#[tokio::test]
async fn syncs_every_commit_and_overwrites_erased_values() {
    let (store, _directory) = store();
    let pragma = |name: &'static str| {
        store.write(move |c| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0)))
    };
    assert_eq!(pragma("synchronous").await.unwrap(), 2, "FULL");
    assert_eq!(pragma("secure_delete").await.unwrap(), 1);
    assert_eq!(pragma("foreign_keys").await.unwrap(), 1);
}

#[tokio::test]
async fn reports_a_database_locked_by_another_process_without_hanging() {
    let (store, directory) = store();
    let other = DbConnection::open(directory.path().join("stagepass.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.write(|c| c.busy_timeout(Duration::from_millis(10))).await.unwrap_err();
    other.execute_batch("ROLLBACK").unwrap();
    store.check("00000001".to_owned(), 1).await.unwrap();
}

const MIB: usize = 1 << 20;

async fn write_mebibytes(store: &Sqlite, count: usize) {
    for _ in 0..count {
        let insert = |c: &Batch<'_>| c.execute("INSERT INTO t VALUES (zeroblob(?1))", [MIB]).map(drop);
        store.write(insert).await.unwrap();
    }
}

#[tokio::test]
async fn copies_the_wal_while_writes_continue_and_keeps_it_short() {
    let (store, directory) = store();
    let size_of = |name| std::fs::metadata(directory.path().join(name)).unwrap().len() as usize;
    store.write(|c| c.execute_batch("CREATE TABLE t (data BLOB)")).await.unwrap();
    write_mebibytes(&store, 6).await;
    assert!(size_of("stagepass.db-wal") > 6 * MIB);
    let limit = std::time::Instant::now() + Duration::from_secs(60);
    while size_of("stagepass.db") < 4 * MIB {
        assert!(std::time::Instant::now() < limit, "the WAL is never copied into the database");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    write_mebibytes(&store, 120).await;
    // It starts again at 16 MiB, or later if the copying thread gets no processor for a while.
    assert!(size_of("stagepass.db-wal") < 60 * MIB);
    store.erase().await.unwrap();
    assert_eq!(size_of("stagepass.db-wal"), 0);
    drop(store);
    assert!(!directory.path().join("stagepass.db-wal").exists());
}

#[test]
fn sqlite_can_copy_its_log_on_one_connection_and_begin_it_again_on_another() {
    // Earlier versions could damage the database.
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}
