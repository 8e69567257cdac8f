//! Checks whether a file or folder is private enough, by the owner and mode of the open file, so
//! that it can't be swapped between check and use. Each fault names the command that fixes it. This
//! module does not know what is in a file.
//!
//! Systems other than Unix have no modes: there the folder's permissions apply.

use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a file that this program created: not a link, owned by this user or root, and private.
pub(crate) fn open_own(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    return unix::open_own(path);
    #[cfg(not(unix))]
    File::open(path)
}

/// Opens a file that the operator named. It may be a link, as in Kubernetes, and belong to another
/// user, as in a container. Neither its group nor others may write to it. Its group may read it, as
/// under systemd and Kubernetes; others only if the folder keeps them out: below `/run/secrets` and
/// `$CREDENTIALS_DIRECTORY`.
pub(crate) fn open_named(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    return unix::open_named(path);
    #[cfg(not(unix))]
    File::open(path)
}

/// Refuses a data directory that others could replace or write to.
pub(crate) fn check_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return unix::check_directory(path);
    #[cfg(not(unix))]
    path.metadata().map(drop)
}

#[cfg(unix)]
mod unix {
    use rustix::process::geteuid;
    use stagepass_private_files::open_no_link;
    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::{Path, PathBuf};
    use thiserror::Error;

    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const READABLE_BY_ALL: u32 = 0o004;
    const FOR_OTHERS: u32 = 0o077;
    /// In such a folder no one can replace another user's files.
    const STICKY: u32 = 0o1000;

    #[derive(Debug, Error)]
    enum Fault {
        #[error("is a symbolic link; use the file or folder that it leads to")]
        Link,
        #[error("is not a regular file; move it away")]
        NoFile,
        #[error(
            "belongs to the user with the id {owner}; run this program as that user (`sudo -u '#{owner}'`), \
             or make this user the owner: `chown -R {me} {path}`"
        )]
        Owner { owner: u32, me: u32, path: String },
        #[error("others can write to it; `chmod 700 {0}` fixes that")]
        Folder(String),
        #[error(
            "everyone can write to {0} and could replace its contents; `chmod o-w {0}` or `chmod +t {0}` \
             fixes that"
        )]
        Above(String),
        #[error("others can read or change it; `chmod 600 {0}` fixes that")]
        Private(String),
        #[error("others can change it; `chmod go-w {0}` fixes that")]
        Changeable(String),
        #[error(
            "everyone can read it; `chmod g-w,o= {0}` fixes that, or in a Kubernetes volume \
             `defaultMode: 0440` with `fsGroup` (others may read files only below /run/secrets and \
             $CREDENTIALS_DIRECTORY)"
        )]
        Readable(String),
    }

    impl From<Fault> for io::Error {
        fn from(fault: Fault) -> Self {
            Self::new(io::ErrorKind::PermissionDenied, fault)
        }
    }

    pub(super) fn open_own(path: &Path) -> io::Result<File> {
        let file = open(path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(Fault::NoFile.into());
        }
        check_owner(path, &found)?;
        refuse(found.mode() & FOR_OTHERS != 0, || Fault::Private(quote(path)))?;
        Ok(file)
    }

    pub(super) fn open_named(path: &Path) -> io::Result<File> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        let is_exposed = found.mode() & READABLE_BY_ALL != 0 && !is_in_folder_for_secrets(path, &found);
        refuse(is_exposed, || Fault::Readable(quote(path)))?;
        refuse(found.mode() & WRITABLE_BY_OTHERS != 0, || Fault::Changeable(quote(path)))?;
        Ok(file)
    }

    pub(super) fn check_directory(path: &Path) -> io::Result<()> {
        // A trailing slash would follow a link.
        let path: PathBuf = path.components().collect();
        let found = open(&path)?.metadata()?;
        check_owner(&path, &found)?;
        refuse(found.mode() & WRITABLE_BY_OTHERS != 0, || Fault::Folder(quote(&path)))?;
        // The owner of a parent folder decided what its group may do.
        for above in fs::canonicalize(&path)?.ancestors().skip(1) {
            let mode = above.metadata()?.mode();
            refuse(mode & 0o002 != 0 && mode & STICKY == 0, || Fault::Above(quote(above)))?;
        }
        Ok(())
    }

    fn open(path: &Path) -> io::Result<File> {
        open_no_link(path, OpenOptions::new().read(true)).map_err(|error| {
            let Ok(found) = path.symlink_metadata() else { return error };
            if found.is_symlink() {
                return Fault::Link.into();
            }
            // The file is not accessible, most likely because another user owns it.
            check_owner(path, &found).err().unwrap_or(error)
        })
    }

    fn check_owner(path: &Path, found: &Metadata) -> io::Result<()> {
        let (owner, me) = (found.uid(), geteuid().as_raw());
        refuse(owner != me && owner != 0, || Fault::Owner { owner, me, path: quote(path) })
    }

    fn refuse(is_bad: bool, fault: impl FnOnce() -> Fault) -> io::Result<()> {
        if is_bad { Err(fault().into()) } else { Ok(()) }
    }

    /// Whether the open file is below a folder for secrets: its path without links leads there, and
    /// to this very file.
    fn is_in_folder_for_secrets(path: &Path, found: &Metadata) -> bool {
        let Ok(real) = fs::canonicalize(path) else { return false };
        let is_the_same = real
            .symlink_metadata()
            .is_ok_and(|there| (there.dev(), there.ino()) == (found.dev(), found.ino()));
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let mut folders = [Some(PathBuf::from("/run/secrets")), credentials].into_iter().flatten();
        is_the_same && folders.any(|folder| is_below(&real, &folder))
    }

    fn is_below(real: &Path, folder: &Path) -> bool {
        // The root would allow everything.
        fs::canonicalize(folder).is_ok_and(|folder| folder.parent().is_some() && real.starts_with(folder))
    }

    /// A path quoted for a shell.
    fn quote(path: &Path) -> String {
        let text = path.display().to_string();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
        if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn fault<T>(result: io::Result<T>) -> String {
        result.err().unwrap().to_string()
    }

    #[test]
    fn an_own_file_must_be_private_and_not_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept secret");
        fs::write(&path, "secret").unwrap();
        for mode in [0o600, 0o400] {
            set_mode(&path, mode);
            assert!(open_own(&path).is_ok(), "{mode:o}");
        }
        for mode in [0o640, 0o604, 0o620, 0o602, 0o666] {
            set_mode(&path, mode);
            let command = format!("`chmod 600 '{}'` fixes that", path.display());
            assert_eq!(
                fault(open_own(&path)),
                format!("others can read or change it; {command}"),
                "{mode:o}"
            );
        }
        set_mode(&path, 0o600);
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(fault(open_own(&link)).starts_with("is a symbolic link;"));
        assert!(fault(open_own(folder.path())).starts_with("is not a regular file;"));
        assert_eq!(open_own(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_named_file_may_be_a_link_and_readable_by_its_group() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("secret"), folder.path().join("link"));
        fs::write(&path, "secret").unwrap();
        symlink(&path, &link).unwrap();
        for mode in [0o600, 0o400, 0o440, 0o640] {
            set_mode(&path, mode);
            assert!(open_named(&path).is_ok() && open_named(&link).is_ok(), "{mode:o}");
        }
        for (mode, expected) in [
            (0o644, "everyone can read it; `chmod g-w,o= "),
            (0o444, "everyone can read it; `chmod g-w,o= "),
            (0o666, "everyone can read it; `chmod g-w,o= "),
            (0o660, "others can change it; `chmod go-w "),
            (0o602, "others can change it; `chmod go-w "),
        ] {
            set_mode(&path, mode);
            assert!(fault(open_named(&link)).starts_with(expected), "{mode:o}");
        }
    }

    #[test]
    fn a_data_directory_must_be_writable_and_replaceable_only_by_this_user() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("data");
        fs::create_dir(&path).unwrap();
        for mode in [0o700, 0o750, 0o755] {
            set_mode(&path, mode);
            assert!(check_directory(&path).is_ok(), "{mode:o}");
        }
        for mode in [0o770, 0o707, 0o777, 0o1777] {
            set_mode(&path, mode);
            let expected = format!("others can write to it; `chmod 700 {}` fixes that", path.display());
            assert_eq!(fault(check_directory(&path)), expected, "{mode:o}");
        }
        set_mode(&path, 0o700);
        let link = above.path().join("link");
        symlink(&path, &link).unwrap();
        for link in [link.clone(), link.join("")] {
            assert!(fault(check_directory(&link)).starts_with("is a symbolic link;"));
        }
        for (mode, is_good) in [(0o1777, true), (0o775, true), (0o777, false)] {
            set_mode(above.path(), mode);
            assert_eq!(check_directory(&path).is_ok(), is_good, "{mode:o}");
        }
    }
}
