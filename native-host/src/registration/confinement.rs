//! Browsers that are packaged so that they can't start programs outside of the package, and
//! what does it for some. Nothing of it can be tried from outside.

use std::fmt;
use std::path::PathBuf;

/// A form of packaging that shuts a browser off from programs outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// Its name.
    pub(crate) packaging: &'static str,
    /// A folder that is there when the user has such a one.
    pub(crate) trace: PathBuf,
    /// What starts programs for it all the same, where something does.
    pub(crate) starter: Option<Starter>,
}

/// What starts programs for a browser that is shut off. Both look for manifests where
/// Firefox does that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    /// The desktop's WebExtensions portal, which Ubuntu has from 22.04 on.
    Portal,
    /// xdg-native-messaging-proxy, which Firefox uses from 157 on, and this Flatpak with it.
    Proxy(&'static str),
}

impl fmt::Display for Starter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Portal => {
                f.write_str("started by the desktop's WebExtensions portal, from Ubuntu 22.04 on")
            }
            Self::Proxy(_) => f.write_str("started by xdg-native-messaging-proxy, from Firefox 157 on"),
        }
    }
}

impl Starter {
    /// What has to be there, and accepted.
    pub(crate) fn advice(self) -> String {
        match self {
            Self::Portal => {
                "When the desktop asks whether the extension may start Stagepass, allow it".to_owned()
            }
            Self::Proxy(app) => format!(
                "Install xdg-native-messaging-proxy if your distribution has not. \"flatpak override --user \
                 --talk-name=org.freedesktop.NativeMessagingProxy {app}\" lets the browser talk to it, where it may not"
            ),
        }
    }
}
