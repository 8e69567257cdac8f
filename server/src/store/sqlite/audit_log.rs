//! The operations on `audit_log` and `audit_heads` in SQLite.

use super::Sqlite;
use crate::audit::{Anchor, ChainKey, Entry, Head, Mac, Row};
use crate::store::{AuditFilter, AuditLog, StoreError};
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result, params};
use std::collections::HashMap;
use uuid::Uuid;

/// SQLite has one writer at a time, and so one chain; a further one begins after a cut.
const FIRST_CHAIN: i64 = 1;
/// A MAC that no key produces.
const NO_MAC: Mac = [0; 32];
const COLUMNS: &str = "chain, sequence, at, caller, acting_for, action, record, outcome, mac";
const ANCHOR: &str = "chain, sequence, mac, cuts, removed_at, removed_by, signature";

/// The names of records, by table and id.
const NAMES: &str = "
    WITH asked (id) AS MATERIALIZED (SELECT value FROM json_each(?1))
    SELECT 'users/' || id, email FROM users WHERE id IN asked
    UNION ALL SELECT 'platform_connections/' || id, platform || coalesce(' ' || platform_username, '')
        FROM platform_connections WHERE id IN asked
    UNION ALL SELECT 'platform_sessions/' || s.id, s.platform || coalesce(' ' || platform_username, '')
        FROM platform_sessions s JOIN platform_connections c ON c.id = creator_profile_id WHERE s.id IN asked
    UNION ALL SELECT 'download_credentials/' || id, platform || coalesce(' ' || coalesce(display_name, username), '')
        FROM download_credentials WHERE id IN asked
    UNION ALL SELECT 'app_credentials/' || id, credential_name FROM app_credentials WHERE id IN asked
    UNION ALL SELECT 'credential_types/' || id, type_name FROM credential_types WHERE id IN asked
    UNION ALL SELECT 'projects/' || id, project_name FROM projects WHERE id IN asked
    UNION ALL SELECT 'vault_credentials/' || id, service || ' ' || name FROM vault_credentials WHERE id IN asked";

impl AuditLog for Sqlite {
    async fn append(&self, entry: Entry) -> Result<(), StoreError> {
        self.write_audited((entry, |()| true), |_| Ok(())).await
    }

    async fn audit_rows(&self, (chain, sequence): (i64, i64), limit: u32) -> Result<Vec<Row>, StoreError> {
        self.read(move |c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM audit_log WHERE (chain, sequence) > (?1, ?2)
                 ORDER BY chain, sequence LIMIT ?3"
            );
            c.prepare_cached(&sql)?.query_map((chain, sequence, limit), read_row)?.collect()
        })
        .await
    }

    async fn newest_audit_rows(&self, filter: AuditFilter, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.read(move |c| {
            let AuditFilter { since, until, records, user, service, action, outcome } = &filter;
            let sql = format!(
                "SELECT {COLUMNS} FROM audit_log WHERE at >= ?1 AND at < ?2
                    AND (?3 IS NULL OR record IN (SELECT value FROM json_each(?3)))
                    AND (?4 IS NULL OR caller = 'user:' || ?4 OR acting_for = ?4 OR record = 'users/' || ?4)
                    AND (?5 IS NULL OR caller = ?5)
                    AND (?6 IS NULL OR action = ?6)
                    AND (?7 IS NULL OR CASE ?7
                        WHEN 'failed'
                            THEN NOT (outcome LIKE 'ok%' OR outcome LIKE 'started%' OR outcome = 'intent')
                        ELSE substr(outcome, 1, length(?7)) = ?7 END)
                 ORDER BY at DESC, chain DESC, sequence DESC LIMIT ?8"
            );
            let records = records.as_ref().map(|records| serde_json::json!(records).to_string());
            let user = user.map(|id| id.to_string());
            let values = params![since, until, records, user, service, action, outcome, limit];
            c.prepare(&sql)?.query_map(values, read_row)?.collect()
        })
        .await
    }

    async fn record_names(&self, ids: Vec<Uuid>) -> Result<HashMap<String, String>, StoreError> {
        self.read(move |c| {
            let ids = serde_json::json!(&ids).to_string();
            c.prepare(NAMES)?.query_map([&ids], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .await
    }

    async fn audit_heads(&self) -> Result<Vec<Head>, StoreError> {
        self.read(heads).await
    }

    async fn audit_anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        self.read(|c| {
            c.prepare(&format!("SELECT {ANCHOR} FROM audit_anchors ORDER BY chain"))?
                .query_map([], read_anchor)?
                .collect()
        })
        .await
    }

    async fn move_audit_anchor(&self, from: i64, to: Anchor) -> Result<bool, StoreError> {
        self.write(move |c| {
            let put = format!(
                "INSERT INTO audit_anchors ({ANCHOR}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (chain) DO UPDATE SET sequence = ?2, mac = ?3, cuts = ?4, removed_at = ?5,
                    removed_by = ?6, signature = ?7 WHERE sequence = ?8"
            );
            let moved = c.prepare_cached(&put)?.execute(params![
                to.chain,
                to.sequence,
                &to.mac[..],
                to.cuts,
                to.removed_at,
                to.removed_by,
                &to.signature[..],
                from
            ])?;
            if moved == 0 {
                return Ok(false);
            }
            let delete = "DELETE FROM audit_log WHERE chain = ?1 AND sequence > ?2 AND sequence <= ?3";
            c.prepare_cached(delete)?.execute((to.chain, from, to.sequence))?;
            Ok(true)
        })
        .await
    }
}

/// The head to append to. `known` are the heads that this process saw last. The last genuine one
/// counts: another process may have continued from there. If the stored rows can't continue it,
/// rows were removed, and a new chain starts with a row that says so.
pub(super) fn head(c: &DbConnection, key: &ChainKey, known: &[Head]) -> Result<Head> {
    let Some(known) = newest_genuine(known, key) else { return newest_head(c, key) };
    match intact_head(c, key, known.chain)? {
        Some(head) if may_continue(c, key, known, &head)? => Ok(head),
        _ => {
            tracing::error!(
                chain = known.chain,
                rows = known.sequence,
                "another program removed the newest rows of the audit log; a new chain starts and says so"
            );
            let (row, head) = free_chain(c, key, known.chain + 1)?.append(key, known.cut());
            insert(c, &row)?;
            keep_head(c, &head)?;
            Ok(head)
        }
    }
}

/// The end of the log for a process that does not know it yet.
fn newest_head(c: &DbConnection, key: &ChainKey) -> Result<Head> {
    let heads = heads(c)?;
    newest_genuine(&heads, key).map_or_else(|| free_chain(c, key, FIRST_CHAIN), |head| Ok(head.clone()))
}

/// The genuine head of the latest chain: that a later chain exists means that the earlier was changed.
fn newest_genuine<'h>(heads: &'h [Head], key: &ChainKey) -> Option<&'h Head> {
    heads.iter().rev().find(|head| head.is_genuine(key))
}

/// The start of the lowest unused chain, from a number on.
fn free_chain(c: &DbConnection, key: &ChainKey, mut chain: i64) -> Result<Head> {
    while is_used(c, chain)? {
        tracing::error!(chain, "another program changed the audit log; a new chain starts");
        chain += 1;
    }
    Ok(Head::empty(key, chain))
}

fn is_used(c: &DbConnection, chain: i64) -> Result<bool> {
    let used =
        "SELECT 1 FROM audit_heads WHERE chain = ?1 UNION ALL SELECT 1 FROM audit_log WHERE chain = ?1";
    c.prepare_cached(used)?.exists([chain])
}

/// Whether a chain that ended with `known` can now end with `head`.
fn may_continue(c: &DbConnection, key: &ChainKey, known: &Head, head: &Head) -> Result<bool> {
    if head.sequence <= known.sequence {
        return Ok((head.sequence, head.mac) == (known.sequence, known.mac));
    }
    let select = "SELECT 1 FROM audit_log WHERE chain = ?1 AND sequence = ?2 AND mac = ?3";
    let is_kept = c.prepare_cached(select)?.exists((known.chain, known.sequence, &known.mac[..]))?;
    if is_kept || known.sequence == 0 {
        return Ok(true);
    }
    let select = format!("SELECT {ANCHOR} FROM audit_anchors WHERE chain = ?1");
    let anchor = c.prepare_cached(&select)?.query_row([known.chain], read_anchor).optional()?;
    Ok(anchor.is_some_and(|anchor| anchor.is_genuine(key) && anchor.covers(known)))
}

/// Adds a row; it is complete once its chain's head is stored too.
pub(super) fn insert(c: &DbConnection, row: &Row) -> Result<()> {
    let insert = format!("INSERT INTO audit_log ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    let entry = &row.entry;
    c.prepare_cached(&insert)?.execute(params![
        row.chain,
        row.sequence,
        entry.at,
        entry.caller,
        entry.acting_for.map(|id| id.to_string()),
        entry.action,
        entry.record,
        entry.outcome,
        &row.mac[..]
    ])?;
    Ok(())
}

pub(super) fn keep_head(c: &DbConnection, head: &Head) -> Result<()> {
    let keep = "INSERT INTO audit_heads (chain, sequence, mac, signature) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (chain) DO UPDATE SET sequence = ?2, mac = ?3, signature = ?4";
    c.prepare_cached(keep)?.execute((head.chain, head.sequence, &head.mac[..], &head.signature[..]))?;
    Ok(())
}

/// A chain's head; `None` if it was changed or removed.
fn intact_head(c: &DbConnection, key: &ChainKey, chain: i64) -> Result<Option<Head>> {
    let select = "SELECT chain, sequence, mac, signature FROM audit_heads WHERE chain = ?1";
    let head = c.prepare_cached(select)?.query_row([chain], read_head).optional()?;
    Ok(head.filter(|head| head.is_genuine(key)))
}

pub(super) fn heads(c: &DbConnection) -> Result<Vec<Head>> {
    let sql = "SELECT chain, sequence, mac, signature FROM audit_heads ORDER BY chain";
    c.prepare(sql)?.query_map([], read_head)?.collect()
}

/// A row as it is, even one changed into something Stagepass can't have written: verification
/// reports it, so reading must not fail.
fn read_row(row: &rusqlite::Row<'_>) -> Result<Row> {
    let text = |index| -> Result<Option<String>> {
        let bytes = row.get_ref(index)?.as_bytes_or_null()?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    };
    let acting_for = text(4)?.map(|id| Uuid::try_parse(&id)).transpose();
    let mac = if acting_for.is_ok() { mac(row, 8)? } else { NO_MAC };
    let entry = Entry {
        at: row.get(2)?,
        caller: text(3)?.unwrap_or_default(),
        acting_for: acting_for.unwrap_or_default(),
        action: text(5)?.unwrap_or_default(),
        record: text(6)?,
        outcome: text(7)?.unwrap_or_default(),
    };
    Ok(Row { chain: row.get(0)?, sequence: row.get(1)?, entry, mac })
}

fn read_head(row: &rusqlite::Row<'_>) -> Result<Head> {
    Ok(Head { chain: row.get(0)?, sequence: row.get(1)?, mac: mac(row, 2)?, signature: mac(row, 3)? })
}

fn read_anchor(row: &rusqlite::Row<'_>) -> Result<Anchor> {
    Ok(Anchor {
        chain: row.get(0)?,
        sequence: row.get(1)?,
        mac: mac(row, 2)?,
        cuts: row.get(3)?,
        removed_at: row.get(4)?,
        removed_by: String::from_utf8_lossy(row.get_ref(5)?.as_bytes()?).into_owned(),
        signature: mac(row, 6)?,
    })
}

/// A MAC or signature; one of another length can't be genuine and becomes [`NO_MAC`].
fn mac(row: &rusqlite::Row<'_>, index: usize) -> Result<Mac> {
    Ok(row.get_ref(index)?.as_blob()?.try_into().unwrap_or(NO_MAC))
}
