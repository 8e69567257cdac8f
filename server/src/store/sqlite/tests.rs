//! What is SQLite's own. What every store does is in the store's tests.

use super::*;
use crate::store::Database as _;

fn store() -> (Sqlite, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Sqlite::open(&directory.path().join("stagepass.db")).unwrap(), directory)
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
    store.check(1).await.unwrap();
}
