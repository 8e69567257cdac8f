//! Where the host keeps its files. Knows nothing of what they are.

use crate::error::Error;
use etcetera::BaseStrategy;
use stagepass_core::visible;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The environment variable that names the folder.
pub(crate) const VARIABLE: &str = "STAGEPASS_HOST_DIR";

/// The folder for a program that a browser started, which has no arguments of ours.
pub(crate) fn from_environment() -> Result<PathBuf, Error> {
    resolve(std::env::var_os(VARIABLE).as_deref())
}

/// The folder that was `named`, else (also where the name is empty) the one in
/// the user's data directory; absolute, since paths below it are handed to
/// other programs.
pub(crate) fn resolve(named: Option<&OsStr>) -> Result<PathBuf, Error> {
    let folder = match named.filter(|name| !name.is_empty()).map(Path::new) {
        Some(path) => std::path::absolute(path).map_err(Error::io("find", path))?,
        None => usual()?,
    };
    match folder.to_str().map(visible::check) {
        None => Err(Error::NotUnicode(folder)),
        Some(Err(fault)) => Err(Error::UnprintablePath { path: folder, fault }),
        Some(Ok(())) => Ok(folder),
    }
}

/// The folders that are ours for certain, `host_dir` first: where that is the usual one,
/// the one above it was made for it.
pub(crate) fn own_folders(host_dir: &Path) -> impl Iterator<Item = &Path> {
    let count = if usual().is_ok_and(|usual| usual == host_dir) { 2 } else { 1 };
    host_dir.ancestors().take(count)
}

fn usual() -> Result<PathBuf, Error> {
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
    fn an_empty_name_is_none() {
        assert_eq!(resolve(Some(OsStr::new(""))).unwrap(), resolve(None).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_folder_that_json_can_not_name() {
        use std::os::unix::ffi::OsStrExt;
        let named = OsStr::from_bytes(b"/tmp/\xff");
        assert!(matches!(resolve(Some(named)), Err(Error::NotUnicode(_))));
    }

    #[test]
    fn refuses_a_folder_that_no_terminal_shows_as_it_is() {
        for named in ["a\u{1b}[2J", "a\u{202e}b"] {
            assert!(matches!(resolve(Some(OsStr::new(named))), Err(Error::UnprintablePath { .. })));
        }
    }
}
