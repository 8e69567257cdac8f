//! The report of a capture on each of the browser's cookies and storage entries. Decides nothing
//! and never contains a value.

use crate::cookie::{CookieFault, MAX_COOKIES};
use crate::login::Login;
use crate::origin_storage::{Area, OriginStorage};
use crate::visible::{MAX_SHOWN_CHARS, printable_start};
use serde::{Serialize, Serializer};
use thiserror::Error;

/// The verdict on one cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Captured unchanged.
    Kept,
    /// Captured with a change that the reason names.
    Repaired,
    /// Left out; the reason says why.
    Dropped,
}

/// Why a cookie was repaired or dropped. Never contains a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// The cookie's domain does not belong to the platform.
    #[error("belongs to another site")]
    OtherSite,
    /// The cookie belongs to a different site of the platform from the one with the login.
    #[error("belongs to a site of the platform without the login")]
    SiblingSite,
    /// The cookie was set while the platform was embedded in another site.
    #[error("set while embedded in another site")]
    ForeignPartition,
    /// Firefox isolates sites (first-party isolation), and the cookie was set during a visit to
    /// another site.
    #[error("not sent in visits to this site")]
    OtherVisit,
    /// The cookie has expired.
    #[error("expired")]
    Expired,
    /// Another cookie has the same domain, path and name.
    #[error("another cookie has the same domain, path and name")]
    Duplicate,
    /// There are more than [`MAX_COOKIES`].
    #[error("more than {MAX_COOKIES} cookies")]
    TooMany,
    /// The cookie breaks a rule.
    #[error("{0}")]
    Invalid(#[from] CookieFault),
    /// The cookie is partitioned, and its partition is not stored.
    #[error("kept without its partition")]
    Partition,
    /// The domain's leading dot contradicted `hostOnly`.
    #[error("the domain's leading dot was corrected")]
    Dot,
    /// The expiry was after [`MAX_EXPIRES`](crate::cookie::MAX_EXPIRES).
    #[error("its expiry was cut to the year 9999")]
    Expiry,
    /// The path was empty.
    #[error("its path was empty and became /")]
    Path,
}

impl Reason {
    /// A stable code, for which the extension has a text.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherSite => "other_site",
            Self::SiblingSite => "sibling_site",
            Self::ForeignPartition => "foreign_partition",
            Self::OtherVisit => "other_visit",
            Self::Expired => "expired",
            Self::Duplicate => "duplicate",
            Self::TooMany => "too_many",
            Self::Invalid(CookieFault::ControlCharacter(_)) => "control_character",
            Self::Invalid(_) => "invalid",
            Self::Partition => "partition",
            Self::Dot => "dot",
            Self::Expiry => "expiry",
            Self::Path => "path",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.code())
    }
}

/// The entry of the report on one of the browser's cookies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The cookie's name, with control and invisible characters replaced.
    pub name: String,
    /// Its domain, in the same form.
    pub domain: String,
    /// Its path, in the same form.
    pub path: String,
    /// Unix seconds; `None` for a session cookie.
    pub expires: Option<i64>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it was not simply kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// The report on one storage entry that is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredEntry {
    /// The origin.
    pub origin: String,
    /// The area.
    pub area: Area,
    /// The beginning of the entry's name, with control and invisible characters replaced.
    pub name: String,
    /// How many bytes of UTF-8 name and value have together.
    pub bytes: usize,
}

pub(super) fn stored_entries(origins: &[OriginStorage]) -> Vec<StoredEntry> {
    let of_area = |storage: &OriginStorage, area| -> Vec<_> {
        let entries = storage.area(area).iter();
        entries
            .map(|entry| StoredEntry {
                origin: storage.origin.clone(),
                area,
                name: printable_start(&entry.name, MAX_SHOWN_CHARS),
                bytes: entry.bytes(),
            })
            .collect()
    };
    let areas = origins.iter().flat_map(|storage| Area::ALL.map(|area| of_area(storage, area)));
    areas.flatten().collect()
}

/// What a capture does with each cookie and storage entry: names and verdicts, never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One entry for each of the browser's cookies: first those taken, then those dropped,
    /// each sorted by domain, path and name.
    pub entries: Vec<Entry>,
    /// How many are taken: kept and repaired.
    pub taken: usize,
    /// How many are dropped.
    pub dropped: usize,
    /// One for each storage entry that is taken.
    pub stored: Vec<StoredEntry>,
    /// Whether what is taken proves a login.
    pub login: Login,
    /// When the first of the cookies that prove the login expires, in Unix seconds; `None`
    /// if none of them expires.
    pub expires: Option<i64>,
}
