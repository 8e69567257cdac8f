//! Each fault of a server has a clear message, and no other session takes the place of the server's.

use super::stage::{BOTH, SERVED, STORED, Stage};
use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use serde_json::json;
use stagepass_tests::services::lookalike::{Lookalike, Way};
use std::fs;

const COOKIES: &[&str] = &["cookies", "instagram"];

/// Checks that the command fails with these words although there is an export, also before a
/// program is started.
async fn assert_fault(stage: &Stage, words: &str) -> Result<()> {
    stage.export("instagram").await?;
    let said = stage.refused(stage.stagepass(COOKIES)?).await?;
    assert!(said.contains(words), "{words}: {said}");
    let said = stage.refused(stage.run_script("echo started")?).await?;
    assert!(said.contains(words), "{words}: {said}");
    Ok(())
}

#[tokio::test]
async fn a_revoked_token_and_one_without_the_right_are_refused() -> Result<()> {
    let stage = Stage::set_up().await?;
    stage.installation.succeed(&["service-token", "revoke", "downloader"]).await?;
    assert_fault(&stage, "doesn't know the token: it is wrong, or was revoked").await?;
    stage.make_token("writer", &["--verb", "update-platform-session"]).await?;
    assert_fault(&stage, "doesn't let this token use get-platform-session for instagram").await?;
    stage.make_token("elsewhere", &[BOTH, &["--platform", "x"]].concat()).await?;
    assert_fault(&stage, "doesn't let this token use get-platform-session for instagram").await
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_replaced_by_an_older_one() -> Result<()> {
    let stage = Stage::set_up().await?;
    let id = stage.store_session(SERVED).await?;
    let revoked = stage.user.post("/api/credentials/revoke-platform-session", &json!({"id": id})).await?;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    assert_fault(&stage, "has no session of instagram; its owner must capture one").await?;

    let mut command = stage.stagepass(COOKIES)?;
    let unknown = "00000000-0000-4000-8000-000000000000";
    command.env("STAGEPASS_CONNECTIONS", format!("instagram={unknown}"));
    let said = stage.refused(command).await?;
    assert!(said.contains(&format!("has no connection {unknown} of instagram")), "{said}");

    let expired = json!({"creator_profile_id": stage.connection, "platform": "instagram",
        "expires_at": "2001-01-01T00:00:00Z",
        "cookies": [{"name": "sessionid", "value": SERVED, "domain": ".instagram.com"}]});
    let stored = stage.user.post("/api/credentials/store-platform-session", &expired).await?;
    assert_eq!(stored.status, 200, "{}", stored.body);
    assert_fault(&stage, "has only an expired session of instagram").await
}

#[tokio::test]
async fn a_server_that_is_away_or_answers_to_another_name_says_so() -> Result<()> {
    let mut stage = Stage::set_up().await?;
    let url = stage.server.url().replace("127.0.0.1", "0.0.0.0");
    let mut command = stage.stagepass_at(&url, COOKIES)?;
    command.env("STAGEPASS_ALLOW_HTTP_TO", "0.0.0.0");
    let said = stage.refused(command).await?;
    assert!(
        said.contains("doesn't answer to this host name; allow it there with STAGEPASS_ALLOWED_HOSTS"),
        "{said}"
    );
    stage.server.kill();
    let fault = format!("the Stagepass server {} can't be reached: Connection refused", stage.server.url());
    assert_fault(&stage, &fault).await
}

#[tokio::test]
async fn another_program_at_the_address_is_not_believed() -> Result<()> {
    let stage = Stage::set_up().await?;
    let token = stage.token()?;
    let error = |status: u16, text: String| {
        Way::Json(StatusCode::from_u16(status).unwrap_or_default(), json!({"success": false, "error": text}))
    };
    let session = |cookie: serde_json::Value| {
        let body = json!({"success": true, "id": "i", "platform": "instagram", "captured_at": "2026-01-15T10:30:00Z",
            "expires_at": null, "user_agent": null, "cookies": [cookie]});
        Way::Json(StatusCode::OK, body)
    };
    let foreign = json!({"name": "n", "value": SERVED, "domain": ".evilinstagram.com"});
    let broken = json!({"name": "n", "value": format!("{SERVED}\n"), "domain": ".instagram.com"});
    for (way, words) in [
        (Way::Page, "answers without JSON (status 200): is this its address?"),
        (error(500, token.clone()), "can't answer now (status 500)"),
        (error(400, token.clone()), "refuses the request (status 400)"),
        (error(403, token.clone()), "doesn't let this token use get-platform-session"),
        (session(foreign), "this cookie does not belong to instagram"),
        (session(broken), "a form that this version doesn't know"),
        (
            Way::Json(StatusCode::OK, json!({"success": true, "id": STORED})),
            "a form that this version doesn't",
        ),
    ] {
        let program = Lookalike::http(way.clone()).await?;
        let said = stage.refused(stage.stagepass_at(program.url(), COOKIES)?).await?;
        assert!(said.contains(words), "{way:?}: {said}");
        let received = String::from_utf8(program.received())?;
        assert!(received.contains(&token) && received.matches("POST ").count() == 1, "{way:?}");
    }
    Ok(())
}

/// Each of these programs would keep the command waiting for ever.
#[tokio::test]
async fn a_server_that_is_slow_or_has_no_end_is_not_waited_for() -> Result<()> {
    let stage = Stage::set_up().await?;
    for (way, words) in [
        (Way::Silence, "did not answer in time"),
        (Way::Drip, "did not answer in time"),
        (Way::Flood, "answers with too much"),
    ] {
        let program = Lookalike::http(way.clone()).await?;
        let said = stage.refused(stage.stagepass_at(program.url(), COOKIES)?).await?;
        assert!(said.contains(words), "{way:?}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_redirect_gets_neither_the_token_nor_a_request() -> Result<()> {
    let stage = Stage::set_up().await?;
    let thief = Lookalike::http(Way::Page).await?;
    let program = Lookalike::http(Way::Redirect(format!("{}/elsewhere", thief.url()))).await?;
    let said = stage.refused(stage.stagepass_at(program.url(), COOKIES)?).await?;
    assert!(said.contains("answers with a redirect, which is not followed"), "{said}");
    assert!(!said.contains(thief.url()), "the other address is not ours to repeat: {said}");
    assert_eq!(thief.received(), b"");
    Ok(())
}

#[tokio::test]
async fn a_certificate_must_be_of_an_authority_that_the_system_trusts() -> Result<()> {
    let stage = Stage::set_up().await?;
    let cookie = json!({"name": "sessionid", "value": SERVED, "domain": ".instagram.com"});
    let session = json!({"success": true, "id": "i", "platform": "instagram", "captured_at": "2026-01-15T10:30:00Z",
        "expires_at": null, "user_agent": null, "cookies": [cookie]});
    let server = Lookalike::https(Way::Json(StatusCode::OK, session)).await?;
    let said = stage.refused(stage.stagepass_at(server.url(), COOKIES)?).await?;
    assert!(said.contains("has a certificate that this system doesn't trust: "), "{said}");
    assert!(said.contains("SSL_CERT_FILE") && server.received().is_empty(), "{said}");

    let authority = stage.home.path().join("authority.pem");
    fs::write(&authority, server.authority_pem().context("no authority")?)?;
    let mut command = stage.stagepass_at(server.url(), COOKIES)?;
    command.env("SSL_CERT_FILE", authority);
    let printed = stage.run(command).await?;
    assert!(printed.stdout.contains(SERVED), "{}", printed.stderr);
    Ok(())
}
