//! The free connections, and the callers that wait for one.
//!
//! If PostgreSQL accepts no more connections, callers share the existing ones.

use super::audited_connection::{AuditedConnection, Connector};
use crate::store::StoreError;
use std::mem::take;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

/// How long to wait for a free connection.
pub(super) const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most waiting callers; further ones are told to try later.
const QUEUE: usize = 256;
/// How often to try another connection while PostgreSQL accepts no more.
const LIMIT_INTERVAL: Duration = Duration::from_secs(1);

/// Connections, each opened when first needed.
// Decision: docs/decisions/storage.md#postgresql-is-used-through-tokio-postgres-and-our-own-pool
#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connector: Connector,
    /// One slot for each connection that is free or can be opened.
    slots: Arc<Semaphore>,
    /// One permit for each caller that can wait for a slot.
    queue: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Free connections. The last one used is reused first, so that few chains grow long.
    free: Vec<AuditedConnection>,
    /// Slots of connections that PostgreSQL did not accept.
    withheld: usize,
}

/// A connection for one caller, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Pooled {
    connection: Option<AuditedConnection>,
    pool: Pool,
    // Returned after the connection.
    _slot: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(connector: Connector, connections: usize) -> Self {
        Self(Arc::new(Shared {
            connector,
            slots: Arc::new(Semaphore::new(connections)),
            queue: Semaphore::new(QUEUE),
            state: Mutex::default(),
        }))
    }

    /// A connection: a free one, a new one, or the next one that is returned.
    pub(super) async fn get(&self) -> Result<Pooled, StoreError> {
        let _waiting = self.0.queue.try_acquire().map_err(|_| StoreError::Busy)?;
        let deadline = Instant::now() + WAIT_TIMEOUT;
        let mut fault = StoreError::Busy;
        loop {
            let slot = timeout_at(deadline, Arc::clone(&self.0.slots).acquire_owned()).await;
            let Ok(slot) = slot else { return Err(fault) };
            let slot = slot.map_err(|_| StoreError::Closed)?;
            let free = self.take_free();
            let connection = match free {
                Some(connection) => Ok(connection),
                None => self.0.connector.connect_audited().await,
            };
            match connection {
                Ok(connection) => {
                    return Ok(Pooled { connection: Some(connection), pool: self.clone(), _slot: slot });
                }
                Err(StoreError::Postgres(limit)) if limit.is_at_limit() => {
                    self.withhold(slot);
                    fault = limit.into();
                    // A slot may be free at once, again and again.
                    if Instant::now() >= deadline {
                        return Err(fault);
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Whether PostgreSQL recently accepted no more connections.
    pub(super) fn is_at_limit(&self) -> bool {
        self.state().withheld > 0
    }

    fn take_free(&self) -> Option<AuditedConnection> {
        let mut state = self.state();
        while let Some(connection) = state.free.pop() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Withholds a slot, so that waiting callers get existing connections. The slots return one by
    /// one.
    fn withhold(&self, slot: OwnedSemaphorePermit) {
        slot.forget();
        let mut state = self.state();
        state.withheld += 1;
        if state.withheld == 1 {
            let pool = self.clone();
            tokio::spawn(async move {
                while pool.is_at_limit() {
                    sleep(LIMIT_INTERVAL).await;
                    pool.give_back();
                }
            });
        }
    }

    fn give_back(&self) {
        let mut state = self.state();
        state.withheld -= 1;
        self.0.slots.add_permits(1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Pooled {
    type Target = AuditedConnection;

    #[expect(clippy::expect_used, reason = "taken only on drop")]
    fn deref(&self) -> &AuditedConnection {
        self.connection.as_ref().expect("a connection")
    }
}

impl DerefMut for Pooled {
    #[expect(clippy::expect_used, reason = "taken only on drop")]
    fn deref_mut(&mut self) -> &mut AuditedConnection {
        self.connection.as_mut().expect("a connection")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(connection) = take(&mut self.connection).filter(AuditedConnection::is_usable) {
            self.pool.state().free.push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::UsageLimits;
    use crate::store::postgres::testing::TestDatabase;
    use crate::store::postgres::tls;
    use crate::store::postgres::transaction::{Acting, Step, View};
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    #[tokio::test]
    async fn refuses_a_caller_at_once_if_the_queue_is_full() {
        let database = TestDatabase::create().await;
        let connector = Connector::new(&database.settings(), tls().unwrap(), UsageLimits::default());
        let pool = Pool::new(connector, 1);
        let held = pool.get().await.unwrap();
        let mut waiting: Vec<_> = (0..QUEUE).map(|_| Box::pin(pool.get())).collect();
        for caller in &mut waiting {
            assert!(caller.now_or_never().is_none(), "it waits");
        }
        assert!(matches!(pool.get().now_or_never(), Some(Err(StoreError::Busy))));
        drop(held);
        for caller in waiting {
            caller.await.unwrap();
        }
        pool.get().await.unwrap();
    }

    #[tokio::test]
    async fn does_not_reuse_a_connection_that_its_caller_abandoned() {
        let database = TestDatabase::create().await;
        let connector = Connector::new(&database.settings(), tls().unwrap(), UsageLimits::default());
        let pool = Pool::new(connector, 1);
        let own_id = async || {
            let steps = [Step("SELECT pg_backend_pid()", &[])];
            let rows = pool.get().await.unwrap().run(Acting::Service, View::Latest, &steps).await.unwrap();
            rows[0][0].get::<_, i32>(0)
        };
        let first = own_id().await;
        assert_eq!(own_id().await, first, "a used connection is reused");
        let mut connection = pool.get().await.unwrap();
        let steps = [Step("SELECT pg_backend_pid()", &[])];
        assert!(connection.run(Acting::Service, View::Latest, &steps).now_or_never().is_none());
        drop(connection);
        assert_ne!(own_id().await, first);
    }

    #[tokio::test]
    async fn callers_share_the_existing_connections_at_the_roles_limit() {
        let database = TestDatabase::create().await;
        database.administer(&format!("ALTER ROLE {} CONNECTION LIMIT 2", database.name)).await;
        let connector = Connector::new(&database.settings(), tls().unwrap(), UsageLimits::default());
        let pool = Pool::new(connector, 16);
        let callers = (0..64).map(|_| async {
            let connection = pool.get().await?;
            connection.remember_heads().await.unwrap_err();
            Ok::<_, StoreError>(())
        });
        for outcome in join_all(callers).await {
            outcome.unwrap();
        }
    }
}
