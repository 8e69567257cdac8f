//! Where the host keeps its files. Knows nothing of what they are.

use crate::error::Error;
use etcetera::BaseStrategy;
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
        None => {
            let strategy = etcetera::base_strategy::choose_native_strategy().map_err(|_| Error::NoHome)?;
            strategy.data_dir().join("stagepass").join("host")
        }
    };
    if folder.to_str().is_none() {
        return Err(Error::NotUnicode(folder));
    }
    Ok(folder)
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
}
