//! Removes the oldest rows of the audit log to limit its size.
//!
//! Each chain loses its rows before the first one that is young enough to keep. Each row is
//! verified before its removal: a changed one stays, as evidence. Rows are removed a few at a time,
//! together with the move of the signed anchor that replaces them. So writers don't wait long, and
//! an interrupted run leaves a log that verifies. Several servers can do this at once: an anchor
//! moves only if it is unchanged.

use crate::audit::{Anchor, Caller, ChainKey, Entry, Removable};
use crate::clock::{now_ms, render_ms};
use crate::store::{Database, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// Rows removed at a time.
const BATCH: u32 = 500;
/// The action in the audit log.
const ACTION: &str = "audit prune";

/// The result of a removal.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    pub(crate) rows: u64,
    /// Why other rows stayed, in words.
    pub(crate) faults: Vec<String>,
}

/// Removes all rows older than `cutoff`, in milliseconds since the Unix epoch, and reports the
/// number after each batch. The audit log gets a row before the first removal and one at the end.
pub(crate) async fn prune(
    database: &dyn Database,
    key: &ChainKey,
    caller: &Caller,
    cutoff: i64,
    mut tell: impl FnMut(u64) + Send,
) -> Result<Pruned, StoreError> {
    let entry = Entry::new(caller, ACTION);
    let mut pruning = Pruning { database, key, cutoff, entry, is_noted: false, done: Pruned::default() };
    let heads = database.audit_heads().await?;
    let mut anchors = by_chain(database.audit_anchors().await?);
    let chains: BTreeSet<_> = heads.iter().map(|head| head.chain).chain(anchors.keys().copied()).collect();
    for chain in chains {
        let anchor = anchors.remove(&chain).unwrap_or_else(|| Anchor::beginning(key, chain));
        pruning.chain(anchor, &mut tell).await?;
    }
    let Pruning { entry, done, .. } = pruning;
    if done.rows > 0 {
        let Pruned { rows, faults } = &done;
        let kept = faults.first().map(|fault| format!("; not all: {fault}")).unwrap_or_default();
        let outcome = format!("ok: {rows} rows removed{kept}");
        database.append(Entry { at: now_ms(), ..entry.with_outcome(outcome) }).await?;
    }
    Ok(done)
}

fn by_chain(anchors: Vec<Anchor>) -> BTreeMap<i64, Anchor> {
    anchors.into_iter().map(|anchor| (anchor.chain, anchor)).collect()
}

struct Pruning<'a> {
    database: &'a dyn Database,
    key: &'a ChainKey,
    cutoff: i64,
    entry: Entry,
    /// Whether the audit log has the row about the start.
    is_noted: bool,
    done: Pruned,
}

impl Pruning<'_> {
    /// Removes the rows of a chain after its anchor.
    async fn chain(
        &mut self,
        mut anchor: Anchor,
        tell: &mut (impl FnMut(u64) + Send),
    ) -> Result<(), StoreError> {
        let chain = anchor.chain;
        if !anchor.is_genuine(self.key) {
            self.done.faults.push(format!("chain {chain}: its anchor was changed"));
            return Ok(());
        }
        // Usually the first row is too young, and no more are read.
        let mut limit = 1;
        loop {
            let rows = self.database.audit_rows((chain, anchor.sequence), limit).await?;
            let by = (self.entry.caller.as_str(), now_ms());
            match anchor.removable(self.key, &rows, self.cutoff, by) {
                Removable::Nothing => break,
                Removable::Broken(fault) => {
                    self.done.faults.push(format!("chain {chain}: {fault}"));
                    break;
                }
                Removable::UpTo(_) if limit < BATCH => limit = BATCH,
                Removable::UpTo(next) => {
                    anchor = self.remove(anchor, next).await?;
                    tell(self.done.rows);
                }
            }
        }
        Ok(())
    }

    /// Moves an anchor unless another process already has, and returns the current one.
    async fn remove(&mut self, from: Anchor, to: Anchor) -> Result<Anchor, StoreError> {
        if !self.is_noted {
            let outcome = format!("started: rows older than {}", render_ms(self.cutoff));
            self.database.append(self.entry.with_outcome(outcome)).await?;
            self.is_noted = true;
        }
        if self.database.move_audit_anchor(from.sequence, to.clone()).await? {
            self.done.rows += to.sequence.abs_diff(from.sequence);
            return Ok(to);
        }
        let there = by_chain(self.database.audit_anchors().await?).remove(&from.chain);
        let there = there.filter(|anchor| anchor.is_genuine(self.key) && anchor.sequence > from.sequence);
        there.ok_or(StoreError::NotCommitted)
    }
}
