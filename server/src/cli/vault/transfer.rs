//! `stagepass-server vault export` and `import`.

use super::super::error::{CliError, must_be_new};
use super::super::output::{say, tell};
use super::super::prompt::ask;
use super::super::stores::StoreArgs;
use super::unlock::OpenVault;
use super::{checked, entry};
use crate::audit::Entry;
use crate::config::{FilePasswordArgs, MasterPasswordArgs};
use crate::keyed_stores::KeyedStores;
use crate::secret_file;
use crate::store::{IfMissing, SealedVaultCredential, VaultCredential};
use crate::vault::credentials;
use crate::vault::{ExportFile, MAX_CREDENTIALS, MAX_EXPORT_BYTES, PlainCredential};
use clap::Args;
use futures_util::future::try_join_all;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const OTHERWISE: &str =
    "set STAGEPASS_VAULT_FILE_PASSWORD, or name a file that holds it with --file-password-file";

#[derive(Args, Debug)]
pub(in crate::cli) struct ExportArgs {
    /// The file to write; it must not exist yet
    file: PathBuf,
    #[command(flatten)]
    password: MasterPasswordArgs,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct ImportArgs {
    /// The file to read; the vault's master password is tried on it first
    file: PathBuf,
    #[command(flatten)]
    password: MasterPasswordArgs,
    #[command(flatten)]
    file_password: FilePasswordArgs,
}

/// Exports the whole vault to a new file.
pub(super) async fn export(stores: &StoreArgs, args: ExportArgs) -> Result<(), CliError> {
    let path = &args.file;
    must_be_new(path)?;
    if path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(CliError::User(format!("{}: its folder does not exist", path.display())));
    }
    let given = args.password.read()?;
    let stores = stores.open(IfMissing::Refuse).await?;
    let vault = OpenVault::open(&stores, given, "vault export").await?;
    let (ids, credentials): (Vec<_>, Vec<_>) = open_all(&stores, &vault).await?.into_iter().unzip();
    let text = ExportFile::seal(vault.password(), &credentials)?.render()?;
    let entry = entry("vault export");
    // Logged before the file exists, so that no key leaves without a row in the audit log.
    log_each(&stores, &entry, &ids).await?;
    if let Err(error) = secret_file::write_new(path, &text) {
        stores.database.append(entry.with_outcome("the file can't be written")).await?;
        return Err(CliError::new_file(path, error));
    }
    let (count, path) = (credentials.len(), path.display());
    say(&format!("exported {count} API keys to {path}, encrypted with the vault's master password"))
}

/// Logs the action for each credential. Rows appended at the same time share a sync.
async fn log_each(stores: &KeyedStores, entry: &Entry, ids: &[Uuid]) -> Result<(), CliError> {
    let append = |id: &Uuid| stores.database.append(entry.clone().on("vault_credentials", *id));
    try_join_all(ids.iter().map(append)).await?;
    Ok(())
}

/// All credentials with their ids and keys, or an error if one can't be decrypted.
async fn open_all(stores: &KeyedStores, vault: &OpenVault) -> Result<Vec<(Uuid, PlainCredential)>, CliError> {
    let mut opened = Vec::new();
    for sealed in stores.vault.sealed_vault_credentials().await? {
        match credentials::open(vault.key(), &sealed) {
            Ok(key) => {
                let VaultCredential { id, service, name, created_at, .. } = sealed.credential;
                opened.push((id, PlainCredential { service, name, key, created_at }));
            }
            Err(error) => {
                vault.check_current().await?;
                let id = sealed.credential.id;
                let entry = entry("vault export").on("vault_credentials", id);
                stores.database.append(entry.with_outcome(error)).await?;
                return Err(CliError::User(format!(
                    "the API key with the id {id} can't be decrypted, because another program changed it in \
                     the database; nothing was exported. Restore the database from a backup, or remove that key"
                )));
            }
        }
    }
    Ok(opened)
}

/// Adds the API keys from a file.
pub(super) async fn import(stores: &StoreArgs, args: ImportArgs) -> Result<(), CliError> {
    let path = &args.file;
    let file = read(path)?;
    let (given, given_for_file) = (args.password.read()?, args.file_password.read()?);
    let stores = stores.open(IfMissing::Make).await?;
    let vault = OpenVault::open_or_new(&stores, given, "vault import").await?;
    let found = check(path, open(path, &file, vault.password(), given_for_file)?)?;
    let there = stores.vault.vault_credentials().await?;
    let is_there = |found: &PlainCredential| {
        there.iter().any(|there| there.service == found.service && there.name == found.name)
    };
    let (kept, new): (Vec<_>, Vec<_>) = found.into_iter().partition(is_there);
    check_room(there.len(), new.len())?;
    let mut kept: Vec<_> = kept.into_iter().map(|kept| (kept.service, kept.name)).collect();
    let sealed = new.into_iter().map(|new| seal(&vault, new)).collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<_> = sealed.iter().map(|sealed| sealed.credential.clone()).collect();
    if sealed.is_empty() {
        // The prompt said that this password becomes the vault's.
        vault.set_up().await?;
    } else {
        let entry = entry("vault import");
        let added = vault.add(sealed, entry.clone()).await?;
        log_each(&stores, &entry, &added).await?;
        let added: BTreeSet<_> = added.into_iter().collect();
        // Somebody else may have added the same keys since the check.
        let late = names.extract_if(.., |credential| !added.contains(&credential.id));
        kept.extend(late.map(|late| (late.service, late.name)));
    }
    for (service, name) in &kept {
        say(&format!("{service} {name} already exists and stays unchanged"))?;
    }
    say(&format!("added: {}; already there: {}", names.len(), kept.len()))
}

/// Reads a file up to its size limit.
fn read(path: &Path) -> Result<ExportFile, CliError> {
    let mut text = Vec::new();
    let read =
        secret_file::open_named(path).and_then(|file| file.take(MAX_EXPORT_BYTES + 1).read_to_end(&mut text));
    read.map_err(|error| CliError::File { path: path.to_owned(), error })?;
    let name = path.display();
    if text.len() as u64 > MAX_EXPORT_BYTES {
        let most = MAX_EXPORT_BYTES / (1024 * 1024);
        return Err(CliError::User(format!(
            "{name} is larger than {most} MiB, so `vault export` did not write it"
        )));
    }
    ExportFile::parse(&text).map_err(|fault| CliError::User(format!("{name} {fault}")))
}

/// The contents of a file, decrypted with the vault's master password or else with the file's own.
fn open(
    path: &Path,
    file: &ExportFile,
    master: &SecretString,
    given: Option<SecretString>,
) -> Result<Vec<PlainCredential>, CliError> {
    let name = path.display();
    let open = |password: &SecretString| {
        let opened = file.open(&file.derive_key(password)?);
        opened.map_err(|fault| CliError::User(format!("{name} {fault}")))
    };
    if let Some(found) = open(master)? {
        return Ok(found);
    }
    let ask_for_it = || {
        tell(&format!("the vault's master password does not open {name}"));
        ask("Password of the file", OTHERWISE)
    };
    open(&given.map_or_else(ask_for_it, Ok)?)?.ok_or_else(|| {
        CliError::User(format!(
            "neither the vault's master password nor the other one decrypts {name}: it has another password or \
             is damaged"
        ))
    })
}

/// Checks the contents of a file against the rules of the vault.
fn check(path: &Path, found: Vec<PlainCredential>) -> Result<Vec<PlainCredential>, CliError> {
    let mut names = BTreeSet::new();
    let check = |(index, found): (usize, PlainCredential)| {
        let PlainCredential { service, name, key, created_at } = found;
        let checked = checked(&service, &name, &key).and_then(|(service, name, key)| {
            let is_new = names.insert((service.clone(), name.clone()));
            let twice = || "another key has the same service and name".to_owned();
            is_new.then_some(PlainCredential { service, name, key, created_at }).ok_or_else(twice)
        });
        checked.map_err(|fault| CliError::User(format!("{}: API key {}: {fault}", path.display(), index + 1)))
    };
    found.into_iter().enumerate().map(check).collect()
}

fn check_room(there: usize, new: usize) -> Result<(), CliError> {
    if there + new <= MAX_CREDENTIALS as usize {
        return Ok(());
    }
    Err(CliError::User(format!(
        "the vault holds at most {MAX_CREDENTIALS} API keys: it has {there}, so {new} more do not fit"
    )))
}

fn seal(vault: &OpenVault, new: PlainCredential) -> Result<SealedVaultCredential, CliError> {
    let PlainCredential { service, name, key, created_at } = new;
    let credential = VaultCredential { id: Uuid::now_v7(), service, name, created_at, last_used_at: None };
    vault.seal(credential, &key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(service: &str, name: &str, key: &str) -> PlainCredential {
        PlainCredential { service: service.to_owned(), name: name.to_owned(), key: key.into(), created_at: 7 }
    }

    #[test]
    fn checks_every_key_in_a_file_against_the_rules() {
        let check = |found| check(Path::new("file"), found).map_err(|fault| fault.to_string());
        let good = || plain("openai", "primary", "sk-1");
        let checked = check(vec![good(), plain("anthropic", " primary ", " sk-2\n")]).unwrap();
        assert_eq!((&*checked[1].name, checked[1].created_at), ("primary", 7));
        for (bad, fault) in [
            (plain("openai", " ", "sk-1"), "service, name, and key are required"),
            (plain("openai", "other", ""), "service, name, and key are required"),
            (plain("openai", "o\nther", "sk-1"), "name must not hold control characters"),
            (plain("unknown", "other", "sk-1"), "service must be one of"),
            (plain("openai", "other", &"k".repeat(16 * 1024 + 1)), "key must have at most 16384 bytes"),
            (plain("openai", " primary", "sk-2"), "another key has the same service and name"),
        ] {
            let said = check(vec![good(), bad]).unwrap_err();
            assert!(said.starts_with(&format!("file: API key 2: {fault}")), "{said}");
        }
    }

    #[test]
    fn refuses_more_keys_than_a_vault_holds() {
        assert!(check_room(999, 1).is_ok() && check_room(1000, 0).is_ok());
        assert!(check_room(999, 2).is_err());
    }
}
