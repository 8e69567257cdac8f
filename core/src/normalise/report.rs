//! What a capture says of each cookie of the browser's list. Decides nothing, and never
//! holds a value.

use crate::cookie::{CookieFault, MAX_COOKIES};
use crate::login::Login;
use serde::{Serialize, Serializer};
use thiserror::Error;

/// What became of one cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Taken as it was.
    Kept,
    /// Taken with a change that the reason names.
    Repaired,
    /// Left out, for the reason given.
    Dropped,
}

/// Why a cookie was repaired or dropped. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Its domain is not the platform's.
    #[error("belongs to another site")]
    OtherSite,
    /// It is from another site of the platform than the one where somebody is signed in.
    #[error("belongs to another site of the platform than the login")]
    SiblingSite,
    /// It was set while the platform was embedded in another site.
    #[error("set while embedded in another site")]
    ForeignPartition,
    /// Firefox keeps visits apart, and it is of another one.
    #[error("not sent in visits to this site")]
    OtherVisit,
    /// It has ended.
    #[error("expired")]
    Expired,
    /// Another cookie has the same domain, path and name.
    #[error("another cookie has the same domain, path and name")]
    Duplicate,
    /// More than [`MAX_COOKIES`].
    #[error("more than {MAX_COOKIES} cookies")]
    TooMany,
    /// The cookie breaks a rule.
    #[error("{0}")]
    Invalid(#[from] CookieFault),
    /// The partition is not part of what is stored.
    #[error("its partition is not kept")]
    Partition,
    /// The dot before the domain did not fit `hostOnly`.
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
    /// A stable code, under which the extension finds its own words.
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

/// The line of the report on one cookie of the browser's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The cookie's name, with what can't be seen replaced.
    pub name: String,
    /// Its domain, likewise.
    pub domain: String,
    /// Its path, likewise.
    pub path: String,
    /// Unix seconds; `None` for a session cookie.
    pub expires: Option<i64>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, where it was not simply kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// What a capture would take, or took: names and verdicts, never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One entry for each cookie of the browser's list, taken ones first, each
    /// part sorted by domain, path and name.
    pub entries: Vec<Entry>,
    /// How many are taken: kept and repaired.
    pub taken: usize,
    /// How many are dropped.
    pub dropped: usize,
    /// Whether they prove a login.
    pub login: Login,
    /// When the first of the cookies that prove the login expires, in Unix
    /// seconds; `None` where none of them does.
    pub expires: Option<i64>,
}
