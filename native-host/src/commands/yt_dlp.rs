//! The command `yt-dlp`: runs yt-dlp with the plugin that brings it cookies.

use super::CommandError;
use super::fresh::SessionArgs;
use crate::complain;
use crate::run;
use crate::yt_dlp_plugin::{self, Reported, RunOptions};
use secrecy::ExposeSecret;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// With these options yt-dlp ends before it loads plugins.
const INFORMING: [&str; 7] = [
    "-h",
    "--help",
    "--version",
    "--dump-user-agent",
    "--list-extractors",
    "--extractor-descriptions",
    "--ap-list-mso",
];

/// The arguments of the command.
#[derive(Debug)]
pub(crate) struct YtDlp<'a> {
    pub(crate) program: &'a OsStr,
    pub(crate) arguments: &'a [OsString],
    pub(crate) session: &'a SessionArgs,
    pub(crate) platforms: &'a [String],
    pub(crate) write_back: bool,
    pub(crate) require_cookies: bool,
}

/// Runs yt-dlp and passes on its exit code.
pub(crate) fn yt_dlp(host_dir: &Path, command: &YtDlp<'_>) -> Result<ExitCode, CommandError> {
    let this = std::env::current_exe().map_err(CommandError::NoProgramPath)?;
    let plugins = yt_dlp_plugin::for_a_run(host_dir, &this)?;
    let SessionArgs { label, browser, profile } = command.session.clone();
    let options = RunOptions {
        label,
        browser,
        profile,
        write_back: command.write_back,
        require_cookies: command.require_cookies,
        platforms: command.platforms.to_vec(),
    };
    let ended = run::run(host_dir, command.program, &options.to_line().into(), |file, child| {
        child.args(yt_dlp_plugin::arguments(&plugins)).args(command.arguments);
        // The installed plugin would bring cookies a second time.
        child.env(yt_dlp_plugin::RUN_VARIABLE, file).env(yt_dlp_plugin::SWITCH, yt_dlp_plugin::OFF);
    })?;
    let reported = ended.left.map(|left| Reported::read(left.expose_secret())).unwrap_or_default();
    if !reported.is_loaded && !only_informs(command.arguments) {
        complain(&format_args!(
            "note: {} was run without cookies, because it didn't load the plugin. That needs yt-dlp {} or later, and \
             YTDLP_NO_PLUGINS must not be set. Name another yt-dlp with --yt-dlp or STAGEPASS_YT_DLP",
            command.program.display(),
            yt_dlp_plugin::OLDEST_YT_DLP
        ));
    }
    let is_missing = command.require_cookies && (reported.without_cookies || !reported.is_loaded);
    Ok(ExitCode::from(if is_missing { ended.code.max(1) } else { ended.code }))
}

/// Whether yt-dlp only shows something.
fn only_informs(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| INFORMING.iter().any(|option| argument == option))
}
