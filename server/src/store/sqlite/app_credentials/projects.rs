//! `projects` and their members.

use super::listed;
use crate::store::sqlite::row;
use crate::store::{AddProject, Listed, MAX_OF_ONE_OWNER, Page, Project, ProjectEdit, SetMembers};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

const PROJECT: &str = "id, owner_id, project_name, description, created_at, updated_at";

/// A project, whoever's it is.
pub(super) fn find(c: &Connection, id: Uuid) -> Result<Option<Project>> {
    let c = c.unchecked_transaction()?;
    find_within(&c, id)
}

/// The same within a transaction.
fn find_within(c: &Connection, id: Uuid) -> Result<Option<Project>> {
    let select = format!("SELECT {PROJECT} FROM projects WHERE id = ?1");
    let found = c.prepare_cached(&select)?.query_row([id.to_string()], read).optional()?;
    found.map(|found| with_members(c, found)).transpose()
}

/// What a project takes in memory, about.
fn bytes(of: &Project) -> usize {
    const ID: usize = 40;
    of.project_name.len() + of.description.as_ref().map_or(0, String::len) + ID * (2 + of.member_ids.len())
}

/// A page of the projects that are the user's or have him as a member, by name.
pub(super) fn page(c: &Connection, user_id: Uuid, page: Page) -> Result<Listed<Project>> {
    let c = c.unchecked_transaction()?;
    let user_id = user_id.to_string();
    let seen = "FROM projects
        WHERE owner_id = ?1 OR id IN (SELECT project_id FROM project_members WHERE user_id = ?1)";
    let count = format!("SELECT count(*) {seen}");
    let total = c.prepare_cached(&count)?.query_row([&user_id], |found| found.get(0))?;
    let select = format!("SELECT id {seen} ORDER BY project_name, id LIMIT ?2 OFFSET ?3");
    let ids = c
        .prepare_cached(&select)?
        .query_map(params![user_id, page.size, page.offset()], |found| row::id(found, 0))?
        .collect::<Result<_>>()?;
    listed(ids, total, |id| find_within(&c, id), bytes)
}

/// The ids and names of all projects of an owner's, by name.
pub(super) fn own(c: &Connection, owner_id: Uuid) -> Result<Vec<(Uuid, String)>> {
    let select = "SELECT id, project_name FROM projects WHERE owner_id = ?1 ORDER BY project_name";
    let read = |found: &Row<'_>| Ok((row::id(found, 0)?, found.get(1)?));
    c.prepare_cached(select)?.query_map([owner_id.to_string()], read)?.collect()
}

fn with_members(c: &Connection, found: Project) -> Result<Project> {
    let select = "SELECT user_id FROM project_members WHERE project_id = ?1 ORDER BY user_id";
    let read = |found: &Row<'_>| row::id(found, 0);
    let member_ids =
        c.prepare_cached(select)?.query_map([found.id.to_string()], read)?.collect::<Result<_>>()?;
    Ok(Project { member_ids, ..found })
}

fn read(found: &Row<'_>) -> Result<Project> {
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

/// Stores a new project.
pub(super) fn add(c: &Connection, new: &Project) -> Result<AddProject> {
    let count = "SELECT count(*) FROM projects WHERE owner_id = ?1";
    let own: i64 = c.query_row(count, [new.owner_id.to_string()], |found| found.get(0))?;
    if own >= MAX_OF_ONE_OWNER {
        return Ok(AddProject::TooMany);
    }
    let insert =
        format!("INSERT INTO projects ({PROJECT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING");
    let (id, owner_id) = (new.id.to_string(), new.owner_id.to_string());
    let columns = params![id, owner_id, new.project_name, new.description, new.created_at, new.updated_at];
    let is_added = c.execute(&insert, columns)? > 0;
    Ok(if is_added { AddProject::Added } else { AddProject::NameTaken })
}

/// Gives the owner's project another name or description.
pub(super) fn update(c: &Connection, edit: &ProjectEdit) -> Result<Option<bool>> {
    let ProjectEdit { project_name, description, updated_at, .. } = edit;
    let (id, owner_id) = (edit.id.to_string(), edit.owner_id.to_string());
    let taken = "SELECT 1 FROM projects WHERE owner_id = ?1 AND project_name = ?2 AND id <> ?3";
    if c.prepare_cached(taken)?.exists((&owner_id, project_name, &id))? {
        return Ok(Some(false));
    }
    let update = "UPDATE projects SET project_name = coalesce(?3, project_name),
        description = iif(?4, ?5, description), updated_at = ?6 WHERE id = ?1 AND owner_id = ?2";
    let (is_described, description) = (description.is_some(), description.as_ref().and_then(Option::as_ref));
    let columns = params![id, owner_id, project_name, is_described, description, updated_at];
    c.execute(update, columns).map(|rows| (rows > 0).then_some(true))
}

/// Deletes the owner's project; false where there is none.
pub(super) fn delete(c: &Connection, owner_id: Uuid, id: Uuid) -> Result<bool> {
    let own = [id.to_string(), owner_id.to_string()];
    // Its credentials are changed by that.
    let update = "UPDATE app_credentials SET version = version + 1 WHERE owner_id = ?2
        AND id IN (SELECT credential_id FROM app_credential_projects WHERE project_id = ?1)";
    c.execute(update, own.clone())?;
    c.execute("DELETE FROM projects WHERE id = ?1 AND owner_id = ?2", own).map(|rows| rows > 0)
}

/// Says who the members of the owner's project are.
pub(super) fn set_members(
    c: &Connection,
    (owner_id, id): (Uuid, Uuid),
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
    let id = id.to_string();
    if c.execute(update, params![id, owner_id.to_string(), now])? == 0 {
        return Ok(SetMembers::Gone);
    }
    // Who was one before has been one since then.
    let listed = serde_json::json!(member_ids).to_string();
    let remove = "DELETE FROM project_members WHERE project_id = ?1
        AND user_id NOT IN (SELECT value FROM json_each(?2))";
    c.execute(remove, (&id, listed))?;
    let mut add =
        c.prepare_cached("INSERT INTO project_members VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    for member_id in member_ids {
        add.execute(params![id, member_id.to_string(), now])?;
    }
    Ok(SetMembers::Set)
}
