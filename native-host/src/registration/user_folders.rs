//! The user's folders in which browsers keep their data, on each system.

use super::os::Os;
use crate::error::Error;
use etcetera::base_strategy::{Apple, BaseStrategy, Windows, Xdg};
use std::path::PathBuf;

/// The user's folders in which browsers keep their data.
#[derive(Clone, Debug)]
pub(crate) struct UserFolders {
    /// The home folder.
    pub(crate) home: PathBuf,
    /// Linux: `~/.config`; macOS: `~/Library/Application Support`; Windows:
    /// roaming application data.
    pub(crate) config: PathBuf,
    /// Windows: local application data; unused elsewhere.
    pub(crate) local: PathBuf,
}

impl UserFolders {
    /// This user's folders, as the system defines them.
    pub(crate) fn of(os: Os) -> Result<Self, Error> {
        let strategy: Box<dyn BaseStrategy> = match os {
            Os::Linux => Box::new(Xdg::new().map_err(|_| Error::NoHome)?),
            Os::Mac => Box::new(Apple::new().map_err(|_| Error::NoHome)?),
            Os::Windows => Box::new(Windows::new().map_err(|_| Error::NoHome)?),
        };
        Ok(Self {
            home: strategy.home_dir().to_owned(),
            // On macOS settings and data have different folders, and browsers use that for data.
            config: if os == Os::Mac { strategy.data_dir() } else { strategy.config_dir() },
            local: strategy.cache_dir(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macos_uses_application_support() {
        let folders = UserFolders::of(Os::Mac).unwrap();
        assert_eq!(folders.config, folders.home.join("Library").join("Application Support"));
    }

    // On Windows itself these folders come from variables.
    #[cfg(not(windows))]
    #[test]
    fn windows_uses_roaming_and_local_application_data() {
        let folders = UserFolders::of(Os::Windows).unwrap();
        assert_eq!(folders.config, folders.home.join("AppData").join("Roaming"));
        assert_eq!(folders.local, folders.home.join("AppData").join("Local"));
    }
}
