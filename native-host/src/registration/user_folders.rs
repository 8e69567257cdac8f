//! Where each system has the folders of a user that browsers keep their own in.

use super::os::Os;
use crate::error::Error;
use etcetera::base_strategy::{Apple, BaseStrategy, Windows, Xdg};
use std::path::PathBuf;

/// The user's folders that browsers keep their own in.
#[derive(Clone, Debug)]
pub(crate) struct UserFolders {
    /// The home folder.
    pub(crate) home: PathBuf,
    /// Linux: `~/.config`; macOS: `~/Library/Application Support`; Windows:
    /// roaming application data.
    pub(crate) config: PathBuf,
    /// Windows: local application data; elsewhere not asked for.
    pub(crate) local: PathBuf,
}

impl UserFolders {
    /// This user's, as that system has them.
    pub(crate) fn of(os: Os) -> Result<Self, Error> {
        let strategy: Box<dyn BaseStrategy> = match os {
            Os::Linux => Box::new(Xdg::new().map_err(|_| Error::NoHome)?),
            Os::Mac => Box::new(Apple::new().map_err(|_| Error::NoHome)?),
            Os::Windows => Box::new(Windows::new().map_err(|_| Error::NoHome)?),
        };
        Ok(Self {
            home: strategy.home_dir().to_owned(),
            // On macOS the folder of settings is another one than that of data,
            // and browsers keep everything in the latter.
            config: if os == Os::Mac { strategy.data_dir() } else { strategy.config_dir() },
            local: strategy.cache_dir(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macos_has_application_support() {
        let folders = UserFolders::of(Os::Mac).unwrap();
        assert_eq!(folders.config, folders.home.join("Library").join("Application Support"));
    }

    // Windows has its folders in variables, which its own programs are given.
    #[cfg(not(windows))]
    #[test]
    fn windows_has_roaming_and_local_application_data() {
        let folders = UserFolders::of(Os::Windows).unwrap();
        assert_eq!(folders.config, folders.home.join("AppData").join("Roaming"));
        assert_eq!(folders.local, folders.home.join("AppData").join("Local"));
    }
}
