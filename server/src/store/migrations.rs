//! Finds the migrations that a database still lacks, for all databases.

use super::StoreError;
use sha2::{Digest as _, Sha256};

/// A migration to apply.
#[derive(Debug)]
pub(super) struct Pending {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) sql: &'static str,
    /// The digest of the text in hexadecimal, stored to detect edits.
    pub(super) sha256: String,
}

/// The migrations after the `applied` ones, which are given by their digests in order. A history
/// that differs from this program's or is longer is an error.
pub(super) fn pending(
    migrations: &'static [&'static str],
    applied: &[String],
) -> Result<Vec<Pending>, StoreError> {
    if applied.len() > migrations.len() {
        return Err(StoreError::Newer { found: applied.len(), known: migrations.len() });
    }
    let mut pending = Vec::new();
    for (index, sql) in migrations.iter().enumerate() {
        let sha256 = hex::encode(Sha256::digest(sql));
        match applied.get(index) {
            Some(known) if *known == sha256 => {}
            Some(_) => return Err(StoreError::Altered(index + 1)),
            None => pending.push(Pending { number: index + 1, sql, sha256 }),
        }
    }
    Ok(pending)
}
