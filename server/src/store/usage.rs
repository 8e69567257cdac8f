//! How much of the own database one owner takes, and may take. What is counted, and
//! where a write is refused that would pass a limit, the migrations say.

use super::{StoreError, operations};
use std::fmt;
use uuid::Uuid;

/// What is counted, and what people call it. These are columns of `owner_usage`.
pub(super) const COUNTED: [(&str, &str); 11] = [
    ("platform_connections", "connections"),
    ("platform_sessions", "sessions"),
    ("download_credentials", "download credentials"),
    ("capture_requests", "capture requests"),
    ("credential_types", "credential types"),
    ("credential_type_fields", "fields of credential types"),
    ("projects", "projects"),
    ("project_members", "members of projects"),
    ("app_credentials", "app credentials"),
    ("app_credential_keys", "values of app credentials"),
    ("app_credential_projects", "app credentials handed to projects"),
];
/// The column with the bytes of all of them together.
pub(super) const BYTES: &str = "bytes";
/// What the triggers say before the name of a limit and its number.
const PASSED: &str = "limit ";
/// What they say where the owner's user was deleted.
pub(super) const GONE: &str = "the owner is gone";

/// An expression for the rows of all tables together.
pub(super) fn total_rows() -> String {
    COUNTED.map(|(table, _)| table).join(" + ")
}

/// How much each owner may have; 0 is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UsageLimits {
    /// Rows of each table.
    pub(crate) rows: i64,
    /// Bytes of all of them together.
    pub(crate) bytes: i64,
}

impl UsageLimits {
    /// The most rows of a table, where there is a limit.
    pub(super) fn most_rows(self) -> Option<i64> {
        Some(self.rows).filter(|rows| *rows > 0)
    }

    /// The most bytes, where there is a limit.
    pub(super) fn most_bytes(self) -> Option<i64> {
        Some(self.bytes).filter(|bytes| *bytes > 0)
    }
}

/// How much an owner has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Of all tables together.
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
}

/// What every owner has, by his id.
pub(crate) type Usages = Vec<(Uuid, Usage)>;

operations! {
    /// `owner_usage`.
    trait OwnerUsage as DynOwnerUsage {
        /// What every owner of records here has.
        async fn usages(&self) -> Result<Usages, StoreError>;
    }
}

/// The limit that a write would have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverLimit {
    /// Of what, and how many there may be.
    Rows(&'static str, i64),
    Bytes(i64),
}

impl OverLimit {
    /// Reads what a trigger has said.
    pub(super) fn parse(message: &str) -> Option<Self> {
        let (name, most) = message.split_once(PASSED)?.1.split_once(' ')?;
        let most = most.trim().parse().ok()?;
        if name == BYTES {
            return Some(Self::Bytes(most));
        }
        COUNTED.iter().find(|(column, _)| *column == name).map(|(_, what)| Self::Rows(what, most))
    }
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, setting) = match self {
            Self::Rows(what, most) => (format!("{most} {what}"), "STAGEPASS_USER_RECORD_LIMIT"),
            Self::Bytes(most) => (format!("{} MiB of records", most / MIB), "STAGEPASS_USER_STORAGE_LIMIT"),
        };
        write!(
            f,
            "this user may have no more than {what}: delete some that are not needed, or ask the \
             operator to raise {setting}"
        )
    }
}

/// Bytes of a MiB.
pub(crate) const MIB: i64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_from_what_the_databases_say() {
        let parse = OverLimit::parse;
        assert_eq!(parse("limit projects 20"), Some(OverLimit::Rows("projects", 20)));
        assert_eq!(parse("ERROR SP002: limit bytes 1048576"), Some(OverLimit::Bytes(MIB)));
        for other in ["limit users 1", "limit projects", "limit projects x", "the key is retired", GONE] {
            assert_eq!(parse(other), None, "{other}");
        }
        let text = OverLimit::Rows("projects", 20).to_string();
        assert!(text.contains("20 projects") && text.contains("STAGEPASS_USER_RECORD_LIMIT"), "{text}");
    }
}
