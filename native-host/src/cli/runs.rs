//! The commands that run other programs: their options.

use crate::commands::{self, CommandError, FormatArgs, SessionArgs};
use crate::yt_dlp_plugin;
use clap::Args;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// The command that runs yt-dlp, and the default program for it.
pub(super) const YT_DLP: &str = "yt-dlp";
/// The command that runs any other program.
pub(super) const RUN: &str = "run";

/// How this program starts another one; not for people.
#[cfg(target_os = "linux")]
#[derive(Debug, Args)]
pub(super) struct Become {
    /// The process that started this one
    pub(super) parent: i32,
    /// The program
    pub(super) program: OsString,
    /// Its arguments
    pub(super) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct YtDlp {
    #[command(flatten)]
    session: SessionArgs,
    /// Bring these cookies whatever yt-dlp asks for first; can be repeated
    #[arg(long = "platform", value_name = "NAME")]
    platforms: Vec<String>,
    /// Send no request to a platform or site without cookies, and fail
    #[arg(long)]
    require_cookies: bool,
    /// Also write replaced cookies back into the browser; the popup must allow it
    #[arg(long)]
    write_back: bool,
    #[command(flatten)]
    program: YtDlpProgram,
    /// yt-dlp's options and URLs
    #[arg(value_name = "YT-DLP'S OPTIONS AND URLS", required = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    session: SessionArgs,
    /// The platform or site, if no URL among the arguments names it; can be repeated
    #[arg(long = "platform", value_name = "NAME")]
    platforms: Vec<String>,
    #[command(flatten)]
    form: FormatArgs,
    /// Also write replaced cookies back into the browser; the popup must allow it
    #[arg(long)]
    write_back: bool,
    /// The program, its options and its arguments
    #[arg(value_name = "PROGRAM AND ITS ARGUMENTS", required = true)]
    command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct YtDlpProgram {
    /// The yt-dlp to run
    #[arg(
        long,
        env = yt_dlp_plugin::SWITCH,
        value_name = "PROGRAM",
        default_value = YT_DLP,
        hide_env_values = true
    )]
    yt_dlp: OsString,
}

impl YtDlpProgram {
    /// The variable also switches the installed plugin off; then, or if it is empty, it names no program.
    pub(super) fn name(&self) -> &OsStr {
        let names_none = self.yt_dlp.is_empty() || self.yt_dlp == yt_dlp_plugin::OFF;
        if names_none { OsStr::new(YT_DLP) } else { &self.yt_dlp }
    }
}

impl YtDlp {
    pub(super) fn execute(&self, host_dir: &Path) -> Result<ExitCode, CommandError> {
        let command = commands::YtDlp {
            program: self.program.name(),
            arguments: &self.arguments,
            session: &self.session,
            platforms: &self.platforms,
            write_back: self.write_back,
            require_cookies: self.require_cookies,
        };
        commands::yt_dlp(host_dir, &command)
    }
}

impl Run {
    pub(super) fn execute(&self, host_dir: &Path) -> Result<ExitCode, CommandError> {
        let command = commands::Run {
            platforms: &self.platforms,
            session: &self.session,
            form: self.form,
            write_back: self.write_back,
            command: &self.command,
        };
        commands::run(host_dir, &command)
    }
}
