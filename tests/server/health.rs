//! `stagepass-server health`, as a container runs it: with the settings of the server.

use anyhow::{Context as _, Result, ensure};
use stagepass_tests::services::server::{self, Server};
use stagepass_tests::system::certificate::Certificate;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

/// Runs the command, and returns its exit code and the only line that it prints.
async fn health(directory: &Path, listen: &str, more: &[(&str, &Path)]) -> Result<(i32, String)> {
    let mut command = server::command(directory)?;
    command.arg("health").env("STAGEPASS_LISTEN", listen).envs(more.iter().copied());
    let output = command.output().await?;
    let said = String::from_utf8([output.stdout, output.stderr].concat())?;
    ensure!(said.lines().count() == 1, "{said}");
    Ok((output.status.code().context("killed")?, said.trim_end().to_owned()))
}

#[tokio::test]
async fn succeeds_only_while_the_server_is_ready() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let server = Server::start(directory.path()).await?;
    let port = server.address().rsplit(':').next().context("a port")?;
    for listen in [server.address(), &format!("0.0.0.0:{port}")] {
        assert_eq!(health(directory.path(), listen, &[]).await?, (0, "ready".to_owned()));
    }
    // Another process locks the database; by then the cached result of a second ago is stale.
    let other = rusqlite::Connection::open(directory.path().join("stagepass.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let expected = "stagepass-server: not ready (503): Database does not answer".to_owned();
    assert_eq!(health(directory.path(), server.address(), &[]).await?, (1, expected));
    Ok(())
}

#[tokio::test]
async fn asks_over_https_if_the_server_has_a_certificate_for_any_name() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    let issued = Certificate::generate(&["stagepass.example.org"])?;
    issued.write(&certificate)?;
    issued.write_key(&key)?;
    let files = [("STAGEPASS_TLS_CERT", certificate.as_path()), ("STAGEPASS_TLS_KEY", key.as_path())];
    let mut serve = server::serve_command(directory.path(), "127.0.0.1:0")?;
    let server = Server::start_command(directory.path(), serve.envs(files)).await?;
    ensure!(server.url().starts_with("https://127.0.0.1:"), "{}", server.url());
    assert_eq!(health(directory.path(), server.address(), &files).await?, (0, "ready".to_owned()));
    // Over http the server only answers that it speaks https.
    let (code, said) = health(directory.path(), server.address(), &[]).await?;
    ensure!(code == 1 && said.contains("not ready (400): This port speaks https"), "{said}");
    Ok(())
}

#[tokio::test]
async fn fails_if_nothing_listens_or_the_port_is_unknown() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let unused = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (code, said) = health(directory.path(), &unused.to_string(), &[]).await?;
    let expected = format!("stagepass-server: no answer from http://{unused}: ");
    ensure!(code == 1 && said.starts_with(&expected) && said.contains("refused"), "{said}");
    let (code, said) = health(directory.path(), "127.0.0.1:0", &[]).await?;
    ensure!(code == 1 && said.contains("STAGEPASS_LISTEN has port 0"), "{said}");
    Ok(())
}
