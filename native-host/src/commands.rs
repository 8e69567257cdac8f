//! What the command line does, for people to read. Knows nothing of frames.

mod doctor;
mod fresh;
mod select;
mod yt_dlp;

pub(crate) use doctor::doctor;
pub(crate) use fresh::Wanted;
pub(crate) use yt_dlp::{YtDlp, yt_dlp};

use crate::allowed_extensions::{AllowedExtensions, ExtensionId};
use crate::bridge;
use crate::complain;
use crate::error::Error;
use crate::exports::{Export, Exports};
use crate::registration::{Line, Outcome, Registrar, Targets};
use crate::yt_dlp::{ArgumentFault, ChildFault};
use secrecy::ExposeSecret;
use stagepass_core::bridge::Announcement;
use stagepass_core::netscape::{self, Dialect};
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
    #[error("no such browser is connected. Connected: {0}")]
    NoSuchBrowser(String),
    #[error("that browser hands over no cookies of {0}")]
    NotHandedOver(String),
    #[error(transparent)]
    Argument(#[from] ArgumentFault),
    #[error(transparent)]
    Child(#[from] ChildFault),
    #[error(
        "--write-back needs a running browser that hands over the cookies of {0}; nothing was run. \
         \"stagepass-native-host browsers\" shows which ones do"
    )]
    NoBrowserToWriteTo(String),
    #[error(
        "the browser may not take cookies of {0} back; nothing was run. In the extension's popup, \
         \"Fresh cookies for yt-dlp\" allows it"
    )]
    WriteBackNotAllowed(String),
    #[error(
        "the browser hands over another account of {0} than the export with the same label is of, and what \
         {0} replaces would take its place; nothing was run. In the extension's popup, \"Export for yt-dlp\" \
         makes the export this account's"
    )]
    ExportOfAnotherAccount(String),
    #[error("{0} of them could not be done; the lines above say why")]
    Incomplete(usize),
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
    #[error("cannot find out where this program is: {0}")]
    NoProgramPath(#[source] io::Error),
}

/// Registers the host, and says for each browser what came of it.
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
        let advice = "No browser was found that can use Stagepass. Start one once, or name one with \
                      --browser, then run this again.";
        writeln!(output, "{advice}").map_err(CommandError::Output)?;
    }
    check_failures(count_failures(&report))
}

/// Takes the registration back.
pub(crate) fn uninstall(
    host_dir: &Path,
    targets: Targets,
    purge: bool,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let exports = Exports::new(host_dir);
    // Secrets go first, so that nothing else that fails can keep them.
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

/// Shows what is exported.
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

/// Prints where an export is.
pub(crate) fn path(
    host_dir: &Path,
    platform: &str,
    label: Option<&str>,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let export = select::select(&Exports::new(host_dir).list()?, platform, label)?;
    writeln!(output, "{}", export.path).map_err(CommandError::Output)
}

/// Prints a platform's cookies: the browser's where one hands them over, else
/// those of an export.
pub(crate) fn cookies(
    host_dir: &Path,
    target: &str,
    wanted: &Wanted,
    wget: bool,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let session = fresh::Finder::new(host_dir, wanted)?.find(target)?;
    let dialect = if wget { Dialect::Plain } else { Dialect::HttpOnlyPrefix };
    let rendered = netscape::render(&session.cookies, dialect);
    // wget's form lacks more than others expect; a cookie that goes nowhere is always told.
    for loss in rendered.losses.iter().filter(|loss| wget || loss.is_of_yt_dlp()) {
        complain(&format_args!("note: {loss}"));
    }
    // To print the file is what was asked for.
    output.write_all(rendered.text.expose_secret().as_bytes()).map_err(CommandError::Output)
}

/// Shows which browsers are connected, and what they hand over.
pub(crate) fn browsers(host_dir: &Path, output: &mut impl Write) -> Result<(), CommandError> {
    let connected = bridge::connected(host_dir)?;
    if connected.is_empty() {
        let advice = "No browser is connected. In its popup, \"Fresh cookies for yt-dlp\" switches that on.";
        return writeln!(output, "{advice}").map_err(CommandError::Output);
    }
    let rows = connected.iter().map(|browser| {
        let Announcement { browser: name, profile, platforms } = &browser.announcement;
        let platforms: Vec<_> = platforms.iter().map(|allowed| allowed.platform.as_str()).collect();
        [name.clone(), profile.clone(), browser.since.to_string(), platforms.join(", ")]
    });
    let table = table_of(["BROWSER", "PROFILE", "CONNECTED", "HANDS OVER"], rows);
    writeln!(output, "{table}").map_err(CommandError::Output)
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
            export.exported_at.to_string(),
            export.expires_at.map_or_else(|| "-".to_owned(), |time| time.to_string()),
            export.path.clone(),
        ]
    });
    table_of(["PLATFORM", "LABEL", "COOKIES", "EXPORTED", "EXPIRES", "FILE"], rows)
}

fn table_of<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows.map(|row| row.map(|cell| printable_line(&cell))));
    table.trim_fmt()
}
