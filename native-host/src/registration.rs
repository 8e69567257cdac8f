//! Tells browsers where this program is, by host manifests, takes that back, and
//! knows where a browser would look. Knows nothing of exports.

mod browser;
mod manifest;
mod registry;
mod user_folders;

pub(crate) use browser::{Browser, Family};

use crate::allowed_extensions::AllowedExtensions;
use crate::atomic_file;
use crate::error::Error;
use crate::shell::quoted;
use browser::{Os, Place};
use manifest::Manifest;
use stagepass_core::host::HOST_NAME;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use user_folders::UserFolders;

/// What became of one browser.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its manifest is written.
    Registered(PathBuf),
    /// Its manifest is gone.
    Removed(PathBuf),
    /// It had no manifest of ours.
    NotRegistered,
    /// It was never started by this user.
    NotFound,
    /// It is shut off from programs outside of it.
    OutOfReach(&'static str),
    /// It could not be done.
    Failed(Error),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered(path) => write!(f, "registered ({})", path.display()),
            Self::Removed(path) => write!(f, "removed ({})", path.display()),
            Self::NotRegistered => f.write_str("was not registered"),
            Self::NotFound => f.write_str("not found, skipped"),
            Self::OutOfReach(packaging) => {
                write!(f, "out of reach: {packaging} keeps a browser from starting programs outside of it")
            }
            Self::Failed(fault) => write!(f, "FAILED: {fault}"),
        }
    }
}

impl Outcome {
    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        matches!(self, Self::OutOfReach(_)).then_some(
            "Install it from your distribution or its maker, or have the extension export to a file to download",
        )
    }
}

/// One line of the report.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) subject: String,
    pub(crate) outcome: Outcome,
}

impl Line {
    fn new(subject: impl Into<String>, outcome: Result<Outcome, Error>) -> Self {
        Self { subject: subject.into(), outcome: outcome.unwrap_or_else(Outcome::Failed) }
    }
}

/// What a browser has been told of the host, if anything.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The browser's name, or the folder that was named.
    pub(crate) subject: String,
    pub(crate) family: Family,
    /// Whether this user has started it before.
    pub(crate) is_found: bool,
    /// What brings it up to date.
    pub(crate) install_command: String,
    /// The registry key that leads to the manifest, where one does.
    pub(crate) key: Option<PathBuf>,
    /// Where the browser looks for the manifest; `None` where its key is missing.
    pub(crate) manifest: Result<Option<PathBuf>, Error>,
}

/// For whom to register, or whose registration to take back.
#[derive(Debug)]
pub(crate) struct Targets {
    /// Empty for every browser, unless folders are named.
    pub(crate) browsers: Vec<Browser>,
    /// Folders of Chromium profiles of their own.
    pub(crate) manifest_dirs: Vec<PathBuf>,
}

impl Targets {
    /// Whether this is about every browser rather than some that were named.
    pub(crate) fn is_everything(&self) -> bool {
        self.browsers.is_empty() && self.manifest_dirs.is_empty()
    }

    fn browsers(&self) -> &[Browser] {
        if self.is_everything() { Browser::ALL } else { &self.browsers }
    }
}

/// This user's browsers on this system.
#[derive(Debug)]
pub(crate) struct Registrar {
    os: Os,
    folders: UserFolders,
    /// Where manifests are kept that the registry points to.
    pub(crate) host_dir: PathBuf,
}

impl Registrar {
    /// For the user that this program acts as.
    pub(crate) fn new(host_dir: &Path) -> Result<Self, Error> {
        let os = Os::CURRENT;
        Ok(Self { os, folders: UserFolders::of(os)?, host_dir: host_dir.to_owned() })
    }

    /// Writes the manifests. One browser's fault is its own line in the report.
    pub(crate) fn install(
        &self,
        targets: &Targets,
        program: &Path,
        allowed: &AllowedExtensions,
    ) -> Vec<Line> {
        let mut report = Vec::new();
        for &browser in targets.browsers() {
            let is_wanted = !targets.is_everything();
            let outcome = if is_wanted || self.is_found(browser) {
                self.register(browser, &Manifest::new(browser.family(), program, allowed))
            } else {
                Ok(Outcome::NotFound)
            };
            report.push(Line::new(browser.name(), outcome));
            report.extend(self.confined(browser));
        }
        for folder in &targets.manifest_dirs {
            let manifest = Manifest::new(Family::Chromium, program, allowed);
            let outcome = manifest.write(&in_folder(folder)).map(Outcome::Registered);
            report.push(Line::new(folder.to_string_lossy(), outcome));
        }
        report
    }

    /// Removes the manifests, ours alone.
    pub(crate) fn uninstall(&self, targets: &Targets) -> Vec<Line> {
        let browsers =
            targets.browsers().iter().map(|&browser| Line::new(browser.name(), self.unregister(browser)));
        let folders = targets
            .manifest_dirs
            .iter()
            .map(|folder| Line::new(folder.to_string_lossy(), remove_manifest(in_folder(folder))));
        browsers.chain(folders).collect()
    }

    /// What the browsers have been told: those that this user has, or that were named.
    pub(crate) fn registrations(&self, targets: &Targets) -> Vec<Registration> {
        let is_wanted = !targets.is_everything();
        let browsers = targets.browsers().iter().filter(|browser| is_wanted || self.is_found(**browser));
        let folders = targets.manifest_dirs.iter().map(|folder| Registration {
            subject: folder.to_string_lossy().into_owned(),
            family: Family::Chromium,
            is_found: folder.is_dir(),
            install_command: format!("stagepass-native-host install --manifest-dir {}", quoted(folder)),
            key: None,
            manifest: Ok(Some(in_folder(folder))),
        });
        browsers.map(|browser| self.registration(*browser)).chain(folders).collect()
    }

    fn registration(&self, browser: Browser) -> Registration {
        let (key, manifest) = match browser.place(self.os, &self.folders) {
            Place::File(path) => (None, Ok(Some(path))),
            Place::Registry(key) => (Some(registry::shown(&key)), registry::get(&key)),
        };
        Registration {
            subject: browser.name().to_owned(),
            family: browser.family(),
            is_found: self.is_found(browser),
            install_command: format!("stagepass-native-host install --browser {}", browser.id()),
            key,
            manifest,
        }
    }

    /// The browsers that this user has in a form that can't be helped.
    pub(crate) fn out_of_reach(&self, targets: &Targets) -> Vec<Line> {
        targets.browsers().iter().flat_map(|browser| self.confined(*browser)).collect()
    }

    fn is_found(&self, browser: Browser) -> bool {
        browser.traces(self.os, &self.folders).iter().any(|trace| trace.exists())
    }

    fn register(&self, browser: Browser, manifest: &Manifest) -> Result<Outcome, Error> {
        match browser.place(self.os, &self.folders) {
            Place::File(path) => manifest.write(&path).map(Outcome::Registered),
            Place::Registry(key) => {
                let path = manifest.write(&self.registry_manifest(browser))?;
                registry::set(&key, &path)?;
                Ok(Outcome::Registered(path))
            }
        }
    }

    fn unregister(&self, browser: Browser) -> Result<Outcome, Error> {
        match browser.place(self.os, &self.folders) {
            Place::File(path) => remove_manifest(path),
            Place::Registry(key) => {
                registry::remove(&key)?;
                remove_manifest(self.registry_manifest(browser))
            }
        }
    }

    /// Where the manifest is that a registry key points to.
    fn registry_manifest(&self, browser: Browser) -> PathBuf {
        // Firefox passes this path on, and the program knows it by the file's name.
        in_folder(&self.host_dir.join("manifests").join(browser.id()))
    }

    fn confined(&self, browser: Browser) -> Vec<Line> {
        let confinements = browser.confinements(self.os, &self.folders);
        let found = confinements.into_iter().filter(|confinement| confinement.trace.exists());
        found
            .map(|confinement| Line {
                subject: format!("{} ({})", browser.name(), confinement.packaging),
                outcome: Outcome::OutOfReach(confinement.packaging),
            })
            .collect()
    }
}

fn in_folder(folder: &Path) -> PathBuf {
    folder.join(format!("{HOST_NAME}.json"))
}

fn remove_manifest(path: PathBuf) -> Result<Outcome, Error> {
    atomic_file::refuse_obstacle(&path)?;
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Outcome::NotRegistered),
        Err(fault) => return Err(Error::io("read", &path)(fault)),
    };
    if !manifest::is_ours(&json) {
        return Err(Error::InTheWay { path, what: "no host manifest of Stagepass" });
    }
    fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    Ok(Outcome::Removed(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_somebody_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        fs::write(&path, r#"{"name":"org.example"}"#).unwrap();
        assert!(matches!(remove_manifest(path.clone()), Err(Error::InTheWay { .. })));
        assert!(path.exists());
    }
}
