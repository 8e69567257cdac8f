//! Projects and their members.

use super::listing::is_in_order;
use super::stage::{
    API_KEY, BASE_URL, CREDENTIALS, KEY, PROJECTS, UNKNOWN, api_key, id, make, project, put, refusal, value,
};
use crate::{Callers, id_of, start};
use anyhow::Result;
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::sealed::sign_rows;
use stagepass_tests::services::server::Client;
use std::collections::BTreeSet;

#[apply(on_each_database)]
#[tokio::test]
async fn an_owner_creates_renames_and_deletes_a_project(store: Store) -> Result<()> {
    let Callers { user, other, .. } = &start(store).await?;
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
        let expected = format!("{name} can't be changed; only projectName, description can");
        assert_eq!(refusal(&put(user, &path, &body).await?), (400, &*expected));
    }
    assert_eq!(
        refusal(&put(user, &path, &json!({"projectName": null})).await?),
        (400, "projectName required")
    );
    let unknown = (400, "memberIds is unknown; known fields: projectName, description");
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

#[apply(on_each_database)]
#[tokio::test]
async fn a_member_sees_the_projects_credentials_and_changes_nothing(store: Store) -> Result<()> {
    let Callers { user, other, .. } = &start(store).await?;
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
    assert_bad_members_are_refused(user, &members, &other_id).await?;
    assert_eq!(user.get(&path).await?.body["memberIds"], json!([]), "one unknown user refuses all of them");
    let set = user.post(&members, &json!({"userIds": [other_id]})).await?;
    assert_eq!(set.body["memberIds"], json!([other_id]));
    let seen = other.get(&by_project).await?.body;
    assert_eq!(seen.as_array().map(Vec::len), Some(1));
    assert_eq!(seen[0]["projectIds"], json!([website]), "only the owner sees the other projects");
    assert_eq!(user.get(&by_project).await?.body[0]["projectIds"], json!([website, unseen]));
    assert_eq!(value(&seen[0], BASE_URL), "https://api.example.org/v1");
    assert_eq!((value(&seen[0], KEY), &seen[0]["keys"][1]["hasValue"]), (&Value::Null, &json!(true)));
    assert_eq!(other.get(&path).await?.body["id"], website);
    assert_eq!(other.get(PROJECTS).await?.body["total"], 1);
    let own = format!("{CREDENTIALS}/{}", id(&credential)?);
    assert_a_member_changes_nothing(other, &path, &own).await?;

    assert_eq!(user.post(&members, &json!({"userIds": [UNKNOWN]})).await?.status, 400);
    assert_eq!(other.get(&by_project).await?.status, 200, "a member stays a member");
    user.post(&members, &json!({"userIds": []})).await?;
    assert_eq!(refusal(&other.get(&by_project).await?), (403, "Forbidden"));
    // When its project is deleted, the credential stays with its owner.
    assert_eq!(user.delete(&path).await?.status, 200);
    assert_eq!(user.get(&own).await?.body["projectIds"], json!([unseen]));
    Ok(())
}

async fn assert_bad_members_are_refused(user: &Client, members: &str, other_id: &str) -> Result<()> {
    for (body, expected) in [
        (json!({}), "userIds array required"),
        (json!({"userIds": [], "x": 1}), "x is unknown; known fields: userIds"),
        (json!({"userIds": "x"}), "userIds must be an array of strings"),
        (json!({"userIds": ["x"]}), "userIds must be a UUID"),
        (json!({"userIds": [other_id, other_id]}), "userIds has a duplicate id"),
        (json!({"userIds": [UNKNOWN]}), "userIds has an id that is not a user's"),
        (json!({"userIds": [other_id, UNKNOWN]}), "userIds has an id that is not a user's"),
    ] {
        assert_eq!(refusal(&user.post(members, &body).await?), (400, expected));
    }
    Ok(())
}

/// A member can change neither the project nor its credentials, which they only see there.
async fn assert_a_member_changes_nothing(other: &Client, path: &str, own: &str) -> Result<()> {
    for answer in [
        put(other, path, &json!({"projectName": "x"})).await?,
        other.delete(path).await?,
        other.post(&format!("{path}/members"), &json!({"userIds": []})).await?,
    ] {
        assert_eq!(refusal(&answer), (403, "Forbidden"));
    }
    for answer in [
        other.get(own).await?,
        other.delete(own).await?,
        put(other, own, &json!({})).await?,
        other.post(&format!("{own}/reveal"), &Value::Null).await?,
        other.post(&format!("{own}/assign-projects"), &json!({"projectIds": []})).await?,
    ] {
        assert_eq!(refusal(&answer), (404, "Not found"), "a member only sees it in the project");
    }
    Ok(())
}

/// Assigns `count` credentials to a project, written behind the server's back.
async fn fill(stage: &Callers, project_id: &str, count: usize) -> Result<()> {
    let owner_id = id_of(&stage.user).await?;
    let row = |number| {
        let id = format!("00000000-0000-7000-8000-{number:012}");
        // Several have the same time.
        let at = number / 3;
        format!("('{id}', '{owner_id}', 'n {number}', 'n {number}', '{API_KEY}', NULL, 1, {at}, {at})")
    };
    let rows: Vec<_> = (0..count).map(row).collect();
    stage.installation.change(&format!("INSERT INTO app_credentials VALUES {}", rows.join(", "))).await?;
    let (column, value) =
        if stage.installation.store() == Store::Postgres { (", user_id", ", owner_id") } else { ("", "") };
    let assign = format!(
        "INSERT INTO app_credential_projects (credential_id, project_id, assigned_at{column})
         SELECT id, '{project_id}', 0{value} FROM app_credentials"
    );
    assert_eq!(stage.installation.change(&assign).await?, count as u64);
    sign_rows(&stage.installation).await
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_project_takes_1000_credentials_and_lists_them_all(store: Store) -> Result<()> {
    let stage = &start(store).await?;
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
    let full = (409, "a project already has the most credentials allowed: 1000");
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
    assert_eq!(assign(&taken.body, json!([website])).await?.status, 200, "the project has it already");
    assert_eq!(assign(&taken.body, json!([])).await?.status, 200);
    assert_eq!(assign(&spare, json!([website])).await?.status, 200, "there is room again");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_list_is_cut_off_when_a_later_part_fails(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let user = &stage.user;
    let website = project(user, "Website").await?;
    let by_project = format!("{CREDENTIALS}/by-project/{website}");
    fill(stage, &website, 200).await?;
    let owner_id = id_of(user).await?;
    let spoil = async |number: usize| {
        let [key, credential] =
            ["1000", "0000"].map(|kind| format!("00000000-{kind}-7000-8000-{number:012}"));
        let row = format!("'{key}', '{owner_id}', '{credential}', '{BASE_URL}', 'no blob', 'v2'");
        stage.installation.change(&format!("INSERT INTO app_credential_keys VALUES ({row})")).await
    };
    assert_eq!(user.get(&by_project).await?.body.as_array().map(Vec::len), Some(200));
    // The oldest comes last, after the answer has begun.
    spoil(0).await?;
    assert!(user.get(&by_project).await.is_err(), "it must not look complete");
    spoil(199).await?;
    let undecryptable = (500, "Stored credentials cannot be decrypted");
    assert_eq!(refusal(&user.get(&by_project).await?), undecryptable);
    Ok(())
}
