//! What is SQLite's own. What every store does is in the store's tests.

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
async fn many_writes_at_once_share_transactions_and_a_failing_one_spoils_no_other() {
    let (store, _directory) = store();
    let store = Arc::new(store);
    store.write(|c| c.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)")).await.unwrap();
    let tasks: Vec<_> = (0..200_i64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let insert = move |c: &Batch<'_>| {
                    c.execute("INSERT INTO t VALUES (?1)", [n])?;
                    // Every tenth fails after it has written.
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

/// Runs writes in one batch: they queue up while the first one waits for them.
async fn in_one_batch(store: &Arc<Sqlite>, mut writes: Vec<TestWrite<'_>>) -> Vec<Result<(), StoreError>> {
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let writer = Arc::clone(store);
    let first = tokio::spawn(async move {
        let wait = move |_: &Batch<'_>| {
            let _ = begin.send(());
            // An error is the gate's end, which opens it.
            Ok(gate.recv().is_err())
        };
        writer.write(wait).await
    });
    begun.await.unwrap();
    for write in &mut writes {
        // Sends it, without waiting for what becomes of it.
        assert!(write.as_mut().now_or_never().is_none());
    }
    drop(open);
    let _ = first.await.unwrap();
    join_all(writes).await
}

/// A store whose audit log has a key, and that key.
async fn noting_store() -> (Arc<Sqlite>, Arc<ChainKey>, tempfile::TempDir) {
    let (store, directory) = store();
    let key = Arc::new(ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap());
    store.set_chain_key(Arc::clone(&key)).await;
    (Arc::new(store), key, directory)
}

fn entry(action: &'static str) -> Entry {
    Entry::new(&Caller::Operator, action)
}

/// What the audit log tells of, by sequence.
async fn noted(store: &Sqlite) -> Vec<(i64, String)> {
    let rows = store.audit_rows((i64::MIN, 0), 10).await.unwrap();
    rows.into_iter().map(|row| (row.sequence, row.entry.action)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_sqlite_undoes_leaves_neither_rows_nor_a_head_of_the_audit_log() {
    let (store, key, _directory) = noting_store().await;
    store.append(entry("before")).await.unwrap();
    store.write(|c| c.execute_batch("CREATE TABLE t (text TEXT)")).await.unwrap();
    // There is room for rows of the audit log, and for nothing large.
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
    assert_eq!(noted(&store).await, [(1, "before".to_owned()), (2, "after".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reveal_that_panics_or_cannot_be_noted_spoils_nothing_else_of_its_batch() {
    let (store, _, _directory) = noting_store().await;
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
    assert_eq!(noted(&store).await, expected);
}

#[tokio::test]
async fn a_write_that_panics_fails_alone() {
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
async fn every_commit_is_synced_and_what_is_erased_is_written_over() {
    let (store, _directory) = store();
    let pragma = |name: &'static str| {
        store.write(move |c| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0)))
    };
    assert_eq!(pragma("synchronous").await.unwrap(), 2, "FULL");
    assert_eq!(pragma("secure_delete").await.unwrap(), 1);
    assert_eq!(pragma("foreign_keys").await.unwrap(), 1);
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_no_reason_to_hang_or_to_lie() {
    let (store, directory) = store();
    let other = Connection::open(directory.path().join("stagepass.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.write(|c| c.busy_timeout(Duration::from_millis(10))).await.unwrap_err();
    other.execute_batch("ROLLBACK").unwrap();
    store.check("00000001".to_owned(), 1).await.unwrap();
}
