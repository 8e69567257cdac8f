//! The audit log as it is kept. What a row and a chain are, `audit` knows.

use super::{StoreError, operations};
use crate::audit::{Anchor, Entry, Head, Row};
use std::collections::HashMap;
use uuid::Uuid;

/// Which rows of the audit log are asked for; `None` is any.
#[derive(Clone, Debug)]
pub(crate) struct AuditFilter {
    /// From this time on, and before the other.
    pub(crate) since: i64,
    pub(crate) until: i64,
    /// Those that tell of one of these: tables with ids.
    pub(crate) records: Option<Vec<String>>,
    /// Those of what a user has done, of what was done for the user, or to the user.
    pub(crate) user: Option<Uuid>,
    /// A service, as rows name it.
    pub(crate) service: Option<String>,
    pub(crate) action: Option<String>,
    /// How the outcome begins; `failed` is every one but success, and but that something was begun.
    pub(crate) outcome: Option<String>,
}

operations! {
    /// `audit_log`, with the heads and anchors of its chains.
    trait AuditLog as DynAuditLog {
        /// Appends a row to the audit log.
        async fn append(&self, entry: Entry) -> Result<(), StoreError>;

        /// Rows of the audit log by chain and sequence, after the given place.
        async fn audit_rows(&self, after: (i64, i64), limit: u32) -> Result<Vec<Row>, StoreError>;

        /// The newest rows of the audit log that a filter lets through, newest first.
        async fn newest_audit_rows(&self, filter: AuditFilter, limit: u32) -> Result<Vec<Row>, StoreError>;

        /// What people call the records with these ids, by the table and the id as rows of the
        /// audit log have them. Those that are gone or have no name are not in it.
        async fn record_names(&self, ids: Vec<Uuid>) -> Result<HashMap<String, String>, StoreError>;

        /// The heads of all chains of the audit log, by chain.
        async fn audit_heads(&self) -> Result<Vec<Head>, StoreError>;

        /// What stands in the place of rows that were removed from chains of the audit log, by chain.
        async fn audit_anchors(&self) -> Result<Vec<Anchor>, StoreError>;

        /// Removes the rows of a chain after the sequence `from`, where its anchor is, up to
        /// those of `to`, which takes that one's place. False, and nothing removed, where the
        /// anchor is elsewhere by now.
        async fn move_audit_anchor(&self, from: i64, to: Anchor) -> Result<bool, StoreError>;
    }
}
