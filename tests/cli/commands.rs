//! What the server's commands do without a database, and when nobody reads their output.

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::server;
use stagepass_tests::system::process::Program;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::time::Duration;

const EMAIL: &str = "creator@example.org";
/// Writing there always fails.
const FULL: &str = "/dev/full";

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn a_command_that_only_reads_or_changes_creates_no_database() -> Result<()> {
    let mut installation = Installation::new(Store::Sqlite).await?;
    let nowhere = installation.directory().join("not-there");
    installation.set("STAGEPASS_DATA_DIR", nowhere.to_str().context("a path that is not UTF-8")?);
    for command in [
        &["audit", "list"][..],
        &["audit", "verify"],
        &["rotate-keys"],
        &["user", "list"],
        &["user", "disable", EMAIL],
        &["user", "enable", EMAIL],
        &["user", "set-password", EMAIL, "--password-stdin"],
        &["user", "delete", EMAIL],
        &["service-token", "list"],
        &["service-token", "revoke", "worker"],
        &["vault", "list"],
        &["vault", "remove", "openai", "primary"],
        &["vault", "export", "keys.json"],
    ] {
        let output = installation.run(command).await?;
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        ensure!(said.contains("no Stagepass database found"), "{command:?}: {said}");
        ensure!(!nowhere.exists(), "{command:?} has made the data directory");
    }
    installation.succeed(&["service-token", "add", "worker", "--verb", "reveal"]).await?;
    ensure!(installation.succeed(&["service-token", "list"]).await?.contains("worker"));
    ensure!(installation.succeed(&["user", "list"]).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn on_postgres_commands_create_nothing_and_need_no_data_directory() -> Result<()> {
    let mut installation = Installation::new(Store::Postgres).await?;
    // Nobody can create a directory below a file.
    let file = installation.directory().join("credentials-enc-key");
    installation.set("STAGEPASS_DATA_DIR", file.join("data").to_str().context("a path that is not UTF-8")?);
    for command in [&["audit", "list"][..], &["user", "list"], &["rotate-keys"]] {
        let output = installation.run(command).await?;
        ensure!(
            !output.status.success() && text(&output).contains("no Stagepass database found"),
            "{command:?}"
        );
    }
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let user = person.sign_in(&server).await?;
    user.create_profile("instagram", "fitcreator99").await?;
    ensure!(installation.succeed(&["audit", "list"]).await?.contains("create-profile"));
    server.stop().await.map(drop)
}

#[tokio::test]
async fn a_command_that_waits_for_postgresql_says_so() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let sockets = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [one, two] = [sockets[0].local_addr()?, sockets[1].local_addr()?];
    drop(sockets);
    let mut command = server::command(directory.path())?;
    command.args(["user", "list"]);
    command.env("DATABASE_URL", format!("postgres://stagepass:unused@{one},{two}/stagepass"));
    let mut listing = Program::spawn(&mut command)?;
    let waits = |line: &str| line.contains("no PostgreSQL host can be used yet");
    listing.wait_for_line("a word about the wait", Duration::from_secs(30), waits).await?;
    listing.kill();
    Ok(())
}

/// Commands that print a line or more.
const PRINTING: [&[&str]; 8] = [
    &["audit", "list"],
    &["audit", "verify"],
    &["user", "list"],
    &["user", "disable", EMAIL],
    &["service-token", "list"],
    &["service-token", "add", "another", "--verb", "reveal"],
    &["service-token", "revoke", "worker"],
    &["rotate-keys"],
];

/// An installation in which each command has something to print.
async fn with_something_to_tell() -> Result<Installation> {
    let installation = Installation::new(Store::Sqlite).await?;
    let command = installation.command()?;
    stagepass_tests::services::server::change_user(command, "add", EMAIL, "a password of some length")
        .await?;
    installation.succeed(&["service-token", "add", "worker", "--verb", "reveal"]).await?;
    Ok(installation)
}

async fn run_with(
    installation: &Installation,
    arguments: &[&str],
    stdout: impl Into<Stdio>,
    stderr: impl Into<Stdio>,
) -> Result<Output> {
    let mut command = installation.command()?;
    Ok(command.args(arguments).stdout(stdout).stderr(stderr).spawn()?.wait_with_output().await?)
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error_with_a_message() -> Result<()> {
    let installation = with_something_to_tell().await?;
    for arguments in PRINTING {
        let full = File::options().write(true).open(FULL)?;
        let output = run_with(&installation, arguments, full, Stdio::piped()).await?;
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        ensure!(said.contains("the output can't be written: No space left"), "{arguments:?}: {said}");
        // The error names a token that nobody has seen, so that it can be revoked.
        ensure!(arguments.get(1) != Some(&"add") || said.contains("revoke it"), "{said}");
    }
    // There is no panic either if not even the error can be printed.
    for arguments in PRINTING {
        let full = || File::options().write(true).open(FULL);
        let output = run_with(&installation, arguments, full()?, full()?).await?;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_name_with_invisible_characters_is_refused() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    for hidden in ["\u{1b}[2J", "\u{202e}", "\u{200b}", "\u{ad}", "\u{e0041}"] {
        let (email, name) = (format!("me{hidden}@example.org"), format!("work{hidden}er"));
        for command in [
            &["user", "add", &email, "--password-stdin"][..],
            &["service-token", "add", &name, "--verb", "reveal"],
            &["vault", "add", "openai", &name, "--key-stdin"],
        ] {
            let output = installation.run(command).await?;
            let said = text(&output);
            ensure!(
                output.status.code() == Some(1) && said.contains("must not hold "),
                "{command:?}: {said}"
            );
            ensure!(!said.contains(hidden), "{command:?}: {said:?}");
        }
        // Text that a message quotes is escaped as well.
        for command in
            [&["user", "delete", &email][..], &["user", &name], &["service-token", "revoke", &name]]
        {
            let output = installation.run(command).await?;
            ensure!(!output.status.success() && !text(&output).contains(hidden), "{command:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn text_stored_earlier_cannot_control_the_terminal() -> Result<()> {
    let installation = with_something_to_tell().await?;
    let database = Connection::open(installation.directory().join("stagepass.db"))?;
    database.execute("UPDATE users SET email = ?1 || email", ["\u{1b}[2J\u{202e}\n"])?;
    database.execute("UPDATE service_tokens SET name = ?1 || name", ["\u{9b}2J\u{2066}\t"])?;
    drop(database);
    let users = installation.succeed(&["user", "list"]).await?;
    ensure!(users.contains(&format!("\u{fffd}[2J\u{fffd}\u{fffd}{EMAIL}")), "{users:?}");
    let tokens = installation.succeed(&["service-token", "list"]).await?;
    ensure!(tokens.starts_with("\u{fffd}2J\u{fffd}\u{fffd}worker\t"), "{tokens:?}");
    assert_eq!((users.lines().count(), tokens.lines().count()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_closed_pipe_ends_a_command_quietly() -> Result<()> {
    let installation = with_something_to_tell().await?;
    for arguments in [&["audit", "list"][..], &["user", "list"], &["service-token", "list"]] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = run_with(&installation, arguments, writer, Stdio::piped()).await?;
        assert_eq!((output.status.code(), text(&output).as_str()), (Some(1), ""), "{arguments:?}");
    }
    Ok(())
}
