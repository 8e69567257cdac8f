//! Renewals by services, which take several calls of Directus.

use super::{SESSIONS, Setup, statuses, text};
use anyhow::{Context as _, Result};
use reqwest::StatusCode;
use serde_json::{Value, json};
use stagepass_tests::services::faulty_directus::Fault;
use stagepass_tests::services::server::Answer;
use stagepass_tests::system::wait;
use std::time::Duration;

impl Setup {
    /// A captured session that services may renew; returns its connection.
    async fn capture_for_services(&self) -> Result<String> {
        let connection = self.user.create_profile("instagram", "one").await?;
        self.capture(&connection, "captured").await?;
        assert_eq!(self.user.allow_write_back(&connection, true).await?.status, StatusCode::OK);
        Ok(connection)
    }

    /// Gives the newest session another cookie, as a service.
    async fn renew(&self, connection: &str, value: &str) -> Result<Answer> {
        let sessions = self.kept_sessions().await?;
        let id = &sessions.last().context("no session")?["id"];
        let cookie = json!({"name": "mid", "value": value, "domain": ".instagram.com"});
        let body = json!({"id": id, "creator_profile_id": connection, "platform": "instagram",
            "cookies": [cookie]});
        self.service.post("/api/credentials/update-platform-session", &body).await
    }
}

#[tokio::test]
async fn forbidding_is_answered_once_a_renewal_that_is_under_way_has_ended() {
    const STORED: &str = "POST /items/platform_sessions";
    let setup = Setup::new().await.unwrap();
    let connection = setup.capture_for_services().await.unwrap();
    let before = setup.proxy.requests(STORED);
    setup.proxy.fail(STORED, Fault::Delay(Duration::from_secs(1)));
    let forbid = async {
        wait::until("the renewal to be stored", Duration::from_secs(10), async || {
            Ok((setup.proxy.requests(STORED) > before).then_some(()))
        })
        .await?;
        let answer = setup.user.allow_write_back(&connection, false).await?;
        Ok::<_, anyhow::Error>((answer.status, setup.kept_sessions().await?.len()))
    };
    let (renewed, forbidden) = tokio::join!(setup.renew(&connection, "m"), forbid);
    assert_eq!(forbidden.unwrap(), (StatusCode::OK, 2), "the renewal had ended");
    assert_eq!(renewed.unwrap().status, StatusCode::OK);
    setup.proxy.heal();
    assert_eq!(setup.kept_sessions().await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_services_renewals_before_the_newest_only_one_is_kept() {
    let setup = Setup::new().await.unwrap();
    let connection = setup.capture_for_services().await.unwrap();
    for number in 0..4 {
        let answer = setup.renew(&connection, &number.to_string()).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let refused = setup.renew(&connection, "too early").await.unwrap();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        age(&setup).await.unwrap();
    }
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions), ["superseded", "superseded", "active"]);
    let renewed_by: Vec<_> = sessions.iter().map(|session| session["renewed_by"].clone()).collect();
    assert_eq!(renewed_by, [Value::Null, json!("service"), json!("service")]);
}

/// Moves all sessions two minutes into the past.
async fn age(setup: &Setup) -> Result<()> {
    for session in setup.kept_sessions().await? {
        let captured_at: jiff::Timestamp = text(&session["captured_at"]).parse()?;
        let earlier = captured_at - jiff::SignedDuration::from_mins(2);
        let path = format!("/items/{SESSIONS}/{}", text(&session["id"]));
        setup.directus.change(&path, &json!({"captured_at": earlier.to_string()})).await?;
    }
    Ok(())
}
