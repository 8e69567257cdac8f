//! The current names of the users and records that rows of the audit log mention.

use super::super::error::CliError;
use super::super::output::tell;
use crate::audit::Row;
use crate::keyed_stores::KeyedStores;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Names by table and id, such as `users/…`.
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// The names of everything in `rows`. If Directus can't be asked for some of them, prints a
    /// warning.
    pub(super) async fn of(stores: &KeyedStores, rows: &[Row]) -> Result<Self, CliError> {
        let ids: BTreeSet<Uuid> = rows.iter().flat_map(ids).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut names = stores.database.record_names(ids.clone()).await?;
        match stores.names_in_directus(&ids).await {
            Ok(more) => names.extend(more),
            Err(error) => tell(&format!("can't read names from Directus, so ids are shown: {error}")),
        }
        names.retain(|_, name| !name.trim().is_empty());
        Ok(Self(names))
    }

    /// The name of a record, given as its table and id.
    pub(super) fn record(&self, record: &str) -> Option<&str> {
        self.0.get(record).map(String::as_str)
    }

    pub(super) fn user(&self, id: Uuid) -> Option<&str> {
        self.record(&format!("users/{id}"))
    }

    /// The name of a caller who is a user.
    pub(super) fn caller(&self, caller: &str) -> Option<&str> {
        self.record(&format!("users/{}", caller.strip_prefix("user:")?))
    }
}

/// The ids in a row.
fn ids(row: &Row) -> impl Iterator<Item = Uuid> {
    let entry = &row.entry;
    let record = entry.record.as_deref().and_then(|record| record.split_once('/'));
    let texts = [entry.caller.strip_prefix("user:"), record.map(|(_, id)| id)];
    let found: Vec<_> = texts.into_iter().flatten().filter_map(|id| Uuid::try_parse(id).ok()).collect();
    found.into_iter().chain(entry.acting_for)
}

#[cfg(test)]
impl Names {
    pub(super) fn given<const N: usize>(names: [(&str, &str); N]) -> Self {
        Self(names.map(|(record, name)| (record.to_owned(), name.to_owned())).into())
    }
}
