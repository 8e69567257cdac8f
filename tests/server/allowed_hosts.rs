//! Further host names under which services call the server: exact ones, which give no right.

use anyhow::Result;
use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::json;
use stagepass_tests::services::server::{self, Answer, Client, EMAIL, PASSWORD, Server};
use stagepass_tests::system::http;
use tempfile::TempDir;

const GET_SESSION: &str = "/api/credentials/get-platform-session";
const MISDIRECTED: &str = "This server does not answer to that host name";

async fn start(allowed: &[&str]) -> Result<(Server, TempDir)> {
    let directory = server::new_data_dir().await?;
    let mut command = server::serve_command(directory.path(), "127.0.0.1:0")?;
    command.args(allowed);
    Ok((Server::start_command(directory.path(), &mut command).await?, directory))
}

/// Asks for a session that does not exist, under a host name.
async fn ask(client: &Client, host: &str) -> Result<Answer> {
    let body = json!({"creator_profile_id": "00000000-0000-4000-8000-000000000000", "platform": "instagram"});
    client.send(client.request(Method::POST, GET_SESSION).header("host", host).json(&body)).await
}

#[tokio::test]
async fn a_service_may_call_by_exactly_the_allowed_names() -> Result<()> {
    let (server, _directory) = start(&["--allowed-hosts", "stagepass, media_Stagepass-1.lan"]).await?;
    let service = server.service()?;
    for host in ["stagepass", "stagepass:3001", "STAGEPASS:1", "media_stagepass-1.lan:3001", "localhost"] {
        let answer = ask(&service, host).await?;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (404, &json!("Not found")), "{host}");
    }
    for host in [
        "stagepass.evil.example",
        "evil.stagepass",
        "stagepass.",
        "stagepass.lan",
        "notstagepass",
        "lan",
        "stagepass:3001:1",
        "stagepass,media_stagepass-1.lan",
        "user@stagepass",
        "evil.example",
        "",
    ] {
        let answer = ask(&service, host).await?;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (421, &json!(MISDIRECTED)), "{host}");
    }
    // Without the setting it is a foreign name, as it was before.
    let (server, _directory) = start(&[]).await?;
    assert_eq!(ask(&server.service()?, "stagepass:3001").await?.status, 421);
    Ok(())
}

#[tokio::test]
async fn a_call_by_an_allowed_name_is_not_this_machines_own() -> Result<()> {
    let (server, _directory) = start(&["--allowed-hosts", "stagepass"]).await?;
    let nobody = server.anonymous();
    let named = |method, path: &str| nobody.request(method, path).header("host", "stagepass:3001");
    let metrics = async |host| nobody.request(Method::GET, "/metrics").header("host", host).send().await;
    assert_eq!(metrics("localhost").await?.status(), 200);
    assert_eq!(metrics("stagepass").await?.status(), 401);
    let set_up = json!({"password": "planted master", "confirm": "planted master"});
    let answer = nobody.send(named(Method::POST, "/api/auth/setup").json(&set_up)).await?;
    assert_eq!(answer.status, 403, "{}", answer.body);
    let nonce = json!({"nonce": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="});
    let answer = nobody.send(named(Method::POST, "/api/server/proof").json(&nonce)).await?;
    assert_eq!(answer.status, 421, "{}", answer.body);
    Ok(())
}

#[tokio::test]
async fn nobody_signs_in_to_the_pages_over_http_by_an_allowed_name() -> Result<()> {
    let (server, _directory) = start(&["--allowed-hosts", "stagepass"]).await?;
    let http = http::client().redirect(Policy::none()).build()?;
    let form = format!("email={EMAIL}&password={PASSWORD}");
    let sign_in = async |origin: &str| {
        let request = http.post(format!("{}/app/sign-in", server.url())).header("host", "stagepass:3001");
        let request = request.header("origin", origin).body(form.clone());
        request.header("content-type", "application/x-www-form-urlencoded").send().await
    };
    let refused = sign_in("http://stagepass:3001").await?;
    assert_eq!(refused.status(), 403);
    assert!(refused.headers().get("set-cookie").is_none());
    // Behind a proxy with TLS, the browser takes the cookie only over https.
    let answer = sign_in("https://stagepass:3001").await?;
    let cookie = answer.headers()["set-cookie"].to_str()?;
    assert!(cookie.starts_with("__Host-stagepass_session=") && cookie.contains("; Secure"), "{cookie}");
    Ok(())
}

#[tokio::test]
async fn whatever_is_not_a_name_alone_stops_the_start() -> Result<()> {
    let directory = server::new_data_dir().await?;
    for bad in ["", "*", "*.lan", "http://stagepass", "stagepass:3001", "stagepass/", "stagepass,"] {
        let mut command = server::command(directory.path())?;
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("STAGEPASS_ALLOWED_HOSTS", bad);
        let output = command.output().await?;
        let said = String::from_utf8(output.stderr)?;
        let fault = "STAGEPASS_ALLOWED_HOSTS must be exact host names without scheme, port, path or wildcard, \
                     separated by commas, such as stagepass,stagepass.lan, not ";
        assert!(!output.status.success() && said.contains(&format!("{fault}{bad:?}")), "{bad}: {said}");
    }
    Ok(())
}
