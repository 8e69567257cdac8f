//! `service_tokens`.

use crate::store::{Hash, ServiceToken};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension as _, Result, Row, params};

const COLUMNS: &str = "name, verbs, platforms, require_acting_user, created_at, revoked_at";

/// Stores a token under its name; false where the name is taken.
pub(super) fn add(c: &Connection, token: &ServiceToken, hash: &Hash) -> Result<bool> {
    let sql = format!(
        "INSERT INTO service_tokens ({COLUMNS}, token_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (name) DO NOTHING"
    );
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
            &hash[..]
        ],
    )?;
    Ok(inserted > 0)
}

/// The token with this hash, unless it is revoked.
pub(super) fn live(c: &Connection, hash: &Hash) -> Result<Option<ServiceToken>> {
    let sql = format!("SELECT {COLUMNS} FROM service_tokens WHERE token_hash = ?1 AND revoked_at IS NULL");
    c.prepare_cached(&sql)?.query_row([&hash[..]], read).optional()
}

/// All tokens, by name.
pub(super) fn all(c: &Connection) -> Result<Vec<ServiceToken>> {
    let sql = format!("SELECT {COLUMNS} FROM service_tokens ORDER BY name");
    c.prepare(&sql)?.query_map([], read)?.collect()
}

/// Revokes a token; false where no live one has the name.
pub(super) fn revoke(c: &Connection, name: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE service_tokens SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL";
    c.execute(sql, (name, now)).map(|changed| changed > 0)
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
