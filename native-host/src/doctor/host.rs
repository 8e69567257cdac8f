//! Checks what all browsers share: the two programs, their folders, yt-dlp, and the connected browsers.

use super::report::Section;
use super::{private_folders, yt_dlp};
use crate::allowed_extensions::AllowedExtensions;
use crate::bridge;
use crate::host_dir;
use crate::programs;
use crate::signals::Signals;
use stagepass_core::bridge::Announcement;
use std::ffi::OsStr;
use std::path::Path;

/// Checks all of it.
pub(super) fn examine(host_dir: &Path, yt_dlp: &OsStr, needs_host: bool, signals: &mut Signals) -> Section {
    let mut section = Section::new("This program");
    match std::env::current_exe() {
        Ok(path) => {
            section.ok("program", format!("{}, version {}", path.display(), env!("CARGO_PKG_VERSION")));
        }
        Err(fault) => section.fault("program", format!("cannot find its path: {fault}"), None),
    }
    match programs::host_path() {
        Ok(host) if host.is_file() => section.ok("host", host.display().to_string()),
        Ok(_) if !needs_host => section.note("host", "missing; only browsers need it", None),
        Ok(host) => {
            let advice = "\"cargo xtask up\" installs both programs.";
            section.fault("host", format!("{} is missing", host.display()), advice.to_owned());
        }
        // Reported above.
        Err(_) => {}
    }
    if host_dir::resolve(None).is_ok_and(|default| default != host_dir) {
        let advice = format!("A browser uses it only if it is started with {} too.", host_dir::VARIABLE);
        section.note("folder", format!("{} is not the default folder", host_dir.display()), advice);
    }
    private_folders::check(&mut section, host_dir);
    if let Err(fault) = AllowedExtensions::load(host_dir) {
        section.fault_of("extension", fault);
    }
    yt_dlp::check(&mut section, yt_dlp, signals);
    connected(&mut section, host_dir);
    section
}

fn connected(section: &mut Section, host_dir: &Path) {
    const STEP: &str = "connected";
    let browsers = match bridge::connected(host_dir) {
        Ok(browsers) => browsers,
        Err(fault) => return section.fault_of(STEP, fault),
    };
    if browsers.is_empty() {
        let advice = "Switch it on in the extension's popup, under \"Fresh cookies for yt-dlp\".";
        section.note(STEP, "no browser; exports are used", advice.to_owned());
    }
    for browser in browsers {
        let Announcement { browser: name, profile, platforms } = &browser.announcement;
        let platforms: Vec<_> = platforms.iter().map(|allowed| allowed.platform.as_str()).collect();
        section.ok(STEP, format!("{name} ({profile}), hands over {}", platforms.join(", ")));
    }
}
