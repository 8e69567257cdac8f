//! Finds out why browsers can't use Stagepass: takes the steps of each browser one by one, asks a
//! configured server, and changes nothing. Knows nothing of how the findings are shown.

mod host;
mod manifest;
mod private_folders;
mod program;
mod report;
mod server;
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

/// Takes every step for these browsers, then checks what they share.
pub(crate) fn examine(
    registrar: &Registrar,
    targets: &Targets,
    yt_dlp: &OsStr,
    signals: &mut Signals,
) -> Diagnosis {
    let host_dir = &registrar.host_dir;
    // A failure to read the list is reported in the host's section.
    let allowed = AllowedExtensions::load(host_dir).unwrap_or_else(|_| AllowedExtensions::own());
    let registrations = registrar.registrations(targets);
    let mut sections: Vec<_> =
        registrations.iter().map(|browser| examine_browser(browser, &allowed, signals)).collect();
    let without_fault = registrations.iter().zip(&sections).filter(|(_, section)| section.faults() == 0);
    let (tried, untried): (Vec<_>, Vec<_>) =
        without_fault.partition(|(browser, _)| browser.starter.is_none());
    let (working_browsers, untried_browsers) = (tried.len(), untried.len());
    let out_of_reach = registrar.out_of_reach(targets);
    let served = server::examine();
    if sections.is_empty() {
        sections.push(no_browser(served.is_some()));
    }
    sections.extend(out_of_reach.iter().map(note_out_of_reach));
    let served_platforms = served.as_ref().map_or(0, |served| served.platforms);
    // In a container there is only the command.
    let needs_host = served.is_none() || !registrations.is_empty();
    sections.extend(served.map(|served| served.section));
    sections.push(host::examine(host_dir, yt_dlp, needs_host, signals));
    let faults = sections.iter().map(Section::faults).sum();
    Diagnosis { working_browsers, untried_browsers, served_platforms, faults, sections }
}

/// A server can take a browser's place.
fn no_browser(has_server: bool) -> Section {
    const FOUND: &str = "no supported browser";
    let mut section = Section::new("Browsers");
    if has_server {
        section.note("found", FOUND, None);
    } else {
        let advice = "Start one once, or name one with --browser; then run \"stagepass install\".";
        section.fault("found", FOUND, advice.to_owned());
    }
    section
}

fn note_out_of_reach(Line { subject, outcome }: &Line) -> Section {
    let mut section = Section::new(subject);
    section.note("reach", outcome.to_string(), outcome.advice().map(|advice| format!("{advice}.")));
    section
}

/// Takes one browser's steps in order; each step needs the one before.
fn examine_browser(browser: &Registration, allowed: &AllowedExtensions, signals: &mut Signals) -> Section {
    let mut section = Section::new(&browser.subject);
    if !browser.is_found {
        section.note("found", "it seems that you have not started it yet", None);
    }
    if let Some(starter) = browser.starter {
        section.note("reach", format!("{starter}; not tried"), format!("{}.", starter.advice()));
    }
    if let Some(manifest) = Manifest::find(&mut section, browser) {
        manifest.check_extensions(&mut section, browser, allowed);
        if program::check(&mut section, &manifest.program, &browser.install_command) {
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
        let detail = format!("{detail}, which doesn't support: {}", missing.join(", "));
        section.fault("start", detail, format!("To use this version instead: {install}"));
    } else if greeting.version == trial::OUR_VERSION {
        section.ok("start", detail);
    } else {
        let advice = format!("This is version {}. To use it instead: {install}", trial::OUR_VERSION);
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

/// The first line of another program's output.
fn first_line(text: &[u8]) -> String {
    const MAX_CHARS: usize = 200;
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    printable(line.trim()).chars().take(MAX_CHARS).collect()
}

/// Whether every user may write to the file. Groups are ignored: many systems give each user one.
#[cfg(unix)]
fn is_writable_by_all(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_writable_by_all(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// The command that stops others from writing to a file.
fn close_to_writing(path: &Path) -> String {
    format!("Run: chmod o-w {}", crate::shell::quoted(path))
}
