//! The audit log as a file of JSON lines that can be verified without the database. It has the rows
//! of each chain with their positions and MACs, and ends with the server's signature over
//! everything. With the server's fingerprint anyone can check that nothing was changed and that one
//! file continues another.
//!
//! This module knows neither where rows come from nor where files are.

// Decision: docs/decisions/keys-and-audit.md#an-audit-export-is-signed-and-holds-no-key-of-the-log
mod line;
mod reader;
mod writer;

pub(crate) use reader::{Exports, ExportsVerdict};
pub(crate) use writer::Export;
