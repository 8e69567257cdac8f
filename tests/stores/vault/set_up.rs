//! Choosing the first master password: what it must be, and who may choose it.

use super::stage::{log_in, refusal, set_up, start_empty};
use anyhow::{Context as _, Result, ensure};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Installation;
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::{Answer, Client, Server};
use stagepass_tests::system::process::Program;
use stagepass_tests::system::terminal::Terminal;
use stagepass_tests::system::wait;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

const SET_UP: &str = "/api/auth/setup";
const STATUS: &str = "/api/auth/status";
const PASSWORD: &str = "battery staple";
const ELSEWHERE: &str = "the vault can only be set up from the server's own machine, or with the token in the file \
                         vault-set-up-token of its data directory";
const TIMEOUT: Duration = Duration::from_secs(30);

async fn set_up_with(client: &Client, headers: &[(&str, &str)]) -> Result<Answer> {
    let request =
        client.request(Method::POST, SET_UP).json(&json!({"password": PASSWORD, "confirm": PASSWORD}));
    client.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_vault_is_set_up_once_with_a_password_that_is_given_twice(store: Store) -> Result<()> {
    let (server, _installation) = start_empty(store).await?;
    let nobody = server.anonymous();
    assert_eq!(nobody.get(STATUS).await?.body, json!({"initialized": false, "authenticated": false}));
    assert_eq!(refusal(&log_in(&server, PASSWORD).await?), (409, "password not configured"));
    let long = "p".repeat(1025);
    for (body, expected) in [
        (json!({}), "password required"),
        (json!({"password": null, "confirm": PASSWORD}), "password required"),
        (json!({"password": PASSWORD}), "confirm required"),
        (json!({"password": 12_345_678, "confirm": 12_345_678}), "password must be a string"),
        (json!({"password": PASSWORD, "confirm": [PASSWORD]}), "confirm must be a string"),
        (json!({"password": PASSWORD, "confirm": "battery stapl"}), "passwords do not match"),
        (json!({"password": "battery", "confirm": "battery"}), "password must be at least 8 characters"),
        (json!({"password": "", "confirm": ""}), "password must be at least 8 characters"),
        (
            json!({"password": " \t  \n    ", "confirm": " \t  \n    "}),
            "password must be at least 8 characters",
        ),
        (json!({"password": long, "confirm": long}), "password must be at most 1024 bytes"),
    ] {
        assert_eq!(refusal(&nobody.post(SET_UP, &body).await?), (400, expected), "{body}");
    }
    assert_eq!(nobody.get(STATUS).await?.body["initialized"], false);

    let both = tokio::join!(set_up(&nobody, PASSWORD), set_up(&nobody, "correct horse"));
    let (one, two) = (both.0?, both.1?);
    let (done, refused, password) =
        if one.status == 200 { (one, two, PASSWORD) } else { (two, one, "correct horse") };
    assert_eq!(done.body, json!({"success": true, "message": "password configured"}));
    assert_eq!(refusal(&refused), (409, "password already configured"));
    for body in [Value::Null, json!({}), json!({"password": PASSWORD, "confirm": PASSWORD})] {
        assert_eq!(refusal(&nobody.post(SET_UP, &body).await?), (409, "password already configured"));
    }

    let vault = server.vault(password).await?;
    assert_eq!(vault.get(STATUS).await?.body, json!({"initialized": true, "authenticated": true}));
    for client in
        [&nobody, &server.bearer("fn_sess_0"), &server.bearer(&format!("fn_sess_{}", "0".repeat(64)))]
    {
        assert_eq!(client.get(STATUS).await?.body, json!({"initialized": true, "authenticated": false}));
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_vault_is_set_up_from_this_machine_or_with_the_set_up_token(store: Store) -> Result<()> {
    let (server, installation) = start_empty(store).await?;
    let nobody = server.anonymous();
    let own = server.url().to_owned();
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:1"),
        ("sec-fetch-site", "cross-site"),
        ("cf-ray", "8"),
        ("authorization", "Bearer fn_setup_0"),
    ] {
        let from_elsewhere = [("x-forwarded-for", "192.0.2.1"), (name, value)];
        let headers = if name == "authorization" { &from_elsewhere[..] } else { &from_elsewhere[1..] };
        let refused = set_up_with(&nobody, headers).await?;
        assert_eq!(refusal(&refused), (403, ELSEWHERE), "{name}: {value}");
    }
    assert_eq!(nobody.get(STATUS).await?.body["initialized"], false);

    let token = kept_token(&server)?;
    // Another server on the same database accepts it as well.
    let other = installation.serve().await?;
    let bearer = format!("Bearer {token}");
    let headers =
        [("x-forwarded-for", "192.0.2.1"), ("origin", "http://evil.example"), ("authorization", &bearer)];
    assert_eq!(set_up_with(&other.anonymous(), &headers).await?.status, 200);
    assert_eq!(refusal(&set_up_with(&nobody, &headers).await?), (409, "password already configured"));
    // A page from the server itself may do what a program on this machine may do.
    let refused = set_up_with(&nobody, &[("origin", &own)]).await?;
    assert_eq!(refusal(&refused), (409, "password already configured"));
    // The set-up token opens nothing else, and is not printed any more.
    assert_eq!(server.bearer(&token).get("/api/credentials").await?.status, 401);
    let next = installation.serve().await?;
    assert!(!String::from_utf8(next.program().stderr())?.contains("fn_setup_"));
    assert!(!token_file(installation.directory()).exists());
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn behind_a_proxy_that_may_add_no_header_only_the_token_counts(store: Store) -> Result<()> {
    for flags in [["--public-url", "https://stagepass.example.org"], ["--trusted-proxies", "127.0.0.1"]] {
        let installation = Installation::new(store).await?;
        let mut command = installation.command()?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "info"]).args(flags);
        let server = Server::start_command(installation.directory(), &mut command).await?;
        assert_eq!(refusal(&set_up(&server.anonymous(), PASSWORD).await?), (403, ELSEWHERE), "{flags:?}");
        let bearer = format!("Bearer {}", kept_token(&server)?);
        assert_eq!(set_up_with(&server.anonymous(), &[("authorization", &bearer)]).await?.status, 200);
    }
    Ok(())
}

fn token_file(directory: &Path) -> PathBuf {
    directory.join("vault-set-up-token")
}

/// The token where an operator finds it: in a file that only the server's user can read, and
/// not in the log.
fn kept_token(server: &Server) -> Result<String> {
    let path = token_file(server.directory());
    assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(path)?;
    let log = String::from_utf8(server.program().stderr())?;
    assert!(token.starts_with("fn_setup_") && !log.contains("fn_setup_"), "{log}");
    assert!(log.contains("vault-set-up-token"), "{log}");
    Ok(token)
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_set_up_tokens_file_is_deleted_after_any_set_up(store: Store) -> Result<()> {
    let (server, installation) = start_empty(store).await?;
    let path = token_file(installation.directory());
    kept_token(&server)?;
    // Another program sets it up beside the server.
    let mut add = installation.command()?;
    add.args(["vault", "add", "openai", "name", "--key-stdin"]).env("STAGEPASS_VAULT_PASSWORD", PASSWORD);
    let mut add = Program::spawn(&mut add)?;
    add.take_stdin().context("stdin is piped")?.write_all(b"planted\n").await?;
    let status = add.wait(TIMEOUT).await?;
    ensure!(status.success(), "{}", String::from_utf8_lossy(&add.stderr()));
    wait::until("the file to go", TIMEOUT, async || Ok((!path.exists()).then_some(()))).await?;
    // A file that was left behind is deleted at the next start.
    server.stop().await?;
    std::fs::write(&path, "void")?;
    let next = installation.serve().await?;
    assert!(!path.exists());
    next.stop().await?;
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_set_up_token_is_only_shown_at_a_terminal(store: Store) -> Result<()> {
    let installation = Installation::new(store).await?;
    let mut command = installation.command()?;
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let terminal = Terminal::start(command)?;
    wait::until("the server to listen", TIMEOUT, async || {
        Ok(terminal.shown().contains("listening").then_some(()))
    })
    .await?;
    let token = std::fs::read_to_string(token_file(installation.directory()))?;
    let shown = terminal.shown();
    let line = format!("set-up token: {token}");
    assert!(shown.contains(&line) && shown.matches(&*token).count() == 1, "{shown}");
    Ok(())
}
