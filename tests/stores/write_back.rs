//! Write-back: a service returns the cookies that a platform has rotated, if the owner lets it.

use super::{Callers, UNKNOWN, post, refusal, start, with};
use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::Client;
use stagepass_tests::system::secret_search::SecretSearch;

const STORE: &str = "store-platform-session";
const GET: &str = "get-platform-session";
const UPDATE: &str = "update-platform-session";
const SUPERSEDED: (u16, &str) = (409, "Session was superseded");
const DIFFERENT_ACCOUNT: (u16, &str) = (409, "Different account");
const NOT_ALLOWED: (u16, &str) = (403, "Write-back not allowed by owner");

fn cookie(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value, "domain": ".instagram.com", "path": "/", "httpOnly": true,
        "expires": 4_102_444_800_i64, "secure": true, "sameSite": "lax"})
}

/// A cookie as a program without its other attributes has it.
fn returned(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value, "domain": ".instagram.com"})
}

/// A signed-in session of a connection, with origin storage.
fn signed_in(connection: &str) -> Value {
    let entry = json!({"name": "theme", "value": "dark"});
    json!({"creator_profile_id": connection, "platform": "instagram", "user_agent": "Mozilla/5.0 made up",
        "expires_at": "2099-12-31T23:59:59Z",
        "cookies": [cookie("csrftoken", "c1"), cookie("ds_user_id", "7"), cookie("sessionid", "s1")],
        "origins": [{"origin": "https://www.instagram.com", "localStorage": [entry], "sessionStorage": []}]})
}

/// A session for which write-back is allowed; returns its body and id.
async fn store_allowed(user: &Client, username: &str) -> Result<(Value, Value)> {
    let connection = user.create_profile("instagram", username).await?;
    let stored = signed_in(&connection);
    let id = post(user, STORE, &stored).await?.body["id"].take();
    assert_eq!(user.allow_write_back(&connection, true).await?.status, 200);
    Ok((stored, id))
}

fn update(stored: &Value, id: &Value, cookies: &[Value]) -> Value {
    json!({"id": id, "creator_profile_id": stored["creator_profile_id"], "platform": "instagram",
        "cookies": cookies})
}

async fn served(service: &Client, stored: &Value) -> Result<Value> {
    let wanted = json!({"creator_profile_id": stored["creator_profile_id"], "platform": "instagram"});
    Ok(post(service, GET, &wanted).await?.body)
}

#[apply(on_each_store)]
#[tokio::test]
async fn rotated_cookies_come_back_and_everything_else_stays(store: Store) -> Result<()> {
    const PLANTED: &str = "planted-write-back-Zt5qL";
    let Callers { user, service, installation, server, .. } = &start(store).await?;
    let (stored, first) = store_allowed(user, "a").await?;
    let foreign = json!({"name": "other", "value": "o", "domain": ".example.org"});
    let expired = json!({"name": "late", "value": "l", "domain": ".instagram.com", "expires": 1});
    let cookies = [
        returned("csrftoken", PLANTED),
        returned("sessionid", "s1"),
        foreign,
        expired,
        cookie("mid", PLANTED),
    ];
    let answer = post(service, UPDATE, &update(&stored, &first, &cookies)).await?.body;
    let expected = json!({"success": true, "id": answer["id"], "platform": "instagram", "cookie_count": 4,
        "replaced_count": 1, "added_count": 1,
        "warnings": ["\"other\" of example.org is not kept: it is another site's"]});
    assert_eq!(answer, expected);
    assert_ne!(answer["id"], first);

    // The value is new, all other attributes stay.
    let mut kept = stored["cookies"].as_array().context("no cookies")?.clone();
    kept[0]["value"] = PLANTED.into();
    kept.push(cookie("mid", PLANTED));
    let now = served(service, &stored).await?;
    assert_eq!((&now["id"], &now["cookies"]), (&answer["id"], &json!(kept)));
    for part in ["origins", "user_agent"] {
        assert_eq!(now[part], stored[part], "{part}");
    }
    assert_eq!(now["expires_at"], "2099-12-31T23:59:59.000Z");

    let listed = user.get("/api/platform-sessions").await?.body;
    let renewed = |number: usize| (&listed["data"][number]["status"], &listed["data"][number]["renewed_by"]);
    assert_eq!(renewed(0), (&json!("active"), &json!("service")));
    assert_eq!(renewed(1), (&json!("superseded"), &Value::Null));
    let log = installation.audit_list().await?;
    let session = answer["id"].as_str().unwrap_or_default();
    assert!(log.contains(&format!("service\t{UPDATE}\tplatform_sessions/{session}\t")), "{log}");
    let search = SecretSearch::new(&[PLANTED.into()])?;
    assert!(search.files_in(installation.directory())?.is_empty());
    assert!(!search.is_in(&server.program().stderr()));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn nothing_is_stored_if_no_cookie_has_changed_and_the_audit_log_says_so(store: Store) -> Result<()> {
    let Callers { user, service, installation, .. } = &start(store).await?;
    let (stored, id) = store_allowed(user, "a").await?;
    let cookies = stored["cookies"].as_array().context("no cookies")?;
    for cookies in [&cookies[..], &cookies[..1], &[]] {
        let answer = post(service, UPDATE, &update(&stored, &id, cookies)).await?.body;
        let expected = json!({"success": true, "id": id, "platform": "instagram", "cookie_count": 3,
            "replaced_count": 0, "added_count": 0});
        assert_eq!(answer, expected);
    }
    let foreign = |number| with(cookie(&format!("f{number:02}"), "v"), &json!({"domain": "example.org"}));
    let foreign: Vec<_> = (0..21).map(foreign).collect();
    let warnings = post(service, UPDATE, &update(&stored, &id, &foreign)).await?.body["warnings"].take();
    assert_eq!(warnings[19], "\"f19\" of example.org is not kept: it is another site's");
    assert_eq!(warnings[20], "further cookies of other sites are not kept", "{warnings}");
    assert_eq!(user.get("/api/platform-sessions").await?.body["total"], 1);
    // The answers tell that the session has these cookies.
    let log = installation.audit_list().await?;
    let row = format!("service\t{UPDATE}\tplatform_sessions/{}\t", id.as_str().unwrap_or_default());
    assert_eq!(log.matches(&row).count(), 4, "{log}");
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn only_the_owner_allows_it(store: Store) -> Result<()> {
    let Callers { user, other, service, server, installation, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let stored = signed_in(&connection);
    let id = post(user, STORE, &stored).await?.body["id"].take();
    let body = update(&stored, &id, &[returned("csrftoken", "c2")]);
    let shown = async || -> Result<Value> {
        let path = format!("/api/platform-connections/{connection}");
        Ok(user.get(&path).await?.body["write_back_allowed"].take())
    };
    assert_eq!(refusal(&post(service, UPDATE, &body).await?), NOT_ALLOWED, "at first");
    assert_eq!(shown().await?, false);
    assert_eq!(refusal(&other.allow_write_back(&connection, true).await?), (403, "Forbidden"));
    assert_eq!(refusal(&user.allow_write_back(UNKNOWN, true).await?), (404, "Not found"));
    assert_eq!(refusal(&post(service, UPDATE, &body).await?), NOT_ALLOWED);

    let allowed = user.allow_write_back(&connection, true).await?.body;
    assert_eq!(allowed, json!({"success": true, "id": connection, "write_back_allowed": true}));
    assert_eq!(shown().await?, true);
    let token = async |arguments: &[&str]| -> Result<Client> {
        let secret = installation.succeed(&[&["service-token", "add"], arguments].concat()).await?;
        Ok(server.service_with(secret.trim()))
    };
    let without_verb = token(&["reader", "--verb", GET]).await?;
    let elsewhere = token(&["elsewhere", "--verb", UPDATE, "--platform", "x"]).await?;
    for refused in [&without_verb, &elsewhere] {
        assert_eq!(refusal(&post(refused, UPDATE, &body).await?), (403, "Forbidden"));
    }
    assert_eq!(refusal(&post(user, UPDATE, &body).await?), (401, "Unauthorized"), "not for users");
    // New credentials for the connection change nothing about it.
    user.create_profile("instagram", "a").await?;
    let named = token(&["downloader", "--verb", UPDATE]).await?;
    assert_eq!(post(&named, UPDATE, &body).await?.status, 200);
    let newest = user.get("/api/platform-sessions").await?.body["data"][0].take();
    assert_eq!(newest["renewed_by"], "service:downloader");

    assert_eq!(user.allow_write_back(&connection, false).await?.body["write_back_allowed"], false);
    assert_eq!(shown().await?, false);
    assert_eq!(refusal(&post(&named, UPDATE, &with(body, &json!({"id": newest["id"]}))).await?), NOT_ALLOWED);
    let log = installation.audit_list().await?;
    for action in ["allow-write-back", "forbid-write-back"] {
        assert!(log.contains(&format!("\t{action}\tplatform_connections/{connection}\t")), "{log}");
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn only_the_newest_active_session_of_the_same_login_is_renewed(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let (stored, first) = store_allowed(user, "a").await?;
    let second = post(user, STORE, &stored).await?.body["id"].take();
    let before = served(service, &stored).await?;
    let changed = || vec![returned("csrftoken", "c2")];
    for (id, cookies, expected) in [
        (&first, changed(), SUPERSEDED),
        (&json!(UNKNOWN), changed(), SUPERSEDED),
        (&second, vec![returned("ds_user_id", "8"), returned("sessionid", "s2")], DIFFERENT_ACCOUNT),
        (&second, vec![returned("sessionid", "s2")], DIFFERENT_ACCOUNT),
        (&second, vec![returned("sessionid", ""), returned("ds_user_id", "7")], DIFFERENT_ACCOUNT),
        (&second, vec![returned("ds_user_id", "8")], DIFFERENT_ACCOUNT),
        (&second, vec![with(returned("sessionid", "s1"), &json!({"expires": 1}))], DIFFERENT_ACCOUNT),
        (
            &second,
            vec![
                with(returned("csrftoken", "c2"), &json!({"domain": "www.instagram.com"})),
                with(returned("sessionid", "s2"), &json!({"domain": "www.instagram.com"})),
            ],
            DIFFERENT_ACCOUNT,
        ),
    ] {
        let answer = post(service, UPDATE, &update(&stored, id, &cookies)).await?;
        assert_eq!(refusal(&answer), expected, "{cookies:?}");
    }
    for (change, expected) in [
        (json!({"creator_profile_id": UNKNOWN}), (404, "Not found")),
        (json!({"platform": "tiktok"}), (400, "platform must be the connection's, instagram")),
        (json!({"id": "planted"}), (400, "id must be a UUID")),
        (json!({"cookies": [{"name": "planted"}]}), (400, "cookies[0]: value required")),
    ] {
        let body = with(update(&stored, &second, &changed()), &change);
        assert_eq!(refusal(&post(service, UPDATE, &body).await?), expected, "{change}");
    }
    assert_eq!(served(service, &stored).await?, before, "nothing has changed");
    post(user, "revoke-platform-session", &json!({"id": second})).await?;
    let answer = post(service, UPDATE, &update(&stored, &second, &changed())).await?;
    assert_eq!(refusal(&answer), SUPERSEDED, "it is revoked");
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_service_renews_once_a_minute_and_a_person_at_any_time(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let (stored, first) = store_allowed(user, "a").await?;
    let all =
        |value| [returned("csrftoken", value), returned("ds_user_id", "7"), returned("sessionid", "s1")];
    let second = post(service, UPDATE, &update(&stored, &first, &all("c2"))).await?.body["id"].take();
    let refused = post(service, UPDATE, &update(&stored, &second, &all("c3"))).await?;
    assert_eq!(refusal(&refused), (429, "Too many requests"));
    let seconds: u64 = refused.headers["retry-after"].to_str()?.parse()?;
    assert!((1..=60).contains(&seconds), "{seconds}");
    // What has not changed is no renewal.
    assert_eq!(post(service, UPDATE, &update(&stored, &second, &all("c2"))).await?.status, 200);
    let third = post(user, STORE, &stored).await?.body["id"].take();
    let refused = post(service, UPDATE, &update(&stored, &third, &all("c3"))).await?;
    assert_eq!(refusal(&refused), (429, "Too many requests"), "no earlier after a person's");
    let (other, first) = store_allowed(user, "b").await?;
    assert_eq!(post(service, UPDATE, &update(&other, &first, &all("c2"))).await?.status, 200);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn of_services_that_renew_at_once_one_wins(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let (stored, first) = store_allowed(user, "a").await?;
    let renew = async |number: usize| {
        let cookies = [
            returned("csrftoken", &number.to_string()),
            returned("ds_user_id", "7"),
            returned("sessionid", "s1"),
        ];
        post(service, UPDATE, &update(&stored, &first, &cookies)).await
    };
    let answers = try_join_all((0..6).map(renew)).await?;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 5));
    lost.into_iter().for_each(|answer| assert_eq!(refusal(answer), SUPERSEDED));
    assert_eq!(served(service, &stored).await?["id"], won[0].body["id"]);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_renewal_by_the_owner_names_the_session_that_it_replaces(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let (stored, first) = store_allowed(user, "a").await?;
    let renewal = |renews: &Value| with(stored.clone(), &json!({"renews": renews}));
    let second = post(user, STORE, &renewal(&first)).await?.body["id"].take();
    assert_eq!(refusal(&post(user, STORE, &renewal(&first)).await?), SUPERSEDED);
    assert_eq!(served(service, &stored).await?["id"], second);
    // A click overrides.
    let third = post(user, STORE, &stored).await?.body["id"].take();
    assert_eq!(refusal(&post(user, STORE, &renewal(&second)).await?), SUPERSEDED);
    let both = json!({"origins": null, "keep_origins_of": second});
    let differing = post(user, STORE, &with(renewal(&third), &both)).await?;
    assert_eq!(refusal(&differing), (400, "renews and keep_origins_of must be the same session"));
    let same = json!({"origins": null, "keep_origins_of": third});
    assert_eq!(post(user, STORE, &with(renewal(&third), &same)).await?.status, 200);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_service_can_change_no_expiry_but_that_of_a_rotated_cookie(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    // The end that the cookies give.
    let stored = with(signed_in(&connection), &json!({"expires_at": "2100-01-01T00:00:00Z"}));
    let first = post(user, STORE, &stored).await?.body["id"].take();
    user.allow_write_back(&connection, true).await?;
    let late = json!({"expires": 253_402_300_799_i64});
    let cookies = [with(returned("sessionid", "s1"), &late), returned("csrftoken", "c2")];
    let answer = post(service, UPDATE, &update(&stored, &first, &cookies)).await?.body;
    assert_eq!((&answer["replaced_count"], &answer["added_count"]), (&json!(1), &json!(0)), "{answer}");
    let now = served(service, &stored).await?;
    assert_eq!(now["expires_at"], "2100-01-01T00:00:00.000Z");
    let mut kept = stored["cookies"].clone();
    kept[0]["value"] = "c2".into();
    assert_eq!(now["cookies"], kept);

    // An ended session is not brought back.
    let ended = with(stored.clone(), &json!({"expires_at": "2020-01-01T00:00:00Z"}));
    let ended_id = post(user, STORE, &ended).await?.body["id"].take();
    let answer = post(service, UPDATE, &update(&stored, &ended_id, &cookies)).await?;
    assert_eq!(refusal(&answer), (404, "Platform session expired"));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn revoking_a_session_revokes_what_services_made_of_it(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let (stored, first) = store_allowed(user, "a").await?;
    let cookies = [returned("csrftoken", "c2")];
    assert_eq!(post(service, UPDATE, &update(&stored, &first, &cookies)).await?.status, 200);
    let revoke = async |id: &Value| post(user, "revoke-platform-session", &json!({"id": id})).await;
    assert_eq!(revoke(&first).await?.status, 200);
    assert_eq!(served(service, &stored).await?["error"], "Platform session revoked");

    // What the owner stores afterwards is another session, also once a service has renewed it.
    let (stored, first) = store_allowed(user, "b").await?;
    let second = post(user, STORE, &stored).await?.body["id"].take();
    let third = post(service, UPDATE, &update(&stored, &second, &cookies)).await?.body["id"].take();
    assert_eq!(revoke(&first).await?.status, 200);
    assert_eq!(served(service, &stored).await?["id"], third);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_services_renewal_fulfils_no_capture_request(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let (stored, first) = store_allowed(user, "a").await?;
    let ask = json!({"creator_profile_id": stored["creator_profile_id"], "platform": "instagram"});
    assert_eq!(post(service, "request-capture", &ask).await?.status, 200);
    let cookies = [returned("csrftoken", "c2")];
    assert_eq!(post(service, UPDATE, &update(&stored, &first, &cookies)).await?.status, 200);
    assert_eq!(user.get("/api/capture-requests").await?.body["total"], 1);
    post(user, STORE, &stored).await?;
    assert_eq!(user.get("/api/capture-requests").await?.body["total"], 0);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_rotated_cookie_beside_a_lasting_secret_comes_back_alone(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let on_x = |name: &str, value: &str| with(returned(name, value), &json!({"domain": ".x.com"}));
    let login = |username: &'static str, token: &'static str, account: bool| async move {
        let connection = user.create_profile("x", username).await?;
        let mut cookies = vec![on_x("auth_token", token), on_x("ct0", "c1")];
        cookies.extend(account.then(|| on_x("twid", "u%3D1")));
        let stored = json!({"creator_profile_id": connection, "platform": "x", "cookies": cookies});
        let id = post(user, STORE, &stored).await?.body["id"].take();
        assert_eq!(user.allow_write_back(&connection, true).await?.status, 200);
        Ok::<_, anyhow::Error>((stored, id))
    };
    let update = |stored: &Value, id: &Value, cookies: &[Value]| {
        with(update(stored, id, cookies), &json!({"platform": "x"}))
    };
    for (username, account) in [("named", true), ("unnamed", false)] {
        let (stored, id) = login(username, "a1", account).await?;
        for cookies in [vec![on_x("auth_token", "a2")], vec![on_x("ct0", "")]] {
            let answer = post(service, UPDATE, &update(&stored, &id, &cookies)).await?;
            assert_eq!(refusal(&answer), DIFFERENT_ACCOUNT, "{cookies:?}");
        }
        let sibling = with(returned("ct0", "c3"), &json!({"domain": ".twitter.com"}));
        let answer = post(service, UPDATE, &update(&stored, &id, &[on_x("ct0", "c2"), sibling])).await?.body;
        assert_eq!(answer["replaced_count"], 1, "{answer}");
        let warning = "\"ct0\" of twitter.com is not kept: it is another site's";
        assert_eq!(answer["warnings"], json!([warning]));
    }
    Ok(())
}

// The size does not depend on the store, and so many cookies keep a core busy.
#[tokio::test]
async fn a_session_does_not_grow_above_what_its_owner_could_store() -> Result<()> {
    let Callers { user, service, .. } = &start(Store::Sqlite).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let many = |numbers: std::ops::Range<usize>, path: &str| {
        let value = "v".repeat(4000);
        let large = |number| with(cookie(&format!("c{number}"), &value), &json!({"path": path}));
        numbers.map(large).collect::<Vec<_>>()
    };
    let stored = with(signed_in(&connection), &json!({"cookies": many(0..880, "/"), "origins": null}));
    let id = post(user, STORE, &stored).await?.body["id"].take();
    user.allow_write_back(&connection, true).await?;
    let long_path = format!("/{}", "p".repeat(1000));
    let refused = post(service, UPDATE, &update(&stored, &id, &many(880..995, &long_path))).await?;
    assert_eq!(refusal(&refused), (413, "The session would have more than 4194304 bytes"));
    assert_eq!(served(service, &stored).await?["id"], id);
    let answer = post(service, UPDATE, &update(&stored, &id, &many(880..890, "/"))).await?.body;
    assert_eq!(answer["added_count"], 10, "{answer}");
    Ok(())
}
