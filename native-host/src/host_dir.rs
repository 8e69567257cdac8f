//! Finds the host's folder. Knows nothing of what is in it.

use crate::error::Error;
use etcetera::BaseStrategy;
use stagepass_core::visible;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The environment variable that names the folder.
pub(crate) const VARIABLE: &str = "STAGEPASS_HOST_DIR";

/// The folder for a host that a browser started, without options.
pub(crate) fn from_environment() -> Result<PathBuf, Error> {
    resolve(std::env::var_os(VARIABLE).as_deref())
}

/// The `named` folder, or, if the name is missing or empty, the one in the user's data directory.
/// Absolute, because other programs get paths below it.
pub(crate) fn resolve(named: Option<&OsStr>) -> Result<PathBuf, Error> {
    let folder = match named.filter(|name| !name.is_empty()).map(Path::new) {
        Some(path) => std::path::absolute(path).map_err(Error::io("find", path))?,
        None => default_dir()?,
    };
    match folder.to_str().map(visible::check) {
        None => Err(Error::NotUnicode(folder)),
        Some(Err(fault)) => Err(Error::UnprintablePath { path: folder, fault }),
        Some(Ok(())) => Ok(folder),
    }
}

/// The folders that belong to the host for certain: `host_dir` and, if it is the default one, its
/// parent.
pub(crate) fn own_folders(host_dir: &Path) -> impl Iterator<Item = &Path> {
    let count = if default_dir().is_ok_and(|default| default == host_dir) { 2 } else { 1 };
    host_dir.ancestors().take(count)
}

fn default_dir() -> Result<PathBuf, Error> {
    let strategy = etcetera::base_strategy::choose_native_strategy().map_err(|_| Error::NoHome)?;
    Ok(strategy.data_dir().join("stagepass").join("host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_folder_becomes_absolute() {
        let folder = resolve(Some(OsStr::new("somewhere"))).unwrap();
        assert!(folder.is_absolute() && folder.ends_with("somewhere"));
    }

    #[test]
    fn an_empty_name_means_the_default() {
        assert_eq!(resolve(Some(OsStr::new(""))).unwrap(), resolve(None).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_folder_that_is_not_unicode() {
        use std::os::unix::ffi::OsStrExt;
        let named = OsStr::from_bytes(b"/tmp/\xff");
        assert!(matches!(resolve(Some(named)), Err(Error::NotUnicode(_))));
    }

    #[test]
    fn refuses_a_folder_with_control_or_invisible_characters() {
        for named in ["a\u{1b}[2J", "a\u{202e}b"] {
            assert!(matches!(resolve(Some(OsStr::new(named))), Err(Error::UnprintablePath { .. })));
        }
    }
}
