//! Connections that only read, and only as a service. What many callers ask for
//! at the same time goes over one of them together, so that PostgreSQL is woken
//! once for all of them.
//!
//! Each answers many callers, so that one who goes away leaves it as it is: nothing but
//! reading is under way on it. Where PostgreSQL takes no more connections, services read
//! over those that everybody shares.

use super::audited_connection::Connector;
use super::db_connection::DbConnection;
use super::pool::{Pool, WAIT_TIMEOUT};
use super::transaction::{Acting, Step, View};
use super::{PostgresFault, connections, download_credentials, sessions, users};
use crate::store::StoreError;
use futures_util::future::try_join_all;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::{Row, Statement};

/// Each statement that services need, and the one that finds out who calls; all
/// are prepared with the connection.
const STATEMENTS: [&str; 5] =
    [connections::SEALED, download_credentials::SEALED, sessions::CONNECTION, sessions::NEWEST, users::FIND];
/// What nobody else may do over such a connection, nor this.
const SET_UP: &str = "SET stagepass.actor = 'service'; SET default_transaction_read_only = on";

/// The connections, each made when it is first needed.
#[derive(Debug)]
pub(super) struct ServiceReaders {
    connector: Connector,
    /// Where there can be no reader.
    pool: Pool,
    readers: Vec<Mutex<Option<Arc<Reader>>>>,
    next: AtomicUsize,
}

impl ServiceReaders {
    pub(super) fn new(connector: Connector, pool: Pool, count: usize) -> Self {
        let readers = (0..count).map(|_| Mutex::default()).collect();
        Self { connector, pool, readers, next: AtomicUsize::new(0) }
    }

    /// Runs statements of the listed ones at the same time, once more where the
    /// connection is lost. Gives the rows of each.
    pub(super) async fn read(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        let Some(reader) = self.reader(place).await? else { return self.read_shared(steps).await };
        match reader.read(steps).await {
            Err(fault) => {
                self.forget(place, &reader).await;
                if !fault.is_lost() {
                    return Err(fault.into());
                }
                match self.reader(place).await? {
                    Some(reader) => Ok(reader.read(steps).await?),
                    None => self.read_shared(steps).await,
                }
            }
            read => Ok(read?),
        }
    }

    /// `None` where PostgreSQL takes no more connections: then each of these makes room for
    /// one that is shared.
    async fn reader(&self, place: usize) -> Result<Option<Arc<Reader>>, StoreError> {
        // Somebody else may be making it.
        let kept = timeout(WAIT_TIMEOUT, self.readers[place].lock()).await;
        let mut kept = kept.map_err(|_| StoreError::Busy)?;
        if self.pool.is_at_limit() {
            *kept = None;
            return Ok(None);
        }
        if let Some(reader) = kept.as_ref().filter(|reader| reader.db.is_usable()) {
            return Ok(Some(Arc::clone(reader)));
        }
        // What is no longer usable makes room first.
        *kept = None;
        match Reader::connect(&self.connector).await {
            Ok(reader) => Ok(Some(Arc::clone(kept.insert(Arc::new(reader))))),
            Err(StoreError::Postgres(fault)) if fault.is_at_limit() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn read_shared(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        Ok(self.pool.get().await?.run(Acting::Service, View::Latest, steps).await?)
    }

    /// One on which something failed is not used again, whatever it was: a new
    /// one finds the primary and the schema as they are now.
    async fn forget(&self, place: usize, failed: &Arc<Reader>) {
        self.readers[place].lock().await.take_if(|kept| Arc::ptr_eq(kept, failed));
    }
}

/// A connection.
#[derive(Debug)]
struct Reader {
    db: DbConnection,
    statements: HashMap<&'static str, Statement>,
}

impl Reader {
    async fn connect(connector: &Connector) -> Result<Self, StoreError> {
        let db = connector.connect().await?;
        db.answered(db.client.batch_execute(SET_UP)).await?;
        let statements = db.answered(try_join_all(STATEMENTS.map(|sql| db.client.prepare(sql)))).await?;
        Ok(Self { db, statements: STATEMENTS.into_iter().zip(statements).collect() })
    }

    async fn read(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, PostgresFault> {
        let reads =
            steps.iter().map(|Step(sql, parameters)| self.db.client.query(&self.statements[sql], parameters));
        self.db.answered(try_join_all(reads)).await
    }
}
