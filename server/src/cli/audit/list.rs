//! `stagepass-server audit list`.

use super::super::error::CliError;
use super::super::output::{say, tell, width};
use super::super::user::find_listed;
use super::names::Names;
use super::table::{self, KINDS};
use super::{TIME, time};
use crate::audit::{Caller, Row};
use crate::clock::render_ms;
use crate::keyed_stores::KeyedStores;
use crate::store::AuditFilter;
use clap::Args;
use serde::Serialize;
use stagepass_core::visible::escaped_json;
use uuid::Uuid;

#[derive(Args, Debug)]
#[command(after_help = format!("A TIME is {TIME}.\n\nExamples:\n  \
    stagepass-server audit list --user creator@example.org --since 7d\n  \
    stagepass-server audit list --service downloader --action reveal --json\n  \
    stagepass-server audit list --outcome failed --since 2026-01-01 --until 2026-02-01\n  \
    stagepass-server audit list --record 01890a5d-ac96-774b-bcce-b302099a8057"))]
pub(in crate::cli) struct ListArgs {
    /// Only actions on this record: its id, the name of a service token, or either with the table,
    /// as JSON shows it
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Only actions by, for or on this user: an e-mail address or an id
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    /// Only actions of the service with this token; without a name, of services with the shared
    /// secret
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    service: Option<String>,
    /// Only this action, such as reveal
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only this outcome: ok, failed (neither ok nor just started), or the start of its text
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only rows at this time or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only rows before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// The number of rows
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print one JSON object per row, with all ids
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(stores: &KeyedStores, args: ListArgs) -> Result<(), CliError> {
    let (limit, is_json) = (args.limit, args.json);
    let filter = args.filter(stores).await?;
    let rows = stores.database.newest_audit_rows(filter, limit).await?;
    if rows.is_empty() && !is_json {
        tell("no rows of the audit log match");
        return Ok(());
    }
    let names = Names::of(stores, &rows).await?;
    if is_json {
        return rows.iter().try_for_each(|row| say(&json(row, &names)?));
    }
    table::lines(&rows, &names, width()).iter().try_for_each(|line| say(line))
}

impl ListArgs {
    async fn filter(self, stores: &KeyedStores) -> Result<AuditFilter, CliError> {
        let user = match &self.user {
            Some(user) => Some(find_user(stores, user).await?),
            None => None,
        };
        let service = self.service.map(|name| Some(name).filter(|name| !name.is_empty()));
        Ok(AuditFilter {
            since: self.since.unwrap_or(i64::MIN),
            until: self.until.unwrap_or(i64::MAX),
            records: self.record.as_deref().map(records),
            user,
            service: service.map(|name| Caller::Service(name).to_string()),
            action: self.action,
            outcome: self.outcome,
        })
    }
}

/// The records that the text can mean.
fn records(text: &str) -> Vec<String> {
    let tables = KINDS.iter().map(|(table, _)| table);
    if tables.clone().any(|table| text.strip_prefix(table).is_some_and(|rest| rest.starts_with('/'))) {
        return vec![text.to_owned()];
    }
    // Rows spell an id in one way only.
    let id = Uuid::try_parse(text).map_or_else(|_| text.to_owned(), |id| id.to_string());
    tables.map(|table| format!("{table}/{id}")).collect()
}

/// The id of a user named by address or id.
async fn find_user(stores: &KeyedStores, user: &str) -> Result<Uuid, CliError> {
    if let Ok(id) = Uuid::try_parse(user) {
        return Ok(id);
    }
    find_listed(&*stores.database, user).await?.ok_or_else(|| {
        CliError::User(format!(
            "there is no user {user} here; for a deleted user or one in Directus, give the id"
        ))
    })
}

/// A row for programs. Names are the current ones.
#[derive(Serialize)]
struct Listed<'a> {
    chain: i64,
    sequence: i64,
    at: String,
    caller: &'a str,
    caller_name: Option<&'a str>,
    acting_for: Option<Uuid>,
    acting_for_name: Option<&'a str>,
    action: &'a str,
    record: Option<&'a str>,
    record_name: Option<&'a str>,
    outcome: &'a str,
}

fn json(row: &Row, names: &Names) -> Result<String, CliError> {
    let entry = &row.entry;
    let listed = Listed {
        chain: row.chain,
        sequence: row.sequence,
        at: render_ms(entry.at),
        caller: &entry.caller,
        caller_name: names.caller(&entry.caller),
        acting_for: entry.acting_for,
        acting_for_name: entry.acting_for.and_then(|id| names.user(id)),
        action: &entry.action,
        record: entry.record.as_deref(),
        record_name: entry.record.as_deref().and_then(|record| names.record(record)),
        outcome: &entry.outcome,
    };
    let json = serde_json::to_string(&listed).map_err(|error| CliError::Output(error.into()))?;
    Ok(escaped_json(&json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_record_with_its_table_or_in_every_table() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(records(&format!("users/{id}")), [format!("users/{id}")]);
        let of_any = records(&id.to_uppercase());
        assert!(of_any.len() == 11 && of_any.contains(&format!("platform_sessions/{id}")));
        assert!(records("my/worker").contains(&"service_tokens/my/worker".to_owned()));
    }
}
