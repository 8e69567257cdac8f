//! The operations on `app_credentials`, their values, and the projects they are assigned to.

use super::listed;
use crate::audit::Entry;
use crate::store::app_credentials::VERSION;
use crate::store::row_signer::{Assignment, RowSigner};
use crate::store::sqlite::{Sqlite, row};
use crate::store::{
    Actor, AppCredential, AppCredentialFilter, AppCredentials, Listed, MAX_CREDENTIALS_OF_PROJECT, Page,
    PutAppCredential, Revision, Sealed, SealedColumn, SealedRecords as _, SealedValue, StoreError, fold,
    value_id,
};
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

const CREDENTIAL: &str =
    "id, owner_id, credential_name, credential_type_id, description, version, created_at, updated_at";

impl AppCredentials for Sqlite {
    async fn add_app_credential(
        &self,
        new: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |put| *put == PutAppCredential::Stored), move |c| {
            add(c, &signer, &new, type_updated_at)
        })
        .await
    }

    async fn update_app_credential(
        &self,
        changed: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        self.write_audited((entry, |put| *put == PutAppCredential::Stored), move |c| {
            update(c, &changed, type_updated_at)
        })
        .await
    }

    async fn app_credential(&self, actor: Actor, id: Uuid) -> Result<Option<AppCredential>, StoreError> {
        self.read_signed(move |c, signer| {
            let c = c.unchecked_transaction()?;
            find_within(&c, signer, actor, id)
        })
        .await
    }

    async fn app_credentials_of(
        &self,
        owner_id: Uuid,
        filter: AppCredentialFilter,
        page: Page,
    ) -> Result<Listed<AppCredential>, StoreError> {
        self.read_signed(move |c, signer| list_page(c, signer, owner_id, &filter, page)).await
    }

    async fn app_credentials_by_project(
        &self,
        (owner_id, project_id): (Uuid, Uuid),
    ) -> Result<Listed<AppCredential>, StoreError> {
        self.read_signed(move |c, signer| {
            let c = c.unchecked_transaction()?;
            // Search through the project, not among all credentials of the owner: SQLite uses no
            // index for a column with a +.
            let select = "SELECT id FROM app_credentials
                WHERE id IN (SELECT credential_id FROM app_credential_projects WHERE project_id = ?1)
                    AND +owner_id = ?2
                ORDER BY created_at DESC, id";
            let ids: Vec<_> = c
                .prepare_cached(select)?
                .query_map([project_id.to_string(), owner_id.to_string()], |found| row::id(found, 0))?
                .collect::<Result<_>>()?;
            let total = ids.len() as u64;
            let find = |id| -> Result<_> {
                let found = find_within(&c, signer, Actor::User(owner_id), id)?;
                // The others were not assigned by their owner.
                Ok(found.filter(|found| found.project_ids.contains(&project_id)))
            };
            listed(ids, total, find, bytes)
        })
        .await
    }

    async fn delete_app_credential(
        &self,
        owner_id: Uuid,
        id: Uuid,
        known: Option<Revision>,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.write_audited((entry, |deleted| *deleted), move |c| {
            let is_known = is_known(c, (owner_id, id), known)?;
            if is_known {
                c.execute("DELETE FROM app_credentials WHERE id = ?1", [id.to_string()])?;
            }
            Ok(is_known)
        })
        .await
    }

    async fn assign_app_credential(
        &self,
        (owner_id, id): (Uuid, Uuid),
        known: Option<Revision>,
        project_ids: Vec<Uuid>,
        now: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |put| *put == PutAppCredential::Stored), move |c| {
            if !are_own_projects(c, owner_id, &project_ids)? {
                return Ok(PutAppCredential::UnknownProject);
            }
            if !is_known(c, (owner_id, id), known)? {
                return Ok(PutAppCredential::Stale);
            }
            if is_one_full(c, id, &project_ids)? {
                return Ok(PutAppCredential::ProjectFull);
            }
            c.execute("UPDATE app_credentials SET version = version + 1 WHERE id = ?1", [id.to_string()])?;
            c.execute("DELETE FROM app_credential_projects WHERE credential_id = ?1", [id.to_string()])?;
            let select = "SELECT credential_type_id FROM app_credentials WHERE id = ?1";
            let type_id = c.prepare_cached(select)?.query_row([id.to_string()], |found| row::id(found, 0))?;
            put_projects(c, &signer, (owner_id, id, type_id), &project_ids, now)?;
            Ok(PutAppCredential::Stored)
        })
        .await
    }

    async fn sealed_values(&self, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.sealed(SealedColumn::AppCredentialKeys, after, limit).await
    }

    async fn replace_sealed_value(&self, old: Sealed, blob: String) -> Result<bool, StoreError> {
        self.replace_sealed(old, blob, VERSION).await
    }
}

/// A credential that the actor may access; call within a transaction.
fn find_within(
    c: &DbConnection,
    signer: &RowSigner,
    actor: Actor,
    id: Uuid,
) -> Result<Option<AppCredential>> {
    let select = format!("SELECT {CREDENTIAL} FROM app_credentials WHERE id = ?1");
    let found = c.prepare_cached(&select)?.query_row([id.to_string()], read).optional()?;
    let found = found.filter(|found| actor.may_have(found.owner_id));
    found.map(|found| complete(c, signer, found)).transpose()
}

/// About how much memory a credential takes.
fn bytes(of: &AppCredential) -> usize {
    const ID: usize = 40;
    let values = of.values.iter().map(|value| value.blob.len()).sum::<usize>();
    values
        + of.credential_name.len()
        + of.description.as_ref().map_or(0, String::len)
        + ID * (1 + of.values.len() + of.project_ids.len())
}

/// A page of the owner's credentials.
fn list_page(
    c: &DbConnection,
    signer: &RowSigner,
    owner_id: Uuid,
    filter: &AppCredentialFilter,
    page: Page,
) -> Result<Listed<AppCredential>> {
    let c = c.unchecked_transaction()?;
    let owner = Actor::User(owner_id);
    let owner_id = owner_id.to_string();
    let type_id = filter.credential_type_id.map(|id| id.to_string());
    let search = &filter.folded_search;
    // Conditions that filter nothing are left out, so that an index fits.
    let by_type = if type_id.is_some() { "AND credential_type_id = ?2" } else { "AND ?2 IS NULL" };
    let by_name = if search.is_some() { "AND instr(folded_name, ?3) > 0" } else { "AND ?3 IS NULL" };
    let total = if type_id.is_none() && search.is_none() {
        let kept = "SELECT app_credentials FROM owner_usage WHERE owner_id = ?1";
        c.prepare_cached(kept)?.query_row([&owner_id], |found| found.get(0)).optional()?.unwrap_or(0)
    } else {
        let count = format!("SELECT count(*) FROM app_credentials WHERE owner_id = ?1 {by_type} {by_name}");
        c.prepare_cached(&count)?.query_row(params![owner_id, type_id, search], |found| found.get(0))?
    };
    let select = format!(
        "SELECT id FROM app_credentials WHERE owner_id = ?1 {by_type} {by_name}
         ORDER BY created_at DESC, id LIMIT ?4 OFFSET ?5"
    );
    let ids = c
        .prepare_cached(&select)?
        .query_map(params![owner_id, type_id, search, page.size, page.offset()], |found| row::id(found, 0))?
        .collect::<Result<_>>()?;
    listed(ids, total, |id| find_within(&c, signer, owner, id), bytes)
}

fn add(
    c: &DbConnection,
    signer: &RowSigner,
    new: &AppCredential,
    type_updated_at: i64,
) -> Result<PutAppCredential> {
    if !is_type_unchanged(c, new.credential_type_id, type_updated_at)? {
        return Ok(PutAppCredential::Stale);
    }
    if is_taken(c, new)? {
        return Ok(PutAppCredential::NameTaken);
    }
    if !are_own_projects(c, new.owner_id, &new.project_ids)? {
        return Ok(PutAppCredential::UnknownProject);
    }
    if is_one_full(c, new.id, &new.project_ids)? {
        return Ok(PutAppCredential::ProjectFull);
    }
    c.prepare_cached(
                     "INSERT INTO app_credentials (id, owner_id, credential_name, folded_name, credential_type_id, description,
                      version, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     )?
                     .execute(params![
                         new.id.to_string(),
                         new.owner_id.to_string(),
                         new.credential_name,
                         fold(&new.credential_name),
                         new.credential_type_id.to_string(),
                         new.description,
                         new.version,
                         new.created_at,
                         new.updated_at
                     ])?;
    put_values(c, new)?;
    let of = (new.owner_id, new.id, new.credential_type_id);
    put_projects(c, signer, of, &new.project_ids, new.created_at)?;
    Ok(PutAppCredential::Stored)
}

/// Changes a credential that still has the previous version.
fn update(c: &DbConnection, changed: &AppCredential, type_updated_at: i64) -> Result<PutAppCredential> {
    if !is_type_unchanged(c, changed.credential_type_id, type_updated_at)? {
        return Ok(PutAppCredential::Stale);
    }
    if is_taken(c, changed)? {
        return Ok(PutAppCredential::NameTaken);
    }
    let update = "UPDATE app_credentials SET credential_name = ?3, folded_name = ?4, description = ?5,
        version = ?6, updated_at = ?7 WHERE id = ?1 AND owner_id = ?2 AND version = ?6 - 1";
    let updated = c.prepare_cached(update)?.execute(params![
        changed.id.to_string(),
        changed.owner_id.to_string(),
        changed.credential_name,
        fold(&changed.credential_name),
        changed.description,
        changed.version,
        changed.updated_at
    ])?;
    if updated == 0 {
        return Ok(PutAppCredential::Stale);
    }
    let kept: Vec<_> =
        changed.values.iter().filter(|value| !value.is_new).map(|value| value.field_id).collect();
    let delete = "DELETE FROM app_credential_keys
        WHERE credential_id = ?1 AND field_id NOT IN (SELECT value FROM json_each(?2))";
    c.prepare_cached(delete)?.execute((changed.id.to_string(), serde_json::json!(kept).to_string()))?;
    put_values(c, changed)?;
    Ok(PutAppCredential::Stored)
}

/// Whether the owner has the credential, as it is `known`.
fn is_known(c: &DbConnection, (owner_id, id): (Uuid, Uuid), known: Option<Revision>) -> Result<bool> {
    let select = "SELECT 1 FROM app_credentials c JOIN credential_types t ON t.id = credential_type_id
        WHERE c.id = ?1 AND c.owner_id = ?2 AND (?3 IS NULL OR version = ?3 AND t.updated_at = ?4)";
    let (version, type_updated_at) = known.map(|known| (known.version, known.type_updated_at)).unzip();
    c.prepare_cached(select)?.exists((id.to_string(), owner_id.to_string(), version, type_updated_at))
}

fn is_type_unchanged(c: &DbConnection, type_id: Uuid, updated_at: i64) -> Result<bool> {
    let select = "SELECT 1 FROM credential_types WHERE id = ?1 AND updated_at = ?2";
    c.prepare_cached(select)?.exists((type_id.to_string(), updated_at))
}

fn is_taken(c: &DbConnection, wanted: &AppCredential) -> Result<bool> {
    let select = "SELECT 1 FROM app_credentials WHERE owner_id = ?1 AND credential_name = ?2 AND id <> ?3";
    let AppCredential { id, owner_id, credential_name, .. } = wanted;
    c.prepare_cached(select)?.exists((owner_id.to_string(), credential_name, id.to_string()))
}

fn are_own_projects(c: &DbConnection, owner_id: Uuid, project_ids: &[Uuid]) -> Result<bool> {
    let mut own = c.prepare_cached("SELECT 1 FROM projects WHERE id = ?1 AND owner_id = ?2")?;
    for project_id in project_ids {
        if !own.exists((project_id.to_string(), owner_id.to_string()))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether one of the projects already has the most other credentials.
fn is_one_full(c: &DbConnection, id: Uuid, project_ids: &[Uuid]) -> Result<bool> {
    let count = "SELECT count(*) FROM app_credential_projects WHERE project_id = ?1 AND credential_id <> ?2";
    let mut count = c.prepare_cached(count)?;
    for project_id in project_ids {
        let others: i64 = count.query_row((project_id.to_string(), id.to_string()), |found| found.get(0))?;
        if others >= MAX_CREDENTIALS_OF_PROJECT {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Stores the new values.
fn put_values(c: &DbConnection, of: &AppCredential) -> Result<()> {
    let mut insert = c.prepare_cached(
        "INSERT INTO app_credential_keys (id, user_id, credential_id, field_id, encrypted_value, credentials_version)
         VALUES (?1, ?2, ?3, ?4, ?5, 'v2')",
    )?;
    for SealedValue { field_id, blob, .. } in of.values.iter().filter(|value| value.is_new) {
        insert.execute(params![
            value_id(of.id, *field_id).to_string(),
            of.owner_id.to_string(),
            of.id.to_string(),
            field_id.to_string(),
            blob
        ])?;
    }
    Ok(())
}

fn put_projects(
    c: &DbConnection,
    signer: &RowSigner,
    (owner_id, credential_id, credential_type_id): (Uuid, Uuid, Uuid),
    project_ids: &[Uuid],
    now: i64,
) -> Result<()> {
    let mut insert = c.prepare_cached(
        "INSERT INTO app_credential_projects (credential_id, project_id, assigned_at, mac)
         VALUES (?1, ?2, ?3, ?4)",
    )?;
    for project_id in project_ids.iter().copied() {
        let mac = signer.sign(&Assignment { credential_id, project_id, owner_id, credential_type_id });
        insert.execute(params![credential_id.to_string(), project_id.to_string(), now, mac])?;
    }
    Ok(())
}

/// The columns for [`read_assignment`], in its order.
pub(in crate::store::sqlite) const ASSIGNMENT: &str = "credential_id, project_id,
    (SELECT owner_id FROM app_credentials WHERE id = credential_id),
    (SELECT credential_type_id FROM app_credentials WHERE id = credential_id)";

pub(in crate::store::sqlite) fn read_assignment(found: &Row<'_>) -> Result<Assignment> {
    Ok(Assignment {
        credential_id: row::id(found, 0)?,
        project_id: row::id(found, 1)?,
        owner_id: row::id(found, 2)?,
        credential_type_id: row::id(found, 3)?,
    })
}

/// Adds the parts of a credential from other tables.
fn complete(c: &DbConnection, signer: &RowSigner, credential: AppCredential) -> Result<AppCredential> {
    let id = credential.id.to_string();
    let values = "SELECT field_id, encrypted_value FROM app_credential_keys WHERE credential_id = ?1";
    let read = |found: &Row<'_>| {
        Ok(SealedValue { field_id: row::id(found, 0)?, blob: found.get(1)?, is_new: false })
    };
    let values = c.prepare_cached(values)?.query_map([&id], read)?.collect::<Result<_>>()?;
    let projects = format!(
        "SELECT {ASSIGNMENT}, mac FROM app_credential_projects WHERE credential_id = ?1 ORDER BY project_id"
    );
    let assignments: Vec<_> =
        c.prepare_cached(&projects)?.query_map([&id], row::kept(read_assignment))?.collect::<Result<_>>()?;
    let genuine = assignments.into_iter().filter_map(|kept| signer.check(kept));
    let project_ids = genuine.map(|assignment| assignment.project_id).collect();
    Ok(AppCredential { values, project_ids, ..credential })
}

fn read(found: &Row<'_>) -> Result<AppCredential> {
    Ok(AppCredential {
        id: row::id(found, 0)?,
        owner_id: row::id(found, 1)?,
        credential_name: found.get(2)?,
        credential_type_id: row::id(found, 3)?,
        description: found.get(4)?,
        values: Vec::new(),
        project_ids: Vec::new(),
        version: found.get(5)?,
        created_at: found.get(6)?,
        updated_at: found.get(7)?,
    })
}
