//! The command line.

mod audit;
mod directus;
mod error;
mod health;
mod output;
mod prompt;
mod rotate_keys;
mod service_token;
mod stores;
mod user;
mod vault;

use crate::config::{ListenArgs, ServeArgs};
use crate::serve;
use crate::store::IfMissing;
use crate::telemetry;
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

/// The exit code that shells use for a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;
const USERS_ELSEWHERE: &str = "DIRECTUS_URL is set, so Directus manages the users; change them there";

/// Keeps captured browser sessions encrypted and gives them to authorised backends.
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
    /// Ask the server that runs with the same settings whether it is ready, and fail if it is not:
    /// the health check of a container
    Health(ListenArgs),
    /// Add, list and change the people who can sign in
    #[command(subcommand)]
    User(UserCommand),
    /// Add, list and remove API keys in the vault, and move them to another vault
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Create, list and revoke tokens that limit what a service can do
    #[command(subcommand)]
    ServiceToken(ServiceTokenCommand),
    /// List who did what to which record, verify the log, export it, and remove its oldest rows
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Prepare the Directus that will keep the records
    #[command(subcommand)]
    Directus(DirectusCommand),
    /// Print the fingerprint of this server's key. Check that the extension shows the same one
    /// before you type a password there
    Fingerprint,
    /// Re-encrypt all records with the current encryption key, so that older keys can be removed.
    /// Servers keep running. First list the new key as an old key at every server, then make it the
    /// encryption key everywhere, then run this
    RotateKeys {
        /// With Directus: confirm that no other program still encrypts with the old key; Stagepass
        /// can't check this
        #[arg(long)]
        other_writers_stopped: bool,
    },
}

impl Cli {
    /// The parsed command line. If it is invalid, the program exits with the reason.
    pub(crate) fn from_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|error| match error.kind() {
            // The parser would show the value, which may be a secret.
            ErrorKind::TooManyValues => {
                let option = error.get(ContextKind::InvalidArg).map_or_else(String::new, ToString::to_string);
                Self::command().error(ErrorKind::TooManyValues, format!("{option} takes no value")).exit()
            }
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
            _ => {
                // The message quotes the arguments, which can come from anywhere.
                tell(error.render().to_string().trim_end());
                std::process::exit(error.exit_code())
            }
        })
    }

    /// Runs the command.
    pub(crate) fn run(self) -> ExitCode {
        let done = tokio::runtime::Runtime::new()
            .map_err(|error| CliError::Serve(error.into()))
            .and_then(|runtime| runtime.block_on(self.command.run(self.stores)));
        match done {
            Ok(()) => ExitCode::SUCCESS,
            // The reader of the output closed it on purpose.
            Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            // The person who pressed Ctrl-C knows.
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
        if !matches!(self, Self::Serve(_)) {
            telemetry::start_for_command();
        }
        match self {
            Self::Serve(args) => Ok(serve::serve(*args, stores.data, stores.keys, stores.directus).await?),
            Self::Health(listen) => health::run(&listen).await,
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
