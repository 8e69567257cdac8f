//! A pooled connection: its prepared statements, and the chain of the audit log that it holds. It
//! knows no statement of the stores.

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

/// A connection that can write to the audit log.
pub(super) struct AuditedConnection {
    db: DbConnection,
    /// The prepared statements by their text, and whether they also append to the audit log.
    statements: HashMap<(&'static str, bool), Statement>,
    /// The chain that this connection holds.
    chain: Option<i64>,
    /// Where that chain ends, unless a transaction may have moved it.
    head: Option<Head>,
    /// Where this process last saw each chain end.
    known: KnownHeads,
    /// Work here is running, has failed, or was abandoned halfway by its caller.
    is_spoiled: bool,
}

impl fmt::Debug for AuditedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedConnection").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl AuditedConnection {
    /// The driver's connection and its watch, for work without a time limit such as migrations. The
    /// connection can be reused only after [`settle`](Self::settle).
    pub(super) fn parts(&mut self) -> (&mut Client, &Watch) {
        self.is_spoiled = true;
        (&mut self.db.client, &self.db.watch)
    }

    /// All work here has ended without a failure.
    pub(super) fn settle(&mut self) {
        self.is_spoiled = false;
    }

    /// Whether another caller can use it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_spoiled && self.db.is_usable()
    }

    /// Runs the steps in a transaction, in one round trip, and returns the rows of each.
    ///
    /// Everything is sent at once, including the end of the transaction. So a caller that gives up
    /// halfway leaves no transaction open.
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
        self.spoil_on_failure(done)
    }

    /// The same, and appends `entry` to the audit log in that transaction if the step number
    /// `audited` returns a row.
    pub(super) async fn run_audited(
        &mut self,
        acting: Acting,
        (key, entry): (&ChainKey, Entry),
        steps: &[Step<'_>],
        audited: usize,
    ) -> Result<Vec<Vec<Row>>, PostgresFault> {
        self.is_spoiled = true;
        let done = async {
            let head = self.take_head(key).await?;
            let (row, next) = head.append(key, entry);
            let macs = [&row.mac[..], &next.signature[..], &head.mac[..]];
            let mut audited_parameters = steps[audited].1.to_vec();
            audited_parameters.extend(audit_log::parameters(&row, &macs));
            let mut prepared = Vec::with_capacity(steps.len());
            for (index, step) in steps.iter().enumerate() {
                let parameters = if index == audited { &audited_parameters[..] } else { step.1 };
                prepared.push((self.prepare(step, index == audited).await?, parameters));
            }
            let rows = execute(&self.db, acting, View::Latest, &prepared).await?;
            match rows[audited].first() {
                Some(did) => self.advance_head(key, next, audit_log::follows(did)?).await?,
                None => self.keep_head(head),
            }
            Ok(rows)
        };
        let done = done.await;
        self.spoil_on_failure(done)
    }

    /// Runs a step that stores several records and returns the positions (from 1) of those that it
    /// stored. Appends their entries to the audit log in the same transaction, and returns the
    /// positions.
    pub(super) async fn run_audited_each(
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
            let positions = rows.await?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
            let stored = (1..).zip(entries).filter(|(position, _)| positions.contains(position));
            let (rows, head) = last.append_all(key, stored.map(|(_, entry)| Entry::clone(entry)));
            let follows = db.answered(async {
                let appending = audit_log::append(&db.client, &append, &last, (&rows, &head));
                let (follows, committed) = join(appending, db.client.batch_execute("COMMIT")).await;
                let follows = follows?;
                committed.map(|()| follows)
            });
            let follows = follows.await?;
            self.advance_head(key, head, follows).await?;
            Ok(positions)
        };
        let done = done.await;
        // A refusal leaves the transaction open too.
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
            self.advance_head(key, head, follows).await
        };
        let done = done.await;
        self.spoil_on_failure(done)
    }

    async fn prepare(&mut self, step: &Step<'_>, is_audited: bool) -> Result<Statement, PostgresFault> {
        if let Some(statement) = self.statements.get(&(step.0, is_audited)) {
            return Ok(statement.clone());
        }
        let audited = is_audited.then(|| audit_log::audited(step.0, step.1.len()));
        let preparing = self.db.client.prepare(audited.as_deref().unwrap_or(step.0));
        let statement = self.db.answered(preparing).await?;
        self.statements.insert((step.0, is_audited), statement.clone());
        Ok(statement)
    }

    /// A connection on which something failed is not reused: a new one finds the current primary,
    /// role rights and schema. A refusal is not a failure.
    fn spoil_on_failure<T>(&mut self, done: Result<T, PostgresFault>) -> Result<T, PostgresFault> {
        self.is_spoiled = done.as_ref().is_err_and(|fault| !fault.is_refusal());
        done
    }
}

/// Opens connections for the pool and for the service readers.
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

    /// Connects to a suitable server.
    pub(super) async fn connect(&self) -> Result<DbConnection, StoreError> {
        // Boxed: it is rare, and would enlarge the future of every operation.
        self.hosts.connect(&self.terms).boxed().await
    }

    /// The same, with the state of a pooled connection.
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
