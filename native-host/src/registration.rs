//! Registers the native host with browsers by host manifests, removes the registration, and knows where
//! each browser looks. Knows nothing of exports.

mod browser;
mod confinement;
mod manifest;
mod os;
mod registry;
mod report;
mod user_folders;

pub(crate) use browser::{Browser, Family};
pub(crate) use report::{Line, Outcome};

use crate::allowed_extensions::AllowedExtensions;
use crate::error::Error;
use crate::ownership;
use crate::shell::quoted;
use browser::ManifestLocation;
use confinement::{Confinement, Starter};
use manifest::Manifest;
use os::Os;
use stagepass_core::host::HOST_NAME;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use user_folders::UserFolders;

/// A browser's registration, if it has one.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The browser's name, or the manifest folder.
    pub(crate) subject: String,
    pub(crate) family: Family,
    /// Whether this user has started the browser before.
    pub(crate) is_found: bool,
    /// The service that starts programs for the browser, if it is sandboxed.
    pub(crate) starter: Option<Starter>,
    /// The command that renews the registration.
    pub(crate) install_command: String,
    /// The registry key that points to the manifest, on Windows.
    pub(crate) key: Option<PathBuf>,
    /// Where the browser looks for the manifest; `None` if its registry key is missing.
    pub(crate) manifest: Result<Option<PathBuf>, Error>,
}

/// The browsers and folders to register or unregister.
#[derive(Debug)]
pub(crate) struct Targets {
    /// Empty for every browser, unless there are folders.
    pub(crate) browsers: Vec<Browser>,
    /// Manifest folders named by the user.
    pub(crate) manifest_dirs: Vec<PathBuf>,
}

impl Targets {
    /// Whether every browser is meant.
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
    /// Contains the manifests that the registry points to.
    pub(crate) host_dir: PathBuf,
}

impl Registrar {
    /// Finds the folders of the user whom this program runs as.
    pub(crate) fn new(host_dir: &Path) -> Result<Self, Error> {
        let os = Os::CURRENT;
        Ok(Self { os, folders: UserFolders::of(os)?, host_dir: host_dir.to_owned() })
    }

    /// Writes the manifests. One browser's failure is a line in the report and doesn't stop the others.
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
            for confinement in self.confined(browser) {
                let outcome = self.register_confined(&confinement, program, allowed);
                report.push(Line::new(confined_name(browser, &confinement), outcome));
            }
        }
        for folder in &targets.manifest_dirs {
            let manifest = Manifest::new(Family::of_folder(folder), program, allowed);
            let outcome = manifest.write(&in_folder(folder)).map(Outcome::Registered);
            report.push(Line::new(folder.to_string_lossy(), outcome));
        }
        report
    }

    /// Removes the manifests, but only Stagepass's own.
    pub(crate) fn uninstall(&self, targets: &Targets) -> Vec<Line> {
        let browsers = targets
            .browsers()
            .iter()
            .map(|&browser| Line::new(browser.name(), self.unregister(browser, targets)));
        let folders = targets
            .manifest_dirs
            .iter()
            .map(|folder| Line::new(folder.to_string_lossy(), remove_manifest(in_folder(folder))));
        browsers.chain(folders).collect()
    }

    /// The registrations of the browsers that this user has, or named as targets.
    pub(crate) fn registrations(&self, targets: &Targets) -> Vec<Registration> {
        let is_wanted = !targets.is_everything();
        let browsers = targets.browsers().iter().filter(|browser| is_wanted || self.is_found(**browser));
        let folders = targets.manifest_dirs.iter().map(|folder| Registration {
            subject: folder.to_string_lossy().into_owned(),
            family: Family::of_folder(folder),
            is_found: folder.is_dir(),
            starter: None,
            install_command: format!("stagepass install --manifest-dir {}", quoted(folder)),
            key: None,
            manifest: Ok(Some(in_folder(folder))),
        });
        let confined = targets.browsers().iter().flat_map(|browser| {
            let started = self.confined(*browser).into_iter().filter(|it| it.starter.is_some());
            started.map(|confinement| Registration {
                subject: confined_name(*browser, &confinement),
                is_found: true,
                starter: confinement.starter,
                ..self.registration(*browser, self.starters_location())
            })
        });
        browsers
            .map(|browser| self.registration(*browser, self.location(*browser)))
            .chain(confined)
            .chain(folders)
            .collect()
    }

    fn registration(&self, browser: Browser, location: ManifestLocation) -> Registration {
        let (key, manifest) = match location {
            ManifestLocation::File(path) => (None, Ok(Some(path))),
            ManifestLocation::Registry(key) => (Some(registry::shown_name(&key)), registry::get(&key)),
        };
        Registration {
            subject: browser.name().to_owned(),
            family: browser.family(),
            is_found: self.is_found(browser),
            starter: None,
            install_command: format!("stagepass install --browser {}", browser.id()),
            key,
            manifest,
        }
    }

    /// The sandboxed browsers of this user that can't start the host.
    pub(crate) fn out_of_reach(&self, targets: &Targets) -> Vec<Line> {
        let confined = targets.browsers().iter().flat_map(|browser| {
            let confined = self.confined(*browser).into_iter().filter(|it| it.starter.is_none());
            confined.map(|it| Line {
                subject: confined_name(*browser, &it),
                outcome: Outcome::OutOfReach(it.packaging),
            })
        });
        confined.collect()
    }

    /// Whether this user has started the browser before.
    fn is_found(&self, browser: Browser) -> bool {
        let traces = browser.traces(self.os, &self.folders);
        traces.iter().any(|trace| trace.exists() && !self.is_only_for_others(browser, trace))
    }

    /// Whether a folder contains only manifests for other browsers. Zen and a sandboxed Firefox read
    /// Firefox's folder, which is then no sign of a Firefox outside a sandbox.
    fn is_only_for_others(&self, browser: Browser, folder: &Path) -> bool {
        let is_within = |location: &ManifestLocation| matches!(location, ManifestLocation::File(path) if path.starts_with(folder));
        let is_there =
            |other: &Browser| other.traces(self.os, &self.folders).iter().any(|trace| trace.exists());
        let is_read = Browser::ALL.iter().any(|other| {
            let reads_it =
                *other != browser && is_there(other) && self.locations(*other).iter().any(is_within);
            reads_it || (self.is_started(*other) && is_within(&self.starters_location()))
        });
        let is_manifests = |entry: fs::DirEntry| entry.file_name() == "native-messaging-hosts";
        is_read && fs::read_dir(folder).is_ok_and(|mut all| all.all(|entry| entry.is_ok_and(is_manifests)))
    }

    fn locations(&self, browser: Browser) -> Vec<ManifestLocation> {
        browser.locations(self.os, &self.folders)
    }

    /// Where the browser looks now.
    fn location(&self, browser: Browser) -> ManifestLocation {
        self.locations(browser).swap_remove(0)
    }

    /// Where the services look that start programs for sandboxed browsers.
    fn starters_location(&self) -> ManifestLocation {
        self.location(Browser::Firefox)
    }

    fn register(&self, browser: Browser, manifest: &Manifest) -> Result<Outcome, Error> {
        let written: Result<Vec<_>, _> =
            self.locations(browser).iter().map(|location| self.write(location, manifest)).collect();
        Ok(Outcome::Registered(written?.swap_remove(0)))
    }

    fn register_confined(
        &self,
        confinement: &Confinement,
        program: &Path,
        allowed: &AllowedExtensions,
    ) -> Result<Outcome, Error> {
        let Some(starter) = confinement.starter else {
            return Ok(Outcome::OutOfReach(confinement.packaging));
        };
        let manifest = Manifest::new(Family::Firefox, program, allowed);
        Ok(Outcome::RegisteredFor(starter, self.write(&self.starters_location(), &manifest)?))
    }

    /// Writes the manifest, and returns its path.
    fn write(&self, location: &ManifestLocation, manifest: &Manifest) -> Result<PathBuf, Error> {
        match location {
            ManifestLocation::File(path) => manifest.write(path),
            ManifestLocation::Registry(key) => {
                let path = manifest.write(&self.registry_manifest(key))?;
                registry::set(key, &path)?;
                Ok(path)
            }
        }
    }

    /// Removes the manifests, except those that another of the user's browsers reads and keeps.
    fn unregister(&self, browser: Browser, targets: &Targets) -> Result<Outcome, Error> {
        let others: Vec<_> =
            Browser::ALL.iter().filter(|other| !targets.browsers().contains(other)).copied().collect();
        let mut outcome = Outcome::NotRegistered;
        for location in self.locations_in_use(browser) {
            let shares = |other: &&Browser| {
                self.is_there(**other) && self.locations_in_use(**other).contains(&location)
            };
            let next = match others.iter().find(shares) {
                Some(other) => Outcome::Shared(browser, *other),
                None => self.remove(&location)?,
            };
            outcome = match (outcome, next) {
                // A manifest that stays determines the outcome.
                (before, Outcome::NotRegistered) | (before @ Outcome::Shared(..), _) => before,
                (_, next) => next,
            };
        }
        Ok(outcome)
    }

    /// All locations where a manifest may have been written for a browser.
    fn locations_in_use(&self, browser: Browser) -> Vec<ManifestLocation> {
        let mut locations = self.locations(browser);
        if self.is_started(browser) && !locations.contains(&self.starters_location()) {
            locations.push(self.starters_location());
        }
        locations
    }

    /// Whether this user has the browser, sandboxed or not.
    fn is_there(&self, browser: Browser) -> bool {
        self.is_found(browser) || !self.confined(browser).is_empty()
    }

    fn remove(&self, location: &ManifestLocation) -> Result<Outcome, Error> {
        match location {
            ManifestLocation::File(path) => remove_manifest(path.clone()),
            ManifestLocation::Registry(key) => {
                registry::remove(key)?;
                remove_manifest(self.registry_manifest(key))
            }
        }
    }

    /// The manifest that a registry key points to.
    fn registry_manifest(&self, key: &str) -> PathBuf {
        let reads_it = |browser: &&Browser| {
            self.locations(**browser).contains(&ManifestLocation::Registry(key.to_owned()))
        };
        let id = Browser::ALL.iter().find(reads_it).map(|browser| browser.id()).unwrap_or_default();
        // Firefox passes this path to the program, which recognises it by the file's name.
        in_folder(&self.host_dir.join("manifests").join(id))
    }

    /// Whether this user has the browser in a sandbox for which a service starts programs.
    fn is_started(&self, browser: Browser) -> bool {
        self.confined(browser).iter().any(|confinement| confinement.starter.is_some())
    }

    /// The sandboxed forms of a browser that this user has.
    fn confined(&self, browser: Browser) -> Vec<Confinement> {
        let confinements = browser.confinements(self.os, &self.folders);
        confinements.into_iter().filter(|confinement| confinement.trace.exists()).collect()
    }
}

fn confined_name(browser: Browser, confinement: &Confinement) -> String {
    format!("{} ({})", browser.name(), confinement.packaging)
}

fn in_folder(folder: &Path) -> PathBuf {
    folder.join(format!("{HOST_NAME}.json"))
}

fn remove_manifest(path: PathBuf) -> Result<Outcome, Error> {
    ownership::refuse_obstacle(&path)?;
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Outcome::NotRegistered),
        Err(fault) => return Err(Error::io("read", &path)(fault)),
    };
    if !manifest::is_ours(&json) {
        return Err(Error::InTheWay { path, what: "not a host manifest of Stagepass" });
    }
    fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    Ok(Outcome::Removed(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_another_programs_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        fs::write(&path, r#"{"name":"org.example"}"#).unwrap();
        assert!(matches!(remove_manifest(path.clone()), Err(Error::InTheWay { .. })));
        assert!(path.exists());
    }
}
