//! A bare INSERT in SQLite, each in its own transaction.

use crate::load::{Caller, Timing, Workload, drive};
use crate::sample::Sample;
use anyhow::{Result, ensure};
use rusqlite::Connection;
use tempfile::TempDir;

/// Inserts the same text again and again.
#[derive(Debug)]
pub(crate) struct Inserts {
    text: String,
    directory: TempDir,
}

impl Inserts {
    /// Inserts `text` into a new database, in the same place as the servers' own databases.
    pub(crate) fn new(text: String) -> Result<Self> {
        let inserts = Self { text, directory: tempfile::tempdir()? };
        inserts
            .open()?
            .execute_batch("CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")?;
        Ok(inserts)
    }

    fn open(&self) -> Result<Connection> {
        let database = Connection::open(self.directory.path().join("bare.db"))?;
        database.pragma_update(None, "journal_mode", "wal")?;
        database.pragma_update(None, "synchronous", "full")?;
        Ok(database)
    }
}

impl Workload for Inserts {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        // SQLite has one writer at a time: more would only block each other.
        ensure!(callers == 1, "one connection writes");
        let inserter = Inserter { database: self.open()?, text: self.text.clone() };
        drive(timing, async || Ok(vec![inserter]))
    }
}

struct Inserter {
    database: Connection,
    text: String,
}

impl Caller for Inserter {
    async fn call(&mut self) -> Result<()> {
        let mut insert = self.database.prepare_cached("INSERT INTO bare (text) VALUES (?1)")?;
        Ok(insert.execute([&self.text]).map(drop)?)
    }
}
