//! Reads a server's token from the file that a person has named, if others can't read it.
//!
//! The rule is the one for the server's own files with secrets. It looks at the open file, so that
//! it can't be swapped between check and use. Systems other than Unix have no modes: there the
//! folder's permissions apply.

use super::fault::ServerFault;
use secrecy::SecretString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// More than any token has.
const MAX_BYTES: u64 = 4096;

/// The token in the file.
// Decision: docs/decisions/bridge.md#a-token-file-may-be-a-mounted-secret
pub(crate) fn read(path: &Path) -> Result<SecretString, ServerFault> {
    let of_file = |fault: String| ServerFault::TokenFile { path: path.to_owned(), fault };
    let text = read_private(path).map_err(|fault| of_file(fault.to_string()))?;
    check(&text).map_err(|fault| of_file(fault.to_string()))
}

/// A token that a request's header can carry, without the white space around it.
pub(crate) fn check(text: &str) -> Result<SecretString, ServerFault> {
    let token = text.trim();
    let is_word = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_word { Ok(token.into()) } else { Err(ServerFault::Token) }
}

fn read_private(path: &Path) -> io::Result<Zeroizing<String>> {
    // Opening a pipe would wait for somebody who writes.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let file = File::open(path)?;
    #[cfg(unix)]
    unix::check(path, &file)?;
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long for a token"));
    }
    Ok(text)
}

#[cfg(unix)]
mod unix {
    use crate::shell::quoted;
    use std::fs::{self, File, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const READABLE_BY_ALL: u32 = 0o004;

    /// Neither the group nor others may write to it. The group may read it, as under systemd and
    /// Kubernetes; others only in a folder for secrets.
    pub(super) fn check(path: &Path, file: &File) -> io::Result<()> {
        let found = file.metadata()?;
        if !found.is_file() {
            return refuse("it is not a regular file".to_owned());
        }
        let mode = found.mode() & 0o7777;
        if mode & READABLE_BY_ALL != 0 && !is_in_folder_for_secrets(path, &found) {
            let fix = quoted(path);
            return refuse(format!("everyone can read it (mode {mode:04o}). Run: chmod 600 {fix}"));
        }
        if mode & WRITABLE_BY_OTHERS != 0 {
            let fix = quoted(path);
            return refuse(format!("others can change it (mode {mode:04o}). Run: chmod go-w {fix}"));
        }
        Ok(())
    }

    fn refuse(fault: String) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, fault))
    }

    /// Whether the open file is below a folder for secrets: its path without links leads there, and
    /// to this very file.
    fn is_in_folder_for_secrets(path: &Path, found: &Metadata) -> bool {
        let Ok(real) = fs::canonicalize(path) else { return false };
        let is_same = |there: Metadata| (there.dev(), there.ino()) == (found.dev(), found.ino());
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let folders = [Some(PathBuf::from("/run/secrets")), credentials];
        real.symlink_metadata().is_ok_and(is_same)
            && folders.iter().flatten().any(|folder| is_below(&real, folder))
    }

    fn is_below(real: &Path, folder: &Path) -> bool {
        // The root would allow everything.
        fs::canonicalize(folder).is_ok_and(|folder| folder.parent().is_some() && real.starts_with(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_token_is_one_visible_word() {
        assert_eq!(check(" sp_svc_aB3-_x\r\n").unwrap().expose_secret(), "sp_svc_aB3-_x");
        for text in ["", " \n", "two words", "two\nlines", "caf\u{e9}", "bell\u{7}"] {
            assert!(check(text).is_err(), "{text:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_file_that_others_can_read_or_change_and_follows_links() {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it's a token");
        fs::write(&path, "planted-token\n").unwrap();
        let with_mode = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read(&path).map(|_| ()).map_err(|fault| fault.to_string())
        };
        for mode in [0o600, 0o400, 0o440, 0o640] {
            assert_eq!(with_mode(mode), Ok(()), "{mode:o}");
        }
        for (mode, fault) in
            [(0o644, "everyone can read it"), (0o604, "everyone"), (0o660, "others can change it")]
        {
            let said = with_mode(mode).unwrap_err();
            assert!(said.contains(fault) && said.contains("Run: chmod"), "{mode:o}: {said}");
            assert!(!said.contains("planted"), "{said}");
        }
        with_mode(0o600).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read(&link).is_ok());
        assert!(read(folder.path()).is_err() && read(&folder.path().join("missing")).is_err());
    }
}
