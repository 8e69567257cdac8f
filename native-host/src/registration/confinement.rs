//! Sandboxed browsers, whose packages can't start programs outside the sandbox, and the services that
//! start programs for some of them. None of this can be tried from outside.

use std::fmt;
use std::path::PathBuf;

/// A package form that keeps a browser from starting programs outside its sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// The package form's name.
    pub(crate) packaging: &'static str,
    /// A folder that exists if the user has such a package.
    pub(crate) trace: PathBuf,
    /// The service that starts programs for it, if there is one.
    pub(crate) starter: Option<Starter>,
}

/// A service that starts programs for a sandboxed browser. Both services look for manifests where a
/// Firefox outside a sandbox does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    /// The desktop's WebExtensions portal, in Ubuntu from 22.04 on.
    Portal,
    /// xdg-native-messaging-proxy, which Firefox uses from 157 on; for this Flatpak.
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
    /// What the user has to install or allow.
    pub(crate) fn advice(self) -> String {
        match self {
            Self::Portal => {
                "When the desktop asks whether the extension may start Stagepass, allow it".to_owned()
            }
            Self::Proxy(app) => format!(
                "Install xdg-native-messaging-proxy if your distribution doesn't. If the browser may not talk to it, run \
                 \"flatpak override --user --talk-name=org.freedesktop.NativeMessagingProxy {app}\""
            ),
        }
    }
}
