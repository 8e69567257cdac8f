//! Services' tokens, and the records that limited tokens may reach.

use super::stage::{SECRET, Stage, boolean, id, words};
use crate::{API, id_of, post, refusal, session};
use anyhow::{Result, ensure};
use macro_rules_attribute::apply;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::Client;

#[apply(on_each_database)]
#[tokio::test]
async fn an_edited_service_token_gains_no_rights(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let instagram = user.create_profile("instagram", "one").await?;
    let reveal = json!({"creatorProfileId": instagram});
    let edits = [
        ("verbs", &["--verb", "store"][..], format!("verbs = {}", words(store, &["store", "reveal"])), 403),
        (
            "platforms",
            &["--verb", "reveal", "--platform", "x"],
            format!("platforms = {}", words(store, &[])),
            403,
        ),
        (
            "acting",
            &["--verb", "reveal", "--require-acting-user"],
            format!("require_acting_user = {}", boolean(store, false)),
            400,
        ),
        ("revoked", &["--verb", "reveal"], "revoked_at = NULL".to_owned(), 401),
    ];
    for (name, arguments, edit, before) in &edits {
        let token = stage.add_token(name, arguments).await?;
        if *name == "revoked" {
            stage.installation.succeed(&["service-token", "revoke", name]).await?;
        }
        assert_eq!(post(&token, "reveal", &reveal).await?.status.as_u16(), *before, "{name}");
        stage.change(&format!("UPDATE service_tokens SET {edit} WHERE name = '{name}'")).await?;
        assert_eq!(post(&token, "reveal", &reveal).await?.status, 401, "{name}");
        stage.assert_reported(&format!("service_tokens/{name}")).await?;
    }
    // One service's token can't replace another's either.
    let own = stage.add_token("own", &["--verb", "store"]).await?;
    stage.add_token("theirs", &["--verb", "reveal"]).await?;
    stage.installation.change("CREATE TABLE kept AS SELECT * FROM service_tokens WHERE name = 'own'").await?;
    stage.change("DELETE FROM service_tokens WHERE name = 'own'").await?;
    let put = "UPDATE service_tokens SET token_hash = (SELECT token_hash FROM kept) WHERE name = 'theirs'";
    stage.change(put).await?;
    stage.restart().await?;
    let own = own.at(&stage.server);
    assert_eq!(post(&own, "reveal", &reveal).await?.status, 401);
    let (_, said) = stage.verify().await?;
    ensure!(said.contains("service_tokens/theirs"), "{said}");
    // A broken token can be revoked, and is then no longer reported.
    for name in ["theirs", "verbs"] {
        stage.installation.succeed(&["service-token", "revoke", name]).await?;
        let (_, said) = stage.verify().await?;
        ensure!(!said.contains(&format!("service_tokens/{name}")), "{said}");
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn records_cannot_be_moved_to_a_limited_tokens_platform(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let (one, other) = (user.create_profile("instagram", "a").await?, user.create_profile("x", "a").await?);
    let stored = post(&user, "store-platform-session", &session(&one)).await?.body;
    let download = json!({"platform": "instagram", "creator_profile_id": one, "auth_type": "password",
        "username": "u", "credentials": {"password": SECRET}});
    let download = id(&post(&user, "create-download-cred", &download).await?.body)?;
    let verbs = ["reveal", "reveal-download-cred", "get-platform-session"];
    let verbs: Vec<_> = verbs.iter().flat_map(|verb| ["--verb", verb]).collect();
    let token = stage.add_token("limited", &[&verbs[..], &["--platform", "x"]].concat()).await?;
    let reveal = async |token: &Client| post(token, "reveal", &json!({"creatorProfileId": one})).await;
    let reveal_download =
        async |token: &Client| post(token, "reveal-download-cred", &json!({"id": download})).await;
    assert_eq!(reveal(&token).await?.status, 403);
    assert_eq!(reveal_download(&token).await?.status, 403);

    for statement in [
        format!("UPDATE platform_sessions SET creator_profile_id = '{other}', platform = 'x'"),
        format!("UPDATE platform_connections SET platform = 'x' WHERE id = '{one}'"),
        format!("UPDATE download_credentials SET platform = 'x' WHERE id = '{download}'"),
    ] {
        stage.change(&statement).await?;
    }
    assert_eq!(reveal(&token).await?.status, 404);
    assert_eq!(reveal_download(&token).await?.status, 404);
    let wanted = json!({"creator_profile_id": other, "platform": "x"});
    assert_eq!(post(&token, "get-platform-session", &wanted).await?.status, 404);
    for row in [
        format!("platform_connections/{one}"),
        format!("download_credentials/{download}"),
        format!("platform_sessions/{}", id(&stored)?),
    ] {
        stage.assert_reported(&row).await?;
    }
    stage.restart().await?;
    let (token, shared) = (token.at(&stage.server), stage.server.service()?);
    for service in [&token, &shared] {
        assert_eq!(reveal(service).await?.status, 404);
        assert_eq!(reveal_download(service).await?.status, 404);
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_edited_expiry_does_not_extend_a_session(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let stored = id(&post(&user, "store-platform-session", &session(&connection)).await?.body)?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let service = stage.server.service()?;
    assert_eq!(post(&service, "get-platform-session", &wanted).await?.status, 200);
    // Makes it look as if its time were still to come.
    stage.change("UPDATE platform_sessions SET expires_at = expires_at + 1").await?;
    assert_eq!(post(&service, "get-platform-session", &wanted).await?.status, 404);
    stage.assert_reported(&format!("platform_sessions/{stored}")).await
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_session_belongs_to_its_connections_owner(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let (user_id, attacker_id) = (id_of(&user).await?, id_of(&attacker).await?);
    let connection = user.create_profile("instagram", "a").await?;
    let give = async |to: &str| {
        stage
            .change(&format!("UPDATE platform_connections SET user_id = '{to}' WHERE id = '{connection}'"))
            .await
    };
    // The attacker's own session is stored while the connection seems to be the attacker's.
    give(&attacker_id).await?;
    let stored = post(&attacker, "store-platform-session", &session(&connection)).await?;
    ensure!(stored.status == 200, "it was refused before the edit mattered: {}", stored.body);
    give(&user_id).await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let answer = post(&stage.server.service()?, "get-platform-session", &wanted).await?;
    assert_eq!(answer.status, 404, "{}", answer.body);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_stolen_connection_is_not_signed_for_the_thief(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let attacker_id = id_of(&attacker).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let own = attacker.create_profile("instagram", "mine").await?;
    // The victim's connection gets the identity of the attacker's own, and the attacker asks for it.
    stage
        .change(&format!("UPDATE platform_connections SET identity_key = 'none' WHERE id = '{own}'"))
        .await?;
    let identity = hex::encode(Sha256::digest(format!("{attacker_id}\0instagram\0+mine")));
    let take =
        format!("UPDATE platform_connections SET identity_key = '{identity}' WHERE id = '{connection}'");
    stage.change(&take).await?;
    let create = json!({"platform": "instagram", "platform_username": "mine",
        "credentials": {"password": "planted-of-the-attacker"}});
    for is_given in [false, true] {
        if is_given {
            let give = format!(
                "UPDATE platform_connections SET user_id = '{attacker_id}' WHERE id = '{connection}'"
            );
            stage.change(&give).await?;
        }
        let answer = attacker.post(&format!("{API}/create-profile"), &create).await?;
        ensure!(!answer.status.is_success(), "{is_given}: {}", answer.body);
        let is_genuine = !stage.verify().await?.1.contains(&format!("platform_connections/{connection}"));
        assert_eq!(is_genuine, !is_given, "it was not signed again");
    }
    stage.assert_reported(&format!("platform_connections/{connection}")).await
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_copied_permission_lets_no_service_renew_a_session(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let victim = stage.victim.sign_in(&stage.server).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let [theirs, own] = [
        victim.create_profile("instagram", "one").await?,
        attacker.create_profile("instagram", "one").await?,
    ];
    let stored = post(&victim, "store-platform-session", &session(&theirs)).await?.body["id"].take();
    ensure!(attacker.allow_write_back(&own, true).await?.status == 200);
    let mac = format!("SELECT write_back_mac FROM platform_connections WHERE id = '{own}'");
    let copy = format!("UPDATE platform_connections SET write_back_mac = ({mac}) WHERE id = '{theirs}'");
    stage.change(&copy).await?;
    let update = json!({"id": stored, "creator_profile_id": theirs, "platform": "instagram", "cookies": []});
    let refused = post(&stage.server.service()?, "update-platform-session", &update).await?;
    assert_eq!(refusal(&refused), (403, "Write-back not allowed by owner"));
    stage.assert_reported(&format!("platform_connections/{theirs}")).await?;
    // The connection itself is genuine.
    let path = format!("/api/platform-connections/{theirs}");
    assert_eq!(victim.get(&path).await?.body["write_back_allowed"], false);
    Ok(())
}
