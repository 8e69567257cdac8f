//! Writes the host's files and creates its folders, unless something is in the way. Knows nothing
//! of their contents.

use crate::error::Error;
use crate::ownership;
use stagepass_private_files::{AtomicFile, make_folder};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use stagepass_private_files::{Access, create_temporary, is_temporary};

/// A written file that still has its temporary name.
#[derive(Debug)]
pub(crate) struct Prepared {
    file: AtomicFile,
    target: PathBuf,
}

/// Writes and syncs `contents` next to `target`, which stays as it is.
pub(crate) fn prepare(target: &Path, contents: &[u8], access: Access) -> Result<Prepared, Error> {
    ownership::refuse_obstacle(target)?;
    let file = AtomicFile::prepare(target, contents, access).map_err(Error::io("write", target))?;
    Ok(Prepared { file, target: target.to_owned() })
}

impl Prepared {
    /// Gives the file its final name and replaces an existing file.
    pub(crate) fn put(self) -> Result<(), Error> {
        ownership::refuse_obstacle(&self.target)?;
        self.file.put().map_err(Error::io("write", &self.target))
    }
}

/// [`prepare`] and [`Prepared::put`].
pub(crate) fn write(target: &Path, contents: &[u8], access: Access) -> Result<(), Error> {
    prepare(target, contents, access)?.put()
}

/// Creates the host's private folder, and the missing folders above it. An existing folder may be
/// shared and stays as it is.
pub(crate) fn make_host_dir(path: &Path) -> Result<(), Error> {
    ownership::check_host_dir(path)?;
    if ownership::folder_metadata(path)?.is_some() { Ok(()) } else { create_folder(path) }
}

/// Creates a private folder in the host's folder. Makes an existing one private.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), ownership::check_host_dir)?;
    match ownership::folder_metadata(path)? {
        Some(metadata) => {
            ownership::check_owner(path, &metadata)?;
            narrow_to_owner(path)?;
        }
        None => create_folder(path)?,
    }
    ownership::folder_is_there(path).map(|_| ())
}

fn create_folder(path: &Path) -> Result<(), Error> {
    match make_folder(path) {
        // Another host created the folder first, and may even have removed it again.
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(Error::io("create the folder", path))?,
    }
    narrow_to_owner(path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Ignores a missing folder, which another host has just removed: later steps will notice.
#[cfg(unix)]
fn narrow_to_owner(folder: &Path) -> Result<(), Error> {
    use std::fs;
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

/// Makes new and removed names in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    stagepass_private_files::sync_folder(folder).map_err(Error::io("sync", folder))
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
    fn replaces_a_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        write(&target, b"old", Access::Private).unwrap();
        write(&target, b"new", Access::Private).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn removes_a_prepared_file_that_is_not_put() {
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
    fn an_error_names_one_path() {
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
    fn refuses_symbolic_links_including_dangling_ones() {
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
    fn makes_only_its_own_folders_private() {
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
