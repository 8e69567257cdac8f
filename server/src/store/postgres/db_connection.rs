//! A connection to a PostgreSQL host, with the checks that make its answers reliable: they come in
//! time, the host is still the primary, and every commit reached its standby. This module knows
//! no statement of the stores.

use super::PostgresSettings;
use super::fault::PostgresFault;
use super::hosts::{Host, HostState, Hosts};
use super::lineage::Lineage;
use crate::store::{StoreError, UsageLimits};
use futures_util::FutureExt as _;
use futures_util::future::join;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, Connection, SimpleQueryMessage};

const OLDEST_VERSION: u32 = 150_000;
/// How often to check a slow host.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// PostgreSQL's own time limits, in percent of a round trip. They end earlier than the program's
/// limit: PostgreSQL's message is more useful, and the connection survives.
// Decision: docs/decisions/storage.md#each-wait-for-postgresql-ends
const OF_ROUND_TRIP: [(&str, u128); 2] = [("statement_timeout", 90), ("lock_timeout", 80)];
/// Sets how a connection behaves, whatever the defaults of server, database and role. Also asks
/// whether the role is, or could become, one that row-level security does not bind.
///
/// Every search in a growing table has an index, and every list has one in its order. A plan made
/// while a table was small, or without statistics, must not later read the whole table, nor sort
/// all rows of a user (for which the planner would choose bitmaps). So a plan that reads a small
/// table counts as costly, and nothing should be compiled for it.
///
/// The timeouts end what would block others: an idle transaction is one whose client is
/// unreachable. A success means that the change is on disk, and on standbys if the server waits
/// for them; only `off` would promise neither.
const SET_UP: &str = "
    SET search_path = stagepass, pg_temp;
    SET statement_timeout = 0;
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '15s';
    SET default_transaction_isolation = 'read committed';
    SET row_security = on;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET jit = off;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT EXISTS (
            SELECT FROM pg_roles WHERE (rolsuper OR rolbypassrls)
                AND (pg_has_role(current_user, oid, 'MEMBER') OR pg_has_role(session_user, oid, 'MEMBER'))
        )::text, current_setting('server_version_num'), current_setting('fsync');";

/// The settings of each connection.
#[derive(Debug)]
pub(super) struct Terms {
    set_up: String,
    round_trip: Option<Duration>,
}

impl Terms {
    pub(super) fn new(settings: &PostgresSettings, limits: UsageLimits) -> Self {
        let mut set_up = SET_UP.to_owned() + &set_limits(limits);
        if let Some(limit) = settings.round_trip {
            let set = |(name, percent)| format!("SET {name} = {};", limit.as_millis() * percent / 100);
            set_up.extend(OF_ROUND_TRIP.map(set));
        }
        Self { set_up, round_trip: settings.round_trip }
    }
}

/// Passes the limits of owners to the schema's triggers.
fn set_limits(limits: UsageLimits) -> String {
    let set = |name, most: Option<i64>| {
        most.map_or_else(String::new, |most| format!("SET stagepass.{name}_limit = '{most}';"))
    };
    set("row", limits.most_rows()) + &set("byte", limits.most_bytes())
}

/// A connection to a host.
#[derive(Debug)]
pub(super) struct DbConnection {
    pub(super) client: Client,
    pub(super) watch: Watch,
}

impl DbConnection {
    /// Connects to a host that accepts writes.
    pub(super) async fn make(hosts: &Arc<Hosts>, host: Host, terms: &Terms) -> Result<Self, StoreError> {
        let made_at = Instant::now();
        let (client, connection) = host.config.connect(hosts.tls()).await.map_err(PostgresFault::from)?;
        let is_unconfirmed = Arc::new(AtomicBool::new(false));
        let open = Open::count(&host.state);
        tokio::spawn(drive(connection, open, Arc::clone(hosts), Arc::clone(&is_unconfirmed)));
        let (answers, lineage) = join(client.simple_query(&terms.set_up), Lineage::of(&client)).await;
        check_server(&answers.map_err(PostgresFault::from)?)?;
        let lineage = lineage.map_err(PostgresFault::from)?;
        let round_trip = terms.round_trip;
        let watch = Watch { hosts: Arc::clone(hosts), host, lineage, made_at, round_trip, is_unconfirmed };
        Ok(Self { client, watch })
    }

    pub(super) fn lineage(&self) -> Option<&Lineage> {
        self.watch.lineage.as_ref()
    }

    /// Whether the connection can be used again.
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed() && self.watch.is_reliable()
    }

    /// Waits for an answer up to the time limit of a round trip.
    pub(super) async fn answered<T>(
        &self,
        round_trip: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, PostgresFault> {
        self.watch.answered(round_trip).await
    }
}

/// Waits for answers of a connection and says whether they are reliable.
#[derive(Debug)]
pub(super) struct Watch {
    hosts: Arc<Hosts>,
    pub(super) host: Host,
    lineage: Option<Lineage>,
    made_at: Instant,
    round_trip: Option<Duration>,
    /// A commit did not wait for its standby.
    is_unconfirmed: Arc<AtomicBool>,
}

impl Watch {
    async fn answered<T>(
        &self,
        round_trip: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, PostgresFault> {
        let Some(limit) = self.round_trip else {
            return self.patiently(async { Ok(round_trip.await?) }).await;
        };
        match timeout(limit, round_trip).await {
            Ok(answer) => self.relied_on(answer?),
            Err(_) => Err(self.give_up(&format!("no answer within {} s", limit.as_secs_f32()))),
        }
    }

    /// Waits for work without a time limit, as long as the host answers others.
    pub(super) async fn patiently<T, E: From<PostgresFault>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let is_silent = async {
            loop {
                sleep(PROBE_INTERVAL).await;
                // Box this future: it is rare, and would enlarge the future of every operation.
                if !self.hosts.probe(&self.host).boxed().await {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            done = work => Ok(self.relied_on(done?)?),
            () = is_silent => Err(self.give_up("it no longer answers").into()),
        }
    }

    /// Marks the host as suspect, and says why.
    pub(super) fn give_up(&self, why: &str) -> PostgresFault {
        self.hosts.note_given_up(&self.host.state);
        PostgresFault::uncertain(why.to_owned()).of_host(&self.host.name)
    }

    /// Returns an answer if it is reliable. When the wait of a commit for its standby is cancelled,
    /// PostgreSQL reports success after only a warning; and a replaced primary answers as before.
    fn relied_on<T>(&self, answer: T) -> Result<T, PostgresFault> {
        if self.is_unconfirmed.load(Ordering::Acquire) {
            let text = "a commit did not wait for its standby, because the wait was cancelled";
            return Err(PostgresFault::uncertain(text.to_owned()).of_host(&self.host.name));
        }
        match self.hosts.newest().admit(self.lineage.as_ref()) {
            Ok(()) => Ok(answer),
            Err(fault) => Err(PostgresFault::uncertain(fault.to_string()).of_host(&self.host.name)),
        }
    }

    /// Whether nothing speaks against the host or the connection.
    fn is_reliable(&self) -> bool {
        !self.host.state.gave_up_since(self.made_at) && self.relied_on(()).is_ok()
    }
}

/// Counts a connection of a host until it closes.
struct Open(Arc<HostState>);

impl Open {
    fn count(host: &Arc<HostState>) -> Self {
        host.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(host))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends and receives until the client is gone and everything asked is answered.
async fn drive<S, T>(
    mut connection: Connection<S, T>,
    _open: Open,
    hosts: Arc<Hosts>,
    is_unconfirmed: Arc<AtomicBool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if is_of_cut_wait(&notice) => {
                // Set this before the answer that follows the notice is returned.
                is_unconfirmed.store(true, Ordering::Release);
            }
            #[cfg(test)]
            Ok(AsyncMessage::Notice(notice)) => super::testing::keep_plan(&notice),
            Ok(_) => {}
            Err(error) => {
                hosts.doubt();
                tracing::warn!(error = %PostgresFault::from(error), "lost a connection to PostgreSQL");
                return;
            }
        }
    }
}

/// Whether a commit stopped waiting for its standby. The message is in the server's language, and
/// all warnings share a code, but the position in the source is specific.
// Decision: docs/decisions/storage.md#a-commit-counts-only-if-it-waited-for-its-standby
fn is_of_cut_wait(notice: &DbError) -> bool {
    notice.routine() == Some("SyncRepWaitForLSN")
        || notice.file().is_some_and(|file| file.ends_with("syncrep.c"))
}

/// Refuses a server or role with which Stagepass can't keep its promises.
fn check_server(answers: &[SimpleQueryMessage]) -> Result<(), StoreError> {
    let row = answers.iter().rev().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let (privileged, version, fsync) =
        row.map(|row| (row.get(0), row.get(1), row.get(2))).unwrap_or_default();
    let version: u32 = version.and_then(|version| version.parse().ok()).unwrap_or_default();
    if version < OLDEST_VERSION {
        return Err(StoreError::TooOld { found: version / 10_000, oldest: OLDEST_VERSION / 10_000 });
    }
    if fsync != Some("on") {
        tracing::warn!("PostgreSQL runs with fsync=off: a crash of its machine can lose confirmed changes");
    }
    if privileged == Some("false") { Ok(()) } else { Err(StoreError::PrivilegedRole) }
}
