//! Connections, sessions, capture requests, and the types of credentials.

use super::stage::{SECRET, SOON, Stage, source};
use anyhow::Result;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_requests_are_shown_with_their_state_and_can_be_ended() -> Result<()> {
    let stage = Stage::start().await?;
    store_sessions_and_a_request(&stage).await?;
    stage.open("/app").await?;
    stage.sign_in().await?;
    stage.press_button("Connections").await?;
    assert!(stage.text().await?.contains("stage.artist"));
    allow_services(&stage).await?;
    stage.look("connections").await?;
    let rows = "[...document.querySelectorAll('tbody tr')].map((row) => row.innerText.split('\\t').slice(0, 3).join(' '))";
    let rows: Vec<String> = serde_json::from_value(stage.tab.evaluate(rows).await?)?;
    assert!(rows[0].starts_with("second.stage instagram none"), "{rows:?}");
    assert!(rows[1].starts_with("tour.crew instagram expired") && rows[1].contains("2026"), "{rows:?}");
    assert!(rows[2].starts_with("stage.artist instagram active") && rows[2].contains("2099"), "{rows:?}");
    stage.press_button("Capture requests").await?;
    stage.look("capture-requests").await?;
    let text = stage.text().await?;
    assert!(text.contains("It has expired") && text.contains("pending"), "{text}");
    stage.press_button("Decline").await?;
    assert!(stage.text().await?.contains("No capture requests."));

    stage.press_button("Sessions").await?;
    stage.look("sessions").await?;
    assert!(stage.text().await?.contains("renewed by a service"));
    let states = "[...document.querySelectorAll('tbody tr')].map((row) => row.innerText.split('\\t').slice(0, 3).join(' '))";
    assert_eq!(
        stage.tab.evaluate(states).await?,
        json!([
            "stage.artist instagram active 2",
            "tour.crew instagram expired 1",
            "stage.artist instagram superseded 1"
        ])
    );
    stage.tab.click("[aria-label='Revoke the session of stage.artist at instagram']").await?;
    stage
        .tab
        .wait_for(
            "the revocation",
            SOON,
            "document.querySelector('.notice')?.textContent.startsWith('Revoked:')",
        )
        .await?;
    let states = stage.tab.evaluate(states).await?;
    assert_eq!(states[0], "stage.artist instagram revoked 2", "{states}");
    assert!(!source(&stage.tab).await?.contains(SECRET));

    stage.press_button("Types").await?;
    stage.look("types").await?;
    stage.press_button("API key").await?;
    stage.look("type").await?;
    Ok(())
}

/// Allows services to renew a session, has one renewed, forbids it again and allows it once more.
async fn allow_services(stage: &Stage) -> Result<()> {
    let user = stage.person.sign_in(&stage.server).await?;
    let listed = user.get("/api/platform-sessions").await?.body;
    let session = &listed["data"][1];
    let cookies = json!([{"name": "mid", "value": SECRET, "domain": ".instagram.com"}]);
    let update = json!({"id": session["id"], "creator_profile_id": session["creator_profile_id"],
        "platform": "instagram", "cookies": cookies});
    let renew =
        async || stage.server.service()?.post("/api/credentials/update-platform-session", &update).await;
    assert_eq!(renew().await?.status, 403, "at first");
    for (action, notice, status) in
        [("Allow", "Allowed:", 200), ("Forbid", "Forbidden:", 403), ("Allow", "Allowed:", 409)]
    {
        let button =
            format!("[aria-label='{action} services to renew the session of stage.artist at instagram']");
        stage.tab.evaluate("window.isOld = true; 0").await?;
        stage.tab.click(&button).await?;
        let is_new = "!window.isOld && document.readyState === 'complete'";
        stage.tab.wait_for("the next page", SOON, is_new).await?;
        assert!(stage.text().await?.contains(notice), "{action}");
        assert_eq!(renew().await?.status, status, "{action}");
    }
    Ok(())
}

/// An active session, an expired one with a capture request, and a connection without a session.
async fn store_sessions_and_a_request(stage: &Stage) -> Result<()> {
    let user = stage.person.sign_in(&stage.server).await?;
    let mut connections = Vec::new();
    for (username, expires_at) in
        [("stage.artist", "2099-12-31T23:59:59Z"), ("tour.crew", "2026-01-01T00:00:00Z")]
    {
        let connection = user.create_profile("instagram", username).await?;
        let session = json!({"creator_profile_id": connection, "platform": "instagram", "expires_at": expires_at,
            "cookies": [{"name": "sessionid", "value": SECRET, "domain": ".instagram.com"}]});
        user.post("/api/credentials/store-platform-session", &session).await?;
        connections.push(connection);
    }
    user.create_profile("instagram", "second.stage").await?;
    let wish =
        json!({"creator_profile_id": connections[1], "platform": "instagram", "reason": "It has expired"});
    stage.server.service()?.post("/api/credentials/request-capture", &wish).await?;
    Ok(())
}
