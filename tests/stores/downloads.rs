//! Download credentials, and what each field must be.

use super::{API, Callers, id_of, post, refusal, start};
use anyhow::{Context as _, Result};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::json;
use stagepass_tests::services::installation::Store;

#[apply(on_each_store)]
#[tokio::test]
async fn only_the_owner_changes_lists_or_deletes(store: Store) -> Result<()> {
    let Callers { user, other, service, .. } = &start(store).await?;
    let id = &user.create_profile("instagram", "fitcreator99").await?;
    let create = json!({"platform": "youtube", "creator_profile_id": id, "auth_type": "password", "username": "u",
        "credentials": {"password": "planted-password"}});
    let download = post(user, "create-download-cred", &create).await?.body["id"].clone();
    let path = format!("/api/download-credentials/{}", download.as_str().context("no id")?);
    for answer in [
        post(other, "create-download-cred", &create).await?,
        post(other, "update-profile-creds", &json!({"creator_profile_id": id, "credentials": {}})).await?,
        other.delete(&path).await?,
    ] {
        assert_eq!(refusal(&answer), (403, "Forbidden"));
    }
    let listed = user.get("/api/download-credentials").await?.body;
    assert_eq!((&listed["total"], &listed["data"][0]["id"]), (&json!(1), &download));
    assert!(!listed.to_string().contains("planted"));
    assert_eq!(other.get("/api/download-credentials").await?.body["total"], 0);

    let me = id_of(other).await?;
    for (verb, body) in
        [("reveal", json!({"creatorProfileId": id})), ("reveal-download-cred", json!({"id": download}))]
    {
        let request = service.request(Method::POST, &format!("{API}/{verb}")).json(&body);
        let answer = service.send(request.header("x-acting-user", &me)).await?;
        assert_eq!(refusal(&answer), (403, "Forbidden"), "{verb}");
        assert_eq!(refusal(&post(user, verb, &body).await?), (401, "Unauthorized"), "{verb}");
    }
    assert_eq!(user.delete(&path).await?.body, json!({"success": true, "id": download}));
    assert_eq!(user.get("/api/download-credentials").await?.body["total"], 0);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_download_credential_may_have_another_platform_than_its_connection(store: Store) -> Result<()> {
    let Callers { user, server, service, installation, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "fitcreator99").await?;
    let create = json!({"platform": "youtube", "creator_profile_id": connection, "auth_type": "password",
        "username": "u", "credentials": {"password": "p"}});
    let created = post(user, "create-download-cred", &create).await?;
    let wanted = json!({"id": created.body["id"]});
    assert_eq!(post(service, "reveal-download-cred", &wanted).await?.body["platform"], "youtube");
    // A token's platforms are checked against that one, too.
    for (platform, status) in [("instagram", 403), ("youtube", 200)] {
        let add =
            ["service-token", "add", platform, "--verb", "reveal-download-cred", "--platform", platform];
        let named = server.service_with(installation.succeed(&add).await?.trim());
        assert_eq!(post(&named, "reveal-download-cred", &wanted).await?.status, status, "{platform}");
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_cookie_file_that_yt_dlp_curl_or_python_reads_is_accepted_and_comes_back_exactly(
    store: Store,
) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("youtube", "channel").await?;
    let header = "# Netscape HTTP Cookie File";
    let line = ".youtube.com\tTRUE\t/\tTRUE\t1900000000\tSID\tv";
    for file in [
        format!("{header}\n{}\n", line.replace("1900000000", "1900000000.25")),
        format!("\u{feff}{header}\n{line}\n"),
        format!("{header}, as a program calls it\n{line}\n"),
        format!("{header}\n{}\n", line.replace("1900000000", "253402300799")),
        format!("{header}\n.youtube.com\tTRUE\t/\tTRUE\t0\t\tbare\n{line}\n"),
        format!("{header}\n{line}\none odd line\n"),
        line.to_owned(),
    ] {
        let create = json!({"platform": "youtube", "creator_profile_id": connection, "auth_type": "cookies",
            "credentials": {"cookies_netscape": file}});
        let created = post(user, "create-download-cred", &create).await?;
        assert_eq!(created.status, 200, "{file}: {}", created.body);
        let revealed = post(service, "reveal-download-cred", &json!({"id": created.body["id"]})).await?;
        assert_eq!(revealed.body["credentials"], create["credentials"]);
    }
    Ok(())
}
