//! Commands on a vault that a server is using.

use super::commands::{
    FILE_VARIABLE, KEY, OTHER_KEY, OTHER_PASSWORD, PASSWORD, VARIABLE, add, fail, given_input, listed,
    run_add, secrets, text, utf8,
};
use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::json;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::server::Client;
use stagepass_tests::system::terminal::Terminal;

/// The key of a service's only credential, as a server reveals it.
pub(super) async fn revealed(vault: &Client, service: &str) -> Result<String> {
    let all = vault.get("/api/credentials").await?.body;
    let found = all.as_array().context("no list")?.iter().find(|found| found["service"] == service);
    let id = found.with_context(|| format!("{service} is not in {all}"))?["id"].as_str().context("no id")?;
    let reveal = vault.request(Method::POST, &format!("/api/credentials/{id}/reveal"));
    let answer = vault.send(reveal).await?;
    Ok(answer.body["key"].as_str().with_context(|| answer.body.to_string())?.to_owned())
}

#[tokio::test]
async fn on_sqlite_commands_and_a_server_see_what_the_other_does() -> Result<()> {
    commands_and_a_server_see_what_the_other_does(Store::Sqlite).await
}

#[tokio::test]
async fn on_postgres_commands_and_a_server_see_what_the_other_does() -> Result<()> {
    commands_and_a_server_see_what_the_other_does(Store::Postgres).await
}

async fn commands_and_a_server_see_what_the_other_does(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    let server = installation.serve().await?;
    installation.set(VARIABLE, PASSWORD);
    add(&installation, "openai", "primary", KEY).await?;
    let vault = server.vault(PASSWORD).await?;
    assert_eq!(revealed(&vault, "openai").await?, KEY);
    let body = json!({"service": "anthropic", "name": "primary", "key": OTHER_KEY});
    let added = vault.post("/api/credentials", &body).await?;
    assert_eq!(added.status, 201, "{}", added.body);
    let exported = installation.directory().join("exported");
    let said = installation.succeed(&["vault", "export", utf8(&exported)?]).await?;
    ensure!(said.starts_with("exported 2 API keys to "), "{said}");
    installation.succeed(&["vault", "remove", "openai", "primary"]).await?;
    ensure!(
        fail(&installation, &["vault", "remove", "openai", "primary"])
            .await?
            .contains("the vault has no API key")
    );

    installation.unset(VARIABLE);
    change_password_while_a_command_asks(&installation, &vault).await?;
    installation.set(VARIABLE, PASSWORD);
    let refused = run_add(&installation, "binance", "late", KEY.as_bytes()).await?;
    ensure!(text(&refused).contains("wrong master password"), "{}", text(&refused));
    installation.set(VARIABLE, OTHER_PASSWORD);
    installation.set(FILE_VARIABLE, PASSWORD);
    let said = installation.succeed(&["vault", "import", utf8(&exported)?]).await?;
    assert_eq!(said, "anthropic primary already exists and stays unchanged\nadded: 1; already there: 1\n");
    assert_eq!(revealed(&vault, "openai").await?, KEY);
    assert_eq!(revealed(&vault, "anthropic").await?, OTHER_KEY);
    let listed = listed(&installation).await?;
    assert_eq!(listed.iter().map(|(service, ..)| &**service).collect::<Vec<_>>(), ["anthropic", "openai"]);
    let log = server.stop().await?;
    ensure!(!secrets()?.is_in(&log), "a secret is in the log");
    assert_eq!(secrets()?.files_in(installation.directory())?, Vec::<std::path::PathBuf>::new());
    installation.verify_audit_log().await?;
    Ok(())
}

/// The password was right when it was typed, and then changes.
async fn change_password_while_a_command_asks(installation: &Installation, vault: &Client) -> Result<()> {
    let mut command = installation.command()?;
    command.args(["vault", "add", "binance", "late", "--key-stdin"]);
    let mut terminal = Terminal::start_with_stdin(command, given_input(KEY)?)?;
    terminal.wait_for_question("Master password: ").await?;
    let change = json!({"current": PASSWORD, "password": OTHER_PASSWORD, "confirm": OTHER_PASSWORD});
    let changed = vault.post("/api/auth/change-password", &change).await?;
    assert_eq!(changed.status, 200, "{}", changed.body);
    terminal.type_line(PASSWORD).await?;
    let (status, shown) = terminal.end().await?;
    ensure!(
        !status.success() && shown.contains("the master password was changed meanwhile"),
        "{status}: {shown}"
    );
    Ok(())
}
