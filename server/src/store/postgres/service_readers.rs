//! Connections that only read, and only as a service. What many callers ask for
//! at the same time goes over one of them together, so that PostgreSQL is woken
//! once for all of them.

use super::session::{Connector, Step};
use super::{CONNECT_TIMEOUT, PostgresFault, connections, download_credentials, sessions, users};
use crate::store::StoreError;
use futures_util::future::try_join_all;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::{Client, Row, Statement};

/// The most connections; there are no more than processors for them.
const MAX_READERS: usize = 4;
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
    readers: Vec<Mutex<Option<Arc<Reader>>>>,
    next: AtomicUsize,
}

impl ServiceReaders {
    pub(super) fn new(connector: Connector) -> Self {
        let count = available_parallelism().map_or(1, |count| count.get().min(MAX_READERS));
        Self { connector, readers: (0..count).map(|_| Mutex::default()).collect(), next: AtomicUsize::new(0) }
    }

    /// Runs statements of the listed ones at the same time, once more where the
    /// connection is lost. Gives the rows of each.
    pub(super) async fn read(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        let reader = self.reader(place).await?;
        match reader.read(steps).await {
            Err(fault) => {
                self.forget(place, &reader).await;
                if !fault.is_lost() {
                    return Err(fault.into());
                }
                Ok(self.reader(place).await?.read(steps).await?)
            }
            read => Ok(read?),
        }
    }

    /// Waits no longer than making a connection may take, be it for another
    /// caller who makes one.
    async fn reader(&self, place: usize) -> Result<Arc<Reader>, StoreError> {
        let reader = async {
            let mut kept = self.readers[place].lock().await;
            if let Some(reader) = kept.as_ref().filter(|reader| !reader.client.is_closed()) {
                return Ok(Arc::clone(reader));
            }
            let reader = Reader::connect(&self.connector).await?;
            Ok(Arc::clone(kept.insert(Arc::new(reader))))
        };
        timeout(CONNECT_TIMEOUT, reader).await.map_err(|_| StoreError::Busy)?
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
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Reader {
    async fn connect(connector: &Connector) -> Result<Self, StoreError> {
        let client = connector.connect().await?;
        let prepared = async {
            client.batch_execute(SET_UP).await?;
            let statements = try_join_all(STATEMENTS.map(|sql| client.prepare(sql))).await?;
            Ok(STATEMENTS.into_iter().zip(statements).collect())
        };
        let statements = prepared.await.map_err(|error: tokio_postgres::Error| PostgresFault::from(error))?;
        Ok(Self { client, statements })
    }

    async fn read(&self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, PostgresFault> {
        let reads =
            steps.iter().map(|Step(sql, parameters)| self.client.query(&self.statements[sql], parameters));
        Ok(try_join_all(reads).await?)
    }
}
