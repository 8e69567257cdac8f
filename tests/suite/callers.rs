//! Who may call what, and what each fault of HTTP gets.

use super::{API, Callers, id_of, post, refusal, start};
use anyhow::Result;
use reqwest::Method;
use serde_json::json;
use stagepass_tests::secret_search::SecretSearch;
use std::path::PathBuf;

#[tokio::test]
async fn each_kind_of_caller_opens_its_own_routes_alone() -> Result<()> {
    let Callers { user, service, server, .. } = &start().await?;
    let (anonymous, store, get) = (&server.anonymous(), "store-platform-session", "get-platform-session");
    // The caller is checked before the body, which is none here.
    for (client, verb) in [(anonymous, store), (service, store), (anonymous, get), (user, get)] {
        let request = client.request(Method::POST, &format!("{API}/{verb}")).body("{");
        assert_eq!(refusal(&client.send(request).await?), (401, "Unauthorized"), "{verb}");
    }
    for token in ["Bearer x.y.z", "Basic abc", "Bearer", "Bearer eyJhbGciOiJub25lIn0.e30."] {
        let request = anonymous.request(Method::POST, &format!("{API}/{store}"));
        let request = request.header("authorization", token).json(&json!({}));
        assert_eq!(refusal(&anonymous.send(request).await?), (401, "Unauthorized"), "{token}");
    }
    Ok(())
}

#[tokio::test]
async fn every_fault_of_http_has_the_envelope() -> Result<()> {
    let Callers { user, .. } = &start().await?;
    let create = &format!("{API}/create-profile");
    let post = || user.request(Method::POST, create).header("content-type", "application/json");
    let bad_json = user.send(post().body("{\"platform\": \"planted-secret\"")).await?;
    let (status, error) = refusal(&bad_json);
    assert!(
        status == 400 && error.starts_with("body is not valid JSON") && !error.contains("planted"),
        "{error}"
    );
    assert_eq!(refusal(&user.send(post().body("[]")).await?), (400, "body must be a JSON object"));
    assert_eq!(refusal(&user.send(post().body(vec![b'"', 0xff, b'"'])).await?).0, 400);
    assert_eq!(refusal(&user.send(post().body("[".repeat(100_000))).await?).0, 400);
    assert_eq!(refusal(&user.send(post().body(" ".repeat(1024 * 1024 + 1))).await?).0, 413);
    assert_eq!(refusal(&user.send(user.request(Method::POST, create).body("{}")).await?).0, 415);
    let get = user.get(create).await?;
    assert_eq!((refusal(&get).0, get.headers["allow"].as_bytes()), (405, &b"POST"[..]));
    assert_eq!(refusal(&user.get("/api/credentials/no-such-verb").await?), (404, "Not found"));
    for id in ["%FF", "x"] {
        let answer = user.get(&format!("/api/platform-connections/{id}")).await?;
        assert_eq!(refusal(&answer), (400, "id must be a UUID"));
    }
    let rebound = user.request(Method::GET, "/api/platform-sessions").header("host", "evil.example");
    assert_eq!(refusal(&user.send(rebound).await?).0, 421);
    assert_eq!(
        refusal(&user.get("/api/platform-sessions?pageSize=101").await?),
        (400, "pageSize must be 1 to 100")
    );
    Ok(())
}

#[tokio::test]
async fn a_named_token_may_do_what_is_listed_and_nothing_else() -> Result<()> {
    let Callers { user, server, installation, .. } = &start().await?;
    let id = &user.create_profile("instagram", "fitcreator99").await?;
    let service_token = async |arguments: &[&str]| -> Result<String> {
        let printed = installation.succeed(&[&["service-token"], arguments].concat()).await?;
        Ok(printed.trim().to_owned())
    };
    let add = ["add", "downloader", "--verb", "reveal", "--platform", "instagram"];
    let secret = service_token(&add).await?;
    let named = server.service_with(&secret);
    let reveal = json!({"creatorProfileId": id});
    assert_eq!(post(&named, "reveal", &reveal).await?.status, 200);
    let store = json!({"creatorProfileId": id, "credentials": {}});
    assert_eq!(refusal(&post(&named, "store", &store).await?), (403, "Forbidden"), "the verb");
    let elsewhere = json!({"creatorProfileId": user.create_profile("tiktok", "a").await?});
    assert_eq!(refusal(&post(&named, "reveal", &elsewhere).await?), (403, "Forbidden"), "the platform");

    let add = ["add", "agent", "--verb", "reveal", "--verb", "store", "--require-acting-user"];
    let acting = server.service_with(&service_token(&add).await?);
    assert_eq!(refusal(&post(&acting, "reveal", &reveal).await?), (400, "X-Acting-User required"));
    let request = acting
        .request(Method::POST, &format!("{API}/store"))
        .json(&store)
        .header("x-acting-user", id_of(user).await?);
    assert_eq!(acting.send(request).await?.status, 200);

    let listed = service_token(&["list"]).await?;
    assert!(listed.contains("downloader") && listed.contains("reveal,store") && !listed.contains(&secret));
    assert!(service_token(&["add", "agent", "--verb", "reveal"]).await.is_err(), "the name is taken");
    assert!(service_token(&["add", "x", "--verb", "create-profile"]).await.is_err(), "no service's verb");
    service_token(&["revoke", "downloader"]).await?;
    assert_eq!(refusal(&post(&named, "reveal", &reveal).await?), (401, "Unauthorized"));
    assert!(service_token(&["revoke", "downloader"]).await.is_err());
    let search = SecretSearch::new(&[secret.as_str().into()])?;
    assert_eq!(search.files_in(installation.directory())?, Vec::<PathBuf>::new(), "the token is in a file");
    Ok(())
}
