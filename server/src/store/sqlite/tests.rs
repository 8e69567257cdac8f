//! The store's operations, each with times of the test's own choosing.

use super::*;
use crate::audit::Caller;
use crate::store::{
    AttemptLimit, Database as _, Found, NewConnection, NewSession, PutConnection, Records as _, Refresh,
    RefreshToken, SessionStatus, User, UserStatus,
};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// A store with one user in it.
async fn store() -> (Sqlite, Uuid, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("stagepass.db")).unwrap();
    let key = ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap();
    store.set_chain_key(Arc::new(key));
    let id = Uuid::from_u128(1);
    let user = User {
        id,
        email: "creator@example.org".to_owned(),
        password_hash: "hash".into(),
        status: UserStatus::Active,
        created_at: 0,
        tokens_valid_from: 0,
    };
    assert!(store.add_user(user.clone()).await.unwrap());
    assert!(!store.add_user(User { id: Uuid::from_u128(2), ..user }).await.unwrap(), "the address is taken");
    (store, id, directory)
}

#[tokio::test]
async fn many_writes_at_once_share_transactions_and_a_failing_one_spoils_no_other() {
    let (store, _, _directory) = store().await;
    let store = Arc::new(store);
    store.write(|c| c.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)")).await.unwrap();
    let tasks: Vec<_> = (0..200_i64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let insert = move |c: &Connection| {
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
    let (store, _, _directory) = store().await;
    let pragma = |name: &'static str| {
        store.write(move |c| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0)))
    };
    assert_eq!(pragma("synchronous").await.unwrap(), 2, "FULL");
    assert_eq!(pragma("secure_delete").await.unwrap(), 1);
    assert_eq!(pragma("foreign_keys").await.unwrap(), 1);
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_no_reason_to_hang_or_to_lie() {
    let (store, _, directory) = store().await;
    let other = Connection::open(directory.path().join("stagepass.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.write(|c| c.busy_timeout(Duration::from_millis(10))).await.unwrap_err();
    other.execute_batch("ROLLBACK").unwrap();
    store.check(1).await.unwrap();
}

fn entry() -> Entry {
    Entry::new(&Caller::Operator, "test")
}

fn token(number: u8, user_id: Uuid, expires_at: i64) -> RefreshToken {
    RefreshToken { token_hash: [number; 32], family_id: Uuid::from_u128(9), user_id, expires_at }
}

#[tokio::test]
async fn a_spent_token_gets_one_more_successor_in_time_and_ends_its_family_later() {
    let (store, user, _directory) = store().await;
    let refresh = async |spent: u8, successor: u8, now| {
        store.refresh([spent; 32], [successor; 32], (now, HOUR_MS, 30_000)).await.unwrap()
    };
    store.add_refresh_token(token(1, user, HOUR_MS), entry()).await.unwrap();
    assert_eq!(refresh(1, 2, 1_000).await, Refresh::Renewed(user));
    assert_eq!(refresh(1, 3, 31_000).await, Refresh::Renewed(user));
    assert_eq!(refresh(1, 4, 31_001).await, Refresh::Reused);
    for ended in [1, 2, 3, 4] {
        assert_eq!(refresh(ended, 5, 31_002).await, Refresh::Unknown, "{ended}");
    }
    store.add_refresh_token(token(6, user, 1_000), entry()).await.unwrap();
    assert_eq!(refresh(6, 7, 1_000).await, Refresh::Expired);
}

#[tokio::test]
async fn attempts_are_counted_against_each_limit_and_forgotten_with_the_window() {
    let (store, _, _directory) = store().await;
    let limits = |account: u8| {
        let limit = |subject, attempts| AttemptLimit { subject: [subject; 32], attempts, window_ms: 1_000 };
        vec![limit(account, 2), limit(99, 5)]
    };
    let count = async |account, now| store.count_attempt(limits(account), now).await.unwrap();
    assert_eq!((count(1, 0).await, count(1, 10).await), (None, None));
    assert_eq!(count(1, 400).await, Some(600), "the account's limit");
    for account in [2, 3, 4] {
        assert_eq!(count(account, 500).await, None);
    }
    assert_eq!(count(5, 500).await, Some(500), "the address's limit, whatever the account");
    store.uncount_attempt(vec![[99; 32]]).await.unwrap();
    assert_eq!(count(5, 600).await, None);
    assert_eq!(count(1, 1_000).await, None, "a new window");
}

async fn connect(store: &Sqlite, user_id: Uuid) -> Uuid {
    let id = Uuid::from_u128(7);
    let new = NewConnection {
        id,
        user_id,
        identity_key: "key".to_owned(),
        platform: "x".to_owned(),
        platform_username: None,
        encrypted_credentials: "sealed".to_owned(),
        credentials_version: "v2",
        now: 0,
    };
    assert_eq!(store.put_connection(new.clone(), entry()).await.unwrap(), PutConnection::Created);
    assert_eq!(store.put_connection(new.clone(), entry()).await.unwrap(), PutConnection::Updated);
    let clash = NewConnection { id: Uuid::from_u128(8), ..new };
    assert_eq!(store.put_connection(clash, entry()).await.unwrap(), PutConnection::Clash(id));
    id
}

fn session(number: u128, user_id: Uuid, creator_profile_id: Uuid, captured_at: i64) -> NewSession {
    NewSession {
        id: Uuid::from_u128(number),
        user_id,
        creator_profile_id,
        platform: "x".to_owned(),
        encrypted_cookies: "sealed".to_owned(),
        credentials_version: "v2",
        cookie_count: 1,
        user_agent: None,
        captured_at,
        expires_at: None,
    }
}

#[tokio::test]
async fn ended_sessions_lose_their_cookies_at_once_and_their_rows_in_time() {
    let (store, user, _directory) = store().await;
    let connection = connect(&store, user).await;
    for (number, captured_at) in [(11, 100), (12, 200), (13, 300)] {
        assert!(store.put_session(session(number, user, connection, captured_at), entry()).await.unwrap());
    }
    let gone = session(14, user, Uuid::from_u128(404), 400);
    assert!(!store.put_session(gone, entry()).await.unwrap(), "the connection is gone");
    let revoke =
        async |user, now| store.revoke_session(user, Uuid::from_u128(13), now, entry()).await.unwrap();
    assert_eq!(revoke(Uuid::from_u128(2), 400).await, Found::Foreign);
    assert_eq!(revoke(user, 500).await, Found::Own(()));
    assert_eq!(revoke(user, 600).await, Found::Own(()));
    let (_, newest) = store.newest_session(connection, "x".to_owned()).await.unwrap().unwrap();
    let (newest, cookies) = newest.unwrap();
    assert_eq!((newest.status, newest.revoked_at, cookies), (SessionStatus::Revoked, Some(500), None));
    let kept: usize = store
        .read(|c| c.query_row("SELECT count(encrypted_cookies) FROM platform_sessions", [], |row| row.get(0)))
        .await
        .unwrap();
    assert_eq!(kept, 0);

    let count = async || store.sessions_of(user, Page { number: 1, size: 100 }).await.unwrap().1;
    // The first was superseded at 200, the second at 300, the third revoked at 500.
    for (ended_before, left) in [(200, 3), (201, 2), (500, 1), (501, 0)] {
        store.purge_sessions(ended_before).await.unwrap();
        assert_eq!(count().await, left, "{ended_before}");
    }
}
