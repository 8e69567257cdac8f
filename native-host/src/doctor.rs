//! Finds out what keeps browsers from this program: goes the way that a browser
//! goes, step by step, and changes nothing. Knows nothing of how it is shown.

mod host;
mod manifest;
mod private_folders;
mod program;
mod report;
mod trial;
mod yt_dlp;

pub(crate) use report::{Diagnosis, Finding, Section, Verdict};

use crate::allowed_extensions::AllowedExtensions;
use crate::registration::{Family, Line, Registrar, Registration, Targets};
use crate::signals::Signals;
use manifest::Manifest;
use stagepass_core::visible::printable;
use std::ffi::{OsStr, OsString};
use std::path::Path;

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
