//! The Windows registry's entries that point to a host manifest.

use crate::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Points `key`, below the current user's root, to the manifest.
pub(super) fn set(key: &str, manifest: &Path) -> Result<(), Error> {
    windows::set(key, manifest).map_err(Error::io("write the registry key", &shown(key)))
}

/// Removes `key`, where it is there.
pub(super) fn remove(key: &str) -> Result<(), Error> {
    match windows::remove(key) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove the registry key", &shown(key))(fault))
        }
        _ => Ok(()),
    }
}

fn shown(key: &str) -> PathBuf {
    PathBuf::from(format!("HKEY_CURRENT_USER\\{key}"))
}

#[cfg(windows)]
mod windows {
    use std::io;
    use std::path::Path;
    use winreg::RegKey;
    use winreg::enums::HKEY_CURRENT_USER;

    pub(super) fn set(key: &str, manifest: &Path) -> io::Result<()> {
        let (key, _) = RegKey::predef(HKEY_CURRENT_USER).create_subkey(key)?;
        // The unnamed value of the key.
        key.set_value("", &manifest.as_os_str())
    }

    pub(super) fn remove(key: &str) -> io::Result<()> {
        RegKey::predef(HKEY_CURRENT_USER).delete_subkey(key)
    }
}

/// Other systems have no registry, and no browser's place there leads here.
#[cfg(not(windows))]
mod windows {
    use std::io;
    use std::path::Path;

    pub(super) fn set(_key: &str, _manifest: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn remove(_key: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
