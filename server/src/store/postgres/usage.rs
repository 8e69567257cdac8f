//! Reads the table `owner_usage`, which the schema's triggers maintain.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::store::usage::{BYTES, total_rows};
use crate::store::{OwnerUsage, StoreError, Usage, Usages};
use std::sync::LazyLock;

impl OwnerUsage for Postgres {
    async fn usages(&self) -> Result<Usages, StoreError> {
        static USAGES: LazyLock<String> =
            LazyLock::new(|| format!("SELECT owner_id, {BYTES}, {} AS total FROM owner_usage", total_rows()));
        row::all(&self.read(Acting::Maintenance, &[Step(&USAGES, &[])]).await?, |found| {
            let usage = Usage { rows: found.try_get("total")?, bytes: found.try_get(BYTES)? };
            Ok((found.try_get("owner_id")?, usage))
        })
    }
}
