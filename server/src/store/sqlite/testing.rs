//! Watches the statements that run in a database.

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection as DbConnection, StatementStatus};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A statement that ran.
#[derive(Debug)]
pub(in crate::store) struct Run {
    pub(in crate::store) statement: String,
    /// The steps of SQLite's virtual machine, including triggers and references.
    pub(in crate::store) steps: u64,
    /// How often SQLite planned the statement again because bound values could change the plan.
    pub(in crate::store) plans: u64,
}

static RUNS: Mutex<Option<HashMap<PathBuf, Vec<Run>>>> = Mutex::new(None);

fn runs() -> MutexGuard<'static, Option<HashMap<PathBuf, Vec<Run>>>> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A database whose statements are watched from its next opening on.
#[derive(Debug)]
pub(in crate::store) struct Watch(PathBuf);

impl Watch {
    pub(in crate::store) fn of(path: &Path) -> Self {
        runs().get_or_insert_default().insert(path.to_owned(), Vec::new());
        Self(path.to_owned())
    }

    /// The statements that ran since the last call.
    pub(in crate::store) fn take(&self) -> Vec<Run> {
        runs().get_or_insert_default().insert(self.0.clone(), Vec::new()).unwrap_or_default()
    }
}

/// Watches a connection if a test watches the database.
pub(super) fn watch(connection: &mut DbConnection, path: &Path) -> rusqlite::Result<()> {
    if !runs().as_ref().is_some_and(|runs| runs.contains_key(path)) {
        return Ok(());
    }
    let path = path.to_owned();
    // A cached statement keeps its counters from one run to the next.
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
