//! Capture requests.

use super::{Callers, post, refusal, start, with};
use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use macro_rules_attribute::apply;
use serde_json::json;
use stagepass_tests::services::installation::Store;

#[apply(on_each_store)]
#[tokio::test]
async fn a_connection_has_one_pending_capture_request_until_it_is_fulfilled_or_declined(
    store: Store,
) -> Result<()> {
    let Callers { user, other, service, .. } = &start(store).await?;
    let id = &user.create_profile("instagram", "fitcreator99").await?;
    let ask = json!({"creator_profile_id": id, "platform": "instagram", "reason": "the session has expired"});
    let first = post(service, "request-capture", &ask).await?.body;
    assert_eq!(first, json!({"success": true, "id": first["id"], "created": true}));
    let again = post(service, "request-capture", &ask).await?.body;
    assert_eq!(again, json!({"success": true, "id": first["id"], "created": false}));
    let listed = user.get("/api/capture-requests").await?.body;
    assert_eq!((&listed["total"], &listed["data"][0]["reason"]), (&json!(1), &ask["reason"]));
    let time = |field: &str| listed["data"][0][field].as_str().unwrap_or_default().parse::<Timestamp>();
    let lifetime = time("expires_at")?.duration_since(time("created_at")?);
    assert_eq!(lifetime, SignedDuration::from_hours(7 * 24));
    assert_eq!(other.get("/api/capture-requests").await?.body["total"], 0);

    let session = json!({"creator_profile_id": id, "platform": "instagram",
        "cookies": [{"name": "sessionid", "value": "v", "domain": ".instagram.com"}]});
    assert_eq!(post(user, "store-platform-session", &session).await?.status, 200);
    assert_eq!(user.get("/api/capture-requests").await?.body["total"], 0, "fulfilled");

    let second = post(service, "request-capture", &ask).await?.body["id"].clone();
    let path = format!("/api/capture-requests/{}", second.as_str().context("no id")?);
    assert_eq!(refusal(&other.delete(&path).await?), (403, "Forbidden"));
    assert_eq!(user.delete(&path).await?.body, json!({"success": true, "id": second}));
    assert_eq!(refusal(&user.delete(&path).await?), (404, "Not found"));

    for (change, error) in [
        (json!({"platform": "tiktok"}), "platform must be the connection's, instagram"),
        (json!({"reason": "r".repeat(201)}), "reason must have at most 200 characters"),
        (json!({"reason": "a\nb"}), "reason must not hold control characters"),
    ] {
        let body = with(ask.clone(), &change);
        assert_eq!(refusal(&post(service, "request-capture", &body).await?), (400, error));
    }
    Ok(())
}
