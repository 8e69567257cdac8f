//! What a browser holds of a login: cookies and origin storage. Decides nothing about them.

use crate::cookie::Cookie;
use crate::origin_storage::{Area, OriginStorage, StorageEntry};

/// Cookies and origin storage together, borrowed. A cookie file holds cookies alone: they convert.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session<'a> {
    /// The cookies.
    pub cookies: &'a [Cookie],
    /// The storage of each origin.
    pub origins: &'a [OriginStorage],
}

impl<'a> Session<'a> {
    /// The storage entry with this key.
    #[must_use]
    pub fn entry(self, origin: &str, area: Area, name: &str) -> Option<&'a StorageEntry> {
        let storage = self.origins.iter().find(|storage| storage.origin == origin)?;
        storage.area(area).iter().find(|entry| entry.name == name)
    }
}

impl<'a> From<&'a [Cookie]> for Session<'a> {
    fn from(cookies: &'a [Cookie]) -> Self {
        Self { cookies, origins: &[] }
    }
}

impl<'a> From<&'a Vec<Cookie>> for Session<'a> {
    fn from(cookies: &'a Vec<Cookie>) -> Self {
        Self::from(cookies.as_slice())
    }
}

impl<'a, const N: usize> From<&'a [Cookie; N]> for Session<'a> {
    fn from(cookies: &'a [Cookie; N]) -> Self {
        Self::from(cookies.as_slice())
    }
}
