//! The chain of the audit log that a connection holds, and where it ends.

use super::{AuditedConnection, Parameters, Step};
use crate::audit::{ChainKey, Head};
use crate::store::postgres::{PostgresFault, audit_log};
use tokio_postgres::types::ToSql;

impl AuditedConnection {
    /// Remembers where all chains end at the start of this process.
    pub(in crate::store::postgres) async fn remember_heads(&self) -> Result<(), PostgresFault> {
        for row in self.db.answered(self.db.client.query(audit_log::HEADS, &[])).await? {
            self.known.keep(&audit_log::read_head(&row)?);
        }
        Ok(())
    }

    /// Remembers `head` after its rows were appended. Where they did not follow what was
    /// there, the chain may have been cut behind this connection.
    pub(super) async fn go_on(
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

    /// Where this connection's chain ends. It is known again once what appends
    /// to it has put it back: not if that fails, or is left half-way.
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
            // One that was forged before the start says nothing.
            let known = self.known.of(chain).filter(|known| known.is_genuine(key));
            if !self.known.is_left(chain)
                && let Some(head) = self.whole_head(key, chain, known.as_ref()).await?
            {
                return self.tell_of_cuts(key, head, cut).await;
            }
            self.chain = None;
            least = chain + 1;
            match known {
                Some(known) => {
                    tracing::error!(
                        chain,
                        rows = known.sequence,
                        "the newest rows of a chain of the audit log were removed from outside; another chain says so"
                    );
                    cut.push(known);
                }
                None if self.known.is_left(chain) => {}
                None => {
                    tracing::error!(chain, "the audit log was changed from outside; another chain is begun");
                }
            }
        }
    }

    /// Takes the lowest chain from a number on that no connection holds.
    async fn lease(&self, least: i64) -> Result<i64, PostgresFault> {
        let least: Parameters<'_> = &[&least];
        Ok(self.db.answered(self.db.client.query_one(audit_log::LEASE, least)).await?.try_get(0)?)
    }

    /// Notes in a chain that is whole which others were cut, and leaves these alone from
    /// then on.
    async fn tell_of_cuts(
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

    /// A chain's head; `None` where it was changed or removed, or does not go on from
    /// where the chain is `known` to have ended.
    async fn whole_head(
        &self,
        key: &ChainKey,
        chain: i64,
        known: Option<&Head>,
    ) -> Result<Option<Head>, PostgresFault> {
        let Self { db, .. } = self;
        if let Some(row) = db.answered(db.client.query_opt(audit_log::HEAD, &[&chain])).await? {
            let head = Some(audit_log::read_head(&row)?).filter(|head| head.is_genuine(key));
            return match (head, known) {
                (Some(head), Some(known)) => Ok(self.goes_on(key, known, &head).await?.then_some(head)),
                (head, _) => Ok(head),
            };
        }
        let has_rows: bool =
            db.answered(db.client.query_one(audit_log::HAS_ROWS, &[&chain])).await?.try_get(0)?;
        if has_rows || known.is_some() {
            return Ok(None);
        }
        // A head from the beginning: a chain without one has been removed.
        let head = Head::empty(key, chain);
        let (mac, signature) = (&head.mac[..], &head.signature[..]);
        db.answered(db.client.execute(audit_log::BEGIN_CHAIN, &[&chain, &mac, &signature])).await?;
        Ok(Some(head))
    }

    /// Whether a chain that ended with `known` may end with `head` now: another process
    /// may have had the chain since.
    async fn goes_on(&self, key: &ChainKey, known: &Head, head: &Head) -> Result<bool, PostgresFault> {
        if head.sequence <= known.sequence {
            return Ok((head.sequence, head.mac) == (known.sequence, known.mac));
        }
        let mac = &known.mac[..];
        let place = [&known.chain as &(dyn ToSql + Sync), &known.sequence, &mac];
        let looking = self.db.client.query_one(audit_log::HAS_ROW, &place);
        let is_kept: bool = self.db.answered(looking).await?.try_get(0)?;
        if is_kept || known.sequence == 0 {
            return Ok(true);
        }
        let place = [&known.chain as &(dyn ToSql + Sync)];
        let looking = self.db.client.query_opt(audit_log::ANCHOR, &place);
        let anchor = self.db.answered(looking).await?.as_ref().map(audit_log::read_anchor).transpose()?;
        Ok(anchor.is_some_and(|anchor| anchor.is_genuine(key) && anchor.covers(known)))
    }
}
