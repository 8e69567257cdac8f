//! The command line: what can be asked for, and where the answer goes. Does
//! nothing itself.

mod own_options;

use crate::allowed_extensions::ExtensionId;
use crate::commands::{self, CommandError, Wanted};
use crate::registration::Browser;
#[cfg(target_os = "linux")]
use crate::yt_dlp;
use crate::{complain, host_dir};
use clap::{Args, CommandFactory, Parser, Subcommand};
use stagepass_core::visible::printable;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// The command that runs yt-dlp, and the program that is run where no other is named.
const YT_DLP: &str = "yt-dlp";

/// Keeps the cookie files that the Stagepass extension exports for yt-dlp.
///
/// Browsers start this program by themselves once `install` has told them of
/// it; everything below is for people.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    /// Where exported files are kept [default: stagepass/host in your data directory]
    ///
    /// A browser starts the host with its own environment: to have it use
    /// another folder, set the variable there too.
    #[arg(long, env = host_dir::VARIABLE, value_name = "DIR", global = true, hide_env_values = true)]
    host_dir: Option<OsString>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell your browsers of this program
    ///
    /// Writes a host manifest for each browser that you have started before,
    /// for your user alone. Running it again brings everything up to date.
    Install(Install),
    /// Take back what `install` did; exported files stay
    Uninstall(Uninstall),
    /// Find out what keeps a browser from this program, and say what to do
    ///
    /// Goes the way that each browser goes: finds its host manifest, looks at the
    /// program that it names and starts that as the browser would; then looks at
    /// the folders of exports, at yt-dlp, and at who is connected. It changes
    /// nothing. It fails where something is wrong, or no browser can use Stagepass.
    Doctor(Doctor),
    /// Show what is exported
    List {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Print the path of an exported cookie file
    Path {
        /// The platform, such as instagram, or a site that stands for itself
        platform: String,
        #[command(flatten)]
        label: Label,
    },
    /// Print a platform's cookies as a cookie file
    ///
    /// Those that the running browser has now, where it may hand them over; else
    /// those of the newest export. They are a login: whoever has them is you.
    /// Take care where they go.
    Cookies {
        /// The platform, or the URL of a page there
        #[arg(value_name = "PLATFORM|URL")]
        target: String,
        #[command(flatten)]
        wanted: Wanted,
        /// For wget, which passes over cookies that are marked `HttpOnly`
        #[arg(long)]
        wget: bool,
    },
    /// Run yt-dlp with the cookies of the platforms that its URLs are of
    ///
    /// They are those that the running browser has now, where it may hand them
    /// over, else those of the newest export, in a private file that is gone
    /// afterwards. What a platform replaces meanwhile goes into the export. All
    /// arguments from the first that is not an option below are yt-dlp's, a "--"
    /// among them.
    #[command(name = YT_DLP)]
    YtDlp(YtDlp),
    /// Show which browsers are connected, and what they hand over
    Browsers,
    /// Become another program that ends with the one that has started this
    #[cfg(target_os = "linux")]
    #[command(name = yt_dlp::BECOME, hide = true)]
    Become(Become),
}

/// How this program starts yt-dlp, which is nothing for people.
#[cfg(target_os = "linux")]
#[derive(Debug, Args)]
struct Become {
    /// The process that has started this one
    parent: i32,
    /// The program
    program: OsString,
    /// What it is given
    arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
struct YtDlp {
    #[command(flatten)]
    wanted: Wanted,
    /// Put what a platform replaces into the browser, too, which the popup must allow
    #[arg(long)]
    write_back: bool,
    #[command(flatten)]
    program: YtDlpProgram,
    /// What yt-dlp is to do; the URLs are those that begin with http or https
    #[arg(value_name = "YT-DLP'S OPTIONS AND URLS", required = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
struct YtDlpProgram {
    /// The yt-dlp to run
    #[arg(long, env = "STAGEPASS_YT_DLP", value_name = "PROGRAM", default_value = YT_DLP)]
    yt_dlp: OsString,
}

impl YtDlpProgram {
    /// An empty variable is as good as none.
    fn name(&self) -> &OsStr {
        if self.yt_dlp.is_empty() { OsStr::new(YT_DLP) } else { &self.yt_dlp }
    }
}

#[derive(Debug, Args)]
struct Doctor {
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    program: YtDlpProgram,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Label {
    /// Which account, where several are exported; else the newest export is taken
    #[arg(long)]
    label: Option<String>,
}

#[derive(Debug, Args)]
struct Places {
    /// For this browser, whether or not it is found; can be repeated
    #[arg(long = "browser", value_name = "NAME", value_enum)]
    browsers: Vec<Browser>,
    /// For a browser with a profile of its own: a Chromium's NativeMessagingHosts
    /// folder, below the user data directory, or a native-messaging-hosts folder of
    /// Firefox or a relative, which gets Firefox's form; can be repeated
    #[arg(long = "manifest-dir", value_name = "DIR")]
    manifest_dirs: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Install {
    /// Allow one more extension, such as a build of your own; can be repeated
    #[arg(long = "extension-id", value_name = "ID")]
    extension_ids: Vec<ExtensionId>,
    #[command(flatten)]
    places: Places,
}

#[derive(Debug, Args)]
struct Uninstall {
    #[command(flatten)]
    places: Places,
    /// Remove the exported cookie files as well
    #[arg(long)]
    purge: bool,
}

/// Runs the command line.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let args = own_options::set_apart(Cli::command(), YT_DLP, args);
    let done = match Cli::try_parse_from(args) {
        Ok(cli) => {
            let mut output = io::stdout().lock();
            execute(cli, &mut output)
                .and_then(|code| output.flush().map(|()| code).map_err(CommandError::Output))
        }
        Err(fault) if fault.use_stderr() => {
            // It quotes the arguments, which may come from anywhere.
            let _ = write!(io::stderr(), "{}", printable(&fault.render().to_string()));
            return ExitCode::from(2);
        }
        Err(help) => help.print().map(|()| ExitCode::SUCCESS).map_err(CommandError::Output),
    };
    match done {
        Ok(code) => code,
        // The reader has what it wanted, as in `… | head`.
        Err(CommandError::Output(fault)) if fault.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(fault) => {
            complain(&fault);
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli, output: &mut impl Write) -> Result<ExitCode, CommandError> {
    let host_dir = host_dir::resolve(cli.host_dir.as_deref())?;
    match cli.command {
        #[cfg(target_os = "linux")]
        Command::Become(Become { parent, program, arguments }) => {
            return Err(yt_dlp::become_program(parent, &program, &arguments).into());
        }
        Command::YtDlp(YtDlp { wanted, write_back, program, arguments }) => {
            let asked = commands::YtDlp {
                program: program.name(),
                arguments: &arguments,
                wanted: &wanted,
                write_back,
            };
            return commands::yt_dlp(&host_dir, &asked);
        }
        Command::Doctor(Doctor { places, program, json }) => {
            return commands::doctor(&host_dir, &places.try_into()?, program.name(), json, output);
        }
        Command::Install(Install { extension_ids, places }) => {
            commands::install(&host_dir, places.try_into()?, &extension_ids, output)
        }
        Command::Uninstall(Uninstall { places, purge }) => {
            commands::uninstall(&host_dir, places.try_into()?, purge, output)
        }
        Command::List { json } => commands::list(&host_dir, json, output),
        Command::Path { platform, label } => {
            commands::path(&host_dir, &platform, label.label.as_deref(), output)
        }
        Command::Cookies { target, wanted, wget } => {
            commands::cookies(&host_dir, &target, &wanted, wget, output)
        }
        Command::Browsers => commands::browsers(&host_dir, output),
    }?;
    Ok(ExitCode::SUCCESS)
}

impl TryFrom<Places> for crate::registration::Targets {
    type Error = crate::Error;

    /// Makes folders absolute, since the report names them.
    fn try_from(places: Places) -> Result<Self, crate::Error> {
        let absolute = |path: PathBuf| std::path::absolute(&path).map_err(crate::Error::io("find", &path));
        let manifest_dirs = places.manifest_dirs.into_iter().map(absolute).collect::<Result<_, _>>()?;
        Ok(Self { browsers: places.browsers, manifest_dirs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_has_help() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}
