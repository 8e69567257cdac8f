//! Origin storage of captured sessions, and the formats that hold it.

mod given;
mod kept;

use super::{Callers, UNKNOWN, cookie, post, refusal, session, start, with};
use anyhow::{Context as _, Result};
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::{Answer, Client};

fn entry(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

/// A session of OnlyFans with a token in localStorage and an entry in sessionStorage.
fn onlyfans(connection: &str, token: &str) -> Value {
    let cookie = |name: &str, value: &str| {
        json!({"name": name, "value": value, "domain": ".onlyfans.com", "path": "/",
            "expires": 4_102_444_800_i64, "httpOnly": true, "secure": true, "sameSite": "lax"})
    };
    json!({"creator_profile_id": connection, "platform": "onlyfans", "user_agent": "Mozilla/5.0 made up",
        "cookies": [cookie("sess", "s3ss"), cookie("auth_id", "12345")], "origins": origins(token)})
}

fn origins(token: &str) -> Value {
    json!([
        {"origin": "https://onlyfans.com", "localStorage": [entry("bcTokenSha", token), entry("", "\u{0}\n")],
            "sessionStorage": [entry("__proto__", "tab")]},
        {"origin": "https://cdn.onlyfans.com:8443", "localStorage": [], "sessionStorage": []},
    ])
}

async fn get(service: &Client, stored: &Value, change: Value) -> Result<Answer> {
    let wanted = json!({"creator_profile_id": stored["creator_profile_id"], "platform": stored["platform"]});
    post(service, "get-platform-session", &with(wanted, &change)).await
}

#[apply(on_each_store)]
#[tokio::test]
async fn origin_storage_is_in_each_format_or_named(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("onlyfans", "a").await?;
    let stored = onlyfans(&connection, "0123456789abcdef");
    let answer = post(user, "store-platform-session", &stored).await?.body;
    let expected = json!({"success": true, "id": answer["id"], "platform": "onlyfans", "cookie_count": 2,
        "entry_count": 3});
    assert_eq!(answer, expected);
    let listed = user.get("/api/platform-sessions").await?.body["data"][0].take();
    assert_eq!((&listed["cookie_count"], &listed["entry_count"]), (&json!(2), &json!(3)));
    let shown = user.get(&format!("/api/platform-connections/{connection}")).await?.body;
    assert_eq!(shown["newest_session"], listed);

    let json = get(service, &stored, json!({})).await?.body;
    assert_eq!((&json["cookies"], &json["origins"]), (&stored["cookies"], &stored["origins"]));
    let later = get(service, &stored, json!({"format": "json", "drop_expired": true})).await?.body;
    assert_eq!((&later["cookies"], &later["origins"]), (&stored["cookies"], &stored["origins"]));

    let netscape = get(service, &stored, json!({"format": "netscape"})).await?.body;
    let losses = ["https://onlyfans.com", "https://cdn.onlyfans.com:8443"]
        .map(|origin| format!("the origin storage of {origin} is not in the file"));
    let same_site = "the SameSite attribute of 2 cookies is not in the file";
    assert_eq!(netscape["losses"], json!([same_site, losses[0]]));
    assert!(netscape["cookies_netscape"].as_str().is_some_and(|file| file.contains("\tsess\ts3ss\n")));

    let playwright = get(service, &stored, json!({"format": "playwright"})).await?.body;
    let cookies: Vec<_> = ["sess", "auth_id"]
        .iter()
        .zip(["s3ss", "12345"])
        .map(|(name, value)| {
            json!({"name": name, "value": value, "domain": ".onlyfans.com", "path": "/",
                "expires": 4_102_444_800_i64, "httpOnly": true, "secure": true, "sameSite": "Lax"})
        })
        .collect();
    let local =
        json!([{"origin": "https://onlyfans.com", "localStorage": stored["origins"][0]["localStorage"]}]);
    assert_eq!(playwright["storage_state"], json!({"cookies": cookies, "origins": local}));
    let aside = json!([{"origin": "https://onlyfans.com", "sessionStorage": [entry("__proto__", "tab")]}]);
    assert_eq!(playwright["session_storage"], aside);
    assert_eq!(playwright["user_agent"], "Mozilla/5.0 made up");
    let late = ["sess", "auth_id"].map(|name| {
        format!(
            "the cookie {name} expires later than in 400 days, the longest time that browsers keep cookies"
        )
    });
    let aside = "Playwright does not restore the sessionStorage of https://onlyfans.com; a script has to";
    assert_eq!(playwright["losses"], json!([late[0], late[1], aside]));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_header_format_has_what_a_browser_would_send(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("onlyfans", "a").await?;
    let mut stored = onlyfans(&connection, "0123456789abcdef");
    let expired = json!({"name": "old", "value": "v", "domain": ".onlyfans.com", "expires": 1_000_000_000});
    stored["cookies"].as_array_mut().context("an array")?.push(expired);
    post(user, "store-platform-session", &stored).await?;
    let headers = async |url: &str| -> Result<Value> {
        let answer = get(service, &stored, json!({"format": "header", "url": url})).await?;
        assert_eq!(answer.status, 200, "{url}: {}", answer.body);
        Ok(answer.body["headers"].clone())
    };
    let header = |name: &str, value: &str| json!({"name": name, "value": value});
    let all = json!([
        header("Cookie", "sess=s3ss; auth_id=12345"),
        header("User-Agent", "Mozilla/5.0 made up"),
        header("x-bc", "0123456789abcdef"),
        header("user-id", "12345"),
    ]);
    assert_eq!(headers("https://onlyfans.com/api2/v2/users/me?a=b#c").await?, all);
    assert_eq!(headers("https://ONLYFANS.com").await?, all);
    // Of the platform's own headers, other hosts get none.
    assert_eq!(headers("https://cdn.onlyfans.com/").await?.as_array().map(Vec::len), Some(2));
    assert_eq!(headers("https://example.org/").await?, json!([header("User-Agent", "Mozilla/5.0 made up")]));

    for (change, fault) in [
        (json!({"format": "header"}), "url required for the format header"),
        (json!({"url": "https://onlyfans.com/"}), "url is only for the format header"),
        (json!({"format": "netscape", "url": "https://onlyfans.com/"}), "url is only for the format header"),
        (json!({"format": "header", "url": 7}), "url must be a string"),
        (json!({"format": "HEADER"}), "format must be json, netscape, playwright or header"),
    ] {
        assert_eq!(refusal(&get(service, &stored, change.clone()).await?), (400, fault), "{change}");
    }
    let no_url = "url must be an https URL such as https://www.instagram.com/accounts/edit/, its host in ASCII and \
                  without a user name";
    for url in [
        "",
        "planted",
        "http://onlyfans.com/",
        "https://",
        "https://planted:x/",
        "file:///planted",
        "https://planted@onlyfans.com/",
        "https://:planted@onlyfans.com/",
        // Other programs take another host from these.
        r"https://onlyfans.com\@planted.example/",
        r"https:\\onlyfans.com\planted",
        "https:onlyfans.com/planted",
        "https:///onlyfans.com/planted",
        "https://onlyfans%2ecom/planted",
        "https://pla\u{df}ted.example/",
    ] {
        let answer = get(service, &stored, json!({"format": "header", "url": url})).await?;
        assert_eq!(refusal(&answer), (400, no_url), "{url}");
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_session_needs_cookies_or_origin_storage(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("fansly", "a").await?;
    let login = r#"{"id":"7","token":"made-up-token","accountId":"8"}"#;
    let origin =
        json!({"origin": "https://fansly.com", "localStorage": [entry("session_active_session", login)]});
    let stored =
        json!({"creator_profile_id": connection, "platform": "fansly", "cookies": [], "origins": [origin]});
    let neither =
        "cookies or origins required: a session has at least one cookie or one entry of origin storage";
    let empty = json!([{"origin": "https://fansly.com", "localStorage": []}]);
    for nothing in [json!(null), json!([]), empty] {
        let refused = with(stored.clone(), &json!({"origins": nothing}));
        assert_eq!(refusal(&post(user, "store-platform-session", &refused).await?), (400, neither));
    }
    let answer = post(user, "store-platform-session", &stored).await?.body;
    assert_eq!((&answer["cookie_count"], &answer["entry_count"]), (&json!(0), &json!(1)));
    let json = get(service, &stored, json!({})).await?.body;
    let origin = with(origin, &json!({"sessionStorage": []}));
    assert_eq!((&json["cookies"], &json["origins"]), (&json!([]), &json!([origin])));
    let target = json!({"format": "header", "url": "https://apiv3.fansly.com/api/v1/account/me"});
    let headers = get(service, &stored, target).await?.body["headers"].take();
    assert_eq!(headers, json!([{"name": "authorization", "value": "made-up-token"}]));
    let netscape = get(service, &stored, json!({"format": "netscape"})).await?.body;
    assert_eq!(netscape["cookies_netscape"], "# Netscape HTTP Cookie File\n");
    assert_eq!(netscape["losses"], json!(["the origin storage of https://fansly.com is not in the file"]));
    // A session without any has no member for it.
    let without = session(&user.create_profile("instagram", "a").await?);
    post(user, "store-platform-session", &without).await?;
    for format in ["json", "netscape", "playwright"] {
        let body = get(service, &without, json!({"format": format})).await?.body;
        assert!(body["origins"].is_null() && body["session_storage"].is_null(), "{body}");
    }
    Ok(())
}
