//! What a database's schema still lacks, whatever the database.

use super::StoreError;
use sha2::{Digest as _, Sha256};

/// A migration that is to be applied.
#[derive(Debug)]
pub(super) struct Pending {
    /// From 1.
    pub(super) number: usize,
    pub(super) sql: &'static str,
    /// Of the text, in hexadecimal: kept, so that an edit is noticed.
    pub(super) sha256: String,
}

/// The migrations that come after the `applied` ones, given by their digests in
/// the order of their numbers. Another past or a longer one than ours is an error.
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
