//! The exported cookie files: one for each platform and label, and beside it a
//! sidecar that says what it is. Knows neither frames nor command lines.

mod key;
mod purge;
mod sidecar;
mod update;

pub use key::ExportKey;
pub use purge::Purged;
pub(crate) use update::login_expiry;

use crate::atomic_file::{self, Access};
use crate::complain;
use crate::error::Error;
use crate::folder_lock::{self, Lock};
use crate::own_place::{self, Closed};
use crate::utc_time::UtcTime;
use secrecy::{ExposeSecret, SecretSlice};
use serde::Serialize;
use sidecar::{Sidecar, Times};
use stagepass_core::PublicSuffixes;
use stagepass_core::bridge::{BridgeFault, check_owned};
use stagepass_core::cookie::Cookie;
use stagepass_core::login;
use stagepass_core::netscape::{self, BadLine, CookieFile, Dialect};
use stagepass_core::platform::Site;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "exports";
const COOKIE_FILE: &str = "txt";
const SIDECAR: &str = "json";

/// The folder of exported cookie files.
#[derive(Clone, Debug)]
pub struct Exports {
    folder: PathBuf,
}

/// What is to be exported.
#[derive(Debug)]
pub struct NewExport {
    /// Names the file.
    pub key: ExportKey,
    /// Valid, and no two with the same domain, path and name.
    pub cookies: Vec<Cookie>,
    /// What was given besides, in words for people.
    pub unkept: Vec<String>,
    /// When the session ends.
    pub expires_at: Option<UtcTime>,
}

/// What was exported.
#[derive(Debug)]
pub struct Written {
    /// The cookie file.
    pub path: PathBuf,
    /// How many cookies are in it.
    pub cookie_count: usize,
    /// When the session ends.
    pub expires_at: Option<UtcTime>,
    /// What the file does not carry, in words for people.
    pub losses: Vec<String>,
}

/// One export, as `list` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Export {
    /// The platform identifier.
    pub platform: String,
    /// `None` where the sidecar is gone and the file's name does not tell.
    pub label: Option<String>,
    /// The cookie file.
    pub path: String,
    /// `None` where it is no cookie file (any more).
    pub cookie_count: Option<usize>,
    /// When it was exported; without a sidecar, when the file was last written.
    pub exported_at: UtcTime,
    /// When a run of yt-dlp has last changed it.
    pub updated_at: Option<UtcTime>,
    /// When the session ends, where that is known.
    pub expires_at: Option<UtcTime>,
}

impl Exports {
    /// The exports of the host whose files are in `host_dir`. Touches nothing.
    #[must_use]
    pub fn new(host_dir: &Path) -> Self {
        Self { folder: host_dir.join(FOLDER) }
    }

    /// The folder that they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The cookie file of `key`, whether or not it is there.
    #[must_use]
    pub fn path(&self, key: &ExportKey) -> PathBuf {
        self.folder.join(format!("{}.{COOKIE_FILE}", key.file_stem()))
    }

    fn sidecar_path(&self, key: &ExportKey) -> PathBuf {
        self.path(key).with_extension(SIDECAR)
    }

    /// Writes an export in place of the one before. Either all of it is on disk
    /// afterwards, or the old file is as it was.
    ///
    /// # Errors
    /// Such as name the place that could not be written, and where a cookie is not the
    /// platform's own.
    pub fn write(&self, export: &NewExport) -> Result<Written, Error> {
        self.write_locked(export, Times::of_new(), &folder_lock::in_made_folder(&self.folder)?)
    }

    fn write_locked(&self, export: &NewExport, times: Times, lock: &Lock) -> Result<Written, Error> {
        Site::of_id(export.key.platform(), PublicSuffixes::built_in())
            .map_err(BridgeFault::from)
            .and_then(|site| check_owned(&site, &export.cookies))
            .map_err(|fault| Error::BadRequest(fault.to_string()))?;
        let rendered = netscape::render(&export.cookies, Dialect::HttpOnlyPrefix);
        if let (0, Some(loss)) = (rendered.cookie_count, rendered.losses.first()) {
            return Err(Error::BadRequest(loss.to_string()));
        }
        let sidecar = Sidecar::new(&export.key, times, export.expires_at);
        let path = self.path(&export.key);

        if lock.is_exclusive() {
            self.remove_leftovers()?;
        }
        let cookie_file =
            atomic_file::prepare(&path, rendered.text.expose_secret().as_bytes(), Access::Private)?;
        let sidecar_file =
            atomic_file::prepare(&self.sidecar_path(&export.key), &sidecar.to_json(), Access::Private)?;
        // The cookie file comes last: until then, a fault leaves the old one.
        sidecar_file.put()?;
        cookie_file.put()?;

        let mut losses: Vec<_> = rendered.losses.iter().map(ToString::to_string).collect();
        losses.extend_from_slice(&export.unkept);
        let cookie_count = rendered.cookie_count;
        Ok(Written { path, cookie_count, expires_at: export.expires_at, losses })
    }

    /// Every export, by platform and label. Links and foreign files are passed over.
    ///
    /// # Errors
    /// Where the folder can't be read, or what is in it can be another user's.
    pub fn list(&self) -> Result<Vec<Export>, Error> {
        if !own_place::folder_is_there(&self.folder)? {
            return Ok(Vec::new());
        }
        let mut exports: Vec<_> = self.file_names()?.iter().filter_map(|name| self.describe(name)).collect();
        exports.sort_by(|a, b| (&a.platform, &a.label, &a.path).cmp(&(&b.platform, &b.label, &b.path)));
        Ok(exports)
    }

    /// Takes an export away; false where there was none.
    ///
    /// # Errors
    /// Where it is there and can't be taken away.
    pub fn delete(&self, key: &ExportKey) -> Result<bool, Error> {
        if !own_place::folder_is_there(&self.folder)? {
            return Ok(false);
        }
        let Some(_lock) = folder_lock::acquire(&self.folder)? else { return Ok(false) };
        let was_there = remove(&self.path(key))?;
        remove(&self.sidecar_path(key))?;
        atomic_file::sync_folder(&self.folder)?;
        Ok(was_there)
    }

    /// The bytes of an exported file.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what keeps it from being read.
    pub fn read(&self, key: &ExportKey) -> Result<SecretSlice<u8>, Error> {
        own_place::folder_is_there(&self.folder)?;
        read_file(&self.path(key))?.ok_or_else(|| Error::NotFound(key.describe()))
    }

    /// Reads an exported file again: its cookies, and the lines that hold none.
    ///
    /// # Errors
    /// [`Error::BadFile`] where there is no cookie in it, besides those of [`Self::read`].
    pub fn verify(&self, key: &ExportKey) -> Result<CookieFile, Error> {
        parse(&self.path(key), &self.read(key)?, key.platform())
    }

    fn describe(&self, name: &str) -> Option<Export> {
        let stem = key::stem_of(name, COOKIE_FILE)?;
        let path = self.folder.join(name);
        let metadata = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let written_at = metadata.modified().map(UtcTime::from_system_time).ok();
        let sidecar = Sidecar::read(&path.with_extension(SIDECAR), stem);
        let (platform, label) = match &sidecar {
            Some(sidecar) => (sidecar.platform.clone(), Some(sidecar.label.clone())),
            None => key::guess(stem)?,
        };
        let parsed = |file: Option<_>| file.map(|file| parse(&path, &file, &platform)).transpose();
        let cookies = read_file(&path).and_then(parsed);
        if let Err(fault @ Error::Exposed { .. }) = &cookies {
            complain(&format_args!("note: {fault}"));
        }
        Some(Export {
            platform,
            label,
            path: path.to_string_lossy().into_owned(),
            cookie_count: cookies.ok().flatten().map(|file| file.cookies.len()),
            exported_at: sidecar.as_ref().map(|sidecar| sidecar.exported_at).or(written_at)?,
            updated_at: sidecar.as_ref().and_then(|sidecar| sidecar.updated_at),
            expires_at: sidecar.and_then(|sidecar| sidecar.expires_at),
        })
    }

    /// The names in the folder, none where it is not there.
    fn file_names(&self) -> Result<Vec<String>, Error> {
        let read = || -> io::Result<Vec<String>> {
            let names = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
            names.filter_map(Result::transpose).collect()
        };
        match read() {
            // A purge can take the folder away at any moment.
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            outcome => outcome.map_err(Error::io("read", &self.folder)),
        }
    }

    /// Takes away what a killed host was writing. Only for who holds the lock:
    /// nobody else can be writing then.
    fn remove_leftovers(&self) -> Result<(), Error> {
        for name in self.file_names()?.iter().filter(|name| atomic_file::is_temporary(name)) {
            remove(&self.folder.join(name))?;
        }
        Ok(())
    }
}

/// Removes a file, or a link and never what it leads to; false where there was none.
fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(Error::io("remove", path)(fault)),
    }
}

/// The bytes of the cookie file at `path`; `None` where there is none.
pub(crate) fn read_file(path: &Path) -> Result<Option<SecretSlice<u8>>, Error> {
    Ok(own_place::read(path, Closed::ToAll)?.map(SecretSlice::from))
}

/// The cookies in the bytes of the file at `path`, an export of `platform`. What is not
/// the platform's own, somebody else has put there, or a host that did not look yet; what
/// is of another of its sites than the login may be another account's.
///
/// # Errors
/// [`Error::BadFile`] where there is no cookie in it.
pub(crate) fn parse(path: &Path, bytes: &SecretSlice<u8>, platform: &str) -> Result<CookieFile, Error> {
    let mut file = netscape::read(bytes.expose_secret())
        .with_cookies()
        .map_err(|fault| Error::BadFile { path: path.to_owned(), fault: fault.to_string() })?;
    // An earlier version's export of a public suffix stays whole: only its name leads to
    // it, no URL does.
    if let Ok(site) = Site::of_id(platform, PublicSuffixes::built_in()) {
        let signed_in_at = login::signed_in_at(&file.cookies, &site);
        file.cookies.retain(|cookie| site.owns_at(cookie.host(), signed_in_at));
    }
    Ok(file)
}

/// Says which lines of a cookie file were passed over, and why the first of them was.
pub(crate) fn tell_left_out(file: &dyn Display, left_out: &[BadLine]) {
    match left_out {
        [] => {}
        [line] => complain(&format_args!("note: a line of {file} was passed over: {line}")),
        [first, others @ ..] => {
            let count = others.len();
            complain(&format_args!("note: lines of {file} were passed over: {first}, and {count} more"));
        }
    }
}

#[cfg(test)]
mod tests;
