//! What a page keeps in its origin's localStorage and sessionStorage (HTML Standard, "Web
//! storage"), as Stagepass stores and sends it, and the rules for it.
//!
//! The JSON names are those of Playwright's storage state. Knows nothing of platforms.

use crate::cookie::serialize_exposed;
use crate::unkept::Unkept;
use crate::url_host::{host_of, is_serialised_host};
use core::fmt;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use thiserror::Error;

/// The most origins in one session.
pub const MAX_ORIGINS: usize = 20;
/// The most entries in one session, over all origins.
pub const MAX_ENTRIES: usize = 1000;
/// The most bytes (UTF-8) of all origins, names and values of one session together.
pub const MAX_BYTES: usize = 512 * 1024;

/// The storage of one origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Value")]
pub struct OriginStorage {
    /// Scheme, host, and a port unless it is the default: `https://onlyfans.com`.
    pub origin: String,
    /// The entries of localStorage.
    pub local_storage: Vec<StorageEntry>,
    /// The entries of sessionStorage.
    pub session_storage: Vec<StorageEntry>,
}

/// One entry. Its value is a secret: `Debug` hides it, dropping wipes it.
#[derive(Clone, Debug, Serialize)]
pub struct StorageEntry {
    /// The key. May be any text, also an empty one.
    pub name: String,
    /// The value. May be any text.
    #[serde(serialize_with = "serialize_exposed")]
    pub value: SecretString,
}

/// One of an origin's two storage areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Area {
    /// `localStorage`: stays until a page or the person removes it.
    LocalStorage,
    /// `sessionStorage`: ends with its tab.
    SessionStorage,
}

impl Area {
    /// Both areas.
    pub const ALL: [Self; 2] = [Self::LocalStorage, Self::SessionStorage];

    /// The name in JSON and JavaScript.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LocalStorage => "localStorage",
            Self::SessionStorage => "sessionStorage",
        }
    }
}

/// Why origin storage is refused, and where: `origins[3].localStorage[2]: name required`. The text
/// never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageFault {
    /// The index of the origin; `None` if the fault concerns all of them.
    origin: Option<usize>,
    /// The entry's area and index there; `None` if the fault concerns the whole origin.
    entry: Option<(Area, usize)>,
    kind: FaultKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum FaultKind {
    #[error("must be an object")]
    NotAnObject,
    #[error("{0} required")]
    Missing(&'static str),
    #[error("{field} must be {expected}")]
    WrongType { field: &'static str, expected: &'static str },
    #[error(
        "origin must be as browsers write it: a scheme, a host, and a port unless it is the default, such as https://example.org"
    )]
    Origin,
    #[error("an earlier origin is the same")]
    RepeatedOrigin,
    #[error("an earlier entry has the same name")]
    RepeatedName,
    #[error("at most {MAX_ORIGINS} origins are allowed")]
    TooManyOrigins,
    #[error("at most {MAX_ENTRIES} entries are allowed")]
    TooManyEntries,
    #[error("at most {} KiB are allowed", MAX_BYTES / 1024)]
    TooLarge,
}

impl fmt::Display for StorageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("origins")?;
        if let Some(origin) = self.origin {
            write!(f, "[{origin}]")?;
        }
        if let Some((area, index)) = self.entry {
            write!(f, ".{}[{index}]", area.as_str())?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl core::error::Error for StorageFault {}

impl From<FaultKind> for StorageFault {
    fn from(kind: FaultKind) -> Self {
        Self { origin: None, entry: None, kind }
    }
}

impl OriginStorage {
    /// The entries of one area.
    #[must_use]
    pub fn area(&self, area: Area) -> &[StorageEntry] {
        match area {
            Area::LocalStorage => &self.local_storage,
            Area::SessionStorage => &self.session_storage,
        }
    }

    pub(crate) fn area_mut(&mut self, area: Area) -> &mut Vec<StorageEntry> {
        match area {
            Area::LocalStorage => &mut self.local_storage,
            Area::SessionStorage => &mut self.session_storage,
        }
    }

    /// Whether it has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.local_storage.is_empty() && self.session_storage.is_empty()
    }

    /// The origin's host, without its scheme and port.
    #[must_use]
    pub fn host(&self) -> &str {
        host_of(&self.origin)
    }

    fn from_json(json: Value) -> Result<Self, StorageFault> {
        let Value::Object(mut members) = json else { return Err(FaultKind::NotAnObject.into()) };
        let origin = text(members.remove("origin"), "origin")?;
        let mut entries = |area: Area| match members.remove(area.as_str()) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(entries)) => entries
                .into_iter()
                .enumerate()
                .map(|(index, entry)| {
                    let entry = StorageEntry::from_json(entry);
                    entry.map_err(|kind| StorageFault { origin: None, entry: Some((area, index)), kind })
                })
                .collect(),
            Some(_) => Err(FaultKind::WrongType { field: area.as_str(), expected: "an array" }.into()),
        };
        let local_storage = entries(Area::LocalStorage)?;
        Ok(Self { origin, local_storage, session_storage: entries(Area::SessionStorage)? })
    }

    fn check(&self) -> Result<(), StorageFault> {
        if !is_origin(&self.origin) {
            return Err(FaultKind::Origin.into());
        }
        for area in Area::ALL {
            let mut names = BTreeSet::new();
            if let Some(index) = self.area(area).iter().position(|entry| !names.insert(&entry.name)) {
                let kind = FaultKind::RepeatedName;
                return Err(StorageFault { origin: None, entry: Some((area, index)), kind });
            }
        }
        Ok(())
    }

    /// How many bytes of UTF-8 the origin, names and values have together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let entries = Area::ALL.into_iter().flat_map(|area| self.area(area));
        self.origin.len() + entries.map(StorageEntry::bytes).sum::<usize>()
    }
}

impl StorageEntry {
    /// How many bytes of UTF-8 name and value have together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // The value is only measured.
        self.name.len() + self.value.expose_secret().len()
    }

    fn from_json(json: Value) -> Result<Self, FaultKind> {
        let Value::Object(mut members) = json else { return Err(FaultKind::NotAnObject) };
        let name = text(members.remove("name"), "name")?;
        Ok(Self { name, value: text(members.remove("value"), "value")?.into() })
    }
}

impl PartialEq for StorageEntry {
    fn eq(&self, other: &Self) -> bool {
        // The values are only compared.
        self.name == other.name && self.value.expose_secret() == other.value.expose_secret()
    }
}

impl Eq for StorageEntry {}

/// Reads the `origins` of a `store-platform-session` request. Null counts as absent; unknown
/// members are ignored, and [`unkept_members`] names them.
///
/// # Errors
/// The first [`StorageFault`] found.
pub fn read(origins: Vec<Value>) -> Result<Vec<OriginStorage>, StorageFault> {
    let at = |index| move |fault: StorageFault| StorageFault { origin: Some(index), ..fault };
    let origins: Vec<_> = origins
        .into_iter()
        .enumerate()
        .map(|(index, origin)| OriginStorage::from_json(origin).map_err(at(index)))
        .collect::<Result<_, _>>()?;
    check(&origins)?;
    Ok(origins)
}

/// Warnings about members of `origins` that [`read`] ignores, such as Playwright's `indexedDB`: their
/// names, never a value. Each name is reported once, with the first place that has it.
#[must_use]
pub fn unkept_members(origins: &[Value]) -> Vec<String> {
    let mut unkept = Unkept::default();
    for (index, origin) in origins.iter().enumerate() {
        for (name, value) in origin.as_object().into_iter().flatten() {
            let Some(area) = Area::ALL.into_iter().find(|area| area.as_str() == name) else {
                if name != "origin" {
                    unkept.note(name, || format!("origins[{index}]"));
                }
                continue;
            };
            for (entry_index, entry) in value.as_array().into_iter().flatten().enumerate() {
                let names = entry.as_object().into_iter().flatten().map(|(name, _)| name);
                for name in names.filter(|name| !matches!(name.as_str(), "name" | "value")) {
                    unkept.note(name, || format!("origins[{index}].{}[{entry_index}]", area.as_str()));
                }
            }
        }
    }
    unkept.into_messages()
}

/// Checks origin storage against every rule of this module.
///
/// # Errors
/// The first [`StorageFault`] found.
pub fn check(origins: &[OriginStorage]) -> Result<(), StorageFault> {
    let mut seen = BTreeSet::new();
    for (index, storage) in origins.iter().enumerate() {
        let fault = match storage.check() {
            Ok(()) if seen.insert(&storage.origin) => continue,
            Ok(()) => FaultKind::RepeatedOrigin.into(),
            Err(fault) => fault,
        };
        return Err(StorageFault { origin: Some(index), ..fault });
    }
    if origins.len() > MAX_ORIGINS {
        return Err(FaultKind::TooManyOrigins.into());
    }
    if entry_count(origins) > MAX_ENTRIES {
        return Err(FaultKind::TooManyEntries.into());
    }
    if origins.iter().map(OriginStorage::bytes).sum::<usize>() > MAX_BYTES {
        return Err(FaultKind::TooLarge.into());
    }
    Ok(())
}

/// How many entries there are over all origins.
#[must_use]
pub fn entry_count(origins: &[OriginStorage]) -> usize {
    let areas = origins.iter().flat_map(|storage| Area::ALL.map(|area| storage.area(area)));
    areas.map(<[_]>::len).sum()
}

/// Whether a text is an origin in its serialised form (HTML Standard, "Origin"), of a web page.
fn is_origin(text: &str) -> bool {
    let (authority, own_port) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(authority), _) => (authority, 443),
        (None, Some(authority)) => (authority, 80),
        (None, None) => return false,
    };
    let host = host_of(text);
    let has_port = match authority[host.len()..].strip_prefix(':') {
        None => authority.len() == host.len(),
        Some(port) => {
            port.parse::<u16>().is_ok_and(|number| number.to_string() == port && number != own_port)
        }
    };
    is_serialised_host(host) && has_port
}

impl TryFrom<Value> for OriginStorage {
    type Error = StorageFault;

    /// Reads one origin; [`check`] knows the limits for all of them together.
    fn try_from(json: Value) -> Result<Self, StorageFault> {
        let storage = Self::from_json(json)?;
        storage.check()?;
        Ok(storage)
    }
}

fn text(value: Option<Value>, field: &'static str) -> Result<String, FaultKind> {
    match value {
        None | Some(Value::Null) => Err(FaultKind::Missing(field)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(FaultKind::WrongType { field, expected: "a string" }),
    }
}

#[cfg(test)]
mod tests;
