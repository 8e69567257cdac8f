//! Files accessible only to their owner: secrets that are generated once and kept in the data
//! directory, and other private files.

mod privacy;

pub(crate) use privacy::{check_directory, open_named, open_own};

use secrecy::{ExposeSecret as _, SecretString};
use stagepass_private_files::{Access, AtomicFile, for_owner};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// A secret kept in a file, and whether it was just generated.
pub(crate) struct Kept {
    pub(crate) secret: SecretString,
    pub(crate) is_new: bool,
}

/// The secret in `directory/name`. If the file is missing, generates the secret and stores it
/// durably, readable only by its owner. Two programs that do so at once get the same secret.
pub(crate) fn read_or_make(
    directory: &Path,
    name: &str,
    generate: impl FnOnce() -> Result<SecretString, getrandom::Error>,
) -> io::Result<Kept> {
    let path = directory.join(name);
    match read_kept(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return Ok(Kept { secret: found?, is_new: false }),
    }
    let secret = generate().map_err(io::Error::other)?;
    // Exposed for writing, which is this function's purpose.
    match write_new(&path, secret.expose_secret().as_bytes()) {
        Ok(()) => Ok(Kept { secret, is_new: true }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(Kept { secret: read_kept(&path)?, is_new: false })
        }
        Err(error) => Err(error),
    }
}

/// A secret from a file that must exist.
pub(crate) fn read_kept(path: &Path) -> io::Result<SecretString> {
    let text = read(open_own(path)?)?;
    Ok(text.expose_secret().trim().into())
}

/// The whole text of an open file.
pub(crate) fn read(mut file: fs::File) -> io::Result<SecretString> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text.into())
}

/// Writes a private file that is complete and on disk when this returns, or does not exist. An
/// existing file of that name stays unchanged, and the error says that it exists.
pub(crate) fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    AtomicFile::prepare(path, contents, Access::Private)?.put_new()
}

/// Creates an empty file that only its owner can read, unless it exists. SQLite gives the files
/// beside a database the same permissions.
pub(crate) fn make_private_file(path: &Path) -> io::Result<()> {
    match for_owner(fs::OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generates_a_secret_once_and_only_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let make = |text: &'static str| read_or_make(directory.path(), "s", || Ok(text.into())).unwrap();
        let first = make("one");
        let second = make("two");
        assert!(first.is_new && !second.is_new);
        assert_eq!(second.secret.expose_secret(), "one");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(directory.path().join("s")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
