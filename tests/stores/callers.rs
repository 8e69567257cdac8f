//! Which caller may do what, and the answers to faulty HTTP.

use super::{API, Callers, id_of, post, refusal, start};
use anyhow::Result;
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::json;
use stagepass_tests::services::installation::Store;
use stagepass_tests::system::secret_search::SecretSearch;
use std::path::PathBuf;

#[apply(on_each_store)]
#[tokio::test]
async fn a_named_token_may_only_do_what_is_listed(store: Store) -> Result<()> {
    let Callers { user, server, installation, .. } = &start(store).await?;
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
