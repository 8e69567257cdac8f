//! The command line.

mod audit;
mod directus;
mod rotate_keys;
mod service_token;

use crate::clock::{now_ms, render_ms};
use crate::config::{
    ConfigError, DataArgs, DirectusArgs, GivenKeys, KeyArgs, ServeArgs, secrets_needed_with,
};
use crate::directus::{BootstrapError, Directus, TIMEOUT};
use crate::identity::{PasswordFault, check_password, hash_password};
use crate::keyed_stores::{KeyedStores, OpenError, open_database};
use crate::serve::{self, ServeError};
use crate::store::{Database, User, UserStatus};
use audit::AuditCommand;
use clap::{Args, Parser, Subcommand};
use directus::DirectusCommand;
use secrecy::{ExposeSecret as _, SecretString};
use service_token::ServiceTokenCommand;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;

const USERS_ELSEWHERE: &str = "with DIRECTUS_URL the users are those of that Directus; change them there";

/// Keeps captured browser sessions encrypted, and hands them to the backends
/// that may have them.
#[derive(Debug, Parser)]
#[command(name = "stagepass-server", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    directus: DirectusArgs,
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
    /// Make, list and revoke tokens for services that may do only what is listed
    #[command(subcommand)]
    ServiceToken(ServiceTokenCommand),
    /// List what was done to which record, and find out whether that log is whole
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Prepare the Directus that is to keep the records
    #[command(subcommand)]
    Directus(DirectusCommand),
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

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user
    Add(PasswordArgs),
    /// List all users
    List,
    /// Keep a user from signing in, and end what is signed in
    Disable {
        /// The user's e-mail address
        email: String,
    },
    /// Let a disabled user sign in again
    Enable {
        /// The user's e-mail address
        email: String,
    },
    /// Give a user another password, and end what is signed in
    SetPassword(PasswordArgs),
    /// Delete a user with all connections and sessions
    Delete {
        /// The user's e-mail address
        email: String,
    },
}

#[derive(Args, Debug)]
struct PasswordArgs {
    /// The user's e-mail address
    email: String,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, Error)]
enum CliError {
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    #[error("{0}")]
    User(String),
    #[error(transparent)]
    Password(#[from] PasswordFault),
    #[error("reading the password: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Rotation(#[from] crate::rotation::RotationError),
    #[error(transparent)]
    Internal(#[from] crate::error::Error),
}

impl Cli {
    /// Does what the command line says.
    pub(crate) fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&error),
        };
        let result = runtime.block_on(async {
            match self.command {
                Command::Serve(args) => Ok(serve::serve(*args, self.data, self.keys, self.directus).await?),
                Command::User(_) if self.directus.is_given() => {
                    Err(CliError::User(USERS_ELSEWHERE.to_owned()))
                }
                Command::User(command) => command.run(&self.data).await,
                Command::Directus(command) => command.run(&self.directus).await,
                Command::RotateKeys { other_writers_stopped } => {
                    let stores = open_stores(&self.data, &self.keys, &self.directus).await?;
                    rotate_keys::run(&stores, other_writers_stopped).await
                }
                Command::Audit(command) => {
                    command.run(&open_stores(&self.data, &self.keys, &self.directus).await?).await
                }
                Command::ServiceToken(command) => {
                    let stores = open_stores(&self.data, &self.keys, &self.directus).await?;
                    command.run(&*stores.database).await
                }
            }
        });
        result.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
    }
}

/// The stores with their keys.
#[expect(clippy::print_stderr, reason = "a command line speaks to people")]
async fn open_stores(
    data: &DataArgs,
    keys: &KeyArgs,
    directus: &DirectusArgs,
) -> Result<KeyedStores, CliError> {
    let database = data.database()?;
    let keys = GivenKeys::read(keys, secrets_needed_with(&database, directus))?;
    let client =
        directus.read()?.map(|given| Directus::new(given.settings, TIMEOUT).map(Arc::new)).transpose()?;
    let stores = KeyedStores::open(&data.directory()?, &database, keys, client).await?;
    for path in &stores.made {
        eprintln!("made a new secret and kept it in {}: keep a backup, nothing replaces it", path.display());
    }
    Ok(stores)
}

#[expect(clippy::print_stderr, reason = "a command line speaks to people")]
fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("stagepass-server: {error}");
    ExitCode::FAILURE
}

impl UserCommand {
    async fn run(self, data: &DataArgs) -> Result<(), CliError> {
        let database = open_database(data).await?;
        let database = &*database;
        match self {
            Self::Add(args) => add(database, args).await,
            Self::List => list(database).await,
            Self::Disable { email } => {
                let done = database.set_user_status(email.clone(), UserStatus::Suspended, now_ms()).await?;
                report(done, &email, "disabled")
            }
            Self::Enable { email } => {
                let done = database.set_user_status(email.clone(), UserStatus::Active, now_ms()).await?;
                report(done, &email, "enabled")
            }
            Self::SetPassword(args) => {
                let hash = hash_password(&args.read_password()?)?;
                report(
                    database.set_password(args.email.clone(), hash, now_ms()).await?,
                    &args.email,
                    "given a new password",
                )
            }
            Self::Delete { email } => report(database.delete_user(email.clone()).await?, &email, "deleted"),
        }
    }
}

async fn add(database: &dyn Database, args: PasswordArgs) -> Result<(), CliError> {
    let email = args.email.trim().to_owned();
    let is_plausible = email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    // RFC 5321 allows 254 characters.
    if !is_plausible || email.len() > 254 || email.chars().any(|c| c.is_control() || c == ' ') {
        return Err(CliError::User(format!("{email:?} is no e-mail address")));
    }
    let password_hash = hash_password(&args.read_password()?)?;
    let now = now_ms();
    let user = User {
        id: Uuid::now_v7(),
        email: email.clone(),
        password_hash,
        status: UserStatus::Active,
        created_at: now,
        tokens_valid_from: now,
    };
    if database.add_user(user).await? {
        say(&format!("{email} added"))
    } else {
        Err(CliError::User(format!("{email} is there already; `user set-password` changes the password")))
    }
}

async fn list(database: &dyn Database) -> Result<(), CliError> {
    for user in database.users().await? {
        let status = match user.status {
            UserStatus::Active => "active",
            UserStatus::Suspended => "disabled",
        };
        say(&format!("{}\t{status}\t{}\t{}", user.id, render_ms(user.created_at), user.email))?;
    }
    Ok(())
}

impl PasswordArgs {
    fn read_password(&self) -> Result<SecretString, CliError> {
        let password: SecretString = if self.password_stdin {
            let line = io::read_to_string(io::stdin().lock())?;
            line.trim_end_matches(['\r', '\n']).into()
        } else {
            let password = SecretString::from(rpassword::prompt_password("Password: ")?);
            let again = SecretString::from(rpassword::prompt_password("Password again: ")?);
            if password.expose_secret() != again.expose_secret() {
                return Err(CliError::User("the passwords differ".to_owned()));
            }
            password
        };
        check_password(&password)?;
        Ok(password)
    }
}

fn report(is_done: bool, email: &str, what: &str) -> Result<(), CliError> {
    if is_done {
        say(&format!("{email} {what}"))
    } else {
        Err(CliError::User(format!("there is no user {email}")))
    }
}

fn say(line: &str) -> Result<(), CliError> {
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}
