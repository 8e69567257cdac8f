//! Exporting and importing keys, and what makes that fail.

use super::beside_a_server::revealed;
use super::commands::{
    FILE_VARIABLE, KEY, OTHER_KEY, OTHER_PASSWORD, PASSWORD, VARIABLE, actions, add, fail,
    fail_without_terminal, given_password, listed, run_add, secrets, text, utf8,
};
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rusqlite::Connection;
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::system::private_file;
use stagepass_tests::tools::libsodium::Libsodium;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// An installation with two keys in its vault, and the file that they are exported to.
async fn exported(folder: &Path) -> Result<(Installation, PathBuf)> {
    let installation = given_password().await?;
    add(&installation, "openai", "primary", KEY).await?;
    add(&installation, "custom.mine", "my own", OTHER_KEY).await?;
    let file = folder.join("keys.json");
    let said = installation.succeed(&["vault", "export", utf8(&file)?]).await?;
    ensure!(said.starts_with("exported 2 API keys to "), "{said}");
    Ok((installation, file))
}

#[tokio::test]
async fn an_import_adds_missing_keys_and_keeps_existing_ones() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (installation, file) = exported(folder.path()).await?;
    let before = listed(&installation).await?;
    let text = fs::read_to_string(&file)?;
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    assert_eq!(serde_json::from_str::<Value>(&text)?["argon2id"]["memory_kib"], 256 * 1024);
    let said = fail(&installation, &["vault", "export", utf8(&file)?]).await?;
    ensure!(said.contains("already exists; choose another file"), "{said}");
    assert_eq!(fs::read_to_string(&file)?, text);
    assert_eq!(fs::read_dir(folder.path())?.count(), 1, "nothing else is left beside it");

    let import = ["vault", "import", utf8(&file)?];
    let said = installation.succeed(&import).await?;
    ensure!(said.ends_with("added: 0; already there: 2\n"), "{said}");
    installation.succeed(&["vault", "remove", "openai", "primary"]).await?;
    let said = installation.succeed(&import).await?;
    assert_eq!(said, "custom.mine my own already exists and stays unchanged\nadded: 1; already there: 1\n");
    assert_eq!(listed(&installation).await?, before, "with its original time");
    let done = ["import", "import", "remove", "export", "export", "add", "add", "set-up"];
    let done = done.map(|done| format!("vault {done} ok"));
    assert_eq!(actions(&installation).await?, done, "an import that adds nothing writes nothing");
    let log = installation.audit_list().await?;
    let noted = |action: &str| -> BTreeSet<_> {
        let columns = log.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        columns.filter(|line| line[2] == action).map(|line| line[3].to_owned()).collect()
    };
    assert_eq!(noted("vault export"), noted("vault add"), "the same keys");
    let ids = installation.succeed(&["vault", "list"]).await?;
    let is_there =
        |record: &String| record.strip_prefix("vault_credentials/").is_some_and(|id| ids.contains(id));
    assert_eq!(noted("vault import").iter().filter(|record| is_there(record)).count(), 1);
    installation.verify_audit_log().await?;
    Ok(())
}

#[tokio::test]
async fn another_vault_imports_a_file_with_the_files_own_password() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (from, file) = exported(folder.path()).await?;
    let import = ["vault", "import", utf8(&file)?];
    let mut to = Installation::new(Store::Sqlite).await?;
    to.set(VARIABLE, OTHER_PASSWORD);
    let mut said = fail_without_terminal(&to, &import).await?;
    ensure!(said.contains("STAGEPASS_VAULT_FILE_PASSWORD, or name a file"), "{said}");
    to.set(FILE_VARIABLE, "a wrong password");
    said += &fail(&to, &import).await?;
    ensure!(said.contains("neither the vault's master password nor the other one decrypts"), "{said}");
    let nothing = fail(&to, &["vault", "export", "x"]).await?;
    ensure!(
        nothing.contains("no master password yet"),
        "the vault was set up before everything was checked: {nothing}"
    );
    to.set(FILE_VARIABLE, PASSWORD);
    said += &to.succeed(&import).await?;
    assert_eq!(listed(&to).await?, listed(&from).await?);

    let server = to.serve().await?;
    let vault = server.vault(OTHER_PASSWORD).await?;
    assert_eq!(revealed(&vault, "openai").await?, KEY);
    assert_eq!(revealed(&vault, "custom.mine").await?, OTHER_KEY);
    said += &String::from_utf8_lossy(&server.stop().await?);
    ensure!(!secrets()?.is_in(said.as_bytes()), "a secret is in what was said");
    for place in [folder.path(), from.directory(), to.directory()] {
        assert_eq!(secrets()?.files_in(place)?, Vec::<PathBuf>::new());
    }
    Ok(())
}

#[tokio::test]
async fn importing_a_file_without_keys_sets_up_a_new_vault() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let from = given_password().await?;
    add(&from, "openai", "primary", KEY).await?;
    from.succeed(&["vault", "remove", "openai", "primary"]).await?;
    let file = folder.path().join("keys.json");
    ensure!(from.succeed(&["vault", "export", utf8(&file)?]).await?.starts_with("exported 0 "));
    let mut to = Installation::new(Store::Sqlite).await?;
    to.set(VARIABLE, OTHER_PASSWORD);
    to.set(FILE_VARIABLE, PASSWORD);
    let output = to.run(&["vault", "import", utf8(&file)?]).await?;
    let said = text(&output);
    ensure!(said.contains("using the one from the settings") && output.status.success(), "{said}");
    assert_eq!(actions(&to).await?, ["vault set-up ok"]);
    to.set(VARIABLE, PASSWORD);
    ensure!(fail(&to, &["vault", "export", "x"]).await?.contains("wrong master password"));
    Ok(())
}

#[tokio::test]
async fn a_missing_folder_is_reported_before_asking_for_a_password() -> Result<()> {
    let mut installation = given_password().await?;
    add(&installation, "openai", "primary", KEY).await?;
    installation.unset(VARIABLE);
    let file = installation.directory().join("not-there/keys.json");
    let said = fail_without_terminal(&installation, &["vault", "export", utf8(&file)?]).await?;
    let expected = format!("stagepass-server: {}: its folder does not exist\n", file.display());
    assert_eq!(said, expected);
    Ok(())
}

#[tokio::test]
async fn the_real_libsodium_opens_a_file_with_its_password_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_, file) = exported(folder.path()).await?;
    let document: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let decode = |field: &str| -> Result<String> {
        Ok(hex::encode(STANDARD.decode(document[field].as_str().context("no text")?)?))
    };
    let (salt, sealed) = (decode("salt")?, decode("secretbox")?);
    let task = json!({"password": PASSWORD, "salt": salt, "open": [sealed]});
    let opened = Libsodium::prepare().await?.ask(&task).await?;
    let contents: Value = serde_json::from_str(opened["opened"][0].as_str().context("nothing was opened")?)?;
    let [mine, openai] = [0, 1].map(|index| &contents["credentials"][index]);
    assert_eq!((&mine["service"], &mine["name"]), (&json!("custom.mine"), &json!("my own")));
    assert_eq!(
        (&mine["key"], &openai["key"]),
        (&json!(STANDARD.encode(OTHER_KEY)), &json!(STANDARD.encode(KEY)))
    );
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_not_an_export_is_refused_before_anything_is_created() -> Result<()> {
    let mut installation = given_password().await?;
    let nowhere = installation.directory().join("not-there");
    installation.set("STAGEPASS_DATA_DIR", utf8(&nowhere)?);
    let file = installation.directory().join("file");
    let import = ["vault", "import", utf8(&file)?];
    ensure!(fail(&installation, &import).await?.contains("No such file"));
    let document = |version: u32, memory_kib: u32| {
        let cost = json!({"memory_kib": memory_kib, "passes": 3, "lanes": 1});
        let salt = "AAAAAAAAAAAAAAAAAAAAAA==";
        let format = "stagepass vault export";
        json!({"format": format, "version": version, "argon2id": cost, "salt": salt, "secretbox": "AAAA"})
            .to_string()
    };
    let cut = document(1, 8).split_off(20);
    for (contents, said) in [
        ("", "is not a file written by `vault export`, or is damaged"),
        ("root:x:0:0", "is not a file written by"),
        (&*cut, "is not a file written by"),
        (&*document(2, 8), "has version 2, which this program does not know"),
        (&*document(1, 1024 * 1024 + 1), "the limit is 1024 MiB of memory"),
    ] {
        private_file::write(&file, contents)?;
        let said_now = fail(&installation, &import).await?;
        ensure!(said_now.contains(said), "{contents:?}: {said_now}");
    }
    File::create(&file)?.set_len(128 * 1024 * 1024 + 1)?;
    ensure!(fail(&installation, &import).await?.contains("is larger than 128 MiB"));
    ensure!(!nowhere.exists(), "a data directory was made");
    Ok(())
}

#[tokio::test]
async fn a_changed_database_stops_a_command_with_a_reason() -> Result<()> {
    let installation = given_password().await?;
    add(&installation, "openai", "primary", KEY).await?;
    let database = Connection::open(installation.directory().join("stagepass.db"))?;
    let id: String = database.query_row("SELECT id FROM vault_credentials", [], |row| row.get(0))?;
    // Renamed in the database: its MAC is for another name.
    database.execute("UPDATE vault_credentials SET name = 'other'", [])?;
    let exported = installation.directory().join("exported");
    let said = fail(&installation, &["vault", "export", utf8(&exported)?]).await?;
    ensure!(said.contains(&id) && said.contains("nothing was exported"), "{said}");
    ensure!(!exported.exists());
    assert_eq!(actions(&installation).await?[0], "vault export Stored credentials cannot be decrypted");
    database.execute("UPDATE vault SET salt = zeroblob(16)", [])?;
    for command in [
        &["vault", "export", utf8(&exported)?][..],
        &["vault", "remove", "openai", "other"],
        &["vault", "add", "openai", "another", "--key-stdin"],
    ] {
        let output = installation.command()?.args(command).stdin(Stdio::null()).output().await?;
        // `add` fails first because it has no key.
        let said = if command[1] == "add" { "are required" } else { "another program changed the vault's" };
        ensure!(!output.status.success() && text(&output).contains(said), "{command:?}: {}", text(&output));
    }
    let output = run_add(&installation, "openai", "another", KEY.as_bytes()).await?;
    ensure!(text(&output).contains("another program changed the vault's"), "{}", text(&output));
    Ok(())
}
