//! The extensions that may use the host: this project's, and those that the user added with
//! `install --extension-id`.

use crate::atomic_file::{self, Access};
use crate::caller::Caller;
use crate::error::Error;
use crate::ownership::{self, Closed};
use serde::{Deserialize, Serialize};
use stagepass_core::host::{CHROMIUM_EXTENSION_ID, FIREFOX_EXTENSION_ID};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const FILE: &str = "allowed-extensions.json";
const CHROMIUM_ID_CHARS: usize = 32;
const MAX_FIREFOX_ID_CHARS: usize = 80;

/// An extension's id, in the form of its browser.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) enum ExtensionId {
    /// 32 letters from a to p.
    Chromium(String),
    /// `name@domain` or a GUID in braces.
    Firefox(String),
}

impl FromStr for ExtensionId {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        if id.len() == CHROMIUM_ID_CHARS && id.bytes().all(|b| (b'a'..=b'p').contains(&b)) {
            return Ok(Self::Chromium(id.to_owned()));
        }
        let is_plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "-._@{}".contains(c));
        let is_guid = id.starts_with('{') && id.ends_with('}');
        if is_plain && (is_guid || id.contains('@')) && id.len() <= MAX_FIREFOX_ID_CHARS {
            return Ok(Self::Firefox(id.to_owned()));
        }
        Err("an extension's id is 32 letters from a to p (Chromium, see chrome://extensions), \
             or name@domain or a GUID in braces (Firefox, see about:debugging)"
            .to_owned())
    }
}

impl TryFrom<String> for ExtensionId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        id.parse()
    }
}

impl From<ExtensionId> for String {
    fn from(id: ExtensionId) -> Self {
        match id {
            ExtensionId::Chromium(id) | ExtensionId::Firefox(id) => id,
        }
    }
}

/// Every extension that may use the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AllowedExtensions {
    extension_ids: BTreeSet<ExtensionId>,
}

impl AllowedExtensions {
    /// This project's extensions.
    pub(crate) fn own() -> Self {
        let extension_ids = BTreeSet::from([
            ExtensionId::Chromium(CHROMIUM_EXTENSION_ID.to_owned()),
            ExtensionId::Firefox(FIREFOX_EXTENSION_ID.to_owned()),
        ]);
        Self { extension_ids }
    }

    /// This project's extensions and those that the user added.
    pub(crate) fn load(host_dir: &Path) -> Result<Self, Error> {
        let mut allowed = Self::load_added(host_dir)?;
        allowed.extension_ids.append(&mut Self::own().extension_ids);
        Ok(allowed)
    }

    fn load_added(host_dir: &Path) -> Result<Self, Error> {
        let path = file_path(host_dir);
        ownership::check_host_dir(host_dir)?;
        let Some(json) = ownership::read(&path, Closed::ToWriting)? else { return Ok(Self::default()) };
        serde_json::from_slice(&json)
            .map_err(|fault| Error::DamagedSettings { path, fault: fault.to_string() })
    }

    /// Adds ids permanently.
    pub(crate) fn add(host_dir: &Path, ids: &[ExtensionId]) -> Result<(), Error> {
        let mut added = Self::load_added(host_dir)?;
        added.extension_ids.extend(ids.iter().cloned());
        atomic_file::make_host_dir(host_dir)?;
        let json = serde_json::to_vec_pretty(&added).unwrap_or_default();
        atomic_file::write(&file_path(host_dir), &json, Access::Private)
    }

    /// Removes all added ids.
    pub(crate) fn forget_added(host_dir: &Path) -> Result<(), Error> {
        let path = file_path(host_dir);
        match fs::remove_file(&path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &path)(fault)),
            _ => Ok(()),
        }
    }

    /// The origins of a Chromium host manifest.
    pub(crate) fn chromium_origins(&self) -> Vec<String> {
        let ids = self.extension_ids.iter().filter_map(|id| match id {
            ExtensionId::Chromium(id) => Some(format!("chrome-extension://{id}/")),
            ExtensionId::Firefox(_) => None,
        });
        ids.collect()
    }

    /// The add-on ids of a Firefox host manifest.
    pub(crate) fn firefox_ids(&self) -> Vec<&str> {
        let ids = self.extension_ids.iter().filter_map(|id| match id {
            ExtensionId::Firefox(id) => Some(id.as_str()),
            ExtensionId::Chromium(_) => None,
        });
        ids.collect()
    }

    fn allow(&self, caller: &Caller) -> bool {
        let Some(id) = caller.extension_id() else { return false };
        self.extension_ids.contains(&match caller {
            Caller::Chromium { .. } => ExtensionId::Chromium(id.to_owned()),
            Caller::Firefox { .. } => ExtensionId::Firefox(id.to_owned()),
        })
    }
}

/// Refuses a caller that may not use the host.
pub(crate) fn check(caller: &Caller, host_dir: &Path) -> Result<(), Error> {
    // Our own extensions are served even if the added ids can't be read: the extension can show
    // what is wrong with the folder, and a host that ends silently can't.
    if AllowedExtensions::own().allow(caller) || AllowedExtensions::load_added(host_dir)?.allow(caller) {
        Ok(())
    } else {
        Err(Error::CallerNotAllowed(caller.name().to_owned()))
    }
}

fn file_path(host_dir: &Path) -> PathBuf {
    host_dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chromium(id: &str) -> Caller {
        Caller::Chromium { origin: format!("chrome-extension://{id}/") }
    }

    #[test]
    fn allows_own_and_added_extensions() {
        let host_dir = tempfile::tempdir().unwrap();
        let other = "p".repeat(32);
        assert!(check(&chromium(CHROMIUM_EXTENSION_ID), host_dir.path()).is_ok());
        assert!(check(&Caller::Firefox { id: FIREFOX_EXTENSION_ID.to_owned() }, host_dir.path()).is_ok());
        assert!(check(&chromium(&other), host_dir.path()).is_err());

        AllowedExtensions::add(host_dir.path(), &[other.parse().unwrap()]).unwrap();
        AllowedExtensions::add(host_dir.path(), &["me@example.org".parse().unwrap()]).unwrap();
        assert!(check(&chromium(&other), host_dir.path()).is_ok());
        assert!(check(&Caller::Firefox { id: "me@example.org".to_owned() }, host_dir.path()).is_ok());
        // An id counts only for its own browser.
        assert!(check(&Caller::Firefox { id: other.clone() }, host_dir.path()).is_err());

        AllowedExtensions::forget_added(host_dir.path()).unwrap();
        assert!(check(&chromium(&other), host_dir.path()).is_err());
    }

    #[test]
    fn names_a_damaged_file_and_allows_only_own_extensions() {
        let host_dir = tempfile::tempdir().unwrap();
        fs::write(file_path(host_dir.path()), r#"{"extension_ids":["no id"]}"#).unwrap();
        let fault = check(&chromium(&"p".repeat(32)), host_dir.path()).unwrap_err();
        assert!(fault.to_string().contains(FILE), "{fault}");
        assert!(check(&chromium(CHROMIUM_EXTENSION_ID), host_dir.path()).is_ok());
    }

    #[test]
    fn accepts_only_extension_ids() {
        let chromium = "a".repeat(32);
        assert_eq!(chromium.parse(), Ok(ExtensionId::Chromium(chromium.clone())));
        for firefox in ["a@b", "{ec8030f7-c20a-464f-9b0e-13a3a9e97384}"] {
            assert_eq!(firefox.parse(), Ok(ExtensionId::Firefox(firefox.to_owned())));
        }
        for other in ["", "abc", "q", &"q".repeat(32), "a@b/../c", "*", "chrome-extension://x/"] {
            assert!(other.parse::<ExtensionId>().is_err(), "{other}");
        }
    }
}
