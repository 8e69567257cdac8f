//! `audit_log` and `audit_heads`.

use crate::audit::{Entry, Head, Mac, Row};
use std::fmt::Write as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

/// Takes a chain for the connection, the lowest from a number that is free.
pub(super) const LEASE: &str = "SELECT lease_audit_chain($1)";
pub(super) const HAS_ROWS: &str = "SELECT EXISTS (SELECT FROM audit_log WHERE chain = $1)";
pub(super) const HAS_ROW: &str =
    "SELECT EXISTS (SELECT FROM audit_log WHERE chain = $1 AND sequence = $2 AND mac = $3)";
pub(super) const HEAD: &str = "SELECT chain, sequence, mac, signature FROM audit_heads WHERE chain = $1";
pub(super) const HEADS: &str = "SELECT chain, sequence, mac, signature FROM audit_heads ORDER BY chain";
pub(super) const ROWS: &str = "
    SELECT chain, sequence, at, caller, acting_for, action, record, outcome, mac FROM audit_log
    WHERE (chain, sequence) > ($1, $2) ORDER BY chain, sequence LIMIT $3";
/// The newest of each chain, and of these the newest: no index is kept for it.
pub(super) const NEWEST: &str = "
    SELECT l.chain, l.sequence, at, caller, acting_for, action, record, outcome, l.mac FROM audit_heads h
    CROSS JOIN LATERAL (
        SELECT * FROM audit_log WHERE chain = h.chain ORDER BY sequence DESC LIMIT $1
    ) l
    ORDER BY at DESC, l.chain DESC, l.sequence DESC LIMIT $1";

/// Keeps the head of a chain that has no row yet.
pub(super) const BEGIN_CHAIN: &str =
    "INSERT INTO audit_heads (chain, sequence, mac, signature) VALUES ($1, 0, $2, $3)";
/// Appends rows to one chain and keeps its head; says whether it follows the one that was
/// there.
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

/// Runs [`APPEND`]: `rows` follow `last` and each other, and `head` comes of them. Gives
/// whether the chain ended with `last`.
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

/// Whether the chain ended, where a row that is given was appended, with the head that it
/// was made for.
pub(super) fn follows(row: &tokio_postgres::Row) -> Result<bool, Error> {
    row.try_get("follows")
}

/// The types of what [`parameters`] gives.
const TYPES: [&str; 11] =
    ["bigint", "bigint", "bigint", "text", "uuid", "text", "text", "text", "bytea", "bytea", "bytea"];

/// A statement that does what `sql` does and, where that gives a row, appends a
/// row to the audit log; the rows that it gives say what [`follows`] reads. `sql` has `count` parameters; the row's come after them.
pub(super) fn noting(sql: &str, count: usize) -> String {
    let values: Vec<_> =
        TYPES.iter().enumerate().map(|(index, kind)| format!("${}::{kind}", count + 1 + index)).collect();
    let mut noting = format!("WITH did AS ({sql}), ");
    let _ = write!(
        noting,
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
    noting
}

/// The values of a row in the order of its columns, the signature of the head that it
/// makes, and the MAC of the last one; the rest of these heads is the row's own.
pub(super) fn parameters<'a>(row: &'a Row, macs: &'a [&'a [u8]; 3]) -> [&'a (dyn ToSql + Sync); 11] {
    let Entry { at, caller, acting_for, action, record, outcome } = &row.entry;
    let [mac, signature, last] = macs;
    [&row.chain, &row.sequence, at, caller, acting_for, action, record, outcome, mac, signature, last]
}

pub(super) fn read_row(row: &tokio_postgres::Row) -> Result<Row, Error> {
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

fn mac(row: &tokio_postgres::Row, index: usize) -> Result<Mac, Error> {
    let bytes: &[u8] = row.try_get(index)?;
    // Another length is nobody's signature, and so is this.
    Ok(bytes.try_into().unwrap_or_default())
}
