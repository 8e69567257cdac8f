//! The command line.

mod audit;
mod directus;
mod error;
mod output;
mod prompt;
mod rotate_keys;
mod service_token;
mod stores;
mod user;
mod vault;

use crate::config::ServeArgs;
use crate::serve;
use crate::store::IfMissing;
use audit::AuditCommand;
use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};
use directus::DirectusCommand;
use error::CliError;
use output::{say, tell};
use service_token::ServiceTokenCommand;
use std::io;
use std::process::ExitCode;
use stores::StoreArgs;
use user::UserCommand;
use vault::VaultCommand;

/// What shells say of a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;
const USERS_ELSEWHERE: &str = "with DIRECTUS_URL the users are those of that Directus; change them there";

/// Keeps captured browser sessions encrypted, and hands them to the backends
/// that may have them.
#[derive(Debug, Parser)]
#[command(name = "stagepass-server", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    stores: StoreArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API
    Serve(Box<ServeArgs>),
    /// Add, list and change the people who may sign in
    #[command(subcommand)]
    User(UserCommand),
    /// Put API keys into the vault, list and remove them, and carry them elsewhere
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Make, list and revoke tokens for services that may do only what is listed
    #[command(subcommand)]
    ServiceToken(ServiceTokenCommand),
    /// List what was done to which record, find out whether that log is whole, export it, and
    /// remove its oldest rows
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Prepare the Directus that is to keep the records
    #[command(subcommand)]
    Directus(DirectusCommand),
    /// Print the fingerprint of this server's key: the extension must show the same one
    /// before you type a password there
    Fingerprint,
    /// Seal everything anew under the encryption key, so that older keys can go;
    /// servers go on serving. First list the new key for reading at every server,
    /// then make it the encryption key everywhere, then run this
    RotateKeys {
        /// With Directus: say that no other program seals with the old key any
        /// more; nothing tells this one
        #[arg(long)]
        other_writers_stopped: bool,
    },
}

impl Cli {
    /// What the command line says; where it can't be read, the program ends with
    /// the reason.
    pub(crate) fn from_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|error| match error.kind() {
            // The parser would show the value, which may be a secret.
            ErrorKind::TooManyValues => {
                let option = error.get(ContextKind::InvalidArg).map_or_else(String::new, ToString::to_string);
                Self::command().error(ErrorKind::TooManyValues, format!("{option} takes no value")).exit()
            }
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
            _ => {
                // It quotes the arguments, which may come from anywhere.
                tell(error.render().to_string().trim_end());
                std::process::exit(error.exit_code())
            }
        })
    }

    /// Does what the command line says.
    pub(crate) fn run(self) -> ExitCode {
        let done = tokio::runtime::Runtime::new()
            .map_err(|error| CliError::Serve(error.into()))
            .and_then(|runtime| runtime.block_on(self.command.run(self.stores)));
        match done {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever read the output has enough of it, and knows.
            Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            // Nor is it news to whoever has pressed Ctrl-C.
            Err(CliError::Interrupted) => ExitCode::from(INTERRUPTED),
            Err(error) => {
                tell(&format!("stagepass-server: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

impl Command {
    async fn run(self, stores: StoreArgs) -> Result<(), CliError> {
        match self {
            Self::Serve(args) => Ok(serve::serve(*args, stores.data, stores.keys, stores.directus).await?),
            Self::User(command) => command.run(&stores).await,
            Self::Vault(command) => command.run(&stores).await,
            Self::ServiceToken(command) => command.run(&stores).await,
            Self::Audit(command) => command.run(&stores).await,
            Self::Directus(command) => command.run(&stores.directus).await,
            Self::Fingerprint => say(&stores.open(IfMissing::Refuse).await?.server_key.fingerprint()),
            Self::RotateKeys { other_writers_stopped } => {
                rotate_keys::run(&stores.open(IfMissing::Refuse).await?, other_writers_stopped).await
            }
        }
    }
}
