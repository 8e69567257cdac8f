//! All rows that grant rights: signs them and checks their MACs.

use super::app_credentials::{projects, types};
use super::transaction::Acting;
use super::{Postgres, connections, keys, refresh_tokens, row, service_tokens};
use crate::audit::ChainKey;
use crate::store::row_signer::{Assignment, BrokenRow, Membership, RowSigner, SignedRow};
use crate::store::{SignedRows, StoreError};
use std::sync::Arc;
use tokio_postgres::{Client, Row, Transaction};

/// Rows read at a time.
const CHUNK: i32 = 1000;
/// Blocks writes to the tables while they are signed: an older server's rows come completely
/// before, or come after and are ignored. The order is the same everywhere.
const LOCK: &str =
    "LOCK TABLE users, refresh_tokens, service_tokens, platform_connections, platform_sessions,
    download_credentials, credential_types, credential_type_fields, projects, project_members,
    app_credentials, app_credential_projects IN SHARE ROW EXCLUSIVE MODE";
/// The position of a row, valid while its table is locked.
const PLACE: &str = "ctid::text AS place";

const USERS: &str = "id, email, password_hash, status, created_at, tokens_valid_from";
const REFRESH_TOKENS: &str = "token_hash, family_id, user_id, expires_at, spent_at";
const SERVICE_TOKENS: &str =
    "name, verbs, platforms, require_acting_user, created_at, revoked_at, token_hash";
const CONNECTIONS: &str =
    "id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at";
const SESSIONS: &str = "id, user_id, creator_profile_id, platform, cookie_count, entry_count,
    user_agent, status, captured_at, expires_at, revoked_at, renewed_by";
const DOWNLOAD_CREDENTIALS: &str =
    "id, user_id, creator_profile_id, platform, auth_type, username, display_name, created_at";
const TYPES: &str = "id, owner_id, type_name, description, created_at, updated_at";
const FIELDS: &str = "SELECT type_id, id, field_name, field_label, field_type, required, sensitive
    FROM credential_type_fields ORDER BY position";
const PROJECTS: &str = "id, owner_id, project_name, description, created_at, updated_at,
    '{}'::uuid[] AS member_ids";
const MEMBERSHIPS: &str = "project_id, user_id";
const ASSIGNMENTS: &str = "credential_id, project_id,
    (SELECT owner_id FROM app_credentials WHERE id = credential_id) AS owner_id,
    (SELECT credential_type_id FROM app_credentials WHERE id = credential_id) AS credential_type_id";
const WRITE_BACK: &str =
    "SELECT id, user_id, write_back_mac AS mac, ctid::text AS place FROM platform_connections
    WHERE write_back_mac IS NOT NULL";

impl SignedRows for Postgres {
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
        let mut connection = self.pool.get().await?;
        let (client, watch) = connection.parts();
        let signed = watch.patiently(sign(client, &signer, name, (&old, &new))).await?;
        connection.settle();
        Ok(signed)
    }

    async fn broken_rows(&self) -> Result<Vec<String>, StoreError> {
        let signer = self.signer()?;
        let mut connection = self.pool.get().await?;
        let (client, watch) = connection.parts();
        let labels = watch.patiently(find_labels(client, &signer)).await?;
        connection.settle();
        Ok(labels)
    }
}

async fn sign(
    client: &mut Client,
    signer: &RowSigner,
    name: &str,
    (old, new): (&str, &str),
) -> Result<Option<u64>, StoreError> {
    let transaction = client.transaction().await?;
    prepare(&transaction).await?;
    // Another server doing the same waits here, and then finds it done.
    if transaction.query_opt(keys::REPLACE_OWN_KEY, &[&name, &old, &new]).await?.is_none() {
        return Ok(None);
    }
    transaction.batch_execute(LOCK).await?;
    let mut signed = 0;
    for found in
        find_broken(&transaction, signer).await?.chunk_by(|one, next| one.row.table == next.row.table)
    {
        let missing = found.iter().filter_map(|found| Some((&*found.place, found.row.missing?.to_vec())));
        let (places, macs): (Vec<_>, Vec<_>) = missing.unzip();
        let update = format!(
            "UPDATE {} SET mac = given.mac FROM unnest($1::text[]::tid[], $2::bytea[]) AS given (place, mac)
             WHERE ctid = given.place",
            found[0].row.table
        );
        signed += transaction.execute(&update, &[&places, &macs]).await?;
    }
    transaction.commit().await?;
    Ok(Some(signed))
}

async fn find_labels(client: &mut Client, signer: &RowSigner) -> Result<Vec<String>, StoreError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    prepare(&transaction).await?;
    let found = find_broken(&transaction, signer).await?;
    let mut search = Search { transaction: &transaction, signer, found };
    search.rows(WRITE_BACK, connections::write_back).await?;
    let labels = search.found.into_iter().map(|found| found.row.label).collect();
    transaction.rollback().await?;
    Ok(labels)
}

/// Gives access to all users' rows without time limits.
async fn prepare(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let acting = Acting::Maintenance;
    let settings = format!(
        "SET LOCAL stagepass.actor = '{acting}'; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"
    );
    Ok(transaction.batch_execute(&settings).await?)
}

/// A row that is not genuine, and its position.
struct Found {
    row: BrokenRow,
    place: String,
}

async fn find_broken(transaction: &Transaction<'_>, signer: &RowSigner) -> Result<Vec<Found>, StoreError> {
    let mut search = Search { transaction, signer, found: Vec::new() };
    search.table(USERS, row::user).await?;
    search.table(REFRESH_TOKENS, refresh_tokens::read).await?;
    search.table(SERVICE_TOKENS, service_tokens::read_hashed).await?;
    search.table(CONNECTIONS, row::connection).await?;
    search.table(SESSIONS, row::session).await?;
    search.table(DOWNLOAD_CREDENTIALS, row::download_credential).await?;
    let fields = types::read_fields(&transaction.query(FIELDS, &[]).await?)?;
    search.table(TYPES, |found| types::read(found, &fields)).await?;
    search.table(PROJECTS, projects::read).await?;
    search.table(MEMBERSHIPS, read_membership).await?;
    search.table(ASSIGNMENTS, read_assignment).await?;
    Ok(search.found)
}

struct Search<'a> {
    transaction: &'a Transaction<'a>,
    signer: &'a RowSigner,
    found: Vec<Found>,
}

impl Search<'_> {
    /// Reads a few rows at a time. `columns` are those that `read` expects.
    async fn table<R: SignedRow>(
        &mut self,
        columns: &str,
        read: impl Fn(&Row) -> Result<R, StoreError>,
    ) -> Result<(), StoreError> {
        self.rows(&format!("SELECT {columns}, mac, {PLACE} FROM {}", R::TABLE), read).await
    }

    async fn rows<R: SignedRow>(
        &mut self,
        select: &str,
        read: impl Fn(&Row) -> Result<R, StoreError>,
    ) -> Result<(), StoreError> {
        let read = row::kept(read);
        let portal = self.transaction.bind(select, &[]).await?;
        loop {
            let rows = self.transaction.query_portal(&portal, CHUNK).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for found in &rows {
                if let Some(row) = self.signer.fault_of(read(found)) {
                    self.found.push(Found { row, place: found.try_get("place")? });
                }
            }
        }
    }
}

fn read_membership(found: &Row) -> Result<Membership, StoreError> {
    Ok(Membership { project_id: found.try_get("project_id")?, user_id: found.try_get("user_id")? })
}

fn read_assignment(found: &Row) -> Result<Assignment, StoreError> {
    Ok(Assignment {
        credential_id: found.try_get("credential_id")?,
        project_id: found.try_get("project_id")?,
        owner_id: found.try_get("owner_id")?,
        credential_type_id: found.try_get("credential_type_id")?,
    })
}
