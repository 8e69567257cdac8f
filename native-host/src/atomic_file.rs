//! Files that are there whole or not at all, and folders that are their owner's
//! alone. Knows nothing of what is in them.
//!
//! A file is written under a temporary name in the same folder, synced, and
//! renamed; the folder is synced after it. Whatever fails on the way leaves
//! the old file as it was and takes the temporary one away again.

use crate::error::Error;
use crate::own_place;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What temporary files are called, so that those of a killed host can be found.
const TEMPORARY_PREFIX: &str = ".stagepass-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner alone.
    Private,
    /// Everyone, as for other settings.
    Ordinary,
}

impl Access {
    #[cfg(unix)]
    fn permissions(self) -> fs::Permissions {
        use std::os::unix::fs::PermissionsExt;
        fs::Permissions::from_mode(match self {
            Self::Private => 0o600,
            Self::Ordinary => 0o644,
        })
    }
}

/// A file that is on disk under its temporary name.
#[derive(Debug)]
pub(crate) struct Prepared {
    temporary: NamedTempFile,
    target: PathBuf,
}

/// Writes and syncs `contents` beside `target`, which stays as it is.
pub(crate) fn prepare(target: &Path, contents: &[u8], access: Access) -> Result<Prepared, Error> {
    refuse_obstacle(target)?;
    let write = || -> io::Result<NamedTempFile> {
        let mut temporary = create_temporary(folder_of(target), access)?;
        temporary.write_all(contents)?;
        temporary.as_file().sync_all()?;
        Ok(temporary)
    };
    let temporary = write().map_err(Error::io("write", target))?;
    Ok(Prepared { temporary, target: target.to_owned() })
}

impl Prepared {
    /// Gives the file its name, in place of one that had it before.
    pub(crate) fn put(self) -> Result<(), Error> {
        let Self { temporary, target } = self;
        refuse_obstacle(&target)?;
        temporary.persist(&target).map_err(|fault| Error::io("write", &target)(fault.error))?;
        sync_folder(folder_of(&target))
    }
}

/// [`prepare`] and [`Prepared::put`].
pub(crate) fn write(target: &Path, contents: &[u8], access: Access) -> Result<(), Error> {
    prepare(target, contents, access)?.put()
}

/// Whether a file of this name was left by a host that was killed.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

/// Makes an empty temporary file for its owner alone.
pub(crate) fn create_private(folder: &Path) -> io::Result<NamedTempFile> {
    create_temporary(folder, Access::Private)
}

#[cfg(unix)]
fn create_temporary(folder: &Path, access: Access) -> io::Result<NamedTempFile> {
    let temporary = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .suffix(TEMPORARY_SUFFIX)
        .permissions(access.permissions())
        .tempfile_in(folder)
        .map_err(without_path)?;
    // The umask can have taken bits away from what was asked for, never added any.
    temporary.as_file().set_permissions(access.permissions())?;
    Ok(temporary)
}

/// Elsewhere a file inherits who may read it from the user's own folders.
#[cfg(not(unix))]
fn create_temporary(folder: &Path, _access: Access) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .suffix(TEMPORARY_SUFFIX)
        .tempfile_in(folder)
        .map_err(without_path)
}

/// Only what is wrong: the library names the temporary file as well, which says
/// nothing to anybody, beside a path that does.
fn without_path(fault: io::Error) -> io::Error {
    match fault.to_string().rsplit_once(" at path ") {
        Some((what, _)) => io::Error::new(fault.kind(), what),
        None => fault,
    }
}

/// Refuses everything but a plain file, or nothing, at `path`: writing through
/// a symbolic link would put secrets where somebody else chose.
pub(crate) fn refuse_obstacle(path: &Path) -> Result<(), Error> {
    let what = match fs::symlink_metadata(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => return Err(Error::io("look at", path)(fault)),
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Ok(metadata) if metadata.is_symlink() => "a symbolic link",
        Ok(metadata) if metadata.is_dir() => "a folder",
        Ok(_) => "no plain file",
    };
    Err(Error::InTheWay { path: path.to_owned(), what })
}

/// Makes the host's own folder, and those above it that are missing, for its owner alone.
/// One that is there may be shared, and stays as it is.
pub(crate) fn make_host_dir(path: &Path) -> Result<(), Error> {
    own_place::check_host_dir(path)?;
    if own_place::look_at_folder(path)?.is_some() { Ok(()) } else { create_folder(path) }
}

/// Makes a folder in the host's own that is private: where it is there and open to
/// others, it is narrowed.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), own_place::check_host_dir)?;
    match own_place::look_at_folder(path)? {
        Some(metadata) => {
            own_place::check_owner(path, &metadata)?;
            narrow_to_owner(path)?;
        }
        None => create_folder(path)?,
    }
    own_place::folder_is_there(path).map(|_| ())
}

fn create_folder(path: &Path) -> Result<(), Error> {
    match private_folder_builder().create(path) {
        // Another host was faster, and may even have taken it away again.
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
        Err(fault) => return Err(Error::io("make the folder", path)(fault)),
        Ok(()) => {}
    }
    narrow_to_owner(path)?;
    sync_folder(folder_of(path))
}

#[cfg(unix)]
fn private_folder_builder() -> fs::DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
}

#[cfg(not(unix))]
fn private_folder_builder() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    builder
}

/// A folder that another host has just taken away is no fault: what needs it
/// finds it missing.
#[cfg(unix)]
fn narrow_to_owner(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    match fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("close to others", folder)(fault))
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn narrow_to_owner(_folder: &Path) -> Result<(), Error> {
    Ok(())
}

/// Makes names that were given or taken away in `folder` last.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

/// Windows has no such call; NTFS keeps names in its journal.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> Result<(), Error> {
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn replaces_a_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        write(&target, b"old", Access::Private).unwrap();
        write(&target, b"new", Access::Private).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn what_is_prepared_and_not_put_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        write(&target, b"old", Access::Private).unwrap();
        let prepared = prepare(&target, b"new", Access::Private).unwrap();
        assert!(names(folder.path()).iter().any(|name| is_temporary(name)));
        drop(prepared);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_fault_names_one_path() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let fault = write(&gone.join("file"), b"x", Access::Private).unwrap_err().to_string();
        assert!(fault.matches("gone").count() == 1 && fault.contains("(os error "), "{fault}");
    }

    #[test]
    fn refuses_a_folder_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let fault = write(folder.path(), b"x", Access::Private).unwrap_err().to_string();
        assert!(fault.contains(folder.path().to_str().unwrap()) && fault.contains("a folder"), "{fault}");
    }

    #[cfg(unix)]
    #[test]
    fn refuses_symbolic_links_dangling_ones_too() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        for fault in [write(&link, b"x", Access::Private), make_private_folder(&link)] {
            assert!(fault.unwrap_err().to_string().contains("a symbolic link"));
        }
        assert_eq!(names(folder.path()), ["link"]);
    }

    #[cfg(unix)]
    #[test]
    fn narrows_an_open_folder_only_where_it_is_ours() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
        make_host_dir(&open).unwrap();
        assert_eq!(mode(&open), 0o1777);
        make_private_folder(&open).unwrap();
        assert_eq!(mode(&open), 0o700);

        let new = folder.path().join("above/new");
        make_host_dir(&new).unwrap();
        assert_eq!((mode(&new), mode(new.parent().unwrap())), (0o700, 0o700));
    }
}
