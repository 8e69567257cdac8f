//! Connections that only read, and only as a service. Requests of many callers at the same time
//! share one of them, so that PostgreSQL wakes up once for all.
//!
//! A caller that gives up does not affect the connection, on which only reads run. If PostgreSQL
//! accepts no more connections, services read over the shared pool.

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

/// The statements of services, including the one that identifies the caller; all are prepared with
/// the connection.
const STATEMENTS: [&str; 5] =
    [connections::SEALED, download_credentials::SEALED, sessions::CONNECTION, sessions::NEWEST, users::FIND];
/// Limits the connection to the rights of a service, and to reading.
const SET_UP: &str = "SET stagepass.actor = 'service'; SET default_transaction_read_only = on";

/// The connections, each opened when first needed.
// Decision: docs/decisions/storage.md#services-read-over-connections-that-only-read
#[derive(Debug)]
pub(super) struct ServiceReaders {
    connector: Connector,
    /// Used if no reader can be opened.
    pool: Pool,
    readers: Vec<Mutex<Option<Arc<Reader>>>>,
    next: AtomicUsize,
}

impl ServiceReaders {
    pub(super) fn new(connector: Connector, pool: Pool, count: usize) -> Self {
        let readers = (0..count).map(|_| Mutex::default()).collect();
        Self { connector, pool, readers, next: AtomicUsize::new(0) }
    }

    /// Runs some of the listed statements at the same time, again if the connection is lost.
    /// Returns the rows of each.
    pub(super) async fn read(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        let Some(reader) = self.reader(index).await? else { return self.read_shared(steps).await };
        match reader.read(steps).await {
            Err(fault) => {
                self.forget(index, &reader).await;
                if !fault.is_lost() {
                    return Err(fault.into());
                }
                match self.reader(index).await? {
                    Some(reader) => Ok(reader.read(steps).await?),
                    None => self.read_shared(steps).await,
                }
            }
            read => Ok(read?),
        }
    }

    /// A reader, or `None` if PostgreSQL accepts no more connections: then each reader closes its
    /// connection to make room for a shared one.
    async fn reader(&self, index: usize) -> Result<Option<Arc<Reader>>, StoreError> {
        // Another caller may be opening this reader's connection.
        let kept = timeout(WAIT_TIMEOUT, self.readers[index].lock()).await;
        let mut kept = kept.map_err(|_| StoreError::Busy)?;
        if self.pool.is_at_limit() {
            *kept = None;
            return Ok(None);
        }
        if let Some(reader) = kept.as_ref().filter(|reader| reader.db.is_usable()) {
            return Ok(Some(Arc::clone(reader)));
        }
        // First close the unusable connection, to make room.
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

    /// A connection on which something failed is not reused: a new one finds the current primary
    /// and schema.
    async fn forget(&self, index: usize, failed: &Arc<Reader>) {
        self.readers[index].lock().await.take_if(|kept| Arc::ptr_eq(kept, failed));
    }
}

/// A connection for reading.
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
