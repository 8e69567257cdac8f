//! The first steps: finds and reads the host manifest as a browser does.

use super::report::Section;
use super::{close_to_writing, is_writable_by_all};
use crate::allowed_extensions::AllowedExtensions;
use crate::registration::{Family, Registration};
use serde_json::Value;
use stagepass_core::host::{CHROMIUM_EXTENSION_ID, FIREFOX_EXTENSION_ID, HOST_NAME};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const STEP: &str = "manifest";

/// A manifest that a browser accepts.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) path: PathBuf,
    pub(super) family: Family,
    pub(super) program: PathBuf,
    /// The origins or add-on ids that may start the program.
    extensions: Vec<String>,
}

impl Manifest {
    /// Finds and reads the browser's manifest; `None` if the browser would stop here.
    pub(super) fn find(section: &mut Section, browser: &Registration) -> Option<Self> {
        let path = path_of(section, browser)?;
        let install = format!("Run \"{}\".", browser.install_command);
        let json = match read(section, &path) {
            Ok(json) => json,
            Err(Unread { detail, is_missing }) => {
                let advice = if is_missing {
                    install
                } else {
                    format!("Move it away, then run \"{}\".", browser.install_command)
                };
                section.fault(STEP, detail, advice);
                return None;
            }
        };
        match parse(&json, browser.family) {
            Ok((program, extensions)) => {
                section.ok(STEP, path.display().to_string());
                Some(Self { path, family: browser.family, program, extensions })
            }
            Err(fault) => {
                section.fault(STEP, format!("{}: {fault}", path.display()), install);
                None
            }
        }
    }

    /// Checks that all allowed extensions may start the program.
    pub(super) fn check_extensions(
        &self,
        section: &mut Section,
        browser: &Registration,
        allowed: &AllowedExtensions,
    ) {
        let wanted: Vec<String> = match self.family {
            Family::Chromium => allowed.chromium_origins(),
            Family::Firefox => allowed.firefox_ids().into_iter().map(str::to_owned).collect(),
        };
        let missing: Vec<_> =
            wanted.iter().filter(|id| !self.extensions.contains(id)).map(String::as_str).collect();
        if missing.is_empty() {
            section.ok("extension", format!("may start it: {}", wanted.join(", ")));
        } else {
            let detail = format!("the manifest does not allow {}", missing.join(", "));
            section.fault("extension", detail, format!("Run \"{}\".", browser.install_command));
        }
    }
}

/// Our extension's id in a browser of this family.
pub(super) fn own_id(family: Family) -> String {
    match family {
        Family::Chromium => format!("chrome-extension://{CHROMIUM_EXTENSION_ID}/"),
        Family::Firefox => FIREFOX_EXTENSION_ID.to_owned(),
    }
}

/// The path where the browser looks.
fn path_of(section: &mut Section, browser: &Registration) -> Option<PathBuf> {
    let advice = format!("Run \"{}\".", browser.install_command);
    match &browser.manifest {
        Ok(Some(path)) => return Some(path.clone()),
        Ok(None) => {
            let key = browser.key.as_deref().unwrap_or(Path::new("the registry key"));
            section.fault(STEP, format!("{} is missing", key.display()), advice);
        }
        Err(fault) => section.fault(STEP, fault.to_string(), advice),
    }
    None
}

/// Why the manifest can't be read.
struct Unread {
    detail: String,
    /// Whether nothing is at the path; otherwise something else is in the way.
    is_missing: bool,
}

/// Reads the manifest as a browser does, following links.
fn read(section: &mut Section, path: &Path) -> Result<Vec<u8>, Unread> {
    let shown = path.display();
    let link = fs::read_link(path).ok();
    let metadata = fs::metadata(path).map_err(|fault| match (&link, fault.kind()) {
        (None, io::ErrorKind::NotFound) => Unread { detail: format!("{shown} is missing"), is_missing: true },
        (Some(to), io::ErrorKind::NotFound) => {
            let detail = format!("{shown} is a symbolic link to {}, which is missing", to.display());
            Unread { detail, is_missing: false }
        }
        _ => Unread { detail: format!("cannot look at {shown}: {fault}"), is_missing: false },
    })?;
    // Don't open anything else: reading a pipe, for example, could block forever.
    if !metadata.is_file() {
        return Err(Unread { detail: format!("{shown} is not a file"), is_missing: false });
    }
    if let Some(to) = link {
        let detail = format!("a symbolic link to {}", to.display());
        let advice = "The browser follows it; \"install\" and \"uninstall\" will not touch it.";
        section.note(STEP, detail, advice.to_owned());
    }
    if is_writable_by_all(&metadata) {
        section.fault(STEP, format!("every user may change {shown}"), close_to_writing(path));
    }
    fs::read(path)
        .map_err(|fault| Unread { detail: format!("cannot read {shown}: {fault}"), is_missing: false })
}

/// Parses a manifest that a browser accepts into the program and the extensions that may start it.
/// The error never quotes the file, which may be any file.
fn parse(json: &[u8], family: Family) -> Result<(PathBuf, Vec<String>), String> {
    let manifest: Value = serde_json::from_slice(json)
        .map_err(|fault| format!("is not valid JSON (line {}, column {})", fault.line(), fault.column()))?;
    if manifest["name"] != HOST_NAME {
        return Err(format!("its \"name\" is not {HOST_NAME}"));
    }
    if manifest["type"] != "stdio" {
        return Err("its \"type\" is not stdio".to_owned());
    }
    if !manifest["description"].is_string() {
        return Err("it has no \"description\"".to_owned());
    }
    let program = manifest["path"].as_str().map(PathBuf::from).ok_or("it has no \"path\"")?;
    if !program.is_absolute() {
        return Err("its \"path\" is not absolute".to_owned());
    }
    let field = match family {
        Family::Chromium => "allowed_origins",
        Family::Firefox => "allowed_extensions",
    };
    let extensions: Option<Vec<_>> = manifest[field]
        .as_array()
        .and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
    Ok((program, extensions.ok_or(format!("it has no list \"{field}\""))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        let program = if cfg!(windows) { "C:\\host.exe" } else { "/bin/host" };
        json!({"name": HOST_NAME, "description": "d", "path": program, "type": "stdio",
            "allowed_origins": ["chrome-extension://x/"]})
    }

    #[test]
    fn accepts_exactly_the_manifests_that_a_browser_accepts() {
        let parsed = |manifest: &Value| parse(manifest.to_string().as_bytes(), Family::Chromium);
        assert!(parsed(&good()).is_ok());
        assert!(parse(good().to_string().as_bytes(), Family::Firefox).is_err());
        for (field, wrong) in [
            ("name", json!("org.example")),
            ("description", json!(null)),
            ("path", json!("bin/host")),
            ("path", json!(7)),
            ("type", json!("socket")),
            ("allowed_origins", json!("chrome-extension://x/")),
            ("allowed_origins", json!([7])),
        ] {
            let mut manifest = good();
            manifest[field] = wrong;
            assert!(parsed(&manifest).unwrap_err().contains(field), "{field}");
        }
    }

    #[test]
    fn an_error_never_quotes_the_file() {
        for json in ["planted", "{\"name\": \"planted\"}", "\"planted\"", "[\"planted\""] {
            let fault = parse(json.as_bytes(), Family::Chromium).unwrap_err();
            assert!(!fault.contains("planted"), "{fault}");
        }
    }
}
