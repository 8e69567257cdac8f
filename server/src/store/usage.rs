//! How much of the server's own database one owner uses and may use. The migrations define what is
//! counted and refuse writes beyond a limit.

use super::{StoreError, operations};
use std::fmt;
use uuid::Uuid;

/// The counted tables, and their names for people. They are columns of `owner_usage`.
// Decision: docs/decisions/storage.md#the-database-counts-what-each-owner-has
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
    ("app_credential_projects", "app credentials assigned to projects"),
];
/// The column with the total of bytes.
pub(super) const BYTES: &str = "bytes";
/// The start of the triggers' message about a limit, before its name and number.
const PASSED: &str = "limit ";
/// The triggers' message after the owner's user was deleted.
pub(super) const GONE: &str = "the owner is gone";

/// An SQL expression for the total number of rows.
pub(super) fn total_rows() -> String {
    COUNTED.map(|(table, _)| table).join(" + ")
}

/// How much each owner may have; 0 is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UsageLimits {
    /// Rows of each table.
    pub(crate) rows: i64,
    /// Bytes in total.
    pub(crate) bytes: i64,
}

impl UsageLimits {
    /// The most rows of a table, if limited.
    pub(super) fn most_rows(self) -> Option<i64> {
        Some(self.rows).filter(|rows| *rows > 0)
    }

    /// The most bytes, if limited.
    pub(super) fn most_bytes(self) -> Option<i64> {
        Some(self.bytes).filter(|bytes| *bytes > 0)
    }
}

/// How much an owner has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The rows in all tables together.
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
}

/// The usage of every owner, by id.
pub(crate) type Usages = Vec<(Uuid, Usage)>;

operations! {
    /// The operations on `owner_usage`.
    trait OwnerUsage as DynOwnerUsage {
        /// The usage of every owner of records here.
        async fn usages(&self) -> Result<Usages, StoreError>;
    }
}

/// The limit that a write would have exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverLimit {
    /// The kind of rows, and the most there may be.
    Rows(&'static str, i64),
    Bytes(i64),
}

impl OverLimit {
    /// Parses the message of a trigger.
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
            "this user can have at most {what}; delete unneeded ones, or ask the operator to raise \
             {setting}"
        )
    }
}

/// Bytes of a MiB.
pub(crate) const MIB: i64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_limit_from_a_database_message() {
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
