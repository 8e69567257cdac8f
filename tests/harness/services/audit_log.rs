//! The audit log as tests see it, and rows older than a test can wait for.

use crate::services::installation::Installation;
use crate::services::sealed::chain_key;
use anyhow::{Context as _, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The rows of `audit list --json`: when, who, what, which record and how it ended, one
/// row per line, separated by tabs.
///
/// # Errors
/// When the JSON has another form.
pub fn lines(json: &str) -> Result<String> {
    let mut lines = String::new();
    for row in json.lines() {
        let row: Value = serde_json::from_str(row)?;
        let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let acting_for = row["acting_for"].as_str().map(|id| format!(" for user:{id}")).unwrap_or_default();
        let fields =
            [text("at"), text("caller") + &acting_for, text("action"), text("record"), text("outcome")];
        lines += &(fields.join("\t") + "\n");
    }
    Ok(lines)
}

impl Installation {
    /// The audit log, newest first, in the form of [`lines`].
    ///
    /// # Errors
    /// When it can't be listed.
    pub async fn audit_list(&self) -> Result<String> {
        lines(&self.succeed(&["audit", "list", "--json", "--limit", "1000"]).await?)
    }
}

/// What a row consists of, in the order of its chains.
struct Row {
    chain: i64,
    sequence: i64,
    at: i64,
    /// Who, on whose behalf, what, which record and how it ended.
    texts: [Option<String>; 5],
}

/// Makes the existing rows of the log older by `days`, signed as the server does.
///
/// # Errors
/// When that fails.
pub async fn age(installation: &Installation, days: i64) -> Result<()> {
    let key = Hmac::<Sha256>::new_from_slice(&chain_key(installation).await?)?;
    let is_postgres = installation.postgres().is_ok();
    let blob = |mac: &[u8]| {
        let mac = hex::encode(mac);
        if is_postgres { format!("'\\x{mac}'") } else { format!("x'{mac}'") }
    };
    let (mut last, mut mac) = (0, [0; 32]);
    let rows = read(installation).await?;
    for (index, row) in rows.iter().enumerate() {
        if row.chain != last {
            (last, mac) = (row.chain, [0; 32]);
        }
        let at = row.at - days * DAY_MS;
        mac = sign(&key, &mac, at, row);
        let (chain, sequence, row_mac) = (row.chain, row.sequence, blob(&mac));
        let place = format!("chain = {chain} AND sequence = {sequence}");
        installation
            .change(&format!("UPDATE audit_log SET at = {at}, mac = {row_mac} WHERE {place}"))
            .await?;
        if rows.get(index + 1).is_none_or(|next| next.chain != chain) {
            let signed = [&b"head\0"[..], &chain.to_be_bytes(), &sequence.to_be_bytes(), &mac].concat();
            let signature = blob(&key.clone().chain_update(signed).finalize().into_bytes());
            let set =
                format!("UPDATE audit_heads SET mac = {row_mac}, signature = {signature} WHERE {place}");
            installation.change(&set).await?;
        }
    }
    Ok(())
}

fn sign(key: &Hmac<Sha256>, previous: &[u8], at: i64, row: &Row) -> [u8; 32] {
    let mut mac = key.clone().chain_update(b"row\0").chain_update(previous);
    for number in [row.chain, row.sequence, at] {
        mac.update(&number.to_be_bytes());
    }
    for text in &row.texts {
        mac.update(&text.as_ref().map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
        mac.update(text.as_deref().unwrap_or_default().as_bytes());
    }
    mac.finalize().into_bytes().into()
}

async fn read(installation: &Installation) -> Result<Vec<Row>> {
    let (array, text) = match installation.postgres() {
        Ok(_) => ("jsonb_build_array", "::text"),
        Err(_) => ("json_array", ""),
    };
    let select = format!(
        "SELECT {array}(chain, sequence, at, caller, acting_for, action, record, outcome){text}
         FROM audit_log ORDER BY chain, sequence"
    );
    let rows = installation.query(&select).await?;
    rows.iter()
        .map(|row| {
            let row: Value = serde_json::from_str(row)?;
            let number = |index: usize| row[index].as_i64().context("no number");
            let texts = std::array::from_fn(|index| row[index + 3].as_str().map(str::to_owned));
            Ok(Row { chain: number(0)?, sequence: number(1)?, at: number(2)?, texts })
        })
        .collect()
}
