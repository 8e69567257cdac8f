//! The chain of the audit log that a connection holds, and where it ends.

use super::{AuditedConnection, Parameters, Step};
use crate::audit::{ChainKey, Head};
use crate::store::postgres::{PostgresFault, audit_log};
use tokio_postgres::types::ToSql;

// Decision: docs/decisions/keys-and-audit.md#an-audit-chain-belongs-to-a-writing-connection
impl AuditedConnection {
    /// Remembers where all chains end at the start of this process.
    pub(in crate::store::postgres) async fn remember_heads(&self) -> Result<(), PostgresFault> {
        for row in self.db.answered(self.db.client.query(audit_log::HEADS, &[])).await? {
            self.known.keep(&audit_log::read_head(&row)?);
        }
        Ok(())
    }

    /// Remembers `head` after its rows were appended. If they did not follow the previous head,
    /// another program may have cut the chain.
    pub(super) async fn advance_head(
        &mut self,
        key: &ChainKey,
        head: Head,
        follows: bool,
    ) -> Result<(), PostgresFault> {
        let head = if follows { head } else { self.take_head(key).await? };
        self.keep_head(head);
        Ok(())
    }

    pub(super) fn keep_head(&mut self, head: Head) {
        self.known.keep(&head);
        self.head = Some(head);
    }

    /// Takes the end of this connection's chain. Code that appends to the chain must put the new
    /// end back: it stays unknown if that fails or is abandoned.
    pub(super) async fn take_head(&mut self, key: &ChainKey) -> Result<Head, PostgresFault> {
        if let Some(head) = self.head.take() {
            return Ok(head);
        }
        let (mut least, mut cut) = (1_i64, Vec::new());
        loop {
            let chain = match self.chain {
                Some(chain) => chain,
                None => self.lease(least).await?,
            };
            self.chain = Some(chain);
            // A head forged before the start proves nothing.
            let known = self.known.of(chain).filter(|known| known.is_genuine(key));
            if !self.known.is_left(chain)
                && let Some(head) = self.intact_head(key, chain, known.as_ref()).await?
            {
                return self.record_cuts(key, head, cut).await;
            }
            self.chain = None;
            least = chain + 1;
            match known {
                Some(known) => {
                    tracing::error!(
                        chain,
                        rows = known.sequence,
                        "another program removed the newest rows of a chain of the audit log; another chain records it"
                    );
                    cut.push(known);
                }
                None if self.known.is_left(chain) => {}
                None => {
                    tracing::error!(chain, "another program changed the audit log; a new chain starts");
                }
            }
        }
    }

    /// Leases the lowest chain, from a number on, that no connection holds.
    async fn lease(&self, least: i64) -> Result<i64, PostgresFault> {
        let least: Parameters<'_> = &[&least];
        Ok(self.db.answered(self.db.client.query_one(audit_log::LEASE, least)).await?.try_get(0)?)
    }

    /// Records in an intact chain which other chains were cut, and ignores those from then on.
    async fn record_cuts(
        &mut self,
        key: &ChainKey,
        head: Head,
        cut: Vec<Head>,
    ) -> Result<Head, PostgresFault> {
        if cut.is_empty() {
            return Ok(head);
        }
        let last = head;
        let (rows, head) = last.append_all(key, cut.iter().map(Head::cut));
        let append = self.prepare(&Step(audit_log::APPEND, &[]), false).await?;
        let appending = audit_log::append(&self.db.client, &append, &last, (&rows, &head));
        self.db.answered(appending).await?;
        self.known.keep(&head);
        cut.iter().for_each(|head| self.known.leave(head.chain));
        Ok(head)
    }

    /// A chain's head; `None` if it was changed or removed, or does not continue from the `known`
    /// end of the chain.
    async fn intact_head(
        &self,
        key: &ChainKey,
        chain: i64,
        known: Option<&Head>,
    ) -> Result<Option<Head>, PostgresFault> {
        let Self { db, .. } = self;
        if let Some(row) = db.answered(db.client.query_opt(audit_log::HEAD, &[&chain])).await? {
            let head = Some(audit_log::read_head(&row)?).filter(|head| head.is_genuine(key));
            return match (head, known) {
                (Some(head), Some(known)) => Ok(self.may_continue(key, known, &head).await?.then_some(head)),
                (head, _) => Ok(head),
            };
        }
        let has_rows: bool =
            db.answered(db.client.query_one(audit_log::HAS_ROWS, &[&chain])).await?.try_get(0)?;
        if has_rows || known.is_some() {
            return Ok(None);
        }
        // Every chain has a head from its start: a chain without one was removed.
        let head = Head::empty(key, chain);
        let (mac, signature) = (&head.mac[..], &head.signature[..]);
        db.answered(db.client.execute(audit_log::BEGIN_CHAIN, &[&chain, &mac, &signature])).await?;
        Ok(Some(head))
    }

    /// Whether a chain that ended with `known` can now end with `head`: another process may have
    /// held the chain since.
    async fn may_continue(&self, key: &ChainKey, known: &Head, head: &Head) -> Result<bool, PostgresFault> {
        if head.sequence <= known.sequence {
            return Ok((head.sequence, head.mac) == (known.sequence, known.mac));
        }
        let mac = &known.mac[..];
        let position = [&known.chain as &(dyn ToSql + Sync), &known.sequence, &mac];
        let looking = self.db.client.query_one(audit_log::HAS_ROW, &position);
        let is_kept: bool = self.db.answered(looking).await?.try_get(0)?;
        if is_kept || known.sequence == 0 {
            return Ok(true);
        }
        let position = [&known.chain as &(dyn ToSql + Sync)];
        let looking = self.db.client.query_opt(audit_log::ANCHOR, &position);
        let anchor = self.db.answered(looking).await?.as_ref().map(audit_log::read_anchor).transpose()?;
        Ok(anchor.is_some_and(|anchor| anchor.is_genuine(key) && anchor.covers(known)))
    }
}
