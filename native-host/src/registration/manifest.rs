//! The host manifest in the forms of both browser families.

use super::browser::Family;
use crate::allowed_extensions::AllowedExtensions;
use crate::atomic_file::{self, Access};
use crate::error::Error;
use serde_json::{Value, json};
use stagepass_core::host::HOST_NAME;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Manifest(Value);

impl Manifest {
    /// The manifest that lets `allowed` extensions start `program`.
    pub(super) fn new(family: Family, program: &Path, allowed: &AllowedExtensions) -> Self {
        let mut manifest = json!({
            "name": HOST_NAME,
            "description": "Stagepass: writes captured sessions to cookie files for yt-dlp",
            "path": program.to_string_lossy(),
            "type": "stdio",
        });
        match family {
            Family::Chromium => manifest["allowed_origins"] = json!(allowed.chromium_origins()),
            Family::Firefox => manifest["allowed_extensions"] = json!(allowed.firefox_ids()),
        }
        Self(manifest)
    }

    /// Writes it, creates a missing folder, and returns the path.
    pub(super) fn write(&self, path: &Path) -> Result<PathBuf, Error> {
        if let Some(folder) = path.parent() {
            create_folder(folder).map_err(Error::io("create the folder", folder))?;
        }
        let text = format!("{:#}\n", self.0);
        atomic_file::write(path, text.as_bytes(), Access::Ordinary)?;
        Ok(path.to_owned())
    }
}

/// Creates the folder so that only its owner can write to it.
fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.create(folder)
}

/// Whether this is a manifest of this host.
pub(super) fn is_ours(json: &[u8]) -> bool {
    serde_json::from_slice::<Value>(json).is_ok_and(|manifest| manifest["name"] == HOST_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagepass_core::host::{CHROMIUM_EXTENSION_ID, FIREFOX_EXTENSION_ID};

    #[test]
    fn each_family_gets_its_own_field() {
        let host_dir = tempfile::tempdir().unwrap();
        let allowed = AllowedExtensions::load(host_dir.path()).unwrap();
        let chromium = Manifest::new(Family::Chromium, Path::new("/bin/host"), &allowed).0;
        assert_eq!(
            chromium["allowed_origins"],
            json!([format!("chrome-extension://{CHROMIUM_EXTENSION_ID}/")])
        );
        assert_eq!((&chromium["path"], &chromium["type"]), (&json!("/bin/host"), &json!("stdio")));
        let firefox = Manifest::new(Family::Firefox, Path::new("/bin/host"), &allowed).0;
        assert_eq!(firefox["allowed_extensions"], json!([FIREFOX_EXTENSION_ID]));
        assert_eq!(firefox["allowed_origins"], json!(null));
        assert!(is_ours(chromium.to_string().as_bytes()) && !is_ours(b"{}") && !is_ours(b"x"));
    }
}
