//! Origin storage that a renewal keeps, and where it is kept.

use super::{Callers, UNKNOWN, get, onlyfans, post, refusal, session, start, with};
use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::server::Client;
use stagepass_tests::system::secret_search::SecretSearch;
use std::collections::BTreeSet;

const STORE: &str = "store-platform-session";
const TOKEN: &str = "0123456789abcdef";
const ACCOUNT: &str = "planted-account-Rb5tK";
const COOKIE: &str = "planted-cookie-Jd6vP";
const ENTRY: &str = "planted-storage-Hq8nW";
const WRITTEN_BACK: &str = "planted-written-back-Lm2xC";
const SUPERSEDED: (u16, &str) = (409, "Session was superseded");

/// Stores a session of OnlyFans with origin storage; returns its body and id.
async fn store_onlyfans(user: &Client) -> Result<(Value, Value)> {
    let stored = onlyfans(&user.create_profile("onlyfans", "a").await?, TOKEN);
    let id = post(user, STORE, &stored).await?.body["id"].take();
    Ok((stored, id))
}

/// The same session with another cookie, and the origin storage of an earlier one.
fn renewal(stored: &Value, kept_from: &Value) -> Value {
    let cookies = json!([with(stored["cookies"][0].clone(), &json!({"value": "renewed"}))]);
    with(stored.clone(), &json!({"cookies": cookies, "origins": null, "keep_origins_of": kept_from}))
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_renewal_keeps_the_origin_storage_of_the_newest_session(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let (stored, first) = store_onlyfans(user).await?;
    let renewed = post(user, STORE, &renewal(&stored, &first)).await?.body;
    assert_eq!((&renewed["cookie_count"], &renewed["entry_count"]), (&json!(1), &json!(3)), "{renewed}");
    let served = get(service, &stored, json!({})).await?.body;
    assert_eq!((&served["id"], &served["origins"]), (&renewed["id"], &stored["origins"]));
    assert_eq!(served["cookies"][0]["value"], "renewed");
    // Without cookies, the kept storage is the session.
    let bare = with(renewal(&stored, &renewed["id"]), &json!({"cookies": []}));
    assert_eq!(post(user, STORE, &bare).await?.status, 200);
    let served = get(service, &stored, json!({})).await?.body;
    assert_eq!((&served["cookies"], &served["origins"]), (&json!([]), &stored["origins"]));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn no_other_sessions_origin_storage_can_be_kept(store: Store) -> Result<()> {
    let Callers { user, other, service, .. } = &start(store).await?;
    let (stored, first) = store_onlyfans(user).await?;
    let newest = post(user, STORE, &stored).await?.body["id"].take();
    let served = get(service, &stored, json!({})).await?.body;
    let elsewhere = user.create_profile("onlyfans", "b").await?;
    for (change, expected) in [
        (json!({"keep_origins_of": first}), SUPERSEDED),
        (json!({"keep_origins_of": UNKNOWN}), SUPERSEDED),
        (json!({"keep_origins_of": "planted"}), (400, "keep_origins_of must be a UUID")),
        (json!({"origins": stored["origins"]}), (400, "origins and keep_origins_of can't both be given")),
        (json!({"creator_profile_id": elsewhere}), SUPERSEDED),
        (json!({"creator_profile_id": UNKNOWN}), (404, "Not found")),
        (json!({"platform": "fansly"}), (400, "platform must be the connection's, onlyfans")),
    ] {
        let body = with(renewal(&stored, &newest), &change);
        assert_eq!(refusal(&post(user, STORE, &body).await?), expected, "{change}");
    }
    assert_eq!(refusal(&post(other, STORE, &renewal(&stored, &newest)).await?), (403, "Forbidden"));
    assert_eq!(get(service, &stored, json!({})).await?.body, served, "nothing has changed");

    post(user, "revoke-platform-session", &json!({"id": newest})).await?;
    assert_eq!(refusal(&post(user, STORE, &renewal(&stored, &newest)).await?), SUPERSEDED, "it is revoked");
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn of_renewals_at_once_one_keeps_the_origin_storage(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let (stored, first) = store_onlyfans(user).await?;
    let body = renewal(&stored, &first);
    let mut answers = Vec::new();
    for answer in join_all((0..6).map(|_| post(user, STORE, &body))).await {
        answers.push(answer?);
    }
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 5));
    lost.into_iter().for_each(|answer| assert_eq!(refusal(answer), SUPERSEDED));
    let served = get(service, &stored, json!({})).await?.body;
    assert_eq!((&served["id"], &served["origins"]), (&won[0].body["id"], &stored["origins"]));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_session_without_origin_storage_has_none_to_keep(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let body = session(&user.create_profile("instagram", "a").await?);
    let first = post(user, STORE, &body).await?.body["id"].clone();
    let kept = with(body.clone(), &json!({"keep_origins_of": first}));
    let empty = post(user, STORE, &with(kept.clone(), &json!({"cookies": []}))).await?;
    assert_eq!(empty.status, 400, "{}", empty.body);
    let stored = post(user, STORE, &kept).await?.body;
    assert_eq!(stored["entry_count"], 0, "{stored}");
    let served = get(service, &body, json!({})).await?.body;
    assert!(served["id"] == stored["id"] && served["origins"].is_null(), "{served}");
    Ok(())
}

/// The blob is bound to its column and to its session.
#[apply(on_each_database)]
#[tokio::test]
async fn misplaced_origin_storage_does_not_open(store: Store) -> Result<()> {
    let Callers { user, service, installation, .. } = &start(store).await?;
    let connection = user.create_profile("onlyfans", "a").await?;
    let stored = onlyfans(&connection, TOKEN);
    let other = onlyfans(&user.create_profile("onlyfans", "b").await?, TOKEN);
    for body in [&stored, &other] {
        post(user, STORE, body).await?;
    }
    let found = "SELECT encrypted_origins FROM platform_sessions ORDER BY sequence";
    let blobs = installation.query(found).await?;
    let cookies = "encrypted_origins = encrypted_cookies".to_owned();
    let others = format!("encrypted_origins = '{}'", blobs[1]);
    for change in [cookies, others, "encrypted_cookies = encrypted_origins".to_owned()] {
        let id = format!("creator_profile_id = '{connection}'");
        installation.change(&format!("UPDATE platform_sessions SET {change} WHERE {id}")).await?;
        let undecryptable = (500, "Stored credentials cannot be decrypted");
        assert_eq!(refusal(&get(service, &stored, json!({})).await?), undecryptable, "{change}");
    }
    Ok(())
}

/// Stores and serves the planted values in each way, and sends them in bodies that are refused.
async fn store_and_serve_planted(user: &Client, service: &Client) -> Result<()> {
    let connection = user.create_profile("onlyfans", ACCOUNT).await?;
    let mut body = onlyfans(&connection, ENTRY);
    body["cookies"][0]["value"] = COOKIE.into();
    body["origins"][0]["sessionStorage"][0]["value"] = ENTRY.into();
    let first = post(user, STORE, &body).await?.body["id"].clone();
    let renewal = with(body.clone(), &json!({"origins": null, "keep_origins_of": first}));
    let newest = post(user, STORE, &renewal).await?.body["id"].clone();
    assert_eq!(user.allow_write_back(&connection, true).await?.status, 200);
    let cookie = json!({"name": "fp", "value": WRITTEN_BACK, "domain": ".onlyfans.com"});
    let update = json!({"id": newest, "creator_profile_id": connection, "platform": "onlyfans",
        "cookies": [cookie]});
    assert_eq!(post(service, "update-platform-session", &update).await?.body["added_count"], 1);
    for change in [
        json!({"origins": [{"origin": ENTRY, "localStorage": ENTRY}]}),
        json!({"cookies": [{"name": COOKIE, "value": COOKIE}, COOKIE]}),
    ] {
        assert_eq!(post(user, STORE, &with(body.clone(), &change)).await?.status, 400);
    }

    let served = get(service, &body, json!({})).await?.body;
    assert_eq!((&served["cookies"][0], &served["origins"]), (&body["cookies"][0], &body["origins"]));
    assert_eq!(served["cookies"][2]["value"], WRITTEN_BACK);
    let url = format!("https://onlyfans.com/{ENTRY}");
    for change in [
        json!({"format": "netscape"}),
        json!({"format": "playwright"}),
        json!({"format": "header", "url": url}),
    ] {
        assert_eq!(get(service, &body, change).await?.status, 200);
    }
    let refused = json!({"format": "header", "url": format!("http://{COOKIE}")});
    assert_eq!(get(service, &body, refused).await?.status, 400);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn stored_values_are_in_no_record_file_argument_or_log(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    let temporary = tempfile::tempdir()?;
    installation.set("TMPDIR", temporary.path().to_str().context("a path that is not UTF-8")?);
    let people = [installation.add_person().await?];
    let server = installation.serve().await?;
    store_and_serve_planted(&people[0].sign_in(&server).await?, &server.service()?).await?;

    let secrets = SecretSearch::new(&[COOKIE, ENTRY, WRITTEN_BACK].map(Into::into))?;
    assert_eq!(installation.tables_with(&secrets, &people).await?, BTreeSet::new());
    // The search reads the records: the account's name is no secret.
    let account = SecretSearch::new(&[ACCOUNT.into()])?;
    let found = installation.tables_with(&account, &people).await?;
    assert!(found.contains("platform_connections"), "{found:?}");
    let is_on_disk = || -> Result<bool> {
        let folders = [installation.directory(), temporary.path()];
        let found = folders.map(|folder| secrets.files_in(folder));
        Ok(!found.into_iter().collect::<Result<Vec<_>>>()?.concat().is_empty())
    };
    assert!(!is_on_disk()?, "a file has a value while the server runs");
    assert!(!secrets.is_in(&server.program().cmdline()?), "the arguments show a value");
    assert!(!secrets.is_in(installation.audit_list().await?.as_bytes()), "the audit log shows a value");
    let log = server.stop().await?;
    assert!(!secrets.is_in(&log), "the log shows a value");
    assert!(String::from_utf8(log)?.contains("get-platform-session"));
    assert!(!is_on_disk()?, "a file has a value after the server's end");
    Ok(())
}
