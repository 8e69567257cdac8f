//! One record of each kind that the server keeps, and what it reveals of each.

use crate::services::installation::Installation;
use crate::services::server::{Client, PASSWORD, Server};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const VERBS: &str = "/api/credentials";
const CONNECTIONS: &str = "/api/platform-connections";
const DOWNLOADS: &str = "/api/download-credentials";
const APP_CREDENTIALS: &str = "/api/v1/app-credentials";
const PROJECTS: &str = "/api/v1/projects";
const TYPES: &str = "/api/v1/credential-types";
const MASTER_PASSWORD: &str = "made-up-master-password-Yb2";
/// The built-in type of API keys, and its fields.
const API_KEY: &str = "00000000-0000-4000-8000-000000000400";
const API_KEY_FIELDS: [&str; 2] =
    ["00000000-0000-4000-8000-000000000401", "00000000-0000-4000-8000-000000000402"];

/// Tables that must all have rows; the audit log's end is compared by its head.
const TABLES: [&str; 16] = [
    "users",
    "service_tokens",
    "platform_connections",
    "platform_sessions",
    "download_credentials",
    "capture_requests",
    "credential_types",
    "credential_type_fields",
    "projects",
    "project_members",
    "app_credentials",
    "app_credential_keys",
    "app_credential_projects",
    "audit_anchors",
    "vault",
    "vault_credentials",
];

/// Stores a record of each kind; returns what [`reveal`] should find.
pub(super) async fn make(installation: &Installation) -> Result<Value> {
    let (owner, member) = (installation.add_person().await?, installation.add_person().await?);
    let server = installation.serve().await?;
    let user = owner.sign_in(&server).await?;
    let member = member.sign_in(&server).await?.get("/users/me").await?.body["data"]["id"].take();
    of_platforms(&user, &server.service()?).await?;
    // The remaining audit log starts at an anchor.
    installation.succeed(&["audit", "prune", "--before", "0s"]).await?;
    of_apps(&user, &member).await?;
    of_vault(&server).await?;
    let token = installation.succeed(&["service-token", "add", "worker", "--verb", "reveal"]).await?;
    server.stop().await?;
    let said = installation.succeed(&["audit", "verify"]).await?;
    let head = said.lines().find_map(|line| line.strip_prefix("head: ")).with_context(|| said.clone())?;
    let known = json!({"email": owner.email(), "service_token": token.trim(), "audit_head": head});
    reveal(installation, &known).await
}

/// How many rows each table has.
async fn count_rows(installation: &Installation) -> Result<Value> {
    let mut rows = Map::new();
    for table in TABLES {
        let count = installation.query(&format!("SELECT CAST(count(*) AS text) FROM {table}")).await?;
        ensure!(count != ["0"], "{table} is empty");
        rows.insert(table.to_owned(), json!(count[0]));
    }
    Ok(Value::Object(rows))
}

/// Connections, active and ended sessions, download credentials, and a capture request.
async fn of_platforms(user: &Client, service: &Client) -> Result<()> {
    for (platform, login) in [("instagram", "sessionid"), ("youtube", "SID"), ("x", "auth_token")] {
        let profile = json!({"platform": platform, "platform_username": "made.up",
            "credentials": {"password": "made-up-password", "two_factor": [1, true, null]}});
        let id = succeed(user.post(&format!("{VERBS}/create-profile"), &profile).await?)?["id"].take();
        let login = |value: &str| {
            json!([
                {"name": login, "value": value, "domain": format!(".{platform}.com"), "path": "/",
                 "expires": 4_102_444_800_u64, "httpOnly": true, "secure": true, "sameSite": "lax"},
                {"name": "theme", "value": "d=\u{fc}", "domain": format!("www.{platform}.com"), "path": "/a"},
            ])
        };
        for value in ["made-up-first", "made-up-second"] {
            let origin = json!({"origin": format!("https://{platform}.com"),
                "localStorage": [{"name": "made-up-token", "value": value}], "sessionStorage": []});
            let session = json!({"creator_profile_id": id, "platform": platform, "cookies": login(value),
                "origins": [origin], "user_agent": "Mozilla/5.0 (X11; Linux x86_64) made up"});
            succeed(user.post(&format!("{VERBS}/store-platform-session"), &session).await?)?;
        }
        let download = json!({"platform": platform, "creator_profile_id": id, "auth_type": "password",
            "username": "made.up", "credentials": {"password": "made-up-download"}});
        succeed(user.post(&format!("{VERBS}/create-download-cred"), &download).await?)?;
    }
    let newest = user.get("/api/platform-sessions").await?.body["data"][0]["id"].take();
    succeed(user.post(&format!("{VERBS}/revoke-platform-session"), &json!({"id": newest})).await?)?;
    let first = user.get(CONNECTIONS).await?.body["data"][0].take();
    let wanted =
        json!({"creator_profile_id": first["id"], "platform": first["platform"], "reason": "made up"});
    succeed(service.post(&format!("{VERBS}/request-capture"), &wanted).await?).map(drop)
}

/// A user's own type, credentials of it and of a built-in one, and a project with a member.
async fn of_apps(user: &Client, member: &Value) -> Result<()> {
    let field = json!({"fieldName": "pin", "fieldLabel": "PIN", "fieldType": "password", "required": true,
        "sensitive": true});
    let own = json!({"typeName": "turnstile", "description": "made up", "fields": [field]});
    let own = succeed(user.post(TYPES, &own).await?)?;
    let project = succeed(user.post(PROJECTS, &json!({"projectName": "Tour"})).await?)?;
    let project = text(&project["id"])?;
    let members = json!({"userIds": [member]});
    succeed(user.post(&format!("{PROJECTS}/{project}/members"), &members).await?)?;
    let [base_url, key] = API_KEY_FIELDS;
    for (name, of_type, values) in [
        (
            "Payments",
            json!(API_KEY),
            json!([{"fieldId": base_url, "keyValue": "https://api.example.org/v1"},
            {"fieldId": key, "keyValue": "made-up-api-key"}]),
        ),
        ("Gate", own["id"].clone(), json!([{"fieldId": own["fields"][0]["id"], "keyValue": "made-up-pin"}])),
    ] {
        let credential = json!({"credentialName": name, "credentialTypeId": of_type, "keys": values,
            "projectIds": [project]});
        succeed(user.post(APP_CREDENTIALS, &credential).await?)?;
    }
    Ok(())
}

async fn of_vault(server: &Server) -> Result<()> {
    let set_up = json!({"password": MASTER_PASSWORD, "confirm": MASTER_PASSWORD});
    succeed(server.anonymous().post("/api/auth/setup", &set_up).await?)?;
    let vault = server.vault(MASTER_PASSWORD).await?;
    for service in ["openai", "custom.mail"] {
        let credential = json!({"service": service, "name": "primary", "key": format!("made-up-{service}")});
        succeed(vault.post(VERBS, &credential).await?)?;
    }
    Ok(())
}

/// Verifies the audit log up to the head in `kept`, counts what is there, signs in as
/// `kept` says, and reveals everything.
pub(super) async fn reveal(installation: &Installation, kept: &Value) -> Result<Value> {
    let email = kept["email"].as_str().context("no email")?;
    let token = kept["service_token"].as_str().context("no service token")?;
    let head = kept["audit_head"].as_str().context("no head of the audit log")?;
    installation.succeed(&["audit", "verify", "--expect", head]).await?;
    let rows = count_rows(installation).await?;
    let server = installation.serve().await?;
    let user = server.user_named(email, PASSWORD).await?;
    let (service, named) = (server.service()?, server.service_with(token));
    let mut revealed = Map::from_iter([
        ("email".to_owned(), json!(email)),
        ("service_token".to_owned(), json!(token)),
        ("audit_head".to_owned(), json!(head)),
        ("rows".to_owned(), rows),
        ("projects".to_owned(), names(&user, PROJECTS, "projectName").await?),
        ("credential_types".to_owned(), names(&user, TYPES, "typeName").await?),
    ]);
    for connection in list(&user, CONNECTIONS).await? {
        let id = &connection["id"];
        let body = json!({"creatorProfileId": id});
        let credentials = succeed(named.post(&format!("{VERBS}/reveal"), &body).await?)?;
        let body = json!({"creator_profile_id": id, "platform": connection["platform"], "format": "json"});
        let session = service.post(&format!("{VERBS}/get-platform-session"), &body).await?.body;
        let mut found = json!({"credentials": credentials["credentials"], "cookies": session["cookies"],
            "user_agent": session["user_agent"]});
        // The first releases had none.
        if !session["origins"].is_null() {
            found["origins"] = session["origins"].clone();
        }
        revealed.insert(format!("platform_connections/{}", text(id)?), found);
    }
    for download in list(&user, DOWNLOADS).await? {
        let body = json!({"id": download["id"]});
        let found = succeed(service.post(&format!("{VERBS}/reveal-download-cred"), &body).await?)?;
        revealed
            .insert(format!("download_credentials/{}", text(&download["id"])?), found["credentials"].clone());
    }
    for credential in list(&user, APP_CREDENTIALS).await? {
        let path = format!("{APP_CREDENTIALS}/{}", text(&credential["id"])?);
        let shown = succeed(user.get(&path).await?)?;
        let found = succeed(user.post(&format!("{path}/reveal"), &Value::Null).await?)?;
        let found = json!({"keys": found["keys"], "projects": shown["projectIds"]});
        revealed.insert(format!("app_credentials/{}", text(&credential["id"])?), found);
    }
    let vault = server.vault(MASTER_PASSWORD).await?;
    for credential in list(&vault, VERBS).await? {
        let id = text(&credential["id"])?;
        let found = succeed(vault.post(&format!("{VERBS}/{id}/reveal"), &Value::Null).await?)?;
        revealed.insert(format!("vault/{id}"), found["key"].clone());
    }
    server.stop().await?;
    Ok(Value::Object(revealed))
}

/// A whole list; ours are shorter than a page.
async fn list(client: &Client, path: &str) -> Result<Vec<Value>> {
    let mut body = succeed(client.get(path).await?)?;
    let listed = if body.is_array() { body } else { body["data"].take() };
    let Value::Array(listed) = listed else { anyhow::bail!("{path} is not a list") };
    ensure!(!listed.is_empty(), "nothing at {path}");
    Ok(listed)
}

/// The names of a list's entries.
async fn names(client: &Client, path: &str, name: &str) -> Result<Value> {
    let listed = list(client, path).await?;
    let names: BTreeSet<_> = listed.iter().map(|item| text(&item[name])).collect::<Result<_>>()?;
    Ok(json!(names))
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("no text")
}

fn succeed(answer: crate::services::server::Answer) -> Result<Value> {
    ensure!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    Ok(answer.body)
}
