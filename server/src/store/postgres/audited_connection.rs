//! A connection of the pool: its statements, which are prepared once, and the chain of the
//! audit log that it holds. It knows no statement of the stores.

mod chain;
mod known_heads;

use super::PostgresSettings;
use super::audit_log;
use super::db_connection::{DbConnection, Terms, Watch};
use super::fault::PostgresFault;
use super::hosts::Hosts;
use super::transaction::{Acting, Parameters, Step, View, execute};
use crate::audit::{ChainKey, Entry, Head};
use crate::store::{StoreError, UsageLimits};
use futures_util::FutureExt as _;
use futures_util::future::join;
use known_heads::KnownHeads;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tokio_postgres::{Client, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connection that can note what it does.
pub(super) struct AuditedConnection {
    db: DbConnection,
    /// By their text, and whether they note what they do in the audit log.
    statements: HashMap<(&'static str, bool), Statement>,
    /// The chain that this connection holds.
    chain: Option<i64>,
    /// Where that chain ends, unless a transaction may have moved it.
    head: Option<Head>,
    /// Where this process has last seen each chain end.
    known: KnownHeads,
    /// Something is under way here, failed, or was left half-way by a caller who went away.
    is_spoiled: bool,
}

impl fmt::Debug for AuditedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedConnection").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl AuditedConnection {
    /// The driver's own connection for work of its own length, such as migrations, and what
    /// waits for it. The connection is used again only after [`settle`](Self::settle).
    pub(super) fn parts(&mut self) -> (&mut Client, &Watch) {
        self.is_spoiled = true;
        (&mut self.db.client, &self.db.watch)
    }

    /// Nothing is under way here any more, and nothing failed.
    pub(super) fn settle(&mut self) {
        self.is_spoiled = false;
    }

    /// Whether somebody else can use it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_spoiled && self.db.is_usable()
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
        self.is_spoiled = true;
        let done = async {
            let mut prepared = Vec::with_capacity(steps.len());
            for step in steps {
                prepared.push((self.prepare(step, false).await?, step.1));
            }
            execute(&self.db, acting, view, &prepared).await
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
        self.is_spoiled = true;
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
            let rows = execute(&self.db, acting, View::Latest, &prepared).await?;
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
        self.is_spoiled = true;
        let done = async {
            let last = self.take_head(key).await?;
            let prepared = self.prepare(step, false).await?;
            let append = self.prepare(&Step(audit_log::APPEND, &[]), false).await?;
            let Self { db, .. } = &*self;
            let rows = db.answered(async {
                let begin = db.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED");
                let (begun, rows) = join(begin, db.client.query(&prepared, step.1)).await;
                begun.and(rows)
            });
            let places = rows.await?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
            let noted = (1..).zip(entries).filter(|(place, _)| places.contains(place));
            let (rows, head) = last.append_all(key, noted.map(|(_, entry)| Entry::clone(entry)));
            let follows = db.answered(async {
                let appending = audit_log::append(&db.client, &append, &last, (&rows, &head));
                let (follows, committed) = join(appending, db.client.batch_execute("COMMIT")).await;
                let follows = follows?;
                committed.map(|()| follows)
            });
            let follows = follows.await?;
            self.go_on(key, head, follows).await?;
            Ok(places)
        };
        let done = done.await;
        // A refusal as well leaves the transaction open.
        self.is_spoiled = done.is_err();
        done
    }

    /// Appends rows to the audit log.
    pub(super) async fn append(
        &mut self,
        key: &ChainKey,
        entries: impl Iterator<Item = Entry>,
    ) -> Result<(), PostgresFault> {
        self.is_spoiled = true;
        let done = async {
            let last = self.take_head(key).await?;
            let (rows, head) = last.append_all(key, entries);
            let append = self.prepare(&Step(audit_log::APPEND, &[]), false).await?;
            let appending = audit_log::append(&self.db.client, &append, &last, (&rows, &head));
            let follows = self.db.answered(appending).await?;
            self.go_on(key, head, follows).await
        };
        let done = done.await;
        self.judge(done)
    }

    async fn prepare(&mut self, step: &Step<'_>, is_noted: bool) -> Result<Statement, PostgresFault> {
        if let Some(statement) = self.statements.get(&(step.0, is_noted)) {
            return Ok(statement.clone());
        }
        let noting = is_noted.then(|| audit_log::noting(step.0, step.1.len()));
        let preparing = self.db.client.prepare(noting.as_deref().unwrap_or(step.0));
        let statement = self.db.answered(preparing).await?;
        self.statements.insert((step.0, is_noted), statement.clone());
        Ok(statement)
    }

    /// A connection on which something failed is not used again, whatever it
    /// was: a new one finds the primary, its role's rights and the schema as
    /// they are now. A refusal is no failure.
    fn judge<T>(&mut self, done: Result<T, PostgresFault>) -> Result<T, PostgresFault> {
        self.is_spoiled = done.as_ref().is_err_and(|fault| !fault.is_refusal());
        done
    }
}

/// Makes connections for the pool and for those that read.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    hosts: Arc<Hosts>,
    terms: Arc<Terms>,
    known: KnownHeads,
}

impl Connector {
    pub(super) fn new(settings: &PostgresSettings, tls: MakeRustlsConnect, limits: UsageLimits) -> Self {
        let hosts = Arc::new(Hosts::new(settings, tls));
        Self { hosts, terms: Arc::new(Terms::new(settings, limits)), known: KnownHeads::default() }
    }

    /// Makes a connection to a server that will do.
    pub(super) async fn connect(&self) -> Result<DbConnection, StoreError> {
        // In a box: it is seldom, and would make each operation's future large.
        self.hosts.connect(&self.terms).boxed().await
    }

    /// The same with what belongs to one of the pool.
    pub(super) async fn connect_audited(&self) -> Result<AuditedConnection, StoreError> {
        Ok(AuditedConnection {
            db: self.connect().await?,
            statements: HashMap::new(),
            chain: None,
            head: None,
            known: self.known.clone(),
            is_spoiled: false,
        })
    }
}
