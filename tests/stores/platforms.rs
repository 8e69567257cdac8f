//! Allowed platforms, and what happens to records whose platform is not allowed any more.

use super::{Callers, post, refusal, start, with};
use anyhow::{Result, ensure};
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use stagepass_tests::services::directus::Directus;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::postgres::connect;
use stagepass_tests::services::sealed::sign_rows;

/// The bodies of all calls that store something for a platform or ask for it.
fn bodies(connection: &str, platform: &str) -> [(&'static str, Value); 4] {
    let cookie = json!({"name": "n", "value": "v", "domain": "a.example.org"});
    let of = json!({"creator_profile_id": connection, "platform": platform});
    let download = json!({"auth_type": "password", "username": "jane", "credentials": {"password": "p"}});
    [
        ("create-profile", json!({"platform": platform, "credentials": {}})),
        ("create-download-cred", with(of.clone(), &download)),
        ("store-platform-session", with(of.clone(), &json!({"cookies": [cookie]}))),
        ("request-capture", of),
    ]
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_public_suffix_is_refused_as_a_platform(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = &user.create_profile("example.org", "a").await?;
    for platform in ["com", "co.uk", "github.io", "compute.amazonaws.com"] {
        let error = format!(
            "platform can't be {platform}, a public suffix: anybody can have a site below it. \
             Name one site, such as example.{platform}"
        );
        for (verb, body) in bodies(connection, platform) {
            let caller = if verb == "request-capture" { service } else { user };
            assert_eq!(refusal(&post(caller, verb, &body).await?), (400, error.as_str()), "{verb}");
        }
    }
    let error =
        "platform must be a platform such as instagram, a site such as example.org, or an IPv4 address";
    for platform in ["2130706433", "127.1", "0x7f.1", ".com", "a..b"] {
        for (verb, body) in bodies(connection, platform) {
            let caller = if verb == "request-capture" { service } else { user };
            assert_eq!(refusal(&post(caller, verb, &body).await?), (400, error), "{verb} {platform}");
        }
    }
    assert_eq!(user.get("/api/platform-connections").await?.body["total"], 1);
    assert_eq!(user.get("/api/capture-requests").await?.body["total"], 0);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_site_an_address_and_a_single_label_are_platforms(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    for platform in ["example.co.uk", "me.github.io", "www.ck", "192.0.2.7", "localhost", "mym", "nas.local"]
    {
        let connection = user.create_profile(platform, "a").await?;
        for (verb, body) in bodies(&connection, platform) {
            let caller = if verb == "request-capture" { service } else { user };
            let answer = post(caller, verb, &body).await?;
            assert_eq!(answer.status, 200, "{verb} {platform}: {}", answer.body);
        }
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn stored_records_of_a_public_suffix_can_be_read_revoked_and_deleted(store: Store) -> Result<()> {
    let Callers { user, service, installation, .. } = &start(store).await?;
    let connection = &user.create_profile("me.github.io", "a").await?;
    let [_, _, (_, session), _] = bodies(connection, "me.github.io");
    let stored = post(user, "store-platform-session", &session).await?.body;
    let session = stored["id"].as_str().unwrap_or_default();
    set_platform(installation, "platform_connections", connection, "github.io").await?;
    set_platform(installation, "platform_sessions", session, "github.io").await?;
    if store != Store::Directus {
        sign_rows(installation).await?;
    }

    let path = &format!("/api/platform-connections/{connection}");
    let shown = user.get(path).await?.body;
    assert_eq!((&shown["platform"], &shown["newest_session"]["id"]), (&json!("github.io"), &stored["id"]));
    assert_eq!(user.get("/api/platform-sessions").await?.body["data"][0]["platform"], "github.io");
    let wanted = json!({"creator_profile_id": connection, "platform": "github.io"});
    let got = post(service, "get-platform-session", &wanted).await?;
    assert_eq!((got.status.as_u16(), &got.body["cookies"][0]["value"]), (200, &json!("v")), "{}", got.body);
    assert_eq!(post(service, "reveal", &json!({"creatorProfileId": connection})).await?.status, 200);
    for (verb, body) in bodies(connection, "github.io") {
        let caller = if verb == "request-capture" { service } else { user };
        assert_eq!(post(caller, verb, &body).await?.status, 400, "{verb}");
    }
    assert_eq!(post(user, "revoke-platform-session", &json!({"id": session})).await?.status, 200);
    assert_eq!(user.delete(path).await?.status, 200);
    Ok(())
}

/// Gives a row a platform that an earlier version accepted.
async fn set_platform(installation: &Installation, table: &str, id: &str, platform: &str) -> Result<()> {
    let set = match installation.store() {
        Store::Directus => String::new(),
        Store::Postgres | Store::Sqlite => format!("SET platform = '{platform}', mac = NULL"),
    };
    let statement = format!("UPDATE {table} {set} WHERE id = '{id}'");
    let changed = match installation.store() {
        Store::Directus => {
            let directus = Directus::of_this_run()?;
            return directus.change(&format!("/items/{table}/{id}"), &json!({"platform": platform})).await;
        }
        Store::Postgres => {
            let database = connect(&installation.postgres()?.superuser_url()).await?;
            database.batch_execute("SET search_path = stagepass").await?;
            database.execute(&statement, &[]).await?
        }
        Store::Sqlite => {
            let database = rusqlite::Connection::open(installation.directory().join("stagepass.db"))?;
            database.execute(&statement, [])?.try_into()?
        }
    };
    ensure!(changed == 1, "{changed} rows of {table}");
    Ok(())
}
