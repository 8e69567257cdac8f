//! `stagepass-server vault`: manages the API keys in the vault without a server, or while servers
//! run.

mod transfer;
mod unlock;

use super::error::CliError;
use super::output::say;
use super::prompt::{ask, refuse_terminal};
use super::stores::StoreArgs;
use crate::audit::{Caller, Entry};
use crate::clock::render_ms;
use crate::config::MasterPasswordArgs;
use crate::keyed_stores::KeyedStores;
use crate::request::MAX_KEY_BYTES;
use crate::store::{IfMissing, VaultCredential};
use crate::vault::MAX_CREDENTIALS;
use crate::vault::credentials::{self, EXISTS, FULL, MISSING};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use stagepass_core::visible::printable_line;
use std::io::{self, Read as _};
use transfer::{ExportArgs, ImportArgs};
use unlock::{OpenVault, done, vault_of};
use zeroize::Zeroizing;

#[derive(Debug, Subcommand)]
pub(super) enum VaultCommand {
    /// Add an API key to the vault. The first use chooses the master password, unless a server
    /// already did
    Add(AddArgs),
    /// List all API keys without the keys themselves, newest first: id, service, name, when it was
    /// added, when a server last returned it
    List,
    /// Delete an API key; this needs no master password
    Remove(NameArgs),
    /// Export all API keys to a new file, encrypted with the master password
    Export(ExportArgs),
    /// Add the API keys from a file that `export` wrote. Keys whose service and name already exist
    /// stay unchanged
    Import(ImportArgs),
}

/// The error for an extra argument, which is never shown.
const NO_ARGUMENT: &str = "`vault add` takes only a service and a name. If the extra argument was the API key, every \
     user of this machine could read it, and the shell may have stored it: get a new key, and enter it at the \
     prompt or with --key-stdin";

/// Names an API key.
#[derive(Args, Debug)]
pub(super) struct NameArgs {
    /// What the key is for: openai, anthropic, binance or custom.<name>
    service: String,
    /// The key's name, unique within its service
    name: String,
}

#[derive(Args, Debug)]
pub(super) struct AddArgs {
    #[command(flatten)]
    names: NameArgs,
    /// Read the key from standard input instead of asking for it
    #[arg(long)]
    key_stdin: bool,
    /// An extra argument may be the key, which the parser's own error would show.
    #[arg(hide = true)]
    extra: Vec<SecretString>,
    #[command(flatten)]
    password: MasterPasswordArgs,
}

impl VaultCommand {
    pub(super) async fn run(self, stores: &StoreArgs) -> Result<(), CliError> {
        match self {
            Self::Add(args) => add(stores, args).await,
            Self::List => {
                let credentials = stores.open_vault_store().await?.vault_credentials().await?;
                credentials.iter().try_for_each(|credential| say(&line(credential)))
            }
            Self::Remove(names) => remove(stores, &names).await,
            Self::Export(args) => transfer::export(stores, args).await,
            Self::Import(args) => transfer::import(stores, args).await,
        }
    }
}

async fn add(stores: &StoreArgs, args: AddArgs) -> Result<(), CliError> {
    if !args.extra.is_empty() {
        return Err(CliError::User(NO_ARGUMENT.to_owned()));
    }
    // Check all arguments before creating or asking for anything.
    let (service, name) = checked_names(&args.names.service, &args.names.name).map_err(CliError::User)?;
    let given_key = args.key_stdin.then(read_key).transpose()?;
    let given = args.password.read()?;
    let stores = stores.open(IfMissing::Make).await?;
    check_room(&stores, &service, &name).await?;
    let key = given_key.map_or_else(ask_for_key, Ok)?;
    let vault = OpenVault::open_or_new(&stores, given, "vault add").await?;
    let said = format!("{service} {name} added");
    let credential = credentials::new(service, name);
    let entry = entry("vault add").on("vault_credentials", credential.id);
    let sealed = vault.seal(credential, &key)?;
    if vault.add(vec![sealed], entry).await?.is_empty() { Err(EXISTS.into()) } else { say(&said) }
}

/// Refuses a new key if the vault is full, before the command asks for secrets. The store checks
/// again.
async fn check_room(stores: &KeyedStores, service: &str, name: &str) -> Result<(), CliError> {
    let there = stores.vault.vault_credentials().await?;
    if there.iter().any(|there| there.service == service && there.name == name) {
        Err(EXISTS.into())
    } else if there.len() >= MAX_CREDENTIALS as usize {
        Err(FULL.into())
    } else {
        Ok(())
    }
}

async fn remove(stores: &StoreArgs, names: &NameArgs) -> Result<(), CliError> {
    let (service, name) = (names.service.trim(), names.name.trim());
    let none = || CliError::User(format!("the vault has no API key {name} for {service}"));
    let stores = stores.open(IfMissing::Refuse).await?;
    let vault = vault_of(&stores).await?;
    let key_epoch = vault.header().await?.ok_or_else(none)?.key_epoch;
    let all = stores.vault.vault_credentials().await?;
    let found = all.iter().find(|found| found.service == service && found.name == name);
    let id = found.ok_or_else(none)?.id;
    let entry = entry("vault remove").on("vault_credentials", id);
    let is_gone = done(stores.vault.delete_vault_credential(id, key_epoch, entry).await?)?;
    if is_gone { say(&format!("{service} {name} removed")) } else { Err(none()) }
}

fn line(credential: &VaultCredential) -> String {
    let VaultCredential { id, service, name, created_at, last_used_at } = credential;
    let used = last_used_at.map_or_else(|| "-".to_owned(), render_ms);
    let (service, name) = (printable_line(service), printable_line(name));
    format!("{id}\t{service}\t{name}\t{}\t{used}", render_ms(*created_at))
}

fn entry(action: &str) -> Entry {
    Entry::new(&Caller::Operator, action)
}

/// The service, name and key to store, trimmed and checked by the same rules as at a server.
fn checked(service: &str, name: &str, key: &SecretString) -> Result<(String, String, SecretString), String> {
    let (service, name) = checked_names(service, name)?;
    Ok((service, name, checked_key(key)?))
}

/// The key, trimmed and checked in the same way.
fn checked_key(key: &SecretString) -> Result<SecretString, String> {
    let key = SecretString::from(key.expose_secret().trim());
    if key.expose_secret().is_empty() {
        return Err(MISSING.to_owned());
    }
    credentials::check_key(&key)?;
    Ok(key)
}

/// The service and name, trimmed and checked in the same way.
fn checked_names(service: &str, name: &str) -> Result<(String, String), String> {
    let (service, name) = (service.trim(), name.trim());
    if service.is_empty() || name.is_empty() {
        return Err(MISSING.to_owned());
    }
    credentials::check_names(service, name)?;
    Ok((service.to_owned(), name.to_owned()))
}

fn ask_for_key() -> Result<SecretString, CliError> {
    let key = ask("API key", "give it with --key-stdin, which takes several lines")?;
    checked_key(&key).map_err(CliError::User)
}

/// The API key from standard input, without the byte order mark that some editors add.
fn read_key() -> Result<SecretString, CliError> {
    /// Room for white space around the key.
    const SLACK: usize = 1024;
    refuse_terminal("the API key", "--key-stdin")?;
    // Reserve the memory at once: growing would leave copies of the key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_BYTES + 2 * SLACK));
    let most = MAX_KEY_BYTES + SLACK;
    let read = io::stdin().lock().take(most as u64).read_to_end(&mut bytes);
    read.map_err(CliError::KeyInput)?;
    if bytes.len() == most {
        return Err(CliError::User(credentials::too_long()));
    }
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| CliError::User("the API key is not UTF-8".to_owned()))?;
    checked_key(&text.strip_prefix('\u{feff}').unwrap_or(text).into()).map_err(CliError::User)
}
