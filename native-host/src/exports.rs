//! The exports: one for each platform and label, with a cookie file, a storage file if the browser
//! held origin storage, and a sidecar that describes it. Knows neither frames nor command lines.

mod held;
mod key;
mod purge;
mod sidecar;
mod storage;
mod update;

pub(crate) use held::Held;
pub use key::ExportKey;
pub use purge::Purged;
use storage::STORAGE_FILE;
pub use storage::StorageFile;
pub(crate) use update::{Fingerprint, login_expiry};

use crate::atomic_file::{self, Access, Prepared};
use crate::complain;
use crate::error::Error;
use crate::folder_lock::{self, Lock};
use crate::in_use;
use crate::ownership::{self, Closed};
use crate::utc_time::UtcTime;
use secrecy::{ExposeSecret, SecretSlice};
use serde::Serialize;
use sidecar::{Sidecar, Times};
use stagepass_core::bridge::{BridgeFault, check_origins, check_owned};
use stagepass_core::cookie::Cookie;
use stagepass_core::netscape::{self, BadLine, Dialect, Rendered};
use stagepass_core::origin_storage::OriginStorage;
use stagepass_core::platform::Site;
use stagepass_core::{PublicSuffixes, Session, playwright};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "exports";
const COOKIE_FILE: &str = "txt";
const SIDECAR: &str = "json";

/// The folder of exports.
#[derive(Clone, Debug)]
pub struct Exports {
    folder: PathBuf,
}

/// An export to be written.
#[derive(Debug)]
pub struct NewExport {
    /// Determines the file's name.
    pub key: ExportKey,
    /// Valid, and no two with the same domain, path and name.
    pub cookies: Vec<Cookie>,
    /// The origin storage. Without any, an earlier storage file is removed.
    pub origins: Vec<OriginStorage>,
    /// The browser's user agent.
    pub user_agent: Option<String>,
    /// What the request contained but the export can't keep, as messages for people.
    pub unkept: Vec<String>,
    /// When the session ends.
    pub expires_at: Option<UtcTime>,
}

/// A written export.
#[derive(Debug)]
pub struct Written {
    /// The cookie file.
    pub path: PathBuf,
    /// How many cookies are in it. If there are none, the file has only its first line.
    pub cookie_count: usize,
    /// The storage file, if there is origin storage.
    pub storage: Option<StorageFile>,
    /// When the session ends.
    pub expires_at: Option<UtcTime>,
    /// What the files can't contain, as messages for people.
    pub losses: Vec<String>,
}

/// One export, as `list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Export {
    /// The platform identifier.
    pub platform: String,
    /// `None` if the sidecar is missing and the file's name doesn't tell.
    pub label: Option<String>,
    /// The cookie file; `None` if it is gone and only the storage file is left.
    pub path: Option<String>,
    /// `None` if there is no valid cookie file.
    pub cookie_count: Option<usize>,
    /// The storage file, if there is one.
    pub storage_path: Option<String>,
    /// How many entries are in it; `None` if there is none, or it is not valid.
    pub entry_count: Option<usize>,
    /// When it was exported; without a sidecar, when the file was last written.
    pub exported_at: UtcTime,
    /// When a run of yt-dlp last changed it.
    pub updated_at: Option<UtcTime>,
    /// When the session ends, if that is known.
    pub expires_at: Option<UtcTime>,
    /// The browser's user agent, if it is known.
    #[serde(skip)]
    pub(crate) user_agent: Option<String>,
    /// The name of its files, without the ending.
    #[serde(skip)]
    pub(crate) stem: String,
}

#[cfg(test)]
impl Export {
    /// A listed export that has just been made, with one cookie.
    pub(crate) fn sample(platform: &str, label: &str) -> Self {
        Self {
            platform: platform.to_owned(),
            label: Some(label.to_owned()),
            path: Some(format!("/{platform}-{label}")),
            cookie_count: Some(1),
            storage_path: None,
            entry_count: None,
            exported_at: UtcTime::now(),
            updated_at: None,
            expires_at: None,
            user_agent: None,
            stem: format!("{platform}-{label}"),
        }
    }
}

/// What becomes of the storage file that stands beside an older cookie file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormerStorage {
    /// It is of another session, or written again.
    Removed,
    /// It is of the same session and can't be read, perhaps only by this version.
    Kept,
}

impl Exports {
    /// The exports in the host's folder. Doesn't access it yet.
    #[must_use]
    pub fn new(host_dir: &Path) -> Self {
        Self { folder: host_dir.join(FOLDER) }
    }

    /// The folder of the exports.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the cookie file of `key`, whether or not it exists.
    #[must_use]
    pub fn path(&self, key: &ExportKey) -> PathBuf {
        self.file(&key.file_stem(), COOKIE_FILE)
    }

    /// The path of the cookie file of a listed export.
    pub(crate) fn cookie_file(&self, export: &Export) -> PathBuf {
        self.file(&export.stem, COOKIE_FILE)
    }

    fn sidecar_path(&self, key: &ExportKey) -> PathBuf {
        self.file(&key.file_stem(), SIDECAR)
    }

    fn file(&self, stem: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{stem}.{ending}"))
    }

    /// Writes an export and replaces an earlier one. Afterwards either all of it is on disk, or
    /// the old cookie file is unchanged. A storage file never stands beside the cookie file of
    /// another session.
    ///
    /// # Errors
    /// If a cookie or an origin is not the platform's own, or a file can't be written.
    pub fn write(&self, export: &NewExport) -> Result<Written, Error> {
        let lock = folder_lock::in_made_folder(&self.folder)?;
        self.write_locked(export, Times::of_new(), FormerStorage::Removed, &lock)
    }

    // Decision: docs/decisions/yt-dlp.md#a-storage-file-stands-only-beside-its-own-cookie-file
    fn write_locked(
        &self,
        export: &NewExport,
        times: Times,
        former_storage: FormerStorage,
        lock: &Lock,
    ) -> Result<Written, Error> {
        let key = &export.key;
        Site::of_id(key.platform(), PublicSuffixes::built_in())
            .map_err(BridgeFault::from)
            .and_then(|site| {
                check_owned(&site, &export.cookies).and_then(|()| check_origins(&site, &export.origins))
            })
            .map_err(|fault| Error::BadRequest(fault.to_string()))?;
        let rendered = netscape::render(&export.cookies, Dialect::HttpOnlyPrefix);
        if let (0, true, Some(loss)) =
            (rendered.cookie_count, export.origins.is_empty(), rendered.losses.first())
        {
            return Err(Error::BadRequest(loss.to_string()));
        }
        let sidecar = Sidecar::new(export, times);
        let path = self.path(key);

        if lock.is_exclusive() {
            self.remove_leftovers()?;
        }
        let cookie_file =
            atomic_file::prepare(&path, rendered.text.expose_secret().as_bytes(), Access::Private)?;
        let storage_file = self.prepare_storage(export)?;
        let sidecar_file =
            atomic_file::prepare(&self.sidecar_path(key), &sidecar.to_json(), Access::Private)?;
        if former_storage == FormerStorage::Removed {
            self.remove_storage(key)?;
        }
        // The cookie file comes after the sidecar: until then, a failure leaves the old one.
        sidecar_file.put()?;
        cookie_file.put()?;
        storage_file.map(Prepared::put).transpose()?;

        Ok(Written {
            path,
            cookie_count: rendered.cookie_count,
            storage: self.storage_file(export),
            expires_at: export.expires_at,
            losses: losses_of(export, &rendered),
        })
    }

    /// Every export, by platform and label. Skips links and other files.
    ///
    /// # Errors
    /// If the folder can't be read, or other users can write to it.
    pub fn list(&self) -> Result<Vec<Export>, Error> {
        if !ownership::folder_is_there(&self.folder)? {
            return Ok(Vec::new());
        }
        let names = self.file_names()?;
        let stem_of = |name| [COOKIE_FILE, STORAGE_FILE].iter().find_map(|ending| key::stem_of(name, ending));
        let stems: BTreeSet<_> = names.iter().filter_map(|name| stem_of(name)).collect();
        let mut exports: Vec<_> = stems.into_iter().filter_map(|stem| self.describe(stem)).collect();
        exports.sort_by(|a, b| (&a.platform, &a.label, &a.path).cmp(&(&b.platform, &b.label, &b.path)));
        Ok(exports)
    }

    /// Removes an export, also what is left of one; false if there was none.
    ///
    /// # Errors
    /// If it can't be removed.
    pub fn delete(&self, key: &ExportKey) -> Result<bool, Error> {
        self.delete_files(&key.file_stem())
    }

    /// The same by the name of its files.
    pub(crate) fn delete_files(&self, stem: &str) -> Result<bool, Error> {
        if !ownership::folder_is_there(&self.folder)? {
            return Ok(false);
        }
        let Some(_lock) = folder_lock::acquire(&self.folder)? else { return Ok(false) };
        let mut was_there = false;
        // A storage file never stands beside the cookie file of another session, so it goes first.
        for ending in [STORAGE_FILE, COOKIE_FILE] {
            was_there |= remove(&self.file(stem, ending))?;
            atomic_file::sync_folder(&self.folder)?;
        }
        remove(&self.file(stem, SIDECAR))?;
        atomic_file::sync_folder(&self.folder)?;
        Ok(was_there)
    }

    /// The bytes of a cookie file.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the reason why it can't be read.
    pub fn read(&self, key: &ExportKey) -> Result<SecretSlice<u8>, Error> {
        ownership::folder_is_there(&self.folder)?;
        read_file(&self.path(key))?.ok_or_else(|| Error::NotFound(key.describe()))
    }

    /// Reads an export: its cookies, its bad lines and its origin storage.
    ///
    /// # Errors
    /// [`Error::BadFile`] or [`Error::BadStorageFile`] if a file is not valid, besides those of
    /// [`Self::read`].
    pub(crate) fn verify(&self, key: &ExportKey) -> Result<Held, Error> {
        ownership::folder_is_there(&self.folder)?;
        let held = Held::read(&self.path(key), key.platform())?;
        let held = held.ok_or_else(|| Error::NotFound(key.describe()))?;
        held.storage_fault.map_or(Ok(Held { storage_fault: None, ..held }), Err)
    }

    /// The export whose files have this name; `None` if none of them is a regular file.
    fn describe(&self, stem: &str) -> Option<Export> {
        let [path, storage_path] = [COOKIE_FILE, STORAGE_FILE].map(|ending| self.file(stem, ending));
        let metadata = |path: &Path| fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file);
        let [of_cookies, of_storage] = [&path, &storage_path].map(|path| metadata(path));
        let is_complete = of_cookies.is_some();
        let has_storage = of_storage.is_some();
        let written_at = of_cookies.or(of_storage)?.modified().map(UtcTime::from_system_time).ok();
        let sidecar = Sidecar::read(&self.file(stem, SIDECAR), stem);
        let (platform, label) = match &sidecar {
            Some(sidecar) => (sidecar.platform.clone(), Some(sidecar.label.clone())),
            None => key::guess(stem)?,
        };
        let held = Held::read(&path, &platform);
        if let Err(fault @ Error::Exposed { .. }) = &held {
            complain(&format_args!("note: {fault}"));
        }
        let held = held.ok().flatten();
        let storage = held.as_ref().and_then(|held| held.storage.as_ref());
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Some(Export {
            platform,
            label,
            path: is_complete.then(|| text(path)),
            storage_path: has_storage.then(|| text(storage_path)),
            entry_count: storage.map(storage::Stored::entry_count),
            cookie_count: held.map(|held| held.file.cookies.len()),
            exported_at: sidecar.as_ref().map(|sidecar| sidecar.exported_at).or(written_at)?,
            updated_at: sidecar.as_ref().and_then(|sidecar| sidecar.updated_at),
            expires_at: sidecar.as_ref().and_then(|sidecar| sidecar.expires_at),
            user_agent: sidecar.and_then(|sidecar| sidecar.user_agent),
            stem: stem.to_owned(),
        })
    }

    /// The names of the files in the folder; empty if it doesn't exist.
    fn file_names(&self) -> Result<Vec<String>, Error> {
        let read = || -> io::Result<Vec<String>> {
            let names = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
            names.filter_map(Result::transpose).collect()
        };
        match in_use::patiently(read) {
            // A purge can remove the folder at any moment.
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            outcome => outcome.map_err(Error::io("read", &self.folder)),
        }
    }

    /// Removes the temporary files of a killed host. The caller holds the lock, so nobody is
    /// writing them.
    fn remove_leftovers(&self) -> Result<(), Error> {
        for name in self.file_names()?.iter().filter(|name| atomic_file::is_temporary(name)) {
            remove(&self.folder.join(name))?;
        }
        Ok(())
    }
}

/// Removes a file, or a link but not its target; false if there was none.
fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(Error::io("remove", path)(fault)),
    }
}

/// The bytes of the file at `path`; `None` if it doesn't exist.
fn read_file(path: &Path) -> Result<Option<SecretSlice<u8>>, Error> {
    Ok(ownership::read(path, Closed::ToAll)?.map(SecretSlice::from))
}

/// What the files of an export can't contain, as messages for people.
fn losses_of(export: &NewExport, rendered: &Rendered) -> Vec<String> {
    let mut losses: Vec<_> = rendered.losses.iter().map(ToString::to_string).collect();
    if !export.origins.is_empty() {
        let session = Session { cookies: &export.cookies, origins: &export.origins };
        let of_playwright = playwright::losses(session, UtcTime::now().as_unix_seconds());
        losses.extend(of_playwright.iter().map(ToString::to_string));
    }
    losses.extend_from_slice(&export.unkept);
    losses
}

/// Reports the skipped lines of a cookie file, with the reason for the first.
pub(crate) fn report_skipped_lines(file: &dyn Display, left_out: &[BadLine]) {
    match left_out {
        [] => {}
        [line] => complain(&format_args!("note: a line of {file} was skipped: {line}")),
        [first, others @ ..] => {
            let count = others.len();
            complain(&format_args!("note: lines of {file} were skipped: {first}, and {count} more"));
        }
    }
}

#[cfg(test)]
mod tests;
