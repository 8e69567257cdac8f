//! Private files and folders, readable only by their owner from the first byte, and atomic
//! files, which exist either whole or not at all. Knows nothing of their contents, and doesn't
//! judge whether existing files are private enough: each program does that.
//!
//! On Windows a file inherits its permissions from its folder.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Temporary files have these in their names, so that those of a killed program can be found.
const TEMPORARY_PREFIX: &str = ".stagepass-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only its owner.
    Private,
    /// Everyone.
    Ordinary,
}

/// A file that is written piece by piece under a temporary name in the target folder. If it is
/// dropped before it gets its final name, nothing is left of it.
#[derive(Debug)]
pub struct AtomicFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins an empty file. An existing file at `path` stays as it is.
    ///
    /// # Errors
    /// If the temporary file can't be created.
    pub fn begin(path: &Path, access: Access) -> io::Result<Self> {
        Ok(Self { temporary: create_temporary(folder_of(path), access)?, path: path.to_owned() })
    }

    /// Writes the whole file to disk under its temporary name.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn prepare(path: &Path, contents: &[u8], access: Access) -> io::Result<Self> {
        let mut file = Self::begin(path, access)?;
        file.write_all(contents)?;
        file.temporary.as_file().sync_all()?;
        Ok(file)
    }

    /// Gives the file its final name and replaces an existing file. It is on disk when this
    /// returns.
    ///
    /// # Errors
    /// If that fails; the existing file stays.
    pub fn put(self) -> io::Result<()> {
        self.temporary.as_file().sync_all()?;
        self.temporary.persist(&self.path)?;
        sync_folder(folder_of(&self.path))
    }

    /// Like [`Self::put`], but doesn't replace an existing file.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if one exists, besides those of [`Self::put`].
    pub fn put_new(self) -> io::Result<()> {
        self.temporary.as_file().sync_all()?;
        self.temporary.persist_noclobber(&self.path)?;
        sync_folder(folder_of(&self.path))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

/// Creates an empty temporary file.
///
/// # Errors
/// If it can't be created in the folder.
pub fn create_temporary(folder: &Path, access: Access) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    #[cfg(unix)]
    builder.permissions(access.permissions());
    let temporary = builder.tempfile_in(folder).map_err(without_path)?;
    // The umask may have removed some of the permissions; it never adds any.
    #[cfg(unix)]
    temporary.as_file().set_permissions(access.permissions())?;
    #[cfg(not(unix))]
    let _ = access;
    Ok(temporary)
}

/// Whether a file of this name is a temporary one, left by a killed program.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

/// Makes files that are created with these options private.
pub fn for_owner(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Opens a file, but follows no link, and doesn't block on a pipe.
///
/// # Errors
/// The errors of [`OpenOptions::open`].
pub fn open_no_link(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    options.open(path)
}

/// Creates a private folder, and the missing folders above it. An existing folder stays as it
/// is.
///
/// # Errors
/// If it can't be created, or is not a folder.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes new and removed names in `folder` durable. Windows has no such call; NTFS keeps names
/// in its journal.
///
/// # Errors
/// If the folder can't be opened or synced.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

impl Access {
    #[cfg(unix)]
    fn permissions(self) -> std::fs::Permissions {
        std::os::unix::fs::PermissionsExt::from_mode(match self {
            Self::Private => 0o600,
            Self::Ordinary => 0o644,
        })
    }
}

/// Removes the temporary file's path from an error: callers add the final path, which people
/// know.
fn without_path(fault: io::Error) -> io::Error {
    match fault.to_string().rsplit_once(" at path ") {
        Some((what, _)) => io::Error::new(fault.kind(), what),
        None => fault,
    }
}

fn folder_of(path: &Path) -> &Path {
    let named = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn replaces_or_creates_a_file_and_leaves_no_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let prepare = |text: &str| AtomicFile::prepare(&path, text.as_bytes(), Access::Private).unwrap();
        prepare("old").put_new().unwrap();
        prepare("new").put().unwrap();
        assert_eq!(prepare("other").put_new().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let dropped = prepare("dropped");
        assert!(names(folder.path()).iter().any(|name| is_temporary(name)));
        drop(dropped);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[cfg(unix)]
    #[test]
    fn files_and_folders_are_private_from_the_start_and_links_are_not_followed() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("a/b");
        make_folder(&folder).unwrap();
        assert_eq!((mode(&folder), mode(folder.parent().unwrap())), (0o700, 0o700));
        let begun = AtomicFile::begin(&folder.join("file"), Access::Private).unwrap();
        assert_eq!(mode(begun.temporary.path()), 0o600);
        let path = folder.join("lock");
        for_owner(OpenOptions::new().write(true).create(true)).open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        let link = folder.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(open_no_link(&path, OpenOptions::new().read(true)).is_ok());
        assert!(open_no_link(&link, OpenOptions::new().read(true)).is_err());
    }
}
