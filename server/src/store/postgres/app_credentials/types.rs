//! The operations on `credential_types` and their fields.

use super::{listed, listed_bytes};
use crate::audit::Entry;
use crate::store::postgres::transaction::{Acting, Parameters, Step, View};
use crate::store::postgres::{Postgres, bounds, row};
use crate::store::row_signer::Kept;
use crate::store::{
    CredentialType, CredentialTypes, DeleteType, FieldType, Listed, MAX_OF_ONE_OWNER, Page, PutType,
    StoreError, TypeField,
};
use crate::words::Word as _;
use std::collections::HashMap;
use tokio_postgres::Row;
use uuid::Uuid;

/// The built-in types and the owner's; each kind is found by its own index.
macro_rules! usable {
    () => {
        r#"SELECT id, type_name COLLATE "C" AS type_name FROM credential_types WHERE owner_id IS NULL
        UNION ALL SELECT id, type_name COLLATE "C" FROM credential_types WHERE owner_id = $1"#
    };
}

/// The types on a page.
macro_rules! page {
    () => {
        concat!("SELECT * FROM (", usable!(), ") usable ORDER BY type_name, id LIMIT $2 OFFSET $3")
    };
}

/// The first types, as many as can be read at once.
macro_rules! first {
    () => {
        first_ids!(
            "(SELECT coalesce(sum(octet_length(field_name) + octet_length(field_label) + 160), 0)
              FROM credential_type_fields WHERE type_id = listed.id)",
            "type_name, id",
            page!()
        )
    };
}

const TOTAL: &str = concat!("SELECT count(*) FROM (", usable!(), ") usable");
const IDS_OF_PAGE: &str = ids!(page!());
const FIRST_OF_PAGE: &str = concat!(
    "SELECT id, owner_id, type_name, description, created_at, updated_at, mac FROM credential_types
    WHERE id IN (",
    first!(),
    r#") ORDER BY type_name COLLATE "C", id"#
);
const FIELDS_OF_PAGE: &str = concat!(
    "SELECT type_id, id, field_name, field_label, field_type, required, sensitive
    FROM credential_type_fields WHERE type_id IN (",
    first!(),
    ") ORDER BY position"
);
const NAMES: &str = concat!("SELECT * FROM (", usable!(), ") usable ORDER BY type_name, id");
const FIND: &str = "
    SELECT id, owner_id, type_name, description, created_at, updated_at, mac
    FROM credential_types WHERE id = $1";
const FIELDS: &str = "
    SELECT type_id, id, field_name, field_label, field_type, required, sensitive
    FROM credential_type_fields WHERE type_id = $1 ORDER BY position";
const ADD: &str = "
    INSERT INTO credential_types (id, owner_id, type_name, description, created_at, updated_at, mac)
    SELECT $1, $2, $3, $4, $5, $6, $8 WHERE (SELECT count(*) FROM credential_types WHERE owner_id = $2) < $7
    RETURNING id";
/// Transactions that store credentials of the type wait for this lock, and this for them.
const LOCK: &str = "SELECT updated_at FROM credential_types WHERE id = $1 AND owner_id = $2 FOR UPDATE";
/// Values of the owner in fields that would disappear or change. The caller, who has checked the
/// type's MAC, passes the fields: their rows are not trusted.
macro_rules! lost_values {
    () => {
        "app_credential_keys JOIN unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[])
            AS known (id, field_name, field_type, sensitive) ON known.id = field_id
        WHERE NOT EXISTS (
            SELECT FROM unnest($5::uuid[], $6::text[], $7::text[], $8::boolean[])
                AS kept (id, field_name, field_type, sensitive)
            WHERE kept.id = known.id AND kept.field_name = known.field_name
                AND kept.field_type = known.field_type AND kept.sensitive >= known.sensitive
        )"
    };
}

/// How many credentials have such values.
const USES: &str = concat!("SELECT count(DISTINCT credential_id) FROM ", lost_values!());
const UPDATE: &str = concat!(
    "UPDATE credential_types
    SET type_name = $9, description = $10, updated_at = greatest($11, updated_at + 1), mac = $12
    WHERE id = $13 AND owner_id = $14 AND updated_at = $15 AND NOT EXISTS (SELECT FROM ",
    lost_values!(),
    ") RETURNING id"
);
/// Fields can swap names, so first free all names. Run only in the transaction that changed the
/// type.
const MAKE_ROOM: &str = "
    UPDATE credential_type_fields SET field_name = id::text
    WHERE type_id = (SELECT id FROM credential_types WHERE id = $1 AND xmin = pg_current_xact_id()::xid)";
const DELETE_FIELDS: &str = "
    DELETE FROM credential_type_fields
    WHERE type_id = (SELECT id FROM credential_types WHERE id = $1 AND xmin = pg_current_xact_id()::xid)
        AND id <> ALL ($2)";
const PUT_FIELDS: &str = "
    INSERT INTO credential_type_fields
        (id, owner_id, type_id, position, field_name, field_label, field_type, required, sensitive)
    SELECT given.id, t.owner_id, t.id, position, field_name, field_label, field_type, required, sensitive
    FROM credential_types t, unnest(
        $2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::boolean[]
    ) WITH ORDINALITY AS given (id, field_name, field_label, field_type, required, sensitive, position)
    WHERE t.id = $1 AND t.xmin = pg_current_xact_id()::xid
    ON CONFLICT (id) DO UPDATE SET position = excluded.position, field_name = excluded.field_name,
        field_label = excluded.field_label, field_type = excluded.field_type,
        required = excluded.required, sensitive = excluded.sensitive";
const CREDENTIALS: &str = "SELECT count(*) FROM app_credentials WHERE credential_type_id = $1";
const DELETE: &str = "
    DELETE FROM credential_types WHERE id = $1 AND owner_id = $2
        AND NOT EXISTS (SELECT FROM app_credentials WHERE credential_type_id = $1) RETURNING id";

/// The fields of a type, as columns.
struct Columns<'a> {
    ids: Vec<Uuid>,
    names: Vec<&'a str>,
    labels: Vec<&'a str>,
    types: Vec<&'a str>,
    required: Vec<bool>,
    sensitive: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn of(fields: &'a [TypeField]) -> Self {
        Self {
            ids: fields.iter().map(|field| field.id).collect(),
            names: fields.iter().map(|field| &*field.field_name).collect(),
            labels: fields.iter().map(|field| &*field.field_label).collect(),
            types: fields.iter().map(|field| field.field_type.as_str()).collect(),
            required: fields.iter().map(|field| field.required).collect(),
            sensitive: fields.iter().map(|field| field.sensitive).collect(),
        }
    }
}

impl CredentialTypes for Postgres {
    async fn credential_types(
        &self,
        owner_id: Uuid,
        page: Page,
    ) -> Result<Listed<CredentialType>, StoreError> {
        let (limit, offset) = bounds(page);
        let on_page: Parameters<'_> = &[&owner_id, &limit, &offset];
        let steps = [
            Step(FIRST_OF_PAGE, on_page),
            Step(FIELDS_OF_PAGE, on_page),
            Step(TOTAL, &[&owner_id]),
            Step(IDS_OF_PAGE, on_page),
        ];
        let rows = self.read_all(Acting::User(owner_id), View::Snapshot, &steps).await?;
        let first = self.genuine(read_types(&rows)?).await?;
        listed(first, &rows[0], &rows[3], rows[2][0].try_get(0)?)
    }

    async fn type_names(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        let rows = self.read(Acting::User(owner_id), &[Step(NAMES, &[&owner_id])]).await?;
        row::all(&rows, |found| Ok((found.try_get(0)?, found.try_get(1)?)))
    }

    async fn credential_type(&self, id: Uuid) -> Result<Option<CredentialType>, StoreError> {
        let steps = [Step(FIND, &[&id]), Step(FIELDS, &[&id])];
        let rows = self.read_all(Acting::Service, View::Snapshot, &steps).await?;
        self.genuine_one(read_types(&rows)?.pop()).await
    }

    async fn add_credential_type(&self, new: CredentialType, entry: Entry) -> Result<PutType, StoreError> {
        let CredentialType { id, owner_id, type_name, description, created_at, updated_at, fields } = &new;
        let of = Columns::of(fields);
        let mac = &self.signer()?.sign(&new)[..];
        let steps = [
            Step(
                ADD,
                &[id, owner_id, type_name, description, created_at, updated_at, &MAX_OF_ONE_OWNER, &mac],
            ),
            Step(PUT_FIELDS, &[id, &of.ids, &of.names, &of.labels, &of.types, &of.required, &of.sensitive]),
        ];
        let put_it =
            |rows: Vec<Vec<Row>>| if rows[0].is_empty() { PutType::TooMany } else { PutType::Stored };
        put(self.write_audited(owner(&new), entry, &steps, 0).await.map(put_it))
    }

    async fn update_credential_type(
        &self,
        changed: CredentialType,
        known: CredentialType,
        entry: Entry,
    ) -> Result<PutType, StoreError> {
        let CredentialType { id, owner_id, type_name, description, updated_at, fields, .. } = &changed;
        let (of, had) = (Columns::of(fields), Columns::of(&known.fields));
        let mac = &self.signer()?.sign(&changed)[..];
        let lost: Parameters<'_> =
            &[&had.ids, &had.names, &had.types, &had.sensitive, &of.ids, &of.names, &of.types, &of.sensitive];
        let update: Parameters<'_> =
            &[type_name, description, updated_at, &mac, id, owner_id, &known.updated_at];
        let update = [lost, update].concat();
        let steps = [
            Step(LOCK, &[id, owner_id]),
            Step(USES, lost),
            Step(UPDATE, &update),
            Step(MAKE_ROOM, &[id]),
            Step(DELETE_FIELDS, &[id, &of.ids]),
            Step(PUT_FIELDS, &[id, &of.ids, &of.names, &of.labels, &of.types, &of.required, &of.sensitive]),
        ];
        put(self.write_audited(owner(&changed), entry, &steps, 2).await.and_then(|rows| {
            let uses: i64 = rows[1][0].try_get(0)?;
            let updated_at: Option<i64> = rows[0].first().map(|found| found.try_get(0)).transpose()?;
            Ok(match updated_at {
                None => PutType::Gone,
                Some(_) if !rows[2].is_empty() => PutType::Stored,
                Some(updated_at) if updated_at != known.updated_at => PutType::Stale,
                Some(_) => PutType::FieldInUse(uses.unsigned_abs()),
            })
        }))
    }

    async fn delete_credential_type(
        &self,
        owner_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<DeleteType, StoreError> {
        let steps =
            [Step(LOCK, &[&id, &owner_id]), Step(CREDENTIALS, &[&id]), Step(DELETE, &[&id, &owner_id])];
        let rows = self.write_audited(Acting::User(owner_id), entry, &steps, 2).await?;
        let uses: i64 = rows[1][0].try_get(0)?;
        Ok(match (rows[0].is_empty(), rows[2].is_empty()) {
            (true, _) => DeleteType::Gone,
            (false, true) => DeleteType::InUse(uses.unsigned_abs()),
            (false, false) => DeleteType::Deleted,
        })
    }
}

/// Whose rights are needed to write a type; no one may write a built-in one.
fn owner(of: &CredentialType) -> Acting {
    of.owner_id.map_or(Acting::Nobody, Acting::User)
}

fn put(done: Result<PutType, StoreError>) -> Result<PutType, StoreError> {
    match done {
        Err(StoreError::Postgres(fault)) if fault.is_clash_of("type_name") => Ok(PutType::NameTaken),
        done => done,
    }
}

/// Types with all their fields.
fn read_types(rows: &[Vec<Row>]) -> Result<Vec<Kept<CredentialType>>, StoreError> {
    let fields = read_fields(&rows[1])?;
    row::all(&rows[0], row::kept(|found| read(found, &fields)))
}

/// Fields by type.
pub(in crate::store::postgres) type Fields = HashMap<Uuid, Vec<TypeField>>;

pub(in crate::store::postgres) fn read_fields(rows: &[Row]) -> Result<Fields, StoreError> {
    let mut fields = Fields::new();
    for found in rows {
        fields.entry(found.try_get("type_id")?).or_default().push(read_field(found)?);
    }
    Ok(fields)
}

pub(in crate::store::postgres) fn read(found: &Row, fields: &Fields) -> Result<CredentialType, StoreError> {
    let id = found.try_get("id")?;
    Ok(CredentialType {
        id,
        owner_id: found.try_get("owner_id")?,
        type_name: found.try_get("type_name")?,
        description: found.try_get("description")?,
        fields: fields.get(&id).cloned().unwrap_or_default(),
        created_at: found.try_get("created_at")?,
        updated_at: found.try_get("updated_at")?,
    })
}

fn read_field(found: &Row) -> Result<TypeField, StoreError> {
    Ok(TypeField {
        id: found.try_get("id")?,
        field_name: found.try_get("field_name")?,
        field_label: found.try_get("field_label")?,
        field_type: FieldType::parse(found.try_get("field_type")?)
            .ok_or(StoreError::UnknownWord("field_type"))?,
        required: found.try_get("required")?,
        sensitive: found.try_get("sensitive")?,
    })
}
