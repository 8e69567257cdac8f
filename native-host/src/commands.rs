//! The commands of the command line, with output for people. Knows nothing of frames.

mod cookies;
mod doctor;
mod fresh;
mod listing;
mod login;
mod plugin;
mod remove;
mod rotated;
mod run;
mod select;
mod suggest;
mod yt_dlp;

pub(crate) use cookies::{Cookies, FormatArgs, cookies};
pub(crate) use doctor::doctor;
pub(crate) use fresh::SessionArgs;
pub(crate) use listing::{browsers, list, path};
pub(crate) use login::{Login, login, logout};
pub(crate) use plugin::plugin;
pub(crate) use remove::{Which, remove};
pub(crate) use run::{Run, run};
pub(crate) use yt_dlp::{YtDlp, yt_dlp};

use crate::allowed_extensions::{AllowedExtensions, ExtensionId};
use crate::complain;
use crate::error::Error;
use crate::exports::Exports;
use crate::programs;
use crate::registration::{Line, Outcome, Registrar, Targets};
use crate::run::ChildFault;
use crate::server::{self, ServerFault, Unsent};
use crate::yt_dlp_plugin;
use select::Missing;
use stagepass_core::visible::printable_line;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a command failed, and what to do about it.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Host(#[from] Error),
    #[error(transparent)]
    Server(#[from] ServerFault),
    #[error("cannot ask for {what}: {fault}; give {option} instead")]
    NotAsked { what: &'static str, option: &'static str, fault: io::Error },
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    #[error("{0:?} is neither a platform such as instagram nor the URL of a page{1}")]
    NoPlatform(String, String),
    #[error(
        "there are several exports of {0}: name one of the labels {1} with --label, or remove all with --all"
    )]
    SeveralExports(String, String),
    #[error(
        "no cookies of {} have been exported{}\n\
         Open the site in the browser, log in, click Stagepass and then \"Export for yt-dlp\".\n\
         Exported so far: {}",
        .0.wanted, .0.suggestion, .0.known
    )]
    NothingExported(Missing),
    #[error("there is no export of {}{}\nExported so far: {}", .0.wanted, .0.suggestion, .0.known)]
    NothingToRemove(Missing),
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
    Child(#[from] ChildFault),
    #[error("there is no program to run")]
    NoProgram,
    #[error(
        "no http or https URL among the arguments names a platform: name it with --platform, or write https:// \
         before an address without it"
    )]
    NoTarget,
    #[error("only --format netscape can hold the sessions of several platforms: name one with --platform")]
    OneSessionOnly,
    #[error(
        "--format header is for one URL, since a program sends the headers wherever it goes, but {0} of the \
         arguments are http or https URLs"
    )]
    OneUrlOnly(usize),
    #[error("the cookies of {0} show no login; log in there, and export again")]
    NotSignedIn(String),
    #[error(
        "--require-cookies needs the plugin, but {0} does not load it: yt-dlp must be {OLDEST_YT_DLP} or later. \
         Name another yt-dlp with --yt-dlp or STAGEPASS_YT_DLP; nothing was run",
        OLDEST_YT_DLP = yt_dlp_plugin::OLDEST_YT_DLP
    )]
    NoPlugin(String),
    #[error("--no-plugin-dirs switches off the plugin that --require-cookies needs; nothing was run")]
    PluginsOff,
    #[error("cannot read the question: {0}")]
    Question(#[source] io::Error),
    #[error(
        "the plugin's messages have version {0}, and those of this stagepass {VERSION}; run \
         \"stagepass install --yt-dlp\"",
        VERSION = yt_dlp_plugin::VERSION
    )]
    OtherPlugin(u32),
    #[error(
        "--write-back needs a running browser that hands over the cookies of {0}; nothing was run. \
         \"stagepass browsers\" lists them"
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
    #[error("{} is missing; browsers start it, and it belongs beside this command", .0.display())]
    NoHost(PathBuf),
    #[error("no supported browser found. Start one once, or name one with --browser, then run this again")]
    NoBrowser,
}

/// Registers the host, and reports the outcome for each browser.
pub(crate) fn install(
    host_dir: &Path,
    targets: Targets,
    extension_ids: &[ExtensionId],
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let program = programs::host_path().map_err(CommandError::NoProgramPath)?;
    if !program.is_file() {
        return Err(CommandError::NoHost(program));
    }
    if program.to_str().is_none() {
        return Err(Error::NotUnicode(program).into());
    }
    if !extension_ids.is_empty() {
        AllowedExtensions::add(host_dir, extension_ids)?;
    }
    let allowed = AllowedExtensions::load(host_dir)?;
    let report = Registrar::new(host_dir)?.install(&targets, &program, &allowed);
    write_report(&report, output)?;
    if !report.iter().any(|line| {
        matches!(line.outcome, Outcome::Registered(_) | Outcome::RegisteredFor(..) | Outcome::Failed(_))
    }) {
        return Err(CommandError::NoBrowser);
    }
    check_failures(count_failures(&report))
}

/// Installs the plugin for yt-dlp.
pub(crate) fn install_yt_dlp_plugin(
    named_host_dir: Option<&Path>,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let program = std::env::current_exe().map_err(CommandError::NoProgramPath)?;
    let path = yt_dlp_plugin::install(&program, named_host_dir)?;
    let text = format!(
        "The plugin is in {}.\n\
         yt-dlp now gets the logins that you have exported, and those for which \"Fresh cookies for yt-dlp\" is \
         on in the popup. Platforms may restrict accounts that are used for downloads.\n\
         {}={} switches the plugin off; \"stagepass doctor\" checks it.",
        printable_line(&path.display().to_string()),
        yt_dlp_plugin::SWITCH,
        yt_dlp_plugin::OFF
    );
    writeln!(output, "{text}").map_err(CommandError::Output)
}

/// Removes the registration and, unless only some browsers are meant, the plugin for yt-dlp.
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
        match yt_dlp_plugin::uninstall() {
            Ok(None) => {}
            Ok(Some(path)) => {
                let path = printable_line(&path.display().to_string());
                writeln!(output, "The plugin for yt-dlp is removed: {path}").map_err(CommandError::Output)?;
            }
            Err(fault) => faults.push(fault),
        }
    }
    let news = if let Some(purged) = purged {
        faults.extend(purged.faults);
        faults.extend(crate::run::remove_abandoned(host_dir).err());
        faults.extend(Unsent::new(host_dir).purge().err());
        if let Err(ServerFault::File(fault)) = server::remove() {
            faults.push(fault);
        }
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
