//! `stagepass-server user`: who can sign in, when this server manages its own users.

use super::USERS_ELSEWHERE;
use super::error::CliError;
use super::output::say;
use super::prompt::{ask_twice, refuse_terminal};
use super::stores::StoreArgs;
use crate::audit::{Caller, Entry};
use crate::clock::{now_ms, render_ms};
use crate::identity::{check_password, hash_password};
use crate::store::{Database, IfMissing, User, UserStatus};
use clap::{Args, Subcommand};
use secrecy::SecretString;
use stagepass_core::visible::{self, printable_line};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user
    Add(PasswordArgs),
    /// List all users and how much each has stored here
    List,
    /// Stop a user from signing in, and end the user's sign-ins
    Disable {
        /// The user's e-mail address
        email: String,
    },
    /// Let a disabled user sign in again
    Enable {
        /// The user's e-mail address
        email: String,
    },
    /// Change a user's password, and end the user's sign-ins
    SetPassword(PasswordArgs),
    /// Delete a user with all connections and sessions
    Delete {
        /// The user's e-mail address
        email: String,
    },
}

#[derive(Args, Debug)]
pub(super) struct PasswordArgs {
    /// The user's e-mail address
    email: String,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

impl UserCommand {
    pub(super) async fn run(self, stores: &StoreArgs) -> Result<(), CliError> {
        if stores.directus.is_given() {
            return Err(CliError::User(USERS_ELSEWHERE.to_owned()));
        }
        match self {
            Self::Add(args) => add(stores, args).await,
            Self::List => list(&*stores.open_database().await?).await,
            Self::Disable { email } => set_status(stores, &email, UserStatus::Suspended).await,
            Self::Enable { email } => set_status(stores, &email, UserStatus::Active).await,
            Self::SetPassword(args) => set_password(stores, args).await,
            Self::Delete { email } => delete(stores, &email).await,
        }
    }
}

async fn add(stores: &StoreArgs, args: PasswordArgs) -> Result<(), CliError> {
    let email = args.email.trim().to_owned();
    let is_plausible = email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    // RFC 5321 allows 254 characters.
    if !is_plausible || email.len() > 254 || email.contains(' ') {
        return Err(CliError::User(format!("{email:?} is not an e-mail address")));
    }
    visible::check(&email).map_err(|fault| CliError::User(format!("an e-mail address {fault}")))?;
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
    let entry = entry("user add", user.id);
    if stores.open(IfMissing::Make).await?.database.add_user(user, entry).await? {
        say(&format!("{email} added"))
    } else {
        Err(CliError::User(format!("{email} already exists; change the password with `user set-password`")))
    }
}

async fn list(database: &dyn Database) -> Result<(), CliError> {
    let usages: HashMap<_, _> = database.usages().await?.into_iter().collect();
    for user in database.users().await? {
        let usage = usages.get(&user.id).copied().unwrap_or_default();
        let status = match user.status {
            UserStatus::Active => "active",
            UserStatus::Suspended => "disabled",
        };
        say(&format!(
            "{}\t{status}\t{}\t{}\t{} records\t{}",
            user.id,
            render_ms(user.created_at),
            printable_line(&user.email),
            usage.rows,
            render_bytes(usage.bytes)
        ))?;
    }
    Ok(())
}

/// A size in bytes, in a readable unit.
fn render_bytes(bytes: i64) -> String {
    let units = ["KiB", "MiB", "GiB"];
    let mut number = bytes as f64 / 1024.0;
    let mut unit = 0;
    while number >= 1024.0 && unit + 1 < units.len() {
        number /= 1024.0;
        unit += 1;
    }
    format!("{number:.1} {}", units[unit])
}

async fn set_status(stores: &StoreArgs, email: &str, status: UserStatus) -> Result<(), CliError> {
    let (database, id) = find(stores, email).await?;
    let (action, what) = match status {
        UserStatus::Suspended => ("user disable", "disabled"),
        UserStatus::Active => ("user enable", "enabled"),
    };
    let is_done = database.set_user_status(id, status, now_ms(), entry(action, id)).await?;
    report(is_done, email, what)
}

async fn set_password(stores: &StoreArgs, args: PasswordArgs) -> Result<(), CliError> {
    let (database, id) = find(stores, &args.email).await?;
    let hash = hash_password(&args.read_password()?)?;
    let is_done = database.set_password(id, hash, now_ms(), entry("user set-password", id)).await?;
    report(is_done, &args.email, "given a new password")
}

async fn delete(stores: &StoreArgs, email: &str) -> Result<(), CliError> {
    let database = stores.open(IfMissing::Refuse).await?.database;
    let id = find_listed(&*database, email).await?.ok_or_else(|| unknown_user(email))?;
    report(database.delete_user(id, entry("user delete", id)).await?, email, "deleted")
}

/// The user with this e-mail address, in an existing database.
async fn find(stores: &StoreArgs, email: &str) -> Result<(Arc<dyn Database>, Uuid), CliError> {
    let database = stores.open(IfMissing::Refuse).await?.database;
    match database.user_by_email(email.to_owned()).await? {
        Some(user) => Ok((database, user.id)),
        None => match find_listed(&*database, email).await? {
            Some(_) => Err(CliError::User(format!(
                "another program changed the user {email} in the database, so Stagepass ignores this user; \
                 restore the database from a backup, or delete the user"
            ))),
            None => Err(unknown_user(email)),
        },
    }
}

/// The id of the listed user, even if the row is broken.
pub(super) async fn find_listed(database: &dyn Database, email: &str) -> Result<Option<Uuid>, CliError> {
    let users = database.users().await?;
    Ok(users.into_iter().find(|user| user.email.eq_ignore_ascii_case(email)).map(|user| user.id))
}

fn entry(action: &str, user_id: Uuid) -> Entry {
    Entry::new(&Caller::Operator, action).on("users", user_id)
}

fn report(is_done: bool, email: &str, what: &str) -> Result<(), CliError> {
    if is_done { say(&format!("{email} {what}")) } else { Err(unknown_user(email)) }
}

fn unknown_user(email: &str) -> CliError {
    CliError::User(format!("there is no user {email}"))
}

impl PasswordArgs {
    fn read_password(&self) -> Result<SecretString, CliError> {
        let password: SecretString = if self.password_stdin {
            refuse_terminal("the password", "--password-stdin")?;
            let line = io::read_to_string(io::stdin().lock()).map_err(CliError::PasswordInput)?;
            line.trim_end_matches(['\r', '\n']).into()
        } else {
            ask_twice("Password", "give it with --password-stdin")?
        };
        check_password(&password)?;
        Ok(password)
    }
}
