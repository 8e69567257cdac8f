//! The operations on `audit_log` and `audit_heads` in PostgreSQL.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::audit::{Anchor, Entry, Head, Mac, Row};
use crate::store::{AuditFilter, AuditLog, StoreError};
use std::collections::HashMap;
use std::fmt::Write as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

/// The most rows that one statement of a search reads.
// Decision: docs/decisions/keys-and-audit.md#the-audit-log-has-an-index-by-time-only
const SPAN: i64 = 100_000;

/// Leases a chain for the connection: the lowest free one from a number on.
pub(super) const LEASE: &str = "SELECT lease_audit_chain($1)";
pub(super) const HAS_ROWS: &str = "SELECT EXISTS (SELECT FROM audit_log WHERE chain = $1)";
pub(super) const HAS_ROW: &str =
    "SELECT EXISTS (SELECT FROM audit_log WHERE chain = $1 AND sequence = $2 AND mac = $3)";
pub(super) const HEAD: &str = "SELECT chain, sequence, mac, signature FROM audit_heads WHERE chain = $1";
pub(super) const HEADS: &str = "SELECT chain, sequence, mac, signature FROM audit_heads ORDER BY chain";
const ROWS: &str = "
    SELECT chain, sequence, at, caller, acting_for, action, record, outcome, mac FROM audit_log
    WHERE (chain, sequence) > ($1, $2) ORDER BY chain, sequence LIMIT $3";
/// The rows of a time span that match a filter, newest first.
const NEWEST: &str = "
    SELECT chain, sequence, at, caller, acting_for, action, record, outcome, mac FROM audit_log
    WHERE at >= $1 AND at < $2
        AND ($3::text[] IS NULL OR record = ANY($3))
        AND ($4::uuid IS NULL OR caller = 'user:' || $4 OR acting_for = $4 OR record = 'users/' || $4)
        AND ($5::text IS NULL OR caller = $5)
        AND ($6::text IS NULL OR action = $6)
        AND ($7::text IS NULL OR CASE $7
            WHEN 'failed' THEN NOT (outcome LIKE 'ok%' OR outcome LIKE 'started%' OR outcome = 'intent')
            ELSE starts_with(outcome, $7) END)
    ORDER BY at DESC, chain DESC, sequence DESC LIMIT $8";
/// The time of the row at an offset from the newest row of a time span.
const EARLIER: &str =
    "SELECT at FROM audit_log WHERE at >= $1 AND at < $2 ORDER BY at DESC OFFSET $3 LIMIT 1";
const ANCHORS: &str = "
    SELECT chain, sequence, mac, cuts, removed_at, removed_by, signature FROM audit_anchors ORDER BY chain";
pub(super) const ANCHOR: &str = "
    SELECT chain, sequence, mac, cuts, removed_at, removed_by, signature FROM audit_anchors WHERE chain = $1";
/// Removes the rows of a chain after its anchor at `$8` up to a new anchor, which replaces it.
/// Returns no row if the anchor has moved.
const MOVE_ANCHOR: &str = "
    WITH moved AS (
        INSERT INTO audit_anchors (chain, sequence, mac, cuts, removed_at, removed_by, signature)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (chain) DO UPDATE SET sequence = excluded.sequence, mac = excluded.mac,
            cuts = excluded.cuts, removed_at = excluded.removed_at, removed_by = excluded.removed_by,
            signature = excluded.signature
        WHERE audit_anchors.sequence = $8
        RETURNING chain
    ), removed AS (
        DELETE FROM audit_log WHERE chain = $1 AND sequence > $8 AND sequence <= $2
            AND EXISTS (SELECT FROM moved)
    )
    SELECT chain FROM moved";

/// The names of records, by table and id.
const NAMES: &str = "
    SELECT 'users/' || id, email FROM users WHERE id = ANY($1)
    UNION ALL SELECT 'platform_connections/' || id, platform || coalesce(' ' || platform_username, '')
        FROM platform_connections WHERE id = ANY($1)
    UNION ALL SELECT 'platform_sessions/' || s.id, s.platform || coalesce(' ' || platform_username, '')
        FROM platform_sessions s JOIN platform_connections c ON c.id = creator_profile_id WHERE s.id = ANY($1)
    UNION ALL SELECT 'download_credentials/' || id, platform || coalesce(' ' || coalesce(display_name, username), '')
        FROM download_credentials WHERE id = ANY($1)
    UNION ALL SELECT 'app_credentials/' || id, credential_name FROM app_credentials WHERE id = ANY($1)
    UNION ALL SELECT 'credential_types/' || id, type_name FROM credential_types WHERE id = ANY($1)
    UNION ALL SELECT 'projects/' || id, project_name FROM projects WHERE id = ANY($1)
    UNION ALL SELECT 'vault_credentials/' || id, service || ' ' || name FROM vault_credentials WHERE id = ANY($1)";

/// Stores the head of a chain without rows.
pub(super) const BEGIN_CHAIN: &str =
    "INSERT INTO audit_heads (chain, sequence, mac, signature) VALUES ($1, 0, $2, $3)";
/// Appends rows to one chain and stores its head; returns whether the rows follow the previous
/// head.
pub(super) const APPEND: &str = "
    WITH audited AS (
        INSERT INTO audit_log (chain, sequence, at, caller, acting_for, action, record, outcome, mac)
        SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::text[],
            $8::text[], $9::bytea[])
    )
    INSERT INTO audit_heads (chain, sequence, mac, signature) VALUES ($1, $10, $11, $12)
    ON CONFLICT (chain) DO UPDATE SET
        sequence = excluded.sequence, mac = excluded.mac, signature = excluded.signature
    RETURNING EXISTS (SELECT FROM audit_heads WHERE chain = $1 AND sequence = $13 AND mac = $14) AS follows";

/// Runs [`APPEND`]: `rows` follow `last` and each other, and result in `head`. Returns whether the
/// chain ended with `last`.
pub(super) async fn append(
    client: &Client,
    statement: &Statement,
    last: &Head,
    (rows, head): (&[Row], &Head),
) -> Result<bool, Error> {
    let entries = || rows.iter().map(|row| &row.entry);
    let parameters: [&(dyn ToSql + Sync); 14] = [
        &head.chain,
        &rows.iter().map(|row| row.sequence).collect::<Vec<_>>(),
        &entries().map(|entry| entry.at).collect::<Vec<_>>(),
        &entries().map(|entry| entry.caller.as_str()).collect::<Vec<_>>(),
        &entries().map(|entry| entry.acting_for).collect::<Vec<_>>(),
        &entries().map(|entry| entry.action.as_str()).collect::<Vec<_>>(),
        &entries().map(|entry| entry.record.as_deref()).collect::<Vec<_>>(),
        &entries().map(|entry| entry.outcome.as_str()).collect::<Vec<_>>(),
        &rows.iter().map(|row| &row.mac[..]).collect::<Vec<_>>(),
        &head.sequence,
        &&head.mac[..],
        &&head.signature[..],
        &last.sequence,
        &&last.mac[..],
    ];
    follows(&client.query_one(statement, &parameters).await?)
}

/// Whether the chain ended with the head for which the appended row was made.
pub(super) fn follows(row: &tokio_postgres::Row) -> Result<bool, Error> {
    row.try_get("follows")
}

impl AuditLog for Postgres {
    async fn append(&self, entry: Entry) -> Result<(), StoreError> {
        self.appender.run((self.chain_key()?, entry)).await?
    }

    async fn audit_rows(&self, (chain, sequence): (i64, i64), limit: u32) -> Result<Vec<Row>, StoreError> {
        let steps = [Step(ROWS, &[&chain, &sequence, &i64::from(limit)])];
        let rows = self.read(Acting::Nobody, &steps).await?;
        row::all(&rows, |row| Ok(read_row(row)?))
    }

    async fn newest_audit_rows(&self, filter: AuditFilter, limit: u32) -> Result<Vec<Row>, StoreError> {
        // Search one time span after another, so that no statement reads more than `SPAN` rows,
        // however large the log is.
        let AuditFilter { since, mut until, records, user, service, action, outcome } = filter;
        let (mut found, mut left) = (Vec::new(), i64::from(limit));
        loop {
            let earlier = [Step(EARLIER, &[&since, &until, &SPAN])];
            let earlier = self.read(Acting::Nobody, &earlier).await?;
            let begin: Option<i64> = row::optional(&earlier, |row| Ok(row.try_get(0)?))?;
            let values: [&(dyn ToSql + Sync); 8] =
                [&begin.unwrap_or(since), &until, &records, &user, &service, &action, &outcome, &left];
            let rows = self.read(Acting::Nobody, &[Step(NEWEST, &values)]).await?;
            found.extend(row::all(&rows, |row| Ok(read_row(row)?))?);
            left -= i64::try_from(rows.len()).unwrap_or(left);
            match begin {
                Some(begin) if left > 0 => until = begin,
                _ => return Ok(found),
            }
        }
    }

    async fn record_names(&self, ids: Vec<Uuid>) -> Result<HashMap<String, String>, StoreError> {
        let rows = self.read(Acting::Maintenance, &[Step(NAMES, &[&ids])]).await?;
        Ok(row::all(&rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?.into_iter().collect())
    }

    async fn audit_heads(&self) -> Result<Vec<Head>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(HEADS, &[])]).await?;
        row::all(&rows, |row| Ok(read_head(row)?))
    }

    async fn audit_anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(ANCHORS, &[])]).await?;
        row::all(&rows, |row| Ok(read_anchor(row)?))
    }

    async fn move_audit_anchor(&self, from: i64, to: Anchor) -> Result<bool, StoreError> {
        let Anchor { chain, sequence, mac, cuts, removed_at, removed_by, signature } = &to;
        let values: [&(dyn ToSql + Sync); 8] =
            [chain, sequence, &&mac[..], cuts, removed_at, removed_by, &&signature[..], &from];
        Ok(!self.write(Acting::Nobody, &[Step(MOVE_ANCHOR, &values)]).await?.is_empty())
    }
}

/// The types of [`parameters`].
const TYPES: [&str; 11] =
    ["bigint", "bigint", "bigint", "text", "uuid", "text", "text", "text", "bytea", "bytea", "bytea"];

/// Extends `sql` to append a row to the audit log if it returns a row; [`follows`] reads the
/// result. `sql` has `count` parameters, and the audit row's parameters come after them.
pub(super) fn audited(sql: &str, count: usize) -> String {
    let values: Vec<_> =
        TYPES.iter().enumerate().map(|(index, kind)| format!("${}::{kind}", count + 1 + index)).collect();
    let mut statement = format!("WITH did AS ({sql}), ");
    let _ = write!(
        statement,
        "audited AS (
            INSERT INTO audit_log (chain, sequence, at, caller, acting_for, action, record, outcome, mac)
            SELECT {row} WHERE EXISTS (SELECT FROM did)
        ), headed AS (
            INSERT INTO audit_heads (chain, sequence, mac, signature)
            SELECT {chain}, {sequence}, {mac}, {signature} WHERE EXISTS (SELECT FROM did)
            ON CONFLICT (chain) DO UPDATE SET
                sequence = excluded.sequence, mac = excluded.mac, signature = excluded.signature
        ) SELECT did.*, EXISTS (
            SELECT FROM audit_heads WHERE chain = {chain} AND sequence = {sequence} - 1 AND mac = {last}
        ) AS follows FROM did",
        row = values[..9].join(", "),
        chain = values[0],
        sequence = values[1],
        mac = values[8],
        signature = values[9],
        last = values[10],
    );
    statement
}

/// The values of a row in the order of its columns, the signature of the head after it, and the MAC
/// of the row before it. The rest of both heads comes from the row.
pub(super) fn parameters<'a>(row: &'a Row, macs: &'a [&'a [u8]; 3]) -> [&'a (dyn ToSql + Sync); 11] {
    let Entry { at, caller, acting_for, action, record, outcome } = &row.entry;
    let [mac, signature, last] = macs;
    [&row.chain, &row.sequence, at, caller, acting_for, action, record, outcome, mac, signature, last]
}

fn read_row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let entry = Entry {
        at: row.try_get(2)?,
        caller: row.try_get(3)?,
        acting_for: row.try_get(4)?,
        action: row.try_get(5)?,
        record: row.try_get(6)?,
        outcome: row.try_get(7)?,
    };
    Ok(Row { chain: row.try_get(0)?, sequence: row.try_get(1)?, entry, mac: mac(row, 8)? })
}

pub(super) fn read_head(row: &tokio_postgres::Row) -> Result<Head, Error> {
    Ok(Head { chain: row.try_get(0)?, sequence: row.try_get(1)?, mac: mac(row, 2)?, signature: mac(row, 3)? })
}

pub(super) fn read_anchor(row: &tokio_postgres::Row) -> Result<Anchor, Error> {
    Ok(Anchor {
        chain: row.try_get(0)?,
        sequence: row.try_get(1)?,
        mac: mac(row, 2)?,
        cuts: row.try_get(3)?,
        removed_at: row.try_get(4)?,
        removed_by: row.try_get(5)?,
        signature: mac(row, 6)?,
    })
}

fn mac(row: &tokio_postgres::Row, index: usize) -> Result<Mac, Error> {
    let bytes: &[u8] = row.try_get(index)?;
    // A signature of another length is not genuine, and neither are zeros.
    Ok(bytes.try_into().unwrap_or_default())
}
