//! The PostgreSQL store, which several servers share: a pool of connections,
//! each of which holds a chain of the audit log of its own, so that nobody
//! waits for another to write into it.
//!
//! An operation is one transaction and, once its statements are prepared, one
//! round trip. Where it reads or changes users' records it says who acts, and
//! row-level security holds it to that, whatever a statement forgets.
//!
//! What many ask for at the same time goes another way. What services have
//! revealed is read over connections that only ever read as a service, and the
//! rows of the audit log that wait are appended together. Sessions that wait are
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

/// The most connections that only read as a service; there are no more than processors
/// for them, and they are a quarter of all at most.
const MAX_READERS: usize = 4;
/// How long a start waits for one of several hosts to take writes, and how often it asks.
const PROMOTION: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(1);
/// Goes before each change of an owner's records, which then follow one another; see the
/// migration that makes the function.
const LOCK_OWNER: &str = "SELECT lock_owner($1)";

/// A PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: Pool,
    service_readers: ServiceReaders,
    appender: Appender,
    session_puts: SessionPuts,
    /// What rows are signed with, and the audit log is chained with.
    signer: OnceLock<Arc<RowSigner>>,
}

impl Postgres {
    /// Connects, and brings the schema up to date.
    pub(crate) async fn open(
        settings: &PostgresSettings,
        if_missing: IfMissing,
        limits: UsageLimits,
    ) -> Result<Self, StoreError> {
        let url = &settings.url;
        if url.is_exposed() {
            tracing::warn!(database = %url, "what is sent to PostgreSQL can be read on the network: use sslmode=require");
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

    /// Of several hosts one may be about to be the primary: that is waited for.
    async fn first_connection(&self, are_several: bool) -> Result<Pooled, StoreError> {
        let begun = Instant::now();
        loop {
            match self.pool.get().await {
                Err(StoreError::Postgres(fault))
                    if are_several && fault.may_pass() && begun.elapsed() < PROMOTION =>
                {
                    tracing::warn!(%fault, "no host of PostgreSQL can be used yet; trying again");
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

    /// Rows that grant rights, but for those that are broken, which are told of.
    async fn genuine<R: SignedRow>(&self, kept: Vec<Kept<R>>) -> Result<Vec<R>, StoreError> {
        let signer = self.signer()?;
        let genuine = kept.into_iter().filter_map(|kept| signer.check(kept)).collect();
        signer.report_broken(self).await?;
        Ok(genuine)
    }

    /// The same for one that there may be.
    async fn genuine_one<R: SignedRow>(&self, kept: Option<Kept<R>>) -> Result<Option<R>, StoreError> {
        Ok(self.genuine(kept.into_iter().collect()).await?.pop())
    }

    /// Runs steps that change nothing, once more where the connection is lost.
    /// Gives the rows of the last.
    async fn read(&self, acting: Acting, steps: &[Step<'_>]) -> Result<Vec<Row>, StoreError> {
        Ok(last(self.read_all(acting, View::Latest, steps).await?))
    }

    async fn read_all(
        &self,
        acting: Acting,
        view: View,
        steps: &[Step<'_>],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        // One connection is given back before another is asked for.
        let done = self.pool.get().await?.run(acting, view, steps).await;
        match done {
            Err(fault) if fault.is_lost() => Ok(self.pool.get().await?.run(acting, view, steps).await?),
            done => Ok(done?),
        }
    }

    /// A page of the user's rows, as `select` gives them, and how many there
    /// are, as `count` says, both at one moment.
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

    /// Runs steps in one transaction, a user's alone among all that change the user's
    /// records. Never twice: where the connection is lost, it may have happened. Gives
    /// the rows of the last.
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

    /// The same, with `entry` appended to the audit log where the step with the
    /// number `noted` gives a row. Gives the rows of all.
    async fn write_noting(
        &self,
        acting: Acting,
        entry: Entry,
        steps: &[Step<'_>],
        noted: usize,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let key = self.chain_key()?;
        let Acting::User(owner_id) = acting else {
            return Ok(self.pool.get().await?.run_noting(acting, (&key, entry), steps, noted).await?);
        };
        let owner: Parameters<'_> = &[&owner_id];
        let steps = [&[Step(LOCK_OWNER, owner)], steps].concat();
        let mut rows = self.pool.get().await?.run_noting(acting, (&key, entry), &steps, noted + 1).await?;
        rows.remove(0);
        Ok(rows)
    }

    /// What became of a search for the user's own record that gave `rows`.
    async fn found(
        &self,
        rows: &[Row],
        table: &str,
        id: Uuid,
        user_id: Uuid,
    ) -> Result<Found<()>, StoreError> {
        if rows.is_empty() { self.absent(table, id, user_id).await } else { Ok(Found::Own(())) }
    }

    /// Whether a record that is not the user's own is somebody else's.
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

/// TLS that trusts what the operating system does.
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
