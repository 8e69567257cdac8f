//! The command `yt-dlp`: runs yt-dlp with the plugin that brings it cookies.

use super::CommandError;
use super::fresh::SessionArgs;
use super::select;
use crate::complain;
use crate::run::{self, ChildFault};
use crate::signals::Signals;
use crate::yt_dlp_plugin::{self, Reported, RunOptions};
use secrecy::ExposeSecret;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// yt-dlp's own variable against plugins.
const NO_PLUGINS: &str = "YTDLP_NO_PLUGINS";
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
    let YtDlp { program, arguments, require_cookies, .. } = *command;
    let options = options_of(command)?;
    let this = std::env::current_exe().map_err(CommandError::NoProgramPath)?;
    let plugins = yt_dlp_plugin::for_a_run(host_dir, &this)?;
    if require_cookies {
        check_plugin(program, arguments, &plugins)?;
    }
    let ended = run::run(host_dir, program, &options.to_line().into(), |file, child| {
        child.args(yt_dlp_plugin::arguments(&plugins)).args(arguments);
        // The installed plugin would bring cookies a second time.
        child.env(yt_dlp_plugin::RUN_VARIABLE, file).env(yt_dlp_plugin::SWITCH, yt_dlp_plugin::OFF);
        child.env_remove(NO_PLUGINS);
    })?;
    let reported = ended.left.map(|left| Reported::read(left.expose_secret())).unwrap_or_default();
    if !reported.is_loaded && !only_informs(arguments) {
        complain(&format_args!(
            "warning: {} was run without cookies, because it didn't load the plugin. That needs yt-dlp {} or later, \
             and no --no-plugin-dirs. Name another yt-dlp with --yt-dlp or STAGEPASS_YT_DLP",
            program.display(),
            yt_dlp_plugin::OLDEST_YT_DLP
        ));
    }
    let is_missing = require_cookies && (reported.without_cookies || !reported.is_loaded);
    Ok(ExitCode::from(if is_missing { ended.code.max(1) } else { ended.code }))
}

fn options_of(command: &YtDlp<'_>) -> Result<RunOptions, CommandError> {
    let SessionArgs { label, browser, profile } = command.session.clone();
    let id = |name: &String| select::platforms(name).map(|mut platforms| platforms.swap_remove(0));
    Ok(RunOptions {
        label,
        browser,
        profile,
        write_back: command.write_back,
        require_cookies: command.require_cookies,
        platforms: command.platforms.iter().map(id).collect::<Result<_, _>>()?,
    })
}

/// Refuses a run whose yt-dlp would not load the plugin.
fn check_plugin(program: &OsStr, arguments: &[OsString], plugins: &Path) -> Result<(), CommandError> {
    let mut options = arguments.iter().take_while(|argument| *argument != "--");
    if options.any(|option| option == "--no-plugin-dirs") {
        return Err(CommandError::PluginsOff);
    }
    let mut signals = Signals::catch().map_err(CommandError::Signals)?;
    let shown = || program.to_string_lossy().into_owned();
    match yt_dlp_plugin::probe(program, Some(plugins), &mut signals) {
        Ok(reported) if reported.is_loaded => Ok(()),
        Ok(_) => Err(CommandError::NoPlugin(shown())),
        Err(fault) => Err(ChildFault::Spawn { program: shown(), fault }.into()),
    }
}

/// Whether yt-dlp only shows something.
fn only_informs(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| INFORMING.iter().any(|option| argument == option))
}
