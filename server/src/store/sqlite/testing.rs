//! What the statements do that are run in a database, watched.

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, StatementStatus};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A statement that was run.
#[derive(Debug)]
pub(in crate::store) struct Run {
    pub(in crate::store) statement: String,
    /// Of SQLite's machine, those of triggers and references included.
    pub(in crate::store) steps: u64,
    /// How often its plan was made anew, since the values that were bound could change it.
    pub(in crate::store) plans: u64,
}

static RUNS: Mutex<Option<HashMap<PathBuf, Vec<Run>>>> = Mutex::new(None);

fn runs() -> MutexGuard<'static, Option<HashMap<PathBuf, Vec<Run>>>> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A database that is watched from its next opening on.
#[derive(Debug)]
pub(in crate::store) struct Watch(PathBuf);

impl Watch {
    pub(in crate::store) fn of(path: &Path) -> Self {
        runs().get_or_insert_default().insert(path.to_owned(), Vec::new());
        Self(path.to_owned())
    }

    /// What was run since the last time.
    pub(in crate::store) fn take(&self) -> Vec<Run> {
        runs().get_or_insert_default().insert(self.0.clone(), Vec::new()).unwrap_or_default()
    }
}

/// Watches a connection, if somebody watches the database.
pub(super) fn watch(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    if !runs().as_ref().is_some_and(|runs| runs.contains_key(path)) {
        return Ok(());
    }
    let path = path.to_owned();
    // A statement that is kept counts on from one run to the next.
    let mut counted: HashMap<String, [i32; 3]> = HashMap::new();
    let note = move |event: TraceEvent<'_>| {
        let TraceEvent::Profile(statement, _) = event else { return };
        let sql = statement.sql().into_owned();
        let count = [StatementStatus::Run, StatementStatus::VmStep, StatementStatus::RePrepare]
            .map(|status| statement.get_status(status));
        let before = counted.insert(sql.clone(), count).filter(|before| before[0] < count[0]);
        let [_, steps, plans] = std::array::from_fn(|of| {
            (count[of] - before.map_or(0, |before| before[of])).unsigned_abs().into()
        });
        let run = Run { statement: sql, steps, plans };
        if let Some(runs) = runs().as_mut().and_then(|runs| runs.get_mut(&path)) {
            runs.push(run);
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(note))
}
