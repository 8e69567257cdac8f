//! `service_tokens`.

use super::row;
use crate::store::row_signer::RowSigner;
use crate::store::{Hash, ServiceToken};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension as _, Result, Row, params};

const COLUMNS: &str = "name, verbs, platforms, require_acting_user, created_at, revoked_at";

/// Stores a token under its name; false where the name is taken.
pub(super) fn add(c: &Connection, signer: &RowSigner, new: &(ServiceToken, Hash)) -> Result<bool> {
    let sql = format!(
        "INSERT INTO service_tokens ({COLUMNS}, token_hash, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (name) DO NOTHING"
    );
    let (token, hash) = new;
    let lists = [&token.verbs, &token.platforms].map(|list| serde_json::json!(list).to_string());
    let inserted = c.execute(
        &sql,
        params![
            token.name,
            lists[0],
            lists[1],
            token.require_acting_user,
            token.created_at,
            token.revoked_at,
            &hash[..],
            signer.sign(new)
        ],
    )?;
    Ok(inserted > 0)
}

/// The token with this hash, unless it is revoked.
pub(super) fn live(c: &Connection, signer: &RowSigner, hash: Hash) -> Result<Option<ServiceToken>> {
    let sql =
        format!("SELECT {COLUMNS}, mac FROM service_tokens WHERE token_hash = ?1 AND revoked_at IS NULL");
    let read = row::kept(|found| Ok((read(found)?, hash)));
    let kept = c.prepare_cached(&sql)?.query_row([&hash[..]], read).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)).map(|(token, _)| token))
}

/// All tokens, by name, as they are kept: a list grants nothing.
pub(super) fn all(c: &Connection) -> Result<Vec<ServiceToken>> {
    let sql = format!("SELECT {COLUMNS} FROM service_tokens ORDER BY name");
    c.prepare(&sql)?.query_map([], read)?.collect()
}

/// Revokes a token; false where no live one has the name.
pub(super) fn revoke(c: &Connection, signer: &RowSigner, name: &str, now: i64) -> Result<bool> {
    let select = format!("SELECT {HASHED} FROM service_tokens WHERE name = ?1 AND revoked_at IS NULL");
    let Some((token, hash)) = c.query_row(&select, [name], read_hashed).optional()? else { return Ok(false) };
    // Whatever it says: a token that is revoked grants nothing.
    let revoked = (ServiceToken { revoked_at: Some(now), ..token }, hash);
    let update = "UPDATE service_tokens SET revoked_at = ?2, mac = ?3 WHERE name = ?1";
    c.execute(update, params![name, now, signer.sign(&revoked)])?;
    Ok(true)
}

/// The columns that [`read_hashed`] reads, in its order.
pub(super) const HASHED: &str =
    "name, verbs, platforms, require_acting_user, created_at, revoked_at, token_hash";

pub(super) fn read_hashed(row: &Row<'_>) -> Result<(ServiceToken, Hash), Error> {
    Ok((read(row)?, row.get(6)?))
}

fn read(row: &Row<'_>) -> Result<ServiceToken, Error> {
    let list = |index| -> Result<Vec<String>, Error> {
        let text: String = row.get(index)?;
        serde_json::from_str(&text)
            .map_err(|error| Error::FromSqlConversionFailure(index, Type::Text, Box::new(error)))
    };
    Ok(ServiceToken {
        name: row.get(0)?,
        verbs: list(1)?,
        platforms: list(2)?,
        require_acting_user: row.get(3)?,
        created_at: row.get(4)?,
        revoked_at: row.get(5)?,
    })
}
