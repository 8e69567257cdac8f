//! Captured sessions.

use super::{API, Callers, cookie, id_of, post, refusal, session, start, with};
use anyhow::Result;
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::json;
use stagepass_tests::services::installation::Store;

#[apply(on_each_store)]
#[tokio::test]
async fn a_session_comes_back_as_it_was_stored_in_both_forms(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "fitcreator99").await?;
    let stored = post(user, "store-platform-session", &session(&connection)).await?;
    let id = stored.body["id"].clone();
    assert_eq!(
        stored.body,
        json!({"success": true, "id": id, "platform": "instagram", "cookie_count": 1,
        "entry_count": 0})
    );

    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let got = post(service, "get-platform-session", &wanted).await?;
    let captured_at = got.body["captured_at"].clone();
    assert_eq!(
        got.body,
        json!({"success": true, "id": id, "platform": "instagram", "cookies": [cookie()], "captured_at": captured_at,
            "expires_at": "2099-12-31T23:59:59.000Z", "user_agent": "Mozilla/5.0"})
    );
    assert_eq!(captured_at.as_str().map(str::len), Some("2026-01-15T10:30:00.000Z".len()));
    assert_eq!(got.headers["cache-control"], "no-store");

    let netscape =
        post(service, "get-platform-session", &with(wanted.clone(), &json!({"format": "netscape"}))).await?;
    let line = "#HttpOnly_.instagram.com\tTRUE\t/\tTRUE\t1735689600\tsessionid\t123456789%3AabcXYZ%3A28\n";
    assert_eq!(netscape.body["cookies_netscape"], format!("# Netscape HTTP Cookie File\n{line}"));
    let unexpired =
        post(service, "get-platform-session", &with(wanted, &json!({"drop_expired": true}))).await?;
    assert_eq!(unexpired.body["cookies"], json!([]));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_new_session_replaces_the_old_one_and_revoking_ends_it(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    assert_eq!(
        refusal(&post(service, "get-platform-session", &wanted).await?),
        (404, "No active platform session")
    );

    let shown = user.get(&format!("/api/platform-connections/{connection}")).await?.body;
    assert_eq!((&shown["platform_username"], &shown["newest_session"]), (&json!("a"), &json!(null)));
    let first = post(user, "store-platform-session", &session(&connection)).await?.body["id"].clone();
    let second = post(user, "store-platform-session", &session(&connection)).await?.body["id"].clone();
    assert_eq!(post(service, "get-platform-session", &wanted).await?.body["id"], second);
    let listed = user.get("/api/platform-sessions").await?.body;
    let states: Vec<_> =
        listed["data"].as_array().into_iter().flatten().map(|s| (&s["id"], &s["status"])).collect();
    assert_eq!(states, [(&second, &json!("active")), (&first, &json!("superseded"))]);

    let newest = async || -> Result<_> {
        Ok(user.get(&format!("/api/platform-connections/{connection}")).await?.body["newest_session"].clone())
    };
    assert_eq!(newest().await?, listed["data"][0]);
    for _ in 0..2 {
        let revoked = post(user, "revoke-platform-session", &json!({"id": second})).await?;
        assert_eq!(revoked.body, json!({"success": true, "id": second}));
    }
    assert_eq!(
        refusal(&post(service, "get-platform-session", &wanted).await?),
        (404, "Platform session revoked")
    );
    // Sessions of another connection don't displace this one.
    let other = user.create_profile("instagram", "b").await?;
    post(user, "store-platform-session", &session(&other)).await?;
    let revoked = newest().await?;
    assert_eq!((&revoked["id"], &revoked["status"]), (&second, &json!("revoked")));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn an_expired_session_is_not_served(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    post(
        user,
        "store-platform-session",
        &with(session(&connection), &json!({"expires_at": "2020-01-01T00:00:00Z"})),
    )
    .await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    assert_eq!(
        refusal(&post(service, "get-platform-session", &wanted).await?),
        (404, "Platform session expired")
    );
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn nobody_reaches_another_users_records(store: Store) -> Result<()> {
    let Callers { user, other, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let id = post(user, "store-platform-session", &session(&connection)).await?.body["id"].clone();
    let path = format!("/api/platform-connections/{connection}");
    for answer in [
        post(other, "store-platform-session", &session(&connection)).await?,
        post(other, "revoke-platform-session", &json!({"id": id})).await?,
        other.get(&path).await?,
        other.delete(&path).await?,
    ] {
        assert_eq!(refusal(&answer), (403, "Forbidden"));
    }
    assert_eq!(other.get("/api/platform-sessions").await?.body["data"], json!([]));
    // A service that acts for a user can only reach that user's records.
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let request = service.request(Method::POST, &format!("{API}/get-platform-session"));
    let request = request.json(&wanted).header("x-acting-user", id_of(other).await?);
    assert_eq!(refusal(&service.send(request).await?), (403, "Forbidden"));
    assert_eq!(post(service, "get-platform-session", &wanted).await?.body["id"], id);
    // Deleting the connection deletes its sessions.
    assert_eq!(user.delete(&path).await?.body, json!({"success": true, "id": connection}));
    assert_eq!(user.get("/api/platform-sessions").await?.body["total"], 0);
    assert_eq!(refusal(&post(service, "get-platform-session", &wanted).await?), (404, "Not found"));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_netscape_form_lists_what_it_leaves_out(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let twins = [with(cookie(), &json!({"value": "old"})), with(cookie(), &json!({"sameSite": "lax"}))];
    post(user, "store-platform-session", &with(session(&connection), &json!({"cookies": twins}))).await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram", "format": "netscape"});
    let body = post(service, "get-platform-session", &wanted).await?.body;
    let losses =
        json!(["a later cookie replaces cookie 0", "the SameSite attribute of 1 cookies is not in the file"]);
    assert_eq!(body["losses"], losses);
    assert_eq!(body["cookies_netscape"].as_str().map(|text| text.lines().count()), Some(2));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_latest_expiry_is_kept_and_cookies_that_yt_dlp_cannot_send_are_named(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let cookies = [
        with(cookie(), &json!({"expires": 253_402_300_799_i64})),
        with(cookie(), &json!({"name": "city", "value": "東京"})),
        with(cookie(), &json!({"name": "local", "domain": "localhost"})),
    ];
    post(user, "store-platform-session", &with(session(&connection), &json!({"cookies": cookies}))).await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    assert_eq!(post(service, "get-platform-session", &wanted).await?.body["cookies"], json!(cookies));
    let body =
        post(service, "get-platform-session", &with(wanted, &json!({"format": "netscape"}))).await?.body;
    let losses = json!([
        "the cookie city has characters that yt-dlp can't send, so it is not in the file",
        "yt-dlp and Python don't send the cookie local, because its host has no dot"
    ]);
    assert_eq!(body["losses"], losses);
    let file = body["cookies_netscape"].as_str().unwrap_or_default();
    assert!(file.contains("\t253402300799\tsessionid\t") && !file.contains("city"), "{file}");
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn cookies_are_read_as_browsers_and_their_drivers_write_them(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let base = json!({"name": "n", "value": "v", "domain": ".instagram.com", "path": "/", "httpOnly": true,
        "secure": true});
    let ending =
        |change| with(with(base.clone(), &json!({"expires": 1_900_000_000, "sameSite": "none"})), &change);
    for (writer, cookie, stored) in [
        (
            "an extension or its exporter",
            json!({"expirationDate": 1_900_000_000.733, "hostOnly": false, "session": false, "storeId": "0",
                "sameSite": "no_restriction", "partitionKey": null}),
            ending(json!({"hostOnly": false})),
        ),
        ("Selenium", json!({"expiry": 1_900_000_000, "sameSite": "None"}), ending(json!({}))),
        ("Playwright", json!({"expires": 1_900_000_000.733, "sameSite": "None"}), ending(json!({}))),
        ("a HAR file", json!({"expires": "2030-03-17T17:46:40.000Z", "sameSite": "None"}), ending(json!({}))),
        (
            "a header",
            json!({"expires": "Sun, 17 Mar 2030 17:46:40 GMT", "sameSite": "None"}),
            ending(json!({})),
        ),
        ("Puppeteer, of a session", json!({"expires": -1, "session": true}), base.clone()),
        ("a browser, of no attribute", json!({"sameSite": "unspecified", "session": true}), base.clone()),
        ("an exporter, of no attribute", json!({"sameSite": "", "expires": 0}), base.clone()),
    ] {
        let body = with(session(&connection), &json!({"cookies": [with(base.clone(), &cookie)]}));
        let answer = post(user, "store-platform-session", &body).await?;
        assert_eq!(
            (answer.status, &answer.body["warnings"]),
            (reqwest::StatusCode::OK, &json!(null)),
            "{writer}"
        );
        let served = post(service, "get-platform-session", &wanted).await?;
        assert_eq!(served.body["cookies"], json!([stored]), "{writer}");
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn unknown_cookie_members_are_named_without_their_values(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let planted = json!({"priority": "planted", "size": 9, "partitionKey": {"topLevelSite": "https://planted.example"}});
    let cookies = [cookie(), with(cookie(), &planted), with(cookie(), &json!({"size": 9}))];
    let body = with(session(&connection), &json!({"cookies": cookies}));
    let answer = post(user, "store-platform-session", &body).await?;
    let warnings = [
        "\"priority\" is unknown and is not kept (cookies[1])",
        "\"size\" is unknown and is not kept (cookies[1] and 1 more)",
        "\"partitionKey\" is not kept: the cookie is stored without a partition (cookies[1])",
    ];
    assert_eq!(answer.body["warnings"], json!(warnings));
    Ok(())
}
