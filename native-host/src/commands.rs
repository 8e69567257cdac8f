//! The commands of the command line, with output for people. Knows nothing of frames.

mod cookies;
mod doctor;
mod fresh;
mod select;
mod yt_dlp;

pub(crate) use cookies::{Cookies, Format, cookies};
pub(crate) use doctor::doctor;
pub(crate) use fresh::SessionArgs;
pub(crate) use yt_dlp::{YtDlp, yt_dlp};

use crate::allowed_extensions::{AllowedExtensions, ExtensionId};
use crate::bridge;
use crate::complain;
use crate::error::Error;
use crate::exports::{Export, Exports};
use crate::registration::{Line, Outcome, Registrar, Targets};
use crate::yt_dlp::{ArgumentFault, ChildFault};
use stagepass_core::bridge::{Allowed, Announcement};
use stagepass_core::visible::{escaped_json, printable_line};
use std::io::{self, Write};
use std::path::Path;
use thiserror::Error;

/// Why a command failed, and what to do about it.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Host(#[from] Error),
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    #[error("{0:?} is neither a platform such as instagram nor the URL of a page")]
    NoPlatform(String),
    #[error(
        "no cookies of {wanted} have been exported\n\
         Open the site in the browser, log in, click Stagepass and then \"Export for yt-dlp\".\n\
         Exported so far: {known}"
    )]
    NothingExported { wanted: String, known: String },
    #[error(
        "--format header needs the https URL of the request, such as https://example.org/api, its host in \
         ASCII and without a user name: it decides which headers are sent"
    )]
    NoRequestUrl,
    #[error("--wget changes a cookie file, so leave out --format, or write --format netscape")]
    WgetIsForCookieFiles,
    #[error("no such browser is connected. Connected: {0}")]
    NoSuchBrowser(String),
    #[error("that browser doesn't hand over cookies of {0}")]
    NotHandedOver(String),
    #[error(transparent)]
    Argument(#[from] ArgumentFault),
    #[error(transparent)]
    Child(#[from] ChildFault),
    #[error(
        "--write-back needs a running browser that hands over the cookies of {0}; nothing was run. \
         \"stagepass-native-host browsers\" lists them"
    )]
    NoBrowserToWriteTo(String),
    #[error(
        "--write-back is not allowed for {0}; nothing was run. Allow it in the extension's popup, under \
         \"Fresh cookies for yt-dlp\""
    )]
    WriteBackNotAllowed(String),
    #[error(
        "the browser hands over another account of {0} than the export with the same label, so replaced cookies \
         would overwrite that account's; nothing was run. To replace the export, click \"Export for yt-dlp\" \
         in the extension's popup"
    )]
    ExportOfAnotherAccount(String),
    #[error("{0} of these steps failed; the lines above say why")]
    Incomplete(usize),
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
    #[error("cannot find this program's own path: {0}")]
    NoProgramPath(#[source] io::Error),
}

/// Registers the host, and reports the outcome for each browser.
pub(crate) fn install(
    host_dir: &Path,
    targets: Targets,
    extension_ids: &[ExtensionId],
    output: &mut impl Write,
) -> Result<(), CommandError> {
    if !extension_ids.is_empty() {
        AllowedExtensions::add(host_dir, extension_ids)?;
    }
    let allowed = AllowedExtensions::load(host_dir)?;
    let program = std::env::current_exe().map_err(CommandError::NoProgramPath)?;
    if program.to_str().is_none() {
        return Err(Error::NotUnicode(program).into());
    }
    let report = Registrar::new(host_dir)?.install(&targets, &program, &allowed);
    write_report(&report, output)?;
    if !report.iter().any(|line| {
        matches!(line.outcome, Outcome::Registered(_) | Outcome::RegisteredFor(..) | Outcome::Failed(_))
    }) {
        let advice = "No supported browser found. Start one once, or name one with --browser, then run this \
                      again.";
        writeln!(output, "{advice}").map_err(CommandError::Output)?;
    }
    check_failures(count_failures(&report))
}

/// Removes the registration.
pub(crate) fn uninstall(
    host_dir: &Path,
    targets: Targets,
    purge: bool,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let exports = Exports::new(host_dir);
    // Secrets go first, so that no other failure can keep them.
    let purged = purge.then(|| exports.purge());
    let report = Registrar::new(host_dir)?.uninstall(&targets);
    write_report(&report, output)?;
    let folder = exports.folder().display();
    let mut faults = Vec::new();
    if targets.is_everything() {
        faults.extend(AllowedExtensions::forget_added(host_dir).err());
    }
    let news = if let Some(purged) = purged {
        faults.extend(purged.faults);
        faults.extend(crate::yt_dlp::remove_abandoned(host_dir).err());
        format!("{} exported cookie files removed from {folder}", purged.removed)
    } else {
        match exports.list()?.len() {
            0 => "There are no exported cookie files.".to_owned(),
            count => format!(
                "{count} exported cookie files stay in {folder}; \"uninstall --purge\" removes them too."
            ),
        }
    };
    writeln!(output, "{news}").map_err(CommandError::Output)?;
    for fault in &faults {
        writeln!(output, "FAILED: {}", printable_line(&fault.to_string())).map_err(CommandError::Output)?;
    }
    check_failures(count_failures(&report) + faults.len())
}

/// Lists the exports.
pub(crate) fn list(host_dir: &Path, json: bool, output: &mut impl Write) -> Result<(), CommandError> {
    let exports = Exports::new(host_dir).list()?;
    let text = if json {
        let json = serde_json::to_string_pretty(&exports);
        escaped_json(&json.map_err(|fault| CommandError::Output(fault.into()))?)
    } else if exports.is_empty() {
        "Nothing is exported yet. In the browser, click Stagepass and then \"Export for yt-dlp\".".to_owned()
    } else {
        table(&exports)
    };
    writeln!(output, "{text}").map_err(CommandError::Output)
}

/// Prints the path of an export.
pub(crate) fn path(
    host_dir: &Path,
    platform: &str,
    label: Option<&str>,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let export = select::select(&Exports::new(host_dir).list()?, platform, label)?;
    if export.cookie_count == Some(0) {
        report_no_cookies(&export.platform);
    }
    writeln!(output, "{}", export.path.unwrap_or_default()).map_err(CommandError::Output)
}

/// Lists the connected browsers and the platforms that they hand over.
pub(crate) fn browsers(host_dir: &Path, output: &mut impl Write) -> Result<(), CommandError> {
    let connected = bridge::connected(host_dir)?;
    if connected.is_empty() {
        let advice = "No browser is connected. Switch it on in the extension's popup, under \"Fresh cookies for yt-dlp\".";
        return writeln!(output, "{advice}").map_err(CommandError::Output);
    }
    let rows = connected.iter().map(|browser| {
        let Announcement { browser: name, profile, platforms } = &browser.announcement;
        let handed_over = |Allowed { platform, storage, .. }: &Allowed| match storage {
            true => format!("{platform} with its storage"),
            false => platform.clone(),
        };
        let platforms: Vec<_> = platforms.iter().map(handed_over).collect();
        [name.clone(), profile.clone(), browser.since.to_string(), platforms.join(", ")]
    });
    let table = table_of(["BROWSER", "PROFILE", "CONNECTED", "HANDS OVER"], rows);
    writeln!(output, "{table}").map_err(CommandError::Output)
}

/// Reports that a login is in origin storage alone.
fn report_no_cookies(platform: &str) {
    complain(&format_args!(
        "note: this login of {platform} has no cookies, so yt-dlp can't use it. \"cookies\" with --format json, \
         playwright or header prints what the site stores in the browser"
    ));
}

fn write_report(report: &[Line], output: &mut impl Write) -> Result<(), CommandError> {
    let width = report.iter().map(|line| line.subject.chars().count()).max().unwrap_or_default() + 1;
    for Line { subject, outcome } in report {
        let subject = format!("{subject}:");
        let advice = outcome.advice().map(|advice| format!(". {advice}")).unwrap_or_default();
        let line = printable_line(&format!("{subject:<width$} {outcome}{advice}"));
        writeln!(output, "{line}").map_err(CommandError::Output)?;
    }
    Ok(())
}

fn count_failures(report: &[Line]) -> usize {
    report.iter().filter(|line| matches!(line.outcome, Outcome::Failed(_))).count()
}

fn check_failures(count: usize) -> Result<(), CommandError> {
    if count == 0 { Ok(()) } else { Err(CommandError::Incomplete(count)) }
}

fn table(exports: &[Export]) -> String {
    let unknown = || "?".to_owned();
    let rows = exports.iter().map(|export| {
        [
            export.platform.clone(),
            export.label.clone().unwrap_or_else(unknown),
            export.cookie_count.map_or_else(unknown, |count| count.to_string()),
            match (&export.storage_path, export.entry_count) {
                (None, _) => "-".to_owned(),
                (Some(_), entry_count) => entry_count.map_or_else(unknown, |count| count.to_string()),
            },
            export.exported_at.to_string(),
            export.expires_at.map_or_else(|| "-".to_owned(), |time| time.to_string()),
            export.path.clone().or_else(|| export.storage_path.clone()).unwrap_or_default(),
        ]
    });
    table_of(["PLATFORM", "LABEL", "COOKIES", "ENTRIES", "EXPORTED", "EXPIRES", "FILE"], rows)
}

fn table_of<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows.map(|row| row.map(|cell| printable_line(&cell))));
    table.trim_fmt()
}
