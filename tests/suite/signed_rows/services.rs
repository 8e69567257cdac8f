//! Services' tokens, and the records that limited ones may have.

use super::stage::{API, SECRET, Stage, boolean, id, words};
use crate::suite::{id_of, post, session};
use anyhow::{Result, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stagepass_tests::server::Client;

#[tokio::test]
async fn a_services_token_may_do_no_more_than_it_was_given() -> Result<()> {
    let mut stage = Stage::start().await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let instagram = user.create_profile("instagram", "one").await?;
    let reveal = json!({"creatorProfileId": instagram});
    let edits = [
        ("verbs", &["--verb", "store"][..], format!("verbs = {}", words(&["store", "reveal"])), 403),
        ("platforms", &["--verb", "reveal", "--platform", "x"], format!("platforms = {}", words(&[])), 403),
        (
            "acting",
            &["--verb", "reveal", "--require-acting-user"],
            format!("require_acting_user = {}", boolean(false)),
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
        stage.assert_told(&format!("service_tokens/{name}")).await?;
    }
    // Nor is somebody's own token put in the place of another.
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
    // A token that is broken can be revoked, and is no fault then.
    for name in ["theirs", "verbs"] {
        stage.installation.succeed(&["service-token", "revoke", name]).await?;
        let (_, said) = stage.verify().await?;
        ensure!(!said.contains(&format!("service_tokens/{name}")), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_limited_token_may_have_is_not_moved_to_its_platform() -> Result<()> {
    let mut stage = Stage::start().await?;
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
        stage.assert_told(&row).await?;
    }
    stage.restart().await?;
    let (token, shared) = (token.at(&stage.server), stage.server.service()?);
    for service in [&token, &shared] {
        assert_eq!(reveal(service).await?.status, 404);
        assert_eq!(reveal_download(service).await?.status, 404);
    }
    Ok(())
}

#[tokio::test]
async fn a_session_is_not_given_out_beyond_its_time() -> Result<()> {
    let stage = Stage::start().await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let stored = id(&post(&user, "store-platform-session", &session(&connection)).await?.body)?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let service = stage.server.service()?;
    assert_eq!(post(&service, "get-platform-session", &wanted).await?.status, 200);
    // As if its time were still to come.
    stage.change("UPDATE platform_sessions SET expires_at = expires_at + 1").await?;
    assert_eq!(post(&service, "get-platform-session", &wanted).await?.status, 404);
    stage.assert_told(&format!("platform_sessions/{stored}")).await
}

#[tokio::test]
async fn a_session_is_of_its_connections_owner() -> Result<()> {
    let stage = Stage::start().await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let (user_id, attacker_id) = (id_of(&user).await?, id_of(&attacker).await?);
    let connection = user.create_profile("instagram", "a").await?;
    let give = async |to: &str| {
        stage
            .change(&format!("UPDATE platform_connections SET user_id = '{to}' WHERE id = '{connection}'"))
            .await
    };
    // The attacker's own is stored while the connection seems to be the attacker's.
    give(&attacker_id).await?;
    let stored = post(&attacker, "store-platform-session", &session(&connection)).await?;
    ensure!(stored.status == 200, "it was refused already: {}", stored.body);
    give(&user_id).await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let answer = post(&stage.server.service()?, "get-platform-session", &wanted).await?;
    assert_eq!(answer.status, 404, "{}", answer.body);
    Ok(())
}

#[tokio::test]
async fn nobody_gets_anothers_connection_signed_as_their_own() -> Result<()> {
    let stage = Stage::start().await?;
    let user = stage.victim.sign_in(&stage.server).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let attacker_id = id_of(&attacker).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let own = attacker.create_profile("instagram", "mine").await?;
    // The victim's takes the identity of the attacker's own, who then is given it.
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
        assert_eq!(is_genuine, !is_given, "it was not signed anew");
    }
    stage.assert_told(&format!("platform_connections/{connection}")).await
}
