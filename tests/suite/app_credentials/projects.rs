//! Projects and their members.

use super::stage::{
    BASE_URL, CREDENTIALS, KEY, PROJECTS, Stage, UNKNOWN, api_key, id, id_of, make, project, put, refusal,
    start, value,
};
use anyhow::Result;
use serde_json::{Value, json};

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
    let assign = json!({"projectIds": [website]});
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
    ] {
        assert_eq!(refusal(&user.post(&members, &body).await?), (400, expected));
    }
    let set = user.post(&members, &json!({"userIds": [other_id]})).await?;
    assert_eq!(set.body["memberIds"], json!([other_id]));
    let seen = other.get(&by_project).await?.body;
    assert_eq!(seen.as_array().map(Vec::len), Some(1));
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

    user.post(&members, &json!({"userIds": []})).await?;
    assert_eq!(refusal(&other.get(&by_project).await?), (403, "Forbidden"));
    // With its project gone, the credential stays with its owner.
    assert_eq!(user.delete(&path).await?.status, 200);
    assert_eq!(user.get(&own).await?.body["projectIds"], json!([]));
    Ok(())
}
