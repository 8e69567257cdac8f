//! Finds out what keeps browsers from this program: goes the way that a browser
//! goes, step by step, and changes nothing. Knows nothing of how it is shown.

mod host;
mod manifest;
mod private_folders;
mod program;
mod trial;
mod yt_dlp;

use crate::allowed_extensions::AllowedExtensions;
use crate::error::Error;
use crate::registration::{Family, Line, Registrar, Registration, Targets};
use crate::signals::Signals;
use manifest::Manifest;
use serde::Serialize;
use stagepass_core::visible::printable;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It is as it should be.
    Ok,
    /// It keeps nothing from working, and is good to know.
    Note,
    /// It keeps something from working, or secrets from being private.
    Fault,
}

/// What one step has shown.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) step: &'static str,
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// The findings about one browser, or about this program itself.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) subject: String,
    pub(crate) findings: Vec<Finding>,
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    /// How many browsers can use the host.
    pub(crate) working_browsers: usize,
    /// How many should, which can't be tried from here.
    pub(crate) untried_browsers: usize,
    /// How many steps went wrong.
    pub(crate) faults: usize,
    pub(crate) sections: Vec<Section>,
}

impl Section {
    fn new(subject: impl Into<String>) -> Self {
        Self { subject: printable(&subject.into()), findings: Vec::new() }
    }

    fn add(&mut self, step: &'static str, verdict: Verdict, detail: String, advice: Option<String>) {
        let (detail, advice) = (printable(&detail), advice.as_deref().map(printable));
        self.findings.push(Finding { step, verdict, detail, advice });
    }

    fn ok(&mut self, step: &'static str, detail: impl Into<String>) {
        self.add(step, Verdict::Ok, detail.into(), None);
    }

    fn note(&mut self, step: &'static str, detail: impl Into<String>, advice: impl Into<Option<String>>) {
        self.add(step, Verdict::Note, detail.into(), advice.into());
    }

    fn fault(&mut self, step: &'static str, detail: impl Into<String>, advice: impl Into<Option<String>>) {
        self.add(step, Verdict::Fault, detail.into(), advice.into());
    }

    /// A fault of a file or folder, which says itself what to do about it.
    fn fault_of(&mut self, step: &'static str, fault: Error) {
        match fault {
            Error::Exposed { path, fault, remedy } => {
                self.fault(step, format!("{}: {fault}", path.display()), remedy);
            }
            Error::InTheWay { path, what } => {
                let detail = format!("{} is {what}", path.display());
                self.fault(step, detail, "Move it away; the host makes its own.".to_owned());
            }
            fault => self.fault(step, fault.to_string(), None),
        }
    }

    fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Fault).count()
    }
}

/// Goes through every step for these browsers, then through what they share.
pub(crate) fn examine(
    registrar: &Registrar,
    targets: &Targets,
    yt_dlp: &OsStr,
    signals: &mut Signals,
) -> Diagnosis {
    let host_dir = &registrar.host_dir;
    // That it can't be read is a finding of the host's own section.
    let allowed = AllowedExtensions::load(host_dir).unwrap_or_else(|_| AllowedExtensions::own());
    let registrations = registrar.registrations(targets);
    let mut sections: Vec<_> =
        registrations.iter().map(|browser| of_browser(browser, &allowed, signals)).collect();
    let without_fault = registrations.iter().zip(&sections).filter(|(_, section)| section.faults() == 0);
    let (tried, untried): (Vec<_>, Vec<_>) =
        without_fault.partition(|(browser, _)| browser.starter.is_none());
    let (working_browsers, untried_browsers) = (tried.len(), untried.len());
    let out_of_reach = registrar.out_of_reach(targets);
    if sections.is_empty() {
        let mut none = Section::new("Browsers");
        let advice =
            "Start one once, or name one with --browser; then run \"stagepass-native-host install\".";
        none.fault("found", "none that can use Stagepass", advice.to_owned());
        sections.push(none);
    }
    sections.extend(out_of_reach.iter().map(confined));
    sections.push(host::examine(host_dir, yt_dlp, signals));
    let faults = sections.iter().map(Section::faults).sum();
    Diagnosis { working_browsers, untried_browsers, faults, sections }
}

fn confined(Line { subject, outcome }: &Line) -> Section {
    let mut section = Section::new(subject);
    section.note("reach", outcome.to_string(), outcome.advice().map(|advice| format!("{advice}.")));
    section
}

/// Each step needs the one before.
fn of_browser(browser: &Registration, allowed: &AllowedExtensions, signals: &mut Signals) -> Section {
    let mut section = Section::new(&browser.subject);
    if !browser.is_found {
        section.note("found", "you have not started it yet, as far as its folders tell", None);
    }
    if let Some(starter) = browser.starter {
        section.note("reach", format!("{starter}; not tried"), format!("{}.", starter.advice()));
    }
    if let Some(manifest) = Manifest::look(&mut section, browser) {
        manifest.look_at_extensions(&mut section, browser, allowed);
        if program::look(&mut section, &manifest.program, &browser.install_command) {
            try_out(&mut section, browser, &manifest, signals);
        }
    }
    section
}

/// Starts the manifest's program as the browser would.
fn try_out(section: &mut Section, browser: &Registration, manifest: &Manifest, signals: &mut Signals) {
    let install = format!("Run \"{}\".", browser.install_command);
    let greeting = match trial::run(&manifest.program, &arguments(manifest), signals) {
        Err(fault) => return section.fault("start", fault.to_string(), install),
        Ok(greeting) => greeting,
    };
    let missing = greeting.missing_capabilities();
    let detail = format!("answers as version {}", greeting.version);
    if !missing.is_empty() {
        let detail = format!("{detail}, which does not know: {}", missing.join(", "));
        section.fault("start", detail, format!("To have this version started instead: {install}"));
    } else if greeting.version == trial::OUR_VERSION {
        section.ok("start", detail);
    } else {
        let advice = format!("This is version {}. To have it started instead: {install}", trial::OUR_VERSION);
        section.note("start", detail, advice);
    }
}

fn arguments(manifest: &Manifest) -> Vec<OsString> {
    match manifest.family {
        Family::Chromium => vec![manifest::own_id(manifest.family).into()],
        Family::Firefox => {
            vec![manifest.path.clone().into(), manifest::own_id(manifest.family).into()]
        }
    }
}

/// The first line of what another program says.
fn first_line(text: &[u8]) -> String {
    const MAX_CHARS: usize = 200;
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    printable(line.trim()).chars().take(MAX_CHARS).collect()
}

/// Whether others than its owner may write to what is there, so that it can be
/// anybody's. Groups are left aside: many systems give each user one.
#[cfg(unix)]
fn is_anybodys(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_anybodys(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// What closes a file to writing by others.
fn close_to_writing(path: &Path) -> String {
    format!("Run: chmod o-w {}", crate::shell::quoted(path))
}
