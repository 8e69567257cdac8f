//! Projects and their members.

use super::listing::is_in_order;
use super::stage::{
    API_KEY, BASE_URL, CREDENTIALS, KEY, PROJECTS, Stage, UNKNOWN, api_key, change, id, id_of, make, project,
    put, refusal, start, value,
};
use crate::STORE;
use anyhow::Result;
use serde_json::{Value, json};
use stagepass_tests::installation::Store;
use stagepass_tests::sealed::sign_rows;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_project_is_made_renamed_and_deleted_by_its_owner() -> Result<()> {
    let Stage { user, other, .. } = &start().await?;
    let made = make(user, PROJECTS, &json!({"projectName": " Website ", "description": "Public"})).await?;
    assert_eq!((&made["projectName"], &made["memberIds"]), (&json!("Website"), &json!([])));
    assert_eq!(made["ownerId"], id_of(user).await?);
    let path = format!("{PROJECTS}/{}", id(&made)?);
    assert_eq!(user.get(&path).await?.body, made);
    let taken = (409, "projectName is taken by another project of yours");
    assert_eq!(refusal(&user.post(PROJECTS, &json!({"projectName": "Website"})).await?), taken);
    project(user, "Shop").await?;
    assert_eq!(refusal(&put(user, &path, &json!({"projectName": "Shop"})).await?), taken);
    let renamed = put(user, &path, &json!({"projectName": "Blog"})).await?.body;
    assert_eq!((&renamed["projectName"], &renamed["description"]), (&json!("Blog"), &json!("Public")));
    let described = put(user, &path, &json!({"description": "Private"})).await?.body;
    assert_eq!((&described["projectName"], &described["description"]), (&json!("Blog"), &json!("Private")));
    assert_eq!(put(user, &path, &json!({"description": null})).await?.body["description"], Value::Null);
    let untouched = put(user, &path, &json!({})).await?.body;
    assert_eq!((&untouched["projectName"], &untouched["description"]), (&json!("Blog"), &Value::Null));
    for (body, name) in [
        (json!({"projectName": "x", "ownerId": UNKNOWN}), "ownerId"),
        (json!({"memberIds": []}), "memberIds"),
        (made.clone(), "createdAt"),
    ] {
        let expected = format!("{name} can't be changed: only projectName, description can");
        assert_eq!(refusal(&put(user, &path, &body).await?), (400, &*expected));
    }
    assert_eq!(
        refusal(&put(user, &path, &json!({"projectName": null})).await?),
        (400, "projectName required")
    );
    let unknown = (400, "memberIds is not known: known are projectName, description");
    assert_eq!(refusal(&user.post(PROJECTS, &json!({"projectName": "x", "memberIds": []})).await?), unknown);
    for body in [json!({}), json!({"projectName": ""}), json!({"projectName": null})] {
        assert_eq!(refusal(&user.post(PROJECTS, &body).await?), (400, "projectName required"));
    }
    for answer in [
        other.get(&path).await?,
        put(other, &path, &json!({"projectName": "x"})).await?,
        other.delete(&path).await?,
        other.post(&format!("{path}/members"), &json!({"userIds": []})).await?,
    ] {
        assert_eq!(refusal(&answer), (404, "Not found"));
    }
    assert_eq!(user.delete(&path).await?.body, json!({"success": true}));
    assert_eq!(refusal(&user.get(&path).await?), (404, "Not found"));
    assert_eq!(user.get(PROJECTS).await?.body["total"], 1);
    Ok(())
}

#[tokio::test]
async fn a_member_sees_what_the_project_was_handed_and_changes_nothing() -> Result<()> {
    let Stage { user, other, .. } = &start().await?;
    let website = project(user, "Website").await?;
    let path = format!("{PROJECTS}/{website}");
    let by_project = format!("{CREDENTIALS}/by-project/{website}");
    let credential = make(user, CREDENTIALS, &api_key("payments", "planted-key")).await?;
    let unseen = project(user, "Unseen").await?;
    let assign = json!({"projectIds": [website, unseen]});
    user.post(&format!("{CREDENTIALS}/{}/assign-projects", id(&credential)?), &assign).await?;
    for nobodys in [&by_project, &format!("{CREDENTIALS}/by-project/{UNKNOWN}")] {
        assert_eq!(refusal(&other.get(nobodys).await?), (403, "Forbidden"));
    }

    let members = format!("{path}/members");
    let other_id = id_of(other).await?;
    for (body, expected) in [
        (json!({}), "userIds array required"),
        (json!({"userIds": [], "x": 1}), "x is not known: known are userIds"),
        (json!({"userIds": "x"}), "userIds must be an array of strings"),
        (json!({"userIds": ["x"]}), "userIds must be a UUID"),
        (json!({"userIds": [other_id, other_id]}), "userIds names an id twice"),
        (json!({"userIds": [UNKNOWN]}), "userIds names somebody who is no user"),
        (json!({"userIds": [other_id, UNKNOWN]}), "userIds names somebody who is no user"),
    ] {
        assert_eq!(refusal(&user.post(&members, &body).await?), (400, expected));
    }
    assert_eq!(user.get(&path).await?.body["memberIds"], json!([]), "none of them, where one is unknown");
    let set = user.post(&members, &json!({"userIds": [other_id]})).await?;
    assert_eq!(set.body["memberIds"], json!([other_id]));
    let seen = other.get(&by_project).await?.body;
    assert_eq!(seen.as_array().map(Vec::len), Some(1));
    assert_eq!(seen[0]["projectIds"], json!([website]), "whom else it was handed to is the owner's affair");
    assert_eq!(user.get(&by_project).await?.body[0]["projectIds"], json!([website, unseen]));
    assert_eq!(value(&seen[0], BASE_URL), "https://api.example.org/v1");
    assert_eq!((value(&seen[0], KEY), &seen[0]["keys"][1]["hasValue"]), (&Value::Null, &json!(true)));
    assert_eq!(other.get(&path).await?.body["id"], website);
    assert_eq!(other.get(PROJECTS).await?.body["total"], 1);
    for answer in [
        put(other, &path, &json!({"projectName": "x"})).await?,
        other.delete(&path).await?,
        other.post(&members, &json!({"userIds": []})).await?,
    ] {
        assert_eq!(refusal(&answer), (403, "Forbidden"));
    }
    let own = format!("{CREDENTIALS}/{}", id(&credential)?);
    for answer in [
        other.get(&own).await?,
        other.delete(&own).await?,
        put(other, &own, &json!({})).await?,
        other.post(&format!("{own}/reveal"), &Value::Null).await?,
        other.post(&format!("{own}/assign-projects"), &json!({"projectIds": []})).await?,
    ] {
        assert_eq!(refusal(&answer), (404, "Not found"), "a member sees it there alone");
    }

    assert_eq!(user.post(&members, &json!({"userIds": [UNKNOWN]})).await?.status, 400);
    assert_eq!(other.get(&by_project).await?.status, 200, "who is one stays one");
    user.post(&members, &json!({"userIds": []})).await?;
    assert_eq!(refusal(&other.get(&by_project).await?), (403, "Forbidden"));
    // With its project gone, the credential stays with its owner.
    assert_eq!(user.delete(&path).await?.status, 200);
    assert_eq!(user.get(&own).await?.body["projectIds"], json!([unseen]));
    Ok(())
}

/// Hands a project so many credentials, which are put there past the server.
async fn fill(stage: &Stage, project_id: &str, count: usize) -> Result<()> {
    let owner_id = id_of(&stage.user).await?;
    let row = |number| {
        let id = format!("00000000-0000-7000-8000-{number:012}");
        // Several are of one moment.
        let at = number / 3;
        format!("('{id}', '{owner_id}', 'n {number}', 'n {number}', '{API_KEY}', NULL, 1, {at}, {at})")
    };
    let rows: Vec<_> = (0..count).map(row).collect();
    change(&stage.installation, &format!("INSERT INTO app_credentials VALUES {}", rows.join(", "))).await?;
    let (column, value) = if STORE == Store::Postgres { (", user_id", ", owner_id") } else { ("", "") };
    let assign = format!(
        "INSERT INTO app_credential_projects (credential_id, project_id, assigned_at{column})
         SELECT id, '{project_id}', 0{value} FROM app_credentials"
    );
    assert_eq!(change(&stage.installation, &assign).await?, count as u64);
    sign_rows(&stage.installation).await
}

#[tokio::test]
async fn a_project_takes_1000_credentials_and_lists_them_all() -> Result<()> {
    let stage = &start().await?;
    let user = &stage.user;
    let website = project(user, "Website").await?;
    let by_project = format!("{CREDENTIALS}/by-project/{website}");
    assert_eq!(user.get(&by_project).await?.body, json!([]));
    fill(stage, &website, 999).await?;
    let new = |name: &str| {
        let mut body = api_key(name, "k");
        body["projectIds"] = json!([website]);
        body
    };
    let (one, two) = (new("one"), new("two"));
    let at_once =
        futures_util::future::join(user.post(CREDENTIALS, &one), user.post(CREDENTIALS, &two)).await;
    let (one, two) = (at_once.0?, at_once.1?);
    let (taken, refused) = if one.status == 201 { (one, two) } else { (two, one) };
    let full = (409, "a project has as many credentials as it can have: 1000");
    assert_eq!((taken.status.as_u16(), refusal(&refused)), (201, full));

    let listed = user.get(&by_project).await?.body;
    let ids: BTreeSet<_> = listed.as_array().into_iter().flatten().map(|one| one["id"].as_str()).collect();
    assert_eq!((ids.len(), listed.as_array().map(Vec::len)), (1000, Some(1000)));
    assert_eq!(listed[0]["id"], taken.body["id"]);
    assert!(is_in_order(&json!({"data": listed})));

    let spare = make(user, CREDENTIALS, &api_key("spare", "k")).await?;
    let assign = async |credential: &Value, projects: Value| {
        let path = format!("{CREDENTIALS}/{}/assign-projects", id(credential)?);
        user.post(&path, &json!({"projectIds": projects})).await
    };
    assert_eq!(refusal(&assign(&spare, json!([website])).await?), full);
    assert_eq!(assign(&taken.body, json!([website])).await?.status, 200, "it has it already");
    assert_eq!(assign(&taken.body, json!([])).await?.status, 200);
    assert_eq!(assign(&spare, json!([website])).await?.status, 200, "there is room again");
    Ok(())
}

#[tokio::test]
async fn a_list_is_cut_off_where_a_later_part_of_it_fails() -> Result<()> {
    let stage = &start().await?;
    let user = &stage.user;
    let website = project(user, "Website").await?;
    let by_project = format!("{CREDENTIALS}/by-project/{website}");
    fill(stage, &website, 200).await?;
    let owner_id = id_of(user).await?;
    let spoil = async |number: usize| {
        let [key, credential] =
            ["1000", "0000"].map(|kind| format!("00000000-{kind}-7000-8000-{number:012}"));
        let row = format!("'{key}', '{owner_id}', '{credential}', '{BASE_URL}', 'no blob', 'v2'");
        change(&stage.installation, &format!("INSERT INTO app_credential_keys VALUES ({row})")).await
    };
    assert_eq!(user.get(&by_project).await?.body.as_array().map(Vec::len), Some(200));
    // The oldest comes last, when the answer has begun.
    spoil(0).await?;
    assert!(user.get(&by_project).await.is_err(), "it must not look whole");
    spoil(199).await?;
    let undecryptable = (500, "Stored credentials cannot be decrypted");
    assert_eq!(refusal(&user.get(&by_project).await?), undecryptable);
    Ok(())
}
