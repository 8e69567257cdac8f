//! The command line: its commands and options. The work is done in [`commands`].

mod own_options;
mod runs;

use crate::allowed_extensions::ExtensionId;
use crate::commands::{self, CommandError, FormatArgs, Login, SessionArgs, Which};
use crate::programs::{COMMAND, HOST};
use crate::registration::Browser;
#[cfg(target_os = "linux")]
use crate::run;
use crate::{complain, host_dir};
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
#[cfg(target_os = "linux")]
use runs::Become;
use runs::{RUN, Run, YT_DLP, YtDlp, YtDlpProgram};
use stagepass_core::visible::printable;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const EXIT_CODES: &str = "Exit codes: 0 for success, 1 for a failure, 2 for arguments that are wrong. \
                          `yt-dlp` and `run` end with the program's own code.";

/// Exchanges messages with the Stagepass extension
///
/// Browsers start this program by themselves once `stagepass install` has registered it.
/// The command for people is `stagepass`.
#[derive(Debug, Parser)]
#[command(name = HOST, version)]
struct Host {}

/// Gives your browser's logins to yt-dlp and other programs
///
/// The Stagepass extension exports a session, or hands it over while the browser runs;
/// this command uses it. Start with `install`; if something does not work, `doctor` says
/// why.
#[derive(Debug, Parser)]
#[command(name = COMMAND, version, arg_required_else_help = true, after_long_help = EXIT_CODES)]
struct Cli {
    /// Folder for exported files [default: stagepass/host in your data directory]
    ///
    /// A browser starts the host with the browser's environment. If you use another
    /// folder, set the variable there too.
    #[arg(long, env = host_dir::VARIABLE, value_name = "DIR", global = true, hide_env_values = true)]
    host_dir: Option<OsString>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register with your browsers
    ///
    /// Writes a host manifest for each browser that you have started before, only
    /// for your user. Run it again to bring everything up to date.
    Install(Install),
    /// Undo `install`; exported files stay
    Uninstall(Uninstall),
    /// Find out why a browser can't use Stagepass, and what to do
    ///
    /// Takes the steps that each browser takes: finds its host manifest, checks the
    /// program that it names, and starts it as the browser would. Then it checks the
    /// folders of exports, yt-dlp, and the connected browsers. It changes nothing, except
    /// that it removes sockets that no browser holds any more. It exits with 1 if
    /// something is wrong or no browser can use Stagepass.
    Doctor(Doctor),
    /// List the exports
    List {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Print the path of an exported cookie file
    Path {
        /// The platform, such as instagram, or a site, such as example.org
        platform: String,
        #[command(flatten)]
        label: Label,
    },
    /// Remove an exported session from this computer
    ///
    /// The login itself stays valid: to end it, log out at the platform.
    Rm {
        /// The platform, such as instagram, or a site, such as example.org
        platform: String,
        /// The account, if several are exported
        #[arg(long, conflicts_with = "all")]
        label: Option<String>,
        /// Every export of the platform
        #[arg(long)]
        all: bool,
    },
    /// Print a platform's session as a cookie file or in another format
    ///
    /// Prints the running browser's current session if it may hand it over, otherwise
    /// that of the newest export. It is a login: anyone who has it is signed in as you,
    /// so be careful where it goes.
    Cookies(Cookies),
    /// Run yt-dlp with the cookies of every platform that it asks
    ///
    /// Uses the running browser's current cookies if it may hand them over, otherwise
    /// those of the newest export. Cookies that a platform replaces during the run are
    /// kept in the export. Without cookies yt-dlp runs all the same. The first argument
    /// that is not an option below, and all that follow, go to yt-dlp, including a "--".
    /// With `install --yt-dlp`, plain yt-dlp gets the cookies, too.
    #[command(name = YT_DLP)]
    YtDlp(YtDlp),
    /// Run another program with a private cookie file
    ///
    /// The file's path takes the place of {cookies} in the arguments and is in the variable
    /// STAGEPASS_COOKIES. The file is removed however the program ends, and cookies that it
    /// replaces there are kept in the export. Example:
    /// stagepass run -- gallery-dl --cookies {cookies} URL
    #[command(name = RUN, verbatim_doc_comment)]
    Run(Run),
    /// List the connected browsers and the platforms that they hand over
    Browsers {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Take sessions from a Stagepass server instead of a browser
    ///
    /// For a server or a container. Asks for the server's address, for the connection of each
    /// platform and for a service token, tries them, and keeps them in your folder for
    /// settings, the token in a private file. From then on the cookies of these platforms
    /// come from the server. The variables `STAGEPASS_SERVER`, `STAGEPASS_TOKEN_FILE`,
    /// `STAGEPASS_CONNECTIONS` and `STAGEPASS_ALLOW_HTTP_TO` do the same without `login`.
    Login(Login),
    /// Undo `login`; a token file that you have named stays
    Logout,
    /// Print the completions for a shell
    ///
    /// For bash: stagepass completions bash > ~/.local/share/bash-completion/completions/stagepass
    /// For zsh: stagepass completions zsh > "${fpath[1]}/_stagepass"
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder, such as ~/.local/share/man/man1
        folder: PathBuf,
    },
    /// Become another program that ends with the one that started this
    #[cfg(target_os = "linux")]
    #[command(name = run::BECOME, hide = true)]
    Become(Become),
    /// Answer one question of the plugin for yt-dlp
    #[command(hide = true)]
    Plugin,
}

#[derive(Debug, Args)]
struct Cookies {
    /// The platform, or the URL of a page there; for the format header the URL of the request
    #[arg(value_name = "PLATFORM|URL")]
    target: String,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    form: FormatArgs,
}

#[derive(Debug, Args)]
struct Doctor {
    #[command(flatten)]
    browsers: BrowserArgs,
    #[command(flatten)]
    program: YtDlpProgram,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Label {
    /// The account, if several are exported; otherwise the newest export is used
    #[arg(long)]
    label: Option<String>,
}

#[derive(Debug, Args)]
struct BrowserArgs {
    /// Only for this browser, even if it is not found; can be repeated
    #[arg(long = "browser", value_name = "NAME", value_enum)]
    browsers: Vec<Browser>,
    /// Only for this manifest folder: NativeMessagingHosts below a Chromium's user data
    /// directory, or native-messaging-hosts of Firefox or a browser based on it; can be
    /// repeated
    #[arg(long = "manifest-dir", value_name = "DIR")]
    manifest_dirs: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Install {
    /// Allow another extension, such as your own build; can be repeated
    #[arg(long = "extension-id", value_name = "ID")]
    extension_ids: Vec<ExtensionId>,
    #[command(flatten)]
    browsers: BrowserArgs,
    /// Install the plugin for yt-dlp instead: then plain yt-dlp gets the cookies, too
    #[arg(long, conflicts_with_all = ["extension_ids", "browsers", "manifest_dirs"])]
    yt_dlp: bool,
}

#[derive(Debug, Args)]
struct Uninstall {
    #[command(flatten)]
    browsers: BrowserArgs,
    /// Also remove the exported files, and what `login` has kept
    #[arg(long)]
    purge: bool,
}

/// Runs the command line.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let args = own_options::set_apart(Cli::command(), &[YT_DLP, RUN], args);
    let done = match Cli::try_parse_from(args) {
        Ok(cli) => {
            let mut output = io::stdout().lock();
            execute(cli, &mut output)
                .and_then(|code| output.flush().map(|()| code).map_err(CommandError::Output))
        }
        Err(message) => return show(&message),
    };
    end(done)
}

/// Answers a person who has started the program for browsers.
pub(crate) fn run_host(args: Vec<OsString>) -> ExitCode {
    match Host::try_parse_from(args) {
        Err(message) if !message.use_stderr() => show(&message),
        _ => {
            complain(&"browsers start this program; the command for people is \"stagepass\"");
            ExitCode::from(2)
        }
    }
}

/// Shows a help text, or what is wrong with the arguments.
fn show(message: &clap::Error) -> ExitCode {
    if message.use_stderr() {
        // The message quotes the arguments, which may contain control characters.
        let _ = write!(io::stderr(), "{}", printable(&message.render().to_string()));
        return ExitCode::from(2);
    }
    end(message.print().map(|()| ExitCode::SUCCESS).map_err(CommandError::Output))
}

fn end(done: Result<ExitCode, CommandError>) -> ExitCode {
    match done {
        Ok(code) => code,
        // The reader has closed the pipe, as in `… | head`.
        Err(CommandError::Output(fault)) if fault.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(fault) => {
            complain(&fault);
            ExitCode::FAILURE
        }
    }
}

/// The command as people see it: without what is only for the command itself.
fn shown_to_people() -> clap::Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new(COMMAND).args(whole.get_arguments().cloned()).subcommands(shown)
}

fn print_completions(shell: Shell, output: &mut impl Write) -> Result<(), CommandError> {
    // Into memory first: the generator panics where it can't write.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut shown_to_people(), COMMAND, &mut text);
    output.write_all(&text).map_err(CommandError::Output)
}

fn write_manual(folder: &Path) -> Result<(), CommandError> {
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|fault| crate::Error::io("write into", folder)(fault).into())
}

fn execute(cli: Cli, output: &mut impl Write) -> Result<ExitCode, CommandError> {
    // Not all commands need it.
    let host_dir = || host_dir::resolve(cli.host_dir.as_deref());
    match cli.command {
        #[cfg(target_os = "linux")]
        Command::Become(Become { parent, program, arguments }) => {
            return Err(run::become_program(parent, &program, &arguments).into());
        }
        Command::YtDlp(command) => return command.execute(&host_dir()?),
        Command::Run(command) => return command.execute(&host_dir()?),
        Command::Plugin => commands::plugin(&host_dir()?, io::stdin().lock(), output),
        Command::Doctor(Doctor { browsers, program, json }) => {
            return commands::doctor(&host_dir()?, &browsers.try_into()?, program.name(), json, output);
        }
        Command::Install(Install { yt_dlp: true, .. }) => {
            // A folder that is not the usual one goes into the plugin.
            let named = cli.host_dir.as_ref().map(|_| host_dir()).transpose()?;
            commands::install_yt_dlp_plugin(named.as_deref(), output)
        }
        Command::Install(Install { extension_ids, browsers, .. }) => {
            commands::install(&host_dir()?, browsers.try_into()?, &extension_ids, output)
        }
        Command::Uninstall(Uninstall { browsers, purge }) => {
            commands::uninstall(&host_dir()?, browsers.try_into()?, purge, output)
        }
        Command::List { json } => commands::list(&host_dir()?, json, output),
        Command::Path { platform, label } => {
            commands::path(&host_dir()?, &platform, label.label.as_deref(), output)
        }
        Command::Cookies(Cookies { target, session, form }) => {
            let command = commands::Cookies { target: &target, session: &session, form };
            commands::cookies(&host_dir()?, &command, output)
        }
        Command::Rm { platform, label, all } => {
            let which = match (label.as_deref(), all) {
                (_, true) => Which::All,
                (Some(label), false) => Which::Label(label),
                (None, false) => Which::TheOnly,
            };
            commands::remove(&host_dir()?, &platform, which, output)
        }
        Command::Login(login) => commands::login(login, output),
        Command::Logout => commands::logout(output),
        Command::Browsers { json } => commands::browsers(&host_dir()?, json, output),
        Command::Completions { shell } => print_completions(shell, output),
        Command::Man { folder } => write_manual(&folder),
    }?;
    Ok(ExitCode::SUCCESS)
}

impl TryFrom<BrowserArgs> for crate::registration::Targets {
    type Error = crate::Error;

    /// Makes folders absolute, because the report names them.
    fn try_from(args: BrowserArgs) -> Result<Self, crate::Error> {
        let absolute = |path: PathBuf| std::path::absolute(&path).map_err(crate::Error::io("find", &path));
        let manifest_dirs = args.manifest_dirs.into_iter().map(absolute).collect::<Result<_, _>>()?;
        Ok(Self { browsers: args.browsers, manifest_dirs })
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
