//! The storage file of an export: a storage state of Playwright, with the members that Playwright
//! ignores (`sessionStorage` and `userAgent`). It exists only beside the cookie file of the same
//! session.

use super::{Exports, NewExport, remove};
use crate::atomic_file::{self, Access, Prepared};
use crate::error::Error;
use crate::exports::ExportKey;
use crate::utc_time::UtcTime;
use secrecy::{ExposeSecret, SecretSlice};
use serde::Deserialize;
use serde_json::Value;
use stagepass_core::bridge::{check_origins, check_user_agent};
use stagepass_core::cookie::{Cookie, UncheckedCookie, unkept_members};
use stagepass_core::origin_storage::{self, OriginStorage};
use stagepass_core::playwright::StorageState;
use stagepass_core::{PublicSuffixes, Session, Site};
use std::fs;
use std::path::{Path, PathBuf};

/// The ending of a storage file's name, in place of the cookie file's.
pub(super) const STORAGE_FILE: &str = "storage.json";

/// The contents of a storage file.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// With the attributes that a cookie file doesn't contain.
    pub(crate) cookies: Vec<Cookie>,
    pub(crate) origins: Vec<OriginStorage>,
    pub(crate) user_agent: Option<String>,
    /// What the file contains but Stagepass doesn't read, as messages for people.
    pub(crate) unread: Vec<String>,
}

/// A storage file in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageFile {
    /// The file.
    pub path: PathBuf,
    /// How many entries are in it.
    pub entry_count: usize,
}

/// A storage file as it is in JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unchecked {
    cookies: Vec<Value>,
    origins: Vec<Value>,
    user_agent: Option<String>,
}

impl Stored {
    /// Parses the bytes of the storage file at `path`, an export of `platform`.
    pub(super) fn parse(path: &Path, bytes: &SecretSlice<u8>, platform: &str) -> Result<Self, Error> {
        Self::checked(bytes, platform).map_err(|fault| Error::BadStorageFile { path: path.to_owned(), fault })
    }

    fn checked(bytes: &SecretSlice<u8>, platform: &str) -> Result<Self, String> {
        // The library's messages may quote a value, so only the place is passed on.
        let place = |fault: serde_json::Error| format!("line {}, column {}", fault.line(), fault.column());
        let unchecked: Unchecked = serde_json::from_slice(bytes.expose_secret()).map_err(place)?;
        let read = |(index, cookie)| {
            UncheckedCookie::from_json(cookie).map_err(|fault| format!("cookies[{index}]: {fault}"))
        };
        let cookies = unchecked.cookies.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut unread = unkept_members(&cookies);
        unread.extend(origin_storage::unkept_members(&unchecked.origins));
        let check =
            |(index, cookie)| Cookie::try_from(cookie).map_err(|fault| format!("cookies[{index}]: {fault}"));
        let cookies = cookies.into_iter().enumerate().map(check).collect::<Result<_, _>>()?;
        let origins = origin_storage::read(unchecked.origins).map_err(|fault| fault.to_string())?;
        // An earlier version's export of a public suffix has no storage.
        if let Ok(site) = Site::of_id(platform, PublicSuffixes::built_in()) {
            check_origins(&site, &origins).map_err(|fault| fault.to_string())?;
        }
        let user_agent = unchecked.user_agent;
        user_agent.as_deref().map_or(Ok(()), check_user_agent).map_err(|fault| fault.to_string())?;
        Ok(Self { cookies, origins, user_agent, unread })
    }

    /// How many entries it has.
    pub(crate) fn entry_count(&self) -> usize {
        origin_storage::entry_count(&self.origins)
    }

    /// The cookies of the cookie file, which a run of yt-dlp may have changed, each with the
    /// attributes that only this file contains.
    pub(crate) fn complete(&self, cookies: Vec<Cookie>) -> Vec<Cookie> {
        let held = |cookie: &Cookie| self.cookies.iter().find(|held| held.key() == cookie.key());
        let completed = |cookie: Cookie| match held(&cookie) {
            Some(held) => Cookie { value: cookie.value, expires: cookie.expires, ..held.clone() },
            None => cookie,
        };
        cookies.into_iter().map(completed).collect()
    }
}

impl Exports {
    /// The path of the storage file of `key`, whether or not it exists.
    #[must_use]
    pub fn storage_path(&self, key: &ExportKey) -> PathBuf {
        beside(&self.path(key))
    }

    /// Whether something is at that path.
    pub(super) fn has_storage_file(&self, key: &ExportKey) -> bool {
        fs::symlink_metadata(self.storage_path(key)).is_ok()
    }

    /// Writes the storage file under a temporary name; `None` if the export has no origin storage.
    pub(super) fn prepare_storage(&self, export: &NewExport) -> Result<Option<Prepared>, Error> {
        if export.origins.is_empty() {
            return Ok(None);
        }
        let session = Session { cookies: &export.cookies, origins: &export.origins };
        let state = StorageState::with_session_storage(
            session,
            export.user_agent.as_deref(),
            UtcTime::now().as_unix_seconds(),
        );
        // Serialising strings never fails. The values leave their wrappers: the file is meant to
        // contain them.
        let mut json = serde_json::to_vec_pretty(&state).unwrap_or_default();
        json.push(b'\n');
        let json = SecretSlice::from(json);
        let path = self.storage_path(&export.key);
        atomic_file::prepare(&path, json.expose_secret(), Access::Private).map(Some)
    }

    /// The storage file of a written export.
    pub(super) fn storage_file(&self, export: &NewExport) -> Option<StorageFile> {
        let entry_count = origin_storage::entry_count(&export.origins);
        let path = self.storage_path(&export.key);
        (!export.origins.is_empty()).then_some(StorageFile { path, entry_count })
    }

    /// Removes the storage file, so that it never stands beside the cookie file of another session.
    pub(super) fn remove_storage(&self, key: &ExportKey) -> Result<bool, Error> {
        let was_there = remove(&self.storage_path(key))?;
        if was_there {
            atomic_file::sync_folder(&self.folder)?;
        }
        Ok(was_there)
    }
}

/// The path of the storage file beside a cookie file.
pub(super) fn beside(cookie_file: &Path) -> PathBuf {
    cookie_file.with_extension(STORAGE_FILE)
}
