//! The first steps: the host manifest, as a browser finds and reads it.

use super::report::Section;
use super::{close_to_writing, is_anybodys};
use crate::allowed_extensions::AllowedExtensions;
use crate::registration::{Family, Registration};
use serde_json::Value;
use stagepass_core::host::{CHROMIUM_EXTENSION_ID, FIREFOX_EXTENSION_ID, HOST_NAME};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const STEP: &str = "manifest";

/// A manifest that a browser would go on with.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) path: PathBuf,
    pub(super) family: Family,
    pub(super) program: PathBuf,
    /// The origins or add-on ids that may start the program.
    extensions: Vec<String>,
}

impl Manifest {
    /// Finds and reads the browser's manifest; `None` where it would stop here.
    pub(super) fn look(section: &mut Section, browser: &Registration) -> Option<Self> {
        let path = path_of(section, browser)?;
        let install = format!("Run \"{}\".", browser.install_command);
        let json = match read(section, &path) {
            Ok(json) => json,
            Err(Unread { detail, is_missing }) => {
                let advice = if is_missing {
                    install
                } else {
                    format!("Move what is there out of the way, then run \"{}\".", browser.install_command)
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

    /// Whether our extensions, and those that the user added, may start the program.
    pub(super) fn look_at_extensions(
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

/// What a browser of this family calls our extension.
pub(super) fn own_id(family: Family) -> String {
    match family {
        Family::Chromium => format!("chrome-extension://{CHROMIUM_EXTENSION_ID}/"),
        Family::Firefox => FIREFOX_EXTENSION_ID.to_owned(),
    }
}

/// Where the browser would look.
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

/// Why there is nothing to parse.
struct Unread {
    detail: String,
    /// Rather than in the way.
    is_missing: bool,
}

/// Reads it as a browser does, which follows links.
fn read(section: &mut Section, path: &Path) -> Result<Vec<u8>, Unread> {
    let shown = path.display();
    let link = fs::read_link(path).ok();
    let metadata = fs::metadata(path).map_err(|fault| match (&link, fault.kind()) {
        (None, io::ErrorKind::NotFound) => {
            Unread { detail: format!("there is none at {shown}"), is_missing: true }
        }
        (Some(to), io::ErrorKind::NotFound) => {
            let detail = format!("{shown} is a symbolic link that leads nowhere ({})", to.display());
            Unread { detail, is_missing: false }
        }
        _ => Unread { detail: format!("cannot look at {shown}: {fault}"), is_missing: false },
    })?;
    // Not opened: what is no file may keep a reader waiting for ever.
    if !metadata.is_file() {
        return Err(Unread { detail: format!("{shown} is no file"), is_missing: false });
    }
    if let Some(to) = link {
        let detail = format!("a symbolic link to {}", to.display());
        let advice = "The browser follows it; \"install\" and \"uninstall\" will not touch it.";
        section.note(STEP, detail, advice.to_owned());
    }
    if is_anybodys(&metadata) {
        section.fault(STEP, format!("every user may change {shown}"), close_to_writing(path));
    }
    fs::read(path)
        .map_err(|fault| Unread { detail: format!("cannot read {shown}: {fault}"), is_missing: false })
}

/// The program and the extensions that may start it, where a browser would take
/// the manifest. The fault quotes nothing of the file: it may be any file.
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
    fn takes_what_a_browser_takes_and_nothing_else() {
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
    fn a_fault_quotes_nothing_of_the_file() {
        for json in ["planted", "{\"name\": \"planted\"}", "\"planted\"", "[\"planted\""] {
            let fault = parse(json.as_bytes(), Family::Chromium).unwrap_err();
            assert!(!fault.contains("planted"), "{fault}");
        }
    }
}
