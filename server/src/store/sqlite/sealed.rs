//! What is sealed, whatever table it is in; the canaries of keys, and the server's own keys.

use super::row;
use crate::store::{Sealed, SealedTable};
use rusqlite::{Connection, Result};
use uuid::Uuid;

/// What is sealed in a table, by id, after the given one.
pub(super) fn after(c: &Connection, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>> {
    let (name, column) = (table.name(), table.column());
    let sql = format!(
        "SELECT id, user_id, {column} FROM {name} WHERE id > ?1 AND {column} IS NOT NULL ORDER BY id LIMIT ?2"
    );
    let read = |found: &rusqlite::Row<'_>| {
        Ok(Sealed { table, id: row::id(found, 0)?, user_id: row::id(found, 1)?, blob: found.get(2)? })
    };
    c.prepare_cached(&sql)?.query_map((after.to_string(), limit), read)?.collect()
}

/// Puts `blob` in the place of `old`; false where that has another text by now.
pub(super) fn replace(c: &Connection, old: &Sealed, blob: &str, version: &str) -> Result<bool> {
    let (name, column) = (old.table.name(), old.table.column());
    let sql =
        format!("UPDATE {name} SET {column} = ?3, credentials_version = ?4 WHERE id = ?1 AND {column} = ?2");
    let parameters = (old.id.to_string(), &old.blob, blob, version);
    c.prepare_cached(&sql)?.execute(parameters).map(|changed| changed > 0)
}

/// The canaries of the keys that were used here, by key id, the last one at the end.
pub(super) fn canaries(c: &Connection) -> Result<Vec<(String, String)>> {
    let sql = "SELECT key_id, canary FROM sealing_keys ORDER BY created_at, key_id";
    c.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Keeps a key's canary, unless it has one or is retired.
pub(super) fn add_canary(c: &Connection, key_id: &str, canary: &str, now: i64) -> Result<()> {
    let sql = "INSERT INTO sealing_keys SELECT ?1, ?2, ?3
        WHERE NOT EXISTS (SELECT 1 FROM retired_keys WHERE key_id = ?1) ON CONFLICT DO NOTHING";
    c.execute(sql, (key_id, canary, now)).map(drop)
}

pub(super) fn remove_canary(c: &Connection, key_id: &str) -> Result<()> {
    c.execute("DELETE FROM sealing_keys WHERE key_id = ?1", [key_id]).map(drop)
}

/// Retires all keys that have a canary, but one.
pub(super) fn retire_keys(c: &Connection, except: &str, now: i64) -> Result<()> {
    let sql = "INSERT INTO retired_keys SELECT key_id, ?2 FROM sealing_keys WHERE key_id <> ?1
        ON CONFLICT DO NOTHING";
    c.execute(sql, (except, now)).map(drop)
}

pub(super) fn is_retired(c: &Connection, key_id: &str) -> Result<bool> {
    c.prepare_cached("SELECT 1 FROM retired_keys WHERE key_id = ?1")?.exists([key_id])
}

/// Keeps a sealed key of the server's own unless there is one; gives the one that is kept.
pub(super) fn own_key(c: &Connection, name: &str, sealed: &str) -> Result<String> {
    c.execute("INSERT INTO own_keys VALUES (?1, ?2) ON CONFLICT DO NOTHING", [name, sealed])?;
    c.query_row("SELECT encrypted_key FROM own_keys WHERE name = ?1", [name], |row| row.get(0))
}

/// Puts an own key, sealed again, in the place of `old`; false where another is there.
pub(super) fn replace_own_key(c: &Connection, name: &str, old: &str, new: &str) -> Result<bool> {
    let sql = "UPDATE own_keys SET encrypted_key = ?3 WHERE name = ?1 AND encrypted_key = ?2";
    c.execute(sql, (name, old, new)).map(|changed| changed > 0)
}
