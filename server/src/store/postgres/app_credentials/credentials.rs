//! The operations on `app_credentials`, their values, and the projects they are assigned to.

use super::{listed, listed_bytes};
use crate::audit::Entry;
use crate::store::app_credentials::VERSION;
use crate::store::postgres::transaction::{Acting, Parameters, Step, View};
use crate::store::postgres::{Postgres, bounds, row};
use crate::store::row_signer::{Assignment, RowSigner};
use crate::store::{
    Actor, AppCredential, AppCredentialFilter, AppCredentials, Listed, MAX_CREDENTIALS_OF_PROJECT, Page,
    PutAppCredential, Revision, Sealed, SealedColumn, SealedRecords as _, SealedValue, StoreError, fold,
    value_id,
};
use tokio_postgres::Row;
use uuid::Uuid;

/// Credentials with their parts from other tables.
macro_rules! select {
    ($($rest:tt)*) => {
        concat!(
            "SELECT id, owner_id, credential_name, credential_type_id, description, version, created_at,
                updated_at,
                ARRAY(SELECT field_id FROM app_credential_keys WHERE credential_id = c.id ORDER BY field_id)
                    AS field_ids,
                ARRAY(SELECT encrypted_value FROM app_credential_keys WHERE credential_id = c.id
                    ORDER BY field_id) AS encrypted_values,
                ARRAY(SELECT project_id FROM app_credential_projects WHERE credential_id = c.id
                    ORDER BY project_id) AS project_ids,
                ARRAY(SELECT mac FROM app_credential_projects WHERE credential_id = c.id
                    ORDER BY project_id) AS project_macs
            FROM app_credentials c ",
            $($rest)*
        )
    };
}

/// The first credentials of a list, as many as can be read at once. PostgreSQL knows a value's
/// length without reading it.
macro_rules! first {
    ($ids:expr) => {
        select!(
            "WHERE id IN (",
            first_ids!(
                "(SELECT coalesce(sum(octet_length(encrypted_value)), 0) FROM app_credential_keys
                    WHERE credential_id = listed.id)
                 + 40 * (SELECT count(*) FROM app_credential_projects WHERE credential_id = listed.id)",
                "created_at DESC, id",
                $ids
            ),
            ") ORDER BY created_at DESC, id"
        )
    };
}

/// Finds a project's credentials through its assignments. One user owns all of them.
macro_rules! by_project {
    () => {
        "SELECT id, created_at FROM app_credentials
        WHERE id IN (SELECT credential_id FROM app_credential_projects WHERE project_id = $1 AND user_id = $2)
        ORDER BY created_at DESC, id"
    };
}

macro_rules! page {
    () => {
        "SELECT id, created_at FROM app_credentials WHERE owner_id = $1
        ORDER BY created_at DESC, id LIMIT $2 OFFSET $3"
    };
}

/// Filters the owner's credentials: by type and name, for which there is an index, or only by name.
macro_rules! of_type {
    ($type:literal, $search:literal) => {
        concat!("owner_id = $1 AND credential_type_id = ", $type, " AND ", named!($search))
    };
}

macro_rules! of_any_type {
    ($search:literal) => {
        concat!("owner_id = $1 AND ", named!($search))
    };
}

macro_rules! named {
    ($search:literal) => {
        concat!("strpos(folded_name, coalesce(", $search, ", '')) > 0")
    };
}

macro_rules! filtered {
    ($filter:expr) => {
        concat!(
            "SELECT id, created_at FROM app_credentials WHERE ",
            $filter,
            " ORDER BY created_at DESC, id LIMIT $2 OFFSET $3"
        )
    };
}

const FIND: &str = select!("WHERE id = $1");
const IDS_BY_PROJECT: &str = ids!(by_project!());
const FIRST_BY_PROJECT: &str = first!(by_project!());
const IDS_OF_PAGE: &str = ids!(page!());
const FIRST_OF_PAGE: &str = first!(page!());
const TOTAL: &str = "SELECT app_credentials FROM owner_usage WHERE owner_id = $1";
/// The number, the ids and the first of the credentials of a type.
const OF_TYPE: [&str; 3] = [
    concat!("SELECT count(*) FROM app_credentials WHERE ", of_type!("$2", "$3")),
    ids!(filtered!(of_type!("$4", "$5"))),
    first!(filtered!(of_type!("$4", "$5"))),
];
/// The same for all types.
const OF_ANY_TYPE: [&str; 3] = [
    concat!("SELECT count(*) FROM app_credentials WHERE ", of_any_type!("$2")),
    ids!(filtered!(of_any_type!("$4"))),
    first!(filtered!(of_any_type!("$4"))),
];
/// Locks what the change relies on until the transaction ends. Only one transaction at a time locks
/// a project and counts its credentials.
const HOLD_TYPE: &str = "SELECT id FROM credential_types WHERE id = $1 AND updated_at = $2 FOR SHARE";
// Decision: docs/decisions/app-credentials.md#assigning-a-credential-locks-the-project
const HOLD_PROJECTS: &str =
    "SELECT id FROM projects WHERE id = ANY ($1) AND owner_id = $2 ORDER BY id FOR NO KEY UPDATE";
/// Projects that already have the most other credentials.
macro_rules! full_projects {
    ($id:literal, $projects:literal, $most:literal) => {
        concat!(
            "SELECT project_id FROM app_credential_projects WHERE project_id = ANY (",
            $projects,
            ") AND credential_id <> ",
            $id,
            " GROUP BY project_id HAVING count(*) >= ",
            $most
        )
    };
}

const FULL_PROJECTS: &str = full_projects!("$1", "$2", "$3");
const ADD: &str = concat!(
    "
    INSERT INTO app_credentials (id, owner_id, credential_name, folded_name, credential_type_id, description,
        version, created_at, updated_at)
    SELECT $1, $2, $3, $4, t.id, $6, $7, $8, $8 FROM credential_types t
    WHERE t.id = $5 AND t.updated_at = $9
        AND (SELECT count(*) FROM projects WHERE id = ANY ($10) AND owner_id = $2) = cardinality($10::uuid[])
        AND NOT EXISTS (",
    full_projects!("$1", "$10", "$11"),
    ")
    ON CONFLICT (owner_id, credential_name) DO NOTHING RETURNING id"
);
const UPDATE: &str = "
    UPDATE app_credentials c SET credential_name = $3, folded_name = $4, description = $5, version = $6,
        updated_at = $7
    FROM credential_types t
    WHERE c.id = $1 AND c.owner_id = $2 AND c.version + 1 = $6 AND t.id = credential_type_id
        AND t.updated_at = $8
    RETURNING c.id";
/// Run these only in the transaction that created or changed the credential.
// Decision: docs/decisions/app-credentials.md#a-pipelined-statement-checks-what-earlier-ones-wrote
const DELETE_VALUES: &str = "
    DELETE FROM app_credential_keys
    WHERE credential_id = (SELECT id FROM app_credentials WHERE id = $1 AND xmin = pg_current_xact_id()::xid)
        AND field_id <> ALL ($2)";
const PUT_VALUES: &str = "
    INSERT INTO app_credential_keys (id, user_id, credential_id, field_id, encrypted_value, credentials_version)
    SELECT given.id, c.owner_id, c.id, field_id, encrypted_value, 'v2'
    FROM app_credentials c, unnest($2::uuid[], $3::uuid[], $4::text[]) AS given (id, field_id, encrypted_value)
    WHERE c.id = $1 AND c.xmin = pg_current_xact_id()::xid";
const PUT_PROJECTS: &str = "
    INSERT INTO app_credential_projects (credential_id, project_id, user_id, assigned_at, mac)
    SELECT c.id, project_id, c.owner_id, $3, mac
    FROM app_credentials c, unnest($2::uuid[], $4::bytea[]) AS given (project_id, mac)
    WHERE c.id = $1 AND c.xmin = pg_current_xact_id()::xid";
const TYPE_ID: &str = "SELECT credential_type_id FROM app_credentials WHERE id = $1 AND owner_id = $2";
const TOUCH: &str = concat!(
    "
    UPDATE app_credentials c SET version = version + 1 FROM credential_types t
    WHERE c.id = $1 AND c.owner_id = $2 AND credential_type_id = $7 AND t.id = $7
        AND ($3::bigint IS NULL OR version = $3 AND t.updated_at = $4)
        AND (SELECT count(*) FROM projects WHERE id = ANY ($5) AND owner_id = $2) = cardinality($5::uuid[])
        AND NOT EXISTS (",
    full_projects!("$1", "$5", "$6"),
    ")
    RETURNING c.id"
);
const DELETE_PROJECTS: &str = "
    DELETE FROM app_credential_projects
    WHERE credential_id = (SELECT id FROM app_credentials WHERE id = $1 AND xmin = pg_current_xact_id()::xid)";
const DELETE: &str = "
    DELETE FROM app_credentials c USING credential_types t
    WHERE c.id = $1 AND c.owner_id = $2 AND t.id = credential_type_id
        AND ($3::bigint IS NULL OR version = $3 AND t.updated_at = $4)
    RETURNING c.id";

impl AppCredentials for Postgres {
    async fn add_app_credential(
        &self,
        new: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        let AppCredential { id, owner_id, credential_name, credential_type_id, description, .. } = &new;
        let AppCredential { project_ids, version, created_at, .. } = &new;
        let folded_name = fold(credential_name);
        let NewValues { ids: value_ids, field_ids, blobs } = NewValues::of(&new);
        let macs = sign_assignments(&*self.signer()?, (*owner_id, *id, *credential_type_id), project_ids);
        let steps = [
            Step(HOLD_TYPE, &[credential_type_id, &type_updated_at]),
            Step(HOLD_PROJECTS, &[project_ids, owner_id]),
            Step(FULL_PROJECTS, &[id, project_ids, &MAX_CREDENTIALS_OF_PROJECT]),
            Step(
                ADD,
                &[
                    id,
                    owner_id,
                    credential_name,
                    &folded_name,
                    credential_type_id,
                    description,
                    version,
                    created_at,
                    &type_updated_at,
                    project_ids,
                    &MAX_CREDENTIALS_OF_PROJECT,
                ],
            ),
            Step(PUT_VALUES, &[id, &value_ids, &field_ids, &blobs]),
            Step(PUT_PROJECTS, &[id, project_ids, created_at, &macs]),
        ];
        let rows = self.write_audited(Acting::User(*owner_id), entry, &steps, 3).await?;
        Ok(if !rows[3].is_empty() {
            PutAppCredential::Stored
        } else if rows[0].is_empty() {
            PutAppCredential::Stale
        } else if rows[1].len() < project_ids.len() {
            PutAppCredential::UnknownProject
        } else if !rows[2].is_empty() {
            PutAppCredential::ProjectFull
        } else {
            PutAppCredential::NameTaken
        })
    }

    async fn update_app_credential(
        &self,
        changed: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        let AppCredential { id, owner_id, credential_name, credential_type_id, description, .. } = &changed;
        let AppCredential { version, updated_at, .. } = &changed;
        let folded_name = fold(credential_name);
        let NewValues { ids: value_ids, field_ids, blobs } = NewValues::of(&changed);
        let kept: Vec<_> =
            changed.values.iter().filter(|value| !value.is_new).map(|value| value.field_id).collect();
        let steps = [
            Step(HOLD_TYPE, &[credential_type_id, &type_updated_at]),
            Step(
                UPDATE,
                &[
                    id,
                    owner_id,
                    credential_name,
                    &folded_name,
                    description,
                    version,
                    updated_at,
                    &type_updated_at,
                ],
            ),
            Step(DELETE_VALUES, &[id, &kept]),
            Step(PUT_VALUES, &[id, &value_ids, &field_ids, &blobs]),
        ];
        match self.write_audited(Acting::User(*owner_id), entry, &steps, 1).await {
            Ok(rows) if rows[1].is_empty() => Ok(PutAppCredential::Stale),
            Ok(_) => Ok(PutAppCredential::Stored),
            Err(StoreError::Postgres(fault)) if fault.is_clash_of("credential_name") => {
                Ok(PutAppCredential::NameTaken)
            }
            Err(error) => Err(error),
        }
    }

    async fn app_credential(&self, actor: Actor, id: Uuid) -> Result<Option<AppCredential>, StoreError> {
        // Row-level security shows the actor no other credentials.
        let rows = self.read(actor.into(), &[Step(FIND, &[&id])]).await?;
        Ok(read_all(self, &rows).await?.pop())
    }

    async fn app_credentials_of(
        &self,
        owner_id: Uuid,
        filter: AppCredentialFilter,
        page: Page,
    ) -> Result<Listed<AppCredential>, StoreError> {
        let (limit, offset) = bounds(page);
        let AppCredentialFilter { credential_type_id, folded_search } = &filter;
        let ([total, ids, first], filter): (_, Parameters<'_>) = match (credential_type_id, folded_search) {
            (None, None) => ([TOTAL, IDS_OF_PAGE, FIRST_OF_PAGE], &[]),
            (Some(type_id), search) => (OF_TYPE, &[type_id, search]),
            (None, search) => (OF_ANY_TYPE, &[search]),
        };
        let owner: Parameters<'_> = &[&owner_id];
        let on_page: Parameters<'_> = &[&owner_id, &limit, &offset];
        let (counted, on_page) = ([owner, filter].concat(), [on_page, filter].concat());
        let steps = [Step(total, &counted), Step(ids, &on_page), Step(first, &on_page)];
        let rows = self.read_all(Acting::User(owner_id), View::Snapshot, &steps).await?;
        // An owner without credentials has no total yet.
        let total: Option<i64> = row::optional(&rows[0], |found| Ok(found.try_get(0)?))?;
        listed(read_all(self, &rows[2]).await?, &rows[2], &rows[1], total.unwrap_or(0))
    }

    async fn app_credentials_by_project(
        &self,
        (owner_id, project_id): (Uuid, Uuid),
    ) -> Result<Listed<AppCredential>, StoreError> {
        let parameters: Parameters<'_> = &[&project_id, &owner_id];
        let steps = [Step(IDS_BY_PROJECT, parameters), Step(FIRST_BY_PROJECT, parameters)];
        let rows = self.read_all(Acting::Service, View::Snapshot, &steps).await?;
        let total = rows[0].len().try_into().unwrap_or(i64::MAX);
        let mut first = read_all(self, &rows[1]).await?;
        // The others were not assigned by their owner.
        first.retain(|found| found.project_ids.contains(&project_id));
        listed(first, &rows[1], &rows[0], total)
    }

    async fn delete_app_credential(
        &self,
        owner_id: Uuid,
        id: Uuid,
        known: Option<Revision>,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let (version, type_updated_at) = known.map(|known| (known.version, known.type_updated_at)).unzip();
        let steps = [Step(DELETE, &[&id, &owner_id, &version, &type_updated_at])];
        Ok(!self.write_audited(Acting::User(owner_id), entry, &steps, 0).await?[0].is_empty())
    }

    async fn assign_app_credential(
        &self,
        (owner_id, id): (Uuid, Uuid),
        known: Option<Revision>,
        project_ids: Vec<Uuid>,
        now: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        let (version, type_updated_at) = known.map(|known| (known.version, known.type_updated_at)).unzip();
        let rows = self.read(Acting::User(owner_id), &[Step(TYPE_ID, &[&id, &owner_id])]).await?;
        let type_id: Option<Uuid> = row::optional(&rows, |found| Ok(found.try_get(0)?))?;
        let Some(type_id) = type_id else { return Ok(PutAppCredential::Stale) };
        let macs = sign_assignments(&*self.signer()?, (owner_id, id, type_id), &project_ids);
        let most = MAX_CREDENTIALS_OF_PROJECT;
        let steps = [
            Step(HOLD_PROJECTS, &[&project_ids, &owner_id]),
            Step(FULL_PROJECTS, &[&id, &project_ids, &most]),
            Step(TOUCH, &[&id, &owner_id, &version, &type_updated_at, &project_ids, &most, &type_id]),
            Step(DELETE_PROJECTS, &[&id]),
            Step(PUT_PROJECTS, &[&id, &project_ids, &now, &macs]),
        ];
        let rows = self.write_audited(Acting::User(owner_id), entry, &steps, 2).await?;
        Ok(if !rows[2].is_empty() {
            PutAppCredential::Stored
        } else if rows[0].len() < project_ids.len() {
            PutAppCredential::UnknownProject
        } else if !rows[1].is_empty() {
            PutAppCredential::ProjectFull
        } else {
            PutAppCredential::Stale
        })
    }

    async fn sealed_values(&self, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.sealed(SealedColumn::AppCredentialKeys, after, limit).await
    }

    async fn replace_sealed_value(&self, old: Sealed, blob: String) -> Result<bool, StoreError> {
        self.replace_sealed(old, blob, VERSION).await
    }
}

/// The new values of a credential, as columns.
struct NewValues<'a> {
    ids: Vec<Uuid>,
    field_ids: Vec<Uuid>,
    blobs: Vec<&'a str>,
}

impl<'a> NewValues<'a> {
    fn of(credential: &'a AppCredential) -> Self {
        let new: Vec<_> = credential.values.iter().filter(|value| value.is_new).collect();
        Self {
            ids: new.iter().map(|value| value_id(credential.id, value.field_id)).collect(),
            field_ids: new.iter().map(|value| value.field_id).collect(),
            blobs: new.iter().map(|value| &*value.blob).collect(),
        }
    }
}

fn sign_assignments(
    signer: &RowSigner,
    (owner_id, credential_id, credential_type_id): (Uuid, Uuid, Uuid),
    project_ids: &[Uuid],
) -> Vec<Vec<u8>> {
    let assignments = project_ids.iter().map(|project_id| Assignment {
        credential_id,
        project_id: *project_id,
        owner_id,
        credential_type_id,
    });
    assignments.map(|assignment| signer.sign(&assignment).to_vec()).collect()
}

/// Credentials with only those projects to which their owner assigned them.
async fn read_all(store: &Postgres, rows: &[Row]) -> Result<Vec<AppCredential>, StoreError> {
    let signer = store.signer()?;
    let credentials = row::all(rows, |found| read(&signer, found));
    signer.report_broken(store).await?;
    credentials
}

fn read(signer: &RowSigner, found: &Row) -> Result<AppCredential, StoreError> {
    let (credential_id, owner_id) = (found.try_get("id")?, found.try_get("owner_id")?);
    let credential_type_id = found.try_get("credential_type_id")?;
    let project_ids: Vec<Uuid> = found.try_get("project_ids")?;
    let macs: Vec<Option<&[u8]>> = found.try_get("project_macs")?;
    let assignments = project_ids.into_iter().zip(macs);
    let kept = assignments.map(|(project_id, mac)| {
        (Assignment { credential_id, project_id, owner_id, credential_type_id }, row::mac(mac))
    });
    let genuine = kept.filter_map(|kept| signer.check(kept));
    let field_ids: Vec<Uuid> = found.try_get("field_ids")?;
    let blobs: Vec<String> = found.try_get("encrypted_values")?;
    let values = field_ids.into_iter().zip(blobs).map(|(field_id, blob)| SealedValue {
        field_id,
        blob,
        is_new: false,
    });
    Ok(AppCredential {
        id: credential_id,
        owner_id,
        credential_name: found.try_get("credential_name")?,
        credential_type_id,
        description: found.try_get("description")?,
        values: values.collect(),
        project_ids: genuine.map(|assignment| assignment.project_id).collect(),
        version: found.try_get("version")?,
        created_at: found.try_get("created_at")?,
        updated_at: found.try_get("updated_at")?,
    })
}
