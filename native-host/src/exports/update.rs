//! Changing an export that is there, under the folder's lock: whatever was
//! exported meanwhile is newer, and stays.

use super::sidecar::Times;
use super::{COOKIE_FILE, Exports, NewExport, parse};
use crate::error::Error;
use crate::exports::ExportKey;
use crate::folder_lock::{self, Lock};
use crate::own_place;
use crate::utc_time::UtcTime;
use secrecy::{ExposeSecret, SecretSlice};
use stagepass_core::netscape::CookieFile;
use stagepass_core::{Cookie, Platform, Site, login};

/// When a session of the platform ends, where its login cookies tell.
pub(crate) fn login_expiry(platform: &str, cookies: &[Cookie]) -> Option<UtcTime> {
    let site = Site::Known(Platform::of_id(platform)?);
    login::expiry(cookies, &site).and_then(UtcTime::from_unix_seconds)
}

impl Exports {
    /// Changes the cookies of an export that is there, by what says whether it
    /// has changed any; false where it has not, or the export is gone.
    pub(crate) fn update(
        &self,
        key: &ExportKey,
        change: impl FnOnce(&mut Vec<Cookie>) -> bool,
    ) -> Result<bool, Error> {
        if !own_place::folder_is_there(&self.folder)? {
            return Ok(false);
        }
        let Some(lock) = folder_lock::acquire(&self.folder)? else { return Ok(false) };
        match self.read(key) {
            Err(Error::NotFound(_)) => Ok(false),
            file => {
                let CookieFile { cookies, .. } = parse(&self.path(key), &file?, key.platform())?;
                self.update_locked(key, cookies, change, &lock)
            }
        }
    }

    /// Writes `whole` where there is no such export, or one that is still as it
    /// was `before` the cookies of `whole` were got. One that was written since
    /// may hold newer ones, so it is only changed, as with
    /// [`Self::update`].
    pub(crate) fn write_or_update(
        &self,
        whole: &NewExport,
        before: Option<&SecretSlice<u8>>,
        change: impl FnOnce(&mut Vec<Cookie>) -> bool,
    ) -> Result<bool, Error> {
        let lock = folder_lock::in_made_folder(&self.folder)?;
        let held = match self.read(&whole.key) {
            // What is no cookie file holds nothing that is newer.
            Err(Error::NotFound(_) | Error::BadFile { .. }) => None,
            file => Some(file?),
        };
        // Only compared.
        let is_as_before =
            |file: &SecretSlice<u8>| before.is_some_and(|it| it.expose_secret() == file.expose_secret());
        let newer = held.filter(|file| !is_as_before(file));
        let parsed = |file: &SecretSlice<u8>| parse(&self.path(&whole.key), file, whole.key.platform()).ok();
        match newer.as_ref().and_then(parsed) {
            Some(CookieFile { cookies, .. }) => self.update_locked(&whole.key, cookies, change, &lock),
            None => self.write_locked(whole, Times::of_new(), &lock).map(|_| true),
        }
    }

    fn update_locked(
        &self,
        key: &ExportKey,
        mut cookies: Vec<Cookie>,
        change: impl FnOnce(&mut Vec<Cookie>) -> bool,
        lock: &Lock,
    ) -> Result<bool, Error> {
        if !change(&mut cookies) {
            return Ok(false);
        }
        let name = format!("{}.{COOKIE_FILE}", key.file_stem());
        let (times, told_expires_at) = match self.describe(&name) {
            Some(old) => (Times::of_updated(old.exported_at), old.expires_at),
            None => (Times::of_new(), None),
        };
        // What is not known of a login's cookies, the browser has told.
        let expires_at = login_expiry(key.platform(), &cookies).or(told_expires_at);
        let updated = NewExport { key: key.clone(), cookies, unkept: Vec::new(), expires_at };
        self.write_locked(&updated, times, lock)?;
        Ok(true)
    }
}
