//! Whether the host's folders, and what is in them, are their owner's alone.

use super::report::Section;
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
    use crate::error::Error;
    use crate::host_dir;
    use crate::own_place::{self, Closed};
    use crate::run_folder;
    use crate::shell::quoted;
    use std::fs::{self, Metadata};
    use std::io;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::path::PathBuf;

    const EXPORTS: &str = "exports";
    /// What goes with a run, and may be elsewhere.
    const OF_RUNS: &[&str] = &["run", "runs"];

    pub(in super::super) fn look(section: &mut Section, host_dir: &Path) {
        for folder in host_dir::own_folders(host_dir) {
            look_at_own(section, folder);
        }
        if run_folder::is_read_only(host_dir) {
            tell_read_only(section, host_dir);
        }
        if own_place::look_at_folder(host_dir).is_ok_and(|found| found.is_some()) {
            look_at_private(section, EXPORTS, &host_dir.join(EXPORTS));
        }
        for name in OF_RUNS {
            for folder in run_folder::places(host_dir, name) {
                look_at_private(section, name, &folder);
            }
        }
    }

    /// That nothing can be written, and where that does not matter.
    fn tell_read_only(section: &mut Section, host_dir: &Path) {
        let shown = host_dir.display();
        let detail = format!("{shown} can only be read: what is exported can be used, and nothing exported");
        let advice = match run_folder::elsewhere(host_dir) {
            Ok(Some(folder)) => format!("What goes with a run is kept in {}.", folder.display()),
            Ok(None) => {
                format!("Set {} to a folder of your own that can be written to.", run_folder::VARIABLE)
            }
            Err(fault) => return section.fault_of(STEP, fault),
        };
        section.note(STEP, detail, advice);
    }

    fn look_at_private(section: &mut Section, name: &'static str, folder: &Path) {
        match own_place::look_at_folder(folder) {
            // It is made when it is needed.
            Ok(None) => {}
            Ok(Some(metadata)) => {
                match own_place::check(folder, &metadata, Closed::ToAll) {
                    Ok(()) => section.ok(STEP, format!("{}, yours alone", folder.display())),
                    Err(fault) => section.fault_of(STEP, fault),
                }
                look_into(section, name, folder);
            }
            Err(fault) => section.fault_of(STEP, fault),
        }
    }

    /// The host's own folder may be one that was there before, and is shared: what
    /// is secret is in folders below it, which nobody else may put in their place.
    fn look_at_own(section: &mut Section, path: &Path) {
        let shown = path.display();
        let found = own_place::look_at_folder(path).and_then(|metadata| {
            metadata.as_ref().map_or(Ok(()), |metadata| own_place::check_shared(path, metadata))?;
            Ok(metadata)
        });
        match found {
            Err(fault) => section.fault_of(STEP, fault),
            Ok(None) => section.ok(STEP, format!("{shown} is not there yet; the first export makes it")),
            Ok(Some(metadata)) if metadata.mode() & 0o077 != 0 => {
                let mode = metadata.mode() & 0o7777;
                let detail = format!("others may look into {shown} (mode {mode:04o}), though into no export");
                section.note(STEP, detail, format!("Run: chmod 700 {}", quoted(path)));
            }
            Ok(Some(_)) => section.ok(STEP, format!("{shown}, yours alone")),
        }
    }

    /// Looks at all that is in a private folder.
    fn look_into(section: &mut Section, step: &'static str, folder: &Path) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(fault) => return section.fault_of(step, Error::io("read", folder)(fault)),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        let faults: Vec<_> = paths.iter().filter_map(|path| look_at_file(path).err()).collect();
        if faults.is_empty() && step == EXPORTS {
            let count = paths.iter().filter(|path| path.extension().is_some_and(|it| it == "txt")).count();
            section.ok(step, format!("{count}, yours alone"));
        }
        for fault in faults {
            section.fault_of(step, fault);
        }
    }

    /// A file, or a browser's socket; one that is gone meanwhile is no fault.
    fn look_at_file(path: &Path) -> Result<(), Error> {
        let is_ours = |metadata: &Metadata| metadata.is_file() || metadata.file_type().is_socket();
        match fs::symlink_metadata(path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(fault) => Err(Error::io("look at", path)(fault)),
            Ok(metadata) if is_ours(&metadata) => own_place::check(path, &metadata, Closed::ToAll),
            Ok(metadata) => {
                let what = if metadata.is_symlink() { "a symbolic link" } else { "no plain file" };
                Err(Error::InTheWay { path: path.to_owned(), what })
            }
        }
    }
}
