//! The supported browsers and where each looks for host manifests, as pure functions of the system
//! and the user's folders.

use super::confinement::{Confinement, Starter};
use super::os::Os;
use super::user_folders::UserFolders;
use stagepass_core::host::HOST_NAME;
use std::path::{Path, PathBuf};

/// A browser that the host can be registered with.
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
    /// LibreWolf. This and the following browsers are based on Firefox.
    #[value(name = "librewolf")]
    LibreWolf,
    /// Waterfox.
    Waterfox,
    /// Floorp.
    Floorp,
    /// Zen.
    Zen,
}

/// The form of manifest that a browser reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Chromium,
    Firefox,
}

impl Family {
    /// The family of the browsers that read manifests in a folder, judged by the folder's name and
    /// its parent's. On macOS only the parent's name shows that a browser is based on Firefox.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        const VENDORS: &[&str] = &["mozilla", "librewolf", "waterfox", "floorp", "zen"];
        let name = |folder: &Path| folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let above = folder.parent().map(name).unwrap_or_default();
        let is_firefoxes = name(folder) == "native-messaging-hosts"
            || VENDORS.contains(&above.strip_prefix('.').unwrap_or(&above));
        if is_firefoxes { Self::Firefox } else { Self::Chromium }
    }
}

/// Where a browser looks for the host's manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ManifestLocation {
    /// A file at this path.
    File(PathBuf),
    /// The file that this registry key points to. The key is below the current user's root.
    Registry(String),
}

impl Browser {
    /// Every browser, in the order of the report.
    pub(crate) const ALL: &[Self] = &[
        Self::Chrome,
        Self::Chromium,
        Self::Edge,
        Self::Brave,
        Self::Vivaldi,
        Self::Firefox,
        Self::LibreWolf,
        Self::Waterfox,
        Self::Floorp,
        Self::Zen,
    ];

    /// The name that people know the browser by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::Chromium => "Chromium",
            Self::Edge => "Edge",
            Self::Brave => "Brave",
            Self::Vivaldi => "Vivaldi",
            Self::Firefox => "Firefox",
            Self::LibreWolf => "LibreWolf",
            Self::Waterfox => "Waterfox",
            Self::Floorp => "Floorp",
            Self::Zen => "Zen",
        }
    }

    /// The name in lower case, for a folder.
    pub(crate) fn id(self) -> String {
        self.name().to_ascii_lowercase()
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Chrome | Self::Chromium | Self::Edge | Self::Brave | Self::Vivaldi => Family::Chromium,
            Self::Firefox | Self::LibreWolf | Self::Waterfox | Self::Floorp | Self::Zen => Family::Firefox,
        }
    }

    /// Where the browser looks for the manifest. The first place is used now; later versions of the
    /// browser may use the others.
    // Decision: docs/decisions/bridge.md#where-browsers-look-is-a-pure-function
    pub(crate) fn locations(self, os: Os, folders: &UserFolders) -> Vec<ManifestLocation> {
        if os == Os::Windows {
            let key = format!("Software\\{}\\NativeMessagingHosts\\{HOST_NAME}", self.registry_folder());
            return vec![ManifestLocation::Registry(key)];
        }
        let in_home = |name: &str| folders.home.join(name).join("native-messaging-hosts");
        let in_config = |name: &str| below(&folders.config, name).join("NativeMessagingHosts");
        let folders = match (self, os) {
            (Self::Firefox, Os::Mac) => vec![in_config("Mozilla")],
            // Firefox looks here even if its profiles are below the config folder (from 147 on).
            (Self::Firefox, _) => vec![in_home(".mozilla")],
            // Zen reads Firefox's folder, which its developers call a bug.
            (Self::Zen, Os::Mac) => vec![in_config("Mozilla"), in_config("zen")],
            (Self::Zen, _) => vec![in_home(".mozilla"), in_home(".zen")],
            (Self::LibreWolf | Self::Waterfox | Self::Floorp, Os::Linux) => {
                vec![in_home(&format!(".{}", self.id()))]
            }
            _ => vec![in_config(self.data_folder(os))],
        };
        folders
            .into_iter()
            .map(|folder| ManifestLocation::File(folder.join(format!("{HOST_NAME}.json"))))
            .collect()
    }

    /// Folders of which at least one exists once this user has started the browser.
    pub(crate) fn traces(self, os: Os, folders: &UserFolders) -> Vec<PathBuf> {
        match (self, os, self.family()) {
            (Self::Firefox, Os::Linux, _) => {
                vec![folders.home.join(".mozilla"), folders.config.join("mozilla")]
            }
            (Self::Firefox, Os::Mac, _) => vec![folders.config.join("Firefox")],
            (Self::Firefox, Os::Windows, _) => vec![below(&folders.config, "Mozilla/Firefox")],
            (_, Os::Linux, Family::Firefox) => {
                vec![folders.home.join(format!(".{}", self.id())), folders.config.join(self.id())]
            }
            (_, Os::Windows, Family::Chromium) => {
                vec![below(&folders.local, self.data_folder(os)).join("User Data")]
            }
            _ => vec![below(&folders.config, self.data_folder(os))],
        }
    }

    /// The browser's sandboxed packages, and how to recognise that the user has one.
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
            Self::LibreWolf => (None, "io.gitlab.librewolf-community"),
            Self::Waterfox => (None, "net.waterfox.waterfox"),
            Self::Floorp => (None, "one.ablaze.floorp"),
            Self::Zen => (None, "app.zen_browser.zen"),
        };
        let is_firefoxes = self.family() == Family::Firefox;
        let snap = snap.map(|name| Confinement {
            packaging: "Snap",
            trace: folders.home.join("snap").join(name),
            starter: is_firefoxes.then_some(Starter::Portal),
        });
        let flatpak = Confinement {
            packaging: "Flatpak",
            trace: below(&folders.home, ".var/app").join(flatpak),
            starter: is_firefoxes.then_some(Starter::Proxy(flatpak)),
        };
        snap.into_iter().chain([flatpak]).collect()
    }

    /// The name of the browser's data folder.
    // Decision: docs/decisions/bridge.md#firefoxs-relatives-may-have-their-own-folder
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
            (Self::LibreWolf, _) => "librewolf",
            (Self::Waterfox, _) => "Waterfox",
            (Self::Floorp, _) => "Floorp",
            (Self::Zen, _) => "zen",
        }
    }

    fn registry_folder(self) -> &'static str {
        match self {
            Self::Chrome => "Google\\Chrome",
            Self::Chromium => "Chromium",
            Self::Edge => "Microsoft\\Edge",
            Self::Brave => "BraveSoftware\\Brave-Browser",
            Self::Vivaldi => "Vivaldi",
            // Browsers based on Firefox read Firefox's key.
            Self::Firefox | Self::LibreWolf | Self::Waterfox | Self::Floorp | Self::Zen => "Mozilla",
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

    fn locations(os: Os) -> Vec<String> {
        let shown = |location| match location {
            ManifestLocation::File(path) => path.to_string_lossy().replace('\\', "/"),
            ManifestLocation::Registry(key) => key,
        };
        Browser::ALL.iter().flat_map(|browser| browser.locations(os, &folders())).map(shown).collect()
    }

    #[test]
    fn linux_uses_each_browsers_folder() {
        assert_eq!(
            locations(Os::Linux),
            [
                "/config/google-chrome/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/chromium/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/microsoft-edge/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/BraveSoftware/Brave-Browser/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/vivaldi/NativeMessagingHosts/app.stagepass.native_host.json",
                "/home/u/.mozilla/native-messaging-hosts/app.stagepass.native_host.json",
                "/home/u/.librewolf/native-messaging-hosts/app.stagepass.native_host.json",
                "/home/u/.waterfox/native-messaging-hosts/app.stagepass.native_host.json",
                "/home/u/.floorp/native-messaging-hosts/app.stagepass.native_host.json",
                "/home/u/.mozilla/native-messaging-hosts/app.stagepass.native_host.json",
                "/home/u/.zen/native-messaging-hosts/app.stagepass.native_host.json",
            ]
        );
    }

    #[test]
    fn macos_uses_application_support() {
        assert_eq!(
            locations(Os::Mac),
            [
                "/config/Google/Chrome/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Chromium/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Microsoft Edge/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/BraveSoftware/Brave-Browser/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Vivaldi/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Mozilla/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/librewolf/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Waterfox/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Floorp/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/Mozilla/NativeMessagingHosts/app.stagepass.native_host.json",
                "/config/zen/NativeMessagingHosts/app.stagepass.native_host.json",
            ]
        );
    }

    #[test]
    fn windows_uses_registry_keys() {
        assert_eq!(
            locations(Os::Windows),
            [
                "Software\\Google\\Chrome\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Chromium\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Microsoft\\Edge\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\BraveSoftware\\Brave-Browser\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Vivaldi\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Mozilla\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Mozilla\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Mozilla\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Mozilla\\NativeMessagingHosts\\app.stagepass.native_host",
                "Software\\Mozilla\\NativeMessagingHosts\\app.stagepass.native_host",
            ]
        );
    }

    #[test]
    fn recognises_a_browser_by_the_folders_of_its_first_start() {
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
                "/home/u/.librewolf",
                "/config/librewolf",
                "/home/u/.waterfox",
                "/config/waterfox",
                "/home/u/.floorp",
                "/config/floorp",
                "/home/u/.zen",
                "/config/zen",
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
                "/config/librewolf",
                "/config/Waterfox",
                "/config/Floorp",
                "/config/zen",
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
                "/config/librewolf",
                "/config/Waterfox",
                "/config/Floorp",
                "/config/zen",
            ]
        );
    }

    #[test]
    fn knows_snap_and_flatpak_only_on_linux() {
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
            ("Flatpak", "/home/u/.var/app/io.gitlab.librewolf-community"),
            ("Flatpak", "/home/u/.var/app/net.waterfox.waterfox"),
            ("Flatpak", "/home/u/.var/app/one.ablaze.floorp"),
            ("Flatpak", "/home/u/.var/app/app.zen_browser.zen"),
        ];
        // The paths have the separator of the system that the test runs on.
        if cfg!(unix) {
            assert_eq!(traces(Os::Linux), expected.map(|(packaging, trace)| (packaging, trace.to_owned())));
        }
        assert_eq!((traces(Os::Mac), traces(Os::Windows)), (vec![], vec![]));
    }

    #[test]
    fn recognises_the_family_by_the_folder() {
        for folder in [
            "/home/u/.librewolf/native-messaging-hosts",
            "/profile/native-messaging-hosts",
            "/u/Application Support/Mozilla/NativeMessagingHosts",
            "/u/Application Support/LibreWolf/NativeMessagingHosts/",
            "/home/u/.zen/hosts",
        ] {
            assert_eq!(Family::of_folder(Path::new(folder)), Family::Firefox, "{folder}");
        }
        for folder in ["/profile/NativeMessagingHosts", "/.zen/chromium/NativeMessagingHosts", "/"] {
            assert_eq!(Family::of_folder(Path::new(folder)), Family::Chromium, "{folder}");
        }
    }
}
