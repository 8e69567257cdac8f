//! The operations on `credential_types` and their fields.

use super::listed;
use crate::audit::Entry;
use crate::store::row_signer::RowSigner;
use crate::store::sqlite::{Sqlite, row};
use crate::store::{
    CredentialType, CredentialTypes, DeleteType, FieldType, Listed, MAX_OF_ONE_OWNER, Page, PutType,
    StoreError, TypeField,
};
use crate::words::Word as _;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection as DbConnection, Error, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

/// The columns for [`read_whole`], in its order.
pub(in crate::store::sqlite) const TYPE: &str =
    "id, owner_id, type_name, description, created_at, updated_at";

impl CredentialTypes for Sqlite {
    async fn credential_types(
        &self,
        owner_id: Uuid,
        page: Page,
    ) -> Result<Listed<CredentialType>, StoreError> {
        self.read_signed(move |c, signer| {
            // All statements must see the same rows.
            let c = c.unchecked_transaction()?;
            let owner_id = owner_id.to_string();
            let count = "SELECT count(*) FROM credential_types WHERE owner_id IS NULL OR owner_id = ?1";
            let total = c.prepare_cached(count)?.query_row([&owner_id], |found| found.get(0))?;
            let select = "SELECT id FROM credential_types WHERE owner_id IS NULL OR owner_id = ?1
                ORDER BY type_name, id LIMIT ?2 OFFSET ?3";
            let ids = c
                .prepare_cached(select)?
                .query_map(params![owner_id, page.size, page.offset()], |found| row::id(found, 0))?
                .collect::<Result<_>>()?;
            listed(ids, total, |id| find_within(&c, signer, id), bytes)
        })
        .await
    }

    async fn type_names(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        self.read(move |c| {
            let select = "SELECT id, type_name FROM credential_types WHERE owner_id IS NULL OR owner_id = ?1
                ORDER BY type_name, id";
            let read = |found: &Row<'_>| Ok((row::id(found, 0)?, found.get(1)?));
            c.prepare_cached(select)?.query_map([owner_id.to_string()], read)?.collect()
        })
        .await
    }

    async fn credential_type(&self, id: Uuid) -> Result<Option<CredentialType>, StoreError> {
        self.read_signed(move |c, signer| {
            let c = c.unchecked_transaction()?;
            find_within(&c, signer, id)
        })
        .await
    }

    async fn add_credential_type(&self, new: CredentialType, entry: Entry) -> Result<PutType, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |put| *put == PutType::Stored), move |c| {
            let insert =
                format!("INSERT INTO credential_types ({TYPE}, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
            if is_taken(c, &new)? {
                return Ok(PutType::NameTaken);
            }
            let count = "SELECT count(*) FROM credential_types WHERE owner_id = ?1";
            let own: i64 =
                c.query_row(count, [new.owner_id.map(|id| id.to_string())], |found| found.get(0))?;
            if own >= MAX_OF_ONE_OWNER {
                return Ok(PutType::TooMany);
            }
            c.execute(
                &insert,
                params![
                    new.id.to_string(),
                    new.owner_id.map(|id| id.to_string()),
                    new.type_name,
                    new.description,
                    new.created_at,
                    new.updated_at,
                    signer.sign(&new)
                ],
            )?;
            add_fields(c, &new)?;
            Ok(PutType::Stored)
        })
        .await
    }

    async fn update_credential_type(
        &self,
        changed: CredentialType,
        known: CredentialType,
        entry: Entry,
    ) -> Result<PutType, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |put| *put == PutType::Stored), move |c| {
            update(c, &signer, &changed, known.updated_at)
        })
        .await
    }

    async fn delete_credential_type(
        &self,
        owner_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<DeleteType, StoreError> {
        self.write_audited((entry, |deleted| *deleted == DeleteType::Deleted), move |c| {
            let uses = "SELECT count(*) FROM app_credentials WHERE credential_type_id = ?1";
            let own = (id.to_string(), owner_id.to_string());
            if !c.prepare("SELECT 1 FROM credential_types WHERE id = ?1 AND owner_id = ?2")?.exists(own)? {
                return Ok(DeleteType::Gone);
            }
            match c.query_row(uses, [id.to_string()], |found| found.get(0))? {
                0 => c
                    .execute("DELETE FROM credential_types WHERE id = ?1", [id.to_string()])
                    .map(|_| DeleteType::Deleted),
                count => Ok(DeleteType::InUse(count)),
            }
        })
        .await
    }
}

/// About how much memory a type takes.
fn bytes(of: &CredentialType) -> usize {
    const FIELD: usize = 160;
    let texts = of.fields.iter().map(|field| field.field_name.len() + field.field_label.len());
    texts.sum::<usize>() + FIELD * (1 + of.fields.len())
}

/// A type of any owner; call within a transaction.
fn find_within(c: &DbConnection, signer: &RowSigner, id: Uuid) -> Result<Option<CredentialType>> {
    let select = format!("SELECT {TYPE}, mac FROM credential_types WHERE id = ?1");
    let read = row::kept(|found| read_whole(c, found));
    let kept = c.prepare_cached(&select)?.query_row([id.to_string()], read).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)))
}

/// A type with its fields.
pub(in crate::store::sqlite) fn read_whole(c: &DbConnection, row: &Row<'_>) -> Result<CredentialType> {
    let found = read(row)?;
    let select = "SELECT id, field_name, field_label, field_type, required, sensitive
        FROM credential_type_fields WHERE type_id = ?1 ORDER BY position";
    let fields =
        c.prepare_cached(select)?.query_map([found.id.to_string()], read_field)?.collect::<Result<_>>()?;
    Ok(CredentialType { fields, ..found })
}

/// Changes the name, description and fields of the owner's type.
fn update(
    c: &DbConnection,
    signer: &RowSigner,
    changed: &CredentialType,
    known_updated_at: i64,
) -> Result<PutType> {
    let Some(kept) = find_own(c, signer, changed)? else { return Ok(PutType::Gone) };
    if kept.updated_at != known_updated_at {
        return Ok(PutType::Stale);
    }
    if is_taken(c, changed)? {
        return Ok(PutType::NameTaken);
    }
    let lost: Vec<_> =
        kept.fields.iter().filter(|field| !field.is_kept_in(&changed.fields)).map(|field| field.id).collect();
    let uses = "SELECT count(DISTINCT credential_id) FROM app_credential_keys
        WHERE field_id IN (SELECT value FROM json_each(?1))";
    let count = c.query_row(uses, [serde_json::json!(lost).to_string()], |found| found.get(0))?;
    if count > 0 {
        return Ok(PutType::FieldInUse(count));
    }
    let update =
        "UPDATE credential_types SET type_name = ?2, description = ?3, updated_at = max(?4, updated_at + 1),
            mac = ?5 WHERE id = ?1";
    let (id, mac) = (changed.id.to_string(), signer.sign(changed));
    c.execute(update, params![id, changed.type_name, changed.description, changed.updated_at, mac])?;
    // Fields can swap names and positions, so first free all of them.
    c.execute("UPDATE credential_type_fields SET field_name = id WHERE type_id = ?1", [&id])?;
    for field in kept.fields.iter().filter(|kept| changed.fields.iter().all(|field| field.id != kept.id)) {
        c.execute("DELETE FROM credential_type_fields WHERE id = ?1", [field.id.to_string()])?;
    }
    add_fields(c, changed)?;
    Ok(PutType::Stored)
}

fn find_own(
    c: &DbConnection,
    signer: &RowSigner,
    changed: &CredentialType,
) -> Result<Option<CredentialType>> {
    let select = format!("SELECT {TYPE}, mac FROM credential_types WHERE id = ?1 AND owner_id = ?2");
    let own = (changed.id.to_string(), changed.owner_id.map(|id| id.to_string()));
    let read = row::kept(|found| read_whole(c, found));
    let kept = c.prepare_cached(&select)?.query_row(own, read).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)))
}

fn is_taken(c: &DbConnection, wanted: &CredentialType) -> Result<bool> {
    let select = "SELECT 1 FROM credential_types WHERE owner_id = ?1 AND type_name = ?2 AND id <> ?3";
    let owner_id = wanted.owner_id.map(|id| id.to_string());
    c.prepare_cached(select)?.exists((owner_id, &wanted.type_name, wanted.id.to_string()))
}

/// Stores fields in order; existing ones are updated.
fn add_fields(c: &DbConnection, of: &CredentialType) -> Result<()> {
    let mut put = c.prepare_cached(
        "INSERT INTO credential_type_fields
             (id, type_id, position, field_name, field_label, field_type, required, sensitive)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET position = ?3, field_name = ?4, field_label = ?5, field_type = ?6,
             required = ?7, sensitive = ?8",
    )?;
    for (position, field) in of.fields.iter().enumerate() {
        put.execute(params![
            field.id.to_string(),
            of.id.to_string(),
            position,
            field.field_name,
            field.field_label,
            field.field_type.as_str(),
            field.required,
            field.sensitive
        ])?;
    }
    Ok(())
}

fn read(found: &Row<'_>) -> Result<CredentialType> {
    let owner_id = match found.get_ref(1)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(row::id(found, 1)?),
    };
    Ok(CredentialType {
        id: row::id(found, 0)?,
        owner_id,
        type_name: found.get(2)?,
        description: found.get(3)?,
        fields: Vec::new(),
        created_at: found.get(4)?,
        updated_at: found.get(5)?,
    })
}

fn read_field(found: &Row<'_>) -> Result<TypeField> {
    let unknown = || Error::FromSqlConversionFailure(3, Type::Text, Box::new(FromSqlError::InvalidType));
    Ok(TypeField {
        id: row::id(found, 0)?,
        field_name: found.get(1)?,
        field_label: found.get(2)?,
        field_type: FieldType::parse(found.get_ref(3)?.as_str()?).ok_or_else(unknown)?,
        required: found.get(4)?,
        sensitive: found.get(5)?,
    })
}
