//! The stored audit log. The module `audit` defines rows and chains.

use super::{StoreError, operations};
use crate::audit::{Anchor, Entry, Head, Row};
use std::collections::HashMap;
use uuid::Uuid;

/// Selects rows of the audit log; `None` selects any.
#[derive(Clone, Debug)]
pub(crate) struct AuditFilter {
    /// Rows at this time or later, and before `until`.
    pub(crate) since: i64,
    pub(crate) until: i64,
    /// Rows about one of these records, each a table and an id.
    pub(crate) records: Option<Vec<String>>,
    /// Rows about actions that a user did, that a service did for the user, or that changed the
    /// user.
    pub(crate) user: Option<Uuid>,
    /// Rows about actions of a service, named as in the rows.
    pub(crate) service: Option<String>,
    pub(crate) action: Option<String>,
    /// The start of the outcome; `failed` selects all but successes and started actions.
    pub(crate) outcome: Option<String>,
}

operations! {
    /// The operations on `audit_log`, with the heads and anchors of its chains.
    trait AuditLog as DynAuditLog {
        /// Appends a row to the audit log.
        async fn append(&self, entry: Entry) -> Result<(), StoreError>;

        /// Rows of the audit log by chain and sequence, after the given position.
        async fn audit_rows(&self, after: (i64, i64), limit: u32) -> Result<Vec<Row>, StoreError>;

        /// The newest matching rows of the audit log, newest first.
        async fn newest_audit_rows(&self, filter: AuditFilter, limit: u32) -> Result<Vec<Row>, StoreError>;

        /// The names of the records with these ids, keyed by table and id as in rows of the audit
        /// log. Deleted or nameless records are missing.
        async fn record_names(&self, ids: Vec<Uuid>) -> Result<HashMap<String, String>, StoreError>;

        /// The heads of all chains of the audit log, by chain.
        async fn audit_heads(&self) -> Result<Vec<Head>, StoreError>;

        /// The anchors of all chains of the audit log, by chain.
        async fn audit_anchors(&self) -> Result<Vec<Anchor>, StoreError>;

        /// Removes the rows of a chain after the sequence `from` of its anchor, up to the anchor
        /// `to`, which replaces it. False, without a change, if the anchor has moved.
        async fn move_audit_anchor(&self, from: i64, to: Anchor) -> Result<bool, StoreError>;
    }
}
