//! Bare statements in PostgreSQL, each committed separately, over one connection per caller.

use crate::load::{Caller, Timing, Workload, drive};
use crate::sample::Sample;
use anyhow::Result;
use stagepass_tests::services::postgres::{Database, connect};
use std::sync::Arc;
use tokio_postgres::{Client, Statement};

/// The first has a name for each record; the second is as wide as a row of the audit log.
const TABLES: &str = "
    CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);
    ALTER TABLE bare ALTER COLUMN text SET STORAGE EXTERNAL;
    CREATE TABLE audit_log (
        chain bigint NOT NULL, sequence bigint NOT NULL, at bigint NOT NULL, caller text NOT NULL,
        acting_for uuid, action text NOT NULL, record text, outcome text NOT NULL, mac bytea NOT NULL,
        PRIMARY KEY (chain, sequence)
    );
    CREATE SEQUENCE chains";
const INSERT: &str = "INSERT INTO bare (text) VALUES ($1)";
const SELECT: &str = "SELECT text FROM bare WHERE id = $1";
const AUDIT: &str = "INSERT INTO audit_log VALUES ($1, $2, 1795305600000, 'service:shared', NULL, 'reveal',
    'platform_connections/0199f0a3-5d3e-7000-8000-3f2a9c1e7b5d', 'ok', $3)";
/// As long as an HMAC with SHA-256.
const MAC: [u8; 32] = [0xA5; 32];

/// A database for bare statements, with some rows that hold the same text.
#[derive(Debug)]
pub(crate) struct Bare {
    database: Database,
    text: String,
    rows: i64,
}

impl Bare {
    /// A database with `rows` rows of `text`.
    pub(crate) async fn new(text: String, rows: usize) -> Result<Arc<Self>> {
        let database = Database::create().await?;
        let client = connect(&database.url()).await?;
        client.batch_execute(TABLES).await?;
        let insert = client.prepare(INSERT).await?;
        for _ in 0..rows {
            client.execute(&insert, &[&text]).await?;
        }
        Ok(Arc::new(Self { database, text, rows: rows.try_into()? }))
    }
}

/// An INSERT of the text.
pub(crate) struct Inserts(pub(crate) Arc<Bare>);

impl Workload for Inserts {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        drive(timing, async || {
            let mut inserters = Vec::new();
            for _ in 0..callers {
                let client = connect(&self.0.database.url()).await?;
                let insert = client.prepare(INSERT).await?;
                inserters.push(Inserter { client, insert, text: self.0.text.clone() });
            }
            Ok(inserters)
        })
    }
}

struct Inserter {
    client: Client,
    insert: Statement,
    text: String,
}

impl Caller for Inserter {
    async fn call(&mut self) -> Result<()> {
        Ok(self.client.execute(&self.insert, &[&self.text]).await.map(drop)?)
    }
}

/// A SELECT of the text, then an INSERT into the audit log.
pub(crate) struct AuditedSelects(pub(crate) Arc<Bare>);

impl Workload for AuditedSelects {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        drive(timing, async || {
            let mut readers = Vec::new();
            for _ in 0..callers {
                readers.push(AuditedReader::connect(&self.0).await?);
            }
            Ok(readers)
        })
    }
}

struct AuditedReader {
    client: Client,
    select: Statement,
    audit: Statement,
    rows: i64,
    /// Nobody else writes to this chain.
    chain: i64,
    count: i64,
}

impl AuditedReader {
    async fn connect(bare: &Bare) -> Result<Self> {
        let client = connect(&bare.database.url()).await?;
        let chain = client.query_one("SELECT nextval('chains')", &[]).await?.try_get(0)?;
        let (select, audit) = (client.prepare(SELECT).await?, client.prepare(AUDIT).await?);
        Ok(Self { client, select, audit, rows: bare.rows, chain, count: 0 })
    }
}

impl Caller for AuditedReader {
    async fn call(&mut self) -> Result<()> {
        let id = 1 + (self.chain + self.count) % self.rows;
        self.count += 1;
        self.client.query_one(&self.select, &[&id]).await?;
        Ok(self.client.execute(&self.audit, &[&self.chain, &self.count, &&MAC[..]]).await.map(drop)?)
    }
}
