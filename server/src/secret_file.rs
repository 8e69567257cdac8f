//! Files for their owner alone: secrets that are made once and kept in the data
//! directory, and what else is to be written for nobody else.

mod privacy;

pub(crate) use privacy::{check_directory, open_named, open_own};

use secrecy::{ExposeSecret as _, SecretString};
use stagepass_private_files::{Access, AtomicFile, for_owner};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// A secret kept in a file, and whether it was made just now.
pub(crate) struct Kept {
    pub(crate) secret: SecretString,
    pub(crate) is_new: bool,
}

/// The secret in `directory/name`; where the file is not there it is made with
/// `generate`, readable for its owner alone, and on disk when this returns.
/// Two programs that do so at once end with the same secret.
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
    // Keeping the secret is this function's purpose: it is written out here.
    match write_new(&path, secret.expose_secret().as_bytes()) {
        Ok(()) => Ok(Kept { secret, is_new: true }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(Kept { secret: read_kept(&path)?, is_new: false })
        }
        Err(error) => Err(error),
    }
}

/// A secret that was kept so, which must be there.
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

/// Writes a file for its owner alone, from its first byte; it is there whole and
/// on disk when this returns, or not at all. One of that name stays as it is,
/// and the error says that it exists.
pub(crate) fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    AtomicFile::prepare(path, contents, Access::Private)?.put_new()
}

/// Makes an empty file that its owner alone can read, unless it is there. Files
/// that SQLite puts beside a database take over its permissions.
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
    fn makes_a_secret_once_and_for_its_owner_alone() {
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
