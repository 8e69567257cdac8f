//! What operators do with the audit log: read it, export it, and remove its oldest rows.

mod exporting;
mod listing;
mod pruning;
mod stage;
