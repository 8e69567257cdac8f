//! The server with its default settings: the built-in identity, and what it needs to start.

use anyhow::Result;
use serde_json::{Value, json};
use stagepass_tests::services::server::{self, Answer, Client, EMAIL, PASSWORD, Server};
use stagepass_tests::system::private_file;
use std::path::Path;
use tempfile::TempDir;

async fn start() -> Result<(Server, TempDir)> {
    let directory = server::new_data_dir().await?;
    Ok((Server::start(directory.path()).await?, directory))
}

/// Status and error text of a refusal, whose body must have exactly the envelope's form.
fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.body, json!({"success": false, "error": error}));
    (answer.status.as_u16(), error)
}

fn directus_code(answer: &Answer) -> (u16, &str) {
    let code = answer.body["errors"][0]["extensions"]["code"].as_str().unwrap_or("no code");
    (answer.status.as_u16(), code)
}

async fn login(client: &Client, email: &str, password: &str) -> Result<Answer> {
    client.post("/auth/login", &json!({"email": email, "password": password})).await
}

#[tokio::test]
async fn refresh_tokens_are_spent_once_and_reuse_ends_the_family() -> Result<()> {
    let (server, _directory) = start().await?;
    let client = server.anonymous();
    let refresh = async |token: &Value| client.post("/auth/refresh", &json!({"refresh_token": token})).await;
    let first = login(&client, EMAIL, PASSWORD).await?.body["data"].clone();
    assert_eq!(first["expires"], 900_000);
    let second = refresh(&first["refresh_token"]).await?.body["data"].clone();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    // If the answer is lost: within half a minute the spent token gets another successor.
    assert_eq!(refresh(&first["refresh_token"]).await?.status, 200);
    assert_eq!(directus_code(&refresh(&json!("made-up")).await?), (401, "INVALID_CREDENTIALS"));
    let out = client.post("/auth/logout", &json!({"refresh_token": second["refresh_token"]})).await?;
    assert_eq!((out.status.as_u16(), out.body), (204, Value::Null));
    for ended in [&first, &second] {
        let answer = refresh(&ended["refresh_token"]).await?;
        assert_eq!(directus_code(&answer), (401, "INVALID_CREDENTIALS"));
    }
    Ok(())
}

#[tokio::test]
async fn wrong_passwords_are_limited_and_reveal_nothing() -> Result<()> {
    let (server, _directory) = start().await?;
    let client = server.anonymous();
    let unknown = login(&client, "nobody@example.org", "wrong-password").await?;
    let wrong = login(&client, EMAIL, "wrong-password").await?;
    assert_eq!((unknown.status, &unknown.body), (wrong.status, &wrong.body));
    assert_eq!(directus_code(&wrong), (401, "INVALID_CREDENTIALS"));
    for _ in 0..9 {
        assert_eq!(login(&client, EMAIL, "wrong-password").await?.status, 401);
    }
    // Other case still means the same account, and the right password does not help now.
    let limited = login(&client, &EMAIL.to_uppercase(), PASSWORD).await?;
    assert_eq!(directus_code(&limited), (429, "REQUESTS_EXCEEDED"));
    let seconds: u64 = limited.headers["retry-after"].to_str()?.parse()?;
    assert!((1..=300).contains(&seconds), "{seconds}");
    Ok(())
}

#[tokio::test]
async fn a_disabled_user_is_signed_out_at_once() -> Result<()> {
    let (server, directory) = start().await?;
    let user = server.user().await?;
    assert_eq!(user.get("/users/me").await?.body["data"]["email"], EMAIL);
    let disabled = server::command(directory.path())?.args(["user", "disable", EMAIL]).status().await?;
    assert!(disabled.success());
    assert_eq!(directus_code(&user.get("/users/me").await?), (401, "INVALID_CREDENTIALS"));
    assert_eq!(refusal(&user.get("/api/platform-sessions").await?), (401, "Unauthorized"));
    let answer = login(&server.anonymous(), EMAIL, PASSWORD).await?;
    assert_eq!(directus_code(&answer), (401, "INVALID_CREDENTIALS"));
    Ok(())
}

#[tokio::test]
async fn a_new_password_ends_all_sign_ins() -> Result<()> {
    let (server, directory) = start().await?;
    let user = server.user().await?;
    // Tokens have times in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    server::set_password(directory.path(), EMAIL, "another\tpassword ").await?;
    assert_eq!(directus_code(&user.get("/users/me").await?), (401, "INVALID_CREDENTIALS"));
    assert_eq!(login(&server.anonymous(), EMAIL, PASSWORD).await?.status, 401);
    let user = server.user_named(EMAIL, "another\tpassword ").await?;
    assert_eq!(user.get("/users/me").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_slow_request_head_delays_neither_others_nor_the_stop() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let mut command = server::command(directory.path())?;
    command.args(["serve", "--listen", "127.0.0.1:0", "--idle-timeout", "2"]);
    let server = Server::start_command(directory.path(), &mut command).await?;
    let address = server.address().to_owned();
    let mut slow = tokio::net::TcpStream::connect(&address).await?;
    tokio::io::AsyncWriteExt::write_all(&mut slow, b"GET /healthz HTTP/1.1\r\nHost: loc").await?;
    assert_eq!(server.anonymous().get("/healthz").await?.body["service"], "stagepass");
    // It gets no answer, and is cut off.
    let mut rest = Vec::new();
    let end = tokio::io::AsyncReadExt::read_to_end(&mut slow, &mut rest);
    tokio::time::timeout(std::time::Duration::from_secs(40), end).await??;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn readiness_is_about_the_store_and_liveness_about_the_process() -> Result<()> {
    let (server, directory) = start().await?;
    let client = server.anonymous();
    assert_eq!(client.get("/readyz").await?.body, json!({"status": "ok"}));
    // Another process locks the database; by then the cached result of a second ago is stale.
    let other = rusqlite::Connection::open(directory.path().join("stagepass.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let answer = client.get("/readyz").await?;
    assert_eq!(refusal(&answer), (503, "Database does not answer"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(client.get("/healthz").await?.body, json!({"status": "ok", "service": "stagepass"}));
    other.execute_batch("ROLLBACK")?;
    assert_eq!(client.get("/readyz").await?.status, 200);
    Ok(())
}

/// The message of a server that refuses to start with these variables.
async fn refusal_to_start(directory: &Path, variables: &[(&str, &str)]) -> Result<String> {
    let mut command = server::command(directory)?;
    let command = command.args(["serve", "--listen", "127.0.0.1:0"]).envs(variables.iter().copied());
    let output = command.output().await?;
    assert!(!output.status.success());
    Ok(String::from_utf8(output.stderr)?)
}

#[tokio::test]
async fn a_wrong_or_malformed_key_stops_the_start_and_every_fault_is_named() -> Result<()> {
    let (server, directory) = start().await?;
    server.stop().await?;
    let directory = directory.path();
    let serve = async |variables: &[(&str, &str)]| refusal_to_start(directory, variables).await;
    let other_key = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let message = serve(&[("CREDENTIALS_ENC_KEY_B64", other_key)]).await?;
    assert!(
        message.contains("but the database was encrypted with") && !message.contains(other_key),
        "{message}"
    );
    let message = serve(&[
        ("CREDENTIALS_ENC_KEY_B64", "planted"),
        ("STAGEPASS_JWT_SECRET", "planted"),
        ("RBAC_SYNC_WEBHOOK_SECRET", ""),
        (
            "RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS",
            "planted\nplanted-but-long-enough-here\nplanted-23-characters-x",
        ),
        ("STAGEPASS_LOG_FORMAT", "xml"),
        ("STAGEPASS_LISTN", "x"),
        ("DATABASE_URL", "postgres://planted@nowhere"),
        ("STAGEPASS_TLS_CERT", "planted"),
    ])
    .await?;
    for fault in [
        "CREDENTIALS_ENC_KEY_B64 must be",
        "STAGEPASS_JWT_SECRET has fewer",
        "RBAC_SYNC_WEBHOOK_SECRET is empty",
        "RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS: secret 1 has fewer than 24 characters; `head -c 32",
        "RBAC_SYNC_WEBHOOK_SECRET_PREVIOUS: secret 3 has fewer",
        "STAGEPASS_LOG_FORMAT must be",
        "STAGEPASS_LISTN is unknown",
        "DATABASE_URL must be",
        "STAGEPASS_TLS_CERT and STAGEPASS_TLS_KEY need each other",
    ] {
        assert!(message.contains(fault), "{message}");
    }
    assert!(!message.contains("planted"), "{message}");
    assert_short_secrets_are_named(directory).await?;
    // A lost key is not replaced by a new one, which could open nothing.
    let key = directory.join("credentials-enc-key");
    std::fs::remove_file(&key)?;
    let message = serve(&[]).await?;
    assert!(message.contains("restore the file from your backup") && !key.exists(), "{message}");
    Ok(())
}

/// Whether they are given in variables or lie in the data directory.
async fn assert_short_secrets_are_named(directory: &Path) -> Result<()> {
    let serve = async |variables: &[(&str, &str)]| refusal_to_start(directory, variables).await;
    for (name, text, fault) in [
        ("rbac-sync-webhook-secret", "p", "has fewer than 24 characters"),
        ("jwt-secret", "planted-with-31-bytes-xxxxxxxxx", "has fewer than 32 bytes"),
    ] {
        let variable = name.to_uppercase().replace('-', "_").replace("JWT", "STAGEPASS_JWT");
        let message = serve(&[(&variable, text)]).await?;
        assert!(message.contains(&format!("{variable} {fault}; `head -c 32")), "{message}");
        let path = directory.join(name);
        let kept = std::fs::read_to_string(&path)?;
        private_file::write(&path, text)?;
        let message = serve(&[]).await?;
        assert!(message.contains(&format!("{} {fault}; `head -c 32", path.display())), "{message}");
        private_file::write(&path, kept)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_flag_overrides_its_variables_and_two_variables_are_refused() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let path = directory.path().join("of-the-flag");
    private_file::write(&path, "the-secret-of-the-flag-itself")?;
    let mut serve = server::command(directory.path())?;
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env("STAGEPASS_LISTEN", "planted");
    serve.env("RBAC_SYNC_WEBHOOK_SECRET", "planted").env("RBAC_SYNC_WEBHOOK_SECRET_FILE", &path);
    let refused = serve.output().await?;
    let message = String::from_utf8(refused.stderr)?;
    let fault = "RBAC_SYNC_WEBHOOK_SECRET and RBAC_SYNC_WEBHOOK_SECRET_FILE are both set; unset one of them";
    assert!(
        !refused.status.success() && message.contains(fault) && !message.contains("planted"),
        "{message}"
    );

    // The flag names the same file as the variable, and then another one.
    serve.arg("--rbac-sync-webhook-secret-file").arg(&path);
    for elsewhere in [path.as_path(), "/nowhere".as_ref()] {
        serve.env("RBAC_SYNC_WEBHOOK_SECRET_FILE", elsewhere);
        let server = Server::start_command(directory.path(), &mut serve).await?;
        let body = json!({"creatorProfileId": "00000000-0000-4000-8000-000000000000"});
        for (secret, status) in [("the-secret-of-the-flag-itself", 404), ("planted", 401)] {
            let answer = server.service_with(secret).post("/api/credentials/reveal", &body).await?;
            assert_eq!(answer.status, status, "{secret}");
        }
        server.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn with_directus_users_no_token_secret_is_required() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let mut serve = server::command(directory.path())?;
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env("DIRECTUS_URL", "http://127.0.0.1:9");
    let refused = serve.output().await?;
    let message = String::from_utf8(refused.stderr)?;
    assert!(!refused.status.success() && message.contains("DIRECTUS_ADMIN_TOKEN must be set"), "{message}");
    assert!(!message.contains("STAGEPASS_JWT_SECRET"), "{message}");
    Ok(())
}
