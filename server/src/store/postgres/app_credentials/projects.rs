//! The operations on `projects` and their members.

use super::{listed, listed_bytes};
use crate::audit::Entry;
use crate::store::postgres::transaction::{Acting, Parameters, Step, View};
use crate::store::postgres::{Postgres, bounds, row};
use crate::store::row_signer::{Membership, RowSigner};
use crate::store::{
    AddProject, Listed, MAX_OF_ONE_OWNER, Page, Project, ProjectEdit, Projects, SetMembers, StoreError,
};
use tokio_postgres::Row;
use uuid::Uuid;

/// Projects with their members.
macro_rules! select {
    ($($rest:tt)*) => {
        concat!(
            "SELECT id, owner_id, project_name, description, created_at, updated_at, mac,
                ARRAY(SELECT user_id FROM project_members WHERE project_id = projects.id ORDER BY user_id)
                    AS member_ids,
                ARRAY(SELECT mac FROM project_members WHERE project_id = projects.id ORDER BY user_id)
                    AS member_macs
            FROM projects ",
            $($rest)*
        )
    };
}

/// The projects that the user owns or is a member of; each kind is found by its own index.
macro_rules! seen_ids {
    () => {
        "SELECT id FROM projects WHERE owner_id = $1
        UNION SELECT project_id FROM project_members WHERE user_id = $1"
    };
}

macro_rules! page {
    () => {
        concat!(
            r#"SELECT id, project_name COLLATE "C" AS project_name FROM projects WHERE id IN ("#,
            seen_ids!(),
            r#") ORDER BY project_name COLLATE "C", id LIMIT $2 OFFSET $3"#
        )
    };
}

const FIND: &str = select!("WHERE id = $1");
const IDS_OF_PAGE: &str = ids!(page!());
/// The first projects, as many as can be read at once.
const FIRST_OF_PAGE: &str = select!(
    "WHERE id IN (",
    first_ids!(
        "40 * (SELECT count(*) FROM project_members WHERE project_id = listed.id)",
        "project_name, id",
        page!()
    ),
    r#") ORDER BY project_name COLLATE "C", id"#
);
const TOTAL: &str = concat!("SELECT count(*) FROM (", seen_ids!(), ") seen");
const NAMES: &str = r#"
    SELECT id, project_name FROM projects WHERE owner_id = $1 ORDER BY project_name COLLATE "C""#;
const OWN: &str = "SELECT count(*) FROM projects WHERE owner_id = $1";
const ADD: &str = "
    INSERT INTO projects (id, owner_id, project_name, description, created_at, updated_at, mac)
    SELECT $1, $2, $3, $4, $5, $6, $8 WHERE (SELECT count(*) FROM projects WHERE owner_id = $2) < $7
    ON CONFLICT (owner_id, project_name) DO NOTHING RETURNING id";
const UPDATE: &str = "
    UPDATE projects SET project_name = coalesce($3, project_name),
        description = CASE WHEN $4 THEN $5 ELSE description END, updated_at = $6
    WHERE id = $1 AND owner_id = $2 RETURNING id";
/// Transactions that assign credentials to the project wait for this lock, and this for them.
const LOCK: &str = "SELECT id FROM projects WHERE id = $1 AND owner_id = $2 FOR UPDATE";
/// Deleting the project changes its credentials. They are found by project, not among all
/// credentials of the owner, who also owns the assignments.
const TOUCH_CREDENTIALS: &str = "
    UPDATE app_credentials SET version = version + 1 WHERE id IN
        (SELECT credential_id FROM app_credential_projects WHERE project_id = $1 AND user_id = $2)";
const DELETE: &str = "DELETE FROM projects WHERE id = $1 AND owner_id = $2 RETURNING id";
/// Locks the users until the transaction ends, so that no user being deleted becomes a member.
const USERS: &str = "SELECT id FROM users WHERE id = ANY ($1) FOR KEY SHARE";
/// Returns no row if the members must be users and one is not.
const TOUCH: &str = "
    UPDATE projects SET updated_at = $3 WHERE id = $1 AND owner_id = $2
        AND (NOT $5 OR (SELECT count(*) FROM users WHERE id = ANY ($4)) = cardinality($4::uuid[]))
    RETURNING id";
/// Run these only in the transaction that touched the project. Members who stay keep the time at
/// which they were added.
const REMOVE_MEMBERS: &str = "
    DELETE FROM project_members
    WHERE project_id = (SELECT id FROM projects WHERE id = $1 AND xmin = pg_current_xact_id()::xid)
        AND owner_id = $2 AND user_id <> ALL ($3)";
const ADD_MEMBERS: &str = "
    INSERT INTO project_members (project_id, user_id, owner_id, added_at, mac)
    SELECT id, member_id, owner_id, $4, member_mac
    FROM projects, unnest($3::uuid[], $5::bytea[]) AS given (member_id, member_mac)
    WHERE id = $1 AND owner_id = $2 AND xmin = pg_current_xact_id()::xid
    ON CONFLICT (project_id, user_id) DO UPDATE SET mac = excluded.mac";

impl Projects for Postgres {
    async fn project(&self, id: Uuid) -> Result<Option<Project>, StoreError> {
        let rows = self.read(Acting::Service, &[Step(FIND, &[&id])]).await?;
        Ok(genuine(self, &rows).await?.pop())
    }

    async fn projects(&self, user_id: Uuid, page: Page) -> Result<Listed<Project>, StoreError> {
        let (limit, offset) = bounds(page);
        let on_page: Parameters<'_> = &[&user_id, &limit, &offset];
        let steps = [Step(FIRST_OF_PAGE, on_page), Step(IDS_OF_PAGE, on_page), Step(TOTAL, &[&user_id])];
        // Row-level security only knows owners, so other users' projects are read with the rights
        // of a service.
        let rows = self.read_all(Acting::Service, View::Snapshot, &steps).await?;
        let mut first = genuine(self, &rows[0]).await?;
        first.retain(|project| project.is_seen_by(user_id));
        listed(first, &rows[0], &rows[1], rows[2][0].try_get(0)?)
    }

    async fn own_projects(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        let rows = self.read(Acting::User(owner_id), &[Step(NAMES, &[&owner_id])]).await?;
        row::all(&rows, |found| Ok((found.try_get(0)?, found.try_get(1)?)))
    }

    async fn add_project(&self, new: Project, entry: Entry) -> Result<AddProject, StoreError> {
        let Project { id, owner_id, project_name, description, created_at, updated_at, .. } = &new;
        let mac = &self.signer()?.sign(&new)[..];
        let steps = [
            Step(OWN, &[owner_id]),
            Step(
                ADD,
                &[id, owner_id, project_name, description, created_at, updated_at, &MAX_OF_ONE_OWNER, &mac],
            ),
        ];
        let rows = self.write_audited(Acting::User(*owner_id), entry, &steps, 1).await?;
        let own: i64 = rows[0][0].try_get(0)?;
        Ok(if !rows[1].is_empty() {
            AddProject::Added
        } else if own >= MAX_OF_ONE_OWNER {
            AddProject::TooMany
        } else {
            AddProject::NameTaken
        })
    }

    async fn update_project(&self, edit: ProjectEdit, entry: Entry) -> Result<Option<bool>, StoreError> {
        let ProjectEdit { id, owner_id, project_name, description, updated_at } = &edit;
        let (is_described, description) =
            (description.is_some(), description.as_ref().and_then(Option::as_ref));
        let steps = [Step(UPDATE, &[id, owner_id, project_name, &is_described, &description, updated_at])];
        match self.write_audited(Acting::User(*owner_id), entry, &steps, 0).await {
            Ok(rows) => Ok((!rows[0].is_empty()).then_some(true)),
            Err(StoreError::Postgres(fault)) if fault.is_clash_of("project_name") => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }

    async fn delete_project(&self, owner_id: Uuid, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        let own: Parameters<'_> = &[&id, &owner_id];
        let steps = [Step(LOCK, own), Step(TOUCH_CREDENTIALS, own), Step(DELETE, own)];
        Ok(!self.write_audited(Acting::User(owner_id), entry, &steps, 2).await?[2].is_empty())
    }

    async fn set_project_members(
        &self,
        (owner_id, id): (Uuid, Uuid),
        member_ids: Vec<Uuid>,
        are_users: bool,
        now: i64,
        entry: Entry,
    ) -> Result<SetMembers, StoreError> {
        let signer = self.signer()?;
        let sign = |user_id: &Uuid| signer.sign(&Membership { project_id: id, user_id: *user_id }).to_vec();
        let macs: Vec<_> = member_ids.iter().map(sign).collect();
        let steps = [
            Step(USERS, &[&member_ids]),
            Step(TOUCH, &[&id, &owner_id, &now, &member_ids, &are_users]),
            Step(REMOVE_MEMBERS, &[&id, &owner_id, &member_ids]),
            Step(ADD_MEMBERS, &[&id, &owner_id, &member_ids, &now, &macs]),
        ];
        let rows = self.write_audited(Acting::User(owner_id), entry, &steps, 1).await?;
        Ok(if !rows[1].is_empty() {
            SetMembers::Set
        } else if are_users && rows[0].len() < member_ids.len() {
            SetMembers::UnknownUser
        } else {
            SetMembers::Gone
        })
    }
}

/// The genuine projects with their genuine members.
async fn genuine(store: &Postgres, rows: &[Row]) -> Result<Vec<Project>, StoreError> {
    let signer = store.signer()?;
    let read = |found: &Row| {
        let project = read(found)?;
        let macs: Vec<Option<&[u8]>> = found.try_get("member_macs")?;
        let member_ids = genuine_members(&signer, &project, &macs);
        Ok(Project { member_ids, ..project })
    };
    store.genuine(row::all(rows, row::kept(read))?).await
}

fn genuine_members(signer: &RowSigner, project: &Project, macs: &[Option<&[u8]>]) -> Vec<Uuid> {
    let members = project.member_ids.iter().zip(macs);
    let kept = members
        .map(|(user_id, mac)| (Membership { project_id: project.id, user_id: *user_id }, row::mac(*mac)));
    kept.filter_map(|kept| signer.check(kept)).map(|member| member.user_id).collect()
}

/// A project with everyone listed as a member.
pub(in crate::store::postgres) fn read(found: &Row) -> Result<Project, StoreError> {
    Ok(Project {
        id: found.try_get("id")?,
        owner_id: found.try_get("owner_id")?,
        project_name: found.try_get("project_name")?,
        description: found.try_get("description")?,
        member_ids: found.try_get("member_ids")?,
        created_at: found.try_get("created_at")?,
        updated_at: found.try_get("updated_at")?,
    })
}
