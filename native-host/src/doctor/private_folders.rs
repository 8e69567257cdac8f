//! Whether the host's folders, and the exports in them, are their owner's alone.

use super::Section;
use std::path::Path;
#[cfg(unix)]
pub(super) use unix::look;

const STEP: &str = "folder";

/// Elsewhere the user's own folders decide who may read what is below them.
#[cfg(not(unix))]
pub(super) fn look(section: &mut Section, host_dir: &Path) {
    section.ok(STEP, host_dir.display().to_string());
}

#[cfg(unix)]
mod unix {
    use super::{Path, STEP, Section};
    use crate::shell::quoted;
    use std::fs::{self, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::PathBuf;

    const EXPORTS: &str = "exports";
    /// What the host keeps below its own folder.
    const PRIVATE: &[&str] = &[EXPORTS, "run", "runs"];
    const STICKY: u32 = 0o1000;

    /// What is wrong with a place, and what to do about it.
    struct Fault {
        detail: String,
        advice: String,
    }

    pub(in super::super) fn look(section: &mut Section, host_dir: &Path) {
        let shown = host_dir.display();
        let is_there = match folder(host_dir) {
            Ok(Some(metadata)) => look_at_own(section, host_dir, &metadata),
            Ok(None) => {
                section.ok(STEP, format!("{shown} is not there yet; the first export makes it"));
                false
            }
            Err(fault) => {
                section.fault(STEP, fault.detail, fault.advice);
                false
            }
        };
        for name in PRIVATE.iter().filter(|_| is_there) {
            look_at_private(section, &host_dir.join(name));
        }
        if is_there {
            look_at_exports(section, &host_dir.join(EXPORTS));
        }
    }

    /// The host's own folder may be one that was there before, and is shared: what
    /// is secret is in folders below it, which nobody else may put in their place.
    fn look_at_own(section: &mut Section, path: &Path, metadata: &Metadata) -> bool {
        let shown = path.display();
        let close = format!("Run: chmod 700 {}", quoted(path));
        let mode = metadata.mode() & 0o7777;
        if mode & 0o022 != 0 && mode & STICKY == 0 {
            section.fault(STEP, format!("others may write in {shown} (mode {mode:04o})"), close);
        } else if mode & 0o077 != 0 {
            let detail = format!("others may look into {shown} (mode {mode:04o}), though into no export");
            section.note(STEP, detail, close);
        } else {
            section.ok(STEP, format!("{shown}, yours alone"));
        }
        true
    }

    fn look_at_private(section: &mut Section, path: &Path) {
        let found = folder(path).and_then(|metadata| match metadata {
            Some(metadata) => private(path, &metadata, "700").map(|()| true),
            None => Ok(false),
        });
        match found {
            Ok(true) => section.ok(STEP, format!("{}, yours alone", path.display())),
            // It is made when it is needed.
            Ok(false) => {}
            Err(fault) => section.fault(STEP, fault.detail, fault.advice),
        }
    }

    fn look_at_exports(section: &mut Section, exports: &Path) {
        if !fs::symlink_metadata(exports).is_ok_and(|metadata| metadata.is_dir()) {
            return;
        }
        let entries = match fs::read_dir(exports) {
            Ok(entries) => entries,
            Err(fault) => {
                return section.fault(EXPORTS, format!("cannot read {}: {fault}", exports.display()), None);
            }
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        let faults: Vec<_> = paths.iter().filter_map(|path| file(path).err()).collect();
        if faults.is_empty() {
            let count = paths.iter().filter(|path| path.extension().is_some_and(|it| it == "txt")).count();
            section.ok(EXPORTS, format!("{count}, yours alone"));
        }
        for fault in faults {
            section.fault(EXPORTS, fault.detail, fault.advice);
        }
    }

    /// The folder, if it is there and one.
    fn folder(path: &Path) -> Result<Option<Metadata>, Fault> {
        match fs::symlink_metadata(path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(unreadable(path, &fault)),
            Ok(metadata) if metadata.is_dir() => Ok(Some(metadata)),
            Ok(metadata) => Err(in_the_way(path, &metadata, "no folder")),
        }
    }

    /// A file of exports; one that is gone meanwhile is no fault.
    fn file(path: &Path) -> Result<(), Fault> {
        match fs::symlink_metadata(path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(fault) => Err(unreadable(path, &fault)),
            Ok(metadata) if metadata.is_file() => private(path, &metadata, "600"),
            Ok(metadata) => Err(in_the_way(path, &metadata, "no plain file")),
        }
    }

    /// Whether it is this user's, and closed to all others.
    fn private(path: &Path, metadata: &Metadata, closed: &str) -> Result<(), Fault> {
        let (shown, mode) = (path.display(), metadata.mode() & 0o7777);
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            let detail = format!("{shown} belongs to another user (id {})", metadata.uid());
            return Err(Fault { detail, advice: "Move it away; the host makes its own.".to_owned() });
        }
        if mode & 0o077 != 0 {
            let detail = format!("{shown} is open to others (mode {mode:04o})");
            return Err(Fault { detail, advice: format!("Run: chmod {closed} {}", quoted(path)) });
        }
        Ok(())
    }

    fn in_the_way(path: &Path, metadata: &Metadata, what: &str) -> Fault {
        let what =
            if metadata.is_symlink() { "a symbolic link, which the host does not follow" } else { what };
        let detail = format!("{} is {what}", path.display());
        Fault { detail, advice: "Move it away; the host makes its own.".to_owned() }
    }

    fn unreadable(path: &Path, fault: &io::Error) -> Fault {
        let detail = format!("cannot look at {}: {fault}", path.display());
        Fault { detail, advice: "See who may read it and the folders above it.".to_owned() }
    }
}
