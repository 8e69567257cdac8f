//! Reads a whole export: the cookie file and the storage file of one session, also while another
//! program writes them.

use super::storage::{self, Stored};
use super::{read_file, report_skipped_lines};
use crate::complain;
use crate::error::Error;
use secrecy::{ExposeSecret, SecretSlice};
use stagepass_core::netscape::{self, CookieFile, NoCookie};
use stagepass_core::session::Session;
use stagepass_core::{PublicSuffixes, Site, login};
use std::path::Path;

/// How often an export is read that is written at the same time.
const TRIES: usize = 20;

/// What an export holds.
#[derive(Debug)]
pub(crate) struct Held {
    /// The cookies, and the lines that were skipped.
    pub(crate) file: CookieFile,
    /// The storage file's contents, if there is a valid one.
    pub(crate) storage: Option<Stored>,
    /// Why the storage file is not valid.
    pub(crate) storage_fault: Option<Error>,
}

impl Held {
    /// The export of `platform` whose cookie file is at `path`; `None` if it doesn't exist.
    ///
    /// # Errors
    /// [`Error::BadFile`] if it has neither cookies nor storage, or the reason why it can't be read.
    // Decision: docs/decisions/yt-dlp.md#a-storage-file-stands-only-beside-its-own-cookie-file
    pub(crate) fn read(path: &Path, platform: &str) -> Result<Option<Self>, Error> {
        let storage_path = storage::beside(path);
        // A writer removes the storage file first and writes it last. If it is the same before and
        // after the cookie file was read, both are of one session.
        for _ in 0..TRIES {
            let before = read_file(&storage_path)?;
            let Some(file) = read_file(path)? else { return Ok(None) };
            if is_same(before.as_ref(), read_file(&storage_path)?.as_ref()) {
                return Self::parse(path, &file, before.as_ref(), platform).map(Some);
            }
        }
        Err(Error::Busy(path.parent().unwrap_or(path).to_owned()))
    }

    /// Drops cookies of other sites, which an earlier version or another program may have written,
    /// and those of the platform's other sites, which may be another account's.
    fn parse(
        path: &Path,
        file: &SecretSlice<u8>,
        storage: Option<&SecretSlice<u8>>,
        platform: &str,
    ) -> Result<Self, Error> {
        let parsed = storage.map(|bytes| Stored::parse(&storage::beside(path), bytes, platform));
        let (storage, storage_fault) = match parsed {
            None => (None, None),
            Some(Ok(stored)) => (Some(stored), None),
            Some(Err(fault)) => (None, Some(fault)),
        };
        let mut file = match netscape::read(file.expose_secret()).with_cookies() {
            Ok(file) => file,
            // The login may be in origin storage alone.
            Err(NoCookie::Empty) if storage.is_some() => CookieFile::default(),
            Err(fault) => {
                let is_in_storage = fault == NoCookie::Empty;
                let bad_file = Error::BadFile { path: path.to_owned(), fault: fault.to_string() };
                return Err(storage_fault.filter(|_| is_in_storage).unwrap_or(bad_file));
            }
        };
        // An earlier version's export of a public suffix stays whole: it can be reached only by its
        // name and not by a URL.
        if let Ok(site) = Site::of_id(platform, PublicSuffixes::built_in()) {
            let origins = storage.as_ref().map_or(&[][..], |stored| &stored.origins);
            let session = Session { cookies: &file.cookies, origins };
            let signed_in_at = login::signed_in_at(session, &site);
            file.cookies.retain(|cookie| site.owns_at(cookie.host(), signed_in_at));
        }
        Ok(Self { file, storage, storage_fault })
    }

    /// Reports the lines and the storage file that were skipped.
    pub(crate) fn report_faults(&self, path: &Path) {
        report_skipped_lines(&path.display(), &self.file.left_out);
        if let Some(fault) = &self.storage_fault {
            complain(&format_args!("note: {fault}"));
        }
        let storage_path = storage::beside(path);
        for unread in self.storage.iter().flat_map(|stored| &stored.unread) {
            complain(&format_args!("note: {}: {unread}", storage_path.display()));
        }
    }
}

/// The bytes are only compared.
fn is_same(one: Option<&SecretSlice<u8>>, other: Option<&SecretSlice<u8>>) -> bool {
    one.map(ExposeSecret::expose_secret) == other.map(ExposeSecret::expose_secret)
}
