//! Who must own the data directory, its files and the files with secrets, and that the commands
//! in the server's messages fix them.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stagepass_tests::services::server::{self, Server};
use stagepass_tests::system::private_file;
use stagepass_tests::system::root::as_root;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use tempfile::TempDir;
use tokio::process::Command;

const SECRET: &str = "planted-secret-of-24-characters-and-more";
const VARIABLE: &str = "RBAC_SYNC_WEBHOOK_SECRET_FILE";

/// A data directory that was used, in a folder of its own.
async fn used() -> Result<TempDir> {
    let above = tempfile::tempdir()?;
    let data = above.path().join("data");
    fs::create_dir(&data)?;
    fs::set_permissions(&data, Permissions::from_mode(0o700))?;
    server::add_user(&data, server::EMAIL, server::PASSWORD).await?;
    Server::start(&data).await?.stop().await?;
    Ok(above)
}

fn serve(data: &Path) -> Result<Command> {
    let mut command = server::command(data)?;
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    Ok(command)
}

/// Its message when it refuses to start.
async fn refusal(command: &mut Command) -> Result<String> {
    let output = command.output().await?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && !said.contains("planted"), "{said}");
    Ok(said)
}

/// Runs the command that a message has between backquotes, as a person would.
async fn run_suggested(said: &str) -> Result<()> {
    let command = said.split('`').nth(1).with_context(|| format!("no command in {said}"))?;
    ensure!(command.starts_with("chmod "), "{said}");
    ensure!(Command::new("sh").args(["-c", command]).status().await?.success(), "{command}");
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

#[tokio::test]
async fn files_open_to_others_stop_the_start_with_the_command_that_fixes_them() -> Result<()> {
    let above = used().await?;
    let data = above.path().join("data");
    private_file::write(data.join("stagepass.db-journal"), "")?;
    for (name, mode, fault) in [
        ("stagepass.db-journal", 0o640, "others can read or change it"),
        ("", 0o777, "others can write to it"),
        ("", 0o770, "others can write to it"),
        ("..", 0o777, "everyone can write to"),
        ("stagepass.db", 0o666, "others can read or change it"),
        ("stagepass.db", 0o644, "others can read or change it"),
        ("credentials-enc-key", 0o640, "others can read or change it"),
        ("jwt-secret", 0o604, "others can read or change it"),
        ("rbac-sync-webhook-secret", 0o666, "others can read or change it"),
    ] {
        set_mode(&data.join(name), mode)?;
        let said = refusal(&mut serve(&data)?).await?;
        assert!(said.contains(fault), "{name} {mode:o}: {said}");
        run_suggested(&said).await?;
        Server::start(&data).await?.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_read_or_written_through_a_link_in_the_data_directory() -> Result<()> {
    let above = used().await?;
    let data = above.path().join("data");
    let elsewhere = above.path().join("elsewhere");
    for name in ["stagepass.db", "credentials-enc-key", "jwt-secret", "rbac-sync-webhook-secret"] {
        fs::rename(data.join(name), &elsewhere)?;
        symlink(&elsewhere, data.join(name))?;
        let said = refusal(&mut serve(&data)?).await?;
        assert!(said.contains(name) && said.contains("is a symbolic link"), "{name}: {said}");
        fs::rename(&elsewhere, data.join(name))?;
    }
    // A link that leads nowhere yet: nothing may be created at its end.
    for name in ["stagepass.db-wal", "stagepass.db-journal"] {
        let _ = fs::remove_file(data.join(name));
        symlink(&elsewhere, data.join(name))?;
        let said = refusal(&mut serve(&data)?).await?;
        assert!(said.contains(name) && said.contains("is a symbolic link"), "{name}: {said}");
        assert!(!elsewhere.exists(), "{name}");
        fs::remove_file(data.join(name))?;
    }
    let token = data.join("vault-set-up-token");
    let _ = fs::remove_file(&token);
    symlink(&elsewhere, &token)?;
    let said = String::from_utf8(Server::start(&data).await?.stop().await?)?;
    assert!(said.contains("can't be stored here") && said.contains("is a symbolic link"), "{said}");
    assert!(!elsewhere.exists() && !said.contains("fn_setup_"), "{said}");
    fs::remove_file(&token)?;
    let link = above.path().join("link");
    symlink(&data, &link)?;
    assert!(refusal(&mut serve(&link)?).await?.contains("is a symbolic link"));
    Server::start(&data).await?.stop().await?;
    Ok(())
}

/// Gives a file or folder to another user.
fn give(owner: &str, path: &Path) -> Result<()> {
    as_root("chown", [OsStr::new(owner), path.as_os_str()])
}

#[tokio::test]
async fn files_of_another_user_are_not_used() -> Result<()> {
    let above = used().await?;
    let data = above.path().join("data");
    let key = data.join("credentials-enc-key");
    // So that its group, which stays ours, can read it.
    set_mode(&key, 0o640)?;
    give("65534", &key)?;
    let said = refusal(&mut serve(&data)?).await?;
    let told = "belongs to the user with the id 65534; run this program as that user (`sudo -u '#65534'`)";
    let me = rustix::process::geteuid().as_raw().to_string();
    assert!(said.contains(told) && said.contains(&format!("`chown -R {me} ")), "{said}");
    give(&me, &key)?;
    set_mode(&key, 0o600)?;
    // A file that a setting names may belong to another user, as in a container.
    let named = above.path().join("named");
    private_file::write(&named, SECRET)?;
    set_mode(&named, 0o640)?;
    give("65534", &named)?;
    start_with_secret(serve(&data)?.env(VARIABLE, &named), &data).await?;
    // Nothing is created in another user's folder.
    let foreign = above.path().join("foreign");
    fs::create_dir(&foreign)?;
    give("65534", &foreign)?;
    let said = refusal(&mut serve(&foreign)?).await?;
    assert!(said.contains(told) && fs::read_dir(&foreign)?.next().is_none(), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_named_file_may_be_a_link_and_readable_by_others_only_in_a_secrets_folder() -> Result<()> {
    let above = used().await?;
    let data = above.path().join("data");
    // As in Kubernetes: a link to a file in a folder that is a link itself.
    let folder = above.path().join("..2026");
    fs::create_dir(&folder)?;
    private_file::write(folder.join("secret"), SECRET)?;
    symlink(&folder, above.path().join("..data"))?;
    let link = above.path().join("secret");
    symlink("..data/secret", &link)?;
    for (mode, fault) in
        [(0o660, "others can change it"), (0o644, "everyone can read it"), (0o666, "everyone can read it")]
    {
        set_mode(&folder.join("secret"), mode)?;
        let said = refusal(serve(&data)?.env(VARIABLE, &link)).await?;
        assert!(said.contains(&format!("{VARIABLE}: ")) && said.contains(fault), "{said}");
        run_suggested(&said).await?;
        start_with_secret(serve(&data)?.env(VARIABLE, &link), &data).await?;
    }
    set_mode(&folder.join("secret"), 0o444)?;
    let mut credentials = serve(&data)?;
    credentials.env(VARIABLE, &link).env("CREDENTIALS_DIRECTORY", &folder);
    start_with_secret(&mut credentials, &data).await?;
    set_mode(&folder.join("secret"), 0o446)?;
    assert!(refusal(&mut credentials).await?.contains("others can change it"));
    Ok(())
}

/// As in containers: the host's file, readable by everybody in the container.
#[tokio::test]
async fn files_below_run_secrets_may_be_readable_but_not_writable_by_others() -> Result<()> {
    struct Mounted(String);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = as_root("rm", ["-f", &self.0]);
        }
    }
    let above = used().await?;
    let data = above.path().join("data");
    let secret = above.path().join("secret");
    private_file::write(&secret, SECRET)?;
    let source = secret.to_str().context("a path in UTF-8")?;
    let mounted = Mounted(format!("/run/secrets/stagepass-test-{}", std::process::id()));
    as_root("install", ["-D", "-m", "444", source, &mounted.0])?;
    start_with_secret(serve(&data)?.env(VARIABLE, &mounted.0), &data).await?;
    as_root("chmod", ["446", &mounted.0])?;
    let said = refusal(serve(&data)?.env(VARIABLE, &mounted.0)).await?;
    assert!(said.contains("others can change it"), "{said}");
    Ok(())
}

async fn start_with_secret(command: &mut Command, data: &Path) -> Result<()> {
    let server = Server::start_command(data, command).await?;
    let body = json!({"creatorProfileId": "00000000-0000-4000-8000-000000000000"});
    for (secret, status) in [(SECRET, 404), ("another-secret-of-24-characters", 401)] {
        let answer = server.service_with(secret).post("/api/credentials/reveal", &body).await?;
        assert_eq!(answer.status, status);
    }
    server.stop().await?;
    Ok(())
}
