//! A connection to PostgreSQL with what belongs to it: statements that are
//! prepared once, and a chain of the audit log; and how connections are made.

mod chain;
mod known_heads;

use super::audit_log;
use super::fault::PostgresFault;
use super::url::PostgresUrl;
use crate::audit::{ChainKey, Entry, Head};
use crate::store::{Actor, StoreError, UsageLimits};
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use futures_util::future::{join, join_all, join3};
use known_heads::KnownHeads;
use std::collections::HashMap;
use std::fmt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

const OLDEST_VERSION: u32 = 150_000;
/// Says how a connection behaves, whatever defaults the server, the database
/// or the role have; and asks what must be known before it is used: whether the
/// role is, or could become, one that row-level security does not bind.
///
/// Whatever is looked for in a table that grows has an index: a plan that was
/// made while the table was small must not read all of it later. So a plan that
/// does read a small table counts as a costly one, for which nothing is to be
/// compiled.
///
/// The timeouts end what would hold up others: an idle transaction is one whose
/// client is out of reach. What is answered with success is on disk, and so on
/// standbys where the server waits for them; only `off` promises neither.
const SET_UP: &str = "
    SET search_path = stagepass, pg_temp;
    SET statement_timeout = '15s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '15s';
    SET default_transaction_isolation = 'read committed';
    SET row_security = on;
    SET enable_seqscan = off;
    SET jit = off;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT EXISTS (
            SELECT FROM pg_roles WHERE (rolsuper OR rolbypassrls)
                AND (pg_has_role(current_user, oid, 'MEMBER') OR pg_has_role(session_user, oid, 'MEMBER'))
        )::text, current_setting('server_version_num'), current_setting('fsync');";

/// Values for a statement's `$1`, `$2`, ….
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A statement with its values.
#[derive(Clone, Copy)]
pub(super) struct Step<'a>(pub(super) &'static str, pub(super) Parameters<'a>);

/// Whose rights a transaction has; row-level security holds it to them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Acting {
    /// On tables that hold no user's records.
    Nobody,
    User(Uuid),
    Service,
    /// Upkeep, and commands of the operator.
    Maintenance,
}

impl From<Actor> for Acting {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::User(id) => Self::User(id),
            Actor::Service => Self::Service,
        }
    }
}

/// What the policies compare with.
impl fmt::Display for Acting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => Ok(()),
            Self::User(id) => write!(f, "{id}"),
            Self::Service => f.write_str("service"),
            Self::Maintenance => f.write_str("maintenance"),
        }
    }
}

/// How a transaction sees what others change meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) enum View {
    /// Each statement sees what is committed by then.
    Latest,
    /// All statements see the same.
    Snapshot,
}

/// A connection.
pub(super) struct Session {
    client: Client,
    /// By their text, and whether they note what they do in the audit log.
    statements: HashMap<(&'static str, bool), Statement>,
    /// The chain that this connection holds.
    chain: Option<i64>,
    /// Where that chain ends, unless a transaction may have moved it.
    head: Option<Head>,
    /// Where this process has last seen each chain end.
    known: KnownHeads,
    /// Something failed here.
    is_spoiled: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Session {
    /// The driver's own connection, for migrations.
    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Runs the steps in a transaction, in one round trip, and gives the rows
    /// of each.
    ///
    /// All that is sent is sent at once, with the transaction's end. So a
    /// caller that goes away in the middle leaves no transaction open.
    pub(super) async fn run(
        &mut self,
        acting: Acting,
        view: View,
        steps: &[Step<'_>],
    ) -> Result<Vec<Vec<Row>>, PostgresFault> {
        let done = async {
            let mut prepared = Vec::with_capacity(steps.len());
            for step in steps {
                prepared.push((self.prepare(step, false).await?, step.1));
            }
            execute(&self.client, acting, view, &prepared).await
        };
        let done = done.await;
        self.judge(done)
    }

    /// The same, and appends `entry` to the audit log in that transaction where
    /// the step with the number `noted` gives a row.
    pub(super) async fn run_noting(
        &mut self,
        acting: Acting,
        (key, entry): (&ChainKey, Entry),
        steps: &[Step<'_>],
        noted: usize,
    ) -> Result<Vec<Vec<Row>>, PostgresFault> {
        let done = async {
            let head = self.take_head(key).await?;
            let (row, next) = head.append(key, entry);
            let macs = [&row.mac[..], &next.signature[..], &head.mac[..]];
            let mut noted_parameters = steps[noted].1.to_vec();
            noted_parameters.extend(audit_log::parameters(&row, &macs));
            let mut prepared = Vec::with_capacity(steps.len());
            for (index, step) in steps.iter().enumerate() {
                let parameters = if index == noted { &noted_parameters[..] } else { step.1 };
                prepared.push((self.prepare(step, index == noted).await?, parameters));
            }
            let rows = execute(&self.client, acting, View::Latest, &prepared).await?;
            match rows[noted].first() {
                Some(did) => self.go_on(key, next, audit_log::follows(did)?).await?,
                None => self.keep_head(head),
            }
            Ok(rows)
        };
        let done = done.await;
        self.judge(done)
    }

    /// Runs a step that does several things and gives the places, from 1, of
    /// those it did, and appends their entries to the audit log in that
    /// transaction. Gives these places.
    pub(super) async fn run_noting_each(
        &mut self,
        key: &ChainKey,
        step: &Step<'_>,
        entries: &[&Entry],
    ) -> Result<Vec<i64>, PostgresFault> {
        // What is noted is known only after the step: until the transaction has
        // ended, nobody else can use the connection.
        self.is_spoiled = true;
        let done = async {
            let last = self.take_head(key).await?;
            let prepared = self.prepare(step, false).await?;
            let append = self.prepare(&Step(audit_log::APPEND, &[]), false).await?;
            let begin = self.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED");
            let (begun, rows) = join(begin, self.client.query(&prepared, step.1)).await;
            begun?;
            let places = rows?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
            let noted = (1..).zip(entries).filter(|(place, _)| places.contains(place));
            let (rows, head) = last.append_all(key, noted.map(|(_, entry)| Entry::clone(entry)));
            let appending = audit_log::append(&self.client, &append, &last, (&rows, &head));
            let (follows, committed) = join(appending, self.client.batch_execute("COMMIT")).await;
            let follows = follows?;
            committed?;
            self.go_on(key, head, follows).await?;
            self.is_spoiled = false;
            Ok(places)
        };
        let done = done.await;
        self.judge(done)
    }

    /// Appends rows to the audit log.
    pub(super) async fn append(
        &mut self,
        key: &ChainKey,
        entries: impl Iterator<Item = Entry>,
    ) -> Result<(), PostgresFault> {
        let done = async {
            let last = self.take_head(key).await?;
            let (rows, head) = last.append_all(key, entries);
            let append = self.prepare(&Step(audit_log::APPEND, &[]), false).await?;
            let follows = audit_log::append(&self.client, &append, &last, (&rows, &head)).await?;
            self.go_on(key, head, follows).await
        };
        let done = done.await;
        self.judge(done)
    }

    async fn prepare(&mut self, step: &Step<'_>, is_noted: bool) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(&(step.0, is_noted)) {
            return Ok(statement.clone());
        }
        let statement = if is_noted {
            let sql = audit_log::noting(step.0, step.1.len());
            self.client.prepare(&sql).await?
        } else {
            self.client.prepare(step.0).await?
        };
        self.statements.insert((step.0, is_noted), statement.clone());
        Ok(statement)
    }

    /// A connection on which something failed is not used again, whatever it
    /// was: a new one finds the primary, its role's rights and the schema as
    /// they are now. A refusal is no failure.
    fn judge<T>(&mut self, done: Result<T, tokio_postgres::Error>) -> Result<T, PostgresFault> {
        done.map_err(|error| {
            let fault = PostgresFault::from(error);
            self.is_spoiled |= !fault.is_refusal();
            fault
        })
    }
}

/// Runs prepared statements in a transaction, in one round trip. One that
/// nobody's rights bear upon is a transaction by itself.
async fn execute(
    client: &Client,
    acting: Acting,
    view: View,
    prepared: &[(Statement, Parameters<'_>)],
) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
    if let (Acting::Nobody, [(statement, parameters)]) = (acting, prepared) {
        return Ok(vec![client.query(statement, parameters).await?]);
    }
    let isolation = match view {
        View::Latest => "READ COMMITTED",
        View::Snapshot => "REPEATABLE READ",
    };
    let begin = format!("BEGIN ISOLATION LEVEL {isolation}; SET LOCAL stagepass.actor = '{acting}'");
    // Each sends what it has when it is first polled, and they are polled in
    // this order.
    let steps = prepared.iter().map(|(statement, parameters)| client.query(statement, parameters));
    let (begun, rows, committed) =
        join3(client.batch_execute(&begin), join_all(steps), client.batch_execute("COMMIT")).await;
    // The first error is the true one: after it the transaction is void, and
    // its COMMIT, though answered, undoes it.
    begun?;
    let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
    committed?;
    Ok(rows)
}

/// Makes connections, and judges whether one can be used again.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    url: PostgresUrl,
    tls: Tls,
    limits: UsageLimits,
    known: KnownHeads,
}

/// How TLS is done; its `Debug` form would be all root certificates.
#[derive(Clone)]
struct Tls(MakeRustlsConnect);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Connector {
    pub(super) fn new(url: PostgresUrl, tls: MakeRustlsConnect, limits: UsageLimits) -> Self {
        Self { url, tls: Tls(tls), limits, known: KnownHeads::default() }
    }

    /// Makes a connection to a server that will do.
    pub(super) async fn connect(&self) -> Result<Client, StoreError> {
        let (client, connection) =
            self.url.config().connect(self.tls.0.clone()).await.map_err(PostgresFault::from)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = %PostgresFault::from(error), "lost a connection to PostgreSQL");
            }
        });
        let answers = client.simple_query(SET_UP).await.map_err(PostgresFault::from)?;
        check_server(&answers)?;
        client.batch_execute(&set_limits(self.limits)).await.map_err(PostgresFault::from)?;
        Ok(client)
    }
}

impl Manager for Connector {
    type Type = Session;
    type Error = StoreError;

    async fn create(&self) -> Result<Session, StoreError> {
        let client = self.connect().await?;
        Ok(Session {
            client,
            statements: HashMap::new(),
            chain: None,
            head: None,
            known: self.known.clone(),
            is_spoiled: false,
        })
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<StoreError> {
        if session.is_spoiled || session.client.is_closed() {
            return Err(RecycleError::message("the connection is spoiled or closed"));
        }
        Ok(())
    }
}

/// Tells the schema's triggers how much an owner may have.
fn set_limits(limits: UsageLimits) -> String {
    let set = |name, most: Option<i64>| {
        most.map_or_else(String::new, |most| format!("SET stagepass.{name}_limit = '{most}';"))
    };
    set("row", limits.most_rows()) + &set("byte", limits.most_bytes())
}

/// Refuses a server or role with which what is promised could not be kept.
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
        tracing::warn!("PostgreSQL runs with fsync=off: a crash of its machine can lose what was answered");
    }
    if privileged == Some("false") { Ok(()) } else { Err(StoreError::PrivilegedRole) }
}
