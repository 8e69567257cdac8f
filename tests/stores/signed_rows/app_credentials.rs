//! Projects, their members, their credentials, and which fields are sensitive.

use super::stage::{
    API_KEY, APP_CREDENTIALS, AppCredential, KEY, SECRET, Stage, app_credential, app_post, boolean, id,
};
use crate::{API, id_of};
use anyhow::{Result, ensure};
use macro_rules_attribute::apply;
use serde_json::json;
use stagepass_tests::services::installation::Store;

#[apply(on_each_database)]
#[tokio::test]
async fn an_inserted_row_makes_nobody_a_member_or_owner_of_a_project(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let AppCredential { owner, project, .. } = app_credential(&stage).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let attacker_id = id_of(&attacker).await?;
    let path = format!("{APP_CREDENTIALS}/by-project/{project}");
    let (column, value) = match store {
        Store::Postgres => (", owner_id", format!(", '{}'", id_of(&owner).await?)),
        _ => ("", String::new()),
    };
    stage
        .change(&format!(
            "INSERT INTO project_members (project_id, user_id, added_at{column})
             VALUES ('{project}', '{attacker_id}', 0{value})"
        ))
        .await?;
    assert_eq!(attacker.get(&path).await?.status, 403);
    assert_eq!(attacker.get("/api/v1/projects").await?.body["data"], json!([]));
    stage.assert_reported(&format!("project_members/{project}/{attacker_id}")).await?;
    assert_eq!(owner.get(&path).await?.body.as_array().map(Vec::len), Some(1));
    // If the owner adds somebody, they are a member, whatever was there before.
    let members = format!("/api/v1/projects/{project}/members");
    app_post(&owner, &members, &json!({"userIds": [attacker_id]})).await?;
    assert_eq!(attacker.get(&path).await?.status, 200);
    app_post(&owner, &members, &json!({"userIds": []})).await?;

    if store == Store::Postgres {
        // Rows that refer to it go first.
        for table in ["app_credential_projects", "project_members"] {
            stage.installation.change(&format!("DELETE FROM {table}")).await?;
        }
    }
    stage.change(&format!("UPDATE projects SET owner_id = '{attacker_id}' WHERE id = '{project}'")).await?;
    assert_eq!(attacker.get(&path).await?.status, 403);
    assert_eq!(attacker.post(&members, &json!({"userIds": []})).await?.status, 404);
    stage.assert_reported(&format!("projects/{project}")).await?;
    stage.restart().await?;
    assert_eq!(attacker.at(&stage.server).get(&path).await?.status, 403);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_credential_is_only_in_projects_that_its_owner_assigned(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let AppCredential { owner, credential, .. } = app_credential(&stage).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let project = id(&app_post(&attacker, "/api/v1/projects", &json!({"projectName": "Mine"})).await?)?;
    let path = format!("{APP_CREDENTIALS}/by-project/{project}");
    let (column, value) = match store {
        Store::Postgres => {
            for constraint in ["credential_id_user_id_fkey", "project_id_user_id_fkey"] {
                let drop = format!(
                    "ALTER TABLE app_credential_projects DROP CONSTRAINT app_credential_projects_{constraint}"
                );
                stage.installation.change(&drop).await?;
            }
            (", user_id", format!(", '{}'", id_of(&attacker).await?))
        }
        _ => ("", String::new()),
    };
    stage
        .change(&format!(
            "INSERT INTO app_credential_projects (credential_id, project_id, assigned_at{column})
             VALUES ('{credential}', '{project}', 0{value})"
        ))
        .await?;
    for _ in 0..2 {
        let listed = attacker.at(&stage.server).get(&path).await?;
        assert_eq!((listed.status.as_u16(), listed.body), (200, json!([])));
        stage.restart().await?;
    }
    // The owner sees only projects that exist.
    let shown = owner.at(&stage.server).get(&format!("{APP_CREDENTIALS}/{credential}")).await?.body;
    assert_eq!(shown["projectIds"].as_array().map(Vec::len), Some(1), "{shown}");
    let reveal = json!({"id": credential});
    let revealed = stage.server.service()?.post(&format!("{API}/reveal-app-cred"), &reveal).await?;
    assert_eq!(revealed.body["projectIds"].as_array().map(Vec::len), Some(1), "{}", revealed.body);
    stage.assert_reported_after_restart(&format!("app_credential_projects/{credential}/{project}")).await
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_project_whose_owner_is_changed_twice_shows_nothing_of_the_other_owner(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let AppCredential { owner, credential, .. } = app_credential(&stage).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let (owner_id, attacker_id) = (id_of(&owner).await?, id_of(&attacker).await?);
    let project = id(&app_post(&attacker, "/api/v1/projects", &json!({"projectName": "Mine"})).await?)?;
    let give = async |to: &str| {
        stage.change(&format!("UPDATE projects SET owner_id = '{to}' WHERE id = '{project}'")).await
    };
    // For a while the project seems to be the attacker's, who assigns something; then it comes
    // back with its MAC.
    give(&owner_id).await?;
    let assign = format!("{APP_CREDENTIALS}/{credential}/assign-projects");
    app_post(&owner, &assign, &json!({"projectIds": [project]})).await?;
    if store == Store::Postgres {
        let drop = "ALTER TABLE app_credential_projects DROP CONSTRAINT app_credential_projects_project_id_user_id_fkey";
        stage.installation.change(drop).await?;
    }
    give(&attacker_id).await?;
    let listed = attacker.get(&format!("{APP_CREDENTIALS}/by-project/{project}")).await?;
    assert_eq!((listed.status.as_u16(), listed.body), (200, json!([])));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_assignment_made_under_a_forged_owner_does_not_count(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let owner = stage.victim.sign_in(&stage.server).await?;
    let keys = json!([{"fieldId": KEY, "keyValue": SECRET}]);
    let body = json!({"credentialName": "a", "credentialTypeId": API_KEY, "keys": keys});
    let credential = id(&app_post(&owner, APP_CREDENTIALS, &body).await?)?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let (owner_id, attacker_id) = (id_of(&owner).await?, id_of(&attacker).await?);
    // A project of the victim, of which the attacker is a member.
    let shared = id(&app_post(&owner, "/api/v1/projects", &json!({"projectName": "Shared"})).await?)?;
    let members = json!({"userIds": [attacker_id]});
    app_post(&owner, &format!("/api/v1/projects/{shared}/members"), &members).await?;
    let path = format!("{APP_CREDENTIALS}/by-project/{shared}");
    assert_eq!(attacker.get(&path).await?.body, json!([]));
    if store == Store::Postgres {
        // A superuser can do this: rows that refer to these change as well or are left behind.
        for (table, constraint) in [
            ("project_members", "project_id_owner_id_fkey"),
            ("app_credential_projects", "credential_id_user_id_fkey"),
            ("app_credential_projects", "project_id_user_id_fkey"),
            ("app_credential_keys", "credential_id_user_id_fkey"),
        ] {
            let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {table}_{constraint}");
            stage.installation.change(&drop).await?;
        }
    }
    let give = async |to: &str| -> Result<()> {
        stage.change(&format!("UPDATE projects SET owner_id = '{to}' WHERE id = '{shared}'")).await?;
        stage.change(&format!("UPDATE app_credentials SET owner_id = '{to}' WHERE id = '{credential}'")).await
    };
    give(&attacker_id).await?;
    let assign = format!("{APP_CREDENTIALS}/{credential}/assign-projects");
    let answer = attacker.post(&assign, &json!({"projectIds": [shared]})).await?;
    ensure!(answer.status == 200, "it was refused before the edit mattered: {}", answer.body);
    give(&owner_id).await?;
    let listed = attacker.get(&path).await?;
    assert_eq!((listed.status.as_u16(), listed.body), (200, json!([])));
    let (_, said) = stage.verify().await?;
    ensure!(said.contains(&format!("app_credential_projects/{credential}/{shared}")), "{said}");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_edited_row_does_not_make_a_sensitive_field_visible(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let AppCredential { owner, type_id, credential, .. } = app_credential(&stage).await?;
    let keys = json!([{"fieldId": KEY, "keyValue": SECRET}]);
    let body = json!({"credentialName": "built in", "credentialTypeId": API_KEY, "keys": keys});
    let of_built_in = id(&app_post(&owner, APP_CREDENTIALS, &body).await?)?;
    if store == Store::Postgres {
        stage.installation.change("ALTER TABLE credential_type_fields DISABLE TRIGGER owner").await?;
    }
    stage.change(&format!("UPDATE credential_type_fields SET sensitive = {}", boolean(store, false))).await?;
    for (of, credential) in [(type_id.as_str(), &credential), (API_KEY, &of_built_in)] {
        let shown = owner.get(&format!("{APP_CREDENTIALS}/{credential}")).await?;
        assert_eq!(shown.status, 404, "{}", shown.body);
        stage.assert_reported(&format!("credential_types/{of}")).await?;
    }
    let listed = owner.get(APP_CREDENTIALS).await?.body;
    ensure!(!listed.to_string().contains(SECRET), "the list shows the secret");
    stage.restart().await?;
    let (owner, shared) = (owner.at(&stage.server), stage.server.service()?);
    assert_eq!(owner.get(&format!("{APP_CREDENTIALS}/{credential}")).await?.status, 404);
    let revealed = shared.post(&format!("{API}/reveal-app-cred"), &json!({"id": credential})).await?;
    assert_eq!(revealed.status, 404);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_credential_cannot_get_somebody_elses_type(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let AppCredential { owner, type_id, credential, project } = app_credential(&stage).await?;
    let attacker = stage.attacker.sign_in(&stage.server).await?;
    let members = json!({"userIds": [id_of(&attacker).await?]});
    app_post(&owner, &format!("/api/v1/projects/{project}/members"), &members).await?;
    let listed = format!("{APP_CREDENTIALS}/by-project/{project}");
    assert_eq!(attacker.get(&listed).await?.body.as_array().map(Vec::len), Some(1));
    // A type of the attacker, correctly signed, in which nothing is sensitive.
    let fields = json!([{"fieldName": "k", "fieldLabel": "K", "fieldType": "string", "sensitive": false}]);
    let of = app_post(&attacker, "/api/v1/credential-types", &json!({"typeName": "open", "fields": fields}))
        .await?;
    let open = id(&of)?;
    // Constraints and triggers don't stop a superuser.
    let mut swap =
        format!("UPDATE app_credentials SET credential_type_id = '{open}' WHERE id = '{credential}'");
    if store == Store::Postgres {
        swap = format!("DO $$ BEGIN SET LOCAL session_replication_role = replica; {swap}; END $$");
    }
    stage.installation.change(&swap).await?;
    for _ in 0..2 {
        let (owner, attacker) = (owner.at(&stage.server), attacker.at(&stage.server));
        let shown = attacker.get(&listed).await?;
        assert_eq!((shown.status.as_u16(), shown.body), (200, json!([])));
        assert_eq!(owner.get(&format!("{APP_CREDENTIALS}/{credential}")).await?.status, 404);
        assert_eq!(owner.get(APP_CREDENTIALS).await?.body["data"], json!([]));
        let reveal = json!({"id": credential});
        let revealed = stage.server.service()?.post(&format!("{API}/reveal-app-cred"), &reveal).await?;
        assert_eq!(revealed.status, 404, "{}", revealed.body);
        stage.restart().await?;
    }
    stage.assert_reported_after_restart(&format!("app_credential_projects/{credential}/{project}")).await?;

    // Members can't see more with another type of the owner's or a built-in one either.
    let swap = swap.replace(&open, API_KEY);
    stage.installation.change(&swap).await?;
    assert_eq!(attacker.at(&stage.server).get(&listed).await?.body, json!([]));
    // They can with the type that it was assigned with.
    stage.installation.change(&swap.replace(API_KEY, &type_id)).await?;
    assert_eq!(attacker.at(&stage.server).get(&listed).await?.body.as_array().map(Vec::len), Some(1));
    Ok(())
}
