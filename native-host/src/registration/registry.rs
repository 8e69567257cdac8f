//! The entries in the Windows registry that point to a host manifest.

use crate::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// The manifest that `key`, below the current user's root, points to; `None` if there is no such key.
pub(super) fn get(key: &str) -> Result<Option<PathBuf>, Error> {
    match windows::get(key) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some).map_err(Error::io("read the registry key", &shown_name(key))),
    }
}

/// Points `key`, below the current user's root, to the manifest.
pub(super) fn set(key: &str, manifest: &Path) -> Result<(), Error> {
    windows::set(key, manifest).map_err(Error::io("write the registry key", &shown_name(key)))
}

/// Removes `key` if it exists.
pub(super) fn remove(key: &str) -> Result<(), Error> {
    match windows::remove(key) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove the registry key", &shown_name(key))(fault))
        }
        _ => Ok(()),
    }
}

/// The key's whole name, for people.
pub(super) fn shown_name(key: &str) -> PathBuf {
    PathBuf::from(format!("HKEY_CURRENT_USER\\{key}"))
}

#[cfg(windows)]
mod windows {
    use std::ffi::OsString;
    use std::io;
    use std::path::{Path, PathBuf};
    use winreg::RegKey;
    use winreg::enums::HKEY_CURRENT_USER;

    pub(super) fn get(key: &str) -> io::Result<PathBuf> {
        let key = RegKey::predef(HKEY_CURRENT_USER).open_subkey(key)?;
        key.get_value::<OsString, _>("").map(PathBuf::from)
    }

    pub(super) fn set(key: &str, manifest: &Path) -> io::Result<()> {
        let (key, _) = RegKey::predef(HKEY_CURRENT_USER).create_subkey(key)?;
        // The key's default value.
        key.set_value("", &manifest.as_os_str())
    }

    pub(super) fn remove(key: &str) -> io::Result<()> {
        RegKey::predef(HKEY_CURRENT_USER).delete_subkey(key)
    }
}

/// Other systems have no registry, and no browser location there leads here.
#[cfg(not(windows))]
mod windows {
    use std::io;
    use std::path::{Path, PathBuf};

    pub(super) fn get(_key: &str) -> io::Result<PathBuf> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn set(_key: &str, _manifest: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn remove(_key: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
