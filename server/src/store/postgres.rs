//! The PostgreSQL store, which several servers can share: a pool of connections, each with its own
//! chain of the audit log, so that writers don't wait for one another.
//!
//! An operation is one transaction and, once its statements are prepared, one round trip. When it
//! reads or changes users' records it names the actor, and row-level security enforces that actor's
//! rights even if a statement forgets them.
//!
//! Frequent operations are combined. Reveals by services are read over connections that only read
//! as a service; waiting rows of the audit log are appended together; and waiting sessions are
//! stored together.

mod app_credentials;
mod appender;
mod audit_log;
mod audited_connection;
mod capture_requests;
mod connecting;
mod connections;
mod db_connection;
mod download_credentials;
mod fault;
mod gatherer;
mod hosts;
mod keys;
mod lineage;
mod login_attempts;
mod migrations;
mod pool;
mod refresh_tokens;
mod row;
mod sealed;
mod service_readers;
mod service_tokens;
mod sessions;
mod settings;
mod signed_rows;
mod transaction;
mod upkeep;
mod url;
mod usage;
mod users;
mod vault;

pub(crate) use fault::PostgresFault;
pub(crate) use settings::PostgresSettings;
pub(crate) use url::PostgresUrl;

use crate::audit::{ChainKey, Entry};
use crate::store::row_signer::{Kept, RowSigner, SignedRow};
use crate::store::{Found, IfMissing, Page, StoreError, UsageLimits};
use appender::Appender;
use audited_connection::Connector;
use pool::{Pool, Pooled};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt as _;
use service_readers::ServiceReaders;
use sessions::SessionPuts;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use tokio_postgres_rustls::MakeRustlsConnect;
use transaction::{Acting, Parameters, Step, View};
use uuid::Uuid;

/// The most connections that only read as a service, limited also by the number of processors and a
/// quarter of all connections.
const MAX_READERS: usize = 4;
/// How long a start waits until one of several hosts accepts writes, and how often it asks.
const PROMOTION: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(1);
/// Runs before each change of an owner's records, so that these changes follow one another; see the
/// migration with the function.
const LOCK_OWNER: &str = "SELECT lock_owner($1)";

/// A PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: Pool,
    service_readers: ServiceReaders,
    appender: Appender,
    session_puts: SessionPuts,
    /// Signs rows and chains the audit log.
    signer: OnceLock<Arc<RowSigner>>,
}

impl Postgres {
    /// Connects and updates the schema.
    pub(crate) async fn open(
        settings: &PostgresSettings,
        if_missing: IfMissing,
        limits: UsageLimits,
    ) -> Result<Self, StoreError> {
        let url = &settings.url;
        if url.is_exposed() {
            tracing::warn!(database = %url, "traffic to PostgreSQL can be read on the network; use sslmode=require");
        }
        let connector = Connector::new(settings, tls()?, limits);
        let processors = available_parallelism().map_or(1, usize::from);
        let readers = (settings.connections / 4).clamp(1, processors.min(MAX_READERS));
        let pool = Pool::new(connector.clone(), settings.connections.saturating_sub(readers).max(1));
        let store = Self {
            service_readers: ServiceReaders::new(connector, pool.clone(), readers),
            appender: appender::start(pool.clone()),
            session_puts: sessions::start(pool.clone()),
            pool,
            signer: OnceLock::new(),
        };
        let mut connection = store.first_connection(url.hosts().len() > 1).await?;
        migrations::apply(&mut connection, if_missing).await?;
        connection.remember_heads().await?;
        drop(connection);
        Ok(store)
    }

    /// Opens the first connection. If there are several hosts, one may be about to become the
    /// primary: waits for it.
    async fn first_connection(&self, are_several: bool) -> Result<Pooled, StoreError> {
        let begun = Instant::now();
        loop {
            match self.pool.get().await {
                Err(StoreError::Postgres(fault))
                    if are_several && fault.may_pass() && begun.elapsed() < PROMOTION =>
                {
                    tracing::warn!(%fault, "no PostgreSQL host can be used yet; trying again");
                    tokio::time::sleep(RETRY).await;
                }
                got => return got,
            }
        }
    }

    fn signer(&self) -> Result<Arc<RowSigner>, StoreError> {
        self.signer.get().cloned().ok_or(StoreError::NoAuditKey)
    }

    fn chain_key(&self) -> Result<Arc<ChainKey>, StoreError> {
        Ok(Arc::clone(self.signer()?.key()))
    }

    /// The genuine rows among rows that grant rights; reports broken ones.
    async fn genuine<R: SignedRow>(&self, kept: Vec<Kept<R>>) -> Result<Vec<R>, StoreError> {
        let signer = self.signer()?;
        let genuine = kept.into_iter().filter_map(|kept| signer.check(kept)).collect();
        signer.report_broken(self).await?;
        Ok(genuine)
    }

    /// The row if it is genuine; reports it otherwise.
    async fn genuine_one<R: SignedRow>(&self, kept: Option<Kept<R>>) -> Result<Option<R>, StoreError> {
        Ok(self.genuine(kept.into_iter().collect()).await?.pop())
    }

    /// Runs steps that change nothing, again if the connection is lost. Returns the rows of the
    /// last step.
    async fn read(&self, acting: Acting, steps: &[Step<'_>]) -> Result<Vec<Row>, StoreError> {
        Ok(last(self.read_all(acting, View::Latest, steps).await?))
    }

    async fn read_all(
        &self,
        acting: Acting,
        view: View,
        steps: &[Step<'_>],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        // Return one connection before taking another.
        let done = self.pool.get().await?.run(acting, view, steps).await;
        match done {
            Err(fault) if fault.is_lost() => Ok(self.pool.get().await?.run(acting, view, steps).await?),
            done => Ok(done?),
        }
    }

    /// A page of the user's rows from `select`, and their total number from `count`, both at the
    /// same moment.
    async fn read_page<T>(
        &self,
        user_id: Uuid,
        (count, select): (Step<'_>, Step<'_>),
        read_row: fn(&Row) -> Result<T, StoreError>,
    ) -> Result<(Vec<T>, u64), StoreError> {
        let rows = self.read_all(Acting::User(user_id), View::Snapshot, &[count, select]).await?;
        let total: i64 = rows[0][0].try_get(0)?;
        Ok((row::all(&rows[1], read_row)?, total.unsigned_abs()))
    }

    /// Runs steps in one transaction; of all changes to a user's records only one runs at a time.
    /// The steps are never repeated: the transaction of a lost connection may have happened.
    /// Returns the rows of the last step.
    async fn write(&self, acting: Acting, steps: &[Step<'_>]) -> Result<Vec<Row>, StoreError> {
        Ok(last(self.write_all(acting, steps).await?))
    }

    async fn write_all(&self, acting: Acting, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        let Acting::User(owner_id) = acting else {
            return Ok(self.pool.get().await?.run(acting, View::Latest, steps).await?);
        };
        let owner: Parameters<'_> = &[&owner_id];
        let steps = [&[Step(LOCK_OWNER, owner)], steps].concat();
        let mut rows = self.pool.get().await?.run(acting, View::Latest, &steps).await?;
        rows.remove(0);
        Ok(rows)
    }

    /// The same, and appends `entry` to the audit log if the step number `audited` returns a row.
    /// Returns the rows of all steps.
    async fn write_audited(
        &self,
        acting: Acting,
        entry: Entry,
        steps: &[Step<'_>],
        audited: usize,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let key = self.chain_key()?;
        let Acting::User(owner_id) = acting else {
            return Ok(self.pool.get().await?.run_audited(acting, (&key, entry), steps, audited).await?);
        };
        let owner: Parameters<'_> = &[&owner_id];
        let steps = [&[Step(LOCK_OWNER, owner)], steps].concat();
        let mut rows = self.pool.get().await?.run_audited(acting, (&key, entry), &steps, audited + 1).await?;
        rows.remove(0);
        Ok(rows)
    }

    /// The result of a search for the user's own record that returned `rows`.
    async fn found(
        &self,
        rows: &[Row],
        table: &str,
        id: Uuid,
        user_id: Uuid,
    ) -> Result<Found<()>, StoreError> {
        if rows.is_empty() { self.absent(table, id, user_id).await } else { Ok(Found::Own(())) }
    }

    /// The result for a record that is not the user's own: another user's, or none.
    async fn absent<T>(&self, table: &str, id: Uuid, user_id: Uuid) -> Result<Found<T>, StoreError> {
        const OWNER: &str = "SELECT record_owner($1, $2)";
        let rows = self.read(Acting::Nobody, &[Step(OWNER, &[&table, &id])]).await?;
        let owner: Option<Uuid> = row::optional(&rows, |found| Ok(found.try_get(0)?))?.flatten();
        Ok(if owner.is_some_and(|owner| owner != user_id) { Found::Foreign } else { Found::Nothing })
    }
}

fn last(mut rows: Vec<Vec<Row>>) -> Vec<Row> {
    rows.pop().unwrap_or_default()
}

/// `LIMIT` and `OFFSET` of a page.
fn bounds(page: Page) -> (i64, i64) {
    (page.size.into(), page.offset().try_into().unwrap_or(i64::MAX))
}

/// TLS with the operating system's trusted certificates.
fn tls() -> Result<MakeRustlsConnect, StoreError> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_platform_verifier())
        .map_err(|error| StoreError::Tls(error.to_string()))?;
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
