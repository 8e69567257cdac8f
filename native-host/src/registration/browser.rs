//! Which browsers there are and where each looks for host manifests, as pure
//! functions of the system and the user's folders.

use super::user_folders::UserFolders;
use stagepass_core::host::HOST_NAME;
use std::path::{Path, PathBuf};

/// A browser that can be told of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Browser {
    /// Google Chrome.
    Chrome,
    /// Chromium.
    Chromium,
    /// Microsoft Edge.
    Edge,
    /// Brave.
    Brave,
    /// Vivaldi.
    Vivaldi,
    /// Firefox.
    Firefox,
}

/// The form of manifest that a browser reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Chromium,
    Firefox,
}

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Os {
    Linux,
    Mac,
    Windows,
}

impl Os {
    /// The one this program is built for; other Unixes have Linux's folders.
    pub(crate) const CURRENT: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::Mac
    } else {
        Self::Linux
    };
}

/// Where a browser looks for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a manifest with this path.
    File(PathBuf),
    /// In a registry key below the current user's root.
    Registry(String),
}

/// A form of packaging that shuts a browser off from programs outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// Its name.
    pub(crate) packaging: &'static str,
    /// A folder that is there when the user has such a one.
    pub(crate) trace: PathBuf,
}

impl Browser {
    /// Every browser, in the order of the report.
    pub(crate) const ALL: &[Self] =
        &[Self::Chrome, Self::Chromium, Self::Edge, Self::Brave, Self::Vivaldi, Self::Firefox];

    /// The name that people know it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::Chromium => "Chromium",
            Self::Edge => "Edge",
            Self::Brave => "Brave",
            Self::Vivaldi => "Vivaldi",
            Self::Firefox => "Firefox",
        }
    }

    /// The name in lower case, for a folder.
    pub(crate) fn id(self) -> String {
        self.name().to_ascii_lowercase()
    }

    pub(crate) fn family(self) -> Family {
        if self == Self::Firefox { Family::Firefox } else { Family::Chromium }
    }

    /// Where it looks for the host.
    pub(crate) fn place(self, os: Os, folders: &UserFolders) -> Place {
        if os == Os::Windows {
            let key = format!("Software\\{}\\NativeMessagingHosts\\{HOST_NAME}", self.registry_folder());
            return Place::Registry(key);
        }
        let folder = match (self, os) {
            (Self::Firefox, Os::Mac) => folders.config.join("Mozilla").join("NativeMessagingHosts"),
            // Here also with profiles below the config folder, as of Firefox 147.
            (Self::Firefox, _) => folders.home.join(".mozilla").join("native-messaging-hosts"),
            _ => below(&folders.config, self.data_folder(os)).join("NativeMessagingHosts"),
        };
        Place::File(folder.join(format!("{HOST_NAME}.json")))
    }

    /// Folders of which one at least is there once this user has started it.
    pub(crate) fn traces(self, os: Os, folders: &UserFolders) -> Vec<PathBuf> {
        match (self, os) {
            (Self::Firefox, Os::Linux) => {
                vec![folders.home.join(".mozilla"), folders.config.join("mozilla")]
            }
            (Self::Firefox, Os::Mac) => vec![folders.config.join("Firefox")],
            (Self::Firefox, Os::Windows) => vec![below(&folders.config, "Mozilla/Firefox")],
            (_, Os::Windows) => vec![below(&folders.local, self.data_folder(os)).join("User Data")],
            _ => vec![below(&folders.config, self.data_folder(os))],
        }
    }

    /// The forms of it that are shut off, and how to tell that the user has one.
    pub(crate) fn confinements(self, os: Os, folders: &UserFolders) -> Vec<Confinement> {
        if os != Os::Linux {
            return Vec::new();
        }
        let (snap, flatpak) = match self {
            Self::Chrome => (None, "com.google.Chrome"),
            Self::Chromium => (Some("chromium"), "org.chromium.Chromium"),
            Self::Edge => (None, "com.microsoft.Edge"),
            Self::Brave => (Some("brave"), "com.brave.Browser"),
            Self::Vivaldi => (Some("vivaldi"), "com.vivaldi.Vivaldi"),
            Self::Firefox => (Some("firefox"), "org.mozilla.firefox"),
        };
        let snap =
            snap.map(|name| Confinement { packaging: "Snap", trace: folders.home.join("snap").join(name) });
        let trace = below(&folders.home, ".var/app").join(flatpak);
        snap.into_iter().chain([Confinement { packaging: "Flatpak", trace }]).collect()
    }

    /// Where a Chromium keeps its data, below the folder for such.
    fn data_folder(self, os: Os) -> &'static str {
        match (self, os) {
            (Self::Chrome, Os::Linux) => "google-chrome",
            (Self::Chrome, _) => "Google/Chrome",
            (Self::Chromium, Os::Linux) => "chromium",
            (Self::Chromium, _) => "Chromium",
            (Self::Edge, Os::Linux) => "microsoft-edge",
            (Self::Edge, Os::Mac) => "Microsoft Edge",
            (Self::Edge, Os::Windows) => "Microsoft/Edge",
            (Self::Brave, _) => "BraveSoftware/Brave-Browser",
            (Self::Vivaldi, Os::Linux) => "vivaldi",
            (Self::Vivaldi, _) => "Vivaldi",
            (Self::Firefox, _) => "Mozilla",
        }
    }

    fn registry_folder(self) -> &'static str {
        match self {
            Self::Chrome => "Google\\Chrome",
            Self::Chromium => "Chromium",
            Self::Edge => "Microsoft\\Edge",
            Self::Brave => "BraveSoftware\\Brave-Browser",
            Self::Vivaldi => "Vivaldi",
            Self::Firefox => "Mozilla",
        }
    }
}

/// Joins a path of several parts with the system's own separator.
fn below(folder: &Path, parts: &str) -> PathBuf {
    folder.join(parts.split('/').collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> UserFolders {
        UserFolders { home: "/home/u".into(), config: "/config".into(), local: "/local".into() }
    }

    fn places(os: Os) -> Vec<String> {
        let place = |browser: &Browser| match browser.place(os, &folders()) {
            Place::File(path) => path.to_string_lossy().replace('\\', "/"),
            Place::Registry(key) => key,
        };
        Browser::ALL.iter().map(place).collect()
    }

    #[test]
    fn linux_has_each_browsers_own_folder() {
        assert_eq!(
            places(Os::Linux),
            [
                "/config/google-chrome/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/chromium/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/microsoft-edge/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/BraveSoftware/Brave-Browser/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/vivaldi/NativeMessagingHosts/app.stagepass.native_host.json",
                "/home/u/.mozilla/native-messaging-hosts/app.stagepass.native_host.json",
            ]
        );
    }

    #[test]
    fn macos_has_application_support() {
        assert_eq!(
            places(Os::Mac),
            [
                "/config/Google/Chrome/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Chromium/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Microsoft Edge/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/BraveSoftware/Brave-Browser/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Vivaldi/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Mozilla/NativeMessagingHosts/app.stagepass.native_host.json",
            ]
        );
    }

    #[test]
    fn windows_has_registry_keys() {
        assert_eq!(
            places(Os::Windows),
            [
                "Software\\Google\\Chrome\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Chromium\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Microsoft\\Edge\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\BraveSoftware\\Brave-Browser\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Vivaldi\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Mozilla\\NativeMessagingHosts\\app.stagepass.native_host",
            ]
        );
    }

    #[test]
    fn traces_are_the_folders_that_a_first_start_makes() {
        let traces = |os| -> Vec<String> {
            let all = Browser::ALL.iter().flat_map(|browser| browser.traces(os, &folders()));
            all.map(|path| path.to_string_lossy().replace('\\', "/")).collect()
        };
        assert_eq!(
            traces(Os::Linux),
            [
                "/config/google-chrome",
                "/config/chromium",
                "/config/microsoft-edge",
                "/config/BraveSoftware/Brave-Browser",
                "/config/vivaldi",
                "/home/u/.mozilla",
                "/config/mozilla",
            ]
        );
        assert_eq!(
            traces(Os::Mac),
            [
                "/config/Google/Chrome",
                "/config/Chromium",
                "/config/Microsoft Edge",
                "/config/BraveSoftware/Brave-Browser",
                "/config/Vivaldi",
                "/config/Firefox",
            ]
        );
        assert_eq!(
            traces(Os::Windows),
            [
                "/local/Google/Chrome/User Data",
                "/local/Chromium/User Data",
                "/local/Microsoft/Edge/User Data",
                "/local/BraveSoftware/Brave-Browser/User Data",
                "/local/Vivaldi/User Data",
                "/config/Mozilla/Firefox",
            ]
        );
    }

    #[test]
    fn snap_and_flatpak_are_known_on_linux_alone() {
        let traces = |os| -> Vec<(&str, String)> {
            let all = Browser::ALL.iter().flat_map(|browser| browser.confinements(os, &folders()));
            all.map(|found| (found.packaging, found.trace.to_string_lossy().into_owned())).collect()
        };
        let expected = [
            ("Flatpak", "/home/u/.var/app/com.google.Chrome"),
            ("Snap", "/home/u/snap/chromium"),
            ("Flatpak", "/home/u/.var/app/org.chromium.Chromium"),
            ("Flatpak", "/home/u/.var/app/com.microsoft.Edge"),
            ("Snap", "/home/u/snap/brave"),
            ("Flatpak", "/home/u/.var/app/com.brave.Browser"),
            ("Snap", "/home/u/snap/vivaldi"),
            ("Flatpak", "/home/u/.var/app/com.vivaldi.Vivaldi"),
            ("Snap", "/home/u/snap/firefox"),
            ("Flatpak", "/home/u/.var/app/org.mozilla.firefox"),
        ];
        // The separator of the system that this runs on.
        if cfg!(unix) {
            assert_eq!(traces(Os::Linux), expected.map(|(packaging, trace)| (packaging, trace.to_owned())));
        }
        assert_eq!((traces(Os::Mac), traces(Os::Windows)), (vec![], vec![]));
    }
}
