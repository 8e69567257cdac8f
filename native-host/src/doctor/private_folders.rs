//! Checks that the host's folders and their contents are private.

use super::report::Section;
use std::path::Path;
#[cfg(unix)]
pub(super) use unix::check;

const STEP: &str = "folder";

/// On Windows the user's own folders are private, and with them everything below.
#[cfg(not(unix))]
pub(super) fn check(section: &mut Section, host_dir: &Path) {
    section.ok(STEP, host_dir.display().to_string());
}

#[cfg(unix)]
mod unix {
    use super::{Path, STEP, Section};
    use crate::error::Error;
    use crate::host_dir;
    use crate::ownership::{self, Closed};
    use crate::run_folder;
    use crate::shell::quoted;
    use std::fs::{self, Metadata};
    use std::io;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::path::PathBuf;

    const EXPORTS: &str = "exports";
    /// Folders of running programs, which may be below the runtime folder.
    const OF_RUNS: &[&str] = &["run", "runs"];

    pub(in super::super) fn check(section: &mut Section, host_dir: &Path) {
        for folder in host_dir::own_folders(host_dir) {
            check_own(section, folder);
        }
        if run_folder::is_read_only(host_dir) {
            report_read_only(section, host_dir);
        }
        if ownership::folder_metadata(host_dir).is_ok_and(|found| found.is_some()) {
            check_private(section, EXPORTS, &host_dir.join(EXPORTS));
        }
        for name in OF_RUNS {
            for folder in run_folder::locations(host_dir, name) {
                check_private(section, name, &folder);
            }
        }
    }

    /// Reports a read-only folder, and where temporary files go instead.
    fn report_read_only(section: &mut Section, host_dir: &Path) {
        let shown = host_dir.display();
        let detail = format!("{shown} is read-only: its exports can be used, but nothing can be exported");
        let advice = match run_folder::elsewhere(host_dir) {
            Ok(Some(folder)) => format!("Temporary files are kept in {}.", folder.display()),
            Ok(None) => {
                format!("Set {} to a writable folder of your own.", run_folder::VARIABLE)
            }
            Err(fault) => return section.fault_of(STEP, fault),
        };
        section.note(STEP, detail, advice);
    }

    fn check_private(section: &mut Section, name: &'static str, folder: &Path) {
        match ownership::folder_metadata(folder) {
            // The host creates the folder when it needs it.
            Ok(None) => {}
            Ok(Some(metadata)) => {
                match ownership::check(folder, &metadata, Closed::ToAll) {
                    Ok(()) => section.ok(STEP, format!("{}, private", folder.display())),
                    Err(fault) => section.fault_of(STEP, fault),
                }
                check_contents(section, name, folder);
            }
            Err(fault) => section.fault_of(STEP, fault),
        }
    }

    /// Checks the host's folder. It may have existed before and be shared: secrets are in private
    /// folders below it, which nobody else must be able to replace.
    fn check_own(section: &mut Section, path: &Path) {
        let shown = path.display();
        let found = ownership::folder_metadata(path).and_then(|metadata| {
            metadata.as_ref().map_or(Ok(()), |metadata| ownership::check_shared(path, metadata))?;
            Ok(metadata)
        });
        match found {
            Err(fault) => section.fault_of(STEP, fault),
            Ok(None) => section.ok(STEP, format!("{shown} doesn't exist yet; the first export creates it")),
            Ok(Some(metadata)) if metadata.mode() & 0o077 != 0 => {
                let mode = metadata.mode() & 0o7777;
                let detail = format!("others can list {shown} (mode {mode:04o}), but not read the exports");
                section.note(STEP, detail, format!("Run: chmod 700 {}", quoted(path)));
            }
            Ok(Some(_)) => section.ok(STEP, format!("{shown}, private")),
        }
    }

    /// Checks everything in a private folder.
    fn check_contents(section: &mut Section, step: &'static str, folder: &Path) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(fault) => return section.fault_of(step, Error::io("read", folder)(fault)),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        let faults: Vec<_> = paths.iter().filter_map(|path| check_file(path).err()).collect();
        if faults.is_empty() && step == EXPORTS {
            let count = paths.iter().filter(|path| path.extension().is_some_and(|it| it == "txt")).count();
            section.ok(step, format!("{count}, private"));
        }
        for fault in faults {
            section.fault_of(step, fault);
        }
    }

    /// Checks a file or a browser's socket. A file that is gone by now is no fault.
    fn check_file(path: &Path) -> Result<(), Error> {
        let is_ours = |metadata: &Metadata| metadata.is_file() || metadata.file_type().is_socket();
        match fs::symlink_metadata(path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(fault) => Err(Error::io("look at", path)(fault)),
            Ok(metadata) if is_ours(&metadata) => ownership::check(path, &metadata, Closed::ToAll),
            Ok(metadata) => {
                let what = if metadata.is_symlink() { "a symbolic link" } else { "not a regular file" };
                Err(Error::InTheWay { path: path.to_owned(), what })
            }
        }
    }
}
