//! Tells browsers where this program is, by host manifests, takes that back, and
//! knows where a browser would look. Knows nothing of exports.

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
use crate::own_place;
use crate::shell::quoted;
use browser::Place;
use confinement::{Confinement, Starter};
use manifest::Manifest;
use os::Os;
use stagepass_core::host::HOST_NAME;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use user_folders::UserFolders;

/// What a browser has been told of the host, if anything.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The browser's name, or the folder that was named.
    pub(crate) subject: String,
    pub(crate) family: Family,
    /// Whether this user has started it before.
    pub(crate) is_found: bool,
    /// What starts programs for it, where it is shut off.
    pub(crate) starter: Option<Starter>,
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
    /// Folders of profiles of their own.
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

    /// Removes the manifests, ours alone.
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

    /// What the browsers have been told: those that this user has, or that were named.
    pub(crate) fn registrations(&self, targets: &Targets) -> Vec<Registration> {
        let is_wanted = !targets.is_everything();
        let browsers = targets.browsers().iter().filter(|browser| is_wanted || self.is_found(**browser));
        let folders = targets.manifest_dirs.iter().map(|folder| Registration {
            subject: folder.to_string_lossy().into_owned(),
            family: Family::of_folder(folder),
            is_found: folder.is_dir(),
            starter: None,
            install_command: format!("stagepass-native-host install --manifest-dir {}", quoted(folder)),
            key: None,
            manifest: Ok(Some(in_folder(folder))),
        });
        let confined = targets.browsers().iter().flat_map(|browser| {
            let started = self.confined(*browser).into_iter().filter(|it| it.starter.is_some());
            started.map(|confinement| Registration {
                subject: confined_name(*browser, &confinement),
                is_found: true,
                starter: confinement.starter,
                ..self.registration(*browser, self.starters_place())
            })
        });
        browsers
            .map(|browser| self.registration(*browser, self.place(*browser)))
            .chain(confined)
            .chain(folders)
            .collect()
    }

    fn registration(&self, browser: Browser, place: Place) -> Registration {
        let (key, manifest) = match place {
            Place::File(path) => (None, Ok(Some(path))),
            Place::Registry(key) => (Some(registry::shown(&key)), registry::get(&key)),
        };
        Registration {
            subject: browser.name().to_owned(),
            family: browser.family(),
            is_found: self.is_found(browser),
            starter: None,
            install_command: format!("stagepass-native-host install --browser {}", browser.id()),
            key,
            manifest,
        }
    }

    /// The browsers that this user has in a form that can't be helped.
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

    /// Whether this user has started it before.
    fn is_found(&self, browser: Browser) -> bool {
        let traces = browser.traces(self.os, &self.folders);
        traces.iter().any(|trace| trace.exists() && !self.is_made_for_others(browser, trace))
    }

    /// Whether a folder has nothing in it but manifests, and those are for others: Zen and a
    /// Firefox that is shut off read Firefox's, and tell nothing of one that is not.
    fn is_made_for_others(&self, browser: Browser, folder: &Path) -> bool {
        let is_within = |place: &Place| matches!(place, Place::File(path) if path.starts_with(folder));
        let is_there =
            |other: &Browser| other.traces(self.os, &self.folders).iter().any(|trace| trace.exists());
        let is_read = Browser::ALL.iter().any(|other| {
            let reads_it = *other != browser && is_there(other) && self.places(*other).iter().any(is_within);
            reads_it || (self.is_started(*other) && is_within(&self.starters_place()))
        });
        let is_manifests = |entry: fs::DirEntry| entry.file_name() == "native-messaging-hosts";
        is_read && fs::read_dir(folder).is_ok_and(|mut all| all.all(|entry| entry.is_ok_and(is_manifests)))
    }

    fn places(&self, browser: Browser) -> Vec<Place> {
        browser.places(self.os, &self.folders)
    }

    /// Where the browser looks.
    fn place(&self, browser: Browser) -> Place {
        self.places(browser).swap_remove(0)
    }

    /// Where those look that start programs for browsers which are shut off.
    fn starters_place(&self) -> Place {
        self.place(Browser::Firefox)
    }

    fn register(&self, browser: Browser, manifest: &Manifest) -> Result<Outcome, Error> {
        let written: Result<Vec<_>, _> =
            self.places(browser).iter().map(|place| self.write(place, manifest)).collect();
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
        Ok(Outcome::RegisteredFor(starter, self.write(&self.starters_place(), &manifest)?))
    }

    /// Writes the manifest, and gives its path.
    fn write(&self, place: &Place, manifest: &Manifest) -> Result<PathBuf, Error> {
        match place {
            Place::File(path) => manifest.write(path),
            Place::Registry(key) => {
                let path = manifest.write(&self.registry_manifest(key))?;
                registry::set(key, &path)?;
                Ok(path)
            }
        }
    }

    /// What another browser of the user's reads as well stays, unless it is meant, too.
    fn unregister(&self, browser: Browser, targets: &Targets) -> Result<Outcome, Error> {
        let others: Vec<_> =
            Browser::ALL.iter().filter(|other| !targets.browsers().contains(other)).copied().collect();
        let mut outcome = Outcome::NotRegistered;
        for place in self.places_in_use(browser) {
            let shares =
                |other: &&Browser| self.is_there(**other) && self.places_in_use(**other).contains(&place);
            let next = match others.iter().find(shares) {
                Some(other) => Outcome::Shared(browser, *other),
                None => self.remove(&place)?,
            };
            outcome = match (outcome, next) {
                // What stays is what counts.
                (before, Outcome::NotRegistered) | (before @ Outcome::Shared(..), _) => before,
                (_, next) => next,
            };
        }
        Ok(outcome)
    }

    /// All that may have been written for a browser.
    fn places_in_use(&self, browser: Browser) -> Vec<Place> {
        let mut places = self.places(browser);
        if self.is_started(browser) && !places.contains(&self.starters_place()) {
            places.push(self.starters_place());
        }
        places
    }

    /// Whether this user has it in any form.
    fn is_there(&self, browser: Browser) -> bool {
        self.is_found(browser) || !self.confined(browser).is_empty()
    }

    fn remove(&self, place: &Place) -> Result<Outcome, Error> {
        match place {
            Place::File(path) => remove_manifest(path.clone()),
            Place::Registry(key) => {
                registry::remove(key)?;
                remove_manifest(self.registry_manifest(key))
            }
        }
    }

    /// Where the manifest is that a registry key points to.
    fn registry_manifest(&self, key: &str) -> PathBuf {
        let reads_it = |browser: &&Browser| self.places(**browser).contains(&Place::Registry(key.to_owned()));
        let id = Browser::ALL.iter().find(reads_it).map(|browser| browser.id()).unwrap_or_default();
        // Firefox passes this path on, and the program knows it by the file's name.
        in_folder(&self.host_dir.join("manifests").join(id))
    }

    /// Whether something else starts programs for a form of it that this user has.
    fn is_started(&self, browser: Browser) -> bool {
        self.confined(browser).iter().any(|confinement| confinement.starter.is_some())
    }

    /// The forms of a browser that are shut off and that this user has.
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
    own_place::refuse_obstacle(&path)?;
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
