//! The projects that use app credentials.

use super::{Listed, Page, StoreError, operations};
use crate::audit::Entry;
use uuid::Uuid;

/// A project, to which credentials are assigned.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) project_name: String,
    pub(crate) description: Option<String>,
    /// The members, in order of their ids.
    pub(crate) member_ids: Vec<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl Project {
    /// Whether the user is its owner or a member.
    pub(crate) fn is_seen_by(&self, user_id: Uuid) -> bool {
        self.owner_id == user_id || self.member_ids.contains(&user_id)
    }
}

/// The result of adding a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddProject {
    Added,
    NameTaken,
    /// The owner already has the most projects.
    TooMany,
}

/// An edit of an owner's project; `None` keeps a value.
#[derive(Clone, Debug)]
pub(crate) struct ProjectEdit {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) project_name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) updated_at: i64,
}

/// The result of setting a project's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetMembers {
    Set,
    /// A new member does not exist.
    UnknownUser,
    /// The owner has no such project.
    Gone,
}

operations! {
    /// The operations on `projects` and `project_members`.
    trait Projects as DynProjects {
        /// A project of any owner.
        async fn project(&self, id: Uuid) -> Result<Option<Project>, StoreError>;

        /// A page of the projects that the user owns or is a member of, by name.
        async fn projects(&self, user_id: Uuid, page: Page) -> Result<Listed<Project>, StoreError>;

        /// The ids and names of all projects of an owner, by name.
        async fn own_projects(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError>;

        /// Adds a new project.
        async fn add_project(&self, new: Project, entry: Entry) -> Result<AddProject, StoreError>;

        /// Changes the name and description of the owner's project; `None` if it does not exist,
        /// false if the name is taken.
        async fn update_project(&self, edit: ProjectEdit, entry: Entry) -> Result<Option<bool>, StoreError>;

        /// Deletes the owner's project; false if it does not exist.
        async fn delete_project(&self, owner_id: Uuid, id: Uuid, entry: Entry) -> Result<bool, StoreError>;

        /// Sets the members of a project, given by its owner and id. If `are_users`, they must be
        /// users of this database.
        async fn set_project_members(
            &self,
            own: (Uuid, Uuid),
            member_ids: Vec<Uuid>,
            are_users: bool,
            now: i64,
            entry: Entry,
        ) -> Result<SetMembers, StoreError>;
    }
}
