//! All rows that grant rights: signs them and checks their MACs.

use super::app_credentials::{credentials, projects, types};
use super::{Sqlite, connections, keys, refresh_tokens, row, service_tokens};
use crate::audit::ChainKey;
use crate::store::row_signer::{BrokenRow, RowSigner, SignedRow};
use crate::store::{SignedRows, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection as DbConnection, Result, Row, params_from_iter};
use std::iter;
use std::sync::Arc;

impl SignedRows for Sqlite {
    async fn set_chain_key(&self, key: Arc<ChainKey>) {
        // A second call changes nothing: the database has one key.
        let _ = self.signer.set(Arc::new(RowSigner::new(key)));
    }

    async fn sign_rows(
        &self,
        key: Arc<ChainKey>,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<Option<u64>, StoreError> {
        let signer = RowSigner::new(key);
        self.write(move |c| {
            let is_ours = keys::replace_own_key(c, name, &old, &new)?;
            is_ours.then(|| sign_all(c, &signer)).transpose()
        })
        .await
    }

    async fn broken_rows(&self) -> Result<Vec<String>, StoreError> {
        let signer = self.signer()?;
        self.read(move |c| {
            // All tables at the same moment.
            let c = c.unchecked_transaction()?;
            let mut search = Search { c: &c, signer: &signer, found: find_broken(&c, &signer)? };
            let permissions = format!("SELECT {} WHERE write_back_mac IS NOT NULL", connections::WRITE_BACK);
            search.rows(&["id"], &permissions, connections::write_back)?;
            Ok(search.found.into_iter().map(|found| found.row.label).collect())
        })
        .await
    }
}

/// Signs the rows without a MAC, and returns their number.
fn sign_all(c: &DbConnection, signer: &RowSigner) -> Result<u64> {
    let mut signed = 0;
    for Found { row, key, values } in find_broken(c, signer)? {
        let Some(mac) = row.missing else { continue };
        let known: Vec<_> = (2..).zip(key).map(|(number, column)| format!("{column} = ?{number}")).collect();
        let update = format!("UPDATE {} SET mac = ?1 WHERE {}", row.table, known.join(" AND "));
        let columns = iter::once(Value::Blob(mac.to_vec())).chain(values);
        c.prepare_cached(&update)?.execute(params_from_iter(columns))?;
        signed += 1;
    }
    Ok(signed)
}

/// A row that is not genuine, and the columns that identify it.
struct Found {
    row: BrokenRow,
    key: &'static [&'static str],
    values: Vec<Value>,
}

fn find_broken(c: &DbConnection, signer: &RowSigner) -> Result<Vec<Found>> {
    let mut search = Search { c, signer, found: Vec::new() };
    search.table(&["id"], row::USER, row::user)?;
    search.table(&["token_hash"], refresh_tokens::COLUMNS, refresh_tokens::read)?;
    search.table(&["name"], service_tokens::HASHED, service_tokens::read_hashed)?;
    search.table(&["id"], row::CONNECTION, row::connection)?;
    search.table(&["id"], row::SESSION, row::session)?;
    search.table(&["id"], row::DOWNLOAD_CREDENTIAL, row::download_credential)?;
    search.table(&["id"], types::TYPE, |row| types::read_whole(c, row))?;
    search.table(&["id"], projects::PROJECT, projects::read)?;
    search.table(&["project_id", "user_id"], projects::MEMBERSHIP, projects::read_membership)?;
    search.table(&["credential_id", "project_id"], credentials::ASSIGNMENT, credentials::read_assignment)?;
    Ok(search.found)
}

struct Search<'a> {
    c: &'a DbConnection,
    signer: &'a RowSigner,
    found: Vec<Found>,
}

impl Search<'_> {
    /// `columns` are those that `read` expects.
    fn table<R: SignedRow>(
        &mut self,
        key: &'static [&'static str],
        columns: &str,
        read: impl Fn(&Row<'_>) -> Result<R>,
    ) -> Result<()> {
        self.rows(key, &format!("SELECT {columns}, mac FROM {}", R::TABLE), read)
    }

    fn rows<R: SignedRow>(
        &mut self,
        key: &'static [&'static str],
        select: &str,
        read: impl Fn(&Row<'_>) -> Result<R>,
    ) -> Result<()> {
        let read = row::kept(read);
        let mut select = self.c.prepare(select)?;
        let mut rows = select.query([])?;
        while let Some(found) = rows.next()? {
            if let Some(row) = self.signer.fault_of(read(found)) {
                let values = key.iter().map(|column| found.get(*column)).collect::<Result<_>>()?;
                self.found.push(Found { row, key, values });
            }
        }
        Ok(())
    }
}
