//! Where this process last saw each chain of the audit log end, from its start on. So a connection
//! that takes over a chain notices whether rows were cut off meanwhile.

use crate::audit::Head;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by all connections.
// Decision: docs/decisions/keys-and-audit.md#after-a-cut-a-new-chain-begins
#[derive(Clone, Debug, Default)]
pub(super) struct KnownHeads(Arc<Mutex<HashMap<i64, Chain>>>);

#[derive(Debug)]
enum Chain {
    EndsWith(Head),
    /// The chain was cut, and nothing is appended to it any more.
    Left,
}

impl KnownHeads {
    /// The last head of a chain, unless the chain is abandoned or was never seen.
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
