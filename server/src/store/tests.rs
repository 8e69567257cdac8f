//! Tests of what every store does, at times that the tests choose.

mod audit_log;
mod growth;
mod records;
mod retired_keys;
mod sign_in;
mod upkeep;
mod usage;
mod vault;

use super::{
    AppCredentialStore, AuditFilter, Database, IfMissing, Judge, NewConnection, NewestSession, Page,
    Postgres, PutConnection, Records, SealedConnection, Sqlite, StoreError, UsageLimits, User, UserStatus,
    VaultStore,
};
use crate::audit::{Caller, ChainKey, Entry, ExpectedHeads, Verdict, Verifier};
use crate::store::postgres::testing::TestDatabase;
use std::any::Any;
use std::sync::Arc;
use tokio::sync::oneshot;
use uuid::Uuid;

const OWNER: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
/// The action that [`found`] records.
const REVEAL: &str = "reveal";
/// The action recorded for the two users.
const ADDED: &str = "user add";
const EVERYTHING: AuditFilter = AuditFilter {
    since: i64::MIN,
    until: i64::MAX,
    records: None,
    user: None,
    service: None,
    action: None,
    outcome: None,
};
const ALL: Page = Page { number: 1, size: 100 };

/// All roles of a store.
pub(super) trait Store: Database + Records + VaultStore + AppCredentialStore {}
impl<T: Database + Records + VaultStore + AppCredentialStore> Store for T {}

/// A store with two users; dropping it removes everything.
struct Opened {
    store: Arc<dyn Store>,
    chain_key: Arc<ChainKey>,
    _kept: Box<dyn Any + Send>,
}

impl Opened {
    async fn sqlite() -> Self {
        Self::sqlite_with(UsageLimits::default()).await
    }

    async fn postgres() -> Self {
        Self::postgres_with(UsageLimits::default()).await
    }

    async fn sqlite_with(limits: UsageLimits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&directory.path().join("stagepass.db"), limits).unwrap();
        Self::of(Arc::new(store), Box::new(directory)).await
    }

    async fn postgres_with(limits: UsageLimits) -> Self {
        let database = TestDatabase::create().await;
        let store = Postgres::open(&database.settings(), IfMissing::Make, limits).await.unwrap();
        Self::of(Arc::new(store), Box::new(database)).await
    }

    async fn of(store: Arc<dyn Store>, kept: Box<dyn Any + Send>) -> Self {
        let chain_key = ChainKey::from_base64(&ChainKey::generate_base64().unwrap()).unwrap();
        let chain_key = Arc::new(chain_key);
        store.set_chain_key(Arc::clone(&chain_key)).await;
        for (id, email) in [(OWNER, "owner@example.org"), (OTHER, "other@example.org")] {
            assert!(store.add_user(user(id, email), entry(ADDED)).await.unwrap());
        }
        Self { store, chain_key, _kept: kept }
    }
}

/// Makes a test of each claim for each store.
macro_rules! on_every_store {
    ($($claim:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                super::$claim(&super::Opened::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                super::$claim(&super::Opened::postgres().await).await;
            })*
        }
    };
}
use on_every_store;

fn user(id: Uuid, email: &str) -> User {
    User {
        id,
        email: email.to_owned(),
        password_hash: "hash".into(),
        status: UserStatus::Active,
        created_at: 0,
        tokens_valid_from: 0,
    }
}

fn entry(action: &str) -> Entry {
    Entry::new(&Caller::Operator, action)
}

fn connection(number: u128, user_id: Uuid, identity_key: &str) -> NewConnection {
    NewConnection {
        id: Uuid::from_u128(number),
        user_id,
        identity_key: identity_key.to_owned(),
        platform: "x".to_owned(),
        platform_username: None,
        encrypted_credentials: format!("sealed {number}"),
        credentials_version: "v2",
        now: 0,
    }
}

/// Stores a connection and returns its id.
async fn connect(store: &dyn Store, number: u128, user_id: Uuid) -> Uuid {
    let new = connection(number, user_id, &format!("key {number}"));
    assert_eq!(store.put_connection(new, entry("create")).await.unwrap(), PutConnection::Created);
    Uuid::from_u128(number)
}

/// The record that a store found, with an audit row.
async fn revealed<R: Send + 'static>(
    reveal: impl AsyncFnOnce(Judge<R>) -> Result<(), StoreError>,
) -> Option<R> {
    let (sender, receiver) = oneshot::channel();
    let judge = Box::new(|found| {
        assert!(sender.send(found).is_ok());
        entry(REVEAL)
    });
    reveal(judge).await.unwrap();
    receiver.await.unwrap()
}

async fn sealed_connection(store: &dyn Store, id: Uuid) -> Option<SealedConnection> {
    revealed(async |judge| store.reveal_connection(id, judge).await).await
}

async fn newest_session(store: &dyn Store, connection: Uuid, platform: &str) -> Option<NewestSession> {
    revealed(async |judge| store.reveal_session(connection, platform.to_owned(), judge).await).await
}

/// The actions recorded since the users were added, in no particular order, without the tests' own
/// reveals.
async fn logged_actions(store: &dyn Store) -> Vec<String> {
    let mut actions: Vec<_> = store
        .audit_rows((i64::MIN, 0), 1000)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.entry.action)
        .filter(|action| ![REVEAL, ADDED].contains(&action.as_str()))
        .collect();
    actions.sort();
    actions
}

/// The result of `audit verify`.
pub(super) async fn verify(store: &dyn Store, key: &ChainKey, expected: &ExpectedHeads) -> Verdict {
    let (heads, anchors) = (store.audit_heads().await.unwrap(), store.audit_anchors().await.unwrap());
    let mut verifier = Verifier::new(key, heads, anchors, expected.clone());
    let rows = store.audit_rows((i64::MIN, 0), 10_000).await.unwrap();
    rows.iter().for_each(|row| verifier.take(row));
    verifier.finish()
}
