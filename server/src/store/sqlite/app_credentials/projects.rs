//! The operations on `projects` and their members.

use super::listed;
use crate::audit::Entry;
use crate::store::row_signer::{Membership, RowSigner};
use crate::store::sqlite::{Sqlite, row};
use crate::store::{
    AddProject, Listed, MAX_OF_ONE_OWNER, Page, Project, ProjectEdit, Projects, SetMembers, StoreError,
};
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

/// The columns for [`read`], in its order.
pub(in crate::store::sqlite) const PROJECT: &str =
    "id, owner_id, project_name, description, created_at, updated_at";

impl Projects for Sqlite {
    async fn project(&self, id: Uuid) -> Result<Option<Project>, StoreError> {
        self.read_signed(move |c, signer| {
            let c = c.unchecked_transaction()?;
            find_within(&c, signer, id)
        })
        .await
    }

    async fn projects(&self, user_id: Uuid, page: Page) -> Result<Listed<Project>, StoreError> {
        self.read_signed(move |c, signer| {
            let c = c.unchecked_transaction()?;
            let user = user_id.to_string();
            let seen = "FROM projects
                WHERE owner_id = ?1 OR id IN (SELECT project_id FROM project_members WHERE user_id = ?1)";
            let count = format!("SELECT count(*) {seen}");
            let total = c.prepare_cached(&count)?.query_row([&user], |found| found.get(0))?;
            let select = format!("SELECT id {seen} ORDER BY project_name, id LIMIT ?2 OFFSET ?3");
            let ids = c
                .prepare_cached(&select)?
                .query_map(params![user, page.size, page.offset()], |found| row::id(found, 0))?
                .collect::<Result<_>>()?;
            let find = |id| -> Result<_> {
                Ok(find_within(&c, signer, id)?.filter(|project| project.is_seen_by(user_id)))
            };
            listed(ids, total, find, bytes)
        })
        .await
    }

    async fn own_projects(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        self.read(move |c| {
            let select = "SELECT id, project_name FROM projects WHERE owner_id = ?1 ORDER BY project_name";
            let read = |found: &Row<'_>| Ok((row::id(found, 0)?, found.get(1)?));
            c.prepare_cached(select)?.query_map([owner_id.to_string()], read)?.collect()
        })
        .await
    }

    async fn add_project(&self, new: Project, entry: Entry) -> Result<AddProject, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |added| *added == AddProject::Added), move |c| {
            let count = "SELECT count(*) FROM projects WHERE owner_id = ?1";
            let own: i64 = c.query_row(count, [new.owner_id.to_string()], |found| found.get(0))?;
            if own >= MAX_OF_ONE_OWNER {
                return Ok(AddProject::TooMany);
            }
            let insert = format!(
                "INSERT INTO projects ({PROJECT}, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO NOTHING"
            );
            let (id, owner_id, mac) = (new.id.to_string(), new.owner_id.to_string(), signer.sign(&new));
            let columns =
                params![id, owner_id, new.project_name, new.description, new.created_at, new.updated_at, mac];
            let is_added = c.execute(&insert, columns)? > 0;
            Ok(if is_added { AddProject::Added } else { AddProject::NameTaken })
        })
        .await
    }

    async fn update_project(&self, edit: ProjectEdit, entry: Entry) -> Result<Option<bool>, StoreError> {
        self.write_audited((entry, |put| *put == Some(true)), move |c| {
            let ProjectEdit { project_name, description, updated_at, .. } = &edit;
            let (id, owner_id) = (edit.id.to_string(), edit.owner_id.to_string());
            let taken = "SELECT 1 FROM projects WHERE owner_id = ?1 AND project_name = ?2 AND id <> ?3";
            if c.prepare_cached(taken)?.exists((&owner_id, project_name, &id))? {
                return Ok(Some(false));
            }
            let update = "UPDATE projects SET project_name = coalesce(?3, project_name),
                description = iif(?4, ?5, description), updated_at = ?6 WHERE id = ?1 AND owner_id = ?2";
            let (is_described, description) =
                (description.is_some(), description.as_ref().and_then(Option::as_ref));
            let columns = params![id, owner_id, project_name, is_described, description, updated_at];
            c.execute(update, columns).map(|rows| (rows > 0).then_some(true))
        })
        .await
    }

    async fn delete_project(&self, owner_id: Uuid, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        self.write_audited((entry, |deleted| *deleted), move |c| {
            let own = [id.to_string(), owner_id.to_string()];
            // This changes its credentials. They are found by project, not among all of the
            // owner's: SQLite uses no index for a column with a +.
            let update = "UPDATE app_credentials SET version = version + 1 WHERE +owner_id = ?2
                AND id IN (SELECT credential_id FROM app_credential_projects WHERE project_id = ?1)";
            c.execute(update, own.clone())?;
            c.execute("DELETE FROM projects WHERE id = ?1 AND owner_id = ?2", own).map(|rows| rows > 0)
        })
        .await
    }

    async fn set_project_members(
        &self,
        own: (Uuid, Uuid),
        member_ids: Vec<Uuid>,
        are_users: bool,
        now: i64,
        entry: Entry,
    ) -> Result<SetMembers, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |set| *set == SetMembers::Set), move |c| {
            set_members(c, &signer, own, (&member_ids, are_users), now)
        })
        .await
    }
}

/// A project of any owner; call within a transaction.
fn find_within(c: &DbConnection, signer: &RowSigner, id: Uuid) -> Result<Option<Project>> {
    let select = format!("SELECT {PROJECT}, mac FROM projects WHERE id = ?1");
    let kept = c.prepare_cached(&select)?.query_row([id.to_string()], row::kept(read)).optional()?;
    let found = kept.and_then(|kept| signer.check(kept));
    found.map(|found| with_members(c, signer, found)).transpose()
}

/// About how much memory a project takes.
fn bytes(of: &Project) -> usize {
    const ID: usize = 40;
    of.project_name.len() + of.description.as_ref().map_or(0, String::len) + ID * (2 + of.member_ids.len())
}

fn with_members(c: &DbConnection, signer: &RowSigner, found: Project) -> Result<Project> {
    let select =
        format!("SELECT {MEMBERSHIP}, mac FROM project_members WHERE project_id = ?1 ORDER BY user_id");
    let members: Vec<_> = c
        .prepare_cached(&select)?
        .query_map([found.id.to_string()], row::kept(read_membership))?
        .collect::<Result<_>>()?;
    let genuine = members.into_iter().filter_map(|kept| signer.check(kept));
    Ok(Project { member_ids: genuine.map(|member| member.user_id).collect(), ..found })
}

/// The columns for [`read_membership`], in its order.
pub(in crate::store::sqlite) const MEMBERSHIP: &str = "project_id, user_id";

pub(in crate::store::sqlite) fn read_membership(found: &Row<'_>) -> Result<Membership> {
    Ok(Membership { project_id: row::id(found, 0)?, user_id: row::id(found, 1)? })
}

pub(in crate::store::sqlite) fn read(found: &Row<'_>) -> Result<Project> {
    Ok(Project {
        id: row::id(found, 0)?,
        owner_id: row::id(found, 1)?,
        project_name: found.get(2)?,
        description: found.get(3)?,
        member_ids: Vec::new(),
        created_at: found.get(4)?,
        updated_at: found.get(5)?,
    })
}

/// Sets the members of the owner's project.
fn set_members(
    c: &DbConnection,
    signer: &RowSigner,
    (owner_id, project_id): (Uuid, Uuid),
    (member_ids, are_users): (&[Uuid], bool),
    now: i64,
) -> Result<SetMembers> {
    let mut user = c.prepare_cached("SELECT 1 FROM users WHERE id = ?1")?;
    for member_id in member_ids.iter().filter(|_| are_users) {
        if !user.exists([member_id.to_string()])? {
            return Ok(SetMembers::UnknownUser);
        }
    }
    let update = "UPDATE projects SET updated_at = ?3 WHERE id = ?1 AND owner_id = ?2";
    let id = project_id.to_string();
    if c.execute(update, params![id, owner_id.to_string(), now])? == 0 {
        return Ok(SetMembers::Gone);
    }
    // Members who stay keep the time at which they were added.
    let listed = serde_json::json!(member_ids).to_string();
    let remove = "DELETE FROM project_members WHERE project_id = ?1
        AND user_id NOT IN (SELECT value FROM json_each(?2))";
    c.execute(remove, (&id, listed))?;
    let mut add = c.prepare_cached(
        "INSERT INTO project_members (project_id, user_id, added_at, mac) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET mac = ?4",
    )?;
    for user_id in member_ids.iter().copied() {
        let mac = signer.sign(&Membership { project_id, user_id });
        add.execute(params![id, user_id.to_string(), now, mac])?;
    }
    Ok(SetMembers::Set)
}
