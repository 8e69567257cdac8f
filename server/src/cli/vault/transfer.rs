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
    "give it in STAGEPASS_VAULT_FILE_PASSWORD, or name a file that holds it with --file-password-file";

#[derive(Args, Debug)]
pub(in crate::cli) struct ExportArgs {
    /// The file to write; one that is there stays as it is
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

/// Writes all that is in the vault into a new file.
pub(super) async fn export(stores: &StoreArgs, args: ExportArgs) -> Result<(), CliError> {
    let path = &args.file;
    must_be_new(path)?;
    if path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(CliError::User(format!("{}: the folder for it is not there", path.display())));
    }
    let given = args.password.read()?;
    let stores = stores.open(IfMissing::Refuse).await?;
    let vault = OpenVault::open(&stores, given, "vault export").await?;
    let (ids, credentials): (Vec<_>, Vec<_>) = open_all(&stores, &vault).await?.into_iter().unzip();
    let text = ExportFile::seal(vault.password(), &credentials)?.render()?;
    let entry = entry("vault export");
    // Before there is a file: none of them leaves unnoted.
    note_each(&stores, &entry, &ids).await?;
    if let Err(error) = secret_file::write_new(path, &text) {
        stores.database.append(entry.with_outcome("the file can't be written")).await?;
        return Err(CliError::new_file(path, error));
    }
    let (count, path) = (credentials.len(), path.display());
    say(&format!("exported: {count}, into {path}, encrypted under the vault's master password"))
}

/// Notes what is done with each credential. Rows that are appended at the same
/// time share a sync.
async fn note_each(stores: &KeyedStores, entry: &Entry, ids: &[Uuid]) -> Result<(), CliError> {
    let append = |id: &Uuid| stores.database.append(entry.clone().on("vault_credentials", *id));
    try_join_all(ids.iter().map(append)).await?;
    Ok(())
}

/// All credentials with their ids and keys, or an error where one does not open.
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
                    "the API key with the id {id} does not open, since something else than Stagepass changed it \
                     in the database; nothing was exported: put the database back from a backup, or remove that key"
                )));
            }
        }
    }
    Ok(opened)
}

/// Adds what is in a file.
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
        // The password was said to become the vault's.
        vault.set_up().await?;
    } else {
        let entry = entry("vault import");
        let added = vault.add(sealed, entry.clone()).await?;
        note_each(&stores, &entry, &added).await?;
        let added: BTreeSet<_> = added.into_iter().collect();
        // Somebody else may have added the same since they were looked up.
        let late = names.extract_if(.., |credential| !added.contains(&credential.id));
        kept.extend(late.map(|late| (late.service, late.name)));
    }
    for (service, name) in &kept {
        say(&format!("{service} {name} is there already, and stays as it is"))?;
    }
    say(&format!("added: {}; there already: {}", names.len(), kept.len()))
}

/// Reads a file, as far as its limit goes.
fn read(path: &Path) -> Result<ExportFile, CliError> {
    let mut text = Vec::new();
    let read =
        secret_file::open_named(path).and_then(|file| file.take(MAX_EXPORT_BYTES + 1).read_to_end(&mut text));
    read.map_err(|error| CliError::File { path: path.to_owned(), error })?;
    let name = path.display();
    if text.len() as u64 > MAX_EXPORT_BYTES {
        let most = MAX_EXPORT_BYTES / (1024 * 1024);
        return Err(CliError::User(format!(
            "{name} is larger than {most} MiB: `vault export` wrote no such file"
        )));
    }
    ExportFile::parse(&text).map_err(|fault| CliError::User(format!("{name} {fault}")))
}

/// What is in a file, opened with the vault's master password, or else with its own.
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
            "{name} opens neither with the vault's master password nor with the other: it has another password, \
             or it was damaged"
        ))
    })
}

/// Holds what is in a file against the rules of the vault.
fn check(path: &Path, found: Vec<PlainCredential>) -> Result<Vec<PlainCredential>, CliError> {
    let mut names = BTreeSet::new();
    let check = |(index, found): (usize, PlainCredential)| {
        let PlainCredential { service, name, key, created_at } = found;
        let checked = checked(&service, &name, &key).and_then(|(service, name, key)| {
            let is_new = names.insert((service.clone(), name.clone()));
            let twice = || "its service and name are those of another".to_owned();
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
        "the vault holds at most {MAX_CREDENTIALS} API keys: {there} are there, and {new} more do not fit"
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
    fn all_that_is_in_a_file_is_held_against_the_rules() {
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
            (plain("openai", " primary", "sk-2"), "its service and name are those of another"),
        ] {
            let said = check(vec![good(), bad]).unwrap_err();
            assert!(said.starts_with(&format!("file: API key 2: {fault}")), "{said}");
        }
    }

    #[test]
    fn no_more_are_added_than_a_vault_holds() {
        assert!(check_room(999, 1).is_ok() && check_room(1000, 0).is_ok());
        assert!(check_room(999, 2).is_err());
    }
}
