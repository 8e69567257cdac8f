//! Updates existing exports under the folder's lock. Cookies that were exported meanwhile are newer
//! and stay.

use super::sidecar::Times;
use super::{Exports, FormerStorage, Held, NewExport};
use crate::error::Error;
use crate::exports::ExportKey;
use crate::folder_lock::{self, Lock};
use crate::ownership;
use crate::utc_time::UtcTime;
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stagepass_core::{Cookie, Platform, Session, Site, login};

/// Tells whether an export's cookie file is still as it was.
// Decision: docs/decisions/yt-dlp.md#write-back-to-an-export-is-compare-and-set-too
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    pub(crate) fn of(file: &SecretSlice<u8>) -> Self {
        Self(hex::encode(Sha256::digest(file.expose_secret())))
    }
}

/// When a session of the platform ends, if its login shows it.
pub(crate) fn login_expiry(platform: &str, session: Session<'_>) -> Option<UtcTime> {
    let site = Site::Known(Platform::of_id(platform)?);
    login::expiry(session, &site).and_then(UtcTime::from_unix_seconds)
}

impl Exports {
    /// Applies `change` to the cookies of an existing export. `change` returns whether it has
    /// changed any. Returns whether the export has changed; false also if it is gone.
    pub(crate) fn update(
        &self,
        key: &ExportKey,
        change: impl FnOnce(&mut Vec<Cookie>) -> bool,
    ) -> Result<bool, Error> {
        if !ownership::folder_is_there(&self.folder)? {
            return Ok(false);
        }
        let Some(lock) = folder_lock::acquire(&self.folder)? else { return Ok(false) };
        match Held::read(&self.path(key), key.platform())? {
            None => Ok(false),
            Some(held) => self.update_locked(key, held, change, &lock),
        }
    }

    /// Writes the cookies of `whole` if there is no such export, or if it is still as it was
    /// `before` they were read. An export that was written since may have newer cookies, so it is
    /// only updated, as by [`Self::update`], and so is one with origin storage, which runs of yt-dlp
    /// don't get.
    // Decision: docs/decisions/yt-dlp.md#write-back-to-an-export-is-compare-and-set-too
    pub(crate) fn write_or_update(
        &self,
        whole: NewExport,
        before: Option<&Fingerprint>,
        change: impl FnOnce(&mut Vec<Cookie>) -> bool,
    ) -> Result<bool, Error> {
        let lock = folder_lock::in_made_folder(&self.folder)?;
        let file = match self.read(&whole.key) {
            // An invalid file has no newer cookies.
            Err(Error::NotFound(_) | Error::BadFile { .. }) => None,
            file => Some(file?),
        };
        let held = match Held::read(&self.path(&whole.key), whole.key.platform()) {
            Err(Error::BadFile { .. }) if !self.has_storage_file(&whole.key) => None,
            held => held?,
        };
        // Storage belongs to the cookies beside it, so these are not replaced by a browser's.
        let has_storage =
            held.as_ref().is_some_and(|held| held.storage.is_some() || held.storage_fault.is_some());
        let is_as_before = |file: &SecretSlice<u8>| before == Some(&Fingerprint::of(file));
        match held {
            Some(held) if has_storage || !file.as_ref().is_none_or(is_as_before) => {
                self.update_locked(&whole.key, held, change, &lock)
            }
            _ => self.write_locked(&whole, Times::of_new(), FormerStorage::Removed, &lock).map(|_| true),
        }
    }

    fn update_locked(
        &self,
        key: &ExportKey,
        held: Held,
        change: impl FnOnce(&mut Vec<Cookie>) -> bool,
        lock: &Lock,
    ) -> Result<bool, Error> {
        held.report_faults(&self.path(key));
        // An update never makes an export of another session.
        let former_storage =
            if held.storage_fault.is_some() { FormerStorage::Kept } else { FormerStorage::Removed };
        let stored = held.storage.unwrap_or_default();
        let mut cookies = stored.complete(held.file.cookies);
        if !change(&mut cookies) {
            return Ok(false);
        }
        let (times, former_expires_at, former_user_agent) = match self.describe(&key.file_stem()) {
            Some(old) => (Times::of_updated(old.exported_at), old.expires_at, old.user_agent),
            None => (Times::of_new(), None, None),
        };
        let origins = stored.origins;
        // If the login doesn't show its end, the browser's answer still counts.
        let expires_at = login_expiry(key.platform(), Session { cookies: &cookies, origins: &origins })
            .or(former_expires_at);
        let user_agent = stored.user_agent.or(former_user_agent);
        let updated =
            NewExport { key: key.clone(), cookies, origins, user_agent, unkept: Vec::new(), expires_at };
        self.write_locked(&updated, times, former_storage, lock)?;
        Ok(true)
    }
}
