//! A file that another program reads and may rewrite: private, and removed when it is dropped. The
//! next run removes the files of killed runs, unless their locks are still held, by yt-dlp for
//! example.

use crate::atomic_file::{self, Access};
use crate::error::Error;
use crate::folder_lock::{self, Lock};
use crate::ownership::{self, Closed};
use crate::run_folder;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

const FOLDER: &str = "runs";

/// A private file; dropping it removes it.
#[derive(Debug)]
pub(crate) struct PrivateFile {
    /// Open during the run, and closed before the file is removed.
    _hold: File,
    path: TempPath,
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        remove_companions(&self.path);
    }
}

/// Permission to create a private file. While it is held, no other run removes the new file, which is
/// not locked yet, as abandoned.
#[derive(Debug)]
pub(crate) struct Reserved {
    folder: PathBuf,
    _lock: Lock,
}

impl Reserved {
    /// Writes `text` into a new file.
    pub(crate) fn write(self, text: &SecretString) -> Result<PrivateFile, Error> {
        let folder = &self.folder;
        let file = atomic_file::create_temporary(folder, Access::Private);
        let mut file = file.map_err(Error::io("write in", folder))?;
        let written = file.write_all(text.expose_secret().as_bytes());
        written.map_err(Error::io("write", file.path()))?;
        let (file, path) = file.into_parts();
        let hold = hold::take(file, &path).map_err(Error::io("keep", &path))?;
        Ok(PrivateFile { _hold: hold, path })
    }
}

impl PrivateFile {
    /// Waits for permission to create a file below `host_dir`, or below the user's runtime folder if
    /// `host_dir` is not writable. Also removes the files of killed runs.
    pub(crate) fn reserve(host_dir: &Path) -> Result<Reserved, Error> {
        run_folder::in_writable(host_dir, FOLDER, |folder| {
            let lock = folder_lock::in_made_folder(folder)?;
            remove_unlocked(folder)?;
            Ok(Reserved { folder: folder.to_owned(), _lock: lock })
        })
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file as the program has left it. A file that doesn't end with a newline was cut off, and is
    /// refused. The folder is closed to others, so the file itself may be open: some programs replace
    /// it by a new one.
    pub(crate) fn read_back(&self) -> Result<SecretSlice<u8>, Error> {
        let gone = || Error::io("read", self.path())(io::ErrorKind::NotFound.into());
        let text = SecretSlice::from(ownership::read(self.path(), Closed::ToWriting)?.ok_or_else(gone)?);
        // This exposes the text only to look at its last byte.
        if !text.expose_secret().ends_with(b"\n") {
            let fault = "it was cut off while it was written".to_owned();
            return Err(Error::BadFile { path: self.path().to_owned(), fault });
        }
        Ok(text)
    }
}

/// Removes the files of killed runs below `host_dir`.
pub(crate) fn remove_abandoned(host_dir: &Path) -> Result<(), Error> {
    for folder in run_folder::locations(host_dir, FOLDER) {
        if ownership::folder_metadata(&folder)?.is_some()
            && let Some(_lock) = folder_lock::acquire(&folder)?
        {
            remove_unlocked(&folder)?;
        }
    }
    Ok(())
}

/// Removes the files of ended runs. The caller holds the folder's lock.
fn remove_unlocked(folder: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    for path in paths.filter(|path| is_temporary(path) && !is_in_use(path)) {
        // yt-dlp, or a program that it started, may have replaced the file with a folder.
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        remove_companions(&path);
        match if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) } {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path)(fault));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes what a program has written beside its private file, under names that begin with that of the
/// file: cookies for the programs that yt-dlp starts.
fn remove_companions(path: &Path) {
    let begins = path.file_name().map(|name| format!("{}-", name.to_string_lossy()));
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        if begins.as_deref().is_some_and(|begins| name.to_string_lossy().starts_with(begins)) {
            // The folder is private, and the next run tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_temporary(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(atomic_file::is_temporary)
}

/// Whether a run may be using the file. False for a link, which is removed without its target.
fn is_in_use(path: &Path) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file && hold::is_taken(path)
}

/// A lock, which ends with this process and with yt-dlp.
#[cfg(unix)]
mod hold {
    use rustix::io::{FdFlags, fcntl_setfd};
    use stagepass_private_files::open_no_link;
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::path::Path;

    /// Child processes inherit the file and its lock: yt-dlp may outlive this program and still use the
    /// file. On a file system without locks no file counts as abandoned.
    pub(super) fn take(file: File, _path: &Path) -> io::Result<File> {
        let _ = file.try_lock();
        fcntl_setfd(&file, FdFlags::empty())?;
        Ok(file)
    }

    /// A file that can't be opened isn't used by a run.
    pub(super) fn is_taken(path: &Path) -> bool {
        let file = open_no_link(path, OpenOptions::new().read(true));
        file.is_ok_and(|file| file.try_lock().is_err())
    }
}

/// An open file that nobody can remove. On Windows a lock would also keep yt-dlp from using the file.
#[cfg(windows)]
mod hold {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::windows::fs::OpenOptionsExt;
    use std::path::Path;

    /// The system's `FILE_SHARE_READ | FILE_SHARE_WRITE`, and not its `FILE_SHARE_DELETE`.
    const READ_AND_WRITE: u32 = 1 | 2;
    /// The system's `DELETE`.
    const REMOVAL: u32 = 0x1_0000;

    pub(super) fn take(file: File, path: &Path) -> io::Result<File> {
        drop(file);
        OpenOptions::new().read(true).share_mode(READ_AND_WRITE).open(path)
    }

    pub(super) fn is_taken(path: &Path) -> bool {
        OpenOptions::new().access_mode(REMOVAL).open(path).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder.join(FOLDER)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| is_temporary(path)).collect()
    }

    fn write(host_dir: &Path, text: &SecretString) -> PrivateFile {
        PrivateFile::reserve(host_dir).unwrap().write(text).unwrap()
    }

    #[test]
    fn removes_a_file_that_is_dropped() {
        let host_dir = tempfile::tempdir().unwrap();
        let file = write(host_dir.path(), &"text\n".into());
        assert_eq!(names(host_dir.path()), [file.path()]);
        assert_eq!(file.read_back().unwrap().expose_secret(), b"text\n");
        drop(file);
        assert!(names(host_dir.path()).is_empty());
    }

    #[test]
    fn removes_files_of_killed_runs_and_keeps_those_in_use() {
        let host_dir = tempfile::tempdir().unwrap();
        let used = write(host_dir.path(), &"used\n".into());
        let left = used.path().with_file_name(".stagepass-AbCdEf.tmp");
        fs::write(&left, "left").unwrap();
        let file = write(host_dir.path(), &"text\n".into());
        assert!(!left.exists() && used.path().exists() && file.path().exists());
    }

    #[test]
    fn refuses_a_file_that_was_cut_off() {
        let host_dir = tempfile::tempdir().unwrap();
        let file = write(host_dir.path(), &"text\n".into());
        for cut in ["", "# Netscape HTTP Cookie File\n.x.com\tTRUE\t/\tTRUE\t0\tn\tplant"] {
            fs::write(file.path(), cut).unwrap();
            let fault = file.read_back().unwrap_err().to_string();
            assert!(fault.contains("cut off") && !fault.contains("plant"), "{fault}");
        }
    }
}
