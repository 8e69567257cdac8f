//! What app credentials are handed to.

use super::{Listed, Page, StoreError, operations};
use crate::audit::Entry;
use uuid::Uuid;

/// What credentials are handed to.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) project_name: String,
    pub(crate) description: Option<String>,
    /// In the order of their ids.
    pub(crate) member_ids: Vec<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl Project {
    /// Whether it is the user's or has the user as a member.
    pub(crate) fn is_seen_by(&self, user_id: Uuid) -> bool {
        self.owner_id == user_id || self.member_ids.contains(&user_id)
    }
}

/// What became of a new project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddProject {
    Added,
    NameTaken,
    /// The owner has as many as he can have.
    TooMany,
}

/// An edit of an owner's project; what is `None` stays.
#[derive(Clone, Debug)]
pub(crate) struct ProjectEdit {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) project_name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) updated_at: i64,
}

/// What became of a project's new members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetMembers {
    Set,
    /// One of them is no user.
    UnknownUser,
    /// There is no such project of the owner's.
    Gone,
}

operations! {
    /// `projects` and `project_members`.
    trait Projects as DynProjects {
        /// A project, whoever's it is.
        async fn project(&self, id: Uuid) -> Result<Option<Project>, StoreError>;

        /// A page of the projects that are the user's or have him as a member, by name.
        async fn projects(&self, user_id: Uuid, page: Page) -> Result<Listed<Project>, StoreError>;

        /// The ids and names of all projects of an owner's, by name.
        async fn own_projects(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError>;

        /// Stores a new project.
        async fn add_project(&self, new: Project, entry: Entry) -> Result<AddProject, StoreError>;

        /// Gives the owner's project another name or description; `None` where it
        /// is not there, false where the name is taken.
        async fn update_project(&self, edit: ProjectEdit, entry: Entry) -> Result<Option<bool>, StoreError>;

        /// Deletes the owner's project; false where there is none.
        async fn delete_project(&self, owner_id: Uuid, id: Uuid, entry: Entry) -> Result<bool, StoreError>;

        /// Says who the members of a project are, which is given by its owner and its id.
        /// Where `are_users` they must be users of this database.
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
