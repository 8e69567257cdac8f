//! The audit log as a file of JSON lines that can be verified without the database: the
//! rows of each chain with their places and MACs, and at the end the server's signature
//! over all of it. Whoever knows the server's fingerprint can check that nothing was
//! changed, and that one file goes on where another ends.
//!
//! It knows neither where rows come from nor where files are.

mod line;
mod reader;
mod writer;

pub(crate) use reader::{Exports, ExportsVerdict};
pub(crate) use writer::Export;
