//! Where this process has last seen each chain of the audit log end, from its start on. A
//! connection that takes a chain over so notices what was cut off it meanwhile.

use crate::audit::Head;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by all connections.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownHeads(Arc<Mutex<HashMap<i64, Chain>>>);

#[derive(Debug)]
enum Chain {
    EndsWith(Head),
    /// It was cut, and is appended to no more.
    Left,
}

impl KnownHeads {
    /// The last head of a chain, unless it is left or none was seen.
    pub(super) fn of(&self, chain: i64) -> Option<Head> {
        match self.lock().get(&chain) {
            Some(Chain::EndsWith(head)) => Some(head.clone()),
            _ => None,
        }
    }

    pub(super) fn is_left(&self, chain: i64) -> bool {
        matches!(self.lock().get(&chain), Some(Chain::Left))
    }

    pub(super) fn keep(&self, head: &Head) {
        self.lock().insert(head.chain, Chain::EndsWith(head.clone()));
    }

    pub(super) fn leave(&self, chain: i64) {
        self.lock().insert(chain, Chain::Left);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Chain>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
